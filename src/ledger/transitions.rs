//! What happened to a server's spell and exemptions, as its own page lists it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::{ServerId, Timestamp};

use crate::durable::lists::written;
use crate::durable::sql::{Change, Sql, SqlError, values};

/// Of one server.
const MAX_TRANSITIONS: i64 = 200;

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
pub struct TransitionDocument {
    #[serde(serialize_with = "written")]
    pub at: Timestamp,
    pub kind: String,
    build: Option<String>,
    actor: String,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

/// A server's transitions, newest first.
pub fn of(sql: &Sql, id: &ServerId) -> Result<Vec<TransitionDocument>, SqlError> {
    let transitions = "SELECT at, kind, build, actor, before, after FROM transition WHERE server = ?1
        ORDER BY number DESC LIMIT ?2";
    sql.records(transitions, values![id.as_str(), MAX_TRANSITIONS])
}

/// Writes down that something about a server changed, and forgets what is too long ago.
pub fn write(
    change: &Change<'_>,
    id: &ServerId,
    at: Timestamp,
    kind: &str,
    (actor, build): (&str, Option<String>),
    (before, after): (Option<String>, Option<String>),
) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO transition (server, at, kind, build, actor, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        values![id.as_str(), at.0, kind, build, actor, before, after],
    )?;
    let oldest = "DELETE FROM transition WHERE server = ?1 AND number NOT IN
        (SELECT number FROM transition WHERE server = ?1 ORDER BY number DESC LIMIT ?2)";
    change.run(oldest, values![id.as_str(), MAX_TRANSITIONS])
}
