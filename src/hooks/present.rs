//! A test's. All isolates of a deployment have to be set alike: they have no clock in common but the machine's.

use std::cell::Cell;
use std::hint::black_box;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_engine::Timestamp;
use tidegate_wire::problem::Problem;

use super::Way;
use crate::http::Request;

/// What the variables say.
#[derive(Clone, Copy)]
struct Set {
    is_on: bool,
    /// `CLOCK_AHEAD`: how far the clock is ahead of the machine's, in milliseconds.
    ahead: i64,
    /// `CLOCK_RATE`: the clock runs so many times as fast as the machine's, since `CLOCK_SINCE`, in the machine's
    /// milliseconds since 1970. Whatever waits on purpose waits so much shorter; what a call may take is the machine's.
    rate: u32,
    since: u64,
    /// `DEADLINE_FACTOR`: answers await KV and objects so many times longer.
    patience: u32,
    /// `HANG_FACTOR`: they are given up after so many times longer; `DEADLINE_FACTOR` where it is not set.
    hang: u32,
}

const UNSET: Set = Set { is_on: false, ahead: 0, rate: 1, since: 0, patience: 1, hang: 1 };

thread_local! {
    static SET: Cell<Set> = const { Cell::new(UNSET) };
}

/// Whether requests of this deployment may set the clock.
pub fn is_on() -> bool {
    SET.get().is_on
}

/// Takes the variables in, before this isolate first asks for the time.
pub fn read(variable: impl Fn(&'static str) -> Option<String>) {
    if variable("ENVIRONMENT").as_deref() != Some("test") {
        return;
    }
    let number = |name| variable(name).and_then(|value| value.parse().ok());
    let positive = |name| number(name).and_then(|value| u32::try_from(value).ok()).filter(|value| *value > 0);
    let patience = positive("DEADLINE_FACTOR").unwrap_or(1);
    SET.set(Set {
        is_on: true,
        ahead: number("CLOCK_AHEAD").unwrap_or(0),
        rate: positive("CLOCK_RATE").unwrap_or(1),
        since: number("CLOCK_SINCE").and_then(|since| u64::try_from(since).ok()).unwrap_or(0),
        patience,
        hang: positive("HANG_FACTOR").unwrap_or(patience),
    });
}

/// What the deployment's clock shows when the machine's shows so many milliseconds since 1970.
pub fn shown(machine_millis: u64) -> u64 {
    let Set { ahead, rate, since, .. } = SET.get();
    let faster = machine_millis.saturating_sub(since).saturating_mul(u64::from(rate - 1));
    machine_millis.saturating_add(if rate == 1 { 0 } else { faster }).saturating_add_signed(ahead)
}

/// How long a time of the deployment's clock is by the machine's.
pub fn machine(duration: Duration) -> Duration {
    duration / SET.get().rate
}

/// A deadline that an answer depends on, as long as this deployment has it.
pub fn stretched(deadline: Duration) -> Duration {
    deadline.saturating_mul(SET.get().patience)
}

/// The time after which an answer is given up, as long as this deployment has it.
pub fn given_up(deadline: Duration) -> Duration {
    deadline.saturating_mul(SET.get().hang)
}

/// The way that a request asks for.
pub fn way(request: &Request) -> Option<Way> {
    if !is_on() {
        return None;
    }
    if request.header("x-tidegate-fresh").is_some() {
        return Some(Way::PastCache);
    }
    match request.header("x-tidegate-way").as_deref() {
        Some("at-once") => Some(Way::AtOnce),
        Some("later") => Some(Way::Later),
        _ => None,
    }
}

/// Ends this instance of WebAssembly as a fault of ours would, where a request asks for it: `x-tidegate-trap` names the
/// step of its way, and how.
#[expect(clippy::panic, reason = "to see what comes of one")]
pub fn trap(request: &Request, step: &str) {
    let asked = request.header("x-tidegate-trap").filter(|_| is_on());
    match asked.as_deref().and_then(|asked| asked.split_once(' ')).filter(|(at, _)| *at == step) {
        Some((_, "panic")) => panic!("a test asked for it"),
        Some((_, "overflow")) => drop(overflow(1)),
        Some(_) => std::process::abort(),
        None => {}
    }
}

/// Uses the stack up.
fn overflow(depth: u64) -> u64 {
    if black_box(depth) == 0 { 0 } else { black_box(depth).wrapping_add(overflow(depth.wrapping_add(1))) }
}

/// What a test sets by a request's headers, for all that this request does.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize)]
pub struct Circumstances {
    clock: Option<Timestamp>,
    fails_at: Option<u32>,
}

impl Circumstances {
    /// Those of a request.
    pub fn of(request: &Request) -> Result<Self, Problem> {
        if !is_on() {
            return Ok(Self::default());
        }
        let malformed = |error| Problem::bad_request(format!("{error}")).in_field("x-tidegate-now");
        let clock = request.header("x-tidegate-now").map(|text| text.parse().map_err(malformed)).transpose()?;
        let fails_at = request.header("x-tidegate-fails-at").and_then(|statement| statement.parse().ok());
        Ok(Self { clock, fails_at })
    }

    /// The same at that time, if they name none.
    #[must_use]
    pub fn at(self, now: Timestamp) -> Self {
        Self { clock: self.clock.or(Some(now)), ..self }
    }

    /// The clock; an object first does all work due by it.
    pub const fn clock(self) -> Option<Timestamp> {
        self.clock
    }

    /// The statement that fails on purpose, counted from 1.
    pub const fn fails_at(self) -> Option<u32> {
        self.fails_at
    }

    /// The same where nothing fails on purpose.
    #[must_use]
    pub const fn without_failure(self) -> Self {
        Self { fails_at: None, ..self }
    }

    pub const fn is_plain(&self) -> bool {
        self.clock.is_none() && self.fails_at.is_none()
    }
}

/// Statements until one fails on purpose: a test's way to see that half a change is none.
#[derive(Default)]
pub struct FailsAt(Cell<Option<u32>>);

impl FailsAt {
    pub fn set(&self, statement: Option<u32>) {
        self.0.set(statement);
    }

    /// Counts a statement that is about to run; whether it has to fail.
    pub fn is_next(&self) -> bool {
        let left = self.0.get().map(|left| left.saturating_sub(1));
        self.0.set(left);
        left == Some(0)
    }
}
