//! The decision on one message, with every await that it costs.
//!
//! Mail that shows no on-premises Exchange server awaits no storage. Other mail awaits its tenant's policy and, where
//! its build is out of date, its server's phase, unless the isolate's cache has them: one KV read at most, two where a
//! trusted relay of the policy makes another server the connecting one. `"record":"sync"` awaits the ledger too.

mod known;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::rc::Rc;

use tidegate_engine::{Decision, accept_undecided, decide_without_server};
use tidegate_engine::{Freezes, MailRoute, Mode};
use tidegate_engine::{MailEvent, Reply, ServerId, TenantId};

use tidegate_engine::Action;
use tidegate_engine::Timestamp;
use tidegate_engine::{Recognition, recognise};
use tidegate_wire::native::{self, Circumstances, Defaults, Record};
use worker::Context;

use super::waking;
use crate::access::Principal;
use crate::common;
use crate::config::Config;
use crate::durable::client::{self, CallError, Client};
use crate::ledger::{Unbelieved, What};
use crate::metrics::{self, Counter};
use crate::observations::{self, Observation, Receipt};
use crate::operator;
use crate::store::{Access, ControlKey, PhaseRecord, PolicyRecord, Reader, Source, StoreError};
use crate::unbelieved::{self, Claims};
pub use known::{Known, Unknown};

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
    /// The asking key has Postfix's policy service refuse.
    pub refuses_at_rcpt: bool,
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

    /// Counts it, and has it in the log.
    pub fn note(self) {
        worker::console_warn!("degraded: {}", self.why);
        metrics::count(self.counter);
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
    if site.access.source == Source::Cache {
        return;
    }
    let built_in = common::built_in();
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

/// Decides on a message, has that written down, and answers. `None`: storage has to be awaited, and nothing was done.
pub async fn decide_event(site: &Site<'_>, posted: &native::Request<'_>, render: Render) -> Option<Vec<u8>> {
    let found = look_up(site, posted).await?;
    match decide(site, posted, found, render) {
        Decided::Answered(answer) => Some(answer),
        Decided::AwaitsReceipt(pending) => {
            let recorded = record(site, pending.tenant(), &[&pending]).await;
            Some(pending.answer(&recorded, render))
        }
    }
}

/// Looks up what the decision on a message rests on, and changes nothing. `None`: storage has to be awaited, or the
/// message's ledger, and only the cache was to be asked.
pub async fn look_up<'a>(site: &Site<'_>, posted: &'a native::Request<'a>) -> Option<Result<Known<'a>, Unknown<'a>>> {
    if site.access.source == Source::Cache && posted.record == Record::Sync {
        return None;
    }
    let reader = Reader { access: site.access, tenant: &posted.event.tenant };
    let found = known::look_up(&reader, &posted.event, common::built_in(), site.circumstances.now()).await;
    Some(found).filter(|found| !matches!(found, Err(Unknown { error: StoreError::Uncached, .. })))
}

/// How far a message is.
pub enum Decided<'a> {
    Answered(Vec<u8>),
    /// It is answered when its ledger has acknowledged it.
    AwaitsReceipt(Box<Pending<'a>>),
}

/// A decision that is to be written down before it is answered.
pub struct Pending<'a> {
    posted: &'a native::Request<'a>,
    deciding: Deciding<'a>,
    decision: Outcome,
}

/// What is counted of a decision: another look at the server's phase never changes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Outcome {
    action: Action,
    would: Action,
}

/// Decides on a message by what was found. What need not be acknowledged is written down later.
pub fn decide<'a>(
    site: &Site<'_>,
    posted: &'a native::Request<'a>,
    found: Result<Known<'a>, Unknown<'a>>,
    render: Render,
) -> Decided<'a> {
    let event = &posted.event;
    let now = site.circumstances.now();
    let undecided = |recognition: Option<&Recognition<'_>>, fault| {
        Decided::Answered(undecided(Some(event), recognition, fault, render))
    };
    let internal = |why| Fault::new(Counter::DegradedInternal, why);
    let known = match found {
        Ok(known) => known,
        Err(Unknown { recognition, error }) => return undecided(Some(&recognition), error.into()),
    };
    if known.refresh {
        let reader = Reader { access: site.access, tenant: &event.tenant };
        reader.refresh_later(site.context, known.recognition.server().map(|server| &server.id));
    }
    note_unbelieved(site, event, &known, now);
    let recognition = &known.recognition;
    let (Some(_), Some(policy)) = (recognition.server(), known.policy.clone()) else {
        note_stranger(site, event, now);
        return match decide_without_server(event, recognition) {
            Some(decision) => Decided::Answered(answered(&decision, false, render)),
            None => undecided(Some(recognition), internal("the policy was not read")),
        };
    };
    waking::hand_over_later(&known.control, site.access.env, site.context, site.circumstances);
    let ceiling = known.control.ceiling(site.config.mode_ceiling);
    let deciding = Deciding { event, known, policy, ceiling, now };
    let phase = deciding.known.phase.as_deref();
    let frozen = deciding.frozen(phase);
    let Some(decision) = deciding.decide(phase, &frozen) else {
        let fault = internal("the policy's baseline is not there");
        return undecided(Some(&deciding.known.recognition), fault);
    };
    let is_wanted = is_recorded(site, event, &deciding.policy) && decision.mode != Some(Mode::Off);
    match posted.record {
        Record::Sync if is_wanted => {
            let decision = Outcome { action: decision.action, would: decision.would };
            Decided::AwaitsReceipt(Box::new(Pending { posted, deciding, decision }))
        }
        Record::Async if is_wanted => {
            if let Some(observation) = deciding.observation(site, posted, &decision) {
                let ledger = || ledger_of(site, &event.tenant);
                observations::record_later(site.context, &event.tenant, observation, ledger);
            }
            Decided::Answered(answered(&decision, false, render))
        }
        _ => {
            note_stranger(site, event, now);
            Decided::Answered(answered(&of_unrecorded(decision), false, render))
        }
    }
}

/// Decides on a message anew, for nobody to be told and nothing to be written down. `None` where it shows no server, or
/// another one.
pub async fn decide_again(
    site: &Site<'_>,
    event: &MailEvent<'_>,
    server: &ServerId,
) -> Result<Option<Reply>, StoreError> {
    let now = site.circumstances.now();
    let reader = Reader { access: site.access, tenant: &event.tenant };
    let known = known::look_up(&reader, event, common::built_in(), now).await.map_err(|unknown| unknown.error)?;
    if known.refresh {
        reader.refresh_later(site.context, Some(server));
    }
    let is_it = known.recognition.server().is_some_and(|found| found.id == *server);
    let Some(policy) = known.policy.clone().filter(|_| is_it) else { return Ok(None) };
    let ceiling = known.control.ceiling(site.config.mode_ceiling);
    let deciding = Deciding { event, known, policy, ceiling, now };
    let phase = deciding.known.phase.as_deref();
    let frozen = deciding.frozen(phase);
    Ok(deciding.decide(phase, &frozen).and_then(|decision| decision.reply))
}

/// Tells the ledger of mail that is not recorded, where Postfix's policy service refuses by addresses.
fn note_stranger(site: &Site<'_>, event: &MailEvent<'_>, now: Timestamp) {
    if site.refuses_at_rcpt {
        observations::note_stranger(site.context, event, now, || ledger_of(site, &event.tenant));
    }
}

fn exemptions(phase: Option<&PhaseRecord>) -> Option<&Freezes> {
    phase.map(|record| &record.exemptions).filter(|exemptions| !exemptions.is_empty())
}

/// What a decision on one message rests on.
struct Deciding<'a> {
    event: &'a MailEvent<'a>,
    known: Known<'a>,
    policy: Rc<PolicyRecord>,
    ceiling: Mode,
    now: Timestamp,
}

impl Deciding<'_> {
    /// When the server's clock stands still: its tenant's, everybody's and its own freezes.
    fn frozen<'a>(&'a self, phase: Option<&'a PhaseRecord>) -> Cow<'a, Freezes> {
        let frozen = self.policy.enforcement.frozen(&self.known.control.freezes);
        match (frozen, exemptions(phase)) {
            (frozen, None) => frozen,
            (Cow::Borrowed(frozen), Some(exempt)) => frozen.union(exempt),
            (Cow::Owned(frozen), Some(exempt)) => Cow::Owned(frozen.union(exempt).into_owned()),
        }
    }

    /// Decides by that phase and what it has [`Self::frozen`]. `None` where the policy's baseline is not there.
    fn decide<'a>(&'a self, phase: Option<&'a PhaseRecord>, frozen: &'a Freezes) -> Option<Decision<'a>> {
        let Self { event, known, policy, ceiling, now } = self;
        let server = known.recognition.server()?;
        let enforcement = &policy.enforcement;
        // policy and phases reach KV apart: one from before a change that held its clock back is none
        let told = phase.filter(|record| record.policy_rev >= policy.softened_rev).map(|record| &record.phase);
        let context = tidegate_engine::DecisionContext {
            ceiling: *ceiling,
            phase: told,
            paused_until: enforcement.paused_until(*now),
            exempt_until: exemptions(phase).and_then(|exempt| exempt.at(*now)?.until),
            ..tidegate_engine::DecisionContext::new(enforcement.rules(&known.facts, frozen)?, *now)
        };
        Some(tidegate_engine::decide(event, server, known.recognition.behind_relay, &context))
    }

    /// What is written down of `decision`.
    fn observation(
        &self,
        site: &Site<'_>,
        posted: &native::Request<'_>,
        decision: &Decision<'_>,
    ) -> Option<Observation<'_>> {
        let Recognition { behind_relay, .. } = self.known.recognition;
        let server = self.known.recognition.server()?;
        let event_id = posted.event_id.as_deref();
        let observation = Observation::new(
            server,
            MailRoute { connector: self.event.connector, relayed: behind_relay },
            decision,
            event_id,
            self.now,
        );
        Some(observation.at_peer(self.event, site.refuses_at_rcpt))
    }
}

impl Pending<'_> {
    pub fn tenant(&self) -> &TenantId {
        &self.posted.event.tenant
    }

    fn observation(&self, site: &Site<'_>) -> Option<Observation<'_>> {
        let phase = self.deciding.known.phase.as_deref();
        let frozen = self.deciding.frozen(phase);
        let decision = self.deciding.decide(phase, &frozen)?;
        self.deciding.observation(site, self.posted, &decision)
    }

    /// The answer, once it is known what became of the record. An error is ours, and means accept.
    pub fn answer(&self, recorded: &Result<Receipt, CallError>, render: Render) -> Vec<u8> {
        let Deciding { event, known, .. } = &self.deciding;
        let recognition = &known.recognition;
        let fault = match recorded {
            Err(error) => Fault::from(*error),
            Ok(receipt) => {
                let server = recognition.server().map(|server| &server.id);
                let is_recorded = server.is_some_and(|server| receipt.has(server));
                // what was written down may say more of the stage, but never other than was counted
                let written = server.and_then(|server| receipt.phase(server)).filter(|_| is_recorded);
                let (frozen, frozen_before) =
                    (self.deciding.frozen(written), self.deciding.frozen(known.phase.as_deref()));
                let after = written.and_then(|phase| self.deciding.decide(Some(phase), &frozen));
                let same = |after: &Decision<'_>| self.decision == Outcome { action: after.action, would: after.would };
                let before = || self.deciding.decide(known.phase.as_deref(), &frozen_before);
                match after.filter(same).or_else(before) {
                    Some(decision) if is_recorded => return answered(&decision, true, render),
                    Some(decision) => return answered(&of_unrecorded(decision), false, render),
                    None => Fault::new(Counter::DegradedInternal, "the policy's baseline is not there"),
                }
            }
        };
        undecided(Some(event), Some(recognition), fault, render)
    }
}

/// Has one tenant's decisions acknowledged, in one call.
pub async fn record(site: &Site<'_>, tenant: &TenantId, pending: &[&Pending<'_>]) -> Result<Receipt, CallError> {
    let observations = pending.iter().filter_map(|pending| pending.observation(site));
    observations::record_now(&ledger_of(site, tenant), tenant, observations, site.access.deadline.left()).await
}

fn ledger_of(site: &Site<'_>, tenant: &TenantId) -> Client {
    crate::ledger::of(site.access.env, tenant, site.actor, site.circumstances)
}

/// A decision of which it is known that nothing is written down.
fn of_unrecorded(decision: Decision<'_>) -> Decision<'_> {
    Decision { why: decision.why.of_unrecorded(), ..decision }
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
    fault.note();
    metrics::count(Counter::Accept);
    accepted(event, recognition, fault.why, render)
}

/// The accept that such a fault is answered with.
pub fn accepted(
    event: Option<&MailEvent<'_>>,
    recognition: Option<&Recognition<'_>>,
    why: &str,
    render: Render,
) -> Vec<u8> {
    let why = format!("Accepted without a decision: {why}.");
    let decision = accept_undecided(event, recognition, &why);
    render(&decision, Circumstances { degraded: true, ..Circumstances::default() })
}

/// Counts what of a message is not believed, and has those told whom it concerns.
fn note_unbelieved(site: &Site<'_>, event: &MailEvent<'_>, known: &Known<'_>, now: Timestamp) {
    let Known { recognition, facts, policy, control, .. } = known;
    let ledger = || ledger_of(site, &event.tenant);
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
