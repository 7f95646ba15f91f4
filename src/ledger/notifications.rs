//! What a tenant should know: written in the transaction of its cause, listed, and delivered by [`super::webhooks`].

use serde_json::value::RawValue;
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Timestamp};

use crate::durable::lists::{Page, Range};
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

pub fn write(change: &Change<'_>, notification: &Notification<'_>) -> Result<(), SqlError> {
    let Notification { at, kind, server, text } = notification;
    change.run(
        "INSERT INTO notification (at, kind, server, text) VALUES (?1, ?2, ?3, ?4)",
        values![at.0, *kind, server.map(ServerId::as_str), text.as_str()],
    )
}

/// One page, newest first, as the API shows it.
pub fn page(sql: &Sql, range: &Range) -> Result<Page<Box<RawValue>>, SqlError> {
    let rows = "SELECT json_object('id', CAST(number AS TEXT), 'at', strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'),
        'kind', kind, 'server', server, 'text', text)
        FROM notification WHERE number < ?1 ORDER BY number DESC LIMIT ?2";
    Page::newest_first(sql, rows, range)
}

pub fn prune(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    change.run("DELETE FROM notification WHERE at < ?1", values![now.plus(-KEPT_SECONDS).0])
}
