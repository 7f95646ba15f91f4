//! API keys that are bound to no tenant; and, for this release, what the release before asks of those that are: they lie
//! with their tenants' ledgers, and [`super::mirror`] has them here as well.

use serde_json::value::RawValue;
use tidegate_engine::TenantId;

use super::trail;
use crate::durable::audit::{self, Act};
use crate::durable::keys::{self, Key, KeyUse, NewKey, RevokeKey};
use crate::durable::sql::{Change, Sql, SqlError, from_text, to_text};

/// Makes a key, and shows it as lists do. One that is bound to a tenant is handed over to the tenant's ledger: edges of the
/// release before ask for such ones here.
pub fn create(sql: &Sql, act: Act<'_>, new: NewKey) -> Result<Box<RawValue>, SqlError> {
    sql.change(|change| {
        for expired in keys::surplus(change, new.tenant.as_ref(), new.role, act.at)? {
            let tenant = expired.tenant.clone();
            remove(change, Act { actor: audit::SYSTEM, ..act }, expired, tenant.as_ref())?;
        }
        let key = keys::make(change, act, new)?;
        let shown = to_text(&key.shown())?;
        trail::write(change, act, "key.create", &key.id, (None, Some(shown.clone())), key.tenant.as_ref())?;
        from_text(&shown)
    })
}

/// Revokes a key, and tells its hash. One of another tenant than the caller's is none to the caller.
pub fn revoke(sql: &Sql, act: Act<'_>, revoke: &RevokeKey) -> Result<String, SqlError> {
    sql.change(|change| {
        let key = keys::revocable(change, revoke)?;
        let tenant = key.tenant.clone();
        remove(change, act, key, tenant.as_ref())
    })
}

/// Revokes all keys of a tenant that is gone, and tells their hashes.
pub fn revoke_all(change: &Change<'_>, act: Act<'_>, tenant: &TenantId) -> Result<Vec<String>, SqlError> {
    // for the operator's trail alone: the tenant has none any more
    keys::all_of(change, tenant)?.into_iter().map(|key| remove(change, act, key, None)).collect()
}

/// Removes a key, and tells its hash. `tenant`: whose trail is told, too.
fn remove(change: &Change<'_>, act: Act<'_>, key: Key, tenant: Option<&TenantId>) -> Result<String, SqlError> {
    keys::revoke(change, &key.hash, act.at)?;
    trail::write(change, act, "key.revoke", &key.id, (audit::json(&key.shown())?, None), tenant)?;
    Ok(key.hash)
}

/// Takes in on which days keys were used.
pub fn used(sql: &Sql, used: &[KeyUse]) -> Result<bool, SqlError> {
    sql.change(|change| {
        used.iter().try_for_each(|used| keys::used(change, used).map(drop))?;
        Ok(true)
    })
}
