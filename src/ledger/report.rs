//! The report: what became of a tenant's mail in a range of days, and where its servers stand now.
//!
//! It reads roll-ups: the tenant's days, and for each server whole months with the days at both ends.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::Mode;
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Date, Timestamp};
use tidegate_wire::native::{EffectDocument, StageDocument, StandingDocument, Written};
use worker::SqlStorageValue;

use super::counts::{SUMS, Sums};
use super::place::{Closing, Place};
use super::protocol::Step;
use super::servers::{self, Server};
use super::site::{Judge, Site};
use super::{csv, policies};
use crate::durable::lists::{Page, Range, written};
use crate::durable::sql::{Sql, SqlError, values};

/// Servers read at once for a report that has them all.
const AT_ONCE: u32 = 1_000;
const MAX_TRANSITIONS: i64 = 500;
pub const COLUMNS: [&str; 20] = [
    "id",
    "name",
    "connector",
    "build",
    "product",
    "state",
    "reason",
    "required",
    "behind_days",
    "stage",
    "detected_at",
    "throttled_from",
    "blocked_from",
    "exempt_until",
    "last_seen",
    "accept",
    "defer",
    "reject",
    "would_defer",
    "would_reject",
];

/// The days of a report, both included.
#[derive(Clone, Copy, Debug)]
pub struct Days {
    pub from: Date,
    pub to: Date,
}

#[derive(Serialize)]
pub struct Report {
    from: Date,
    to: Date,
    mode: Mode,
    totals: Sums,
    series: Vec<Counted>,
    transitions: Vec<Happened>,
    servers: Vec<ServerRow>,
    next: Option<String>,
    paused_until: Option<Written<Timestamp>>,
}

#[derive(Serialize)]
struct ServerRow {
    id: ServerId,
    name: String,
    connector: &'static str,
    build: Option<String>,
    product: Option<String>,
    standing: Option<StandingDocument>,
    stage: Option<StageDocument>,
    effect: Option<EffectDocument>,
    detected_at: Option<Written<Timestamp>>,
    throttled_from: Option<Written<Timestamp>>,
    blocked_from: Option<Written<Timestamp>>,
    exempt_until: Option<Written<Timestamp>>,
    last_seen: Written<Timestamp>,
    nodes: usize,
    #[serde(flatten)]
    sums: Sums,
}

/// A row, and how the API shows it: what became of messages in an hour or on a day.
#[derive(Deserialize, Serialize)]
struct Counted {
    #[serde(serialize_with = "written")]
    at: Timestamp,
    accept: i64,
    defer: i64,
    reject: i64,
    would_defer: i64,
    would_reject: i64,
}

/// The same of a build.
#[derive(Deserialize, Serialize)]
struct CountedBuild {
    build: Option<String>,
    accept: i64,
    defer: i64,
    reject: i64,
    would_defer: i64,
    would_reject: i64,
}

/// A row, and how the API shows it: what happened to a server's spell.
#[derive(Deserialize, Serialize)]
struct Happened {
    #[serde(serialize_with = "written")]
    at: Timestamp,
    server: String,
    kind: String,
    before: Option<Box<RawValue>>,
    after: Option<Box<RawValue>>,
}

/// One server's counts, as the API shows them.
#[derive(Serialize)]
pub struct ServerCounts {
    from: Date,
    to: Date,
    by: Step,
    totals: Sums,
    builds: Vec<CountedBuild>,
    series: Vec<Counted>,
}

/// With one page of servers.
pub fn page(sql: &Sql, site: &Site<'_>, days: Days, range: &Range) -> Result<Report, SqlError> {
    let policy = policies::current(sql)?;
    let judge = site.judge(&policy);
    let span = Span::of(days);
    let Page { items, next } = servers::stored(sql, range)?;
    let sums = sums(sql, &span, &items)?;
    let row = |server: Server| {
        let Entry { server, place, closing, exempt_until, sums } = Entry::new(server, &judge, site.now, &sums)?;
        Ok::<_, SqlError>(ServerRow {
            id: server.id,
            name: server.name,
            connector: server.connector.as_str(),
            build: place.build,
            product: place.product,
            standing: place.state.map(StandingDocument::new),
            stage: place.stage.map(StageDocument::new),
            effect: place.effect.map(EffectDocument::new),
            detected_at: server.record.spell().map(|spell| Written(spell.detected_at)),
            throttled_from: closing.throttled_from.map(Written),
            blocked_from: closing.blocked_from.map(Written),
            exempt_until: exempt_until.map(Written),
            last_seen: Written(server.last_seen),
            nodes: server.record.nodes().len(),
            sums,
        })
    };
    let servers = items.into_iter().map(row).collect::<Result<_, _>>()?;
    let within = "WHERE at >= ?1 AND at < ?2";
    let totals = format!("SELECT {SUMS} FROM tenant_day {within}");
    let series =
        format!("SELECT at, accept, defer, reject, would_defer, would_reject FROM tenant_day {within} ORDER BY at");
    let transitions = format!(
        "SELECT at, server, kind, before, after FROM transition {within}
         AND kind IN ('detected', 'resumed', 'stage', 'patched', 'silent')
         ORDER BY at DESC, number DESC LIMIT {MAX_TRANSITIONS}"
    );
    let days_of = || values![span.start.0, span.end.0];
    Ok(Report {
        from: days.from,
        to: days.to,
        mode: judge.mode(),
        totals: sql.record(&totals, days_of())?.unwrap_or_default(),
        series: sql.records(&series, days_of())?,
        transitions: sql.records(&transitions, days_of())?,
        servers,
        next,
        paused_until: policy.enforcement.paused_until(site.now).map(Written),
    })
}

/// What became of one server's mail, altogether, by build, and by day or hour; `None` for a server that is not there.
pub fn of_server(sql: &Sql, id: &ServerId, days: Days, step: Step) -> Result<Option<ServerCounts>, SqlError> {
    if sql.number("SELECT 1 FROM server WHERE id = ?1", values![id.as_str()])?.is_none() {
        return Ok(None);
    }
    let table = match step {
        Step::Hour => "hourly",
        Step::Day => "daily",
    };
    let Span { start, end, .. } = Span::of(days);
    let kept = format!("FROM {table} WHERE server = ?1 AND at >= ?2 AND at < ?3");
    let totals = format!("SELECT {SUMS} {kept}");
    let builds = format!(
        "SELECT NULLIF({table}.build, '') AS build, {SUMS} {kept} GROUP BY {table}.build
         ORDER BY MAX(at) DESC, {table}.build"
    );
    let series = format!("SELECT at, {SUMS} {kept} GROUP BY at ORDER BY at");
    let of_server = || values![id.as_str(), start.0, end.0];
    Ok(Some(ServerCounts {
        from: days.from,
        to: days.to,
        by: step,
        totals: sql.record(&totals, of_server())?.unwrap_or_default(),
        builds: sql.records(&builds, of_server())?,
        series: sql.records(&series, of_server())?,
    }))
}

/// All servers, one row each, as CSV.
pub fn csv(sql: &Sql, site: &Site<'_>, days: Days) -> Result<String, SqlError> {
    let policy = policies::current(sql)?;
    let judge = site.judge(&policy);
    let span = Span::of(days);
    let mut table = csv::Table::new(&COLUMNS);
    let mut range = Range { cursor: None, limit: AT_ONCE };
    loop {
        let Page { items, next } = servers::stored(sql, &range)?;
        let sums = sums(sql, &span, &items)?;
        for server in items {
            write_row(&mut table, &Entry::new(server, &judge, site.now, &sums)?);
        }
        if next.is_none() {
            return Ok(table.into_text());
        }
        range.cursor = next;
    }
}

fn write_row(table: &mut csv::Table, entry: &Entry) {
    let Entry { server, place, closing, exempt_until, sums } = entry;
    let failing = place.state.and_then(|state| state.failing());
    table.text(server.id.as_str());
    table.text(&server.name);
    table.text(server.connector.as_str());
    table.text(place.build.as_deref().unwrap_or_default());
    table.text(place.product.as_deref().unwrap_or_default());
    table.text(place.state_name());
    table.text(place.state.map_or("", |state| state.reason()));
    table.value(failing.and_then(|failing| failing.required));
    table.value(failing.and_then(|failing| failing.behind_days));
    table.value(place.stage.map(|stage| stage.number));
    table.value(server.record.spell().map(|spell| spell.detected_at));
    table.value(closing.throttled_from);
    table.value(closing.blocked_from);
    table.value(*exempt_until);
    table.value(Some(server.last_seen));
    let Sums { accept, defer, reject, would_defer, would_reject } = sums;
    [accept, defer, reject, would_defer, would_reject].into_iter().for_each(|sum| table.value(Some(sum)));
    table.end_row();
}

/// A server with what the report says of it.
struct Entry {
    server: Server,
    place: Place,
    closing: Closing,
    exempt_until: Option<Timestamp>,
    sums: Sums,
}

impl Entry {
    fn new(
        mut server: Server,
        judge: &Judge<'_>,
        now: Timestamp,
        sums: &BTreeMap<String, Sums>,
    ) -> Result<Self, SqlError> {
        server.record.settle(now);
        let frozen = judge.frozen_with(&server.exemptions);
        let rules = judge.rules(&frozen)?;
        let place = Place::by(&rules, &server, judge, now);
        let closing = Closing::of(&rules, &server, &place);
        let exempt_until = server.exempt_until(now);
        let sums = sums.get(server.id.as_str()).copied().unwrap_or_default();
        Ok(Self { server, place, closing, exempt_until, sums })
    }
}

/// The seconds of a report: `start` to `end`, of which whole months lie from `first_month` to `last_month`.
#[derive(Debug, Eq, PartialEq)]
struct Span {
    start: Timestamp,
    first_month: Timestamp,
    last_month: Timestamp,
    end: Timestamp,
}

impl Span {
    fn of(Days { from, to }: Days) -> Self {
        let (start, end) = (from.start(), to.start().plus(DAY));
        let first = if from == from.first_of_month() { from } else { from.first_of_next_month() };
        let (first_month, last_month) = (first.start(), end.date().first_of_month().start());
        if first_month < last_month {
            Self { start, first_month, last_month, end }
        } else {
            Self { start, first_month: end, last_month: end, end }
        }
    }
}

#[derive(Deserialize)]
struct CountedServer {
    server: String,
    accept: i64,
    defer: i64,
    reject: i64,
    would_defer: i64,
    would_reject: i64,
}

/// What became of these servers' messages in the span.
fn sums(sql: &Sql, span: &Span, servers: &[Server]) -> Result<BTreeMap<String, Sums>, SqlError> {
    let sums = "WITH page AS (SELECT value AS id FROM json_each(?1)),
        part AS (
            SELECT server, accept, defer, reject, would_defer, would_reject FROM page
                JOIN daily ON server = id AND at >= ?2 AND at < ?3
            UNION ALL SELECT server, accept, defer, reject, would_defer, would_reject FROM page
                JOIN monthly ON server = id AND at >= ?3 AND at < ?4
            UNION ALL SELECT server, accept, defer, reject, would_defer, would_reject FROM page
                JOIN daily ON server = id AND at >= ?4 AND at < ?5)
        SELECT server, SUM(accept) AS accept, SUM(defer) AS defer, SUM(reject) AS reject,
            SUM(would_defer) AS would_defer, SUM(would_reject) AS would_reject FROM part GROUP BY server";
    let ids: Vec<&str> = servers.iter().map(|server| server.id.as_str()).collect();
    let ids = crate::durable::sql::to_text(&ids)?;
    let Span { start, first_month, last_month, end } = span;
    let values: Vec<SqlStorageValue> = values![ids, start.0, first_month.0, last_month.0, end.0];
    let of_server = |it: CountedServer| {
        let CountedServer { server, accept, defer, reject, would_defer, would_reject } = it;
        (server, Sums { accept, defer, reject, would_defer, would_reject })
    };
    Ok(sql.records(sums, values)?.into_iter().map(of_server).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_months_are_read_as_such_and_each_day_once() {
        let span = |from: &str, to: &str| {
            let Span { start, first_month, last_month, end } =
                Span::of(Days { from: from.parse().unwrap(), to: to.parse().unwrap() });
            [start, first_month, last_month, end].map(|at| at.date().to_string())
        };
        let cases = [
            ("2026-10-15", "2026-12-10", ["2026-10-15", "2026-11-01", "2026-12-01", "2026-12-11"]),
            ("2026-10-01", "2026-10-31", ["2026-10-01", "2026-10-01", "2026-11-01", "2026-11-01"]),
            ("2026-10-02", "2026-11-29", ["2026-10-02", "2026-11-30", "2026-11-30", "2026-11-30"]),
            ("2026-10-02", "2026-11-30", ["2026-10-02", "2026-11-01", "2026-12-01", "2026-12-01"]),
            ("2026-10-05", "2026-10-05", ["2026-10-05", "2026-10-06", "2026-10-06", "2026-10-06"]),
            ("2025-12-31", "2026-01-01", ["2025-12-31", "2026-01-02", "2026-01-02", "2026-01-02"]),
        ];
        for (from, to, parts) in cases {
            assert_eq!(span(from, to), parts, "{from} to {to}");
        }
    }
}
