//! Puts into KV what lies in the outbox.
//!
//! By rank, and within a rank in the order in which it was laid; four puts at a time, one at a time and a second of one
//! key. A row goes when KV has confirmed it and it is still the same. What fails is due again later, and later each time.
//!
//! A put that takes too long is given up, but may still land, after a later one of the same key: then KV is told the
//! last word once more, when the late one has settled, or after a minute if the object ends before. Which puts are under
//! way is known in memory alone: an object that starts tells what lies there twice, with a minute between.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures_util::future::{Either, join_all, select};
use js_sys::futures::spawn_local;
use serde::Deserialize;
use wasm_bindgen::JsValue;
use worker::Env;

use super::outbox::{self, Again};
use super::sql::{Sql, SqlError, integer, to_text, values};
use crate::platform::{jittered, real_millis, sleep};
use crate::store::{self, Kv, Rank};

/// Puts under way at a time; the platform allows an object six connections.
const MAX_AT_ONCE: usize = 4;
const SPACING_MILLIS: u64 = outbox::SPACING_MILLIS.unsigned_abs();
const PUT_DEADLINE: Duration = Duration::from_secs(10);
/// How long one alarm or call goes on; the alarm follows.
const ROUND_MILLIS: u64 = 20_000;
/// No put is under way longer than its deadline.
const UNDER_WAY_MILLIS: u64 = 12_000;
/// Rows that are looked at for the next one to be put.
const LOOKED_AT: u64 = 16;
/// How long a call may wait until KV has confirmed a key.
const CONFIRMED_WITHIN_MILLIS: u64 = 2_000;
const LOOK_EVERY: Duration = Duration::from_millis(25);
/// The first wait after a failure, doubled with each further one.
const BACK_OFF_MILLIS: i64 = 1_500;
const MAX_BACK_OFF_MILLIS: i64 = 60_000;
/// For what takes away a right or an enforcement.
const MAX_URGENT_BACK_OFF_MILLIS: i64 = 4_000;
/// Failures in a row after which all of KV is taken for failing.
const MAX_FAILURES: u32 = 8;
const RESUME_MILLIS: i64 = 4_000;

/// The puts of one object; all copies are the same.
#[derive(Clone, Debug, Default)]
pub struct Publisher(Rc<Progress>);

#[derive(Debug, Default)]
struct Progress {
    /// Keys whose put is under way, and since when.
    under_way: RefCell<BTreeMap<String, u64>>,
    /// Keys that were put lately, and until when they rest.
    resting: RefCell<BTreeMap<String, u64>>,
    /// Keys that callers wait for, and how often each of these was served while there were any.
    awaited: RefCell<Vec<Awaiting>>,
    served: RefCell<BTreeMap<String, u32>>,
    workers: Cell<usize>,
    failures: Cell<u32>,
    /// Until when KV is left alone.
    resumes_at: Cell<u64>,
}

#[derive(Debug)]
struct Awaiting {
    who: String,
    key: String,
}

/// A row as it is put.
#[derive(Deserialize)]
struct Row {
    key: String,
    rev: i64,
    json: Option<String>,
    metadata: Option<String>,
    rank: i64,
    attempts: i64,
}

const ROW: &str = "SELECT key, rev, json, metadata, rank, attempts FROM outbox WHERE key = ?1";

impl Publisher {
    /// Puts what is due, for a while. What follows in the meantime is put as well.
    pub fn publish(&self, sql: &Sql, env: &Env) -> impl Future<Output = ()> + 'static {
        let (sql, kv) = (sql.handle(), Kv::new(env, store::BINDING));
        let free = MAX_AT_ONCE.saturating_sub(self.0.workers.get());
        let workers: Vec<Worker> = (0..free).map(|_| Worker::begin(self)).collect();
        async move {
            let Some(kv) = kv else { return };
            // each counts until it ends itself: one whose put hangs keeps none from taking the others' place
            let run = |worker: Worker| {
                let (sql, kv) = (&sql, &kv);
                async move { worker.run(sql, kv).await }
            };
            join_all(workers.into_iter().map(run)).await;
        }
    }

    /// Puts one key before all that nobody waits for, and tells whether KV has confirmed what was last laid under it,
    /// within two seconds. Of those who wait, each comes as often as any other, however much it asks for.
    pub fn confirm(&self, sql: &Sql, env: &Env, who: &str, key: String) -> impl Future<Output = bool> + 'static {
        let (publisher, sql, env) = (self.clone(), sql.handle(), env.clone());
        let awaited = Awaited::begin(self, who, key);
        async move {
            let until = real_millis() + CONFIRMED_WITHIN_MILLIS;
            loop {
                match outbox::is_told(&sql, &awaited.key) {
                    Ok(false) if real_millis() < until => {}
                    told => return told.unwrap_or(false),
                }
                if publisher.is_due(&sql).unwrap_or(false) {
                    spawn_local(publisher.publish(&sql, &env));
                }
                sleep(LOOK_EVERY).await;
            }
        }
    }

    /// Whether something is due that can be put now, and nobody is about to.
    pub fn is_due(&self, sql: &Sql) -> Result<bool, SqlError> {
        Ok(self.0.workers.get() < MAX_AT_ONCE && self.due(sql, real_millis())?.is_some())
    }

    /// When something is to be put next, in milliseconds of the real clock.
    pub fn next_due_millis(&self, sql: &Sql) -> Result<Option<i64>, SqlError> {
        let Some(due) = sql.number("SELECT MIN(due) FROM outbox", Vec::new())? else { return Ok(None) };
        let now = real_millis();
        if due > integer(now) || self.is_due(sql)? {
            return Ok(Some(due));
        }
        // what is due has just been put, or is about to be, or KV is left alone
        Ok(Some(integer(self.0.resumes_at.get().max(now + SPACING_MILLIS))))
    }

    /// The key of the row that comes first of those that may be put.
    fn due(&self, sql: &Sql, now: u64) -> Result<Option<String>, SqlError> {
        if !self.has_room(now) {
            return Ok(None);
        }
        self.0.resting.borrow_mut().retain(|_, until| now < *until);
        if let Some(key) = self.awaited(sql, now)? {
            return Ok(Some(key));
        }
        // nearly always the first of them may be put: no statement has to be told of all others; `+` has SQLite walk in
        // their order and not sort what is due
        let first = "SELECT key FROM outbox WHERE +due <= ?1 ORDER BY rank, seq LIMIT ?2";
        let first = sql.texts(first, values![integer(now), integer(LOOKED_AT)])?;
        let are_all = first.len() < usize::try_from(LOOKED_AT).unwrap_or(usize::MAX);
        let found = first.into_iter().find(|key| !self.is_busy(key));
        if found.is_some() || are_all {
            return Ok(found);
        }
        let due = "SELECT key FROM outbox WHERE +due <= ?1 AND key NOT IN (SELECT value FROM json_each(?2))
            ORDER BY rank, seq LIMIT 1";
        Ok(sql.texts(due, values![integer(now), to_text(&self.busy())?])?.pop())
    }

    /// The key that somebody waits for who was served least.
    fn awaited(&self, sql: &Sql, now: u64) -> Result<Option<String>, SqlError> {
        let awaited = self.0.awaited.borrow();
        let waiting: Vec<&String> = awaited.iter().map(|it| &it.key).filter(|key| !self.is_busy(key)).collect();
        if waiting.is_empty() {
            return Ok(None);
        }
        let due = "SELECT key FROM outbox WHERE key IN (SELECT value FROM json_each(?1)) AND due <= ?2 AND rank != ?3";
        let due = sql.texts(due, values![to_text(&waiting)?, integer(now), Rank::Again.number()])?;
        let served = self.0.served.borrow();
        let of = |it: &&Awaiting| served.get(&it.who).copied().unwrap_or(0);
        Ok(awaited.iter().filter(|it| due.contains(&it.key)).min_by_key(of).map(|it| it.key.clone()))
    }

    fn next(&self, sql: &Sql) -> Result<Option<Row>, SqlError> {
        let Some(key) = self.due(sql, real_millis())? else { return Ok(None) };
        let row: Option<Row> = sql.record(ROW, values![key])?;
        if let Some(row) = &row {
            if let Some(it) = self.0.awaited.borrow().iter().find(|it| it.key == row.key) {
                *self.0.served.borrow_mut().entry(it.who.clone()).or_default() += 1;
            }
            self.0.under_way.borrow_mut().insert(row.key.clone(), real_millis());
        }
        Ok(row)
    }

    async fn put(&self, sql: &Sql, kv: &Kv, row: Row) {
        let put = {
            let (kv, key, json, metadata) = (kv.clone(), row.key.clone(), row.json.clone(), row.metadata.clone());
            Box::pin(async move {
                match &json {
                    Some(json) => kv.write(&key, json, metadata.as_deref()).await,
                    None => kv.remove(&key).await,
                }
            })
        };
        let outcome = match select(put, pin!(sleep(PUT_DEADLINE))).await {
            Either::Left((Ok(()), _)) => self.confirmed(sql, &row),
            Either::Left((Err(error), _)) => self.failed(sql, &row, &error),
            Either::Right(((), put)) => {
                let given_up = self.given_up(sql, &row);
                let (publisher, sql, kv) = (self.clone(), sql.handle(), kv.clone());
                spawn_local(async move {
                    let _ = put.await;
                    publisher.settled(&sql, &row.key);
                    sleep(Duration::from_millis(SPACING_MILLIS)).await;
                    Worker::begin(&publisher).run(&sql, &kv).await;
                });
                return report(given_up);
            }
        };
        report(outcome);
    }

    fn confirmed(&self, sql: &Sql, row: &Row) -> Result<(), SqlError> {
        self.ended(row);
        self.0.failures.set(0);
        let key = row.key.as_str();
        sql.change(|change| {
            let again = "SELECT again FROM outbox WHERE key = ?1 AND rev = ?2";
            match Again::next(change.number(again, values![key, row.rev])?.unwrap_or(0)) {
                None => change.run("DELETE FROM outbox WHERE key = ?1 AND rev = ?2", values![key, row.rev]),
                Some((wait, next)) => change.run(
                    "UPDATE outbox SET again = ?3, rank = ?4, attempts = 0, due = ?5 WHERE key = ?1 AND rev = ?2",
                    values![key, row.rev, next.number(), Rank::Again.number(), integer(real_millis()) + wait],
                ),
            }
        })
    }

    fn failed(&self, sql: &Sql, row: &Row, error: &JsValue) -> Result<(), SqlError> {
        self.ended(row);
        self.fails();
        if row.attempts == 0 {
            worker::console_warn!("{}: KV refuses: {error:?}", row.key);
        }
        sql.change(|change| put_off(change, row))
    }

    /// It took too long, and may still land.
    fn given_up(&self, sql: &Sql, row: &Row) -> Result<(), SqlError> {
        self.ended(row);
        self.fails();
        sql.change(|change| {
            let again = "UPDATE outbox SET again = MAX(again, ?2) WHERE key = ?1";
            change.run(again, values![row.key.as_str(), Again::ONCE.number()])?;
            put_off(change, row)
        })
    }

    /// What was given up has landed, or never will.
    fn settled(&self, sql: &Sql, key: &str) {
        let is_under_way = self.0.under_way.borrow().contains_key(key);
        let due = integer(real_millis() + SPACING_MILLIS);
        let written = sql.change(|change| {
            if is_under_way {
                let again = "UPDATE outbox SET again = MAX(again, ?2) WHERE key = ?1";
                return change.run(again, values![key, Again::ONCE.number()]);
            }
            change.run("UPDATE outbox SET due = MIN(due, ?2) WHERE key = ?1", values![key, due])
        });
        report(written);
    }

    fn ended(&self, row: &Row) {
        self.0.under_way.borrow_mut().remove(&row.key);
        self.0.resting.borrow_mut().insert(row.key.clone(), real_millis() + SPACING_MILLIS);
    }

    fn fails(&self) {
        let failures = self.0.failures.get().saturating_add(1);
        self.0.failures.set(failures);
        if failures >= MAX_FAILURES {
            self.0.resumes_at.set(real_millis().saturating_add_signed(jittered(RESUME_MILLIS)));
        }
    }

    fn has_room(&self, now: u64) -> bool {
        let mut under_way = self.0.under_way.borrow_mut();
        under_way.retain(|_, since| now < *since + UNDER_WAY_MILLIS);
        now >= self.0.resumes_at.get() && under_way.len() < MAX_AT_ONCE
    }

    /// Keys that may not be put now.
    fn busy(&self) -> Vec<String> {
        self.0.resting.borrow().keys().chain(self.0.under_way.borrow().keys()).cloned().collect()
    }

    fn is_busy(&self, key: &str) -> bool {
        self.0.resting.borrow().contains_key(key) || self.0.under_way.borrow().contains_key(key)
    }
}

/// Tries a row again later, unless it was laid anew meanwhile.
fn put_off(change: &super::sql::Change<'_>, row: &Row) -> Result<(), SqlError> {
    let most = if row.rank <= Rank::Brake.number() { MAX_URGENT_BACK_OFF_MILLIS } else { MAX_BACK_OFF_MILLIS };
    let wait = BACK_OFF_MILLIS.saturating_mul(1 << row.attempts.clamp(0, 12)).min(most);
    change.run(
        "UPDATE outbox SET attempts = attempts + 1, due = ?3 WHERE key = ?1 AND rev = ?2",
        values![row.key.as_str(), row.rev, integer(real_millis()) + jittered(wait)],
    )
}

/// What became of a put that could not be written down: the row stays as it is, and is put again.
fn report(written: Result<(), SqlError>) {
    if let Err(error) = written {
        worker::console_error!("the outbox: {error}");
    }
}

/// One of those that put, counted for as long as it lasts.
struct Worker(Publisher);

impl Worker {
    fn begin(publisher: &Publisher) -> Self {
        publisher.0.workers.set(publisher.0.workers.get() + 1);
        Self(publisher.clone())
    }

    async fn run(&self, sql: &Sql, kv: &Kv) {
        let until = real_millis() + ROUND_MILLIS;
        while real_millis() < until
            && let Ok(Some(row)) = self.0.next(sql)
        {
            self.0.put(sql, kv, row).await;
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let workers = &self.0.0.workers;
        workers.set(workers.get().saturating_sub(1));
    }
}

/// Somebody who waits for a key, for as long as that lasts.
struct Awaited {
    publisher: Publisher,
    key: String,
}

impl Awaited {
    fn begin(publisher: &Publisher, who: &str, key: String) -> Self {
        publisher.0.awaited.borrow_mut().push(Awaiting { who: who.to_owned(), key: key.clone() });
        Self { publisher: publisher.clone(), key }
    }
}

impl Drop for Awaited {
    fn drop(&mut self) {
        let mut awaited = self.publisher.0.awaited.borrow_mut();
        if let Some(at) = awaited.iter().position(|it| it.key == self.key) {
            awaited.remove(at);
        }
        if awaited.is_empty() {
            self.publisher.0.served.borrow_mut().clear();
        }
    }
}
