//! Laying the keys anew that are bound to no tenant, a step at a time.

use tidegate_engine::Timestamp;

use crate::durable::sql::{Change, Sql, SqlError, integer};
use crate::durable::walk::{self, Expected, STEP_MILLIS, Walk};
use crate::durable::{keys, outbox};
use crate::platform::real_millis;

/// The document with how far that is.
const REPUBLISH: &str = "republish";

/// Begins with the first one.
pub fn begin(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    walk::save(change, REPUBLISH, &Walk { day: now.date(), place: Some(0_i64) })
}

/// Whether some are still to be laid.
pub fn is_under_way(sql: &Sql) -> Result<bool, SqlError> {
    Ok(walk::load::<Walk<i64>>(sql, REPUBLISH)?.is_some_and(|walk| walk.place.is_some()))
}

/// Lays the next keys anew, if the outbox has room for them.
pub fn step(sql: &Sql) -> Result<(), SqlError> {
    let Some(Walk { day, place: Some(after) }) = walk::load::<Walk<i64>>(sql, REPUBLISH)? else { return Ok(()) };
    if !outbox::has_room(sql)? {
        return Ok(());
    }
    sql.change(|change| {
        let page = keys::expected(change, None, after, outbox::STEP)?;
        for (_, Expected { key, json, metadata }) in &page {
            outbox::lay_anew(change, key, json, metadata.as_deref())?;
        }
        match page.last() {
            Some((last, _)) => walk::save(change, REPUBLISH, &Walk { day, place: Some(*last) }),
            None => walk::remove(change, REPUBLISH),
        }
    })
}

/// When the next step is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    Ok(is_under_way(sql)?.then(|| integer(real_millis()) + STEP_MILLIS))
}
