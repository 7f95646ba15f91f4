//! The tenant's API keys: made, listed and revoked here, and published as all that is the tenant's.
//!
//! They need neither policy nor mail, and make the tenant none that is recorded: [`super::policies::tenant`] knows nothing
//! of them. For this release the operator's object mirrors them, and has those that the release before makes and revokes:
//! what is there is fetched ([`Handed`]), what becomes of keys here is told ([`KeyEvent`]). A ledger that has any key has
//! fetched all; one that has none asks before it answers.

use std::time::Duration;

use serde::Deserialize;
use tidegate_engine::{TenantId, Timestamp};
use tidegate_wire::problem::Problem;
use worker::Env;
use worker::worker_sys::web_sys::Response;

use super::Ledger;
use super::protocol::KeyCall;
use crate::durable::audit::{self, Act};
use crate::durable::client::{Circumstances, retry_after_millis};
use crate::durable::keys::{self, Key, NewKey};
use crate::durable::laying::{self, Progress};
use crate::durable::sql::{Change, Sql, SqlError, from_text, integer, to_text, values};
use crate::durable::walk::Expected;
use crate::durable::{self, json};
use crate::http;
use crate::operator::protocol::{self as operator, Handed, KeyEvent};
use crate::platform::{jittered, real_millis};
use crate::store::Family;

/// Far above what one tenant may have, also where two releases made some.
const MAX_EXPECTED: i64 = 1_000;
/// What one call tells.
const TOLD_AT_ONCE: i64 = 50;
/// The operator's object is awaited where a caller waits, too.
const OPERATOR_DEADLINE: Duration = Duration::from_secs(2);

const TABLES: &[&str] = &[
    // what the operator's object is still to be told; `due` is in milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS key_event (
        number INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL, due INTEGER NOT NULL DEFAULT 0,
        attempts INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX IF NOT EXISTS key_event_due ON key_event (due)",
];

/// Makes the tables.
pub fn create(change: &Change<'_>) -> Result<(), SqlError> {
    let mut tables = keys::TABLE.iter().chain(keys::TOMBSTONES).chain(TABLES);
    tables.try_for_each(|table| change.run(table, Vec::new()))?;
    keys::add_columns(change)
}

/// What the operator's object has of the tenant's keys.
///
/// # Errors
/// It did not answer: a problem, since what is here may not be all.
async fn fetch(env: &Env, tenant: &TenantId) -> Result<Handed, SqlError> {
    let operator = operator::of(env, audit::SYSTEM, Circumstances::default());
    let handed = operator.call(&operator::Call::HandOver(tenant.clone()), OPERATOR_DEADLINE).await;
    handed.map_err(|_| Problem::unavailable("whether there are more keys of this tenant cannot be told").into())
}

/// Takes in what was fetched. What was revoked here or there stays so, in whatever order it is heard.
fn take(change: &Change<'_>, handed: &Handed, at: Timestamp) -> Result<(), SqlError> {
    for hash in &handed.gone {
        if keys::is_known(change, hash)? {
            // KV may have been told of it from here after it was told of its end from there
            keys::revoke(change, hash, at)?;
        } else if !keys::is_revoked(change, hash)? {
            keys::revoke_too(change, hash, at)?;
        }
    }
    for key in &handed.keys {
        if !keys::is_known(change, &key.hash)? && !keys::is_revoked(change, &key.hash)? {
            keys::insert(change, key)?;
        }
    }
    Ok(())
}

/// Answers a call, but for those that wait.
fn answer(sql: &Sql, act: Act<'_>, call: KeyCall) -> Result<Response, SqlError> {
    match call {
        KeyCall::Make(new) => {
            let shown = sql.change(|change| make(change, act, new))?;
            Ok(http::json(shown.as_bytes())?)
        }
        KeyCall::List(range) => Ok(http::json(keys::page(sql, None, &range)?.as_bytes())?),
        KeyCall::Revoke(revoke) => json(&sql.change(|change| {
            let key = keys::revocable(change, &revoke)?;
            bury(change, act, &key)?;
            Ok(key.hash)
        })?),
        KeyCall::Used(used) => json(&sql.change(|change| {
            for used in used {
                if keys::used(change, &used)? {
                    queue(change, &KeyEvent::Used(used))?;
                }
            }
            Ok(true)
        })?),
        KeyCall::Living(hashes) => {
            let mut living = Vec::new();
            for hash in hashes {
                if keys::is_known(sql, &hash)? {
                    living.push(hash);
                }
            }
            json(&living)
        }
        KeyCall::Fetch => json(&true),
        // answered before, unless nothing is stored
        KeyCall::Lay(_) => json(&Progress::Laid),
        KeyCall::IsPublished(_) => json(&false),
    }
}

impl Ledger {
    /// Answers a call that concerns the tenant's keys. Of a tenant of which nothing is stored nothing is stored by it,
    /// unless it makes a key.
    pub(super) async fn answer_of_keys(
        &self,
        name: &str,
        actor: &str,
        circumstances: Circumstances,
        call: KeyCall,
    ) -> worker::Result<Response> {
        let tenant: TenantId = name.parse().map_err(|error| SqlError::Failed(format!("{name}: {error}")))?;
        let act = Act { actor, at: circumstances.now() };
        let lacks = self.is_empty()? || self::tenant(&self.sql()?)?.is_none();
        let handed = if call.fetches(lacks) { fetch(&self.env, &tenant).await } else { Ok(Handed::default()) };
        let handed = match handed {
            Ok(handed) => handed,
            Err(error) => return durable::respond(Err(error)),
        };
        if self.is_empty()? && handed.is_empty() && !call.begins() {
            return durable::respond(self.tentatively(|change| answer(change, act, call)));
        }
        let sql = self.sql()?;
        if let KeyCall::IsPublished(key) = &call {
            let is_confirmed = self.publisher.confirm(&sql, &self.env, actor, key.key()).await;
            return durable::respond(json(&(is_confirmed && next_event(&sql)?.is_none())));
        }
        if !handed.is_empty() && !sql.is_read_only() {
            sql.change(|change| take(change, &handed, act.at))?;
        }
        let answer = match call {
            KeyCall::Lay(round) => {
                let progress = laying::advance(&sql, &self.env, Some(&tenant), &round).await;
                progress.and_then(|progress| json(&progress))
            }
            call => answer(sql.failing_at(circumstances.fails_at()), act, call),
        };
        sql.failing_at(None);
        let response = durable::respond(answer)?;
        if sql.is_read_only() {
            return Ok(response);
        }
        if circumstances.clock().is_some() {
            self.publisher.publish(&sql, &self.env).await;
        } else {
            self.start_publishing(&sql)?;
        }
        if let Err(error) = tell(&sql, &self.env).await {
            worker::console_error!("{tenant}: the operator's object is not told of keys: {error}");
        }
        self.set_alarm(&sql, 0).await?;
        Ok(response)
    }
}

/// Fetches what the operator's object has of the tenant's keys, and takes it in.
pub async fn fetch_into(sql: &Sql, env: &Env, tenant: &TenantId, now: Timestamp) -> Result<(), SqlError> {
    let handed = fetch(env, tenant).await?;
    if handed.is_empty() { Ok(()) } else { sql.change(|change| take(change, &handed, now)) }
}

fn make(change: &Change<'_>, act: Act<'_>, new: NewKey) -> Result<String, SqlError> {
    for expired in keys::surplus(change, new.tenant.as_ref(), new.role, act.at)? {
        bury(change, Act { actor: audit::SYSTEM, ..act }, &expired)?;
    }
    let key = keys::make(change, act, new)?;
    let shown = to_text(&key.shown())?;
    let entry = (None, Some(shown.clone()));
    audit::write(change, act, "key.create", &key.id, entry.clone())?;
    let made = key.note(act, "key.create", entry);
    queue(change, &KeyEvent::Made(key, made))?;
    Ok(shown)
}

fn bury(change: &Change<'_>, act: Act<'_>, key: &Key) -> Result<(), SqlError> {
    keys::revoke(change, &key.hash, act.at)?;
    let entry = (Some(to_text(&key.shown())?), None);
    audit::write(change, act, "key.revoke", &key.id, entry.clone())?;
    queue(change, &KeyEvent::Gone(key.hash.clone(), key.note(act, "key.revoke", entry)))
}

/// Revokes all keys of a tenant that is forgotten. What remains are their tombstones.
pub fn revoke_all(change: &Change<'_>, act: Act<'_>, tenant: &TenantId) -> Result<(), SqlError> {
    keys::all_of(change, tenant)?.iter().try_for_each(|key| bury(change, act, key))
}

/// Whose keys there are, if there are any.
pub fn tenant(sql: &Sql) -> Result<Option<TenantId>, SqlError> {
    #[derive(Deserialize)]
    struct Owner {
        tenant: TenantId,
    }
    let owner = sql.record::<Owner>("SELECT tenant FROM key LIMIT 1", Vec::new())?;
    Ok(owner.map(|owner| owner.tenant))
}

/// What KV should have of all of them.
pub fn expected(sql: &Sql, tenant: &TenantId) -> Result<Vec<Expected>, SqlError> {
    let expected = keys::expected(sql, Some(tenant), 0, MAX_EXPECTED)?;
    Ok(expected.into_iter().map(|(_, expected)| expected).collect())
}

/// Forgets keys that were revoked long ago, and of which the operator's object knows.
pub fn prune_due(sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
    if next_event(sql)?.is_none() && keys::next_pruning(sql)?.is_some_and(|due| due <= now) {
        return sql.change(|change| keys::prune(change, now));
    }
    Ok(())
}

/// When the operator's object is to be told something or, after that and where `prunes`, keys are to be forgotten, in
/// milliseconds.
pub fn next_due_millis(sql: &Sql, prunes: bool) -> Result<Option<i64>, SqlError> {
    match next_event(sql)? {
        None if prunes => Ok(keys::next_pruning(sql)?.map(|Timestamp(at)| at.saturating_mul(1_000))),
        event => Ok(event),
    }
}

/// Has the operator's object told.
fn queue(change: &Change<'_>, event: &KeyEvent) -> Result<(), SqlError> {
    change.run("INSERT INTO key_event (json) VALUES (?1)", values![to_text(event)?])
}

/// When the operator's object is to be told something, in milliseconds of the real clock.
fn next_event(sql: &Sql) -> Result<Option<i64>, SqlError> {
    sql.number("SELECT MIN(due) FROM key_event", Vec::new())
}

#[derive(Deserialize)]
struct Queued {
    number: i64,
    json: String,
    attempts: u32,
}

/// Tells the operator's object what is due. What it does not take stays, and is due again later.
pub async fn tell(sql: &Sql, env: &Env) -> Result<(), SqlError> {
    let now = integer(real_millis());
    if next_event(sql)?.is_none_or(|due| due > now) {
        return Ok(());
    }
    let first = "SELECT number, json, attempts FROM key_event ORDER BY number LIMIT ?1";
    let queued = sql.records::<Queued>(first, values![TOLD_AT_ONCE])?;
    let Some(last) = queued.last().map(|queued| queued.number) else { return Ok(()) };
    let attempts = queued.iter().map(|queued| queued.attempts).max().unwrap_or(0);
    let events = queued.iter().map(|queued| from_text(&queued.json)).collect::<Result<_, _>>()?;
    let operator = operator::of(env, audit::SYSTEM, Circumstances::default());
    let taken = operator.call::<bool>(&operator::Call::KeyEvents(events), OPERATOR_DEADLINE).await.is_ok();
    sql.change(|change| {
        if taken {
            return change.run("DELETE FROM key_event WHERE number <= ?1", values![last]);
        }
        let wait = retry_after_millis(attempts);
        let later = "UPDATE key_event SET due = ?2, attempts = attempts + 1 WHERE number <= ?1";
        change.run(later, values![last, integer(real_millis()) + jittered(wait)])
    })
}
