//! What a receiver refuses for good: it holds nothing else back.

use tidegate_engine::{DAY, Timestamp};

use super::masked::masked;
use crate::durable::sql::{Change, SqlError, values};
use crate::ledger::notifications::{self, Notification};

/// Whether the same message would be answered with that status again: the receiver's 4xx but for those that ask for
/// another try (RFC 9110 section 15.5.9, RFC 6585 section 4).
pub const fn is_for_good(status: u16) -> bool {
    matches!(status, 400..=499) && status != 408 && status != 429
}

/// Whether the receiver wants nothing any more (RFC 9110 section 15.5.11; Standard Webhooks).
pub const fn is_gone(status: u16) -> bool {
    status == 410
}

/// Marks a notification as refused and passes over it. The tenant is told, once a day and webhook.
pub fn pass_over(change: &Change<'_>, id: &str, number: i64, status: u16, now: Timestamp) -> Result<(), SqlError> {
    change.run(
        "UPDATE webhook SET sent = ?2, due = 0, attempts = 0, failing_since = NULL, last_error = NULL
         WHERE id = ?1 AND sent < ?2",
        values![id, number],
    )?;
    let today = now.0.div_euclid(DAY);
    let told = change.number("SELECT told_on FROM webhook_refusal WHERE id = ?1", values![id])?;
    change.run(
        "INSERT INTO webhook_refusal (id, refused, number, at, status, told_on) VALUES (?1, 1, ?2, ?3, ?4, ?5)
         ON CONFLICT (id) DO UPDATE SET refused = refused + 1, number = excluded.number, at = excluded.at,
             status = excluded.status, told_on = excluded.told_on",
        values![id, number, now.0, i64::from(status), today],
    )?;
    if told.is_some_and(|told| told >= today) {
        return Ok(());
    }
    let url = url(change, id)?;
    let text = format!(
        "The webhook at {url} refused the notification {number} with status {status}: it is passed over, and stands in \
         the list of notifications. Further refusals of this day are counted, and not told."
    );
    notifications::write(change, &Notification { at: now, kind: "webhook.refused", server: None, text })
}

/// Switches a webhook off whose receiver is gone, and tells the tenant.
pub fn switch_off(change: &Change<'_>, id: &str, now: Timestamp) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO webhook_state (id, off_since) SELECT id, ?2 FROM webhook WHERE id = ?1
         ON CONFLICT (id) DO UPDATE SET off_since = IFNULL(off_since, excluded.off_since)",
        values![id, now.0],
    )?;
    // the release before knows no state: it goes on trying, seldom
    let url = url(change, id)?;
    let text = format!(
        "The webhook at {url} answered with status 410, gone: it is switched off, and nothing more is posted there. If \
         that was a mistake, delete it and make it anew."
    );
    notifications::write(change, &Notification { at: now, kind: "webhook.off", server: None, text })
}

fn url(change: &Change<'_>, id: &str) -> Result<String, SqlError> {
    let url = change.text("SELECT url FROM webhook WHERE id = ?1", values![id])?;
    Ok(url.map_or_else(String::new, |url| masked(&url)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_taken_later_is_not_refused_for_good() {
        for status in [400, 401, 403, 404, 410, 413, 422, 451] {
            assert!(is_for_good(status), "{status}");
        }
        for status in [200, 302, 408, 429, 500, 503] {
            assert!(!is_for_good(status), "{status}");
        }
    }
}
