//! The report: what became of a tenant's mail in a range of days, and where its servers stand now.
//!
//! It reads roll-ups: the tenant's days, and for each server whole months with the days at both ends.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use tidegate_engine::Mode;
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Date, Timestamp};
use tidegate_wire::native::{EffectDocument, StageDocument, StandingDocument, Written};
use worker::SqlStorageValue;

use super::documents::Place;
use super::protocol::Step;
use super::servers::{self, Server};
use super::site::{Judge, Site};
use super::{csv, policies};
use crate::durable::lists::{Page, Range};
use crate::durable::sql::{Sql, SqlError, values};

/// Servers read at once for a report that has them all.
const AT_ONCE: u32 = 1_000;
const MAX_TRANSITIONS: i64 = 500;
pub const COLUMNS: [&str; 18] = [
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
    totals: Box<RawValue>,
    series: Box<RawValue>,
    transitions: Box<RawValue>,
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
    exempt_until: Option<Written<Timestamp>>,
    last_seen: Written<Timestamp>,
    nodes: usize,
    accept: i64,
    defer: i64,
    reject: i64,
    would_defer: i64,
    would_reject: i64,
}

/// What became of one server's messages, in the order of the columns.
type Sums = [i64; 5];

/// With one page of servers.
pub fn page(sql: &Sql, site: &Site<'_>, days: Days, range: &Range) -> Result<Report, SqlError> {
    let policy = policies::current(sql)?;
    let judge = site.judge(&policy);
    let span = Span::of(days);
    let Page { items, next } = servers::stored(sql, range)?;
    let sums = sums(sql, &span, &items)?;
    let row = |server: Server| {
        let Entry { server, place, exempt_until, sums } = Entry::new(server, &judge, site.now, &sums)?;
        let [accept, defer, reject, would_defer, would_reject] = sums;
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
            exempt_until: exempt_until.map(Written),
            last_seen: Written(server.last_seen),
            nodes: server.record.nodes().len(),
            accept,
            defer,
            reject,
            would_defer,
            would_reject,
        })
    };
    let servers = items.into_iter().map(row).collect::<Result<_, _>>()?;
    let of_days = |query: String| {
        let none = || SqlError::Failed("a query did not answer".to_owned());
        sql.row::<Box<RawValue>>(&query, values![span.start.0, span.end.0])?.ok_or_else(none)
    };
    let within = "WHERE at >= ?1 AND at < ?2";
    let totals = format!("SELECT json_object({SUMS}) FROM tenant_day {within}");
    let series = format!(
        "SELECT json_group_array(json(day)) FROM (SELECT json_object('at', {TIME}, {COUNTS}) AS day
         FROM tenant_day {within} ORDER BY at)"
    );
    let transitions = format!(
        "SELECT json_group_array(json(change)) FROM (SELECT json_object('at', {TIME}, 'server', server, 'kind', kind,
             'before', json(before), 'after', json(after)) AS change FROM transition {within}
             AND kind IN ('detected', 'resumed', 'stage', 'patched', 'silent')
             ORDER BY at DESC, number DESC LIMIT {MAX_TRANSITIONS})"
    );
    Ok(Report {
        from: days.from,
        to: days.to,
        mode: judge.mode(),
        totals: of_days(totals)?,
        series: of_days(series)?,
        transitions: of_days(transitions)?,
        servers,
        next,
        paused_until: policy.enforcement.paused_until(site.now).map(Written),
    })
}

/// What became of one server's mail, altogether, by build, and by day or hour; `None` for a server that is not there.
pub fn of_server(sql: &Sql, id: &ServerId, days: Days, step: Step) -> Result<Option<Box<RawValue>>, SqlError> {
    let (table, by) = match step {
        Step::Hour => ("hourly", "hour"),
        Step::Day => ("daily", "day"),
    };
    let Span { start, end, .. } = Span::of(days);
    let of_server = format!(
        "WITH kept AS (SELECT * FROM {table} WHERE server = ?1 AND at >= ?2 AND at < ?3),
         builds AS (SELECT json_object('build', NULLIF(build, ''), {SUMS}) AS one FROM kept GROUP BY build
             ORDER BY MAX(at) DESC, build),
         steps AS (SELECT json_object('at', {TIME}, {SUMS}) AS one FROM kept GROUP BY at ORDER BY at)
         SELECT json_object('from', ?4, 'to', ?5, 'by', '{by}',
             'totals', json((SELECT json_object({SUMS}) FROM kept)),
             'builds', json((SELECT json_group_array(json(one)) FROM builds)),
             'series', json((SELECT json_group_array(json(one)) FROM steps)))
         FROM server WHERE id = ?1"
    );
    sql.row(&of_server, values![id.as_str(), start.0, end.0, days.from.to_string(), days.to.to_string()])
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
    let Entry { server, place, exempt_until, sums } = entry;
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
    table.value(*exempt_until);
    table.value(Some(server.last_seen));
    sums.iter().for_each(|sum| table.value(Some(sum)));
    table.end_row();
}

/// A server with what the report says of it.
struct Entry {
    server: Server,
    place: Place,
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
        let place = judge.place(&server, now)?;
        let exempt_until = server.exempt_until(now);
        let sums = sums.get(server.id.as_str()).copied().unwrap_or_default();
        Ok(Self { server, place, exempt_until, sums })
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

const TIME: &str = "strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch')";
const COUNTS: &str = "'accept', accept, 'defer', defer, 'reject', reject, 'would_defer', would_defer,
    'would_reject', would_reject";
/// The same, added up.
pub const SUMS: &str = "'accept', COALESCE(SUM(accept), 0), 'defer', COALESCE(SUM(defer), 0),
    'reject', COALESCE(SUM(reject), 0), 'would_defer', COALESCE(SUM(would_defer), 0),
    'would_reject', COALESCE(SUM(would_reject), 0)";

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
        SELECT json_array(server, json_array(SUM(accept), SUM(defer), SUM(reject), SUM(would_defer),
            SUM(would_reject))) FROM part GROUP BY server";
    let ids: Vec<&str> = servers.iter().map(|server| server.id.as_str()).collect();
    let ids = crate::durable::sql::to_text(&ids)?;
    let Span { start, first_month, last_month, end } = span;
    let values: Vec<SqlStorageValue> = values![ids, start.0, first_month.0, last_month.0, end.0];
    Ok(sql.rows::<(String, Sums)>(sums, values)?.into_iter().collect())
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
