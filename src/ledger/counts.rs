//! Answered decisions, counted by server and build, and rolled up where reports read them: all in the transaction that
//! takes a batch in.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, HOUR, Timestamp};
use worker::SqlStorageValue;

use super::protocol::Counts;
use crate::durable::sql::{Change, SqlError};

/// How long hours are kept, of a server and of the tenant.
pub const HOURS_KEPT_SECONDS: i64 = 14 * DAY;
/// How long days and months are kept.
pub const DAYS_KEPT_SECONDS: i64 = 400 * DAY;

/// The columns of [`Sums`] over rows of counts.
pub const SUMS: &str = "COALESCE(SUM(accept), 0) AS accept, COALESCE(SUM(defer), 0) AS defer,
    COALESCE(SUM(reject), 0) AS reject, COALESCE(SUM(would_defer), 0) AS would_defer,
    COALESCE(SUM(would_reject), 0) AS would_reject";

/// What became of messages, added up.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Sums {
    pub accept: i64,
    pub defer: i64,
    pub reject: i64,
    pub would_defer: i64,
    pub would_reject: i64,
}

/// What one batch adds to its tenant, by the hour.
#[derive(Debug, Default)]
pub struct Tally(BTreeMap<i64, Counts>);

impl Tally {
    /// Counts what became of one server's messages at `at`.
    pub fn count(
        &mut self,
        change: &Change<'_>,
        server: &ServerId,
        build: Option<&str>,
        counts: Counts,
        at: Timestamp,
    ) -> Result<(), SqlError> {
        if counts == Counts::default() {
            return Ok(());
        }
        let (hour, month) = (at.0 - at.0.rem_euclid(HOUR), at.date().first_of_month().start());
        let build = || ("build", build.unwrap_or_default().into());
        let keys = |at: i64| [("server", server.as_str().into()), ("at", at.into())];
        let keys_of_build = |at: i64| {
            let [server, at] = keys(at);
            [server, at, build()]
        };
        add(change, "hourly", keys_of_build(hour), counts)?;
        add(change, "daily", keys_of_build(at.start_of_day().0), counts)?;
        add(change, "monthly", keys(month.0), counts)?;
        self.0.entry(hour).or_default().add(counts);
        Ok(())
    }

    /// Adds the whole to the tenant's hours and days.
    pub fn store(self, change: &Change<'_>) -> Result<(), SqlError> {
        let mut days: BTreeMap<i64, Counts> = BTreeMap::new();
        for (hour, counts) in self.0 {
            days.entry(Timestamp(hour).start_of_day().0).or_default().add(counts);
            add(change, "tenant_hour", [("at", hour.into())], counts)?;
        }
        days.into_iter().try_for_each(|(day, counts)| add(change, "tenant_day", [("at", day.into())], counts))
    }
}

/// Adds to the row of `table` that `keys` name.
fn add<const N: usize>(
    change: &Change<'_>,
    table: &str,
    keys: [(&str, SqlStorageValue); N],
    counts: Counts,
) -> Result<(), SqlError> {
    let (columns, mut values): (Vec<_>, Vec<_>) = keys.into_iter().unzip();
    let (columns, marks) = (columns.join(", "), "?, ".repeat(N));
    let statement = format!(
        "INSERT INTO {table} ({columns}, accept, defer, reject, would_defer, would_reject)
         VALUES ({marks}?, ?, ?, ?, ?)
         ON CONFLICT ({columns}) DO UPDATE SET accept = accept + excluded.accept,
             defer = defer + excluded.defer, reject = reject + excluded.reject,
             would_defer = would_defer + excluded.would_defer, would_reject = would_reject + excluded.would_reject"
    );
    values.extend(<[u32; 5]>::from(counts).map(|count| SqlStorageValue::from(i64::from(count))));
    change.run(&statement, values)
}
