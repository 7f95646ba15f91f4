//! Exemptions of single servers: one in force at a time, with its reason and end; its times stop the server's clock.

use serde::{Deserialize, Serialize};
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Timestamp};
use tidegate_engine::{DelegatedRight, Mode};
use tidegate_engine::{Freeze, Freezes};
use tidegate_wire::problem::Problem;

use super::alerts::{next_warning, warning_due};
use super::notifications::{self, Notification};
use super::protocol::Changed;
use super::servers::{self, Server};
use super::site::Site;
use super::{policies, texts, transitions, upkeep};
use crate::access;
use crate::durable::audit;
use crate::durable::lists::written;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::store::Rank;

/// The longest exemption, in seconds.
const MAX_SECONDS: i64 = 365 * DAY;

/// A row, and how the API shows it.
#[derive(Deserialize, Serialize)]
struct Shown {
    server: ServerId,
    reason: String,
    #[serde(serialize_with = "written")]
    from: Timestamp,
    #[serde(serialize_with = "written")]
    expires_at: Timestamp,
    #[serde(serialize_with = "written")]
    created_at: Timestamp,
    created_by: String,
}

/// The exemption in force, as the API shows it.
pub fn one(sql: &Sql, server: &ServerId, now: Timestamp) -> Result<Option<String>, SqlError> {
    let row = "SELECT server, reason, starts_at AS \"from\", expires_at, starts_at AS created_at, created_by
        FROM exemption WHERE server = ?1 AND expires_at > ?2";
    sql.record::<Shown>(row, values![server.as_str(), now.0])?.as_ref().map(to_text).transpose()
}

/// Exempts a server from now on; one that is exempt gets another reason and end.
pub fn put(
    sql: &Sql,
    site: &Site<'_>,
    id: &ServerId,
    (reason, expires_at): (&str, Timestamp),
    needs: Option<DelegatedRight>,
) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let mut server = changeable(change, site, id, needs)?;
        if expires_at <= site.now || expires_at > site.now.plus(MAX_SECONDS) {
            let problem = Problem::unprocessable("an exemption ends in the future, within 365 days");
            return Err(problem.in_field("expires_at").into());
        }
        let before = one(change, id, site.now)?;
        let freeze = Freeze { from: site.now, until: Some(expires_at) };
        let past: Vec<Freeze> = server.exemptions.up_to(site.now).into();
        *server.exemptions = Freezes::from(past.into_iter().chain([freeze]).collect::<Vec<_>>()).bounded(site.now);
        let ended_before = expiry(change, id)?;
        change.run(
            "INSERT INTO exemption (server, starts_at, expires_at, notify_at, reason, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (server) DO UPDATE SET expires_at = excluded.expires_at, notify_at = excluded.notify_at,
                 reason = excluded.reason",
            values![
                id.as_str(),
                site.now.0,
                expires_at.0,
                next_warning(expires_at, site.now).map(|at| at.0),
                reason,
                site.actor
            ],
        )?;
        let sides = (ended_before.map(side), Some(side(expires_at)));
        transitions::write(change, id, site.now, "exempted", (site.actor, None), sides)?;
        let shown = one(change, id, site.now)?;
        audit::write(change, site.act(), "exemption.put", id.as_str(), (before, shown.clone()))?;
        Ok(Changed { shown, ..publish(change, site, &mut server)? })
    })
}

/// Ends a server's exemption now.
pub fn end(sql: &Sql, site: &Site<'_>, id: &ServerId, needs: Option<DelegatedRight>) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let mut server = changeable(change, site, id, needs)?;
        let Some(expires_at) = expiry(change, id)? else { return Err(none().into()) };
        let before = one(change, id, site.now)?;
        *server.exemptions = server.exemptions.up_to(site.now);
        remove(change, id, (site.now, site.actor), expires_at)?;
        audit::write(change, site.act(), "exemption.end", id.as_str(), (before, None))?;
        publish(change, site, &mut server)
    })
}

pub fn none() -> Problem {
    Problem::not_found("this server is not exempt")
}

#[derive(Deserialize)]
struct Due {
    server: ServerId,
    notify_at: Timestamp,
    expires_at: Timestamp,
}

/// Ends exemptions that have lapsed, and announces the ends of others.
pub fn do_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let is_due = "SELECT COUNT(*) FROM exemption WHERE notify_at <= ?1 OR expires_at <= ?1";
    if sql.number(is_due, values![site.now.0])? == Some(0) {
        return Ok(());
    }
    sql.change(|change| {
        let policy = policies::current(change)?;
        let is_off = site.judge(&policy).mode() == Mode::Off;
        let due = "SELECT server, notify_at, expires_at FROM exemption WHERE notify_at <= ?1 ORDER BY notify_at";
        for Due { server, notify_at, expires_at } in change.records(due, values![site.now.0])? {
            if let Some((at, which)) = warning_due(notify_at, expires_at, site.now).filter(|_| !is_off) {
                let kind = if which == 0 { "exemption.ends_in_7_days" } else { "exemption.ends_in_1_day" };
                let text = texts::ends(&format!("The exemption of {server}"), expires_at);
                notifications::write(change, &Notification { at, kind, server: Some(&server), text })?;
            }
            let next = next_warning(expires_at, site.now).map(|at| at.0);
            change.run("UPDATE exemption SET notify_at = ?2 WHERE server = ?1", values![server.as_str(), next])?;
        }
        end_lapsed(change, site.now)
    })
}

/// Writes down that exemptions have ended by themselves. Their times are known to clocks since they were granted.
fn end_lapsed(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    #[derive(Deserialize)]
    struct Lapsed {
        server: ServerId,
        expires_at: Timestamp,
    }
    let lapsed = "SELECT server, expires_at FROM exemption WHERE expires_at <= ?1 ORDER BY expires_at";
    for Lapsed { server, expires_at } in change.records(lapsed, values![now.0])? {
        remove(change, &server, (expires_at, audit::SYSTEM), expires_at)?;
    }
    Ok(())
}

/// A server that the caller may exempt.
fn changeable(
    change: &Change<'_>,
    site: &Site<'_>,
    id: &ServerId,
    needs: Option<DelegatedRight>,
) -> Result<Server, SqlError> {
    access::delegated(needs, &policies::current(change)?.enforcement.policy)?;
    end_lapsed(change, site.now)?;
    let missing = || Problem::not_found("there is no such server").into();
    servers::get(change, id)?.ok_or_else(missing)
}

fn expiry(sql: &Sql, id: &ServerId) -> Result<Option<Timestamp>, SqlError> {
    let expiry = "SELECT expires_at FROM exemption WHERE server = ?1";
    Ok(sql.number(expiry, values![id.as_str()])?.map(Timestamp))
}

fn remove(
    change: &Change<'_>,
    id: &ServerId,
    (at, actor): (Timestamp, &str),
    expires_at: Timestamp,
) -> Result<(), SqlError> {
    change.run("DELETE FROM exemption WHERE server = ?1", values![id.as_str()])?;
    transitions::write(change, id, at, "exemption_ended", (actor, None), (Some(side(expires_at)), None))
}

fn publish(change: &Change<'_>, site: &Site<'_>, server: &mut Server) -> Result<Changed, SqlError> {
    let policy = policies::current(change)?;
    let phases = upkeep::republish(change, site, &site.judge(&policy), server, Rank::Relief)?.into_iter().collect();
    Ok(Changed { phases, ..Changed::default() })
}

/// An end as transitions show it.
fn side(expires_at: Timestamp) -> String {
    format!("\"{expires_at}\"")
}
