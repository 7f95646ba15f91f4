//! The tenants that are recorded: admitted up to a bound where they have no policy, and told of new facts.

use tidegate_engine::TenantId;
use tidegate_engine::{Date, Timestamp};
use worker::Env;

use super::calls::CALLING_MILLIS;
use super::notifications;
use crate::durable::client::Circumstances;
use crate::durable::sql::{Change, Sql, SqlError, integer, values};
use crate::durable::{audit, documents};
use crate::ledger::protocol as ledger;
use crate::platform::real_millis;

/// Tenants without a policy that are recorded.
const MAX_ADMITTED: i64 = 10_000;
/// What the operator is told where there is no room, and the document with the day on which it last was.
const FULL: &str = "bound.tenants";
/// Tenants that one alarm tells of new facts, if their time suffices; the next follows at once.
const PAGE: i64 = 50;
/// Ledgers are told when KV has told their isolates, too.
const POKE_AFTER_MILLIS: i64 = 90_000;

/// Whether a tenant may be recorded; if so, it is known from now on. That there is no room is told once a day.
pub fn admit(sql: &Sql, tenant: &TenantId, is_known: bool, now: Timestamp) -> Result<bool, SqlError> {
    sql.change(|change| {
        let known = change.number("SELECT admitted FROM tenant WHERE id = ?1", values![tenant.as_str()])?;
        let admitted = change.number("SELECT COUNT(*) FROM tenant WHERE admitted = 1", values![])?;
        if !is_known && (known.is_some() || admitted.unwrap_or(0) >= MAX_ADMITTED) {
            if known.is_none() {
                tell_full(change, tenant, now)?;
            }
            return Ok(known.is_some());
        }
        change.run(
            "INSERT INTO tenant (id, admitted) VALUES (?1, ?2)
             ON CONFLICT (id) DO UPDATE SET admitted = MIN(admitted, excluded.admitted)",
            values![tenant.as_str(), i64::from(!is_known)],
        )?;
        Ok(true)
    })
}

fn tell_full(change: &Change<'_>, tenant: &TenantId, now: Timestamp) -> Result<(), SqlError> {
    let today = now.date();
    let told: Option<Date> = documents::read(change, FULL)?;
    if told.is_some_and(|told| told >= today) {
        return Ok(());
    }
    documents::save(change, FULL, &today)?;
    let text = format!(
        "{MAX_ADMITTED} tenants without a policy are recorded, and there is no room for another: mail of further ones, \
         as of {tenant}, is accepted and not recorded. Put a policy for tenants that are yours, or delete those that \
         are not."
    );
    worker::console_error!("{FULL}: {text}");
    notifications::write(change, now, FULL, &text)
}

/// The document with [`Poke`].
const POKE: &str = "poke";

/// When the next ones are due, in milliseconds of the real clock, and the last one that was told.
type Poke = (i64, String);

/// Has all ledgers judge their servers anew, so that the list of tenants follows; their own lists need none of it.
pub fn poke_all(change: &Change<'_>, now_millis: i64) -> Result<(), SqlError> {
    let poke: Poke = (now_millis + POKE_AFTER_MILLIS, String::new());
    documents::save(change, POKE, &poke)
}

/// When the next ledgers are to be told, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    Ok(poke(sql)?.map(|(due, _)| due))
}

/// Tells the next page of ledgers, if that is due or a test's clock makes it so. One that fails follows by itself within
/// a day.
pub async fn poke_due(sql: &Sql, env: &Env, circumstances: Circumstances) -> Result<(), SqlError> {
    while let Some((due, after)) = poke(sql)? {
        let is_tested = circumstances.clock().is_some();
        if !is_tested && due > integer(real_millis()) {
            break;
        }
        let page = "SELECT id FROM tenant WHERE id > ?1 ORDER BY id LIMIT ?2";
        let start = real_millis();
        let mut last = None;
        for told in sql.texts(page, values![after.as_str(), PAGE])? {
            if let Ok(tenant) = told.parse::<TenantId>() {
                let ledger = ledger::of(env, &tenant, audit::SYSTEM, circumstances);
                let _ = ledger.forward(&ledger::Call::Tick).await;
            }
            last = Some(told);
            if !is_tested && real_millis().saturating_sub(start) >= CALLING_MILLIS {
                break;
            }
        }
        sql.change(|change| match poke(change)? {
            // meanwhile there may have been another change: then all begins anew
            Some(now) if now == (due, after) => match &last {
                Some(last) => documents::save(change, POKE, &(due, last)),
                None => documents::remove(change, POKE),
            },
            _ => Ok(()),
        })?;
        if !is_tested {
            break;
        }
    }
    Ok(())
}

fn poke(sql: &Sql) -> Result<Option<Poke>, SqlError> {
    documents::read(sql, POKE)
}
