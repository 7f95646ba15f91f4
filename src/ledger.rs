//! The ledger: one Durable Object (SQLite) a tenant, the only writer of that tenant's state and KV keys.

mod admission;
mod alerts;
mod answers;
mod bounds;
mod counts;
mod csv;
mod documents;
mod events;
mod exemptions;
mod forget;
mod intake;
mod judged;
mod keys;
mod listing;
mod notifications;
mod pauses;
mod peers;
mod place;
mod policies;
mod policy_changes;
mod preview;
pub mod protocol;
mod report;
mod republish;
mod schema;
mod servers;
mod site;
mod summary;
mod texts;
mod transitions;
mod unbelieved;
mod upkeep;
mod webhooks;
mod work;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use tidegate_engine::{TenantId, Timestamp};
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys;
use worker::{DurableObject, Env, Request, Response, State, Storage, durable_object};

use crate::common::Common;
use crate::config::Config;
use crate::durable::alarm::Alarm;
use crate::durable::changes::Changes;
use crate::durable::client::Envelope;
use crate::durable::publisher::Publisher;
use crate::durable::schema::{Fit, migrate, open};
use crate::durable::sql::{Change, Sql, SqlError};
use crate::durable::{self, audit, json};
use crate::hooks;
use crate::http;
use crate::platform::real_now;
use crate::store::Access;
use admission::Admitted;
use site::Site;

pub use protocol::{
    Author, Batch, Call, Changed, Counts, Dropped, Event, Evidence, ExemptionCall, Filter, Item, KeyCall, PauseCall,
    Proposal, PutPolicy, Recorded, SENT_AGAIN_SECONDS, Sent, ShownDocument, Sight, Step, Stranger, Unbelieved,
    Unrecorded, WebhookCall, What, of,
};
pub use webhooks::target;

#[durable_object]
pub struct Ledger {
    state: State,
    env: Env,
    /// Unknown until the tables were looked at.
    fit: Cell<Option<Fit>>,
    recent: RefCell<events::RecentEvents>,
    admission: admission::Admission,
    changes: Changes,
    alarm: Rc<Alarm>,
    publisher: Publisher,
    deliveries: Rc<webhooks::Deliveries>,
}

impl DurableObject for Ledger {
    fn new(state: State, env: Env) -> Self {
        Config::get(&env);
        let (fit, recent, admission) = (Cell::new(None), RefCell::default(), admission::Admission::default());
        let (changes, alarm, publisher, deliveries) =
            (Changes::default(), Rc::default(), Publisher::default(), Rc::default());
        Self { state, env, fit, recent, admission, changes, alarm, publisher, deliveries }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let envelope: Envelope<Call> = Envelope::read(&body).map_err(SqlError::Failed)?;
        if let Some(refusal) = self.changes.refusal(&envelope.actor, envelope.call.is_limited())? {
            return Ok(refusal);
        }
        let envelope = match envelope {
            // keys are made and revoked whatever becomes of the catalog
            Envelope { call: Call::Keys(call), name, actor, circumstances, .. } => {
                return Ok(self.answer_of_keys(&name, &actor, circumstances, call).await?.into());
            }
            other => other,
        };
        let Some(common) = self.common().await else {
            return Ok(http::problem(&Problem::unavailable("the catalog or the ceiling cannot be read"))?.into());
        };
        let tenant: TenantId = envelope.name.parse().map_err(|error| SqlError::Failed(format!("{error}")))?;
        if self.is_empty()?
            && let Some(response) = self.answer_empty(&common, &envelope.call, &body)?
        {
            return Ok(response);
        }
        let sql = match self.admitted(&tenant, &envelope.call).await {
            Ok(Some(sql)) => sql,
            Ok(None) => {
                let tenants = if let Call::Record(batch) = &envelope.call { batch.messages() } else { 0 };
                return refused(Unrecorded { tenants, ..Unrecorded::default() });
            }
            Err(error) => return Ok(durable::respond(Err(error))?.into()),
        };
        let clock = envelope.circumstances.clock();
        let is_tested = clock.is_some();
        let is_tick = matches!(envelope.call, Call::Tick);
        let response = durable::respond(self.answer(&sql, &common, envelope))?;
        if sql.is_read_only() {
            return Ok(response.into());
        }
        if is_tested {
            self.publisher.publish(&sql, &self.env).await;
        } else {
            self.start_publishing(&sql)?;
        }
        if is_tick {
            self.start_deliveries(&sql, true)?;
            if let Some(now) = clock {
                keys::prune_due(&sql, now)?;
                while republish::sweep(&sql, &self.env, now).await? {}
            }
        }
        self.set_alarm(&sql, 0).await?;
        Ok(response.into())
    }

    async fn alarm(&self) -> worker::Result<Response> {
        self.alarm.serve(&self.state.storage(), "a ledger's", self.serve_due()).await
    }
}

impl Ledger {
    /// Publishes the outbox and does what is due. Whatever fails is tried again: the alarm is set anew.
    async fn serve_due(&self) -> worker::Result<()> {
        let sql = self.sql()?;
        if sql.is_read_only() {
            return Ok(());
        }
        self.start_publishing(&sql)?;
        if !hooks::is_on()
            && let Some(common) = self.common().await
            && let Some(tenant) = policies::tenant(&sql)?
        {
            let site = Site { tenant: &tenant, common: &common, actor: audit::SYSTEM, now: real_now() };
            if let Err(error) = work::do_due(&sql, &site) {
                worker::console_error!("{tenant}: what is due: {error}");
            }
        }
        if let Err(error) = self.start_deliveries(&sql, false) {
            worker::console_error!("webhooks: {error}");
        }
        if let Err(error) = keys::tell(&sql, &self.env).await {
            worker::console_error!("the operator's object is not told of keys: {error}");
        }
        if !hooks::is_on()
            && let Err(error) = keys::prune_due(&sql, real_now())
        {
            worker::console_error!("revoked keys are not forgotten: {error}");
        }
        if let Err(error) = republish::step(&sql) {
            worker::console_error!("laying anew: {error}");
        }
        if !hooks::is_on()
            && let Err(error) = republish::sweep(&sql, &self.env, real_now()).await
        {
            worker::console_error!("the sweep: {error}");
        }
        self.set_alarm(&sql, 0).await
    }

    /// Whether nothing was ever stored here, not even tables.
    fn is_empty(&self) -> Result<bool, SqlError> {
        Ok(self.fit.get().is_none() && !schema::exists(&Sql::new(&self.state.storage()))?)
    }

    /// Answers the call in `body` of a tenant of which nothing is stored, and stores nothing for it: whoever asks after
    /// tenants that are none, or would change them, leaves no objects behind. `None`: the call begins the tenant.
    fn answer_empty(&self, common: &Common, call: &Call, body: &[u8]) -> worker::Result<Option<Response>> {
        if matches!(call, Call::Record(_)) {
            let begins = Config::get(&self.env).auto_tenants;
            return if begins { Ok(None) } else { refused(Unrecorded::default()).map(Some) };
        }
        let begins = call.begins();
        let envelope: Envelope<Call> = Envelope::read(body).map_err(SqlError::Failed)?;
        let answer = self.tentatively(|change| self.answer(change, common, envelope));
        Ok(if begins && answer.is_ok() { None } else { Some(durable::respond(answer)?.into()) })
    }

    /// The tables, where the call may write what makes the tenant known.
    async fn admitted(&self, tenant: &TenantId, call: &Call) -> Result<Option<Sql>, SqlError> {
        let open = || if self.is_empty()? { Ok(None) } else { self.sql().map(Some) };
        let admitted = self.admission.admits(open, &self.env, tenant, call).await?;
        if admitted == Admitted::No {
            return Ok(None);
        }
        let sql = self.sql()?;
        if admitted == Admitted::Now {
            admission::write_down(&sql)?;
        }
        Ok(Some(sql))
    }

    /// Answers out of tables of which nothing stays.
    fn tentatively(
        &self,
        answer: impl FnOnce(&Change<'_>) -> Result<web_sys::Response, SqlError>,
    ) -> Result<web_sys::Response, SqlError> {
        Sql::new(&self.state.storage()).tentatively(|change| {
            migrate(change, &schema::STEPS)?;
            answer(change)
        })
    }

    fn sql(&self) -> Result<Sql, SqlError> {
        open(Sql::new(&self.state.storage()), &self.fit, &schema::STEPS)
    }

    async fn common(&self) -> Option<Common> {
        let access = Access::for_answer(&self.env);
        Common::read(&access).await.ok()
    }

    async fn set_alarm(&self, sql: &Sql, wait_at_least: i64) -> worker::Result<()> {
        let due = if hooks::is_on() { None } else { work::next_due(sql, real_now())? };
        let due = due.map(|Timestamp(at)| at.saturating_mul(1_000));
        let due = self.publisher.next_due_millis(sql)?.into_iter().chain(due);
        let sweeps = !hooks::is_on();
        let due = due.chain(republish::next_due_millis(sql, real_now(), sweeps)?);
        let due = due.chain(keys::next_due_millis(sql, !hooks::is_on())?);
        let due = due.chain(webhooks::next_due_millis(sql, &self.deliveries)?).min();
        self.alarm.set(&self.state.storage(), due, wait_at_least).await
    }

    /// Has KV told of what is due. Nothing waits for it; the alarm is there should the object end before.
    fn start_publishing(&self, sql: &Sql) -> Result<(), SqlError> {
        if self.publisher.is_due(sql)? {
            self.state.wait_until(self.publisher.publish(sql, &self.env));
        }
        Ok(())
    }

    /// Has notifications delivered. Nothing waits for it: a receiver that hangs delays neither the outbox nor an answer.
    fn start_deliveries(&self, sql: &Sql, anyway: bool) -> Result<(), SqlError> {
        let Some(tenant) = policies::tenant(sql)? else { return Ok(()) };
        let ids = webhooks::begin(sql, &self.deliveries, anyway)?;
        if ids.is_empty() {
            return Ok(());
        }
        let (sql, storage): (Sql, Storage) = (self.sql()?, self.state.storage());
        let (alarm, deliveries) = (self.alarm.clone(), self.deliveries.clone());
        self.state.wait_until(async move {
            webhooks::deliver(&sql, &deliveries, &tenant, &ids).await;
            let next = match webhooks::next_due_millis(&sql, &deliveries) {
                Ok(due) => alarm.set(&storage, due, 0).await,
                Err(error) => Err(error.into()),
            };
            if let Err(error) = next {
                worker::console_error!("{tenant}: webhooks: {error}");
            }
        });
        Ok(())
    }
}

/// The answer to a batch of which nothing is written down.
fn refused(unrecorded: Unrecorded) -> worker::Result<Response> {
    let refused = Recorded { dropped: Some(Dropped::NoPlace), unrecorded, ..Recorded::default() };
    Ok(durable::respond(json(&refused))?.into())
}
