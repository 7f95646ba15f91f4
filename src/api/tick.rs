//! `POST /v1/test/tick`: does all that is due by the test's clock.

use tidegate_engine::TenantId;
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys::Response;

use super::caller::Caller;
use super::failure::Failure;
use crate::http;
use crate::ledger;
use crate::operator;

/// Of one tenant or, where none is named, of the operator.
pub async fn tick(caller: &Caller<'_>) -> Result<Response, Failure> {
    caller.principal.administers()?;
    let circumstances = caller.circumstances.at(caller.circumstances.now());
    let actor = &caller.principal.actor;
    let tenant = caller.request.query("tenant")?.map(|tenant| tenant.parse::<TenantId>()).transpose();
    match tenant.map_err(|error| Problem::bad_request(format!("{error}")).in_field("tenant"))? {
        Some(tenant) => ledger::of(caller.env, &tenant, actor, circumstances).forward(&ledger::Call::Tick).await?,
        None => operator::of(caller.env, actor, circumstances).forward(&operator::Call::Tick).await?,
    };
    Ok(http::no_content()?)
}
