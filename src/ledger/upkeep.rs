//! Servers are written with where they stand and what KV has to know of them, and what is to be told of them is told.

use tidegate_engine::{Freezes, ServerId, Timestamp, Transition, TransitionKind};

use super::alerts::{self, Cause, Followed};
use super::place::Place;
use super::servers::{self, Server};
use super::site::{Judge, Site};
use super::{policies, transitions};
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::{audit, outbox};
use crate::store::{PhaseKey, PhaseRecord, PolicyRecord, Rank};

/// Rows that one change settles.
const SETTLED_AT_ONCE: i64 = 1_000;
/// Servers that one change tells of.
const TOLD_AT_ONCE: i64 = 500;
/// Changes that one call makes: all servers that a tenant may have, and their stages.
const MAX_CHANGES: usize = 500;

/// Tells all that is due about servers.
pub fn tell_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    for _ in 0..MAX_CHANGES {
        if next_telling(sql)?.is_none_or(|at| at > site.now) {
            break;
        }
        sql.change(|change| {
            let policy = policies::current(change)?;
            let judge = site.judge(&policy);
            let due = servers::due(change, site.now, TOLD_AT_ONCE)?;
            if due.is_empty() {
                // rows that cannot be read
                return change.run("UPDATE server SET notify_at = NULL WHERE notify_at <= ?1", values![site.now.0]);
            }
            for server in due {
                let followed = alerts::follow(&server, &judge, Cause::Time, site.now)?;
                alerts::write(change, &judge, (&server, &followed.place), (&[], &followed.alerts), site.now)?;
                set_place(change, &server.id, &followed)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

fn next_telling(sql: &Sql) -> Result<Option<Timestamp>, SqlError> {
    Ok(sql.number("SELECT MIN(notify_at) FROM server WHERE notify_at IS NOT NULL", Vec::new())?.map(Timestamp))
}

/// Ends the spells of which nothing was heard, as `silent`.
pub fn settle_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let Some(at) = next_silence(sql)? else { return Ok(()) };
    if at > site.now {
        return Ok(());
    }
    sql.change(|change| {
        let policy = policies::current(change)?;
        let judge = site.judge(&policy);
        for mut server in servers::silent(change, site.now, SETTLED_AT_ONCE)? {
            let transitions: Vec<_> = server.record.settle(site.now).into_iter().collect();
            save(change, site, &judge, &mut server, Publish::IfChanged, (&transitions, None))?;
        }
        Ok(())
    })
}

/// When the next spell falls silent.
pub fn next_silence(sql: &Sql) -> Result<Option<Timestamp>, SqlError> {
    Ok(sql.number("SELECT MIN(silent_at) FROM server WHERE silent_at IS NOT NULL", Vec::new())?.map(Timestamp))
}

/// Judges all servers anew, for filters, counts and alerts: the policy, the catalog, the freezes or the day are others.
pub fn reassess(change: &Change<'_>, site: &Site<'_>, policy: &PolicyRecord) -> Result<(), SqlError> {
    let judge = site.judge(policy);
    servers::each(change, |server| {
        let followed = alerts::follow(&server, &judge, Cause::Change, site.now)?;
        alerts::write(change, &judge, (&server, &followed.place), (&[], &followed.alerts), site.now)?;
        set_place(change, &server.id, &followed)
    })
}

/// Writes a server whose spell or exemption changed, and lays its phase ready for KV.
pub fn republish(
    change: &Change<'_>,
    site: &Site<'_>,
    judge: &Judge<'_>,
    server: &mut Server,
    rank: Rank,
) -> Result<Option<(ServerId, PhaseRecord)>, SqlError> {
    save(change, site, judge, server, Publish::Always(rank), (&[], None))
}

/// Whether KV is told of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Publish {
    /// If a decision could change by it.
    IfChanged,
    Always(Rank),
    Never,
}

/// Writes a server and its transitions, and lays its phase ready for KV.
pub fn save(
    change: &Change<'_>,
    site: &Site<'_>,
    judge: &Judge<'_>,
    server: &mut Server,
    publish: Publish,
    (transitions, build): (&[Transition], Option<String>),
) -> Result<Option<(ServerId, PhaseRecord)>, SqlError> {
    let begun = transitions
        .iter()
        .rfind(|transition| matches!(transition.kind, TransitionKind::Detected | TransitionKind::Resumed));
    let cause = begun.map_or(Cause::Change, |begun| Cause::Begun(begun.at));
    let Followed { place, told, notify_at, next_at, alerts } = alerts::follow(server, judge, cause, site.now)?;
    (server.told, server.notify_at) = (told, notify_at);
    let is_patched = transitions.iter().any(|transition| transition.kind == TransitionKind::Patched);
    let published = lay_phase(change, site, judge, server, (publish, is_patched))?;
    write_row(change, server, &place)?;
    // seldom another one: its index costs each message of the server nothing
    if server.next_at != next_at {
        let next = "UPDATE server SET next_at = ?2 WHERE id = ?1";
        change.run(next, values![server.id.as_str(), next_at.map(|at| at.0)])?;
        server.next_at = next_at;
    }
    for transition in transitions {
        let Transition { at, kind } = transition;
        transitions::write(change, &server.id, *at, kind.as_str(), (audit::SYSTEM, build.clone()), (None, None))?;
    }
    alerts::write(change, judge, (server, &place), (transitions, &alerts), site.now)?;
    Ok(published.map(|phase| (server.id.clone(), phase)))
}

/// Lays a server's phase ready for KV, if it is to be told. The phase as it was laid.
fn lay_phase(
    change: &Change<'_>,
    site: &Site<'_>,
    judge: &Judge<'_>,
    server: &mut Server,
    (publish, is_patched): (Publish, bool),
) -> Result<Option<PhaseRecord>, SqlError> {
    let Server { id, exemptions, record, phase: published, .. } = server;
    let phase = record.phase(site.now);
    // by what this release does not understand KV is told nothing: its edges take what is there for as much
    let publish = if record.is_understood() { publish } else { Publish::Never };
    // a server that never was in a spell has nothing to tell
    let changed = published.as_ref().map_or(phase.spell.is_some(), |published| phase.supersedes(&published.phase));
    let rank = match publish {
        Publish::Always(rank) => Some(rank),
        Publish::IfChanged if is_patched => changed.then_some(Rank::Relief),
        Publish::IfChanged => changed.then_some(Rank::Phase),
        Publish::Never => None,
    };
    let Some(rank) = rank else { return Ok(None) };
    let rev = published.as_ref().map_or(0, |published| published.rev) + 1;
    let next = PhaseRecord { rev, policy_rev: judge.policy.rev, phase, exemptions: Freezes::clone(exemptions) };
    let document = published.take().unwrap_or_default().with(next.clone());
    outbox::lay_json(change, rank, &PhaseKey(site.tenant, id), to_text(&document)?)?;
    *published = Some(document);
    Ok(Some(next))
}

fn write_row(change: &Change<'_>, server: &Server, place: &Place) -> Result<(), SqlError> {
    let Server { id, name, connector, peer, relayed, first_seen, last_seen, exemptions, record, phase, .. } = server;
    let Server { told, notify_at, .. } = server;
    change.run(
        "INSERT INTO server (id, name, connector, peer, relayed, first_seen, last_seen, silent_at, state, stage,
             product, build, exemptions, record, phase, told, notify_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT (id) DO UPDATE SET relayed = excluded.relayed, first_seen = excluded.first_seen,
             last_seen = excluded.last_seen,
             silent_at = excluded.silent_at, state = excluded.state, stage = excluded.stage,
             product = excluded.product, build = excluded.build, exemptions = excluded.exemptions,
             record = excluded.record, phase = excluded.phase, told = excluded.told, notify_at = excluded.notify_at",
        values![
            id.as_str(),
            name.as_str(),
            connector.as_str(),
            peer.clone(),
            i64::from(*relayed),
            first_seen.0,
            last_seen.0,
            server.silent_at(),
            place.state_name(),
            place.stage.map(|stage| i64::from(stage.number)),
            place.product.clone(),
            place.build.clone(),
            to_text(exemptions)?,
            to_text(record)?,
            phase.as_ref().map(to_text).transpose()?,
            told.as_ref().map(to_text).transpose()?,
            notify_at.map(|at| at.0),
        ],
    )
}

/// Writes down where a server stands and what was told of it.
fn set_place(change: &Change<'_>, id: &ServerId, followed: &Followed) -> Result<(), SqlError> {
    let Followed { place, told, notify_at, next_at, .. } = followed;
    change.run(
        "UPDATE server SET state = ?2, stage = ?3, product = ?4, build = ?5, told = ?6, notify_at = ?7, next_at = ?8
         WHERE id = ?1 AND (state, stage, product, build, told, notify_at, next_at) IS NOT (?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values![
            id.as_str(),
            place.state_name(),
            place.stage.map(|stage| i64::from(stage.number)),
            place.product.clone(),
            place.build.clone(),
            told.as_ref().map(to_text).transpose()?,
            notify_at.map(|at| at.0),
            next_at.map(|at| at.0),
        ],
    )
}
