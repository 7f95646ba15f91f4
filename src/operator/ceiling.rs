//! The object `control`, the only writer of the ceiling. Only admins' calls and the operator's own object reach it, so
//! that no flood of tenants' mail or changes holds up what stops enforcement.
//!
//! What lies here when it starts may be the past: the release before may have been back, and set the ceiling elsewhere. So
//! may it while the operator's own object cannot read what it is asked. Until that has told what it has ([`agreement`]),
//! nothing is shown or released, and KV is told nothing; but the brake can be pulled, and KV told of that.

use std::time::Duration;

use serde::Deserialize;
use tidegate_engine::{Mode, Timestamp};
use tidegate_stored::Document;
use tidegate_wire::problem::Problem;
use worker::worker_sys::web_sys;
use worker::{Env, Response};

use super::answers::changed;
use super::protocol::{self, Call, CeilingCopy, Changed, ControlCall};
use super::{Operator, agreement, control, schema};
use crate::durable::audit::{self, Act, Note};
use crate::durable::client::{CallError, Circumstances, Client, Envelope};
use crate::durable::schema::open;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::{self, json, outbox};
use crate::http;
use crate::platform::{real_now, within};
use crate::store::{BINDING, ControlKey, ControlRecord, Family, Kv};

/// How long a call waits for the operator's own object: to know what is in force where that is not known; after a move,
/// whose effect does not wait, so that the trail and the release before know of it.
const AWAITED: Duration = Duration::from_secs(1);
/// How long the brake waits for what KV has.
const KV_AWAITED: Duration = Duration::from_millis(300);
const CALL_DEADLINE: Duration = Duration::from_secs(5);
const KV_DEADLINE: Duration = Duration::from_secs(2);
/// How often the copy is written anew where it changes meanwhile.
const ROUNDS: usize = 3;
/// Entries of the trail that are told at once.
const ENTRIES: i64 = 100;

impl Operator {
    pub(super) async fn serve_control(&self, envelope: Envelope<Call>) -> worker::Result<Response> {
        let Envelope { actor, circumstances, call, .. } = envelope;
        let Call::ToControl(call) = call else { return Ok(http::problem(&Problem::internal())?.into()) };
        let sql = self.control_sql()?;
        let act = Act { actor: &actor, at: circumstances.now() };
        let pulled = match call {
            ControlCall::Ceiling(mode) => mode.filter(|mode| *mode < Mode::Enforce),
            _ => None,
        };
        if !matches!(call, ControlCall::Told(_)) && !self.knows(&sql) {
            self.settle(&sql, act.at, AWAITED).await;
        }
        let told = match call {
            ControlCall::Ceiling(_) if pulled.is_some() && !self.knows(&sql) => read_kv(&self.env, KV_AWAITED).await,
            ControlCall::Sweep => read_kv(&self.env, KV_DEADLINE).await,
            _ => None,
        };
        let moves = matches!(call, ControlCall::Ceiling(Some(_)));
        let tested = sql.failing_at(circumstances.fails_at());
        let response = durable::respond(self.answer(tested, act, call, told))?;
        sql.failing_at(None);
        if sql.is_read_only() {
            return Ok(response.into());
        }
        self.publish_ceiling(&sql, moves)?;
        if circumstances.clock().is_some() && self.may_publish(&sql)? {
            self.publisher.publish(&sql, &self.env).await;
        }
        if moves {
            self.owed.later();
        }
        self.set_control_alarm(&sql).await?;
        if moves {
            self.settle(&sql, act.at, AWAITED).await;
            self.publish_ceiling(&sql, false)?;
        }
        if let Some(mode) = pulled.filter(|_| !self.is_compared.get()) {
            self.pull_elsewhere(mode, circumstances);
        }
        self.set_control_alarm(&sql).await?;
        Ok(response.into())
    }

    pub(super) async fn serve_control_due(&self) -> worker::Result<()> {
        let sql = self.control_sql()?;
        if sql.is_read_only() {
            return Ok(());
        }
        // a pulled brake waits for nobody; what KV is told once more may be the past meanwhile
        if is_pulled(&sql)? {
            self.publish_ceiling(&sql, false)?;
        }
        self.settle(&sql, real_now(), CALL_DEADLINE).await;
        self.publish_ceiling(&sql, false)?;
        self.set_control_alarm(&sql).await
    }

    fn answer(
        &self,
        sql: &Sql,
        act: Act<'_>,
        call: ControlCall,
        told: Option<Document<ControlRecord>>,
    ) -> Result<web_sys::Response, SqlError> {
        let knows = self.knows(sql);
        match call {
            ControlCall::Told(held) => {
                sql.change(|change| agreement::hear(change, &held, !knows, act.at))?;
                self.is_compared.set(true);
                json(&control::record(sql)?)
            }
            ControlCall::Ceiling(Some(mode)) if knows || mode < Mode::Enforce => changed(&sql.change(|change| {
                told.into_iter().try_for_each(|told| agreement::catch_up(change, told))?;
                control::set(change, act, mode, !knows)
            })?),
            _ if !knows => Err(Problem::unavailable("it is not known yet what the release before left").into()),
            ControlCall::Ceiling(_) => changed(&control::show(sql)?),
            ControlCall::Republish => {
                sql.change(lay)?;
                json(&true)
            }
            ControlCall::Sweep => {
                let differs = told.as_ref() != Some(&control::current(sql)?.0);
                if differs {
                    worker::console_warn!("KV has another ceiling than is in force: it is laid anew");
                    sql.change(lay)?;
                }
                json(&differs)
            }
        }
    }

    fn control_sql(&self) -> Result<Sql, SqlError> {
        open(Sql::new(&self.state.storage()), &self.fit, &schema::OF_CONTROL)
    }

    /// Whether what lies here is in force. What a later release wrote is only shown.
    fn knows(&self, sql: &Sql) -> bool {
        self.is_compared.get() || sql.is_read_only()
    }

    /// Whether KV may be told what lies here.
    fn may_publish(&self, sql: &Sql) -> Result<bool, SqlError> {
        Ok(self.is_compared.get() || is_pulled(sql)?)
    }

    /// Has KV told of what is due; at once if the ceiling was moved. Nothing waits for it, and it waits for nobody.
    fn publish_ceiling(&self, sql: &Sql, was_moved: bool) -> Result<(), SqlError> {
        if !self.may_publish(sql)? {
            return Ok(());
        }
        if was_moved {
            let confirmed = self.publisher.confirm(sql, &self.env, audit::SYSTEM, ControlKey.key());
            self.state.wait_until(async move { _ = confirmed.await });
        }
        self.start_publishing(sql)
    }

    /// Has the brake pulled by the release before as well, should the operator's own object still run it: its next
    /// change of facts would publish its own ceiling. This release passes over what the system asks for so.
    fn pull_elsewhere(&self, mode: Mode, circumstances: Circumstances) {
        let operator = protocol::of(&self.env, audit::SYSTEM, circumstances.without_failure());
        self.state.wait_until(async move { _ = operator.forward(&Call::Control(Mode::Enforce, Some(mode))).await });
    }

    /// Has the operator's own object know the ceiling, and hears what is in force there; no longer than that. What is
    /// not done by then, the alarm goes on with.
    async fn settle(&self, sql: &Sql, now: Timestamp, deadline: Duration) {
        if sql.is_read_only() {
            return;
        }
        match within(deadline, self.agree(sql, now)).await {
            Ok(Ok(())) => return self.owed.now(),
            Ok(Err(error)) => worker::console_error!("the ceiling is not copied: {error}"),
            Err(_) => worker::console_error!("the ceiling is not copied in time"),
        }
        self.owed.later();
    }

    async fn agree(&self, sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
        let operator = protocol::of(&self.env, audit::SYSTEM, Circumstances::default());
        let mut copy: Option<CeilingCopy> = None;
        for _ in 0..ROUNDS {
            let is_read = copy.is_none();
            let held = operator.call::<String>(&Call::CopyCeiling(copy), CALL_DEADLINE).await;
            if is_read && held == Err(CallError::Failed) && runs_before(&operator).await {
                self.is_compared.set(false);
            }
            let held = held?;
            let is_first = !self.is_compared.get();
            copy = sql.change(|change| agreement::hear(change, &held, is_first, now))?;
            self.is_compared.set(true);
            if copy.is_none() {
                return tell_trail(sql, &operator).await;
            }
        }
        Err(SqlError::Failed("the copy changes each time".to_owned()))
    }

    async fn set_control_alarm(&self, sql: &Sql) -> worker::Result<()> {
        let publishing = if self.may_publish(sql)? { self.publisher.next_due_millis(sql)? } else { None };
        let owed = if self.is_settled(sql)? { None } else { Some(self.owed.due_millis()) };
        self.alarm.set(&self.state.storage(), [publishing, owed].into_iter().flatten().min(), 0).await
    }

    /// Whether the operator's own object has what it should.
    fn is_settled(&self, sql: &Sql) -> Result<bool, SqlError> {
        let entries = sql.number("SELECT 1 FROM audit LIMIT 1", Vec::new())?;
        Ok(self.is_compared.get() && agreement::is_agreed(sql)? && entries.is_none())
    }
}

/// What KV has, if it answers by then.
async fn read_kv(env: &Env, deadline: Duration) -> Option<Document<ControlRecord>> {
    let kv = Kv::new(env, BINDING)?;
    let read = within(deadline, kv.read(&[ControlKey.key()])).await.ok()?.ok()?;
    Document::read(read.first()?.as_ref()?).ok()
}

/// Whether the operator's own object, which failed at a call that the release before cannot read, runs that one: it may
/// move the ceiling there. It answers what both can read.
async fn runs_before(operator: &Client) -> bool {
    operator.call::<Changed>(&Call::Control(Mode::Enforce, None), CALL_DEADLINE).await.is_ok()
}

fn is_pulled(sql: &Sql) -> Result<bool, SqlError> {
    Ok(control::ceiling(&control::record(sql)?) < Mode::Enforce)
}

/// Lays ready for KV what is in force, whatever waits there.
fn lay(change: &Change<'_>) -> Result<(), SqlError> {
    outbox::lay_json(change, ControlKey::RANK, &ControlKey, to_text(&control::current(change)?.0)?)
}

/// Moves what was written down here to the trail that the API shows.
async fn tell_trail(sql: &Sql, operator: &Client) -> Result<(), SqlError> {
    #[derive(Deserialize)]
    struct Entry {
        number: i64,
        #[serde(flatten)]
        note: Note,
    }
    let entries = "SELECT number, 'control/' || number || '/' || at AS id, at, actor, action, subject, before, after
        FROM audit ORDER BY number LIMIT ?1";
    for Entry { number, note } in sql.records::<Entry>(entries, values![ENTRIES])? {
        operator.call::<Vec<String>>(&Call::Note(note), CALL_DEADLINE).await?;
        sql.change(|change| change.run("DELETE FROM audit WHERE number = ?1", values![number]))?;
    }
    Ok(())
}
