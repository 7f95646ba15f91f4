//! What a decision on one message rests on, read in as few requests of KV as can be.

use std::rc::Rc;

use tidegate_engine::{Facts, MailEvent, Recognition, Timestamp, recognise, shows_exchange};

use crate::common;
use crate::store::{ControlRecord, PhaseRecord, PolicyRecord, Reader, StoreError};

/// What is known for a decision.
pub struct Known<'a> {
    pub recognition: Recognition<'a>,
    pub facts: Rc<Facts>,
    /// `None` where no Exchange server shows and none was read.
    pub policy: Option<Rc<PolicyRecord>>,
    pub control: Rc<ControlRecord>,
    pub phase: Option<Rc<PhaseRecord>>,
    /// The cache asks for a refresh after the answer.
    pub refresh: bool,
}

/// What a message shows, where what its decision rests on could not be had.
pub struct Unknown<'a> {
    pub recognition: Recognition<'a>,
    pub error: StoreError,
}

/// Reads what a decision on `event` rests on: policy and ceiling, and the server's phase where its build is out of date.
pub async fn look_up<'a>(
    reader: &Reader<'_>,
    event: &'a MailEvent<'_>,
    built_in: Rc<Facts>,
    now: Timestamp,
) -> Result<Known<'a>, Unknown<'a>> {
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
                Err(error) => return Err(Unknown { recognition, error }),
            }
        }
    };
    let control = grounds.control.unwrap_or_default();
    let policy = grounds.policy.unwrap_or_default();
    let relays = &policy.enforcement.policy.trusted_relays;
    let (facts, control) = match common::facts(&reader.access, &control.versions).await {
        Ok(in_force) => {
            let control = in_force.restrain(control);
            (in_force.facts, control)
        }
        Err(error) => return Err(Unknown { recognition: recognise(event, relays, &built_in.catalog), error }),
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
                Err(error) => return Err(Unknown { recognition, error }),
            }
        }
    }
    Ok(Known { recognition, facts, policy: Some(policy), control, phase, refresh })
}
