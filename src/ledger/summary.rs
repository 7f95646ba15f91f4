//! The tenant's summary, as the list of tenants shows it: published where it tells of a change, else every five minutes
//! while there is mail, so that the list wakes no ledger.

use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_engine::{DAY, MINUTE, Timestamp};
use tidegate_engine::{Ladder, Rung};
use worker::SqlStorageValue;

use super::policies;
use super::report::SUMS;
use super::site::Site;
use crate::durable::outbox;
use crate::durable::sql::{Sql, SqlError, to_text, values};
use crate::store::{TenantKey, TenantRecord};

/// How often counts alone are published.
const COUNTS_SECONDS: i64 = 5 * MINUTE;
/// The hours that `last_day` adds up: the present one and the 23 before it.
const LAST_DAY: &str = "FROM tenant_hour WHERE at > ?1";

/// As it is now; `None` for a tenant of which nothing is stored.
pub fn live(sql: &Sql, site: &Site<'_>) -> Result<Option<Box<RawValue>>, SqlError> {
    if policies::tenant(sql)?.is_none() {
        return Ok(None);
    }
    sql.row(&select("FROM live"), live_values(sql, site)?)
}

/// Lays it ready for KV where it differs from what was published last, or its counts do and their time has come.
pub fn publish(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    if policies::tenant(sql)?.is_none() {
        return Ok(());
    }
    let differs = format!(
        "FROM live LEFT JOIN document told ON told.name = 'summary' WHERE told.json IS NULL
             OR json_remove(live.json, '$.last_day', '$.updated_at')
                 IS NOT json_remove(told.json, '$.last_day', '$.updated_at')
             OR (json_extract(live.json, '$.last_day') IS NOT json_extract(told.json, '$.last_day')
                 AND ABS(?5 - unixepoch(told.json ->> '$.updated_at')) >= {COUNTS_SECONDS})"
    );
    let Some(summary) = sql.row::<Box<RawValue>>(&select(&differs), live_values(sql, site)?)? else {
        return Ok(());
    };
    sql.change(|change| {
        policies::store(change, "summary", summary.get())?;
        outbox::lay_listed(change, &TenantKey(site.tenant), &TenantRecord(summary))
    })
}

/// When its counts are due to be published: five minutes after the last time, or when an hour leaves the last day.
pub fn next_due(sql: &Sql, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let due = format!(
        "SELECT CASE WHEN json_extract(json, '$.last_day') IS (SELECT json_object({SUMS}) {LAST_DAY})
             THEN (SELECT MIN(at) + {DAY} {LAST_DAY}) ELSE unixepoch(json ->> '$.updated_at') + {COUNTS_SECONDS} END
         FROM document WHERE name = 'summary'"
    );
    Ok(sql.number(&due, values![now.plus(-DAY).0])?.map(Timestamp))
}

/// A query of `live`, which has the summary as `json`.
fn select(from: &str) -> String {
    format!(
        "WITH live AS (SELECT json_object('tenant', ?2, 'mode', ?3,
             'servers', json_object('current', COALESCE(SUM(servers) FILTER (WHERE state = 'current'), 0),
                 'out_of_date', COALESCE(SUM(servers) FILTER (WHERE state = 'out_of_date'), 0),
                 'unknown', COALESCE(SUM(servers) FILTER (WHERE state = 'unknown'), 0)),
             'worst_stage', json(?6 -> COALESCE(MAX(stage) FILTER (WHERE servers > 0), 0)),
             'last_day', (SELECT json_object({SUMS}) {LAST_DAY}),
             'paused_until', ?4, 'updated_at', strftime('%Y-%m-%dT%H:%M:%SZ', ?5, 'unixepoch')) AS json
             FROM standing)
         SELECT live.json {from}"
    )
}

fn live_values(sql: &Sql, site: &Site<'_>) -> Result<Vec<SqlStorageValue>, SqlError> {
    let enforcement = policies::current(sql)?.enforcement;
    let paused_until = enforcement.paused_until(site.now).map(|until| until.to_string());
    let day_before = site.now.plus(-DAY).0;
    let (mode, stages) = (enforcement.policy.mode.as_str(), to_text(&stages(&enforcement.policy.ladder))?);
    Ok(values![day_before, site.tenant.as_str(), mode, paused_until, site.now.0, stages])
}

/// What a stage means in this tenant.
#[derive(Serialize)]
struct Stage {
    number: u8,
    throttle_minutes: u8,
    block_minutes: u8,
}

/// The stages of a ladder, each at its number; at 0, where servers without a stage are, none.
fn stages(ladder: &Ladder) -> Vec<Option<Stage>> {
    let stages = ladder.rungs().map(|Rung { number, minutes, .. }| {
        Some(Stage { number, throttle_minutes: minutes.throttle(), block_minutes: minutes.block() })
    });
    std::iter::once(None).chain(stages).collect()
}
