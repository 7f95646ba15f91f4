//! The ledger: one Durable Object (SQLite) a tenant, the only writer of that tenant's state and KV keys.
//!
//! Why it is safe: an object handles its events on one thread, and a change reads, decides and writes within one
//! synchronous transaction ([`sql::Sql::change`], the only door to writes), so nothing can come between. The request's
//! body is read before, and nothing foreign is awaited inside. What a change publishes lies in the outbox, written by
//! the same transaction, until KV has it.

mod client;
mod documents;
mod events;
mod outbox;
mod policies;
mod protocol;
mod schema;
mod servers;
mod sql;

use std::cell::{Cell, RefCell};

use tidegate_engine::time::Timestamp;
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use crate::config::Config;
use crate::http;
use crate::platform::{real_millis, real_now};
use sql::{Sql, SqlError};

pub use client::{Ledger as LedgerClient, LedgerError};
use protocol::Envelope;
pub use protocol::{
    Batch, Call, Counts, Event, Evidence, Item, PutPolicy, PutPolicyAnswer, Recorded, Sent, ShownDocument, Sight,
};

/// Changes and reports may take longer than a decision.
pub const ADMIN_DEADLINE: std::time::Duration = std::time::Duration::from_secs(6);

/// How long the alarm waits at least before it ends silent spells.
const SETTLE_MILLIS: i64 = 60_000;

/// The Durable Object's binding.
pub const BINDING: &str = "LEDGER";

#[durable_object]
pub struct Ledger {
    state: State,
    env: Env,
    ready: Cell<bool>,
    recent: RefCell<events::RecentEvents>,
    /// For when this object has set its alarm, in milliseconds; `None` if it does not know.
    alarm_at: Cell<Option<i64>>,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        Self { state, env, ready: Cell::new(false), recent: RefCell::default(), alarm_at: Cell::new(None) }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let envelope: Envelope = serde_json::from_slice(&body)?;
        let sql = self.sql()?;
        if let Some(clock) = envelope.clock {
            servers::settle_due(&sql, &envelope.tenant, clock)?;
        }
        let is_tested = envelope.clock.is_some();
        let response = self.answer(&sql, envelope)?;
        if is_tested {
            outbox::publish(&sql, &self.env).await;
        }
        self.set_alarm(&sql, 0).await?;
        Ok(response.into())
    }

    /// Publishes the outbox and ends spells that fell silent. Whatever fails is tried again: the alarm is set anew.
    async fn alarm(&self) -> worker::Result<Response> {
        let sql = self.sql()?;
        let published = outbox::publish(&sql, &self.env).await;
        if !Config::get(&self.env).is_test
            && let Err(error) = servers::settle_all_due(&sql, real_now())
        {
            worker::console_error!("silent spells: {error}");
        }
        // not at once: what could not be published now would only be tried again and again
        self.alarm_at.set(None);
        self.set_alarm(&sql, if published { 0 } else { outbox::RETRY_MILLIS }).await?;
        Response::empty()
    }
}

impl Ledger {
    fn answer(&self, sql: &Sql, envelope: Envelope) -> worker::Result<web_sys::Response> {
        let Envelope { tenant, clock, call } = envelope;
        let now = clock.unwrap_or_else(real_now);
        match call {
            Call::Record(batch) => {
                // a test may have set its clock forward since the request that sends the batch
                let now = clock.and(batch.latest()).map_or(now, |latest| now.max(latest));
                json(&servers::record(sql, &mut self.recent.borrow_mut(), &tenant, &batch, now)?)
            }
            Call::PutPolicy(put) => json(&policies::put(sql, &tenant, *put, now)?),
            Call::Policy => {
                let record = policies::current(sql)?;
                let tag = etag(record.rev);
                let policy = serde_json::to_vec(&record.policy)?;
                Ok(http::respond(200, "application/json", Some(("etag", &tag)), &policy)?)
            }
            Call::Servers { after, limit } => json(&servers::page(sql, after.as_deref(), limit, now)?),
            Call::Server { id } => match servers::one(sql, &id, now)? {
                Some(server) => json(&server),
                None => Ok(http::problem(&Problem::not_found("there is no such server"))?),
            },
            Call::Tick => Ok(http::no_content()?),
        }
    }

    fn sql(&self) -> Result<Sql, SqlError> {
        let sql = Sql::new(&self.state.storage());
        if !self.ready.get() {
            schema::create(&sql)?;
            self.ready.set(true);
        }
        Ok(sql)
    }

    /// One alarm serves everything that is due: it is set to the earliest, unless it is set to that or earlier already.
    async fn set_alarm(&self, sql: &Sql, wait_at_least: i64) -> worker::Result<()> {
        let now = sql::integer(real_millis());
        let silence = if Config::get(&self.env).is_test { None } else { servers::next_silence(sql)? };
        // that a spell has ended in silence is derived wherever it matters: writing it down can wait
        let silence = silence.map(|Timestamp(at)| at.saturating_mul(1_000).max(now + SETTLE_MILLIS));
        let Some(due) = outbox::next_due_millis(sql)?.into_iter().chain(silence).min() else { return Ok(()) };
        let due = due.max(now + wait_at_least);
        if self.alarm_at.get().is_some_and(|set| set <= due && set > now - SETTLE_MILLIS) {
            return Ok(());
        }
        self.alarm_at.set(Some(due));
        self.state.storage().set_alarm(due - now).await
    }
}

/// A policy's `ETag` is its revision.
pub fn etag(rev: u64) -> String {
    format!("\"{rev}\"")
}

fn json(answer: &impl serde::Serialize) -> worker::Result<web_sys::Response> {
    Ok(http::json(&serde_json::to_vec(answer)?)?)
}
