//! Tenants' API keys lie with their ledgers. For this one release they are mirrored here, as the release before had them,
//! so that it can be gone back to: it lists, sweeps and revokes what it finds in this object's table alone. The ledgers
//! are the authority, and what is changed here, by whichever release, is handed over to them.
//!
//! - What is changed here: triggers note each key of a tenant that comes or goes, however it does, and the tenant's ledger
//!   is told to fetch until it has: whole rows of what is here, and the hashes of what is gone. A ledger without keys
//!   fetches by itself when it is asked for them, so that nobody waits for the move.
//! - What is changed there: the ledger tells it ([`KeyEvent`]), and it is written here.
//!
//! A tombstone on either side wins: no order of these calls revives a key.
//!
//! The next release removes the mirror. It keeps `id` and `tenant` of the rows whose ids do not lead to their tenant, to
//! find the ledger that revokes them; drops the triggers and the rows of tenants, and neither makes nor revokes a key of
//! theirs here; no ledger fetches any more. What goes by the mirror is put on another ground: the list over all tenants,
//! which tenants have keys alone (asked to lay them anew), and which keys of KV the sweep has to ask ledgers about. Of
//! [`KeyEvent`] the notes remain. `key_handover` stays for one release more, empty, since this one reads it.

use std::time::Duration;

use serde::Deserialize;
use tidegate_engine::{TenantId, Timestamp};
use worker::Env;

use super::calls::CALLING_MILLIS;
use super::laid;
use super::protocol::{Handed, KeyEvent};
use crate::durable::audit;
use crate::durable::client::{Circumstances, retry_after_millis};
use crate::durable::keys::{self, Key};
use crate::durable::sql::{Change, Sql, SqlError, integer, values};
use crate::durable::walk::STEP_MILLIS;
use crate::ledger::protocol::{self as ledger, KeyCall};
use crate::platform::{jittered, real_millis};

/// Changed keys of which one call tells.
const HANDED_AT_ONCE: i64 = 500;
/// Ledgers that one alarm tells, if their time suffices; the next follows a second later.
const TOLD_AT_ONCE: usize = 50;
const LEDGER_DEADLINE: Duration = Duration::from_secs(5);
/// Where a caller waits.
const AWAITED_DEADLINE: Duration = Duration::from_secs(2);

const TABLES: &[&str] = &[
    // keys of tenants that came or went here, until their ledgers have heard of it, each at its last change; `due` is in
    // milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS key_handover (
        number INTEGER PRIMARY KEY AUTOINCREMENT, hash TEXT NOT NULL UNIQUE, tenant TEXT NOT NULL,
        due INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0)",
    "CREATE INDEX IF NOT EXISTS key_handover_due ON key_handover (due)",
    "CREATE INDEX IF NOT EXISTS key_handover_tenant ON key_handover (tenant, number)",
    "CREATE TRIGGER IF NOT EXISTS key_came AFTER INSERT ON key WHEN NEW.tenant IS NOT NULL BEGIN
        DELETE FROM key_handover WHERE hash = NEW.hash;
        INSERT INTO key_handover (hash, tenant) VALUES (NEW.hash, NEW.tenant); END",
    "CREATE TRIGGER IF NOT EXISTS key_went AFTER DELETE ON key WHEN OLD.tenant IS NOT NULL BEGIN
        DELETE FROM key_handover WHERE hash = OLD.hash;
        INSERT INTO key_handover (hash, tenant) VALUES (OLD.hash, OLD.tenant); END",
];

/// Makes the tables, and notes all keys of tenants that are here: they move to their ledgers.
pub fn create(change: &Change<'_>) -> Result<(), SqlError> {
    TABLES.iter().try_for_each(|table| change.run(table, Vec::new()))?;
    change.run(
        "INSERT INTO key_handover (hash, tenant) SELECT hash, tenant FROM key WHERE tenant IS NOT NULL
         ON CONFLICT (hash) DO NOTHING",
        Vec::new(),
    )
}

/// What a tenant's ledger fetches.
pub fn handed(sql: &Sql, tenant: &TenantId) -> Result<Handed, SqlError> {
    let gone = "SELECT hash FROM key_handover
        WHERE tenant = ?1 AND NOT EXISTS (SELECT 1 FROM key WHERE key.hash = key_handover.hash)
        ORDER BY number LIMIT ?2";
    let gone = sql.texts(gone, values![tenant.as_str(), HANDED_AT_ONCE])?;
    Ok(Handed { keys: keys::all_of(sql, tenant)?, gone })
}

/// Takes in what became of a tenant's keys in its ledger. What comes twice, or late, changes nothing.
pub fn take(sql: &Sql, events: Vec<KeyEvent>, at: Timestamp) -> Result<bool, SqlError> {
    sql.change(|change| {
        for event in events {
            match event {
                KeyEvent::Made(key, note) => {
                    if !keys::is_known(change, &key.hash)? && !keys::is_revoked(change, &key.hash)? {
                        mirror(change, &key)?;
                        key.tenant.iter().try_for_each(|tenant| laid::include(change, tenant))?;
                        audit::take(change, note)?;
                    }
                }
                KeyEvent::Gone(hash, note) => {
                    let was_here = keys::is_known(change, &hash)?;
                    keys::revoke_too(change, &hash, at)?;
                    forget(change, &hash)?;
                    if was_here {
                        audit::take(change, note)?;
                    }
                }
                KeyEvent::Used(used) => drop(keys::used(change, &used)?),
            }
        }
        Ok(true)
    })
}

fn mirror(change: &Change<'_>, key: &Key) -> Result<(), SqlError> {
    keys::insert(change, key)?;
    forget(change, &key.hash)
}

/// Its ledger knows.
fn forget(change: &Change<'_>, hash: &str) -> Result<(), SqlError> {
    change.run("DELETE FROM key_handover WHERE hash = ?1", values![hash])
}

/// A tenant whose keys changed.
#[derive(Deserialize)]
struct Changed {
    tenant: TenantId,
}

/// A tenant whose ledger is to be told, and the last change that it will then have heard of.
#[derive(Deserialize)]
struct Due {
    tenant: TenantId,
    last: i64,
    attempts: u32,
}

/// When the first ledger is to be told, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    let due = sql.number("SELECT MIN(due) FROM key_handover", Vec::new())?;
    Ok(due.map(|due| due.max(integer(real_millis()) + STEP_MILLIS)))
}

/// Tells the ledgers that are due, while their time suffices.
pub async fn hand_over_due(sql: &Sql, env: &Env) -> Result<(), SqlError> {
    let start = real_millis();
    for _ in 0..TOLD_AT_ONCE {
        let first = "SELECT tenant FROM key_handover WHERE due <= ?1 ORDER BY due LIMIT 1";
        let Some(Changed { tenant }) = sql.record(first, values![integer(start)])? else { return Ok(()) };
        hand_over(sql, env, &tenant, LEDGER_DEADLINE).await?;
        if real_millis().saturating_sub(start) >= CALLING_MILLIS {
            return Ok(());
        }
    }
    Ok(())
}

/// The number of the last change that is noted.
pub fn last_change(sql: &Sql) -> Result<i64, SqlError> {
    Ok(sql.number("SELECT MAX(number) FROM key_handover", Vec::new())?.unwrap_or(0))
}

/// Tells the ledger of a key that changed since then. Whoever waits for it waits no longer than two seconds.
pub async fn hand_over_since(sql: &Sql, env: &Env, last_change: i64) -> Result<(), SqlError> {
    let changed = "SELECT tenant FROM key_handover WHERE number > ?1 ORDER BY number DESC LIMIT 1";
    match sql.record(changed, values![last_change])? {
        Some(Changed { tenant }) => hand_over(sql, env, &tenant, AWAITED_DEADLINE).await,
        None => Ok(()),
    }
}

async fn hand_over(sql: &Sql, env: &Env, tenant: &TenantId, deadline: Duration) -> Result<(), SqlError> {
    let changes = "SELECT tenant, MAX(number) AS last, MAX(attempts) AS attempts
        FROM (SELECT * FROM key_handover WHERE tenant = ?1 ORDER BY number LIMIT ?2) HAVING COUNT(*) > 0";
    let due = sql.record::<Due>(changes, values![tenant.as_str(), HANDED_AT_ONCE])?;
    let Some(Due { tenant, last, attempts }) = due else { return Ok(()) };
    let ledger = ledger::of(env, &tenant, audit::SYSTEM, Circumstances::default());
    let fetched = ledger.call::<bool>(&ledger::Call::Keys(KeyCall::Fetch), deadline).await.is_ok();
    sql.change(|change| {
        let changes = values![tenant.as_str(), last];
        if fetched {
            return change.run("DELETE FROM key_handover WHERE tenant = ?1 AND number <= ?2", changes);
        }
        let wait = retry_after_millis(attempts);
        change.run(
            "UPDATE key_handover SET due = ?3, attempts = attempts + 1 WHERE tenant = ?1 AND number <= ?2",
            values![tenant.as_str(), last, integer(real_millis()) + jittered(wait)],
        )
    })
}
