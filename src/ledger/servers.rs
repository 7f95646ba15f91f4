//! A tenant's servers: registered exactly once, their records merged from observations.

use serde::Deserialize;
use serde_json::value::RawValue;
use tidegate_engine::event::{Connector, TenantId};
use tidegate_engine::server::{ServerId, Shown};
use tidegate_engine::spell::{Rules, ServerRecord, Sighting, Transition};
use tidegate_engine::time::{HOUR, Timestamp};

use super::documents::{Page, ServerDocument};
use super::events::RecentEvents;
use super::protocol::{Batch, Counts, Item, Recorded};
use super::sql::{Change, Sql, SqlError, from_text, integer, to_text, values};
use super::{events, outbox, policies};
use crate::config::facts;
use crate::store::{PhaseKey, PhaseRecord};

/// Servers of one tenant; further ones are answered and not recorded.
const MAX_SERVERS: i64 = 25_000;
/// Isolates are forgotten so long after their last batch.
const ISOLATE_SECONDS: i64 = 24 * HOUR;
const MAX_NODE_EVIDENCE: i64 = 3;
const MAX_TRANSITIONS: i64 = 200;
const MAX_SERVER_EVIDENCE: i64 = 192;

/// Takes in a batch, once.
pub fn record(
    sql: &Sql,
    recent: &mut RecentEvents,
    tenant: &TenantId,
    batch: &Batch,
    now: Timestamp,
) -> Result<Recorded, SqlError> {
    let facts = facts().ok_or_else(SqlError::no_facts)?;
    recent.load(sql, now)?;
    let mut counted = Vec::new();
    let recorded = sql.change(|change| {
        let mut phases = Vec::new();
        if !is_new(change, batch, now)? {
            return Ok(Recorded { phases });
        }
        let policy = policies::current(change)?;
        let rules = policies::rules_of(&facts, &policy)?;
        for item in &batch.items {
            let mut counts = item.counts;
            for event in &item.events {
                if recent.insert(event.hash, now) {
                    counts.add(event.counts);
                    counted.push(event.hash);
                }
            }
            phases.extend(take_in(change, tenant, item, counts, (&rules, policy.rev), now)?);
        }
        events::store(change, &counted, now)?;
        Ok(Recorded { phases })
    });
    if recorded.is_err() {
        recent.forget(&counted);
    }
    recorded
}

/// Ends the spells of which nothing was heard, as `silent`.
pub fn settle_due(sql: &Sql, tenant: &TenantId, now: Timestamp) -> Result<(), SqlError> {
    sql.change(|change| {
        let policy = policies::current(change)?;
        for mut server in readable(change, "WHERE silent_at <= ?1 LIMIT 1000", values![now.0])? {
            let transitions: Vec<_> = server.record.settle(now).into_iter().collect();
            save(change, tenant, &mut server, policy.rev, false, (&transitions, None))?;
        }
        Ok(())
    })
}

/// As [`settle_due`], for the alarm, which is told no tenant.
pub fn settle_all_due(sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
    match policies::tenant(sql)? {
        Some(tenant) => settle_due(sql, &tenant, now),
        None => Ok(()),
    }
}

/// When the next spell falls silent.
pub fn next_silence(sql: &Sql) -> Result<Option<Timestamp>, SqlError> {
    Ok(sql.number("SELECT MIN(silent_at) FROM server WHERE silent_at IS NOT NULL", Vec::new())?.map(Timestamp))
}

/// One page of servers, by id.
pub fn page(sql: &Sql, after: Option<&str>, limit: u32, now: Timestamp) -> Result<Page, SqlError> {
    let some = values![after.unwrap_or(""), i64::from(limit) + 1];
    let mut rows = readable(sql, "WHERE id > ?1 ORDER BY id LIMIT ?2", some)?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(|server| server.id.clone());
    let items = show(sql, rows, now)?;
    Ok(Page { items, next })
}

pub fn one(sql: &Sql, id: &ServerId, now: Timestamp) -> Result<Option<ServerDocument>, SqlError> {
    let row = sql.row::<Server>(&select("WHERE id = ?1"), values![id.as_str()])?;
    let Some(server) = show(sql, row.into_iter().collect(), now)?.pop() else {
        return Ok(None);
    };
    Ok(Some(server.with_history(history(sql, id)?)))
}

/// A server's transitions and evidence, newest first, as the API shows them.
fn history(sql: &Sql, id: &ServerId) -> Result<(Box<RawValue>, Box<RawValue>), SqlError> {
    let transitions = "SELECT json_group_array(json_object('at', strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'),
            'kind', kind, 'build', build)) FROM
        (SELECT * FROM transition WHERE server = ?1 ORDER BY number DESC LIMIT ?2)";
    let evidence = "SELECT json_group_array(json_object('node', node, 'at',
            strftime('%Y-%m-%dT%H:%M:%SZ', at, 'unixepoch'), 'field', field, 'component', component, 'build', build,
            'text', telling, 'received', received)) FROM
        (SELECT * FROM evidence WHERE server = ?1 ORDER BY number DESC LIMIT ?2)";
    let list = |query, most: i64| {
        let none = || SqlError::Failed("a query did not answer with a list".to_owned());
        sql.row::<Box<RawValue>>(query, values![id.as_str(), most])?.ok_or_else(none)
    };
    Ok((list(transitions, MAX_TRANSITIONS)?, list(evidence, MAX_SERVER_EVIDENCE)?))
}

fn show(sql: &Sql, servers: Vec<Server>, now: Timestamp) -> Result<Vec<ServerDocument>, SqlError> {
    let facts = facts().ok_or_else(SqlError::no_facts)?;
    let record = policies::current(sql)?;
    let rules = policies::rules_of(&facts, &record)?;
    Ok(servers.into_iter().map(|server| ServerDocument::new(server, &rules, now)).collect())
}

/// All servers in a spell.
pub fn in_spells(sql: &Sql) -> Result<Vec<Server>, SqlError> {
    readable(sql, "WHERE silent_at IS NOT NULL", Vec::new())
}

/// Writes a server whose spell a policy of this revision changed, and lays its phase ready for KV.
pub fn republish(
    change: &Change<'_>,
    tenant: &TenantId,
    server: &mut Server,
    policy_rev: u64,
) -> Result<Option<(ServerId, PhaseRecord)>, SqlError> {
    save(change, tenant, server, policy_rev, true, (&[], None))
}

/// Whether the batch has not been taken in before. Batches of one isolate come in order.
fn is_new(change: &Change<'_>, batch: &Batch, now: Timestamp) -> Result<bool, SqlError> {
    let Some(sent) = &batch.sent else { return Ok(true) };
    let known = change.number("SELECT sequence FROM isolate WHERE id = ?1", values![sent.isolate.as_str()])?;
    if known.is_some_and(|known| integer(sent.sequence) <= known) {
        return Ok(false);
    }
    change.run("DELETE FROM isolate WHERE seen_at < ?1", values![now.plus(-ISOLATE_SECONDS).0])?;
    change.run(
        "INSERT INTO isolate (id, sequence, seen_at) VALUES (?1, ?2, ?3)
         ON CONFLICT (id) DO UPDATE SET sequence = excluded.sequence, seen_at = excluded.seen_at",
        values![sent.isolate.as_str(), integer(sent.sequence), now.0],
    )?;
    Ok(true)
}

fn take_in(
    change: &Change<'_>,
    tenant: &TenantId,
    item: &Item,
    counts: Counts,
    (rules, policy_rev): (&Rules<'_>, u64),
    now: Timestamp,
) -> Result<Option<(ServerId, PhaseRecord)>, SqlError> {
    // the earlier of the edge's clock and ours
    let at = |at: Timestamp| at.min(now);
    let Some((first, last)) = item.sights.first().zip(item.sights.last()) else {
        return Ok(None);
    };
    let Some(mut server) = get_or_register(change, tenant, item, at(first.at))? else {
        return Ok(None);
    };
    server.last_seen = server.last_seen.max(at(last.at));
    let shown = Shown::from(item.shown);
    let build = shown.build().map(|build| build.to_string());
    let mut transitions = Vec::new();
    for sight in &item.sights {
        let sighting = Sighting { at: at(sight.at), node: item.node, shown, fingerprint: sight.fingerprint };
        transitions.extend(server.record.observe(&sighting, rules));
    }
    count(change, item, build.as_deref(), counts, at(last.at))?;
    keep_evidence(change, item, build.as_deref(), at(last.at))?;
    save(change, tenant, &mut server, policy_rev, false, (&transitions, build))
}

fn get_or_register(
    change: &Change<'_>,
    tenant: &TenantId,
    item: &Item,
    now: Timestamp,
) -> Result<Option<Server>, SqlError> {
    let id = item.server.as_str();
    let mut phase = None;
    match change.row::<Server>(&select("WHERE id = ?1"), values![id]) {
        Ok(Some(server)) => return Ok(Some(server)),
        Ok(None) => {}
        // better a server that begins anew than a batch that comes again for ever
        Err(SqlError::Malformed(error)) => {
            worker::console_error!("server {id}: {error}");
            let rev = u64::try_from(now.0).unwrap_or(0);
            let emptied = PhaseRecord { rev, ..PhaseRecord::default() };
            outbox::lay(change, &PhaseKey(tenant, &item.server), rev, &emptied)?;
            phase = Some(emptied);
        }
        Err(error) => return Err(error),
    }
    let count = change.number("SELECT COUNT(*) FROM server", Vec::new())?.unwrap_or(0);
    if count >= MAX_SERVERS && phase.is_none() {
        return Ok(None);
    }
    policies::set_tenant(change, tenant)?;
    Ok(Some(Server {
        id: item.server.clone(),
        name: item.name.clone(),
        connector: item.connector,
        first_seen: now,
        last_seen: now,
        record: ServerRecord::default(),
        phase,
    }))
}

/// Writes a server and its transitions, and lays its phase ready for KV if a decision could change by it, or in any
/// case.
fn save(
    change: &Change<'_>,
    tenant: &TenantId,
    server: &mut Server,
    policy_rev: u64,
    publish: bool,
    (transitions, build): (&[Transition], Option<String>),
) -> Result<Option<(ServerId, PhaseRecord)>, SqlError> {
    let Server { id, name, connector, first_seen, last_seen, record, phase: published } = server;
    let phase = record.phase();
    // a server that never was in a spell has nothing to tell
    let changed = published.as_ref().map_or(phase.spell.is_some(), |published| phase.supersedes(&published.phase));
    let mut told = None;
    if changed || publish {
        let rev = published.as_ref().map_or(0, |published| published.rev) + 1;
        let next = PhaseRecord { rev, policy_rev, phase };
        outbox::lay(change, &PhaseKey(tenant, id), next.rev, &next)?;
        *published = Some(next.clone());
        told = Some((id.clone(), next));
    }
    change.run(
        "INSERT INTO server (id, name, connector, first_seen, last_seen, silent_at, record, phase)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (id) DO UPDATE SET last_seen = excluded.last_seen, silent_at = excluded.silent_at,
             record = excluded.record, phase = excluded.phase",
        values![
            id.as_str(),
            name.as_str(),
            connector.as_str(),
            first_seen.0,
            last_seen.0,
            record.spell().map(|spell| spell.silent_at().0),
            to_text(&*record)?,
            published.as_ref().map(to_text).transpose()?,
        ],
    )?;
    for transition in transitions {
        change.run(
            "INSERT INTO transition (server, at, kind, build) VALUES (?1, ?2, ?3, ?4)",
            values![id.as_str(), transition.at.0, transition.kind.as_str(), build.clone()],
        )?;
    }
    if !transitions.is_empty() {
        let oldest = "DELETE FROM transition WHERE server = ?1 AND number NOT IN
            (SELECT number FROM transition WHERE server = ?1 ORDER BY number DESC LIMIT ?2)";
        change.run(oldest, values![id.as_str(), MAX_TRANSITIONS])?;
    }
    Ok(told)
}

fn count(change: &Change<'_>, item: &Item, build: Option<&str>, counts: Counts, at: Timestamp) -> Result<(), SqlError> {
    if counts == Counts::default() {
        return Ok(());
    }
    change.run(
        "INSERT INTO hourly (server, hour, build, accept, defer, reject, would_defer, would_reject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (server, hour, build) DO UPDATE SET accept = accept + excluded.accept,
             defer = defer + excluded.defer, reject = reject + excluded.reject,
             would_defer = would_defer + excluded.would_defer, would_reject = would_reject + excluded.would_reject",
        values![
            item.server.as_str(),
            at.0 - at.0.rem_euclid(HOUR),
            build.unwrap_or_default(),
            i64::from(counts.accept),
            i64::from(counts.defer),
            i64::from(counts.reject),
            i64::from(counts.would_defer),
            i64::from(counts.would_reject),
        ],
    )
}

fn keep_evidence(change: &Change<'_>, item: &Item, build: Option<&str>, at: Timestamp) -> Result<(), SqlError> {
    let (server, node) = (item.server.as_str(), item.node.to_string());
    change.run(
        "INSERT INTO evidence (server, node, at, field, component, build, telling, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        values![
            server,
            node.as_str(),
            at.0,
            i64::try_from(item.evidence.field).unwrap_or(i64::MAX),
            item.evidence.component.as_str(),
            build,
            item.evidence.telling.as_str(),
            item.evidence.received.as_str(),
        ],
    )?;
    change.run(
        "DELETE FROM evidence WHERE server = ?1 AND node = ?2 AND number NOT IN
             (SELECT number FROM evidence WHERE server = ?1 AND node = ?2 ORDER BY number DESC LIMIT ?3)",
        values![server, node.as_str(), MAX_NODE_EVIDENCE],
    )?;
    // nodes come and go, and their number is the sender's to choose
    change.run(
        "DELETE FROM evidence WHERE server = ?1 AND number NOT IN
             (SELECT number FROM evidence WHERE server = ?1 ORDER BY number DESC LIMIT ?2)",
        values![server, MAX_SERVER_EVIDENCE],
    )
}

/// A server as it is stored.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    pub id: ServerId,
    pub name: String,
    pub connector: Connector,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    pub record: ServerRecord,
    /// What KV was last told.
    phase: Option<PhaseRecord>,
}

/// The servers whose rows can be read; what cannot is logged and left alone.
fn readable(sql: &Sql, which: &str, values: Vec<worker::SqlStorageValue>) -> Result<Vec<Server>, SqlError> {
    let (mut servers, mut unreadable) = (Vec::new(), 0);
    for row in sql.texts(&select(which), values)? {
        match from_text(&row) {
            Ok(server) => servers.push(server),
            Err(_) => unreadable += 1,
        }
    }
    if unreadable > 0 {
        worker::console_error!("{unreadable} servers cannot be read");
    }
    Ok(servers)
}

fn select(which: &str) -> String {
    format!(
        "SELECT json_object('id', id, 'name', name, 'connector', connector, 'first_seen', first_seen,
             'last_seen', last_seen, 'record', json(record), 'phase', json(phase)) FROM server {which}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_stored_earlier_is_read() {
        let stored = include_str!("../../tests/stored/server.json");
        let server: Server = serde_json::from_str(stored).unwrap();
        let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_value(&server.record).unwrap(), stored["record"]);
    }
}
