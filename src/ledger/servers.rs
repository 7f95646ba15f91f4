//! A tenant's servers: registered exactly once, their records merged from observations.

use serde::Deserialize;
use tidegate_engine::event::{Connector, TenantId};
use tidegate_engine::server::{ServerId, Shown};
use tidegate_engine::spell::{Rules, ServerRecord, Sighting, Transition};
use tidegate_engine::time::{HOUR, MINUTE, Timestamp};

use super::protocol::{Batch, Counts, EvidenceRow, History, Item, Recorded, ServerPage, ServerRow, TransitionRow};
use super::sql::{Change, Sql, SqlError, integer, to_text, values};
use super::{outbox, policies};
use crate::config::facts;
use crate::store::{PhaseKey, PhaseRecord};

/// Servers of one tenant; further ones are answered and not recorded.
const MAX_SERVERS: i64 = 25_000;
/// An event id seen again within this time counts once.
const REPEAT_SECONDS: i64 = 10 * MINUTE;
/// Isolates are forgotten so long after their last batch.
const ISOLATE_SECONDS: i64 = 24 * HOUR;
const MAX_EVIDENCE: i64 = 3;
const MAX_TRANSITIONS: i64 = 200;

/// Takes in a batch, once.
pub fn record(sql: &Sql, tenant: &TenantId, batch: &Batch, now: Timestamp) -> Result<Recorded, SqlError> {
    let facts = facts().ok_or_else(SqlError::no_facts)?;
    sql.change(|change| {
        let mut phases = Vec::new();
        if !is_new(change, batch, now)? {
            return Ok(Recorded { phases });
        }
        let tenant_policy = policies::current(change)?;
        for item in &batch.items {
            let rules = Rules::new(&facts, &tenant_policy.policy, &tenant_policy.freezes);
            let rules = rules.ok_or_else(SqlError::no_facts)?;
            phases.extend(take_in(change, tenant, item, &rules, now)?);
        }
        Ok(Recorded { phases })
    })
}

/// Ends the spells of which nothing was heard, as `silent`.
pub fn settle_due(sql: &Sql, tenant: &TenantId, now: Timestamp) -> Result<(), SqlError> {
    sql.change(|change| {
        let due = select("WHERE silent_at <= ?1 LIMIT 1000");
        for row in change.rows::<StoredServer>(&due, values![now.0])? {
            let mut server = Server::from(row);
            let transitions: Vec<_> = server.row.record.settle(now).into_iter().collect();
            save(change, tenant, &mut server, &transitions, None)?;
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
    Ok(sql
        .number("SELECT MIN(silent_at) FROM server", Vec::new())?
        .map(Timestamp))
}

pub fn page(sql: &Sql, after: Option<&str>, limit: u32) -> Result<ServerPage, SqlError> {
    let rows = select("WHERE id > ?1 ORDER BY id LIMIT ?2");
    let mut rows = sql.rows::<StoredServer>(&rows, values![after.unwrap_or(""), i64::from(limit) + 1])?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let servers = rows.into_iter().map(|row| Server::from(row).row).collect();
    Ok(ServerPage { servers, more })
}

pub fn one(sql: &Sql, id: &ServerId) -> Result<Option<ServerRow>, SqlError> {
    let Some(row) = sql.row::<StoredServer>(&select("WHERE id = ?1"), values![id.as_str()])? else {
        return Ok(None);
    };
    let transitions = "SELECT json_object('at', at, 'kind', kind, 'build', build) FROM transition
                       WHERE server = ?1 ORDER BY number DESC LIMIT ?2";
    let transitions = sql.rows::<TransitionRow>(transitions, values![id.as_str(), MAX_TRANSITIONS])?;
    let evidence = "SELECT json_object('node', node, 'at', at, 'field', field, 'component', component, 'build', build,
                        'telling', telling, 'received', received) FROM evidence
                    WHERE server = ?1 ORDER BY number DESC";
    let evidence = sql.rows::<EvidenceRow>(evidence, values![id.as_str()])?;
    let mut server = Server::from(row).row;
    server.history = Some(History { transitions, evidence });
    Ok(Some(server))
}

/// Changes the records of all servers in a spell; those that `change_record` changed are published and returned.
pub fn change_spells(
    change: &Change<'_>,
    tenant: &TenantId,
    mut change_record: impl FnMut(&mut ServerRecord),
) -> Result<(Vec<(ServerId, PhaseRecord)>, Vec<ServerRow>), SqlError> {
    let (mut phases, mut servers) = (Vec::new(), Vec::new());
    for row in change.rows::<StoredServer>(&select("WHERE silent_at IS NOT NULL"), Vec::new())? {
        let mut server = Server::from(row);
        change_record(&mut server.row.record);
        phases.extend(save(change, tenant, &mut server, &[], None)?);
        servers.push(server.row);
    }
    Ok((phases, servers))
}

/// Whether the batch has not been taken in before. Batches of one isolate come in order.
fn is_new(change: &Change<'_>, batch: &Batch, now: Timestamp) -> Result<bool, SqlError> {
    let Some(sent) = &batch.sent else { return Ok(true) };
    let known = change.number(
        "SELECT sequence FROM isolate WHERE id = ?1",
        values![sent.isolate.as_str()],
    )?;
    if known.is_some_and(|known| integer(sent.sequence) <= known) {
        return Ok(false);
    }
    change.run(
        "DELETE FROM isolate WHERE seen_at < ?1",
        values![now.plus(-ISOLATE_SECONDS).0],
    )?;
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
    rules: &Rules<'_>,
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
    server.row.last_seen = server.row.last_seen.max(at(last.at));
    let mut transitions = Vec::new();
    for sight in &item.sights {
        let shown: Shown = item.shown.into();
        let sighting = Sighting {
            at: at(sight.at),
            node: item.node,
            shown,
            fingerprint: sight.fingerprint,
        };
        transitions.extend(server.row.record.observe(&sighting, rules));
    }
    count(change, item, at(last.at), now)?;
    keep_evidence(change, item, at(last.at))?;
    let build = Shown::from(item.shown).build().map(|build| build.to_string());
    save(change, tenant, &mut server, &transitions, build)
}

fn get_or_register(
    change: &Change<'_>,
    tenant: &TenantId,
    item: &Item,
    now: Timestamp,
) -> Result<Option<Server>, SqlError> {
    let id = item.server.as_str();
    if let Some(row) = change.row::<StoredServer>(&select("WHERE id = ?1"), values![id])? {
        return Ok(Some(row.into()));
    }
    let count = change.number("SELECT COUNT(*) FROM server", Vec::new())?.unwrap_or(0);
    if count >= MAX_SERVERS {
        return Ok(None);
    }
    policies::set_tenant(change, tenant)?;
    let row = ServerRow {
        id: item.server.clone(),
        name: item.name.clone(),
        connector: item.connector,
        first_seen: now,
        last_seen: now,
        record: ServerRecord::default(),
        history: None,
    };
    Ok(Some(Server { row, phase: None }))
}

/// Writes a server and its transitions, and lays its phase ready for KV if a decision could change by it.
fn save(
    change: &Change<'_>,
    tenant: &TenantId,
    server: &mut Server,
    transitions: &[Transition],
    build: Option<String>,
) -> Result<Option<(ServerId, PhaseRecord)>, SqlError> {
    let ServerRow {
        id,
        name,
        connector,
        first_seen,
        last_seen,
        record,
        ..
    } = &server.row;
    let phase = record.phase();
    let published = server.phase.as_ref();
    // a server that never was in a spell has nothing to tell
    let changed = published.map_or(phase.spell.is_some(), |published| phase.supersedes(&published.phase));
    let mut told = None;
    if changed {
        let next = PhaseRecord {
            rev: published.map_or(1, |published| published.rev + 1),
            phase,
        };
        outbox::lay(change, &PhaseKey(tenant, id), next.rev, &next)?;
        server.phase = Some(next.clone());
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
            to_text(record)?,
            server.phase.as_ref().map(to_text).transpose()?,
        ],
    )?;
    for transition in transitions {
        change.run(
            "INSERT INTO transition (server, at, kind, build) VALUES (?1, ?2, ?3, ?4)",
            values![id.as_str(), transition.at.0, transition.kind.as_str(), build.clone()],
        )?;
    }
    Ok(told)
}

fn count(change: &Change<'_>, item: &Item, at: Timestamp, now: Timestamp) -> Result<(), SqlError> {
    let mut counts = item.counts;
    change.run("DELETE FROM event WHERE at < ?1", values![now.plus(-REPEAT_SECONDS).0])?;
    for event in &item.events {
        let hash = format!("{:016x}", event.hash);
        if change
            .number("SELECT at FROM event WHERE hash = ?1", values![hash.as_str()])?
            .is_none()
        {
            counts.add(event.counts);
            change.run("INSERT INTO event (hash, at) VALUES (?1, ?2)", values![hash, now.0])?;
        }
    }
    if counts == Counts::default() {
        return Ok(());
    }
    let build = Shown::from(item.shown)
        .build()
        .map_or_else(String::new, |build| build.to_string());
    change.run(
        "INSERT INTO hourly (server, hour, build, accept, defer, reject, would_defer, would_reject)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (server, hour, build) DO UPDATE SET accept = accept + excluded.accept,
             defer = defer + excluded.defer, reject = reject + excluded.reject,
             would_defer = would_defer + excluded.would_defer, would_reject = would_reject + excluded.would_reject",
        values![
            item.server.as_str(),
            at.0 - at.0.rem_euclid(HOUR),
            build,
            i64::from(counts.accept),
            i64::from(counts.defer),
            i64::from(counts.reject),
            i64::from(counts.would_defer),
            i64::from(counts.would_reject),
        ],
    )
}

fn keep_evidence(change: &Change<'_>, item: &Item, at: Timestamp) -> Result<(), SqlError> {
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
            Shown::from(item.shown).build().map(|build| build.to_string()),
            item.evidence.telling.as_str(),
            item.evidence.received.as_str(),
        ],
    )?;
    change.run(
        "DELETE FROM evidence WHERE server = ?1 AND node = ?2 AND number NOT IN
             (SELECT number FROM evidence WHERE server = ?1 AND node = ?2 ORDER BY number DESC LIMIT ?3)",
        values![server, node.as_str(), MAX_EVIDENCE],
    )
}

/// A server and what KV was last told of it.
struct Server {
    row: ServerRow,
    phase: Option<PhaseRecord>,
}

#[derive(Deserialize)]
struct StoredServer {
    id: ServerId,
    name: String,
    connector: Connector,
    first_seen: Timestamp,
    last_seen: Timestamp,
    record: ServerRecord,
    phase: Option<PhaseRecord>,
}

impl From<StoredServer> for Server {
    fn from(stored: StoredServer) -> Self {
        let StoredServer {
            id,
            name,
            connector,
            first_seen,
            last_seen,
            record,
            phase,
        } = stored;
        Self {
            row: ServerRow {
                id,
                name,
                connector,
                first_seen,
                last_seen,
                record,
                history: None,
            },
            phase,
        }
    }
}

fn select(which: &str) -> String {
    format!(
        "SELECT json_object('id', id, 'name', name, 'connector', connector, 'first_seen', first_seen,
             'last_seen', last_seen, 'record', json(record), 'phase', json(phase)) FROM server {which}"
    )
}
