//! How old the catalog's newest row is: without new rows, servers that lag behind count as current. The operator is told
//! after 45 days without one, and again every 30 days.

use std::cell::Cell;

use tidegate_engine::{DAY, Date, Timestamp};

use super::newest::age_days;
use super::{facts, notifications};
use crate::durable::documents;
use crate::durable::sql::{Sql, SqlError};

/// A catalog whose newest row is that old is told of.
const STALE_DAYS: u32 = 45;
/// Between two notifications.
const TOLD_EVERY_SECONDS: i64 = 30 * DAY;
/// The document with the time at which the operator was last told.
const TOLD_AT: &str = "stale_told_at";

/// The date of the newest row in force. A catalog is parsed once.
#[derive(Debug, Default)]
pub struct Freshness {
    known: Cell<Option<(u64, Option<Date>)>>,
}

impl Freshness {
    /// When the operator is to be told next.
    pub fn next_due(&self, sql: &Sql) -> Result<Option<Timestamp>, SqlError> {
        let Some(newest) = self.newest(sql)? else { return Ok(None) };
        let told = told_at(sql)?.map(|at| at.plus(TOLD_EVERY_SECONDS));
        Ok(told.into_iter().chain([newest.plus_days(STALE_DAYS).start()]).max())
    }

    /// Tells the operator, if that is due.
    pub fn do_due(&self, sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
        let (Some(newest), Some(due)) = (self.newest(sql)?, self.next_due(sql)?) else { return Ok(()) };
        if now < due {
            return Ok(());
        }
        let days = age_days(newest, now.date());
        let text = format!(
            "The catalog's newest release is of {newest}, {days} days ago. Microsoft may have published updates since: \
             until the catalog has them, servers that lack them count as up to date."
        );
        sql.change(|change| {
            notifications::write(change, now, "catalog.stale", &text)?;
            documents::save(change, TOLD_AT, &now)
        })
    }

    fn newest(&self, sql: &Sql) -> Result<Option<Date>, SqlError> {
        let version = facts::catalog_version(sql)?;
        if let Some((_, newest)) = self.known.get().filter(|(known, _)| *known == version) {
            return Ok(newest);
        }
        let newest = facts::catalog(sql, version)?.and_then(|catalog| catalog.newest_release().map(|row| row.date));
        self.known.set(Some((version, newest)));
        Ok(newest)
    }
}

fn told_at(sql: &Sql) -> Result<Option<Timestamp>, SqlError> {
    documents::read(sql, TOLD_AT)
}
