//! What belongs to no tenant in particular.

use serde::Serialize;
use tidegate_engine::{Mode, TenantId};
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor, access_of};
use super::failure::{Failure, done, no_route, not_allowed};
use super::{facts, keys};
use crate::access::{Principal, Role};
use crate::common::Common;
use crate::config::Config;
use crate::durable::client::ADMIN_DEADLINE;
use crate::hooks;
use crate::http;
use crate::metrics;
use crate::operator::{self, Call, ControlCall, Republished};
use crate::store::{Access, ControlKey, FactsKey};

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    /// The clock can be set by requests.
    test_clock: bool,
    /// As far as this isolate knows; `None` where it cannot be read.
    mode_ceiling: Option<&'static str>,
    /// The variable that a deployment of the release before had set: it moves nothing any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    mode_ceiling_variable: Option<&'static str>,
    /// What the operator should mend.
    warnings: Vec<&'static str>,
}

pub async fn health(config: &Config, access: &Access<'_>) -> Result<Response, Failure> {
    let variable = config.mode_ceiling;
    let control = access.get(&ControlKey).await.ok().map(|(control, _)| control.unwrap_or_default());
    let health = Health {
        status: "ok",
        version: env!("CARGO_PKG_VERSION"),
        test_clock: hooks::is_on(),
        mode_ceiling: control.map(|control| control.ceiling(variable).as_str()),
        mode_ceiling_variable: (variable != Mode::Enforce).then(|| variable.as_str()),
        warnings: config.warnings(),
    };
    Ok(http::json(&serde_json::to_vec(&health).unwrap_or_default())?)
}

#[derive(Serialize)]
struct Me<'a> {
    id: Option<&'a str>,
    role: Role,
    tenant: Option<&'a TenantId>,
    name: Option<&'a str>,
}

/// What the caller's key is, whatever its role.
fn me(caller: &Caller<'_>) -> Result<Response, Failure> {
    let Principal { id, role, tenant, name, .. } = &caller.principal;
    let me = Me { id: id.as_deref(), role: *role, tenant: tenant.as_ref(), name: name.as_deref() };
    Ok(http::json(&serde_json::to_vec(&me).unwrap_or_default())?)
}

pub async fn route(caller: &Caller<'_>, method: &str, rest: &[&str]) -> Result<Response, Failure> {
    match rest {
        ["me"] if method == "GET" => me(caller),
        ["me"] => Err(not_allowed("GET, HEAD")),
        ["keys", rest @ ..] => keys::route(caller, method, rest).await,
        ["catalog"] => facts::route(caller, method, FactsKey::Catalog).await,
        ["baselines"] if method == "GET" => facts::baselines(caller).await,
        ["baselines"] => Err(not_allowed("GET, HEAD")),
        ["baselines", name] => facts::route(caller, method, FactsKey::Baseline((*name).to_owned())).await,
        ["control", "mode"] => facts::control(caller, method).await,
        ["republish"] if method == "POST" => republish(caller).await,
        ["republish"] => Err(not_allowed("POST")),
        ["audit"] if method == "GET" => audit(caller).await,
        ["notifications"] if method == "GET" => notifications(caller).await,
        ["notifications"] => Err(not_allowed("GET, HEAD")),
        ["audit"] => Err(not_allowed("GET, HEAD")),
        #[cfg(feature = "test-hooks")]
        ["test", "tick"] if hooks::is_on() && method == "POST" => super::tick::tick(caller).await,
        _ => Err(no_route().into()),
    }
}

/// `/metrics`: the sums of what all isolates have told, and what this one has counted.
pub async fn metrics(caller: &Caller<'_>, method: &str) -> Result<Response, Failure> {
    caller.principal.reads_metrics()?;
    if method != "GET" {
        return Err(not_allowed("GET, HEAD"));
    }
    let text = metrics::text(&metrics::sums(caller.env).await?, newest_release_days(caller).await);
    Ok(http::respond(200, "text/plain; version=0.0.4; charset=utf-8", &[], text.as_bytes())?)
}

/// How old the newest row of the catalog in force is.
async fn newest_release_days(caller: &Caller<'_>) -> Option<i64> {
    let common = Common::read(&access_of(caller.request, caller.env)).await.ok()?;
    let today = caller.circumstances.now().date();
    Some(operator::age_days(common.facts.catalog.newest_release()?.date, today))
}

async fn audit(caller: &Caller<'_>) -> Result<Response, Failure> {
    caller.principal.administers()?;
    Ok(caller.operator().forward(&Call::Audit(caller.range(Cursor::Number)?)).await?)
}

async fn notifications(caller: &Caller<'_>) -> Result<Response, Failure> {
    caller.principal.reads_all()?;
    Ok(caller.operator().forward(&Call::Notifications(caller.range(Cursor::Number)?)).await?)
}

/// Has the objects lay all keys of KV anew.
async fn republish(caller: &Caller<'_>) -> Result<Response, Failure> {
    caller.principal.administers()?;
    let republished: Republished = done(caller.operator().request(&Call::Republish, ADMIN_DEADLINE).await?)?;
    // where this fails the caller asks again, and all else is under way
    let control = operator::control(caller.env, &caller.principal.actor, caller.circumstances);
    control.call::<bool>(&Call::ToControl(ControlCall::Republish), ADMIN_DEADLINE).await?;
    let body = serde_json::to_vec(&republished).unwrap_or_default();
    Ok(http::respond(202, "application/json", &[], &body)?)
}
