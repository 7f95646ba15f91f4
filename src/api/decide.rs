//! `POST /v1/decide`: the way of one message, with every await that it costs.
//!
//! Mail that shows no on-premises Exchange server awaits no storage. Other mail awaits its tenant's policy and, where
//! its build is out of date, its server's phase, unless the isolate's cache has them: one KV read at most, two where a
//! trusted relay of the policy makes another server the connecting one. `"record":"sync"` awaits the ledger too.

use std::collections::BTreeSet;
use std::rc::Rc;

use tidegate_engine::MailEvent;
use tidegate_engine::{Decision, accept_undecided, decide_without_server};
use tidegate_engine::{Facts, Mode};

use tidegate_engine::Action;
use tidegate_engine::Timestamp;
use tidegate_engine::{ConnectingServer, Recognition, recognise, shows_exchange};
use tidegate_wire::native::{self, Circumstances, Defaults, Record};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use super::auth::{self, Unverified};
use super::{access_of, circumstances, facts};
use crate::access::Principal;
use crate::common;
use crate::config::Config;
use crate::durable::client::{self, CallError};
use crate::http::{self, Request};
use crate::ledger::{Unbelieved, What};
use crate::metrics::{self, Counter};
use crate::observations::{self, Observation, Receipt};
use crate::operator;
use crate::platform::real_now;
use crate::store::{Access, ControlKey, ControlRecord, PhaseRecord, PolicyRecord, Reader, StoreError};
use crate::unbelieved::{self, Claims};

pub async fn answer(request: &Request, env: &Env, context: &Context) -> Result<Response, JsValue> {
    let config = Config::get(env);
    match decide_posted(&config, request, env, context).await {
        Ok(answer) => http::json(&answer),
        Err(problem) => http::problem(&problem),
    }
}

async fn decide_posted(config: &Config, request: &Request, env: &Env, context: &Context) -> Result<Vec<u8>, Problem> {
    let mut access = access_of(config, request, env);
    let principal = match auth::verify(config, &access, context, auth::of(request)).await {
        Ok(principal) => principal,
        Err(Unverified::Wrong(problem)) => return Err(problem),
        // who asks cannot be told for our own fault: nothing is read or recorded
        Err(Unverified::Unknown(why)) => {
            return Ok(undecided(None, None, Fault::new(Counter::DegradedKey, why), native::answer));
        }
    };
    principal.decides()?;
    let circumstances = circumstances(config, request)?;
    let body = access.deadline.paused_for(request.body()).await?;
    let defaults = defaults(&principal);
    let posted = native::Request::parse(&body, &defaults)?;
    let (actor, is_bound) = (principal.actor.as_str(), principal.tenant.is_some());
    let site = Site { config, context, actor, is_bound, circumstances, access };
    Ok(decide_event(&site, &posted, native::answer).await)
}

pub fn defaults(principal: &Principal) -> Defaults {
    let Principal { tenant, gateway, .. } = principal;
    Defaults { tenant: tenant.clone(), connector: gateway.connector, own_hops: gateway.own_hops }
}

/// Where a decision is made.
pub struct Site<'a> {
    pub config: &'a Config,
    pub context: &'a Context,
    pub actor: &'a str,
    /// The asking key is bound to the tenant of its events.
    pub is_bound: bool,
    pub circumstances: client::Circumstances,
    pub access: Access<'a>,
}

/// What of ours failed, and how it is counted.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    counter: Counter,
    why: &'static str,
}

impl Fault {
    pub const fn new(counter: Counter, why: &'static str) -> Self {
        Self { counter, why }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::new(Counter::DegradedStore, error.as_str())
    }
}

impl From<CallError> for Fault {
    fn from(error: CallError) -> Self {
        Self::new(Counter::DegradedLedger, error.as_str())
    }
}

/// Reads what decisions on many events rest on into the cache, in few requests of KV. What fails is left to each event.
pub async fn read_ahead<'a>(site: &Site<'_>, posted: impl Iterator<Item = &'a native::Request<'a>>) {
    let Some(built_in) = common::built_in() else { return };
    // one by one: collecting them would sort
    let mut servers = BTreeSet::new();
    for native::Request { event, .. } in posted {
        if let Some(server) = recognise(event, &[], &built_in.catalog).server() {
            servers.insert((event.tenant.clone(), server.id.clone()));
        }
    }
    site.access.read_ahead(&servers).await;
    // a catalog that was replaced is read and parsed once, and not by each event
    if let Some((Some(control), _)) = site.access.cached(&ControlKey) {
        let _ = common::facts(&site.access, &control.versions).await;
    }
}

/// Writes an answer in the dialect of the one who asks.
pub type Render = fn(&Decision<'_>, Circumstances) -> Vec<u8>;

/// Decides on a message, has that written down, and answers.
pub async fn decide_event(site: &Site<'_>, posted: &native::Request<'_>, render: Render) -> Vec<u8> {
    let event = &posted.event;
    let now = site.circumstances.clock.unwrap_or_else(real_now);
    let Some(built_in) = common::built_in() else {
        let fault = Fault::new(Counter::DegradedInternal, "the catalog is not there");
        return undecided(Some(event), None, fault, render);
    };
    let reader = Reader { access: site.access, tenant: &event.tenant };
    let known = match look_up(&reader, event, built_in, now).await {
        Ok(known) => known,
        Err((recognition, error)) => return undecided(Some(event), Some(&recognition), error.into(), render),
    };
    let Known { recognition, facts: known_facts, policy, control, phase, .. } = &known;
    if known.refresh {
        reader.refresh_later(site.context, recognition.server().map(|server| &server.id));
    }
    note_unbelieved(site, event, &known, now);
    let (Some(server), Some(policy)) = (recognition.server(), policy) else {
        return match decide_without_server(event, recognition) {
            Some(decision) => answered(&decision, false, render),
            None => {
                let fault = Fault::new(Counter::DegradedInternal, "the policy was not read");
                undecided(Some(event), Some(recognition), fault, render)
            }
        };
    };
    facts::hand_over_later(control, site.access.env, site.context, site.circumstances);
    let enforcement = &policy.enforcement;
    let frozen = enforcement.frozen(&control.freezes);
    let decide = |phase: Option<&PhaseRecord>| {
        let exempt = phase.map(|record| &record.exemptions).filter(|exemptions| !exemptions.is_empty());
        let frozen = exempt.map_or(std::borrow::Cow::Borrowed(frozen.as_ref()), |exempt| frozen.union(exempt));
        // policy and phases reach KV apart: one from before a change that held its clock back is none
        let told = phase.filter(|record| record.policy_rev >= policy.softened_rev).map(|record| &record.phase);
        let context = tidegate_engine::Context {
            ceiling: control.ceiling(site.config.mode_ceiling),
            phase: told,
            paused_until: enforcement.paused_until(now),
            exempt_until: exempt.and_then(|exempt| exempt.at(now)?.until),
            ..tidegate_engine::Context::new(enforcement.rules(known_facts, &frozen)?, now)
        };
        Some(tidegate_engine::decide(event, server, recognition.behind_relay, &context))
    };
    let Some(decision) = decide(phase.as_deref()) else {
        let fault = Fault::new(Counter::DegradedInternal, "the policy's baseline is not there");
        return undecided(Some(event), Some(recognition), fault, render);
    };
    match record(site, posted, server, (policy, recognition.behind_relay), &decision, now).await {
        Ok(Recording::Later) => answered(&decision, false, render),
        Ok(Recording::Done(phase)) => {
            // what was written down may say more of the stage, but never other than was counted
            let after = phase.as_ref().and_then(|phase| decide(Some(phase)));
            let after = after.filter(|after| (after.action, after.would) == (decision.action, decision.would));
            answered(after.as_ref().unwrap_or(&decision), true, render)
        }
        Err(error) => undecided(Some(event), Some(recognition), error.into(), render),
    }
}

/// How far an observation got by the time of the answer.
enum Recording {
    /// Not yet, or nothing to write down, or no room for it.
    Later,
    /// With the server's phase, if it changed by that.
    Done(Option<PhaseRecord>),
}

fn answered(decision: &Decision<'_>, recorded: bool, render: Render) -> Vec<u8> {
    metrics::count(match decision.action {
        Action::Accept => Counter::Accept,
        Action::Defer => Counter::Defer,
        Action::Reject => Counter::Reject,
    });
    render(decision, Circumstances { degraded: false, recorded })
}

/// Accepts for our own fault, and says so.
pub fn undecided(
    event: Option<&MailEvent<'_>>,
    recognition: Option<&Recognition<'_>>,
    fault: Fault,
    render: Render,
) -> Vec<u8> {
    let Fault { counter, why } = fault;
    worker::console_warn!("degraded: {why}");
    metrics::count(Counter::Accept);
    metrics::count(counter);
    let decision = accept_undecided(event, recognition, &format!("Accepted without a decision: {why}."));
    render(&decision, Circumstances { degraded: true, ..Circumstances::default() })
}

/// What is known for a decision.
struct Known<'a> {
    recognition: Recognition<'a>,
    facts: Rc<Facts>,
    /// `None` where no Exchange server shows and none was read.
    policy: Option<Rc<PolicyRecord>>,
    control: Rc<ControlRecord>,
    phase: Option<Rc<PhaseRecord>>,
    /// The cache asks for a refresh after the answer.
    refresh: bool,
}

async fn look_up<'a>(
    reader: &Reader<'_>,
    event: &'a MailEvent<'_>,
    built_in: Rc<Facts>,
    now: Timestamp,
) -> Result<Known<'a>, (Recognition<'a>, StoreError)> {
    let (grounds, read_with) = match reader.cached(None) {
        Some(grounds) => (grounds, None),
        None => {
            // before the policy says which relays are trusted, the topmost server is the likely one; whether a hop is
            // Exchange's is a matter of its form, whatever catalog is in force
            let recognition = recognise(event, &[], &built_in.catalog);
            let is_exchange = recognition.is_nearly_exchange() || shows_exchange(&event.header, &built_in.catalog);
            if !is_exchange {
                let control = Rc::default();
                let (facts, policy, phase, refresh) = (built_in, None, None, false);
                return Ok(Known { recognition, facts, policy, control, phase, refresh });
            }
            let likely = recognition.server().map(|server| server.id.clone());
            match reader.read(likely.as_ref()).await {
                Ok(grounds) => (grounds, likely),
                Err(error) => return Err((recognition, error)),
            }
        }
    };
    let control = grounds.control.unwrap_or_default();
    let policy = grounds.policy.unwrap_or_default();
    let relays = &policy.enforcement.policy.trusted_relays;
    let facts = match common::facts(&reader.access, &control.versions).await {
        Ok(facts) => facts,
        Err(error) => return Err((recognise(event, relays, &built_in.catalog), error)),
    };
    let recognition = recognise(event, relays, &facts.catalog);
    let (mut phase, mut refresh) = (grounds.phase, grounds.refresh);
    if let Some(server) = recognition.server()
        && read_with.as_ref() != Some(&server.id)
    {
        phase = None;
        let standing = facts.assess(&policy.enforcement.policy, server.shown, now.date());
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
    Ok(Known { recognition, facts, policy: Some(policy), control, phase, refresh })
}

/// Counts what of a message is not believed, and has those told whom it concerns.
fn note_unbelieved(site: &Site<'_>, event: &MailEvent<'_>, known: &Known<'_>, now: Timestamp) {
    let Known { recognition, facts, policy, control, .. } = known;
    let ledger = || crate::ledger::of(site.access.env, &event.tenant, site.actor, site.circumstances);
    if let Some(Claims { messages, disbelieved }) = unbelieved::claims(site.actor, recognition.own_hops) {
        let actor = site.actor.to_owned();
        if site.is_bound {
            let what = What::OwnHops { actor };
            let seen = Unbelieved { what, messages, disbelieved, last_at: now, evidence: None };
            observations::note_later(site.context, &event.tenant, seen, ledger);
        } else {
            let operator = operator::of(site.access.env, site.actor, site.circumstances);
            let call = operator::Call::OwnHops { actor, messages, disbelieved };
            // what cannot be told is told with later ones
            site.context.wait_until(async move {
                let _ = operator.call::<bool>(&call, operator::DEADLINE).await;
            });
        }
    }
    let Some(policy) = policy.as_ref().filter(|policy| is_recorded(site, event, policy)) else { return };
    let mode = policy.enforcement.policy.mode.min(control.ceiling(site.config.mode_ceiling));
    if mode != Mode::Off
        && recognition.server().is_none()
        && let Some(seen) = unbelieved::of_tenant(event, recognition, &facts.catalog, now)
    {
        observations::note_later(site.context, &event.tenant, seen, ledger);
    }
}

/// Whether mail of this tenant and connector is written down.
fn is_recorded(site: &Site<'_>, event: &MailEvent<'_>, policy: &PolicyRecord) -> bool {
    let known_tenant = policy.rev > 0 || site.config.auto_tenants;
    known_tenant && policy.enforcement.policy.scope.contains(&event.connector)
}

/// Writes down what is answered, now or later. An error is ours, and means accept.
async fn record(
    site: &Site<'_>,
    posted: &native::Request<'_>,
    server: &ConnectingServer<'_>,
    (policy, behind_relay): (&PolicyRecord, bool),
    decision: &Decision<'_>,
    now: Timestamp,
) -> Result<Recording, CallError> {
    let event = &posted.event;
    if !is_recorded(site, event, policy) || decision.mode == Some(Mode::Off) {
        return Ok(Recording::Later);
    }
    let event_id = posted.event_id.as_deref();
    let observation = Observation::new(server, (event.connector, behind_relay), decision, event_id, now);
    let observation = observation.told_to(event, decision);
    let ledger = || crate::ledger::of(site.access.env, &event.tenant, site.actor, site.circumstances);
    match posted.record {
        Record::Async => {
            observations::record_later(site.context, &event.tenant, observation, ledger);
            Ok(Recording::Later)
        }
        Record::Sync => {
            let deadline = site.access.deadline.left();
            let recorded = observations::record_now(&ledger(), &event.tenant, observation, deadline).await;
            let Receipt { taken, phase } = recorded?;
            Ok(if taken { Recording::Done(phase) } else { Recording::Later })
        }
    }
}
