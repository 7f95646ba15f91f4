//! All tenants at a glance, and the end of one.

use serde::de::IgnoredAny;
use tidegate_engine::TenantId;
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor};
use super::failure::{Failure, not_allowed};
use crate::durable::audit::Note;
use crate::durable::client::{ADMIN_DEADLINE, Client};
use crate::durable::lists::{Page, Range};
use crate::ledger::{Call, KeyCall};
use crate::platform::{random_id, within};
use crate::store::{self, BINDING, Family, KeyKey, Kv, PhaseKey, PolicyKey, TenantKey};
use crate::{http, operator};

/// `GET /v1/tenants`, from the summaries in KV: no ledger is woken.
pub async fn list(caller: &Caller<'_>, method: &str) -> Result<Response, Failure> {
    if method != "GET" {
        return Err(not_allowed("GET, HEAD"));
    }
    caller.principal.reads()?;
    let range = caller.range(Cursor::Name)?;
    let unavailable = || Problem::unavailable("the list of tenants cannot be read");
    let kv = Kv::new(caller.env, BINDING).ok_or_else(unavailable)?;
    let page = async {
        match &caller.principal.tenant {
            Some(own) => {
                let found = kv.read(&[TenantKey(own).key()]).await?;
                Ok((found.into_iter().flatten().collect(), None))
            }
            None => {
                let page = kv.page(TenantKey::ALL, range.cursor.as_deref(), range.limit).await?;
                Ok((page.keys.into_iter().filter_map(|key| key.metadata).collect(), page.cursor))
            }
        }
    };
    let (summaries, cursor): (Vec<String>, Option<String>) =
        within(ADMIN_DEADLINE, page).await.map_err(|_| unavailable())?.map_err(Failure::Runtime)?;
    let next = serde_json::to_string(&cursor).unwrap_or_default();
    let list = format!(r#"{{"items":[{}],"next":{next}}}"#, summaries.join(","));
    Ok(http::json(list.as_bytes())?)
}

/// `DELETE /v1/tenants/{t}`. The operator's trail has it first, and what the operator's object has of the tenant's keys
/// goes: should the rest fail, the caller is told so and asks again.
pub async fn delete(caller: &Caller<'_>, ledger: &Client, tenant: &TenantId) -> Result<Response, Failure> {
    caller.principal.administers()?;
    let found = ledger.forward(&Call::Tenant).await?;
    let keys = Call::Keys(KeyCall::List(Range { limit: 1, cursor: None }));
    let keys: Page<IgnoredAny> = ledger.call(&keys, ADMIN_DEADLINE).await?;
    // a tenant may have keys before anything else is stored of it
    if !found.ok() && keys.items.is_empty() {
        return Ok(found);
    }
    let note = Note {
        id: format!("tenant.delete/{tenant}/{}", random_id()),
        at: caller.circumstances.now(),
        actor: caller.principal.actor.clone(),
        action: "tenant.delete".to_owned(),
        subject: tenant.to_string(),
        before: None,
        after: None,
    };
    let revoked: Vec<String> = caller.operator().call(&operator::Call::Note(note), ADMIN_DEADLINE).await?;
    for hash in revoked {
        store::forget_key(&KeyKey(hash));
    }
    let response = ledger.forward(&Call::DeleteTenant).await?;
    if response.ok() {
        store::forget(&PolicyKey(tenant));
        store::forget_all(&PhaseKey::all_of(tenant));
    }
    Ok(response)
}
