//! A tenant's policy as it is stored, and the other values of which there is one a name.

use tidegate_engine::TenantId;
use tidegate_stored::{Document, Unreadable};
use tidegate_wire::problem::Problem;

use super::site::Site;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::{documents, outbox};
use crate::store::{PolicyKey, PolicyRecord, Rank, Usable};

/// The tenant's own policy as it is stored, whichever release wrote it. An error of [`Unreadable`]: it can only be
/// overwritten.
type Stored = Result<Document<PolicyRecord>, Unreadable>;

fn stored(sql: &Sql) -> Result<Option<Stored>, SqlError> {
    Ok(documents::text(sql, "policy")?.map(|json| Document::read(&json)))
}

/// Whether the tenant has a policy of its own.
pub fn is_set(sql: &Sql) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM document WHERE name = 'policy'", values![])?.is_some())
}

/// The policy in force: the tenant's own or the default. One that this release does not understand only reports.
pub fn current(sql: &Sql) -> Result<PolicyRecord, SqlError> {
    Ok(stored(sql)?.and_then(Usable::of).map(Usable::into_record).unwrap_or_default())
}

/// The policy as it was put, which may ask for more than is in force.
pub fn as_put(sql: &Sql) -> Result<PolicyRecord, SqlError> {
    match stored(sql)? {
        Some(Ok(policy)) => Ok(policy.into_value()),
        _ => current(sql),
    }
}

/// The tenant's own policy as it was put, or the default, to be changed in part.
///
/// # Errors
/// A conflict where it cannot be read: then it can only be put anew.
pub fn editable(sql: &Sql) -> Result<Document<PolicyRecord>, SqlError> {
    let unreadable = |_| Problem::conflict("the stored policy is of a later release and cannot be read: put one first");
    Ok(stored(sql)?.transpose().map_err(unreadable)?.unwrap_or_default())
}

/// What is stored, to be overwritten: what this release cannot read is not kept.
pub fn kept(sql: &Sql) -> Result<Document<PolicyRecord>, SqlError> {
    Ok(stored(sql)?.and_then(Result::ok).unwrap_or_default())
}

/// Whose ledger this is, once something was stored.
pub fn tenant(sql: &Sql) -> Result<Option<TenantId>, SqlError> {
    documents::read(sql, "tenant")
}

pub fn set_tenant(change: &Change<'_>, tenant: &TenantId) -> Result<(), SqlError> {
    documents::save(change, "tenant", tenant)
}

/// Stores the policy record and lays it ready for KV.
pub fn save(change: &Change<'_>, site: &Site<'_>, record: &Document<PolicyRecord>) -> Result<(), SqlError> {
    let json = to_text(record)?;
    documents::store(change, "policy", &json)?;
    outbox::lay_json(change, Rank::Policy, &PolicyKey(site.tenant), json)?;
    set_tenant(change, site.tenant)
}
