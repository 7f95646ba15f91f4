//! `POST /v1/decide`: the way of one message, with every await that it costs.
//!
//! Mail that shows no on-premises Exchange server awaits no storage. Other mail awaits its tenant's policy and, where
//! its build is out of date, its server's phase, unless the isolate's cache has them: one KV read at most, two where a
//! trusted relay of the policy makes another server the connecting one. `"record":"sync"` awaits the ledger too.

use std::rc::Rc;

use tidegate_engine::decision::{self, Decision, accept_undecided, decide_without_server};
use tidegate_engine::event::MailEvent;
use tidegate_engine::policy::{Facts, Mode};
use tidegate_engine::server::{ConnectingServer, Recognition, recognise, shows_exchange};
use tidegate_engine::spell::Rules;
use tidegate_engine::time::Timestamp;
use tidegate_wire::native::{self, Circumstances, Record};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use super::{access, test_clock};
use crate::config::{Config, facts};
use crate::http::{self, Request};
use crate::ledger::LedgerClient;
use crate::observations::{self, Observation};
use crate::platform::{Deadline, real_now};
use crate::store::{PhaseRecord, PolicyRecord, Reader, StoreError};

pub async fn answer(request: &Request, env: &Env, context: &Context) -> Result<Response, JsValue> {
    let config = Config::get(env);
    match decide_posted(&config, request, env, context).await {
        Ok(answer) => http::json(&answer),
        Err(problem) => http::problem(&problem),
    }
}

async fn decide_posted(config: &Config, request: &Request, env: &Env, context: &Context) -> Result<Vec<u8>, Problem> {
    access::admin(config, request)?;
    let clock = test_clock(config, request)?;
    let fresh = config.is_test && request.header("x-tidegate-fresh").is_some();
    let body = request.body().await?;
    let posted = native::Request::parse(&body)?;
    let site = Site { config, env, context, clock, fresh, deadline: Deadline::for_answer() };
    Ok(decide_event(&site, &posted).await)
}

/// Where a decision is made.
struct Site<'a> {
    config: &'a Config,
    env: &'a Env,
    context: &'a Context,
    clock: Option<Timestamp>,
    fresh: bool,
    deadline: Deadline,
}

async fn decide_event(site: &Site<'_>, posted: &native::Request<'_>) -> Vec<u8> {
    let event = &posted.event;
    let now = site.clock.unwrap_or_else(real_now);
    let Some(facts) = facts() else {
        return undecided(event, None, "the catalog is not there");
    };
    let reader = Reader { env: site.env, tenant: &event.tenant, fresh: site.fresh, deadline: site.deadline };
    let known = match look_up(&reader, event, &facts, now).await {
        Ok(known) => known,
        Err((recognition, error)) => return undecided(event, Some(&recognition), error.as_str()),
    };
    let Known { recognition, policy, phase, .. } = &known;
    if known.refresh {
        refresh_later(site, event, recognition);
    }
    let (Some(server), Some(policy)) = (recognition.server(), policy) else {
        return match decide_without_server(event, recognition) {
            Some(decision) => native::answer(&decision, Circumstances::default()),
            None => undecided(event, Some(recognition), "the policy was not read"),
        };
    };
    let Some(rules) = Rules::new(&facts, &policy.policy, &policy.freezes) else {
        return undecided(event, Some(recognition), "the policy's baseline is not there");
    };
    let decide = |phase: Option<&PhaseRecord>| {
        // policy and phases reach KV apart: one from before a change that held its clock back is none
        let phase = phase.filter(|record| record.policy_rev >= policy.softened_rev).map(|record| &record.phase);
        let context = decision::Context { rules, ceiling: site.config.mode_ceiling, phase, now };
        decision::decide(event, server, recognition.behind_relay, &context)
    };
    let decision = decide(phase.as_deref());
    match record(site, posted, server, policy, &decision, now).await {
        Ok(Recording::Later) => native::answer(&decision, Circumstances::default()),
        Ok(Recording::Done(phase)) => {
            // what was written down may say more of the stage, but never other than was counted
            let after = phase.as_ref().map(|phase| decide(Some(phase)));
            let after = after.filter(|after| (after.action, after.would) == (decision.action, decision.would));
            native::answer(
                after.as_ref().unwrap_or(&decision),
                Circumstances { recorded: true, ..Circumstances::default() },
            )
        }
        Err(why) => undecided(event, Some(recognition), why),
    }
}

/// How far an observation got by the time of the answer.
enum Recording {
    /// Not yet, or nothing to write down.
    Later,
    /// With the server's phase, if it changed by that.
    Done(Option<PhaseRecord>),
}

/// Accepts for our own fault, and says so.
fn undecided(event: &MailEvent<'_>, recognition: Option<&Recognition<'_>>, why: &str) -> Vec<u8> {
    worker::console_warn!("degraded: {why}");
    let decision = accept_undecided(event, recognition, &format!("Accepted without a decision: {why}."));
    native::answer(&decision, Circumstances { degraded: true, ..Circumstances::default() })
}

/// What is known for a decision.
struct Known<'a> {
    recognition: Recognition<'a>,
    /// `None` where no Exchange server shows and none was read.
    policy: Option<Rc<PolicyRecord>>,
    phase: Option<Rc<PhaseRecord>>,
    /// The cache asks for a refresh after the answer.
    refresh: bool,
}

async fn look_up<'a>(
    reader: &Reader<'_>,
    event: &'a MailEvent<'_>,
    facts: &Facts,
    now: Timestamp,
) -> Result<Known<'a>, (Recognition<'a>, StoreError)> {
    let (policy, read_with, mut phase, mut refresh) = match reader.cached_policy() {
        Some((policy, refresh)) => (policy, None, None, refresh),
        None => {
            // before the policy says which relays are trusted, the topmost server is the likely one
            let recognition = recognise(event, &[], &facts.catalog);
            if !shows_exchange(&event.header, &facts.catalog) {
                return Ok(Known { recognition, policy: None, phase: None, refresh: false });
            }
            let likely = recognition.server().map(|server| server.id.clone());
            match reader.read(likely.as_ref()).await {
                Ok(read) => (read.policy, likely, read.phase, read.refresh),
                Err(error) => return Err((recognition, error)),
            }
        }
    };
    let policy = policy.unwrap_or_default();
    let recognition = recognise(event, &policy.policy.trusted_relays, &facts.catalog);
    if let Some(server) = recognition.server()
        && read_with.as_ref() != Some(&server.id)
    {
        phase = None;
        let standing = facts.assess(&policy.policy, server.shown, now.date());
        if standing.is_some_and(|standing| standing.is_out_of_date()) {
            match reader.phase(&server.id).await {
                Ok((found, too)) => {
                    phase = found;
                    refresh |= too;
                }
                Err(error) => return Err((recognition, error)),
            }
        }
    }
    Ok(Known { recognition, policy: Some(policy), phase, refresh })
}

/// Reads KV again after the answer, so that the next message finds the cache fresh.
fn refresh_later(site: &Site<'_>, event: &MailEvent<'_>, recognition: &Recognition<'_>) {
    let server = recognition.server().map(|server| server.id.clone());
    let (env, tenant) = (site.env.clone(), event.tenant.clone());
    site.context.wait_until(async move {
        let reader = Reader { env: &env, tenant: &tenant, fresh: false, deadline: Deadline::for_answer() };
        reader.refresh(server.as_ref()).await;
    });
}

/// Writes down what is answered, now or later. An error is ours, and means accept.
async fn record(
    site: &Site<'_>,
    posted: &native::Request<'_>,
    server: &ConnectingServer<'_>,
    policy: &PolicyRecord,
    decision: &Decision<'_>,
    now: Timestamp,
) -> Result<Recording, &'static str> {
    let event = &posted.event;
    let known_tenant = policy.rev > 0 || site.config.auto_tenants;
    let in_scope = policy.policy.scope.contains(&event.connector);
    if !known_tenant || !in_scope || decision.mode == Some(Mode::Off) {
        return Ok(Recording::Later);
    }
    let event_id = posted.event_id.as_deref();
    let observation = Observation::new(server, event.connector, decision, event_id, now);
    let ledger = || LedgerClient::new(site.env, &event.tenant, site.clock);
    match posted.record {
        Record::Async => {
            observations::record_later(site.context, &event.tenant, observation, ledger);
            Ok(Recording::Later)
        }
        Record::Sync => {
            let recorded = observations::record_now(&ledger(), &event.tenant, observation, site.deadline.left()).await;
            recorded.map(Recording::Done).map_err(|error| error.as_str())
        }
    }
}
