//! The runtime's own things: time and deadlines.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use tidegate_engine::Timestamp;
use wasm_bindgen::prelude::wasm_bindgen;
use worker::Delay;

/// No await on KV or ledger delays an answer longer.
const STORAGE_DEADLINE: Duration = Duration::from_millis(300);
/// Nor do all of them together: a decision may await two reads and a record.
const ANSWER_MILLIS: u64 = 500;

/// By when an answer has awaited enough.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(u64);

impl Deadline {
    pub fn for_answer() -> Self {
        Self(real_millis() + ANSWER_MILLIS * u64::from(DEADLINE_FACTOR.get()))
    }

    /// What the next await may take.
    pub fn left(self) -> Duration {
        Duration::from_millis(self.0.saturating_sub(real_millis())).min(stretched(STORAGE_DEADLINE))
    }

    /// What `caller` yields; the time that it takes is not ours.
    pub async fn paused_for<T>(&mut self, caller: impl Future<Output = T>) -> T {
        let start = real_millis();
        let value = caller.await;
        self.0 += real_millis().saturating_sub(start);
        value
    }
}

thread_local! {
    static DEADLINE_FACTOR: Cell<u32> = const { Cell::new(1) };
    /// How far this isolate's clock is ahead of the platform's, in milliseconds.
    static AHEAD_MILLIS: Cell<i64> = const { Cell::new(0) };
}

/// Sets this isolate's clock ahead of the platform's, or behind it, by so many milliseconds. For tests: all isolates of
/// a deployment have to be set alike, before they first ask for the time.
pub fn set_clock_ahead(millis: i64) {
    AHEAD_MILLIS.set(millis);
}

/// Makes the deadlines of answers longer in this isolate. For tests of something else on a busy machine.
pub fn set_deadline_factor(factor: u32) {
    DEADLINE_FACTOR.set(factor);
}

/// A deadline that an answer depends on, as long as this deployment has it.
pub fn stretched(deadline: Duration) -> Duration {
    deadline.saturating_mul(DEADLINE_FACTOR.get())
}

/// Milliseconds since 1970, by the deployment's clock: the age of what an isolate holds. Stands still while code runs.
pub fn real_millis() -> u64 {
    (js_sys::Date::now() as u64).saturating_add_signed(AHEAD_MILLIS.get())
}

/// The time by the deployment's clock, whatever a test's request says.
pub fn real_now() -> Timestamp {
    Timestamp(i64::try_from(real_millis() / 1_000).unwrap_or(i64::MAX))
}

/// What `future` yields, or [`Late`] if it takes longer than `deadline`.
pub async fn within<T>(deadline: Duration, future: impl Future<Output = T>) -> Result<T, Late> {
    match select(pin!(future), pin!(Delay::from(deadline))).await {
        Either::Left((value, _)) => Ok(value),
        Either::Right(((), _)) => Err(Late),
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Late;

/// Octets that nobody can guess.
pub fn random_bytes() -> [u8; 32] {
    let mut bytes = [0; 32];
    fill_random(&mut bytes);
    bytes
}

#[wasm_bindgen(inline_js = "export const fill_random = (bytes) => { crypto.getRandomValues(bytes); };")]
extern "C" {
    fn fill_random(bytes: &mut [u8]);
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
