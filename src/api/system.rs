//! What belongs to no tenant in particular.

use serde::Serialize;
use tidegate_engine::event::TenantId;
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys::Response;

use super::{Caller, Failure, no_route};
use crate::common;
use crate::config::Config;
use crate::durable::client::Circumstances;
use crate::http;
use crate::ledger::Call;
use crate::platform::real_now;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    /// The clock can be set by requests.
    test_clock: bool,
    mode_ceiling: &'static str,
}

pub fn health(config: &Config) -> Result<Response, Failure> {
    let status = if common::built_in().is_some() { "ok" } else { "degraded" };
    let version = env!("CARGO_PKG_VERSION");
    let health = Health { status, version, test_clock: config.is_test, mode_ceiling: config.mode_ceiling.as_str() };
    Ok(http::json(&serde_json::to_vec(&health).unwrap_or_default())?)
}

pub async fn route(caller: &Caller<'_>, method: &str, rest: &[&str]) -> Result<Response, Failure> {
    match (method, rest) {
        ("POST", ["test", "tick"]) if caller.config.is_test => tick(caller).await,
        _ => Err(no_route().into()),
    }
}

/// Does all that is due by the test's clock.
async fn tick(caller: &Caller<'_>) -> Result<Response, Failure> {
    caller.principal.administers()?;
    let clock = caller.circumstances.clock.unwrap_or_else(real_now);
    let tenant = caller.request.query("tenant").and_then(|tenant| tenant.parse().ok());
    let tenant: TenantId = tenant.ok_or_else(|| Problem::bad_request("which tenant").in_field("tenant"))?;
    let circumstances = Circumstances { clock: Some(clock), ..caller.circumstances };
    let ledger = crate::ledger::of(caller.env, &tenant, &caller.principal.actor, circumstances);
    ledger.forward(&Call::Tick).await?;
    Ok(http::no_content()?)
}
