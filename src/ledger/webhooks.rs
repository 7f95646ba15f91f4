//! Webhooks: where a tenant's notifications are posted to.
//!
//! A webhook is a cursor over the notifications: one that cannot be reached loses none and gets them in their order, one
//! at a time, when it is back. A crash between a delivery and its note here repeats that one, under the same id. What a
//! receiver refuses for good is marked, told, and passed over; one that is gone (410) is switched off.

mod delivery;
mod masked;
mod refusals;
pub mod signature;
pub mod target;

use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_wire::problem::Problem;

use super::policies;
use super::protocol::Changed;
use super::site::Site;
use crate::durable::audit;
use crate::durable::lists::{Page, Range, id_of};
use crate::durable::sql::{Change, Sql, SqlError, values};
use crate::platform::{random_bytes, random_id, real_now};
pub use delivery::{Deliveries, begin, deliver, next_due_millis};
use masked::masked;
pub use masked::trail;
use tidegate_engine::DAY;

/// Webhooks of one tenant.
const MAX_WEBHOOKS: i64 = 8;
const SECRET_OCTETS: usize = 32;
/// How long the secret before signs beside the one that took its place.
const FORMER_SECRET_SECONDS: i64 = DAY;

pub const TABLES: &[&str] = &[
    // beside the table `webhook`, whose form the release before knows: the secret before the present one, until when it
    // signs too, and since when nothing is delivered any more; both by the real clock
    "CREATE TABLE IF NOT EXISTS webhook_state (
        id TEXT PRIMARY KEY, former_secret TEXT, former_until INTEGER, off_since INTEGER) WITHOUT ROWID",
    // notifications that were refused for good: how many, and the last one
    "CREATE TABLE IF NOT EXISTS webhook_refusal (
        id TEXT PRIMARY KEY, refused INTEGER NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,
        status INTEGER NOT NULL, told_on INTEGER) WITHOUT ROWID",
];

pub fn page(sql: &Sql, range: &Range, is_masked: bool) -> Result<Page<Box<RawValue>>, SqlError> {
    let rows = format!("{SHOWN} WHERE webhook.id > ?1 ORDER BY webhook.id LIMIT ?2");
    let after = range.cursor.as_deref().unwrap_or_default();
    let rows: Vec<Shown> = sql.rows(&rows, values![after, i64::from(range.limit) + 1, real_now().0])?;
    let rows = rows.into_iter().map(|shown| match is_masked {
        true => shown.masked().to_json(),
        false => shown.to_json(),
    });
    Ok(Page::of(rows.collect::<Result<_, _>>()?, range, |row| id_of(row)))
}

/// A webhook for what happens from now on; the answer alone shows its secret.
pub fn create(sql: &Sql, site: &Site<'_>, url: &str) -> Result<Changed, SqlError> {
    let id = random_id();
    let key = random_bytes::<SECRET_OCTETS>()?;
    sql.change(|change| {
        if change.number("SELECT COUNT(*) FROM webhook", Vec::new())?.unwrap_or(0) >= MAX_WEBHOOKS {
            return Err(Problem::unprocessable(format!("a tenant has {MAX_WEBHOOKS} webhooks at most")).into());
        }
        change.run(
            "INSERT INTO webhook (id, url, secret, created_at, created_by, sent, due, attempts)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT IFNULL(MAX(number), 0) FROM notification), 0, 0)",
            values![id.as_str(), url, HEXLOWER.encode(&key), site.now.0, site.actor],
        )?;
        policies::set_tenant(change, site.tenant)?;
        audit::write(change, site.act(), "webhook.create", &id, (None, one(change, &id)?))?;
        with_secret(change, &id, &key)
    })
}

/// Draws another secret, which the answer alone shows. For a day deliveries carry the signatures of both, so that a
/// receiver can change over when it likes.
pub fn rotate(sql: &Sql, site: &Site<'_>, id: &str) -> Result<Changed, SqlError> {
    let key = random_bytes::<SECRET_OCTETS>()?;
    sql.change(|change| {
        let Some(before) = one(change, id)? else {
            return Err(Problem::not_found("there is no such webhook").into());
        };
        change.run(
            "INSERT INTO webhook_state (id, former_secret, former_until)
             SELECT id, secret, ?2 FROM webhook WHERE id = ?1
             ON CONFLICT (id) DO UPDATE SET former_secret = excluded.former_secret, former_until = excluded.former_until",
            values![id, real_now().plus(FORMER_SECRET_SECONDS).0],
        )?;
        change.run("UPDATE webhook SET secret = ?2 WHERE id = ?1", values![id, HEXLOWER.encode(&key)])?;
        audit::write(change, site.act(), "webhook.rotate", id, (Some(before), one(change, id)?))?;
        with_secret(change, id, &key)
    })
}

/// A webhook with the secret that it has from now on.
fn with_secret(change: &Change<'_>, id: &str, key: &[u8]) -> Result<Changed, SqlError> {
    let shown = "SELECT json_object('id', id, 'url', url, 'secret', ?2,
        'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch')) FROM webhook WHERE id = ?1";
    let secret = format!("whsec_{}", BASE64.encode(key));
    let shown = change.texts(shown, values![id, secret])?.pop();
    Ok(Changed { shown, ..Changed::default() })
}

/// Deletes a webhook, with what was still to be delivered.
pub fn delete(sql: &Sql, site: &Site<'_>, id: &str) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let Some(before) = one(change, id)? else {
            return Err(Problem::not_found("there is no such webhook").into());
        };
        for table in ["webhook", "webhook_state", "webhook_refusal"] {
            change.run(&format!("DELETE FROM {table} WHERE id = ?1"), values![id])?;
        }
        audit::write(change, site.act(), "webhook.delete", id, (Some(before), None))?;
        Ok(Changed::default())
    })
}

/// A webhook as the API shows it. Times as text.
#[derive(Debug, Deserialize, Serialize)]
struct Shown {
    id: String,
    url: String,
    created_at: String,
    created_by: String,
    pending: u64,
    failing_since: Option<String>,
    last_error: Option<String>,
    off_since: Option<String>,
    /// Notifications that were refused for good.
    refused: u64,
    last_refusal: Option<Box<RawValue>>,
    former_secret_until: Option<String>,
}

impl Shown {
    fn masked(self) -> Self {
        Self { url: masked(&self.url), ..self }
    }

    fn to_json(&self) -> Result<Box<RawValue>, SqlError> {
        serde_json::value::to_raw_value(self).map_err(|error| SqlError::Failed(error.to_string()))
    }
}

const SHOWN: &str = "SELECT json_object('id', webhook.id, 'url', url,
    'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch'), 'created_by', created_by,
    'pending', CASE WHEN off_since IS NULL THEN (SELECT COUNT(*) FROM notification WHERE number > sent) ELSE 0 END,
    'failing_since', strftime('%Y-%m-%dT%H:%M:%SZ', failing_since, 'unixepoch'), 'last_error', last_error,
    'off_since', strftime('%Y-%m-%dT%H:%M:%SZ', off_since, 'unixepoch'), 'refused', IFNULL(refused, 0),
    'last_refusal', CASE WHEN refused IS NULL THEN NULL ELSE json_object('notification', CAST(number AS TEXT),
        'at', strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'), 'status', status) END,
    'former_secret_until', CASE WHEN former_until > ?3
        THEN strftime('%Y-%m-%dT%H:%M:%SZ', former_until, 'unixepoch') END)
    FROM webhook LEFT JOIN webhook_state USING (id) LEFT JOIN webhook_refusal USING (id)";

/// As the audit trail has it: without its secret, and without the path, which may be one.
fn one(change: &Change<'_>, id: &str) -> Result<Option<String>, SqlError> {
    let url: Option<String> = change.row("SELECT json_quote(url) FROM webhook WHERE id = ?1", values![id])?;
    url.map(|url| masked::entry(id, &url)).transpose()
}
