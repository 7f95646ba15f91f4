//! The operator's objects: Durable Objects (SQLite) of one class, the only writers of what belongs to no tenant in
//! particular.
//!
//! - The operator's own: its API keys, catalog and baselines, which tenants there are, its trail and what it is told.
//! - [`ceiling`]: the object `control`, which has the ceiling.
//! - [`counters`]: what isolates count.

mod agreement;
mod answers;
mod calls;
mod ceiling;
mod control;
mod counters;
mod daily;
mod facts;
mod freshness;
mod keys;
mod laid;
mod mirror;
mod newest;
mod notes;
mod notifications;
pub mod protocol;
mod republish;
mod schema;
mod tenants;
mod trail;

use std::cell::Cell;
use std::time::Duration;

use tidegate_engine::{Mode, Timestamp};
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys;
use worker::{DurableObject, Env, Request, Response, State, durable_object};

use crate::config::Config;
use crate::durable::alarm::Alarm;
use crate::durable::audit::{self, Act};
use crate::durable::changes::Changes;
use crate::durable::client::{Circumstances, Envelope};
use crate::durable::publisher::Publisher;
use crate::durable::schema::{Fit, open};
use crate::durable::sql::{Sql, SqlError, integer};
use crate::durable::{self, json};
use crate::hooks;
use crate::http;
use crate::platform::{real_millis, real_now};
use crate::store::{ControlKey, ControlRecord, Family};

use agreement::Owed;
pub use counters::{add, all as all_counting, of_isolate as counting};
pub use newest::age_days;
pub use protocol::{Call, Changed, Content, ControlCall, Counts, PutFacts, Republished, Told, control, id, of};

/// A change of facts waits that long for the object that publishes it.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// What is told beside requests may take that long.
pub const DEADLINE: Duration = Duration::from_secs(5);

#[durable_object]
pub struct Operator {
    state: State,
    env: Env,
    /// Unknown until the tables were looked at.
    fit: Cell<Option<Fit>>,
    handed_over: Cell<bool>,
    /// In `control`: whether it is known since this object started what the operator's own has.
    is_compared: Cell<bool>,
    /// In the operator's own object: whether `control` was told since it started or changed which facts are in force.
    has_told: Cell<bool>,
    /// When what is owed to the other one of the two is tried again.
    owed: Owed,
    changes: Changes,
    alarm: Alarm,
    publisher: Publisher,
    freshness: freshness::Freshness,
    laid: laid::Looks,
}

impl DurableObject for Operator {
    fn new(state: State, env: Env) -> Self {
        Config::get(&env);
        Self {
            state,
            env,
            fit: Cell::new(None),
            handed_over: Cell::default(),
            is_compared: Cell::default(),
            has_told: Cell::default(),
            owed: Owed::default(),
            changes: Changes::default(),
            alarm: Alarm::default(),
            publisher: Publisher::default(),
            freshness: freshness::Freshness::default(),
            laid: laid::Looks::default(),
        }
    }

    async fn fetch(&self, mut request: Request) -> worker::Result<Response> {
        let body = request.bytes().await?;
        let envelope: Envelope<Call> = Envelope::read(&body).map_err(SqlError::Failed)?;
        let circumstances = envelope.circumstances;
        if let Some(refusal) = self.changes.refusal(&envelope.actor, envelope.call.is_limited())? {
            return Ok(refusal);
        }
        if envelope.name == protocol::CONTROL {
            return self.serve_control(envelope).await;
        }
        if let Some(response) = self.pass_on(&envelope).await {
            return response;
        }
        let sql = self.sql()?;
        let adds_up_alone = counters::adds_up_alone(&envelope.name);
        if let Call::IsPublished(key) = &envelope.call {
            let is_confirmed = self.publisher.confirm(&sql, &self.env, &envelope.actor, key.key()).await;
            return Ok(durable::respond(json(&is_confirmed))?.into());
        }
        let is_tick = matches!(envelope.call, Call::Tick);
        let last_change = if envelope.call.changes_key() { Some(mirror::last_change(&sql)?) } else { None };
        if is_tick {
            self.laid.ask();
        }
        let moves_brake = matches!(envelope.call, Call::Control(_, Some(_)));
        if !adds_up_alone {
            self.hand_over(&sql, circumstances.now());
        }
        let answered = match envelope.call {
            Call::PutFacts(_) => self.put_facts(&sql, envelope).await,
            _ => answers::answer(sql.failing_at(circumstances.fails_at()), envelope),
        };
        sql.failing_at(None);
        let response = durable::respond(answered)?;
        if adds_up_alone || sql.is_read_only() {
            return Ok(response.into());
        }
        if let Some(clock) = circumstances.clock() {
            self.do_all(&sql, clock, circumstances, is_tick).await?;
        }
        if moves_brake {
            self.has_told.set(false);
            self.owed.now();
            // the caller does not wait for it, but it waits for nobody
            let confirmed = self.publisher.confirm(&sql, &self.env, audit::SYSTEM, ControlKey.key());
            self.state.wait_until(async move { _ = confirmed.await });
        }
        self.start_publishing(&sql)?;
        if let Some(last_change) = last_change
            && let Err(error) = mirror::hand_over_since(&sql, &self.env, last_change).await
        {
            worker::console_error!("a changed key is not handed over: {error}");
        }
        self.set_alarm(&sql, 0).await?;
        Ok(response.into())
    }

    async fn alarm(&self) -> worker::Result<Response> {
        let due = async {
            if schema::are_of_control(&Sql::new(&self.state.storage()))? {
                return self.serve_control_due().await;
            }
            self.serve_due().await
        };
        self.alarm.serve(&self.state.storage(), "the operator's", due).await
    }
}

impl Operator {
    /// Publishes the outbox, delivers notes and tells ledgers. Whatever fails is tried again: the alarm is set anew.
    async fn serve_due(&self) -> worker::Result<()> {
        let sql = self.sql()?;
        if sql.is_read_only() {
            return Ok(());
        }
        self.hand_over(&sql, real_now());
        self.start_publishing(&sql)?;
        if !self.has_told.get() && self.owed.is_due() {
            self.tell_control(&sql, Circumstances::default()).await;
        }
        trail::deliver(&sql, &self.env).await;
        if !hooks::is_on()
            && let Err(error) =
                self.freshness.do_due(&sql, real_now()).and_then(|()| daily::prune_due(&sql, real_now()))
        {
            worker::console_error!("what is due daily: {error}");
        }
        if let Err(error) = tenants::poke_due(&sql, &self.env, Circumstances::default()).await {
            worker::console_error!("ledgers are not told: {error}");
        }
        if let Err(error) = mirror::hand_over_due(&sql, &self.env).await {
            worker::console_error!("keys are not handed over: {error}");
        }
        if let Err(error) = republish::ask_ledgers(&sql, &self.env, Circumstances::default()).await {
            worker::console_error!("ledgers are not asked to lay anew: {error}");
        }
        if let Err(error) = laid::serve(&sql, &self.env).await {
            worker::console_error!("laying keys: {error}");
        }
        if let Err(error) = self.laid.serve(&sql, &self.env).await {
            worker::console_error!("looking at KV: {error}");
        }
        if !hooks::is_on()
            && let Err(error) = republish::sweep(&sql, &self.env, real_now()).await
        {
            worker::console_error!("the sweep: {error}");
        }
        self.set_alarm(&sql, 0).await
    }

    /// All that is due by a test's clock.
    async fn do_all(
        &self,
        sql: &Sql,
        clock: Timestamp,
        circumstances: Circumstances,
        is_tick: bool,
    ) -> worker::Result<()> {
        self.freshness.do_due(sql, clock)?;
        daily::prune_due(sql, clock)?;
        self.publisher.publish(sql, &self.env).await;
        trail::deliver(sql, &self.env).await;
        tenants::poke_due(sql, &self.env, circumstances.without_failure()).await?;
        if is_tick {
            self.tell_control(sql, circumstances).await;
            while republish::sweep(sql, &self.env, clock).await? {}
        }
        Ok(())
    }

    fn sql(&self) -> Result<Sql, SqlError> {
        open(Sql::new(&self.state.storage()), &self.fit, &schema::STEPS)
    }

    /// The answer of the object `control` to what edges of the release before ask of this one, or of this release where
    /// `control` still runs the one before. Where it gives none, this object shows what it has, and pulls the brake.
    async fn pass_on(&self, envelope: &Envelope<Call>) -> Option<worker::Result<Response>> {
        let Envelope { actor, circumstances, call: Call::Control(_, mode), .. } = envelope else { return None };
        if actor == audit::SYSTEM {
            return None;
        }
        let control = protocol::control(&self.env, actor, *circumstances);
        match control.forward(&Call::ToControl(ControlCall::Ceiling(*mode))).await {
            Ok(response) => Some(Ok(response.into())),
            Err(error) if *mode == Some(Mode::Enforce) => {
                Some(http::problem(&Problem::unavailable(error.as_str())).map(Into::into).map_err(Into::into))
            }
            Err(_) => None,
        }
    }

    /// Puts facts in force, and has `control` publish that they are.
    async fn put_facts(&self, sql: &Sql, envelope: Envelope<Call>) -> Result<web_sys::Response, SqlError> {
        let Envelope { actor, circumstances, call: Call::PutFacts(put), .. } = envelope else { return json(&false) };
        let act = Act { actor: &actor, at: circumstances.now() };
        let put = facts::put(sql.failing_at(circumstances.fails_at()), act, put, integer(real_millis()));
        sql.failing_at(None);
        let put = put?;
        self.has_told.set(false);
        self.start_publishing(sql)?;
        let control = self.tell_control(sql, circumstances).await.unwrap_or_else(control::unknown);
        json(&Changed { control, ..put })
    }

    /// Tells `control` which facts are in force, and what ceiling lies here; what it publishes then. What fails is tried
    /// again.
    async fn tell_control(&self, sql: &Sql, circumstances: Circumstances) -> Option<ControlRecord> {
        self.owed.later();
        let held = control::text(sql).ok()??;
        let told = Call::ToControl(ControlCall::Told(held.clone()));
        let control = protocol::control(&self.env, audit::SYSTEM, circumstances.without_failure());
        let published = control.call::<ControlRecord>(&told, TOLD_WITHIN).await;
        let is_told = published.as_ref().is_ok_and(|published| {
            sql.change(|change| control::leave_to(change, &held, published)).unwrap_or_else(|error| {
                worker::console_error!("what waits for KV: {error}");
                false
            })
        });
        if is_told {
            self.has_told.set(true);
        } else {
            worker::console_error!("`control` has not heard yet which facts are in force");
        }
        published.ok()
    }

    /// Takes the place of the release before, if that is still to be done. Nothing else fails by it.
    fn hand_over(&self, sql: &Sql, now: Timestamp) {
        if self.handed_over.get() || sql.is_read_only() {
            return;
        }
        let handed_over = control::hand_over(sql, now, Config::get(&self.env).mode_ceiling);
        let of = protocol::id(&self.env).unwrap_or_default();
        match handed_over.and_then(|()| laid::begin(sql, &of)) {
            Ok(()) => self.handed_over.set(true),
            Err(error) => worker::console_error!("what the release before left is not taken over: {error}"),
        }
    }

    /// Has KV told of what is due. Nothing waits for it; the alarm is there should the object end before.
    fn start_publishing(&self, sql: &Sql) -> Result<(), SqlError> {
        if self.publisher.is_due(sql)? {
            self.state.wait_until(self.publisher.publish(sql, &self.env));
        }
        Ok(())
    }

    async fn set_alarm(&self, sql: &Sql, wait_at_least: i64) -> worker::Result<()> {
        let is_test = hooks::is_on();
        let daily = if is_test { None } else { daily::next_due(sql, real_now())? };
        let stale = if is_test { None } else { self.freshness.next_due(sql)? };
        let millis = |Timestamp(at)| at.saturating_mul(1_000);
        let (daily, stale) = (daily.map(millis), stale.map(millis));
        let republish = republish::next_due_millis(sql, real_now(), !is_test)?;
        let due = [
            self.publisher.next_due_millis(sql)?,
            trail::next_due_millis(sql)?,
            mirror::next_due_millis(sql)?,
            tenants::next_due_millis(sql)?,
            republish,
            laid::next_due_millis(sql)?,
            self.laid.next_due_millis(sql)?,
            daily,
            stale,
            (!self.has_told.get()).then(|| self.owed.due_millis()),
        ];
        self.alarm.set(&self.state.storage(), due.into_iter().flatten().min(), wait_at_least).await
    }
}
