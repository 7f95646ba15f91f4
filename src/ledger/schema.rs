//! The ledger's tables. Times are seconds since 1970 but for the outbox's, which are milliseconds of the real clock.

use super::sql::{Sql, SqlError};

const TABLES: &[&str] = &[
    // one value a name: the policy record
    "CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
    // `record` is the engine's ServerRecord, `phase` the PhaseRecord last published
    "CREATE TABLE IF NOT EXISTS server (
        id TEXT PRIMARY KEY, name TEXT NOT NULL, connector TEXT NOT NULL,
        first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL, silent_at INTEGER,
        record TEXT NOT NULL, phase TEXT) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS server_silent_at ON server (silent_at) WHERE silent_at IS NOT NULL",
    "CREATE TABLE IF NOT EXISTS transition (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, build TEXT)",
    "CREATE INDEX IF NOT EXISTS transition_server ON transition (server, number)",
    "CREATE TABLE IF NOT EXISTS evidence (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, node TEXT NOT NULL, at INTEGER NOT NULL,
        field INTEGER NOT NULL, component TEXT NOT NULL, build TEXT, telling TEXT NOT NULL, received TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS evidence_node ON evidence (server, node, number)",
    "CREATE TABLE IF NOT EXISTS hourly (
        server TEXT NOT NULL, hour INTEGER NOT NULL, build TEXT NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL,
        PRIMARY KEY (server, hour, build)) WITHOUT ROWID",
    // the highest batch of each isolate, and the events counted lately: what comes twice counts once
    "CREATE TABLE IF NOT EXISTS isolate (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS event_batch (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, hashes BLOB NOT NULL)",
    // what KV has to be told: a row goes when KV has this very revision
    "CREATE TABLE IF NOT EXISTS outbox (
        key TEXT PRIMARY KEY, rev INTEGER NOT NULL, json TEXT NOT NULL, due INTEGER NOT NULL) WITHOUT ROWID",
];

pub fn create(sql: &Sql) -> Result<(), SqlError> {
    sql.change(|change| TABLES.iter().try_for_each(|table| change.run(table, Vec::new())))
}
