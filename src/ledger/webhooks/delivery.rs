//! How notifications are delivered: in order, one at a time to each webhook, again and again until they are taken or
//! refused for good.
//!
//! Its times are the real clock's: they concern the network and its receivers, who check them against their own.

use std::cell::RefCell;
use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use futures_util::future::join_all;
use js_sys::futures::JsFuture;
use serde::{Deserialize, Serialize};
use tidegate_engine::ServerId;
use tidegate_engine::TenantId;
use tidegate_engine::{HOUR, MINUTE, Timestamp};
use tidegate_wire::native::Written;
use wasm_bindgen::prelude::wasm_bindgen;

use super::{refusals, signature};
use crate::durable::sql::{Sql, SqlError, integer, to_text, values};
use crate::platform::{real_millis, real_now};

/// A receiver answers within this, in milliseconds.
const DEADLINE_MILLIS: u32 = 10_000;
/// How long a delivery that is under way keeps its webhook from another: longer than its deadline.
const IN_FLIGHT_MILLIS: i64 = 15_000;
/// Notifications that one run delivers to a webhook; the next run follows at once.
const MAX_DELIVERIES: usize = 100;
/// Seconds until a delivery is tried again, by how often it has failed.
const BACKOFF_SECONDS: [i64; 6] = [5, 30, 2 * MINUTE, 10 * MINUTE, HOUR, 3 * HOUR];
/// As above, beyond them.
const LAST_BACKOFF_SECONDS: i64 = 6 * HOUR;

/// Which webhooks have a delivery under way, and until when that counts, in milliseconds. Forgotten by a crash, which ends
/// the delivery, too.
#[derive(Debug, Default)]
pub struct Deliveries(RefCell<BTreeMap<String, i64>>);

impl Deliveries {
    fn under_way(&self, id: &str) -> Option<i64> {
        self.0.borrow().get(id).copied().filter(|until| *until > integer(real_millis()))
    }

    fn begin(&self, id: &str) {
        self.0.borrow_mut().insert(id.to_owned(), integer(real_millis()) + IN_FLIGHT_MILLIS);
    }

    fn end(&self, id: &str) {
        self.0.borrow_mut().remove(id);
    }
}

/// The webhooks to which something is to be delivered now, with `anyway` those too that wait for another try: from here
/// on they count as under way.
pub fn begin(sql: &Sql, deliveries: &Deliveries, anyway: bool) -> Result<Vec<String>, SqlError> {
    let now = integer(real_millis());
    let is_due = |it: &Waiting| (anyway || it.due <= now) && deliveries.under_way(&it.id).is_none();
    let ids: Vec<String> = waiting(sql)?.into_iter().filter(is_due).map(|it| it.id).collect();
    ids.iter().for_each(|id| deliveries.begin(id));
    Ok(ids)
}

/// Delivers what these webhooks have not taken.
pub async fn deliver(sql: &Sql, deliveries: &Deliveries, tenant: &TenantId, ids: &[String]) {
    join_all(ids.iter().map(|id| async move {
        match deliver_to(sql, deliveries, tenant, id).await {
            Ok(()) => deliveries.end(id),
            // for a fault of ours: it goes on counting as under way for a while, so that it is not tried at once
            Err(error) => worker::console_error!("{tenant}: webhook {id}: {error}"),
        }
    }))
    .await;
}

/// When the next delivery is due, in milliseconds.
pub fn next_due_millis(sql: &Sql, deliveries: &Deliveries) -> Result<Option<i64>, SqlError> {
    let due = |Waiting { id, due }| deliveries.under_way(&id).map_or(due, |until| until.max(due));
    Ok(waiting(sql)?.into_iter().map(due).min())
}

/// A webhook that has not taken all notifications, and when the next try is due, in milliseconds.
#[derive(Deserialize)]
struct Waiting {
    id: String,
    due: i64,
}

fn waiting(sql: &Sql) -> Result<Vec<Waiting>, SqlError> {
    let waiting = "SELECT id, due FROM webhook
        WHERE sent < (SELECT MAX(number) FROM notification)
        AND id NOT IN (SELECT id FROM webhook_state WHERE off_since IS NOT NULL)";
    sql.records(waiting, Vec::new())
}

/// The next notification for a webhook.
#[derive(Deserialize)]
struct Next {
    url: String,
    secret: String,
    /// The one before, as long as it signs too.
    former_secret: Option<String>,
    number: i64,
    at: Timestamp,
    kind: String,
    server: Option<ServerId>,
    text: String,
}

/// What is posted: Standard Webhooks' frame around the notification as the API shows it.
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    timestamp: Written<Timestamp>,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    tenant: &'a TenantId,
    id: Written<i64>,
    server: Option<&'a ServerId>,
    text: &'a str,
}

async fn deliver_to(sql: &Sql, deliveries: &Deliveries, tenant: &TenantId, id: &str) -> Result<(), SqlError> {
    for _ in 0..MAX_DELIVERIES {
        let next = "SELECT url, secret, number, at, kind, server, text,
                CASE WHEN former_until > ?2 THEN former_secret END AS former_secret
            FROM webhook JOIN notification ON number > sent LEFT JOIN webhook_state USING (id)
            WHERE id = ?1 AND off_since IS NULL ORDER BY number LIMIT 1";
        let Some(next) = sql.record::<Next>(next, values![id, real_now().0])? else { break };
        deliveries.begin(id);
        let outcome = post(tenant, &next).await?;
        settle(sql, id, next.number, outcome)?;
        if outcome.is_some_and(|fault| !fault.is_for_good()) {
            break;
        }
    }
    Ok(())
}

/// Posts one notification. `None`: it was taken; else what went wrong.
async fn post(tenant: &TenantId, next: &Next) -> Result<Option<Fault>, SqlError> {
    let Next { url, secret, former_secret, number, at, kind, server, text } = next;
    let data = Data { tenant, id: Written(*number), server: server.as_ref(), text };
    let body = to_text(&Payload { r#type: kind, timestamp: Written(*at), data })?;
    let (id, now) = (signature::message_id(tenant.as_str(), *number, at.0), real_now());
    // the present one first; a receiver takes a delivery of which it knows one signature
    let secrets = [Some(secret), former_secret.as_ref()].into_iter().flatten();
    let signed = secrets.map(|secret| signature::sign(&HEXLOWER.decode(secret.as_bytes()).ok()?, &id, now.0, &body));
    let signed = signed.collect::<Option<Vec<_>>>().map(|signed| signed.join(" "));
    let signed = signed.ok_or_else(|| SqlError::Malformed("a webhook's secret".to_owned()))?;
    let status = post_json(url, &body, &id, &now.0.to_string(), &signed, DEADLINE_MILLIS);
    let status = JsFuture::from(status).await.ok().and_then(|status| status.as_f64());
    Ok(match status.map_or(0, |status| status as u16) {
        200..=299 => None,
        0 => Some(Fault::Unreachable),
        1 => Some(Fault::Late),
        status => Some(Fault::Answered(status)),
    })
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fault {
    Unreachable,
    Late,
    /// With a status that is no success.
    Answered(u16),
}

impl Fault {
    /// Another try would be no other.
    const fn is_for_good(self) -> bool {
        matches!(self, Self::Answered(status) if refusals::is_for_good(status))
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unreachable => f.write_str("it could not be reached"),
            Self::Late => f.write_str("it did not answer within 10 seconds"),
            Self::Answered(status) => write!(f, "it answered with status {status}"),
        }
    }
}

/// Writes down what became of a delivery.
fn settle(sql: &Sql, id: &str, number: i64, outcome: Option<Fault>) -> Result<(), SqlError> {
    sql.change(|change| match outcome {
        None => change.run(
            "UPDATE webhook SET sent = ?2, due = 0, attempts = 0, failing_since = NULL, last_error = NULL
             WHERE id = ?1 AND sent < ?2",
            values![id, number],
        ),
        Some(Fault::Answered(status)) if refusals::is_gone(status) => refusals::switch_off(change, id, real_now()),
        Some(Fault::Answered(status)) if refusals::is_for_good(status) => {
            refusals::pass_over(change, id, number, status, real_now())
        }
        Some(fault) => {
            let attempts = change.number("SELECT attempts FROM webhook WHERE id = ?1", values![id])?.unwrap_or(0);
            let wait =
                BACKOFF_SECONDS.get(usize::try_from(attempts).unwrap_or(0)).copied().unwrap_or(LAST_BACKOFF_SECONDS);
            let due = integer(real_millis()) + wait * 1_000;
            change.run(
                "UPDATE webhook SET due = ?2, attempts = attempts + 1, failing_since = IFNULL(failing_since, ?3),
                     last_error = ?4 WHERE id = ?1",
                values![id, due, real_now().0, fault.to_string()],
            )
        }
    })
}

#[wasm_bindgen(inline_js = r#"
// The status of the answer; 1 where none came in time, 0 where there was no connection. A redirect is not followed.
export const post_json = async (url, body, id, timestamp, signature, deadline) => {
  const headers = {
    "content-type": "application/json",
    "user-agent": "Tidegate",
    "webhook-id": id,
    "webhook-timestamp": timestamp,
    "webhook-signature": signature,
  };
  const signal = AbortSignal.timeout(deadline);
  try {
    const answer = await fetch(url, { method: "POST", headers, body, redirect: "manual", signal });
    answer.body?.cancel().catch(() => {});
    return answer.status;
  } catch {
    return signal.aborted ? 1 : 0;
  }
};
"#)]
extern "C" {
    fn post_json(url: &str, body: &str, id: &str, timestamp: &str, signature: &str, deadline: u32) -> js_sys::Promise;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_as_receivers_were_told() {
        let tenant: TenantId = "contoso".parse().unwrap();
        let server = ServerId::try_from("ex01.contoso.com".to_owned()).unwrap();
        let data = Data { tenant: &tenant, id: Written(7), server: Some(&server), text: "…" };
        let payload = Payload { r#type: "stage.changed", timestamp: Written(Timestamp(1_790_842_508)), data };
        assert_eq!(
            serde_json::to_string(&payload).unwrap(),
            r#"{"type":"stage.changed","timestamp":"2026-10-01T08:15:08Z","data":{"tenant":"contoso","id":"7","server":"ex01.contoso.com","text":"…"}}"#
        );
    }

    #[test]
    fn a_fault_is_told_in_our_words() {
        assert_eq!(Fault::Answered(503).to_string(), "it answered with status 503");
    }
}
