//! What changed and KV has not been told yet: written by the change's own transaction, put into KV by
//! [`super::publisher`].

use worker::SqlStorageValue;

use super::sql::{Change, Sql, SqlError, integer, to_text, values};
use crate::platform::real_millis;
use crate::store::{Family, KeyKey, KeyRecord, Rank};

/// As 67205e3 made it. It names its columns, so that it can live with those that were added since: its rows are first in
/// the last rank until this release starts again.
const TABLE: &str = "CREATE TABLE IF NOT EXISTS outbox (
    key TEXT PRIMARY KEY, rev INTEGER NOT NULL, json TEXT, metadata TEXT, due INTEGER NOT NULL) WITHOUT ROWID";
/// `rev` tells one change of a row from the next, for as long as the row is there; no `json`: the key is to be removed;
/// `due` is in milliseconds of the real clock; `seq` is the order within `rank`; `again`: see [`Again`].
const COLUMNS: [(&str, &str); 4] = [
    ("seq", "INTEGER NOT NULL DEFAULT 0"),
    ("rank", "INTEGER NOT NULL DEFAULT 5"),
    ("attempts", "INTEGER NOT NULL DEFAULT 0"),
    ("again", "INTEGER NOT NULL DEFAULT 0"),
];
const INDEXES: [&str; 2] = [
    "CREATE INDEX IF NOT EXISTS outbox_turn ON outbox (rank, seq)",
    "CREATE INDEX IF NOT EXISTS outbox_due ON outbox (due)",
];
/// KV takes one write a key and second; a margin, since its clock is not ours.
pub const SPACING_MILLIS: i64 = 1_100;
/// Rows that one step of laying anew brings.
pub const STEP: i64 = 200;
/// Rows that an object which ended may have had under way, and whose puts may land after those of the one that follows
/// it: those that come first.
const INHERITED: i64 = 200;

/// How often KV is told the same once more, after it has confirmed it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Again(i64);

impl Again {
    pub const NEVER: Self = Self(0);
    /// After a minute: an earlier put may land after a later one.
    pub const ONCE: Self = Self(1);
    /// After a minute and after ten: what works until KV has lost it.
    pub const TWICE: Self = Self(3);

    pub const fn number(self) -> i64 {
        self.0
    }

    /// When KV is told once more, in milliseconds from now, and what follows; `None`: it is not.
    pub const fn next(number: i64) -> Option<(i64, Self)> {
        match number {
            3 => Some((60_000, Self(2))),
            2 => Some((600_000, Self::NEVER)),
            1 => Some((60_000, Self::NEVER)),
            _ => None,
        }
    }
}

/// Makes the table, or gives the one that is there what it lacks.
pub fn create(change: &Change<'_>) -> Result<(), SqlError> {
    change.run(TABLE, Vec::new())?;
    let known = change.texts("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = 'outbox'", Vec::new())?;
    for (name, definition) in COLUMNS {
        if !known.iter().any(|sql| sql.contains(name)) {
            change.run(&format!("ALTER TABLE outbox ADD COLUMN {name} {definition}"), Vec::new())?;
        }
    }
    INDEXES.iter().try_for_each(|index| change.run(index, Vec::new()))
}

/// Makes what an object that ended, or the release before, left ready for the publisher of this one.
pub fn take_over(change: &Change<'_>) -> Result<(), SqlError> {
    // what the release before left: rows that only kept the next put at a distance, and rows without a turn
    change.run("DELETE FROM outbox WHERE rev < 0", Vec::new())?;
    change.run(
        "UPDATE outbox SET seq = 1, rank = CASE WHEN key GLOB 'key/*' AND json IS NULL THEN 0
             WHEN key GLOB 'key/*' THEN 5 WHEN key GLOB 'policy/*' THEN 3 WHEN key GLOB 'phase/*' THEN 4
             WHEN key GLOB 'tenant/*' OR key GLOB 'peer/*' THEN 5 ELSE 1 END
         WHERE seq = 0",
        Vec::new(),
    )?;
    // nor is it known which keys KV was told within the last second
    change.run(
        "UPDATE outbox SET again = MAX(again, ?1), due = MAX(due, ?2)
         WHERE key IN (SELECT key FROM outbox ORDER BY rank, seq LIMIT ?3)",
        values![Again::ONCE.number(), integer(real_millis()) + SPACING_MILLIS, INHERITED],
    )
}

/// Lays a record ready for KV.
pub fn lay<F: Family>(change: &Change<'_>, family: &F, record: &F::Record) -> Result<(), SqlError> {
    lay_in(change, F::RANK, family, record)
}

/// As [`lay`], in another rank than its family's.
pub fn lay_in<F: Family>(change: &Change<'_>, rank: Rank, family: &F, record: &F::Record) -> Result<(), SqlError> {
    put(change, Row { json: Some(to_text(record)?), ..Row::removal(family.key(), rank) })
}

/// Lays a key's record ready for KV, with what listings show beside its name.
pub fn lay_key(change: &Change<'_>, key: &KeyKey, record: &KeyRecord, metadata: String) -> Result<(), SqlError> {
    let row = Row::removal(key.key(), KeyKey::RANK);
    put(change, Row { json: Some(to_text(record)?), metadata: Some(metadata), ..row })
}

/// Lays a record ready for KV that is JSON already.
pub fn lay_json<F: Family>(change: &Change<'_>, rank: Rank, family: &F, json: String) -> Result<(), SqlError> {
    put(change, Row { json: Some(json), ..Row::removal(family.key(), rank) })
}

/// Lays a record ready for KV that lists show, too.
pub fn lay_listed<F: Family>(change: &Change<'_>, family: &F, record: &F::Record) -> Result<(), SqlError> {
    let json = to_text(record)?;
    put(change, Row { json: Some(json.clone()), metadata: Some(json), ..Row::removal(family.key(), F::RANK) })
}

/// Has a record removed from KV.
pub fn remove<F: Family>(change: &Change<'_>, family: &F) -> Result<(), SqlError> {
    put(change, Row::removal(family.key(), F::RANK))
}

/// Has a key stop working: before all else, and again later.
pub fn revoke(change: &Change<'_>, key: &KeyKey) -> Result<(), SqlError> {
    put(change, Row { again: Again::TWICE, ..Row::removal(key.key(), Rank::Revocation) })
}

/// Has the records removed from KV whose keys `select` lists.
pub fn remove_listed(change: &Change<'_>, select: &str, values: Vec<SqlStorageValue>) -> Result<(), SqlError> {
    // the WHERE tells SQLite that ON CONFLICT is no JOIN's ON
    let rank = Rank::Rest.number();
    let statement = format!(
        "INSERT INTO outbox (key, rev, json, metadata, due, seq, rank)
             SELECT key, 1, NULL, NULL, 0, (SELECT IFNULL(MAX(seq), 0) + 1 FROM outbox WHERE rank = {rank}), {rank} FROM
             (SELECT NULL AS key WHERE FALSE UNION ALL {select}) WHERE TRUE
         ON CONFLICT (key) DO UPDATE SET rev = rev + 1, json = NULL, metadata = NULL,
             due = CASE attempts WHEN 0 THEN 0 ELSE due END"
    );
    change.run(&statement, values)
}

/// Has all records removed from KV that it was to be told.
pub fn remove_all(change: &Change<'_>) -> Result<(), SqlError> {
    change.run("UPDATE outbox SET rev = rev + 1, json = NULL, metadata = NULL", Vec::new())
}

/// Lays what KV should have already: behind what changes, and not where something newer waits.
pub fn lay_anew(change: &Change<'_>, key: &str, json: &str, metadata: Option<&str>) -> Result<(), SqlError> {
    let rows = "SELECT ?1 AS key, ?2 AS json, ?3 AS metadata";
    lay_all_anew(change, rows, values![key, json, metadata.map(ToOwned::to_owned)])
}

/// As [`lay_anew`], the keys with JSON and metadata that `select` lists.
pub fn lay_all_anew(change: &Change<'_>, select: &str, values: Vec<SqlStorageValue>) -> Result<(), SqlError> {
    let rank = Rank::Rest.number();
    let statement = format!(
        "INSERT INTO outbox (key, rev, json, metadata, due, seq, rank)
             SELECT key, 1, json, metadata, 0, (SELECT IFNULL(MAX(seq), 0) + 1 FROM outbox WHERE rank = {rank}), {rank}
             FROM ({select}) WHERE TRUE
         ON CONFLICT (key) DO NOTHING"
    );
    change.run(&statement, values)
}

/// Has KV told once more, a minute and ten minutes after it has confirmed it: a put of another object may be under way.
pub fn assert_again(change: &Change<'_>, key: &str) -> Result<(), SqlError> {
    change.run("UPDATE outbox SET again = ?2 WHERE key = ?1", values![key, Again::TWICE.number()])
}

/// Has KV told nothing more under a key.
pub fn withdraw(change: &Change<'_>, key: &str) -> Result<(), SqlError> {
    change.run("DELETE FROM outbox WHERE key = ?1", values![key])
}

/// Whether fewer rows wait than one step of laying anew brings.
pub fn has_room(sql: &Sql) -> Result<bool, SqlError> {
    let waiting = "SELECT COUNT(*) FROM (SELECT 1 FROM outbox WHERE rank < ?1 LIMIT ?2)";
    Ok(sql.number(waiting, values![Rank::Again.number(), STEP])?.unwrap_or(0) < STEP)
}

/// Whether KV has what was last laid under a key.
pub fn is_told(sql: &Sql, key: &str) -> Result<bool, SqlError> {
    let waits = "SELECT 1 FROM outbox WHERE key = ?1 AND rank != ?2";
    Ok(sql.number(waits, values![key, Rank::Again.number()])?.is_none())
}

/// Whether KV is still to be told something under a key, be it once more.
pub fn waits(sql: &Sql, key: &str) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM outbox WHERE key = ?1", values![key])?.is_some())
}

struct Row {
    key: String,
    json: Option<String>,
    metadata: Option<String>,
    rank: Rank,
    again: Again,
}

impl Row {
    const fn removal(key: String, rank: Rank) -> Self {
        Self { key, json: None, metadata: None, rank, again: Again::NEVER }
    }
}

/// Writes a row. One that waits already keeps its turn, unless the new one's rank comes before; it is not put off by what
/// it said before, but where KV failed it waits as long as was decided then.
fn put(change: &Change<'_>, row: Row) -> Result<(), SqlError> {
    let Row { key, json, metadata, rank, again } = row;
    change.run(
        "INSERT INTO outbox (key, rev, json, metadata, due, seq, rank, again)
         VALUES (?1, 1, ?2, ?3, 0, (SELECT IFNULL(MAX(seq), 0) + 1 FROM outbox WHERE rank = ?4), ?4, ?5)
         ON CONFLICT (key) DO UPDATE SET rev = rev + 1, json = excluded.json, metadata = excluded.metadata,
             due = CASE attempts WHEN 0 THEN 0 ELSE due END,
             seq = CASE WHEN excluded.rank < rank THEN excluded.seq ELSE seq END,
             rank = MIN(rank, excluded.rank), again = MAX(again, excluded.again)",
        values![key, json, metadata, rank.number(), again.number()],
    )
}
