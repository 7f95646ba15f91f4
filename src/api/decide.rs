//! The decision on one message, with every await that it costs.
//!
//! Mail that shows no on-premises Exchange server awaits no storage. Other mail awaits its tenant's policy and, where
//! its build is out of date, its server's phase, unless the isolate's cache has them: one KV read at most, two where a
//! trusted relay of the policy makes another server the connecting one. `"record":"sync"` awaits the ledger too.

mod answers;
mod deciding;
mod known;
mod notes;
mod site;

use std::collections::BTreeSet;

use tidegate_engine::{
    Decision, MailEvent, Mode, Recognition, Reply, ServerId, TenantId, decide_without_server, recognise,
};
use tidegate_wire::native::{self, Record};

use super::waking;
use crate::common;
use crate::durable::client::CallError;
use crate::metrics::Counter;
use crate::observations::{self, Observation, Receipt};
use crate::store::{ControlKey, Reader, Source, StoreError};
use answers::answered;
pub use answers::{Fault, Render, accepted, undecided};
use deciding::{Deciding, Outcome};
pub use known::{Known, Unknown};
use notes::{note_stranger, note_unbelieved};
pub use site::{Site, defaults};

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
    let is_wanted = site.records(event, &deciding.policy) && decision.mode != Some(Mode::Off);
    match posted.record {
        Record::Sync if is_wanted => {
            let decision = Outcome::of(&decision);
            Decided::AwaitsReceipt(Box::new(Pending { posted, deciding, decision }))
        }
        Record::Async if is_wanted => {
            if let Some(observation) = deciding.observation(site, posted, &decision) {
                let ledger = || site.ledger_of(&event.tenant);
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
                let same = |after: &Decision<'_>| self.decision == Outcome::of(after);
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
    observations::record_now(&site.ledger_of(tenant), tenant, observations, site.access.deadline.left()).await
}

/// A decision of which it is known that nothing is written down.
fn of_unrecorded(decision: Decision<'_>) -> Decision<'_> {
    Decision { why: decision.why.of_unrecorded(), ..decision }
}
