//! The ledger: one Durable Object (SQLite) a tenant, the only writer of that tenant's state and KV keys.

mod documents;
mod events;
mod peers;
mod policies;
mod protocol;
mod schema;
mod servers;
mod site;
mod work;

use std::cell::{Cell, RefCell};

use tidegate_engine::event::TenantId;
use tidegate_engine::time::Timestamp;
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use crate::common::Common;
use crate::config::Config;
use crate::durable::alarm::Alarm;
use crate::durable::client::{Circumstances, Client, Envelope};
use crate::durable::sql::{Sql, SqlError};
use crate::durable::{self, audit, json, outbox};
use crate::http;
use crate::platform::{Deadline, real_now};
use crate::store::Access;
use site::Site;

pub use protocol::{
    Author, Batch, Call, Changed, Counts, Event, Evidence, Filter, Item, PutPolicy, Recorded, Sent, ShownDocument,
    Sight,
};

/// The Durable Object's binding.
const BINDING: &str = "LEDGER";

/// The way to a tenant's ledger.
pub fn of(env: &Env, tenant: &TenantId, actor: &str, circumstances: Circumstances) -> Client {
    Client::new(env, BINDING, tenant.as_str(), actor, circumstances)
}

#[durable_object]
pub struct Ledger {
    state: State,
    env: Env,
    ready: Cell<bool>,
    recent: RefCell<events::RecentEvents>,
    alarm: Alarm,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        let (ready, recent, alarm) = (Cell::new(false), RefCell::default(), Alarm::default());
        Self { state, env, ready, recent, alarm }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let envelope: Envelope<Call> = serde_json::from_slice(&body)?;
        let Some(common) = self.common().await else {
            return Ok(http::problem(&Problem::unavailable("the catalog or the ceiling cannot be read"))?.into());
        };
        let sql = self.sql()?.failing_at(envelope.circumstances.fails_at);
        let is_tested = envelope.circumstances.clock.is_some();
        let response = durable::respond(self.answer(&sql, &common, envelope))?;
        if is_tested {
            outbox::publish(&sql, &self.env).await;
        }
        self.set_alarm(&sql, 0).await?;
        Ok(response.into())
    }

    /// Publishes the outbox and does what is due. Whatever fails is tried again: the alarm is set anew.
    async fn alarm(&self) -> worker::Result<Response> {
        self.alarm.came();
        let sql = self.sql()?;
        let published = outbox::publish(&sql, &self.env).await;
        if !Config::get(&self.env).is_test
            && let Some(common) = self.common().await
            && let Some(tenant) = policies::tenant(&sql)?
        {
            let site = Site { tenant: &tenant, common: &common, actor: audit::SYSTEM, now: real_now() };
            if let Err(error) = work::do_due(&sql, &site) {
                worker::console_error!("{tenant}: what is due: {error}");
            }
        }
        // not at once: what could not be published now would only be tried again and again
        self.set_alarm(&sql, if published { 0 } else { outbox::RETRY_MILLIS }).await?;
        Response::empty()
    }
}

impl Ledger {
    fn answer(&self, sql: &Sql, common: &Common, envelope: Envelope<Call>) -> Result<web_sys::Response, SqlError> {
        let Envelope { name, actor, circumstances, call } = envelope;
        let tenant: TenantId = name.parse().map_err(|error| SqlError::Failed(format!("{name}: {error}")))?;
        let now = circumstances.clock.unwrap_or_else(real_now);
        let site = Site { tenant: &tenant, common, actor: &actor, now };
        // a test's ledger lives by the clocks of its requests alone
        let is_due = !Config::get(&self.env).is_test && call.shows_what_is_due();
        if circumstances.clock.is_some() || is_due {
            work::do_due(sql, &Site { actor: audit::SYSTEM, ..site })?;
        }
        match call {
            Call::Record(batch) => {
                // a test may have set its clock forward since the request that sends the batch
                let latest = circumstances.clock.and(batch.latest());
                let site = Site { now: latest.map_or(now, |latest| now.max(latest)), ..site };
                json(&servers::record(sql, &mut self.recent.borrow_mut(), &site, &batch)?)
            }
            Call::PutPolicy(put) => json(&policies::put(sql, &site, *put)?),
            Call::Policy => {
                let record = policies::current(sql)?;
                let tag = http::etag(record.rev);
                let policy = crate::durable::sql::to_text(&record.enforcement.policy)?;
                Ok(http::respond(200, "application/json", &[("etag", &tag)], policy.as_bytes())?)
            }
            Call::Servers { filter, range } => json(&servers::page(sql, &site, &filter, &range)?),
            Call::Server { id } => {
                let missing = || Problem::not_found("there is no such server");
                json(&servers::one(sql, &site, &id)?.ok_or_else(missing)?)
            }
            Call::Audit(range) => json(&audit::page(sql, &range)?),
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

    async fn common(&self) -> Option<Common> {
        let access = Access { env: &self.env, fresh: false, deadline: Deadline::for_answer() };
        Common::read(&access).await.ok()
    }

    async fn set_alarm(&self, sql: &Sql, wait_at_least: i64) -> worker::Result<()> {
        let due = if Config::get(&self.env).is_test { None } else { work::next_due(sql, real_now())? };
        let due = due.map(|Timestamp(at)| at.saturating_mul(1_000));
        let due = outbox::next_due_millis(sql)?.into_iter().chain(due).min();
        self.alarm.set(&self.state.storage(), due, wait_at_least).await
    }
}
