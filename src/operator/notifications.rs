//! What the operator should know that concerns no tenant in particular: written in the transaction of its cause.

use serde::{Deserialize, Serialize};
use tidegate_engine::{DAY, Timestamp};

use crate::durable::lists::{Page, Range, written};
use crate::durable::sql::{Change, Sql, SqlError, values};

pub const TABLES: &[&str] = &["CREATE TABLE IF NOT EXISTS notification (
    number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, text TEXT NOT NULL)"];

/// How long they are kept.
const KEPT_SECONDS: i64 = 400 * DAY;

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
pub struct Shown {
    #[serde(rename(deserialize = "number"), serialize_with = "written")]
    id: i64,
    #[serde(serialize_with = "written")]
    at: Timestamp,
    kind: String,
    text: String,
}

pub fn write(change: &Change<'_>, at: Timestamp, kind: &str, text: &str) -> Result<(), SqlError> {
    change.run("DELETE FROM notification WHERE at < ?1", values![at.plus(-KEPT_SECONDS).0])?;
    change.run("INSERT INTO notification (at, kind, text) VALUES (?1, ?2, ?3)", values![at.0, kind, text])
}

/// One page, newest first, as the API shows it.
pub fn page(sql: &Sql, range: &Range) -> Result<Page<Shown>, SqlError> {
    let rows = "SELECT number, at, kind, text FROM notification WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
    Page::newest_records(sql, rows, range, |shown| shown.id)
}
