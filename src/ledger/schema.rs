//! The ledger's tables. Times are seconds since 1970 unless a comment says otherwise.

use crate::durable::schema::Step;
use crate::durable::sql::{Change, Sql, SqlError};
use crate::durable::{audit, outbox, own_hops};

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
    // how many servers there are of each state and stage (0: none), kept by triggers: counting 25,000 rows for every
    // batch would cost more than the batch
    "CREATE TABLE IF NOT EXISTS standing (
        state TEXT NOT NULL, stage INTEGER NOT NULL, servers INTEGER NOT NULL,
        PRIMARY KEY (state, stage)) WITHOUT ROWID",
    "INSERT INTO standing (state, stage, servers) SELECT state, COALESCE(stage, 0), COUNT(*) FROM server
        WHERE NOT EXISTS (SELECT 1 FROM standing) GROUP BY 1, 2",
    "CREATE TRIGGER IF NOT EXISTS server_added AFTER INSERT ON server BEGIN
        INSERT INTO standing (state, stage, servers) VALUES (NEW.state, COALESCE(NEW.stage, 0), 1)
            ON CONFLICT (state, stage) DO UPDATE SET servers = servers + 1; END",
    "CREATE TRIGGER IF NOT EXISTS server_removed AFTER DELETE ON server BEGIN
        UPDATE standing SET servers = servers - 1 WHERE state = OLD.state AND stage = COALESCE(OLD.stage, 0); END",
    "CREATE TRIGGER IF NOT EXISTS server_judged AFTER UPDATE OF state, stage ON server
        WHEN (OLD.state, OLD.stage) IS NOT (NEW.state, NEW.stage) BEGIN
        UPDATE standing SET servers = servers - 1 WHERE state = OLD.state AND stage = COALESCE(OLD.stage, 0);
        INSERT INTO standing (state, stage, servers) VALUES (NEW.state, COALESCE(NEW.stage, 0), 1)
            ON CONFLICT (state, stage) DO UPDATE SET servers = servers + 1; END",
    "CREATE TABLE IF NOT EXISTS transition (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL, build TEXT,
        actor TEXT NOT NULL, before TEXT, after TEXT)",
    "CREATE INDEX IF NOT EXISTS transition_server ON transition (server, number)",
    "CREATE INDEX IF NOT EXISTS transition_at ON transition (at)",
    "CREATE TABLE IF NOT EXISTS evidence (
        number INTEGER PRIMARY KEY, server TEXT NOT NULL, node TEXT NOT NULL, at INTEGER NOT NULL,
        field INTEGER NOT NULL, component TEXT NOT NULL, build TEXT, telling TEXT NOT NULL, received TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS evidence_node ON evidence (server, node, number)",
    // the exemption in force of a server; `notify_at`, as in `pause`, is when its end is to be announced next
    "CREATE TABLE IF NOT EXISTS exemption (
        server TEXT PRIMARY KEY, starts_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, notify_at INTEGER,
        reason TEXT NOT NULL, created_by TEXT NOT NULL) WITHOUT ROWID",
    // `pause` is the engine's Pause
    "CREATE TABLE IF NOT EXISTS pause (
        id INTEGER PRIMARY KEY AUTOINCREMENT, reason TEXT NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL, notify_at INTEGER, pause TEXT NOT NULL)",
    // answered decisions of one server and build in an hour and a day, of one server in a month, and of all servers in
    // an hour and a day; `at` is when that time begins. No index by time alone: pruning goes from server to server
    "CREATE TABLE IF NOT EXISTS hourly (
        server TEXT NOT NULL, at INTEGER NOT NULL, build TEXT NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL,
        PRIMARY KEY (server, at, build)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS daily (
        server TEXT NOT NULL, at INTEGER NOT NULL, build TEXT NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL,
        PRIMARY KEY (server, at, build)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS monthly (
        server TEXT NOT NULL, at INTEGER NOT NULL,
        accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL, PRIMARY KEY (server, at)) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS tenant_hour (
        at INTEGER PRIMARY KEY, accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS tenant_day (
        at INTEGER PRIMARY KEY, accept INTEGER NOT NULL, defer INTEGER NOT NULL, reject INTEGER NOT NULL,
        would_defer INTEGER NOT NULL, would_reject INTEGER NOT NULL)",
    "CREATE TABLE IF NOT EXISTS event_batch (number INTEGER PRIMARY KEY, at INTEGER NOT NULL, hashes BLOB NOT NULL)",
    // the highest batch of each isolate: what comes twice counts once
    "CREATE TABLE IF NOT EXISTS isolate (
        id TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS notification (
        number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, kind TEXT NOT NULL, server TEXT,
        text TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS notification_at ON notification (at)",
    // `sent` is the number of the last notification that it took; `due` is in milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS webhook (
        id TEXT PRIMARY KEY, url TEXT NOT NULL, secret TEXT NOT NULL, created_at INTEGER NOT NULL,
        created_by TEXT NOT NULL, sent INTEGER NOT NULL, due INTEGER NOT NULL, attempts INTEGER NOT NULL,
        failing_since INTEGER, last_error TEXT) WITHOUT ROWID",
];

/// Whether there are tables.
pub fn exists(sql: &Sql) -> Result<bool, SqlError> {
    let first = "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'document'";
    Ok(sql.number(first, Vec::new())?.is_some())
}

/// 1: what 67205e3 has. 2: what is kept of mail that cannot be believed, of webhooks' former secrets and refusals, and
/// the outbox by rank. 3: the tenant's API keys. 4: when each server's next stage begins, written with the next judging.
pub const STEPS: [Step; 4] = [
    |change| {
        let mut tables = TABLES.iter().chain(super::peers::TABLES).chain(audit::TABLES);
        tables.try_for_each(|table| change.run(table, Vec::new()))
    },
    |change| {
        let mut tables = super::unbelieved::TABLES
            .iter()
            .chain(super::webhooks::TABLES)
            .chain(own_hops::TABLES)
            .chain(audit::INDEXES);
        tables.try_for_each(|table| change.run(table, Vec::new()))?;
        outbox::create(change)
    },
    super::keys::create,
    add_next_change,
];

fn add_next_change(change: &Change<'_>) -> Result<(), SqlError> {
    let known = change.texts("SELECT name FROM pragma_table_info('server') WHERE name = 'next_at'", Vec::new())?;
    if known.is_empty() {
        change.run("ALTER TABLE server ADD COLUMN next_at INTEGER", Vec::new())?;
        change.run("DELETE FROM document WHERE name = 'judged'", Vec::new())?;
    }
    let index = "CREATE INDEX IF NOT EXISTS server_next_at ON server (next_at) WHERE next_at IS NOT NULL";
    change.run(index, Vec::new())
}
