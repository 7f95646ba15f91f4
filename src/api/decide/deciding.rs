//! The decision on one message by what is known.

use std::borrow::Cow;
use std::rc::Rc;

use tidegate_engine::{Action, Decision, DecisionContext, Freezes, MailEvent, MailRoute, Mode, Recognition, Timestamp};
use tidegate_wire::native;

use super::known::Known;
use super::site::Site;
use crate::observations::Observation;
use crate::store::{PhaseRecord, PolicyRecord};

fn exemptions(phase: Option<&PhaseRecord>) -> Option<&Freezes> {
    phase.map(|record| &record.exemptions).filter(|exemptions| !exemptions.is_empty())
}

/// What a decision on one message rests on.
pub struct Deciding<'a> {
    pub event: &'a MailEvent<'a>,
    pub known: Known<'a>,
    pub policy: Rc<PolicyRecord>,
    pub ceiling: Mode,
    pub now: Timestamp,
}

impl Deciding<'_> {
    /// When the server's clock stands still: its tenant's, everybody's and its own freezes.
    pub fn frozen<'a>(&'a self, phase: Option<&'a PhaseRecord>) -> Cow<'a, Freezes> {
        let frozen = self.policy.enforcement.frozen(&self.known.control.freezes);
        match (frozen, exemptions(phase)) {
            (frozen, None) => frozen,
            (Cow::Borrowed(frozen), Some(exempt)) => frozen.union(exempt),
            (Cow::Owned(frozen), Some(exempt)) => Cow::Owned(frozen.union(exempt).into_owned()),
        }
    }

    /// Decides by that phase and what it has [`Self::frozen`]. `None` where the policy's baseline is not there.
    pub fn decide<'a>(&'a self, phase: Option<&'a PhaseRecord>, frozen: &'a Freezes) -> Option<Decision<'a>> {
        let Self { event, known, policy, ceiling, now } = self;
        let server = known.recognition.server()?;
        let enforcement = &policy.enforcement;
        // policy and phases reach KV apart: one from before a change that held its clock back is none
        let told = phase.filter(|record| record.policy_rev >= policy.softened_rev).map(|record| &record.phase);
        let context = DecisionContext {
            ceiling: *ceiling,
            phase: told,
            paused_until: enforcement.paused_until(*now),
            exempt_until: exemptions(phase).and_then(|exempt| exempt.at(*now)?.until),
            ..DecisionContext::new(enforcement.rules(&known.facts, frozen)?, *now)
        };
        Some(tidegate_engine::decide(event, server, known.recognition.behind_relay, &context))
    }

    /// What is written down of `decision`.
    pub fn observation(
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

/// What is counted of a decision: another look at the server's phase never changes it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Outcome {
    pub action: Action,
    pub would: Action,
}

impl Outcome {
    pub const fn of(decision: &Decision<'_>) -> Self {
        Self { action: decision.action, would: decision.would }
    }
}
