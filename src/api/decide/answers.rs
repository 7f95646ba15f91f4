//! Answers, and how they are counted: a decision, or the accept that a fault of ours is answered with.

use tidegate_engine::{Action, Decision, MailEvent, Recognition, accept_undecided};
use tidegate_wire::native::Circumstances;

use crate::durable::client::CallError;
use crate::metrics::{self, Counter};
use crate::store::StoreError;

/// Writes an answer in the dialect of the one who asks.
pub type Render = fn(&Decision<'_>, Circumstances) -> Vec<u8>;

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

pub fn answered(decision: &Decision<'_>, recorded: bool, render: Render) -> Vec<u8> {
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
