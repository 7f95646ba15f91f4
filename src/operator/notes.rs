//! What tenants' ledgers have for the operator's audit trail.

use tidegate_engine::TenantId;

use super::keys;
use crate::durable::audit::{self, Act, Note};
use crate::durable::sql::{Sql, SqlError, values};

/// Takes in what a tenant's ledger has to say. A tenant that was deleted is known no more, and its keys go with it;
/// their hashes are told.
pub fn take(sql: &Sql, note: Note) -> Result<Vec<String>, SqlError> {
    sql.change(|change| {
        let mut hashes = Vec::new();
        if note.action == "tenant.delete"
            && let Ok(tenant) = note.subject.parse::<TenantId>()
        {
            // a note that comes again finds what was made since
            let taken = change.number("SELECT number FROM audit WHERE note = ?1", values![note.id.as_str()])?;
            if taken.is_none() {
                change.run("DELETE FROM tenant WHERE id = ?1", values![tenant.as_str()])?;
                change.run("DELETE FROM delivery WHERE tenant = ?1", values![tenant.as_str()])?;
                hashes = keys::revoke_all(change, Act { actor: &note.actor, at: note.at }, &tenant)?;
            }
        }
        audit::take(change, note)?;
        Ok(hashes)
    })
}
