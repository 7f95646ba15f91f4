//! What the operator's object answers, by the call.

use tidegate_engine::Mode;
use worker::worker_sys::web_sys;

use super::protocol::{Call, Changed};
use super::{agreement, control, counters, facts, keys, mirror, notes, notifications, republish, tenants};
use crate::durable::audit::{self, Act};
use crate::durable::client::Envelope;
use crate::durable::sql::{Sql, SqlError};
use crate::durable::{json, keys as stored_keys, own_hops};
use crate::http;
use crate::store::{self, ControlKey};

/// Answers a call that is made within this object.
pub fn answer(sql: &Sql, envelope: Envelope<Call>) -> Result<web_sys::Response, SqlError> {
    let Envelope { actor, circumstances, call, .. } = envelope;
    let act = Act { actor: &actor, at: circumstances.now() };
    match call {
        Call::CreateKey(key) | Call::CreateBoundedKey(key) => json(&keys::create(sql, act, key)?),
        Call::Keys(tenant, range) => Ok(http::json(stored_keys::page(sql, tenant.as_ref(), &range)?.as_bytes())?),
        Call::KeysUsed(used) => json(&keys::used(sql, &used)?),
        Call::RevokeKey(revoke) => json(&keys::revoke(sql, act, &revoke)?),
        Call::HandOver(tenant) => json(&mirror::handed(sql, &tenant)?),
        Call::KeyEvents(events) => json(&mirror::take(sql, events, act.at)?),
        Call::Control(_, mode) => match mode.filter(|mode| *mode < Mode::Enforce && actor != audit::SYSTEM) {
            Some(mode) => changed(&sql.change(|change| control::set(change, act, mode, true))?),
            None => json(&control::show(sql)?),
        },
        Call::CopyCeiling(copy) => {
            if let Some(copy) = copy {
                sql.change(|change| agreement::copy(change, copy))?;
            }
            json(&control::text(sql)?)
        }
        Call::Facts(key, version) => facts::show(sql, &key, version, act.at),
        Call::Baselines(range) => json(&facts::baselines(sql, &range)?),
        Call::Admit(tenant, known) => json(&tenants::admit(sql, &tenant, known, act.at)?),
        Call::Note(note) => json(&notes::take(sql, note)?),
        Call::Audit(range) => json(&audit::page(sql, &range)?),
        Call::OwnHops { actor, messages, disbelieved } => json(&own_hops(sql, &actor, (messages, disbelieved), act)?),
        Call::Republish => json(&republish::begin(sql, act)?),
        Call::Count(counts) => json(&counters::count(sql, &counts)?),
        Call::Tell(told) => json(&counters::take_in(sql, &told, act.at)?),
        Call::Notifications(range) => json(&notifications::page(sql, &range)?),
        Call::Tick => Ok(http::no_content()?),
        // answered before, since they wait; or not asked here
        Call::IsPublished(_) | Call::PutFacts(_) | Call::ToControl(_) => json(&false),
    }
}

/// Answers with a change, which ledgers in this isolate meet at once.
pub fn changed(changed: &Changed) -> Result<web_sys::Response, SqlError> {
    store::remember(&ControlKey, changed.control.clone());
    json(changed)
}

/// Takes in what a gateway claims, and tells the operator where that is mostly not so.
fn own_hops(sql: &Sql, actor: &str, claims: (u32, u32), act: Act<'_>) -> Result<bool, SqlError> {
    sql.change(|change| {
        if let Some(text) = own_hops::take_in(change, actor, claims, act.at)? {
            notifications::write(change, act.at, "gateway.own_hops", &text)?;
        }
        Ok(true)
    })
}
