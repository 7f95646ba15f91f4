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
use tidegate_engine::{DAY, Timestamp};
use tidegate_wire::native::Written;
use tidegate_wire::problem::Problem;

use super::policies;
use super::protocol::Changed;
use super::site::Site;
use crate::durable::audit;
use crate::durable::lists::{Page, Range, written};
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::platform::{random_bytes, random_id, real_now};
pub use delivery::{Deliveries, begin, deliver, next_due_millis};
use masked::masked;
pub use masked::trail;

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

pub fn page(sql: &Sql, range: &Range, is_masked: bool) -> Result<Page<Shown>, SqlError> {
    let rows = format!("{ROW} WHERE webhook.id > ?1 ORDER BY webhook.id LIMIT ?2");
    let after = range.cursor.as_deref().unwrap_or_default();
    let rows = sql.records(&rows, values![after, i64::from(range.limit) + 1, real_now().0])?;
    let Page { items, next } = Page::of(rows, range, |row: &Row| row.id.clone());
    let items = items.into_iter().map(|row| Shown::new(row, is_masked)).collect();
    Ok(Page { items, next })
}

/// A webhook for what happens from now on; the answer alone shows its secret.
pub fn create(sql: &Sql, site: &Site<'_>, url: &str) -> Result<Changed, SqlError> {
    let id = random_id();
    let key = random_bytes::<SECRET_OCTETS>()?;
    sql.change(|change| {
        if change.number("SELECT COUNT(*) FROM webhook", Vec::new())?.unwrap_or(0) >= MAX_WEBHOOKS {
            let why = format!("a tenant has {MAX_WEBHOOKS} webhooks at most");
            return Err(Problem::unprocessable(why).in_field("url").into());
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
    #[derive(Deserialize, Serialize)]
    struct Shown {
        id: String,
        url: String,
        secret: String,
        #[serde(serialize_with = "written")]
        created_at: Timestamp,
    }
    let row = "SELECT id, url, ?2 AS secret, created_at FROM webhook WHERE id = ?1";
    let secret = format!("whsec_{}", BASE64.encode(key));
    let shown = change.record::<Shown>(row, values![id, secret])?.as_ref().map(to_text).transpose()?;
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

/// A webhook with what became of its deliveries.
#[derive(Deserialize)]
struct Row {
    id: String,
    url: String,
    created_at: Timestamp,
    created_by: String,
    pending: u64,
    failing_since: Option<Timestamp>,
    last_error: Option<String>,
    off_since: Option<Timestamp>,
    refused: Option<u64>,
    refused_number: Option<i64>,
    refused_at: Option<Timestamp>,
    refused_status: Option<u16>,
    former_secret_until: Option<Timestamp>,
}

const ROW: &str = "SELECT webhook.id AS id, url, created_at, created_by,
    CASE WHEN off_since IS NULL THEN (SELECT COUNT(*) FROM notification WHERE number > sent) ELSE 0 END AS pending,
    failing_since, last_error, off_since, refused, webhook_refusal.number AS refused_number, at AS refused_at,
    status AS refused_status, CASE WHEN former_until > ?3 THEN former_until END AS former_secret_until
    FROM webhook LEFT JOIN webhook_state USING (id) LEFT JOIN webhook_refusal USING (id)";

/// A webhook as the API shows it.
#[derive(Serialize)]
pub struct Shown {
    id: String,
    url: String,
    created_at: Written<Timestamp>,
    created_by: String,
    pending: u64,
    failing_since: Option<Written<Timestamp>>,
    last_error: Option<String>,
    off_since: Option<Written<Timestamp>>,
    /// Notifications that were refused for good.
    refused: u64,
    last_refusal: Option<Refusal>,
    former_secret_until: Option<Written<Timestamp>>,
}

#[derive(Serialize)]
struct Refusal {
    notification: Written<i64>,
    at: Written<Timestamp>,
    status: u16,
}

impl Shown {
    fn new(row: Row, is_masked: bool) -> Self {
        let refusal = row.refused_number.zip(row.refused_at).zip(row.refused_status);
        Self {
            id: row.id,
            url: if is_masked { masked(&row.url) } else { row.url },
            created_at: Written(row.created_at),
            created_by: row.created_by,
            pending: row.pending,
            failing_since: row.failing_since.map(Written),
            last_error: row.last_error,
            off_since: row.off_since.map(Written),
            refused: row.refused.unwrap_or(0),
            last_refusal: refusal.map(|((number, at), status)| Refusal {
                notification: Written(number),
                at: Written(at),
                status,
            }),
            former_secret_until: row.former_secret_until.map(Written),
        }
    }
}

/// As the audit trail has it: without its secret, and without the path, which may be one.
fn one(change: &Change<'_>, id: &str) -> Result<Option<String>, SqlError> {
    let url = change.text("SELECT url FROM webhook WHERE id = ?1", values![id])?;
    url.map(|url| masked::entry(id, &url)).transpose()
}
