//! Laying all of KV anew, what is the tenants' by their ledgers; and the daily look at what KV has.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_engine::{Date, TenantId, Timestamp};
use tidegate_stored::Document;
use worker::Env;

use super::calls::CALLING_MILLIS;
use super::protocol::{self, Call, ControlCall, Republished};
use super::{control, facts, laid, trail};
use crate::durable::audit::{self, Act};
use crate::durable::client::{Circumstances, retry_after_millis};
use crate::durable::sql::{Sql, SqlError, integer, values};
use crate::durable::walk::{self, Asked, Expected, STEP_MILLIS, SWEEP_KEYS, Walk};
use crate::durable::{documents, keys, outbox};
use crate::ledger::protocol::{self as ledger, KeyCall};
use crate::platform::{jittered, real_millis, within};
use crate::store::{BINDING, Family, KeyKey, KeyRecord, Kv};

const SWEEP: &str = "sweep";
/// By which the daily sweep has its time.
const NAME: &str = "operator";
/// Ledgers that one alarm asks; the next follows a second later. All puts of theirs come at once, and decisions read
/// the same KV meanwhile.
const ASKED_AT_ONCE: i64 = 20;
const LEDGER_DEADLINE: Duration = Duration::from_secs(5);
/// Keys that one listing names.
const LISTED: u32 = 500;
const KV_DEADLINE: Duration = Duration::from_secs(10);
/// A key that is not known here is left alone for so long, in seconds.
const YOUNG_SECONDS: i64 = 120;

pub const TABLES: &[&str] = &[
    // ledgers that are to be asked; `due` is in milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS republish (
        tenant TEXT PRIMARY KEY, due INTEGER NOT NULL, attempts INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS republish_due ON republish (due)",
];

/// Lays the facts anew. Keys follow in a round, tenants with their ledgers.
pub fn begin(sql: &Sql, act: Act<'_>) -> Result<Republished, SqlError> {
    sql.change(|change| {
        for Expected { key, json, metadata } in records(change)? {
            outbox::lay_anew(change, &key, &json, metadata.as_deref())?;
        }
        laid::begin_round(change)?;
        // those that have keys alone are recorded nowhere
        let asked = "INSERT INTO republish (tenant, due, attempts)
            SELECT id, 0, 0 FROM tenant UNION SELECT tenant, 0, 0 FROM key WHERE tenant IS NOT NULL
            ON CONFLICT (tenant) DO UPDATE SET due = 0, attempts = 0";
        change.run(asked, Vec::new())?;
        let count = |of: &str| change.number(&format!("SELECT COUNT(*) FROM {of}"), Vec::new());
        let republished = Republished { keys: count("key")?.unwrap_or(0), tenants: count("republish")?.unwrap_or(0) };
        trail::write(change, act, "kv.republish", "kv", (None, audit::json(&republished)?), None)?;
        Ok(republished)
    })
}

/// A ledger that is to be asked.
#[derive(Deserialize)]
struct Asking {
    tenant: TenantId,
    /// Failures in a row.
    attempts: u32,
}

/// Asks ledgers to lay anew what is published of their tenants, while their time suffices.
pub async fn ask_ledgers(sql: &Sql, env: &Env, circumstances: Circumstances) -> Result<(), SqlError> {
    let start = real_millis();
    let due = "SELECT tenant, attempts FROM republish WHERE due <= ?1 ORDER BY due LIMIT ?2";
    for Asking { tenant, attempts } in sql.records(due, values![integer(start), ASKED_AT_ONCE])? {
        if real_millis().saturating_sub(start) >= CALLING_MILLIS {
            break;
        }
        let ledger = ledger::of(env, &tenant, audit::SYSTEM, circumstances);
        let asked = ledger.call::<bool>(&ledger::Call::Republish, LEDGER_DEADLINE).await.is_ok();
        let wait = retry_after_millis(attempts);
        sql.change(|change| {
            if asked {
                return change.run("DELETE FROM republish WHERE tenant = ?1", values![tenant.as_str()]);
            }
            let later = "UPDATE republish SET due = ?2, attempts = attempts + 1 WHERE tenant = ?1";
            change.run(later, values![tenant.as_str(), integer(real_millis()) + jittered(wait)])
        })?;
    }
    Ok(())
}

/// When something of this is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql, now: Timestamp, sweeps: bool) -> Result<Option<i64>, SqlError> {
    let step = integer(real_millis()) + STEP_MILLIS;
    let asks = sql.number("SELECT MIN(due) FROM republish", Vec::new())?.map(|due| due.max(step));
    let sweep = match documents::load::<Walk<Place>>(sql, SWEEP)? {
        Some(Walk { place: Some(_), .. }) => step,
        last => walk::next_sweep(NAME, last.map(|walk| walk.day), now).0.saturating_mul(1_000),
    };
    Ok([asks, sweeps.then_some(sweep)].into_iter().flatten().min())
}

/// Where a sweep goes on.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// Looks for keys that are missing, from this one on.
    Known(i64),
    /// Looks for keys that nobody made, from this cursor of KV's on.
    Listed(Option<String>),
}

/// Makes the next step of the daily sweep, if it is due; whether there are more. Where KV does not answer, the rest is
/// left to the next day.
pub async fn sweep(sql: &Sql, env: &Env, now: Timestamp) -> Result<bool, SqlError> {
    let (day, place) = match documents::load::<Walk<Place>>(sql, SWEEP)? {
        Some(Walk { day, place: Some(place) }) => (day, place),
        last if now < walk::next_sweep(NAME, last.as_ref().map(|walk| walk.day), now) => return Ok(false),
        _ => (now.date(), Place::Known(0)),
    };
    if place == Place::Known(0) {
        sweep_ceiling(env).await;
        laid::look(sql, env).await?;
    }
    let next = match (Kv::new(env, BINDING), place) {
        (None, _) => None,
        (Some(kv), Place::Known(after)) => look_for_known(sql, &kv, after).await?,
        (Some(kv), Place::Listed(cursor)) => look_for_orphans(sql, env, &kv, cursor.as_deref(), now).await?,
    };
    end(sql, day, next)
}

/// Has `control` look through what it has in KV. Where it does not answer, that is left to the next day.
async fn sweep_ceiling(env: &Env) {
    let control = protocol::control(env, audit::SYSTEM, Circumstances::default());
    if let Err(error) = control.call::<bool>(&Call::ToControl(ControlCall::Sweep), LEDGER_DEADLINE).await {
        worker::console_error!("the sweep of the ceiling: {}", error.as_str());
    }
}

fn end(sql: &Sql, day: Date, place: Option<Place>) -> Result<bool, SqlError> {
    let more = place.is_some();
    sql.change(|change| documents::save(change, SWEEP, &Walk { day, place }))?;
    Ok(more)
}

/// Lays anew what KV has not, or otherwise.
async fn look_for_known(sql: &Sql, kv: &Kv, after: i64) -> Result<Option<Place>, SqlError> {
    let records = || if after == 0 { records(sql) } else { Ok(Vec::new()) };
    let most = i64::try_from(SWEEP_KEYS.saturating_sub(records()?.len())).unwrap_or(0);
    let page = keys::expected(sql, None, after, most)?;
    let next = page.last().map_or(Place::Listed(None), |(last, _)| Place::Known(*last));
    let expected = records()?.into_iter().chain(page.into_iter().map(|(_, it)| it));
    let asked = Asked::new(sql, expected.take(SWEEP_KEYS).collect())?;
    let names = asked.names();
    if names.is_empty() {
        return Ok(Some(next));
    }
    let Ok(Ok(found)) = within(KV_DEADLINE, kv.read(&names)).await else { return Ok(None) };
    let known = keys::expected(sql, None, after, most)?.into_iter().map(|(_, it)| it);
    asked.lay_differences(sql, found, &records()?.into_iter().chain(known).collect::<Vec<_>>())?;
    Ok(Some(next))
}

/// Removes keys that were revoked, or that nobody made. Whether a tenant's key works its ledger judges.
async fn look_for_orphans(
    sql: &Sql,
    env: &Env,
    kv: &Kv,
    cursor: Option<&str>,
    now: Timestamp,
) -> Result<Option<Place>, SqlError> {
    let Ok(Ok(listed)) = within(KV_DEADLINE, kv.page(KeyKey::ALL, cursor, LISTED)).await else { return Ok(None) };
    let next = listed.cursor.map(|cursor| Place::Listed(Some(cursor)));
    let mut unknown = Vec::new();
    for key in listed.keys {
        let Some(hash) = key.name.strip_prefix(KeyKey::ALL) else { continue };
        let is_young = keys::made_at(key.metadata.as_deref()).is_some_and(|at| now < at.plus(YOUNG_SECONDS));
        if !keys::is_known(sql, hash)? && (!is_young || keys::is_revoked(sql, hash)?) {
            unknown.push(KeyKey(hash.to_owned()));
        }
    }
    for some in unknown.chunks(SWEEP_KEYS) {
        let orphans = orphans(env, kv, some).await;
        sql.change(|change| {
            for key in &orphans {
                // it may have come meanwhile
                if !keys::is_known(change, &key.0)? {
                    worker::console_warn!("KV has a key that does not work any more: it is removed");
                    outbox::revoke(change, key)?;
                }
            }
            Ok(())
        })?;
    }
    Ok(next)
}

/// Those of these keys, which are not known here, that no tenant's ledger knows either. Where one does not answer, or KV
/// does not, its keys are left to the next day.
async fn orphans(env: &Env, kv: &Kv, keys: &[KeyKey]) -> Vec<KeyKey> {
    let names: Vec<String> = keys.iter().map(Family::key).collect();
    let Ok(Ok(found)) = within(KV_DEADLINE, kv.read(&names)).await else { return Vec::new() };
    let mut by_tenant: BTreeMap<Option<TenantId>, Vec<String>> = BTreeMap::new();
    for (key, json) in keys.iter().zip(found) {
        // what cannot be read lets nobody in, and may be a later release's
        let Some(Ok(record)) = json.map(|json| Document::<KeyRecord>::read(&json)) else { continue };
        by_tenant.entry(record.into_value().tenant).or_default().push(key.0.clone());
    }
    let mut orphans = Vec::new();
    for (tenant, hashes) in by_tenant {
        let living = match &tenant {
            None => Some(Vec::new()),
            Some(tenant) => {
                let ledger = ledger::of(env, tenant, audit::SYSTEM, Circumstances::default());
                let living = ledger::Call::Keys(KeyCall::Living(hashes.clone()));
                ledger.call::<Vec<String>>(&living, LEDGER_DEADLINE).await.ok()
            }
        };
        let Some(living) = living else { continue };
        orphans.extend(hashes.into_iter().filter(|hash| !living.contains(hash)).map(KeyKey));
    }
    orphans
}

/// The facts in force.
fn records(sql: &Sql) -> Result<Vec<Expected>, SqlError> {
    facts::in_force(sql, &control::record(sql)?.versions)
}
