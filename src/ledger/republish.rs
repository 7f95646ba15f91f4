//! Laying anew all that is published of a tenant, and the daily look at what KV has of it.

use serde::Deserialize;
use tidegate_engine::{Date, TenantId, Timestamp};
use worker::Env;

use super::site::Site;
use super::{keys, policies, servers};
use crate::durable::sql::{Sql, SqlError, integer, values};
use crate::durable::walk::{self, Asked, Expected, STEP_MILLIS, SWEEP_KEYS, Walk};
use crate::durable::{documents, outbox};
use crate::platform::real_millis;
use crate::store::{BINDING, Family, Kv, PhaseKey, PolicyKey, TenantKey};

const REPUBLISH: &str = "republish";
const SWEEP: &str = "sweep";
/// Servers that one step of a sweep looks at: what it reads beside them are policy and summary.
const SWEEP_SERVERS: i64 = 98;

/// Lays policy and summary anew; the servers' phases follow a step at a time. API keys are laid in rounds: see
/// [`crate::durable::laying`].
pub fn begin(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    sql.change(|change| {
        let Some(tenant) = tenant(change)? else { return Ok(()) };
        for Expected { key, json, metadata } in records(change, &tenant)? {
            outbox::lay_anew(change, &key, &json, metadata.as_deref())?;
        }
        documents::save(change, REPUBLISH, &Walk { day: site.now.date(), place: Some(String::new()) })
    })
}

/// Lays the phases of the next servers anew, if the outbox has room for them.
pub fn step(sql: &Sql) -> Result<(), SqlError> {
    let Some(Walk { day, place: Some(after) }) = documents::load::<Walk<String>>(sql, REPUBLISH)? else {
        return Ok(());
    };
    let Some(tenant) = tenant(sql)?.filter(|_| outbox::has_room(sql).unwrap_or(false)) else {
        return Ok(());
    };
    sql.change(|change| {
        let last = servers::last_of_page(change, "", &after, outbox::STEP)?;
        let phases = "SELECT ?3 || id AS key, phase AS json, NULL AS metadata FROM server
            WHERE id > ?1 AND id <= ?2 AND phase IS NOT NULL ORDER BY id";
        let Some(last) = last else { return documents::remove(change, REPUBLISH) };
        outbox::lay_all_anew(change, phases, values![after, last.as_str(), PhaseKey::all_of(&tenant)])?;
        documents::save(change, REPUBLISH, &Walk { day, place: Some(last) })
    })
}

/// When a step of either is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql, now: Timestamp, sweeps: bool) -> Result<Option<i64>, SqlError> {
    let Some(tenant) = tenant(sql)? else { return Ok(None) };
    let step = integer(real_millis()) + STEP_MILLIS;
    let republish = documents::load::<Walk<String>>(sql, REPUBLISH)?.filter(|walk| walk.place.is_some());
    let republish = republish.map(|_| step);
    let sweep = match documents::load::<Walk<String>>(sql, SWEEP)? {
        Some(Walk { place: Some(_), .. }) => step,
        last => walk::next_sweep(tenant.as_str(), last.map(|walk| walk.day), now).0.saturating_mul(1_000),
    };
    Ok(republish.into_iter().chain(sweeps.then_some(sweep)).min())
}

/// Makes the next step of the daily sweep, if it is due; whether there are more. Where KV does not answer, the rest is
/// left to the next day.
pub async fn sweep(sql: &Sql, env: &Env, now: Timestamp) -> Result<bool, SqlError> {
    let Some(tenant) = tenant(sql)? else { return Ok(false) };
    let (day, after) = match documents::load::<Walk<String>>(sql, SWEEP)? {
        Some(Walk { day, place: Some(after) }) => (day, after),
        last if now < walk::next_sweep(tenant.as_str(), last.as_ref().map(|walk| walk.day), now) => return Ok(false),
        _ => (now.date(), String::new()),
    };
    if after.is_empty() && !sweep_keys(sql, env, &tenant, now).await? {
        return end(sql, day, None);
    }
    let last = servers::last_of_page(sql, "", &after, SWEEP_SERVERS)?;
    let expected = || -> Result<Vec<Expected>, SqlError> {
        let mut expected = if after.is_empty() { records(sql, &tenant)? } else { Vec::new() };
        if let Some(last) = &last {
            expected.extend(phases(sql, &tenant, &after, last)?);
        }
        Ok(expected)
    };
    let asked = Asked::new(sql, expected()?.into_iter().take(SWEEP_KEYS).collect())?;
    let Some(found) = read(env, &asked).await else { return end(sql, day, None) };
    asked.lay_differences(sql, found, &expected()?)?;
    end(sql, day, last)
}

/// Lays API keys anew that KV has not; whether KV answered. The operator's object has to be asked first, since what the
/// release before revoked there must not come back: where it does not answer, keys are left to the next day.
async fn sweep_keys(sql: &Sql, env: &Env, tenant: &TenantId, now: Timestamp) -> Result<bool, SqlError> {
    if let Err(error) = keys::fetch_into(sql, env, tenant, now).await {
        worker::console_warn!("{tenant}: keys are not looked through: {error}");
        return Ok(true);
    }
    for some in keys::expected(sql, tenant)?.chunks(SWEEP_KEYS) {
        let asked = Asked::new(sql, some.to_vec())?;
        let Some(found) = read(env, &asked).await else { return Ok(false) };
        // one may have been revoked meanwhile
        asked.lay_differences(sql, found, &keys::expected(sql, tenant)?)?;
    }
    Ok(true)
}

/// What KV has of these keys; `None` where it does not answer.
async fn read(env: &Env, asked: &Asked) -> Option<Vec<Option<String>>> {
    let (kv, names) = (Kv::new(env, BINDING)?, asked.names());
    if names.is_empty() { Some(Vec::new()) } else { kv.read(&names).await.ok() }
}

/// Whose ledger this is, once anything is published from here.
fn tenant(sql: &Sql) -> Result<Option<TenantId>, SqlError> {
    Ok(policies::tenant(sql)?.or(keys::tenant(sql)?))
}

fn end(sql: &Sql, day: Date, place: Option<String>) -> Result<bool, SqlError> {
    let more = place.is_some();
    sql.change(|change| documents::save(change, SWEEP, &Walk { day, place }))?;
    Ok(more)
}

/// What is published of the tenant as a whole.
fn records(sql: &Sql, tenant: &TenantId) -> Result<Vec<Expected>, SqlError> {
    let policy = documents::text(sql, "policy")?;
    let policy = policy.map(|json| Expected { key: PolicyKey(tenant).key(), json, metadata: None });
    let summary = documents::text(sql, "summary")?;
    let summary = summary.map(|json| Expected { key: TenantKey(tenant).key(), metadata: Some(json.clone()), json });
    Ok(policy.into_iter().chain(summary).collect())
}

fn phases(sql: &Sql, tenant: &TenantId, after: &str, last: &str) -> Result<Vec<Expected>, SqlError> {
    #[derive(Deserialize)]
    struct Published {
        id: String,
        phase: String,
    }
    let phases = "SELECT id, phase FROM server WHERE id > ?1 AND id <= ?2 AND phase IS NOT NULL ORDER BY id";
    let prefix = PhaseKey::all_of(tenant);
    let expected = |Published { id, phase }| Expected { key: format!("{prefix}{id}"), json: phase, metadata: None };
    Ok(sql.records(phases, values![after, last])?.into_iter().map(expected).collect())
}
