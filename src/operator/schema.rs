//! The tables of the operator's object. Times are seconds since 1970 unless a comment says otherwise.

use crate::durable::schema::Step;
use crate::durable::{audit, keys, outbox, own_hops};

const TABLES: &[&str] = &[
    // one value a name: what is published as `control/mode`, when it was set, how far ledgers are told of new facts
    "CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID",
    // the latest versions of catalog and baselines, by their KV keys
    "CREATE TABLE IF NOT EXISTS facts (
        name TEXT NOT NULL, version INTEGER NOT NULL, updated_at INTEGER NOT NULL, json TEXT NOT NULL,
        PRIMARY KEY (name, version)) WITHOUT ROWID",
    // tenants that are recorded; `admitted`: without a policy, of which there is a bound
    "CREATE TABLE IF NOT EXISTS tenant (id TEXT PRIMARY KEY, admitted INTEGER NOT NULL) WITHOUT ROWID",
    // notes for the trails of tenants, until their ledgers have them; `due` is in milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS delivery (
        number INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, note TEXT NOT NULL, due INTEGER NOT NULL,
        attempts INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS delivery_due ON delivery (due)",
    "CREATE TABLE IF NOT EXISTS counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
];

/// 1: what 67205e3 has. 2: what the operator is told, what isolates told, revoked keys, how far all is laid anew, and the
/// outbox by rank. 3: until when, from where and on which day last keys are used. 4: which keys of tenants are to be handed
/// over to their ledgers.
pub const STEPS: [Step; 4] = [
    |change| TABLES.iter().chain(keys::TABLE).chain(audit::TABLES).try_for_each(|table| change.run(table, Vec::new())),
    |change| {
        let mut tables = super::notifications::TABLES
            .iter()
            .chain(super::counters::TABLES)
            .chain(keys::TOMBSTONES)
            .chain(super::republish::TABLES)
            .chain(own_hops::TABLES)
            .chain(audit::INDEXES);
        tables.try_for_each(|table| change.run(table, Vec::new()))?;
        outbox::create(change)
    },
    keys::add_columns,
    super::mirror::create,
];
