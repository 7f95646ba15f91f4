//! The tables of an object, by version: which release may read and write what another one left.
//!
//! Steps only add within one release; what is to go goes one release later, so that the release before reads and writes
//! what this one leaves. A later release that must not be read or written by this one says so in its row.

use std::cell::Cell;

use serde::Deserialize;
use tidegate_wire::problem::Problem;

use super::outbox;
use super::sql::{Change, Sql, SqlError, values};

/// One row. `min_reader` and `min_writer`: the least version of a release that may read, and write, what is there.
/// 67205e3 made no such table: where there is none, its tables are there, or none at all.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS schema (
    one INTEGER PRIMARY KEY CHECK (one = 1), version INTEGER NOT NULL, min_reader INTEGER NOT NULL,
    min_writer INTEGER NOT NULL)";

/// What leads from one version to the next; the first one leads from nothing. Each may find its work done.
pub type Step = fn(&Change<'_>) -> Result<(), SqlError>;

/// What this release may do with the tables that are there.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fit {
    Writes,
    /// A later release wrote them: they can be read.
    Reads,
    /// A later release wrote them otherwise.
    Nothing,
}

/// Opens an object's tables as this release may use them. `fit` is the object's own, unknown until they were looked at.
///
/// # Errors
/// A refusal where this release may not even read them.
pub fn open(sql: Sql, fit: &Cell<Option<Fit>>, steps: &[Step]) -> Result<Sql, SqlError> {
    let known = match fit.get() {
        Some(known) => known,
        None => {
            let found = migrate(&sql, steps)?;
            if found == Fit::Writes {
                sql.change(outbox::take_over)?;
            }
            fit.set(Some(found));
            found
        }
    };
    match known {
        Fit::Writes => Ok(sql),
        Fit::Reads => Ok(sql.read_only()),
        Fit::Nothing => {
            Err(Problem::unavailable("a later release wrote what is stored: this one cannot read it").into())
        }
    }
}

#[derive(Deserialize)]
struct Row {
    version: usize,
    min_reader: usize,
    min_writer: usize,
}

/// Brings the tables to this release's version, in one transaction.
pub fn migrate(sql: &Sql, steps: &[Step]) -> Result<Fit, SqlError> {
    let stored = stored(sql)?;
    let version = stored.as_ref().map_or(0, |row| row.version);
    if let Some(row) = stored.filter(|row| row.version >= steps.len()) {
        return Ok(fit(&row, steps.len()));
    }
    sql.change(|change| {
        change.run(TABLE, Vec::new())?;
        steps.iter().skip(version).try_for_each(|step| step(change))?;
        change.run(
            "INSERT INTO schema (one, version, min_reader, min_writer) VALUES (1, ?1, 1, 1)
             ON CONFLICT (one) DO UPDATE SET version = excluded.version",
            values![i64::try_from(steps.len()).unwrap_or(i64::MAX)],
        )
    })?;
    Ok(Fit::Writes)
}

fn stored(sql: &Sql) -> Result<Option<Row>, SqlError> {
    let exists = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema'";
    if sql.number(exists, Vec::new())?.is_none() {
        return Ok(None);
    }
    sql.record("SELECT version, min_reader, min_writer FROM schema", Vec::new())
}

fn fit(row: &Row, version: usize) -> Fit {
    if row.min_reader > version {
        Fit::Nothing
    } else if row.min_writer > version {
        Fit::Reads
    } else {
        Fit::Writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_release_says_what_this_one_may_do_with_its_tables() {
        let fit = |min_reader, min_writer| fit(&Row { version: 9, min_reader, min_writer }, 2);
        assert_eq!((fit(1, 1), fit(2, 2)), (Fit::Writes, Fit::Writes));
        assert_eq!((fit(1, 3), fit(2, 9)), (Fit::Reads, Fit::Reads));
        assert_eq!((fit(3, 3), fit(9, 1)), (Fit::Nothing, Fit::Nothing));
    }
}
