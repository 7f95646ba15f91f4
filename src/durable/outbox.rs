//! What changed and KV has not been told yet.
//!
//! A change writes its row in its own transaction; the alarm puts it into KV. One put is in flight a key, at most one
//! a second, and the row goes only if no newer one took its place meanwhile.

use serde::Deserialize;
use wasm_bindgen::JsValue;
use worker::{Env, SqlStorageValue};

use super::sql::{Change, Sql, SqlError, integer, to_text, values};
use crate::platform::{real_millis, within};
use crate::store::{self, Family, Kv};

/// KV takes one write a key and second; a margin, since its clock is not ours.
const PUT_SPACING_MILLIS: i64 = 1_100;
pub const RETRY_MILLIS: i64 = 2_000;
const PUT_DEADLINE: std::time::Duration = std::time::Duration::from_secs(10);
/// How long a put that is under way keeps its key from another: longer than its deadline.
const IN_FLIGHT_MILLIS: i64 = 12_000;
/// Rows that one alarm serves; the next follows at once.
const MAX_PUTS: i64 = 200;

pub const TABLES: &[&str] = &[
    // what KV has to be told: a row goes when KV has this very change of it; no `json`: the key is to be removed
    "CREATE TABLE IF NOT EXISTS outbox (
        key TEXT PRIMARY KEY, rev INTEGER NOT NULL, json TEXT, metadata TEXT, due INTEGER NOT NULL) WITHOUT ROWID",
];

/// Lays a record ready for KV.
pub fn lay<F: Family>(change: &Change<'_>, family: &F, record: &F::Record) -> Result<(), SqlError> {
    put(change, family.key(), Some(to_text(record)?), None)
}

/// Lays a record ready for KV that is JSON already.
pub fn lay_json<F: Family>(change: &Change<'_>, family: &F, json: String) -> Result<(), SqlError> {
    put(change, family.key(), Some(json), None)
}

/// Lays a record ready for KV that lists show, too.
pub fn lay_listed<F: Family>(change: &Change<'_>, family: &F, record: &F::Record) -> Result<(), SqlError> {
    let json = to_text(record)?;
    put(change, family.key(), Some(json.clone()), Some(json))
}

/// Has a record removed from KV.
pub fn remove<F: Family>(change: &Change<'_>, family: &F) -> Result<(), SqlError> {
    put(change, family.key(), None, None)
}

/// Has the records removed from KV whose keys `select` lists.
pub fn remove_listed(change: &Change<'_>, select: &str, values: Vec<SqlStorageValue>) -> Result<(), SqlError> {
    // the WHERE tells SQLite that ON CONFLICT is no JOIN's ON
    let statement = format!(
        "INSERT INTO outbox (key, rev, json, metadata, due) SELECT key, 1, NULL, NULL, 0 FROM
             (SELECT NULL AS key WHERE FALSE UNION ALL {select}) WHERE TRUE
         ON CONFLICT (key) DO UPDATE SET rev = ABS(rev) + 1, json = NULL, metadata = NULL"
    );
    change.run(&statement, values)
}

/// Has all records removed from KV that it was told lately or was to be told.
pub fn remove_all(change: &Change<'_>) -> Result<(), SqlError> {
    change.run("UPDATE outbox SET rev = ABS(rev) + 1, json = NULL, metadata = NULL", Vec::new())
}

fn put(change: &Change<'_>, key: String, json: Option<String>, metadata: Option<String>) -> Result<(), SqlError> {
    // `rev` tells one change of a row from the next, for as long as the row is there
    change.run(
        "INSERT INTO outbox (key, rev, json, metadata, due) VALUES (?1, 1, ?2, ?3, 0)
         ON CONFLICT (key) DO UPDATE SET rev = ABS(rev) + 1, json = excluded.json, metadata = excluded.metadata",
        values![key, json, metadata],
    )
}

/// When the first row is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    sql.number("SELECT MIN(due) FROM outbox WHERE rev > 0", Vec::new())
}

#[derive(Deserialize)]
struct Row {
    rev: i64,
    json: Option<String>,
    metadata: Option<String>,
}

/// Puts what is due, and tells whether any was put. What fails stays, and is due again later; where KV does not answer,
/// so does the rest.
pub async fn publish(sql: &Sql, env: &Env) -> bool {
    let mut any = false;
    let now = integer(real_millis());
    // ties by key: catalog and baselines before `control/mode`, which puts them in force; rows that are told stay
    // until their second has passed, with a negative rev, so that the next put keeps its distance
    let due = "SELECT json_quote(key) FROM outbox WHERE rev > 0 AND due <= ?1
               ORDER BY key LIKE 'policy/%' DESC, due, key LIMIT ?2";
    let Ok(keys) = sql.rows::<String>(due, values![now, MAX_PUTS]) else { return any };
    let Some(kv) = Kv::new(env, store::BINDING) else { return any };
    for key in keys {
        let Ok(Some(row)) = take(sql, &key) else { continue };
        let put = within(PUT_DEADLINE, tell(&kv, &key, &row)).await;
        let told = matches!(put, Ok(Ok(())));
        any |= told;
        let after = integer(real_millis()) + if told { PUT_SPACING_MILLIS } else { RETRY_MILLIS };
        let _ = sql.change(|change| {
            if told {
                let set_told = "UPDATE outbox SET rev = -rev, json = NULL, metadata = NULL WHERE key = ?1 AND rev = ?2";
                change.run(set_told, values![key.as_str(), row.rev])?;
            }
            change.run("UPDATE outbox SET due = ?1 WHERE key = ?2", values![after, key.as_str()])
        });
        if put.is_err() {
            break;
        }
    }
    let _ = sql.change(|change| change.run("DELETE FROM outbox WHERE rev < 0 AND due <= ?1", values![now]));
    any
}

async fn tell(kv: &Kv, key: &str, row: &Row) -> Result<(), JsValue> {
    match &row.json {
        Some(json) => kv.write(key, json, row.metadata.as_deref()).await,
        None => kv.remove(key).await,
    }
}

/// Takes a row for one put, as it is now: while others were put, it may have changed, or have been put elsewhere.
fn take(sql: &Sql, key: &str) -> Result<Option<Row>, SqlError> {
    let now = integer(real_millis());
    let take = "UPDATE outbox SET due = ?1 WHERE key = ?2 AND rev > 0 AND due <= ?3
                RETURNING json_object('rev', rev, 'json', json, 'metadata', metadata)";
    sql.change(|change| change.row(take, values![now + IN_FLIGHT_MILLIS, key, now]))
}
