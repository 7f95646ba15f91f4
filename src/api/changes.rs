//! Changes of what belongs to one tenant.

use tidegate_engine::TenantId;
use worker::worker_sys::web_sys::Response;

use super::failure::{Failure, done};
use crate::durable::client::{ADMIN_DEADLINE, Client};
use crate::http;
use crate::ledger::{Call, Changed};
use crate::store::{self, PhaseKey, PolicyKey};

/// Has the ledger make a change, remembers what it will publish, and answers with what it shows.
pub async fn change(ledger: &Client, tenant: &TenantId, call: &Call, status: u16) -> Result<Response, Failure> {
    let Changed { policy, phases, shown } = done(ledger.request(call, ADMIN_DEADLINE).await?)?;
    let is_policy = matches!(call, Call::PutPolicy(_));
    let tag = policy.as_ref().filter(|_| is_policy).map(|record| http::etag(record.rev));
    if let Some(record) = policy {
        store::remember(&PolicyKey(tenant), *record);
    }
    for (server, phase) in phases {
        store::remember(&PhaseKey(tenant, &server), phase);
    }
    let tag: Vec<_> = tag.iter().map(|tag| ("etag", tag.as_str())).collect();
    Ok(match shown {
        Some(shown) => http::respond(status, "application/json", &tag, shown.as_bytes())?,
        None => http::no_content()?,
    })
}
