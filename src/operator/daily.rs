//! What leaves the operator's object once a day.

use tidegate_engine::{DAY, Date, HOUR, Timestamp};

use crate::durable::sql::{Sql, SqlError};
use crate::durable::walk::share_of;
use crate::durable::{audit, documents, keys};

const PRUNED: &str = "pruned";

/// When that is due next.
pub fn next_due(sql: &Sql, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let today = now.start_of_day().plus(share_of("operator", HOUR));
    Ok(Some(if is_pruned(sql, now)? { today.plus(DAY) } else { today }))
}

/// Removes what is too old, once a day.
pub fn prune_due(sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
    if is_pruned(sql, now)? {
        return Ok(());
    }
    sql.change(|change| {
        audit::prune(change, now)?;
        keys::prune(change, now)?;
        documents::save(change, PRUNED, &now.date())
    })
}

fn is_pruned(sql: &Sql, now: Timestamp) -> Result<bool, SqlError> {
    Ok(documents::load::<Date>(sql, PRUNED)? == Some(now.date()))
}
