//! What a tenant should know: written in the transaction of its cause, listed, and delivered by [`super::webhooks`].

use serde::{Deserialize, Serialize};
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Timestamp};

use crate::durable::lists::{Page, Range, written};
use crate::durable::sql::{Change, Sql, SqlError, values};

/// How long they are kept, whether or not every webhook has taken them.
const KEPT_SECONDS: i64 = 400 * DAY;

/// Something happened, or is about to.
pub struct Notification<'a> {
    pub at: Timestamp,
    pub kind: &'static str,
    /// `None` where all are concerned.
    pub server: Option<&'a ServerId>,
    pub text: String,
}

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
pub struct Shown {
    #[serde(rename(deserialize = "number"), serialize_with = "written")]
    id: i64,
    #[serde(serialize_with = "written")]
    at: Timestamp,
    kind: String,
    server: Option<String>,
    text: String,
}

pub fn write(change: &Change<'_>, notification: &Notification<'_>) -> Result<(), SqlError> {
    let Notification { at, kind, server, text } = notification;
    change.run(
        "INSERT INTO notification (at, kind, server, text) VALUES (?1, ?2, ?3, ?4)",
        values![at.0, *kind, server.map(ServerId::as_str), text.as_str()],
    )
}

/// One page, newest first, as the API shows it.
pub fn page(sql: &Sql, range: &Range) -> Result<Page<Shown>, SqlError> {
    let rows = "SELECT number, at, kind, server, text FROM notification WHERE number < ?1
        ORDER BY number DESC LIMIT ?2";
    Page::newest_records(sql, rows, range, |shown| shown.id)
}

pub fn prune(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    change.run("DELETE FROM notification WHERE at < ?1", values![now.plus(-KEPT_SECONDS).0])
}
