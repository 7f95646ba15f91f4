//! The audit trail: who changed what, from what to what. Rows are added and, when their time is over, pruned; never
//! changed.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::{DAY, Timestamp};

use super::lists::{Page, Range, written};
use super::sql::{Change, Sql, SqlError, to_text, values};

pub const TABLES: &[&str] = &["CREATE TABLE IF NOT EXISTS audit (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, actor TEXT NOT NULL, action TEXT NOT NULL,
        subject TEXT NOT NULL, before TEXT, after TEXT, note TEXT UNIQUE)"];
pub const INDEXES: &[&str] = &["CREATE INDEX IF NOT EXISTS audit_at ON audit (at)"];

/// The actor of what happens by itself.
pub const SYSTEM: &str = "system";

/// How long entries are kept.
pub const KEPT_SECONDS: i64 = 400 * DAY;

/// Who acts, and when.
#[derive(Clone, Copy, Debug)]
pub struct Act<'a> {
    pub actor: &'a str,
    pub at: Timestamp,
}

/// Writes down that `subject` was changed from `before` to `after`, as JSON.
pub fn write(
    change: &Change<'_>,
    act: Act<'_>,
    action: &str,
    subject: &str,
    (before, after): (Option<String>, Option<String>),
) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO audit (at, actor, action, subject, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        values![act.at.0, act.actor, action, subject, before, after],
    )
}

/// An entry that one object has for the trail of another.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Note {
    /// By which a note that comes twice is known.
    pub id: String,
    pub at: Timestamp,
    pub actor: String,
    pub action: String,
    pub subject: String,
    /// As JSON.
    pub before: Option<String>,
    pub after: Option<String>,
}

/// Writes down what another object has to say, once.
pub fn take(change: &Change<'_>, note: Note) -> Result<(), SqlError> {
    let Note { id, at, actor, action, subject, before, after } = note;
    change.run(
        "INSERT INTO audit (at, actor, action, subject, before, after, note) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
         ON CONFLICT (note) DO NOTHING",
        values![at.0, actor, action, subject, before, after, id],
    )
}

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
pub struct Entry {
    #[serde(rename(deserialize = "number"), serialize_with = "written")]
    id: i64,
    #[serde(serialize_with = "written")]
    at: Timestamp,
    actor: String,
    pub action: String,
    subject: String,
    pub before: Option<Box<RawValue>>,
    pub after: Option<Box<RawValue>>,
}

/// One page, newest first, as the API shows it.
pub fn page(sql: &Sql, range: &Range) -> Result<Page<Entry>, SqlError> {
    let rows = "SELECT number, at, actor, action, subject, before, after FROM audit WHERE number < ?1
        ORDER BY number DESC LIMIT ?2";
    Page::newest_records(sql, rows, range, |entry| entry.id)
}

pub fn prune(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    change.run("DELETE FROM audit WHERE at < ?1", values![now.plus(-KEPT_SECONDS).0])
}

/// A value as an entry has it.
pub fn json(value: &impl serde::Serialize) -> Result<Option<String>, SqlError> {
    to_text(value).map(Some)
}
