//! The ledger: one Durable Object (SQLite) a tenant, the only writer of that tenant's state and KV keys.
//!
//! Why it is safe: an object handles its events on one thread, and a change reads, decides and writes within one
//! synchronous transaction ([`sql::Sql::change`], the only door to writes), so nothing can come between. The request's
//! body is read before, and nothing foreign is awaited inside. What a change publishes lies in the outbox, written by
//! the same transaction, until KV has it.

mod client;
mod outbox;
mod policies;
mod protocol;
mod schema;
mod servers;
mod sql;

use tidegate_engine::time::Timestamp;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use crate::config::Config;
use crate::platform::real_now;
use sql::{Sql, SqlError};

pub use client::{Ledger as LedgerClient, LedgerError};
use protocol::Envelope;
pub use protocol::{
    Batch, Call, Counts, Event, Evidence, EvidenceRow, Item, PutPolicy, PutPolicyAnswer, Recorded, Sent, ServerPage,
    ServerRow, ShownDocument, Sight, TransitionRow,
};

/// The Durable Object's binding.
pub const BINDING: &str = "LEDGER";

#[durable_object]
pub struct Ledger {
    state: State,
    env: Env,
    ready: std::cell::Cell<bool>,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        Self {
            state,
            env,
            ready: std::cell::Cell::new(false),
        }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let envelope: Envelope = serde_json::from_slice(&body)?;
        let sql = self.sql().map_err(worker::Error::from)?;
        let now = envelope.clock.unwrap_or_else(real_now);
        if let Some(clock) = envelope.clock {
            servers::settle_due(&sql, &envelope.tenant, clock)?;
        }
        let answer = match envelope.call {
            Call::Record(batch) => to_json(&servers::record(&sql, &envelope.tenant, &batch, now)?),
            Call::Policy => to_json(&policies::get(&sql)?),
            Call::PutPolicy(put) => to_json(&policies::put(&sql, &envelope.tenant, *put, now)?),
            Call::Servers { after, limit } => to_json(&servers::page(&sql, after.as_deref(), limit)?),
            Call::Server { id } => to_json(&servers::one(&sql, &id)?),
            Call::Tick => to_json(&()),
        }?;
        if envelope.clock.is_some() {
            outbox::publish(&sql, &self.env).await;
        }
        self.set_alarm(&sql).await?;
        Response::from_bytes(answer)
    }

    /// Publishes the outbox and ends spells that fell silent. Whatever fails is tried again: the alarm is set anew.
    async fn alarm(&self) -> worker::Result<Response> {
        let sql = self.sql()?;
        if !Config::get(&self.env).is_test {
            servers::settle_all_due(&sql, real_now())?;
        }
        outbox::publish(&sql, &self.env).await;
        self.set_alarm(&sql).await?;
        Response::empty()
    }
}

impl Ledger {
    fn sql(&self) -> Result<Sql, SqlError> {
        let sql = Sql::new(&self.state.storage());
        if !self.ready.get() {
            schema::create(&sql)?;
            self.ready.set(true);
        }
        Ok(sql)
    }

    /// One alarm serves everything that is due: it is set to the earliest.
    async fn set_alarm(&self, sql: &Sql) -> worker::Result<()> {
        let is_test = Config::get(&self.env).is_test;
        let spell = if is_test { None } else { servers::next_silence(sql)? };
        let due = outbox::next_due_millis(sql)?
            .into_iter()
            .chain(spell.map(|Timestamp(at)| at.saturating_mul(1_000)))
            .min();
        let Some(due) = due else { return Ok(()) };
        let wait = due
            .saturating_sub(i64::try_from(crate::platform::real_millis()).unwrap_or(i64::MAX))
            .max(0);
        self.state.storage().set_alarm(wait).await
    }
}

fn to_json(answer: &impl serde::Serialize) -> worker::Result<Vec<u8>> {
    Ok(serde_json::to_vec(answer)?)
}
