//! What comes in: batches of observations, each taken in once, each server registered once, its record merged.

use tidegate_engine::ServerId;
use tidegate_engine::Shown;
use tidegate_engine::Sighting;
use tidegate_engine::{HOUR, Timestamp};
use tidegate_engine::{MailRoute, Mode};

use super::bounds::{Bound, MAX_PEER_SERVERS, MAX_SERVERS};
use super::counts::Tally;
use super::events::RecentEvents;
use super::protocol::{Batch, Counts, Dropped, Item, Recorded, SENT_AGAIN_SECONDS};
use super::servers::{self, Server};
use super::site::{Judge, Site};
use super::{alerts, bounds, events, peers, policies, unbelieved, upkeep};
use crate::durable::outbox;
use crate::durable::sql::{Change, Sql, SqlError, integer, values};
use crate::store::{PhaseKey, PhaseRecord};

/// Isolates are forgotten so long after their last batch: when none comes again, whatever their clocks differ by.
const ISOLATE_SECONDS: i64 = SENT_AGAIN_SECONDS + HOUR;
const MAX_NODE_EVIDENCE: i64 = 3;
const MAX_SERVER_EVIDENCE: i64 = 192;

/// Takes in a batch, once.
pub fn record(sql: &Sql, recent: &mut RecentEvents, site: &Site<'_>, batch: &Batch) -> Result<Recorded, SqlError> {
    recent.load(sql, site.now)?;
    let mut counted = Vec::new();
    let recorded = sql.change(|change| {
        let mut recorded = Recorded::default();
        if !is_new(change, batch, site.now)? {
            return Ok(recorded);
        }
        let policy = policies::current(change)?;
        let judge = site.judge(&policy);
        let watches_peers = peers::are_wanted(change, batch.refuses_at_rcpt, site.now)?;
        let mut tally = Tally::default();
        for item in &batch.items {
            let mut counts = item.counts;
            for event in &item.events {
                if recent.insert(event.hash, site.now) {
                    counts.add(event.counts);
                    counted.push(event.hash);
                }
            }
            match take_in(change, site, &judge, (item, counts), watches_peers, &mut tally)? {
                Taken::In(phase) => recorded.phases.extend(phase),
                Taken::Not(bound) => {
                    recorded.dropped = Some(Dropped::NoPlace);
                    recorded.refused.push(item.server.clone());
                    recorded.unrecorded.add(bound, counts.messages());
                    bounds::tell(change, site, bound, item.server.as_str())?;
                }
            }
        }
        unbelieved::take_in(change, site, &batch.unbelieved)?;
        if watches_peers {
            peers::see_strangers(change, site, &batch.strangers)?;
        }
        if batch.lost > 0 {
            policies::set_tenant(change, site.tenant)?;
            bounds::tell(change, site, Bound::Observations, &batch.lost.to_string())?;
        }
        tally.store(change)?;
        events::store(change, &counted, site.now)?;
        Ok(recorded)
    });
    if recorded.is_err() {
        recent.forget(&counted);
    }
    recorded
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

/// What became of one item.
enum Taken {
    /// There is no room for its server.
    Not(Bound),
    /// With the server's phase, if it changed by that.
    In(Option<(ServerId, PhaseRecord)>),
}

fn take_in(
    change: &Change<'_>,
    site: &Site<'_>,
    judge: &Judge<'_>,
    (item, counts): (&Item, Counts),
    watches_peers: bool,
    tally: &mut Tally,
) -> Result<Taken, SqlError> {
    // the earlier of the edge's clock and ours
    let at = |at: Timestamp| at.min(site.now);
    let Some((first, last)) = item.sights.first().zip(item.sights.last()) else {
        return Ok(Taken::In(None));
    };
    let mut server = match get_or_register(change, site, item, at(first.at))? {
        Registered::As(server) => *server,
        Registered::Not(bound) => return Ok(Taken::Not(bound)),
    };
    alerts::tell_before_change(change, judge, &mut server, site.now)?;
    // batches may come out of order
    server.first_seen = server.first_seen.min(at(first.at));
    server.last_seen = server.last_seen.max(at(last.at));
    server.relayed = item.relayed;
    let shown = Shown::from(item.shown);
    let build = shown.build().map(|build| build.to_string());
    let mut transitions = Vec::new();
    let is_out_of_date;
    {
        let frozen = judge.frozen_with(&server.exemptions);
        let rules = judge.rules(&frozen)?;
        let way = MailRoute { connector: item.connector, relayed: item.relayed };
        let in_reach = judge.mode() == Mode::Enforce && rules.policy.reaches(way);
        for sight in &item.sights {
            let sighting = Sighting {
                at: at(sight.at),
                node: item.node,
                shown,
                other_component: item.other_component,
                fingerprint: sight.fingerprint,
                in_reach,
            };
            transitions.extend(server.record.observe(&sighting, &rules));
        }
        // behind a relay it is the relay that hands over
        is_out_of_date = !item.relayed
            && rules.assess_message(&rules.look_up(shown), item.other_component, at(last.at)).is_out_of_date();
    }
    tally.count(change, &item.server, build.as_deref(), counts, at(last.at))?;
    keep_evidence(change, item, build.as_deref(), at(last.at))?;
    if watches_peers {
        let is_refused = counts.defer > 0 || counts.reject > 0;
        peers::see(change, site, item, peers::Seen { at: at(last.at), is_out_of_date, is_refused })?;
    }
    upkeep::save(change, site, judge, &mut server, upkeep::Publish::IfChanged, (&transitions, build)).map(Taken::In)
}

enum Registered {
    As(Box<Server>),
    Not(Bound),
}

fn get_or_register(change: &Change<'_>, site: &Site<'_>, item: &Item, now: Timestamp) -> Result<Registered, SqlError> {
    let mut phase = None;
    match servers::get(change, &item.server) {
        Ok(Some(server)) => return Ok(Registered::As(Box::new(server))),
        Ok(None) => {}
        // better a server that begins anew than a batch that comes again for ever
        Err(SqlError::Malformed(error)) => {
            worker::console_error!("server {}: {error}", item.server);
            let rev = u64::try_from(now.0).unwrap_or(0);
            let emptied = PhaseRecord { rev, ..PhaseRecord::default() };
            outbox::lay(change, &PhaseKey(site.tenant, &item.server), &emptied)?;
            phase = Some(emptied);
        }
        Err(error) => return Err(error),
    }
    let peer = item.server.as_str().split_once('@').map(|(_, peer)| peer.to_owned());
    if phase.is_none()
        && let Some(bound) = met_by_another(change, peer.as_deref())?
    {
        return Ok(Registered::Not(bound));
    }
    policies::set_tenant(change, site.tenant)?;
    let server = Server::new(item, peer, now);
    Ok(Registered::As(Box::new(match phase {
        Some(phase) => server.with_phase(phase),
        None => server,
    })))
}

/// The bound that another server would go beyond.
fn met_by_another(sql: &Sql, peer: Option<&str>) -> Result<Option<Bound>, SqlError> {
    let count = sql.number("SELECT SUM(servers) FROM standing", Vec::new())?.unwrap_or(0);
    if count >= MAX_SERVERS {
        return Ok(Some(Bound::Servers));
    }
    let Some(peer) = peer else { return Ok(None) };
    let of_peer = sql.number("SELECT COUNT(*) FROM server WHERE peer = ?1", values![peer])?.unwrap_or(0);
    Ok((of_peer >= MAX_PEER_SERVERS).then_some(Bound::PeerServers))
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
