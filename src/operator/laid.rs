//! Whether KV has all API keys: `control/laid`, of which this object is the only writer. By it alone an edge may call a key
//! wrong that KV has not; a namespace that was emptied, exchanged or laid anew in part has none, or one that does not say
//! so.
//!
//! A deployment that begins has no keys: its namespace has all of them at once. Any other one is told to have them by a
//! round, in which each object that may have keys lays its own anew and reads them back ([`laying`]). A round begins with
//! the first start of this release, with `POST /v1/republish`, where KV is found not to have what it was last told, and
//! where a key was lost in the round before. What edges and KV hold of the time before is over when the record counts.
//!
//! What KV was told it may have been told while it was another one, or was being emptied, and its answers are late. So each
//! round has an id that no other one has, and a witness (`control/round`), which KV has confirmed before the first key is
//! laid and which is not told again: KV has all keys of a round only while it has its witness, and edges look for it.
//!
//! A ledger that fails for long holds nobody else's keys up: they are said to be laid without those of its tenant.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use tidegate_engine::{TenantId, Timestamp};
use tidegate_stored::Document;
use worker::Env;

use super::calls::CALLING_MILLIS;
use crate::durable::client::{CallError, Circumstances, retry_after_millis};
use crate::durable::laying::{self, AGAIN_MILLIS, KV_SECONDS, Progress};
use crate::durable::sql::{Change, Sql, SqlError, integer, values};
use crate::durable::walk::STEP_MILLIS;
use crate::durable::{audit, documents, outbox};
use crate::ledger::protocol::{self as ledger, KeyCall};
use crate::platform::{jittered, random_id, real_millis, real_now, within};
use crate::store::{BINDING, Family, Kv, LaidKey, LaidRecord, RoundKey, RoundRecord};

/// The document with [`State`].
const NAME: &str = "laid";
/// After KV's own delay, in seconds, no edge goes by what it read of KV before: how long an isolate serves that a key is
/// missing, and what clocks may differ by.
const SETTLED_SECONDS: i64 = 30 + 30;
/// Objects that one alarm asks, if their time suffices; the next follows a second later.
const ASKED_AT_ONCE: i64 = 50;
/// Objects that are asked side by side; the platform allows six connections, and KV is told meanwhile.
const SIDE_BY_SIDE: usize = 3;
const LEDGER_DEADLINE: Duration = Duration::from_secs(5);
/// How often in a row a ledger is asked in vain until it is not waited for. For so many tenants at most: their names make
/// a record of 7 KB, which edges that meet a wrong key read every other second.
const PATIENCE: u32 = 6;
const MAX_WITHOUT: usize = 100;
const KV_DEADLINE: Duration = Duration::from_secs(10);
/// How often KV is looked at, at most.
const LOOK_EVERY_MILLIS: i64 = 60_000;

pub const TABLE: &[&str] = &[
    // objects that are still to lay their keys, by their tenant, this one without a name; `due` is in milliseconds of the
    // real clock
    "CREATE TABLE IF NOT EXISTS laying (
        tenant TEXT PRIMARY KEY, due INTEGER NOT NULL DEFAULT 0, attempts INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS laying_due ON laying (due)",
];
/// This object in that table.
const OWN: &str = "";

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
struct State {
    /// What KV is told.
    record: LaidRecord,
    /// When KV was found to have confirmed it, by the deployment's clock; none: it has not, as far as is known.
    #[serde(default)]
    confirmed_at: Option<Timestamp>,
}

impl State {
    /// Whether KV shows everywhere what it was told.
    fn is_settled(&self, now: Timestamp) -> bool {
        self.confirmed_at.is_some_and(|at| now >= at.plus(KV_SECONDS))
    }
}

/// An object that is still to lay its keys.
#[derive(Deserialize)]
struct Laying {
    tenant: String,
    /// How often in a row it was asked in vain.
    attempts: u32,
}

/// What KV was seen to have.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Seen {
    /// It does not answer, or does not show yet what it was told.
    Nothing,
    AsTold,
    /// Another round has begun.
    Otherwise,
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
        self.due.set(if look(sql, env).await? == Seen::Nothing { now + LOOK_EVERY_MILLIS } else { i64::MAX });
        Ok(())
    }

    /// When that is due: not before KV shows everywhere what it was last told.
    pub fn next_due_millis(&self, sql: &Sql) -> Result<Option<i64>, SqlError> {
        let told = state(sql)?.and_then(|state| state.confirmed_at);
        let told = told.map(|at| at.plus(KV_SECONDS).0.saturating_mul(1_000));
        Ok(told.filter(|_| self.due.get() < i64::MAX).map(|told| told.max(self.due.get())))
    }
}

/// Makes what is published known for the first time, or for another deployment. `of`: the id of this object, which has just
/// started.
pub fn begin(sql: &Sql, of: &str) -> Result<(), SqlError> {
    let (known, keys) = (state(sql)?, [LaidKey.key(), RoundKey.key()]);
    let is_ours = known.as_ref().is_some_and(|known| known.record.of == of && !known.record.round.is_empty());
    let is_laying = known.as_ref().is_some_and(|known| known.record.from.is_none());
    if is_ours && is_laying {
        return Ok(());
    }
    // what the one that ended was about to tell, or to tell once more, may not be true of this namespace
    if is_ours && are_told(sql)? {
        return sql.change(|change| keys.iter().try_for_each(|key| outbox::withdraw(change, key)));
    }
    sql.change(|change| {
        let any = "SELECT 1 WHERE EXISTS (SELECT 1 FROM tenant) OR EXISTS (SELECT 1 FROM key)";
        let is_new = known.is_none() && change.number(any, Vec::new())?.is_none();
        let record = LaidRecord { of: of.to_owned(), ..known.unwrap_or_default().record };
        if is_new {
            // nothing was ever missing
            return witness(change, LaidRecord { from: Some(Timestamp(0)), ..record });
        }
        save(change, &State { record, confirmed_at: None })?;
        begin_round(change)
    })
}

/// Has all ledgers lay their keys anew, and this object its own.
pub fn begin_round(change: &Change<'_>) -> Result<(), SqlError> {
    let State { record, .. } = state(change)?.unwrap_or_default();
    witness(change, LaidRecord { from: None, without: Vec::new(), ..record })?;
    change.run("DELETE FROM laying", Vec::new())?;
    // those that have keys alone are recorded nowhere
    let asked = "INSERT INTO laying (tenant)
        SELECT ?1 UNION SELECT id FROM tenant UNION SELECT tenant FROM key WHERE tenant IS NOT NULL";
    change.run(asked, values![OWN])
}

/// A tenant has a key of which this object had not heard: its ledger belongs to a round that is under way.
pub fn include(change: &Change<'_>, tenant: &TenantId) -> Result<(), SqlError> {
    if state(change)?.is_none_or(|state| state.record.from.is_some()) {
        return Ok(());
    }
    let asked = "INSERT INTO laying (tenant) VALUES (?1) ON CONFLICT (tenant) DO NOTHING";
    change.run(asked, values![tenant.as_str()])
}

/// Goes on with the round, while its time suffices; has KV told when all are laid.
pub async fn serve(sql: &Sql, env: &Env) -> Result<(), SqlError> {
    let start = real_millis();
    let Some(State { record, confirmed_at: Some(_) }) = confirmed(sql)? else { return Ok(()) };
    let due = "SELECT tenant, attempts FROM laying WHERE due <= ?1 ORDER BY due LIMIT ?2";
    let due = sql.records::<Laying>(due, values![integer(start), ASKED_AT_ONCE])?;
    for some in due.chunks(SIDE_BY_SIDE) {
        if real_millis().saturating_sub(start) >= CALLING_MILLIS || is_over(sql, &record.round)? {
            break;
        }
        let asked = join_all(some.iter().map(|laying| ask(sql, env, laying, &record.round))).await;
        for (laying, answer) in some.iter().zip(asked) {
            take(sql, &record.round, laying, answer)?;
        }
    }
    settle(sql, env).await
}

/// Has an object go on with its part.
async fn ask(sql: &Sql, env: &Env, laying: &Laying, round: &str) -> Result<Progress, CallError> {
    if laying.tenant == OWN {
        let progress = laying::advance(sql, env, None, round).await;
        return Ok(progress.unwrap_or_else(|error| {
            worker::console_error!("laying keys: {error}");
            Progress::Waits(AGAIN_MILLIS)
        }));
    }
    let tenant: TenantId = laying.tenant.parse().map_err(|_| CallError::Failed)?;
    let ledger = ledger::of(env, &tenant, audit::SYSTEM, Circumstances::default());
    ledger.call(&ledger::Call::Keys(KeyCall::Lay(round.to_owned())), LEDGER_DEADLINE).await
}

/// Takes in what an object has answered.
fn take(sql: &Sql, round: &str, laying: &Laying, answer: Result<Progress, CallError>) -> Result<(), SqlError> {
    sql.change(|change| {
        // meanwhile another round may have begun
        if is_over(change, round)? {
            return Ok(());
        }
        let tenant = laying.tenant.as_str();
        let (wait, attempts) = match answer {
            Ok(Progress::Laid) => return change.run("DELETE FROM laying WHERE tenant = ?1", values![tenant]),
            Ok(Progress::Lost) => {
                worker::console_error!("KV lost API keys while they were laid: all are laid anew");
                return begin_round(change);
            }
            Ok(Progress::Waits(millis)) => (millis, 0),
            Err(_) => (jittered(retry_after_millis(laying.attempts)), i64::from(laying.attempts) + 1),
        };
        let later = "UPDATE laying SET due = ?2, attempts = ?3 WHERE tenant = ?1";
        change.run(later, values![tenant, integer(real_millis()) + wait, attempts])
    })
}

/// When something of this is due, in milliseconds of the real clock.
pub fn next_due_millis(sql: &Sql) -> Result<Option<i64>, SqlError> {
    let Some(State { record, confirmed_at }) = state(sql)? else { return Ok(None) };
    let now = integer(real_millis());
    let Some(confirmed_at) = confirmed_at else { return Ok(Some(now + AGAIN_MILLIS)) };
    let asks = sql.number("SELECT MIN(due) FROM laying", Vec::new())?;
    let is_open = record.from.is_none() || left(sql)?.is_some_and(|left| left != record.without);
    let settles = is_open.then(|| {
        let shown = confirmed_at.plus(KV_SECONDS).0.saturating_mul(1_000);
        if shown > now { shown } else { now + AGAIN_MILLIS }
    });
    Ok(asks.into_iter().chain(settles).min().map(|due| due.max(now + STEP_MILLIS)))
}

/// Looks whether KV has record and witness as it was told. If not, the namespace was emptied or exchanged: all keys are
/// laid anew.
pub async fn look(sql: &Sql, env: &Env) -> Result<Seen, SqlError> {
    let Some(told) = confirmed(sql)?.filter(|state| state.is_settled(real_now())) else { return Ok(Seen::Nothing) };
    let Some(kv) = Kv::new(env, BINDING) else { return Ok(Seen::Nothing) };
    let names = [LaidKey.key(), RoundKey.key()];
    let Ok(Ok(found)) = within(KV_DEADLINE, kv.read(&names)).await else { return Ok(Seen::Nothing) };
    let mut found = found.into_iter();
    let laid = found.next().flatten().and_then(|json| Document::<LaidRecord>::read(&json).ok());
    let round = found.next().flatten().and_then(|json| Document::<RoundRecord>::read(&json).ok());
    let (laid, round) = (laid.map(Document::into_value), round.map(Document::into_value));
    if laid.as_ref() == Some(&told.record) && told.record.is_of(round.as_ref()) {
        return Ok(Seen::AsTold);
    }
    sql.change(|change| {
        if state(change)?.as_ref() != Some(&told) {
            return Ok(());
        }
        worker::console_error!("KV was emptied or exchanged: API keys are laid anew; all else by POST /v1/republish");
        // for a while edges that have seen what is there go by no lower revision
        let found = [laid.map(|laid| laid.rev), round.map(|round| round.rev)];
        let rev = found.into_iter().flatten().max().unwrap_or(0).min(MAX_REV).max(told.record.rev);
        save(change, &State { record: LaidRecord { rev, ..told.record.clone() }, ..told.clone() })?;
        begin_round(change)
    })?;
    Ok(Seen::Otherwise)
}

/// A revision beyond this nobody counted: no number of a strange record makes ours run out of numbers.
const MAX_REV: u64 = 1 << 48;

/// Has KV told that all keys are laid, but for those of tenants whose ledgers fail for long, where that is so and KV is
/// still the one in which the round began.
async fn settle(sql: &Sql, env: &Env) -> Result<(), SqlError> {
    let Some(known) = state(sql)? else { return Ok(()) };
    let Some(without) = left(sql)? else { return Ok(()) };
    if known.record.from.is_some() && known.record.without == without {
        return Ok(());
    }
    if look(sql, env).await? != Seen::AsTold {
        return Ok(());
    }
    if let Some(first) = without.first() {
        worker::console_error!("the keys of {} tenants cannot be laid, {first} among them", without.len());
    }
    let from = Some(real_now().plus(SETTLED_SECONDS));
    sql.change(|change| {
        // meanwhile another tenant may belong to it
        if state(change)?.as_ref() != Some(&known) || left(change)?.as_ref() != Some(&without) {
            return Ok(());
        }
        publish(change, LaidRecord { from, without, ..known.record })
    })
}

/// The tenants whose keys cannot be laid; none where others are to be waited for.
fn left(sql: &Sql) -> Result<Option<Vec<TenantId>>, SqlError> {
    let left = "SELECT tenant, attempts FROM laying ORDER BY tenant LIMIT ?1";
    let left = sql.records::<Laying>(left, values![i64::try_from(MAX_WITHOUT).unwrap_or(0) + 1])?;
    let are_few = left.len() <= MAX_WITHOUT && left.iter().all(|laying| laying.attempts >= PATIENCE);
    // this object is no tenant
    let tenants = left.into_iter().map(|laying| laying.tenant.parse().ok());
    Ok(tenants.collect::<Option<Vec<TenantId>>>().filter(|_| are_few))
}

fn state(sql: &Sql) -> Result<Option<State>, SqlError> {
    documents::load(sql, NAME)
}

fn save(change: &Change<'_>, state: &State) -> Result<(), SqlError> {
    documents::save(change, NAME, state)
}

/// The same, with when KV was found to have confirmed it.
fn confirmed(sql: &Sql) -> Result<Option<State>, SqlError> {
    let Some(known) = state(sql)?.filter(|state| state.confirmed_at.is_none()) else { return state(sql) };
    if outbox::waits(sql, &LaidKey.key())? || outbox::waits(sql, &RoundKey.key())? {
        return Ok(Some(known));
    }
    let state = State { confirmed_at: Some(real_now()), ..known };
    sql.change(|change| save(change, &state))?;
    Ok(Some(state))
}

/// Whether that round is not the last one any more.
fn is_over(sql: &Sql, round: &str) -> Result<bool, SqlError> {
    Ok(state(sql)?.is_none_or(|state| state.record.round != round))
}

/// Whether KV has confirmed record and witness.
fn are_told(sql: &Sql) -> Result<bool, SqlError> {
    Ok(outbox::is_told(sql, &LaidKey.key())? && outbox::is_told(sql, &RoundKey.key())?)
}

/// Begins a round with that record: writes it down as [`publish`] does, and lays its witness ready for KV.
fn witness(change: &Change<'_>, record: LaidRecord) -> Result<(), SqlError> {
    let round = random_id();
    let rev = record.rev + 1;
    outbox::lay(change, &RoundKey, &RoundRecord { rev, id: round.clone() })?;
    publish(change, LaidRecord { round, ..record })
}

/// Writes down what is published, one revision further, and lays it ready for KV.
fn publish(change: &Change<'_>, mut record: LaidRecord) -> Result<(), SqlError> {
    record.rev += 1;
    save(change, &State { record: record.clone(), confirmed_at: None })?;
    outbox::lay(change, &LaidKey, &record)
}
