//! The ledger's tables. Times are seconds since 1970 unless a comment says otherwise.

use crate::durable::sql::{Sql, SqlError};
use crate::durable::{audit, outbox};

const TABLES: &[&str] = &[
    // one value a name: the tenant's id, the policy record, by what standings were last judged
    "CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
    // `record` is the engine's ServerRecord, `phase` the PhaseRecord last published, `exemptions` the times of its
    // exemptions, `told` what its alerts have said; `state`, `stage`, `product` and `build` are derived from them, kept
    // for filters and counts; `notify_at` is when an alert or a change of stage is due next
    "CREATE TABLE IF NOT EXISTS server (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, connector TEXT NOT NULL, peer TEXT, relayed INTEGER NOT NULL,
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, silent_at INTEGER, notify_at INTEGER,
        state TEXT NOT NULL, stage INTEGER, product TEXT, build TEXT,
        exemptions TEXT NOT NULL, told TEXT, record TEXT NOT NULL, phase TEXT) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS server_silent_at ON server (silent_at) WHERE silent_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS server_notify_at ON server (notify_at) WHERE notify_at IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS server_state ON server (state, stage)",
    "CREATE INDEX IF NOT EXISTS server_peer ON server (peer) WHERE peer IS NOT NULL",
    "CREATE INDEX IF NOT EXISTS server_last_seen ON server (last_seen)",
    "CREATE TABLE IF NOT EXISTS transition (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, build TEXT,
        actor TEXT NOT NULL, before TEXT, after TEXT)",
    "CREATE INDEX IF NOT EXISTS transition_server ON transition (server, number)",
    "CREATE INDEX IF NOT EXISTS transition_at ON transition (at)",
    "CREATE TABLE IF NOT EXISTS evidence (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, node TEXT NOT NULL, at INTEGER NOT NULL,
        field INTEGER NOT NULL, component TEXT NOT NULL, build TEXT, telling TEXT NOT NULL, received TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS evidence_node ON evidence (server, node, number)",
    // the exemption in force of a server; `json` is what the API shows
    "CREATE TABLE IF NOT EXISTS exemption (
        server TEXT PRIMARY KEY, starts_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, notify_at INTEGER,
        reason TEXT NOT NULL, created_by TEXT NOT NULL) WITHOUT ROWID",
    // `pause` is the engine's Pause
    "CREATE TABLE IF NOT EXISTS pause (
        id INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL, notify_at INTEGER, pause TEXT NOT NULL)",
    // answered decisions of one server and build in an hour, a day and (all builds) a month; and of all servers
    "CREATE TABLE IF NOT EXISTS hourly (
        server TEXT NOT NULL, at INTEGER NOT NULL, build TEXT NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL,
        PRIMARY KEY (server, at, build)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS hourly_at ON hourly (at)",
    "CREATE TABLE IF NOT EXISTS event_batch (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, hashes BLOB NOT NULL)",
    // the highest batch of each isolate: what comes twice counts once
    "CREATE TABLE IF NOT EXISTS isolate (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS notification (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, server TEXT,
        text TEXT NOT NULL)",
    // `sent` is the number of the last notification that it took; `due` is in milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS webhook (
        id TEXT PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL, sent INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL,
        failing_since INTEGER, last_error TEXT) WITHOUT ROWID",
];

pub fn create(sql: &Sql) -> Result<(), SqlError> {
    let mut tables = TABLES.iter().chain(super::peers::TABLES).chain(outbox::TABLES).chain(audit::TABLES);
    sql.change(|change| tables.try_for_each(|table| change.run(table, Vec::new())))
}
