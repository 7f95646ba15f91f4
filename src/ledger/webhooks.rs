//! Webhooks: where a tenant's notifications are posted to.
//!
//! A webhook is a cursor over the notifications: one that cannot be reached loses none and gets them in their order, one
//! at a time, when it is back. A crash between a delivery and its note here repeats that one, under the same id.

mod delivery;
pub mod signature;
pub mod target;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_wire::problem::Problem;

use super::policies;
use super::protocol::Changed;
use super::site::Site;
use crate::durable::audit;
use crate::durable::lists::{Page, Range, id_of};
use crate::durable::sql::{Change, Sql, SqlError, values};
use crate::platform::{random_bytes, random_id};
pub use delivery::{Deliveries, begin, deliver, next_due_millis};

/// Webhooks of one tenant.
const MAX_WEBHOOKS: i64 = 8;

/// What is asked of a tenant's webhooks.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WebhookCall {
    /// Answered with one page of them as the API shows them.
    List(Range),
    /// This and what follows: answered with [`Changed`]. The address is checked by [`target`].
    Create {
        url: String,
    },
    Delete {
        id: String,
    },
}

pub fn page(sql: &Sql, range: &Range) -> Result<Page<Box<RawValue>>, SqlError> {
    let rows = format!("{SHOWN} WHERE id > ?1 ORDER BY id LIMIT ?2");
    let after = range.cursor.as_deref().unwrap_or_default();
    let rows = sql.rows::<Box<RawValue>>(&rows, values![after, i64::from(range.limit) + 1])?;
    Ok(Page::of(rows, range, |row| id_of(row)))
}

/// A webhook for what happens from now on; the answer alone shows its secret.
pub fn create(sql: &Sql, site: &Site<'_>, url: &str) -> Result<Changed, SqlError> {
    let id = random_id();
    let key = random_bytes();
    sql.change(|change| {
        if change.number("SELECT COUNT(*) FROM webhook", Vec::new())?.unwrap_or(0) >= MAX_WEBHOOKS {
            return Err(Problem::unprocessable(format!("a tenant has {MAX_WEBHOOKS} webhooks at most")).into());
        }
        change.run(
            "INSERT INTO webhook (id, url, secret, created_at, created_by, sent, due, attempts)
             VALUES (?1, ?2, ?3, ?4, ?5, (SELECT IFNULL(MAX(number), 0) FROM notification), 0, 0)",
            values![id.as_str(), url, signature::to_hex(&key), site.now.0, site.actor],
        )?;
        policies::set_tenant(change, site.tenant)?;
        audit::write(change, site.act(), "webhook.create", &id, (None, one(change, &id)?))?;
        let shown = "SELECT json_object('id', id, 'url', url, 'secret', ?2,
            'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch')) FROM webhook WHERE id = ?1";
        let secret = format!("whsec_{}", signature::to_base64(&key));
        let shown = change.texts(shown, values![id.as_str(), secret])?.pop();
        Ok(Changed { shown, ..Changed::default() })
    })
}

/// Deletes a webhook, with what was still to be delivered.
pub fn delete(sql: &Sql, site: &Site<'_>, id: &str) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let Some(before) = one(change, id)? else {
            return Err(Problem::not_found("there is no such webhook").into());
        };
        change.run("DELETE FROM webhook WHERE id = ?1", values![id])?;
        audit::write(change, site.act(), "webhook.delete", id, (Some(before), None))?;
        Ok(Changed::default())
    })
}

/// Webhooks as the API shows them.
const SHOWN: &str = "SELECT json_object('id', id, 'url', url,
    'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch'), 'created_by', created_by,
    'pending', (SELECT COUNT(*) FROM notification WHERE number > sent),
    'failing_since', strftime('%Y-%m-%dT%H:%M:%SZ', failing_since, 'unixepoch'), 'last_error', last_error)
    FROM webhook";

/// As the audit trail has it: without its secret.
fn one(change: &Change<'_>, id: &str) -> Result<Option<String>, SqlError> {
    let shown = "SELECT json_object('id', id, 'url', url) FROM webhook WHERE id = ?1";
    Ok(change.texts(shown, values![id])?.pop())
}
