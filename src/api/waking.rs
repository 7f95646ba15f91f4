//! Waking the operator's object where KV has not what it should.

use std::cell::Cell;

use worker::{Context, Env};

use crate::durable::audit;
use crate::durable::client::Circumstances;
use crate::operator::{self, Call};
use crate::platform::real_millis;
use crate::store::ControlRecord;

/// An isolate asks no more often for what is still to be handed over.
const ASKED_EVERY_MILLIS: u64 = 20_000;

/// Wakes the operator's object after the answer where KV has not heard yet that it took the place of the release
/// before's.
pub fn hand_over_later(control: &ControlRecord, env: &Env, context: &Context, circumstances: Circumstances) {
    if !control.handed_over {
        wake_later(env, context, circumstances);
    }
}

/// Wakes the operator's object after the answer where KV has not what it should.
pub fn wake_later(env: &Env, context: &Context, circumstances: Circumstances) {
    thread_local! {
        static ASKED_AT: Cell<u64> = const { Cell::new(0) };
    }
    let now = real_millis();
    if now.saturating_sub(ASKED_AT.get()) < ASKED_EVERY_MILLIS {
        return;
    }
    ASKED_AT.set(now);
    let operator = operator::of(env, audit::SYSTEM, circumstances);
    context.wait_until(async move {
        // one that fails is asked again
        let _ = operator.forward(&Call::Tick).await;
    });
}
