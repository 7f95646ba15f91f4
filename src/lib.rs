//! Tidegate's edge worker: takes mail events from gateways over HTTPS, looks the server's phase up in the KV store and
//! answers accept, defer or reject.
//!
//! Everything that can be decided without clock and I/O lies in `tidegate-engine`, everything that is bytes in
//! `tidegate-wire`. Here is the rest, and imports run one way:
//! - [`entry`]: what the entry point, `entry.js`, calls of gateways' questions. Above everything else. The entry point is
//!   ours and wraps the one that `worker-build` makes, for two reasons. A promise and its wrappers cost more than a decision:
//!   one whose grounds the isolate's cache has is made in synchronous calls. And where this instance of WebAssembly is lost,
//!   by a trap or a panic, all that it awaited never comes: only who stands outside of it can still accept the mail.
//! - [`api`]: routes and what they answer.
//! - [`observations`]: what was answered, added up in the isolate and sent to the ledger after the answer.
//! - [`unbelieved`]: what of a message cannot be believed.
//! - [`ledger`]: the Durable Object that is the only writer of a tenant's state, its keys with it, and the calls to it.
//! - [`operator`]: the Durable Objects of what belongs to no tenant: one of its own keys, catalog and baselines; one of the
//!   ceiling, which no tenant's call reaches.
//! - [`metrics`]: what an isolate counts.
//! - [`durable`]: what both kinds of Durable Object are built on.
//! - [`common`]: what all tenants have in common: catalog, baselines, ceiling.
//! - [`store`]: what the edge reads from KV, and the isolate's cache of it.
//! - [`access`]: roles, and who may do what.
//! - [`config`], [`platform`], [`hooks`], [`http`]: variables and secrets; time and deadlines; what tests move; requests
//!   and responses.

#![allow(clippy::future_not_send, reason = "the runtime has one thread")]

// layer by layer, lowest first
mod http;

mod hooks;

mod platform;

mod access;
mod config;

mod store;

mod common;

mod durable;

mod ledger;
mod operator;

mod metrics;

mod observations;
mod unbelieved;

mod api;

mod entry;

use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::worker_sys::web_sys;
use worker::{Context, Env, event};

#[event(start)]
fn start() {
    console_error_panic_hook::set_once();
}

#[event(fetch)]
async fn fetch(request: web_sys::Request, env: Env, context: Context) -> worker::Result<web_sys::Response> {
    Ok(api::answer(http::Request::new(request), env, context).await?)
}

/// By hand and not by `#[event(email)]`, which panics where an error is returned: a defer would reset the instance, and
/// with it every request in flight.
#[wasm_bindgen(js_name = "email", wasm_bindgen_futures = js_sys::futures)]
pub async fn email(
    message: api::email::EmailMessage,
    env: Env,
    context: worker::worker_sys::Context,
) -> Result<JsValue, JsValue> {
    api::email::handle(&message, &env, &Context::new(context)).await.map(|()| JsValue::UNDEFINED)
}
