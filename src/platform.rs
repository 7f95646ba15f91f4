//! The runtime's own things: time and deadlines.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tidegate_engine::Timestamp;
use worker::Delay;

use crate::hooks;
pub use crate::hooks::stretched;

/// No await on KV or ledger delays an answer longer.
const STORAGE_DEADLINE: Duration = Duration::from_millis(300);
/// Nor do all of them together: a decision may await two reads and a record.
const ANSWER_DEADLINE: Duration = Duration::from_millis(500);

/// What takes longer than this hangs: what a lost instance of WebAssembly awaited comes to no end.
const HANGS_AFTER: Duration = Duration::from_secs(2);

/// By when an answer has awaited enough.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(u64);

impl Deadline {
    pub fn for_answer() -> Self {
        Self(machine_millis().saturating_add(millis(stretched(ANSWER_DEADLINE))))
    }

    /// When so much time has gone by.
    pub fn after(left: Duration) -> Self {
        Self(machine_millis().saturating_add(millis(left)))
    }

    /// What all that is still awaited may take.
    pub fn unspent(self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(machine_millis()))
    }

    /// What the next await may take.
    pub fn left(self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(machine_millis())).min(stretched(STORAGE_DEADLINE))
    }
}

/// After how long an answer that awaits storage alone is given up.
pub fn hangs_after() -> Duration {
    hooks::given_up(HANGS_AFTER)
}

/// Milliseconds since 1970, by the deployment's clock: the age of what an isolate holds. Stands still while code runs.
pub fn real_millis() -> u64 {
    hooks::shown(machine_millis())
}

/// The same by the machine's clock, by which no call takes too long.
fn machine_millis() -> u64 {
    js_sys::Date::now() as u64
}

/// The time by the deployment's clock, whatever a test's request says.
pub fn real_now() -> Timestamp {
    Timestamp(i64::try_from(real_millis() / 1_000).unwrap_or(i64::MAX))
}

/// Waits, by the deployment's clock.
pub async fn sleep(duration: Duration) {
    Delay::from(hooks::machine(duration)).await;
}

/// What `future` yields, or [`Late`] if it takes longer than `deadline`, by the machine's clock.
pub async fn within<T>(deadline: Duration, future: impl Future<Output = T>) -> Result<T, Late> {
    match select(pin!(future), pin!(Delay::from(deadline))).await {
        Either::Left((value, _)) => Ok(value),
        Either::Right(((), _)) => Err(Late),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Late;

/// What the deployment's clock shows when that time of the machine's clock has gone by.
pub fn real_millis_after(duration: Duration) -> u64 {
    hooks::shown(machine_millis().saturating_add(millis(duration)))
}

/// A duration in milliseconds, as clocks are.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Octets that nobody can guess.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Three to five quarters of it, so that not all do the same at the same time.
pub fn jittered(millis: i64) -> i64 {
    (millis as f64 * (0.75 + js_sys::Math::random() / 2.0)) as i64
}

/// A number that no other isolate is likely to draw. Not a secret.
pub fn random_id() -> String {
    let draw = || js_sys::Math::random().to_bits();
    format!("{:016x}{:016x}", draw(), draw())
}
