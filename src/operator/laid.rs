//! Whether KV has all API keys: `control/laid`, of which this object is the only writer. By it alone an edge may call a key
//! wrong that KV has not; a namespace that was emptied, exchanged or laid anew in part has none, or one that does not say
//! so.
//!
//! A deployment that begins has no keys: its namespace has all of them at once. Any other one is told to have them when
//! each ledger that may have keys has laid all of them anew and KV has confirmed the last put; one after the other, in
//! rounds. A round begins with the first start of this release, with `POST /v1/republish`, and where KV is found not to
//! have `control/laid` as it was last told. What edges and KV hold of the time before is over when the record counts.
//!
//! A ledger that fails for long holds nobody else's keys up: they are said to be laid without those of its tenant.

use std::cell::Cell;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tidegate_engine::{TenantId, Timestamp};
use tidegate_stored::Document;
use worker::Env;

use super::calls::CALLING_MILLIS;
use super::own_keys;
use crate::durable::client::{Circumstances, retry_after_millis};
use crate::durable::sql::{Change, Sql, SqlError, integer, values};
use crate::durable::walk::{self, STEP_MILLIS};
use crate::durable::{audit, outbox};
use crate::ledger::protocol::{self as ledger, KeyCall};
use crate::platform::{jittered, real_millis, real_now, within};
use crate::store::{BINDING, Family, Kv, LaidKey, LaidRecord};

/// The document with [`State`].
const NAME: &str = "laid";
/// KV's own delay, in seconds: what it has confirmed is seen everywhere by then.
const KV_SECONDS: i64 = 90;
/// After that, in seconds, no edge goes by what it read of KV before: the delay, how long an isolate serves that a key is
/// missing, and what clocks may differ by.
const SETTLED_SECONDS: i64 = KV_SECONDS + 30 + 30;
/// Ledgers that one alarm asks, if their time suffices; the next follows a second later.
const ASKED_AT_ONCE: i64 = 50;
const LEDGER_DEADLINE: Duration = Duration::from_secs(5);
/// When a ledger is asked again that has laid its keys and is not through.
const ASKED_AGAIN_MILLIS: i64 = 2_500;
/// Failures in a row, over some two minutes, after which a ledger is not waited for; of so many tenants at most.
const PATIENCE: u32 = 6;
const MAX_WITHOUT: usize = 20;
const KV_DEADLINE: Duration = Duration::from_secs(10);
/// How often KV is looked at, at most.
const LOOK_EVERY_MILLIS: i64 = 60_000;

pub const TABLE: &[&str] = &[
    // ledgers that are still to lay their keys; `due` is in milliseconds of the real clock
    "CREATE TABLE IF NOT EXISTS laying (
        tenant TEXT PRIMARY KEY, due INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS laying_due ON laying (due)",
];

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct State {
    /// What KV is told.
    record: LaidRecord,
    /// The revision with which the last round began.
    round: u64,
    /// When the record became what it is, by the deployment's clock.
    at: Timestamp,
}

/// A ledger that is still to lay its keys.
#[derive(Deserialize)]
struct Laying {
    tenant: TenantId,
    /// Failures in a row.
    attempts: u32,
}

/// When KV is to be looked at, in milliseconds of the real clock: when the object starts, and when an edge missed the record.
#[derive(Debug, Default)]
pub struct Looks {
    due: Cell<i64>,
    last: Cell<i64>,
}

impl Looks {
    /// An edge missed the record.
    pub fn ask(&self) {
        self.due.set(self.due.get().min(self.last.get() + LOOK_EVERY_MILLIS));
    }

    /// Looks at KV, if that is due.
    pub async fn serve(&self, sql: &Sql, env: &Env) -> Result<(), SqlError> {
        if self.next_due_millis(sql)?.is_none_or(|due| due > integer(real_millis())) {
            return Ok(());
        }
        let now = integer(real_millis());
        self.last.set(now);
        self.due.set(if look(sql, env).await? { i64::MAX } else { now + LOOK_EVERY_MILLIS });
        Ok(())
    }

    /// When that is due: not before KV shows everywhere what it was last told.
    pub fn next_due_millis(&self, sql: &Sql) -> Result<Option<i64>, SqlError> {
        let told = state(sql)?.map(|state| state.at.plus(KV_SECONDS).0.saturating_mul(1_000));
        Ok(told.filter(|_| self.due.get() < i64::MAX).map(|told| told.max(self.due.get())))
    }
}

/// Makes what is published known for the first time, or for another deployment. `of`: the id of this object, which has just
/// started.
pub fn begin(sql: &Sql, of: &str, now: Timestamp) -> Result<(), SqlError> {
    let (known, key) = (state(sql)?, LaidKey.key());
    let is_laying = known.as_ref().is_some_and(|known| known.record.from.is_none());
    // what the one that ended was about to tell, or to tell once more, may not be true of this namespace
    let is_told = is_laying || outbox::is_told(sql, &key)?;
    if known.as_ref().is_some_and(|known| known.record.of == of) && is_told {
        return if is_laying { Ok(()) } else { sql.change(|change| outbox::withdraw(change, &key)) };
    }
    sql.change(|change| {
        let any = "SELECT 1 WHERE EXISTS (SELECT 1 FROM tenant) OR EXISTS (SELECT 1 FROM key)";
        let is_new = known.is_none() && change.number(any, Vec::new())?.is_none();
        let known = known.unwrap_or_default();
        let record = LaidRecord { of: of.to_owned(), ..known.record };
        if is_new {
            // nothing was ever missing
            let record = LaidRecord { from: Some(Timestamp(0)), ..record };
            return publish(change, State { record, at: now, ..known });
        }
        save(change, &State { record, ..known })?;
        begin_round(change, now)
    })
}

/// Has all ledgers lay their keys anew, and this object its own.
pub fn begin_round(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    let State { record, .. } = state(change)?.unwrap_or_default();
    let round = record.rev + 1;
    publish(change, State { record: LaidRecord { from: None, without: Vec::new(), ..record }, round, at: now })?;
    change.run("DELETE FROM laying", Vec::new())?;
    // those that have keys alone are recorded nowhere
    let asked =
        "INSERT INTO laying (tenant) SELECT id FROM tenant UNION SELECT tenant FROM key WHERE tenant IS NOT NULL";
    change.run(asked, Vec::new())?;
    own_keys::begin(change, now)
}

/// A tenant has a key of which this object had not heard: its ledger belongs to a round that is under way.
pub fn include(change: &Change<'_>, tenant: &TenantId) -> Result<(), SqlError> {
    if state(change)?.is_none_or(|state| state.record.from.is_some()) {
        return Ok(());
    }
    let asked = "INSERT INTO laying (tenant) VALUES (?1) ON CONFLICT (tenant) DO NOTHING";
    change.run(asked, values![tenant.as_str()])
}

/// Asks ledgers to lay their keys anew, and whether KV has them, while their time suffices; and has KV told when all are
/// laid.
pub async fn serve(sql: &Sql, env: &Env) -> Result<(), SqlError> {
    let start = real_millis();
    let due = "SELECT tenant, attempts FROM laying WHERE due <= ?1 ORDER BY due LIMIT ?2";
    for Laying { tenant, attempts } in sql.records(due, values![integer(start), ASKED_AT_ONCE])? {
        if real_millis().saturating_sub(start) >= CALLING_MILLIS {
            break;
        }
        let Some(State { round, .. }) = state(sql)? else { break };
        let ledger = ledger::of(env, &tenant, audit::SYSTEM, Circumstances::default());
        let answer = ledger.call::<bool>(&ledger::Call::Keys(KeyCall::Lay(round)), LEDGER_DEADLINE).await;
        sql.change(|change| {
            // meanwhile another round may have begun
            if state(change)?.is_none_or(|state| state.round != round) {
                return Ok(());
            }
            let (wait, attempts) = match answer {
                Ok(true) => return change.run("DELETE FROM laying WHERE tenant = ?1", values![tenant.as_str()]),
                Ok(false) => (ASKED_AGAIN_MILLIS, 0),
                Err(_) => (jittered(retry_after_millis(attempts)), i64::from(attempts) + 1),
            };
            let later = "UPDATE laying SET due = ?2, attempts = ?3 WHERE tenant = ?1";
            change.run(later, values![tenant.as_str(), integer(real_millis()) + wait, attempts])
        })?;
    }
    settle(sql, real_now())
}

/// When something of this is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    let step = integer(real_millis()) + STEP_MILLIS;
    let asks = sql.number("SELECT MIN(due) FROM laying", Vec::new())?;
    let is_laying = state(sql)?.is_some_and(|state| state.record.from.is_none());
    Ok(asks.or_else(|| is_laying.then_some(step)).map(|due| due.max(step)))
}

/// Looks whether KV has the record as it was told; whether that could be seen. If it has another, the namespace was
/// emptied or exchanged: all keys are laid anew.
pub async fn look(sql: &Sql, env: &Env) -> Result<bool, SqlError> {
    let now = real_now();
    let Some(told) = state(sql)?.filter(|state| now >= state.at.plus(KV_SECONDS)) else { return Ok(false) };
    if outbox::waits(sql, &LaidKey.key())? {
        return Ok(false);
    }
    let Some(kv) = Kv::new(env, BINDING) else { return Ok(false) };
    let Ok(Ok(found)) = within(KV_DEADLINE, kv.read(&[LaidKey.key()])).await else { return Ok(false) };
    let found = found.into_iter().next().flatten().and_then(|json| Document::<LaidRecord>::read(&json).ok());
    let found = found.map(Document::into_value);
    if found.as_ref() == Some(&told.record) {
        return Ok(true);
    }
    sql.change(|change| {
        if state(change)?.as_ref() != Some(&told) {
            return Ok(());
        }
        worker::console_error!("KV was emptied or exchanged: API keys are laid anew; all else by POST /v1/republish");
        // for a while edges that have seen what is there go by no lower revision
        let ours = found.filter(|found| found.of == told.record.of);
        let rev = ours.map_or(0, |found| found.rev).max(told.record.rev);
        save(change, &State { record: LaidRecord { rev, ..told.record.clone() }, ..told.clone() })?;
        begin_round(change, now)
    })?;
    Ok(true)
}

/// Has KV told that all keys are laid, but for those of tenants whose ledgers fail for long, where that is so.
fn settle(sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
    let Some(known) = state(sql)? else { return Ok(()) };
    if own_keys::is_under_way(sql)? || outbox::has_keys(sql)? {
        return Ok(());
    }
    let left = "SELECT tenant, attempts FROM laying ORDER BY tenant LIMIT ?1";
    let left = sql.records::<Laying>(left, values![i64::try_from(MAX_WITHOUT).unwrap_or(0) + 1])?;
    let are_few = left.len() <= MAX_WITHOUT && left.iter().all(|laying| laying.attempts >= PATIENCE);
    let without: Vec<TenantId> = left.into_iter().map(|laying| laying.tenant).collect();
    if !are_few || (known.record.from.is_some() && known.record.without == without) {
        return Ok(());
    }
    if let Some(first) = without.first() {
        worker::console_error!("the keys of {} tenants cannot be laid, {first} among them", without.len());
    }
    let from = Some(now.plus(SETTLED_SECONDS));
    sql.change(|change| {
        publish(change, State { record: LaidRecord { from, without, ..known.record }, at: now, ..known })
    })
}

fn state(sql: &Sql) -> Result<Option<State>, SqlError> {
    walk::load(sql, NAME)
}

fn save(change: &Change<'_>, state: &State) -> Result<(), SqlError> {
    walk::save(change, NAME, state)
}

/// Writes down what is published, one revision further, and lays it ready for KV.
fn publish(change: &Change<'_>, mut state: State) -> Result<(), SqlError> {
    state.record.rev += 1;
    save(change, &state)?;
    outbox::lay(change, &LaidKey, &state.record)
}
