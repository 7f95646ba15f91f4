//! What isolates have counted, added up in objects of this class that do nothing else: sixteen of them, by the isolate,
//! so that no single object hears of all.

use serde::Deserialize;
use tidegate_engine::{DAY, Timestamp};
use worker::Env;

use super::protocol::{self, BINDING};
use super::protocol::{Counts, Told};
use crate::durable::client::{Circumstances, Client};
use crate::durable::sql::{Change, Sql, SqlError, integer, values};
use crate::durable::{audit, documents};

/// Objects that add up.
const SHARDS: u8 = 16;
const PREFIX: &str = "metrics-";
/// The document with the sums.
const SUMS: &str = "counts";
/// Isolates are forgotten so long after they last told something.
const ISOLATE_SECONDS: i64 = DAY;

pub const TABLES: &[&str] = &[
    // the last number of each isolate: what comes twice counts once
    "CREATE TABLE IF NOT EXISTS teller (
        isolate TEXT PRIMARY KEY, sequence INTEGER NOT NULL, seen_at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS teller_seen_at ON teller (seen_at)",
];

/// What the releases before told of a series.
#[derive(Deserialize)]
struct Counter {
    name: String,
    value: u64,
}

/// The object that an isolate tells.
pub fn of_isolate(env: &Env, isolate: &str) -> Client {
    let shard = tidegate_engine::fnv1a(isolate.as_bytes()) % u64::from(SHARDS);
    named(env, &format!("{PREFIX}{shard}"))
}

/// All objects that add up.
pub fn all(env: &Env) -> Vec<Client> {
    // the releases before told the operator's own
    let own = named(env, protocol::NAME);
    (0..SHARDS).map(|shard| named(env, &format!("{PREFIX}{shard}"))).chain([own]).collect()
}

fn named(env: &Env, name: &str) -> Client {
    Client::new(env, BINDING, name, audit::SYSTEM, Circumstances::default())
}

/// Whether the object of that name has nothing to do but to add up.
pub fn adds_up_alone(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// Adds what an isolate counted, once for each of its numbers.
pub fn take_in(sql: &Sql, told: &Told, now: Timestamp) -> Result<bool, SqlError> {
    sql.change(|change| {
        let isolate = told.isolate.as_str();
        let known = change.number("SELECT sequence FROM teller WHERE isolate = ?1", values![isolate])?;
        if known.is_some_and(|known| integer(told.sequence) <= known) {
            return Ok(true);
        }
        change.run("DELETE FROM teller WHERE seen_at < ?1", values![now.plus(-ISOLATE_SECONDS).0])?;
        change.run(
            "INSERT INTO teller (isolate, sequence, seen_at) VALUES (?1, ?2, ?3)
             ON CONFLICT (isolate) DO UPDATE SET sequence = excluded.sequence, seen_at = excluded.seen_at",
            values![isolate, integer(told.sequence), now.0],
        )?;
        let mut sums = stored(change)?;
        add(&mut sums, &told.counts);
        documents::save(change, SUMS, &sums)?;
        Ok(true)
    })
}

/// As the releases before tell: adds without a number, and answers with the sums of this object.
pub fn count(sql: &Sql, counts: &Counts) -> Result<Counts, SqlError> {
    sql.change(|change| {
        for (name, count) in counts {
            change.run(
                "INSERT INTO counter (name, value) VALUES (?1, ?2)
                 ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                values![name.as_str(), integer(*count)],
            )?;
        }
        let counters = change.records::<Counter>("SELECT name, value FROM counter", values![])?;
        let counted: Counts = counters.into_iter().map(|Counter { name, value }| (name, value)).collect();
        let mut sums = stored(change)?;
        add(&mut sums, &counted);
        Ok(sums)
    })
}

/// Adds `counts` to `sums`, series by series.
pub fn add(sums: &mut Counts, counts: &[(String, u64)]) {
    for (name, count) in counts {
        match sums.iter_mut().find(|(known, _)| known == name) {
            Some((_, sum)) => *sum = sum.saturating_add(*count),
            None => sums.push((name.clone(), *count)),
        }
    }
}

fn stored(change: &Change<'_>) -> Result<Counts, SqlError> {
    Ok(documents::read(change, SUMS)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_grow_by_series() {
        let mut sums = vec![("a".to_owned(), 1)];
        add(&mut sums, &[("b".to_owned(), 2), ("a".to_owned(), 3)]);
        assert_eq!(sums, [("a".to_owned(), 4), ("b".to_owned(), 2)]);
    }

    #[test]
    fn the_operators_own_object_does_more_than_add_up() {
        assert!(adds_up_alone("metrics-0") && !adds_up_alone(crate::operator::protocol::NAME));
    }
}
