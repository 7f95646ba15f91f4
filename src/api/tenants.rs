//! A tenant's policy and servers: checked here, kept and shown by the tenant's ledger.

use serde::Serialize;
use tidegate_engine::event::TenantId;
use tidegate_engine::policy::Policy;
use tidegate_wire::problem::{Problem, read_json};
use worker::worker_sys::web_sys::Response;

use super::Failure;
use crate::config::{Config, facts};
use crate::http::{self, Request};
use crate::ledger::{ADMIN_DEADLINE, Call, LedgerClient, LedgerError, PutPolicy, PutPolicyAnswer, etag};
use crate::store;

const PAGE: u32 = 100;
const MAX_PAGE: u32 = 1_000;

#[derive(Serialize)]
struct Health {
    status: &'static str,
    version: &'static str,
    /// The clock can be set by requests.
    test_clock: bool,
    mode_ceiling: &'static str,
}

pub fn health(config: &Config) -> Result<Response, Failure> {
    let status = if facts().is_some() { "ok" } else { "degraded" };
    let version = env!("CARGO_PKG_VERSION");
    let health = Health { status, version, test_clock: config.is_test, mode_ceiling: config.mode_ceiling.as_str() };
    Ok(http::json(&serde_json::to_vec(&health).unwrap_or_default())?)
}

pub async fn put_policy(ledger: &LedgerClient, tenant: &TenantId, request: &Request) -> Result<Response, Failure> {
    let if_rev = match request.header("if-match").as_deref() {
        None | Some("*") => None,
        Some(tag) => Some(rev_of(tag).ok_or_else(Problem::precondition_failed)?),
    };
    let body = request.body().await?;
    let policy: Policy = read_json(&body)?;
    let facts = facts().ok_or_else(|| Problem::unavailable("the catalog is not there"))?;
    policy.check(&facts).map_err(|error| Problem::unprocessable(error.reason).in_field(error.field))?;
    let put = Call::PutPolicy(Box::new(PutPolicy { policy, if_rev }));
    match ledger.call(put, ADMIN_DEADLINE).await? {
        PutPolicyAnswer::Stale => Err(Problem::precondition_failed().into()),
        PutPolicyAnswer::Stored { record, phases, shown } => {
            let tag = etag(record.rev);
            store::remember_policy(tenant, *record);
            for (server, phase) in phases {
                store::remember_phase(tenant, &server, phase);
            }
            Ok(http::respond(200, "application/json", Some(("etag", &tag)), shown.as_bytes())?)
        }
    }
}

pub async fn servers(ledger: &LedgerClient, request: &Request) -> Result<Response, Failure> {
    let limit = match request.query("limit").map(|limit| limit.parse::<u32>()) {
        None => PAGE,
        Some(Ok(limit @ 1..=MAX_PAGE)) => limit,
        Some(_) => {
            return Err(Problem::bad_request(format!("1 to {MAX_PAGE}")).in_field("limit").into());
        }
    };
    let after = request.query("cursor");
    Ok(ledger.forward(Call::Servers { after, limit }).await?)
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::Problem(Problem::unavailable(error.as_str()))
    }
}

fn rev_of(tag: &str) -> Option<u64> {
    tag.strip_prefix('"')?.strip_suffix('"')?.parse().ok()
}
