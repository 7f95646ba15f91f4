//! What stops the clocks of a tenant: its pauses, and the exemptions of single servers.

use serde::Deserialize;
use tidegate_engine::DelegatedRight;
use tidegate_engine::ServerId;
use tidegate_engine::TenantId;
use tidegate_engine::{Date, Timestamp};
use tidegate_wire::problem::{Problem, read_json};
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor};
use super::changes::change;
use super::failure::{Failure, no_route, not_allowed};
use crate::durable::client::Client;
use crate::http;
use crate::ledger::{Call, ExemptionCall, PauseCall};

/// Characters of a reason.
const MAX_REASON: usize = 500;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewPause {
    days: i64,
    reason: String,
    #[serde(default)]
    starts_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChangedPause {
    days: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewExemption {
    reason: String,
    expires_at: String,
}

pub async fn pauses(
    caller: &Caller<'_>,
    ledger: &Client,
    tenant: &TenantId,
    method: &str,
    rest: &[&str],
) -> Result<Response, Failure> {
    let call = match (method, rest) {
        ("GET", []) => {
            return Ok(ledger.forward(&Call::Pauses(PauseCall::List(caller.range(Cursor::Number)?))).await?);
        }
        ("POST", []) => {
            caller.principal.changes_tenant(tenant)?;
            let NewPause { days, reason, starts_on } = read_json(&caller.request.body().await?)?;
            let starts_on = starts_on.as_deref().map(day).transpose()?;
            PauseCall::Create { days, reason: checked(reason)?, starts_on }
        }
        ("PATCH", [id]) => {
            caller.principal.changes_tenant(tenant)?;
            let ChangedPause { days } = read_json(&caller.request.body().await?)?;
            PauseCall::Change { id: pause_id(id)?, days }
        }
        ("DELETE", [id]) => {
            caller.principal.changes_tenant(tenant)?;
            PauseCall::End { id: pause_id(id)? }
        }
        (_, []) => return Err(not_allowed("GET, HEAD, POST")),
        (_, [_]) => return Err(not_allowed("PATCH, DELETE")),
        _ => return Err(no_route().into()),
    };
    let status = if method == "POST" { 201 } else { 200 };
    change(ledger, tenant, &Call::Pauses(call), status).await
}

pub async fn exemption(
    caller: &Caller<'_>,
    ledger: &Client,
    tenant: &TenantId,
    method: &str,
    server: ServerId,
) -> Result<Response, Failure> {
    let call = |call| Call::Exemption(server, call);
    let needs = caller.principal.needs(DelegatedRight::Exempt);
    match method {
        "GET" => Ok(ledger.forward(&call(ExemptionCall::Show)).await?),
        "PUT" => {
            caller.principal.changes_tenant(tenant)?;
            let NewExemption { reason, expires_at } = read_json(&caller.request.body().await?)?;
            let expires_at: Timestamp =
                expires_at.parse().map_err(|error| Problem::bad_request(format!("{error}")).in_field("expires_at"))?;
            let how = ExemptionCall::Put { reason: checked(reason)?, expires_at, needs };
            change(ledger, tenant, &call(how), 200).await
        }
        "DELETE" => {
            caller.principal.changes_tenant(tenant)?;
            change(ledger, tenant, &call(ExemptionCall::End { needs }), 200).await
        }
        _ => Err(not_allowed("GET, HEAD, PUT, DELETE")),
    }
}

/// A reason that people can read.
fn checked(reason: String) -> Result<String, Problem> {
    let readable = !reason.trim().is_empty() && !reason.chars().any(char::is_control);
    if readable && reason.chars().count() <= MAX_REASON {
        return Ok(reason);
    }
    Err(Problem::unprocessable(format!("1 to {MAX_REASON} characters without control characters")).in_field("reason"))
}

/// A whole day: not the month that stands for its last one elsewhere.
fn day(text: &str) -> Result<Date, Problem> {
    let day = text.parse().ok().filter(|_| text.len() == 10);
    day.ok_or_else(|| Problem::bad_request("not a date such as `2026-11-22`").in_field("starts_on"))
}

fn pause_id(text: &str) -> Result<u64, Problem> {
    http::number(text).ok_or_else(|| Problem::not_found("there is no such pause"))
}
