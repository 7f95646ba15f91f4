//! The operator's audit trail, and what of it belongs into a tenant's own: delivered to the tenant's ledger until it has
//! it, each entry once.

use std::time::Duration;

use serde::Deserialize;
use tidegate_engine::TenantId;
use worker::Env;

use super::calls::CALLING_MILLIS;
use crate::durable::audit::{self, Act, Note};
use crate::durable::client::{Circumstances, retry_after_millis};
use crate::durable::sql::{Change, Sql, SqlError, integer, to_text, values};
use crate::ledger::protocol as ledger;
use crate::platform::real_millis;

/// Deliveries that one alarm makes, if their time suffices; the next follows at once.
const MAX_DELIVERIES: i64 = 50;
const DELIVERY_DEADLINE: Duration = Duration::from_secs(5);

/// Writes down what was changed, for the tenant concerned as well.
pub fn write(
    change: &Change<'_>,
    act: Act<'_>,
    action: &str,
    subject: &str,
    (before, after): (Option<String>, Option<String>),
    tenant: Option<&TenantId>,
) -> Result<(), SqlError> {
    audit::write(change, act, action, subject, (before.clone(), after.clone()))?;
    let Some(tenant) = tenant else { return Ok(()) };
    let note = Note {
        // an id is drawn once, and made or revoked once
        id: format!("{action}/{subject}"),
        at: act.at,
        actor: act.actor.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        before,
        after,
    };
    let deliver = "INSERT INTO delivery (tenant, note, due, attempts) VALUES (?1, ?2, 0, 0)";
    change.run(deliver, values![tenant.as_str(), to_text(&note)?])
}

/// A note that a tenant's ledger has yet to take in.
#[derive(Deserialize)]
struct Delivery {
    number: i64,
    tenant: TenantId,
    note: Note,
    attempts: u32,
}

/// When the first delivery is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    sql.number("SELECT MIN(due) FROM delivery", Vec::new())
}

/// Makes the deliveries that are due. What fails stays, and is due again later.
pub async fn deliver(sql: &Sql, env: &Env) {
    let due = "SELECT number, tenant, note, attempts FROM delivery WHERE due <= ?1 ORDER BY due, number LIMIT ?2";
    let start = real_millis();
    let deliveries = sql.records(due, values![integer(start), MAX_DELIVERIES]).unwrap_or_default();
    for Delivery { number, tenant, note, attempts } in deliveries {
        if real_millis().saturating_sub(start) >= CALLING_MILLIS {
            return;
        }
        let ledger = ledger::of(env, &tenant, audit::SYSTEM, Circumstances::default());
        let taken = ledger.call::<bool>(&ledger::Call::Note(note), DELIVERY_DEADLINE).await.is_ok();
        let wait = retry_after_millis(attempts);
        let _ = sql.change(|change| {
            if taken {
                return change.run("DELETE FROM delivery WHERE number = ?1", values![number]);
            }
            let later = "UPDATE delivery SET due = ?2, attempts = attempts + 1 WHERE number = ?1";
            change.run(later, values![number, integer(real_millis()) + wait])
        });
    }
}
