//! The tenant's summary, as the list of tenants shows it: published where it tells of a change, else every five minutes
//! while there is mail, so that the list wakes no ledger.

use serde::{Deserialize, Serialize};
use tidegate_engine::{DAY, Ladder, MINUTE, NextStage, Rung, ServerId, TenantId, Timestamp};
use tidegate_wire::native::Written;

use super::counts::{SUMS, Sums};
use super::place::Place;
use super::site::Site;
use super::{keys, policies, servers};
use crate::durable::sql::{Sql, SqlError, from_text, to_raw, to_text, values};
use crate::durable::{documents, outbox};
use crate::store::{PolicyRecord, TenantKey, TenantRecord};

/// How often counts alone are published.
const COUNTS_SECONDS: i64 = 5 * MINUTE;
/// The name under which what was published last is stored.
const DOCUMENT: &str = "summary";

#[derive(Clone, Serialize)]
pub struct Summary<'a> {
    tenant: &'a TenantId,
    mode: &'static str,
    servers: Servers,
    worst_stage: Option<Stage>,
    next_change: Option<NextChange>,
    last_day: Sums,
    paused_until: Option<Written<Timestamp>>,
    updated_at: Written<Timestamp>,
}

/// How many there are of each state.
#[derive(Clone, Copy, Serialize)]
struct Servers {
    current: i64,
    out_of_date: i64,
    unknown: i64,
}

/// What a stage means in this tenant.
#[derive(Clone, Copy, Serialize)]
struct Stage {
    number: u8,
    throttle_minutes: u8,
    block_minutes: u8,
}

/// The first of the stages that its servers come to next.
#[derive(Clone, Serialize)]
struct NextChange {
    server: ServerId,
    at: Written<Timestamp>,
    #[serde(flatten)]
    stage: Stage,
}

/// As it is now; `None` for a tenant of which nothing is stored, not even a key.
pub fn live<'a>(sql: &Sql, site: &Site<'a>) -> Result<Option<Summary<'a>>, SqlError> {
    if policies::tenant(sql)?.is_none() && keys::tenant(sql)?.is_none() {
        return Ok(None);
    }
    let policy = policies::current(sql)?;
    let next_change = next_change(sql, site, &policy)?;
    let enforcement = policy.enforcement;
    let Standings { current, out_of_date, unknown, worst_stage } = standings(sql)?;
    Ok(Some(Summary {
        tenant: site.tenant,
        mode: enforcement.policy.mode.as_str(),
        servers: Servers { current, out_of_date, unknown },
        worst_stage: stage(&enforcement.policy.ladder, worst_stage),
        next_change,
        last_day: last_day(sql, site.now)?,
        paused_until: enforcement.paused_until(site.now).map(Written),
        updated_at: Written(site.now),
    }))
}

/// Lays it ready for KV where it differs from what was published last, or its counts do and their time has come.
pub fn publish(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    // one that has keys alone is in no list
    if policies::tenant(sql)?.is_none() {
        return Ok(());
    }
    let Some(live) = live(sql, site)? else { return Ok(()) };
    if published(sql)?.is_some_and(|published| published.tells(&live)) {
        return Ok(());
    }
    let summary = to_raw(&live)?;
    sql.change(|change| {
        documents::store(change, DOCUMENT, summary.get())?;
        outbox::lay_listed(change, &TenantKey(site.tenant), &TenantRecord(summary))
    })
}

/// When its counts are due to be published: five minutes after the last time, or when an hour leaves the last day.
pub fn next_due(sql: &Sql, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let Some(published) = published(sql)? else { return Ok(None) };
    if published.last_day != last_day(sql, now)? {
        return Ok(Some(published.updated_at.plus(COUNTS_SECONDS)));
    }
    let leaves = sql.number("SELECT MIN(at) FROM tenant_hour WHERE at > ?1", values![now.plus(-DAY).0])?;
    Ok(leaves.map(|hour| Timestamp(hour).plus(DAY)))
}

/// What was published last.
struct Published {
    json: String,
    last_day: Sums,
    updated_at: Timestamp,
}

impl Published {
    /// Whether it says the same, but for counts whose time has not come.
    fn tells(&self, live: &Summary<'_>) -> bool {
        let Self { json, last_day, updated_at } = self;
        let (last_day, updated_at) = (*last_day, *updated_at);
        let waits = last_day == live.last_day || live.updated_at.0.since(updated_at).abs() < COUNTS_SECONDS;
        let same = Summary { last_day, updated_at: Written(updated_at), ..live.clone() };
        waits && to_text(&same).is_ok_and(|same| same == *json)
    }
}

/// `None` also where this release cannot read it, which is then published anew.
fn published(sql: &Sql) -> Result<Option<Published>, SqlError> {
    #[derive(Deserialize)]
    struct Told {
        last_day: Sums,
        updated_at: String,
    }
    let json = documents::text(sql, DOCUMENT)?;
    Ok(json.and_then(|json| {
        let Told { last_day, updated_at } = from_text(&json).ok()?;
        Some(Published { json, last_day, updated_at: updated_at.parse().ok()? })
    }))
}

#[derive(Default, Deserialize)]
struct Standings {
    current: i64,
    out_of_date: i64,
    unknown: i64,
    /// 0: none has any.
    worst_stage: u8,
}

fn standings(sql: &Sql) -> Result<Standings, SqlError> {
    let standings = "SELECT COALESCE(SUM(servers) FILTER (WHERE state = 'current'), 0) AS current,
            COALESCE(SUM(servers) FILTER (WHERE state = 'out_of_date'), 0) AS out_of_date,
            COALESCE(SUM(servers) FILTER (WHERE state = 'unknown'), 0) AS unknown,
            COALESCE(MAX(stage) FILTER (WHERE servers > 0), 0) AS worst_stage
        FROM standing";
    Ok(sql.record(standings, Vec::new())?.unwrap_or_default())
}

fn next_change(sql: &Sql, site: &Site<'_>, policy: &PolicyRecord) -> Result<Option<NextChange>, SqlError> {
    let Some(server) = servers::first_to_change(sql)? else { return Ok(None) };
    let place = Place::of(&server, &site.judge(policy), site.now)?;
    let next = place.stage.and_then(|stage| stage.next);
    Ok(next.and_then(|NextStage { number, at, minutes }| {
        let (throttle_minutes, block_minutes) = (minutes.throttle(), minutes.block());
        let stage = Stage { number, throttle_minutes, block_minutes };
        Some(NextChange { server: server.id, at: Written(at?), stage })
    }))
}

/// What became of messages in the present hour and the 23 before it.
fn last_day(sql: &Sql, now: Timestamp) -> Result<Sums, SqlError> {
    let sums = format!("SELECT {SUMS} FROM tenant_hour WHERE at > ?1");
    Ok(sql.record(&sums, values![now.plus(-DAY).0])?.unwrap_or_default())
}

fn stage(ladder: &Ladder, number: u8) -> Option<Stage> {
    let Rung { number, minutes, .. } = ladder.rungs().find(|rung| rung.number == number)?;
    Some(Stage { number, throttle_minutes: minutes.throttle(), block_minutes: minutes.block() })
}
