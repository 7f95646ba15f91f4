//! The tables of the operator's objects. Times are seconds since 1970 unless a comment says otherwise.

use crate::durable::schema::Step;
use crate::durable::sql::{Sql, SqlError};
use crate::durable::{audit, keys, outbox, own_hops};

/// One value a name: what is published as `control/mode`, when it was set, how far ledgers are told of new facts.
const DOCUMENT: &str = "CREATE TABLE IF NOT EXISTS document (name TEXT PRIMARY KEY, json TEXT NOT NULL) WITHOUT ROWID";
const TABLES: &[&str] = &[
    DOCUMENT,
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

/// Those of the object `control`. Its versions go on where those of the others end, and the release before, which knows
/// four, may not even read it: it would take what lies here for all that there is, and remove every key from KV.
pub const OF_CONTROL: [Step; 5] = [
    // the trail's entries lie there until the operator's own object has them
    |change| [DOCUMENT].iter().chain(audit::TABLES).try_for_each(|table| change.run(table, Vec::new())),
    outbox::create,
    |_| Ok(()),
    |_| Ok(()),
    |change| {
        change.run(
            "INSERT INTO schema (one, version, min_reader, min_writer) VALUES (1, 5, 5, 5)
             ON CONFLICT (one) DO UPDATE SET min_reader = 5, min_writer = 5",
            Vec::new(),
        )
    },
];

/// Whether these are the tables of the object `control`, which is not told its name when its alarm comes: it has no keys.
pub fn are_of_control(sql: &Sql) -> Result<bool, SqlError> {
    let tables = "SELECT COUNT(*) FROM sqlite_schema WHERE type = 'table' AND name ";
    let has = |name: &str| Ok::<_, SqlError>(sql.number(&format!("{tables} = '{name}'"), Vec::new())? == Some(1));
    Ok(has("schema")? && !has("key")?)
}

/// 1: what 67205e3 has. 2: what the operator is told, what isolates told, revoked keys, how far all is laid anew, and the
/// outbox by rank. 3: until when, from where and on which day last keys are used. 4: which keys of tenants are to be handed
/// over to their ledgers. 5: which ledgers are still to lay their keys.
pub const STEPS: [Step; 5] = [
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
    |change| super::laid::TABLE.iter().try_for_each(|table| change.run(table, Vec::new())),
];
