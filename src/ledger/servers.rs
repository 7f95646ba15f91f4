//! A tenant's servers: read, judged, shown, and written with what KV has to know of them.

use serde::Deserialize;
use tidegate_engine::AlertState;
use tidegate_engine::Connector;
use tidegate_engine::Freezes;
use tidegate_engine::ServerId;
use tidegate_engine::Timestamp;
use tidegate_engine::{ServerRecord, Transition, TransitionKind};
use tidegate_stored::Document;
use tidegate_wire::native::Written;

use super::alerts::{Cause, Followed};
use super::documents::{History, Place, ServerDocument, SpellDocument, TransitionDocument};
use super::protocol::{Filter, Item};
use super::site::{Judge, Site};
use super::{alerts, policies};
use crate::durable::lists::{Page, Range};
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::{audit, outbox};
use crate::store::{PhaseKey, PhaseRecord, PolicyRecord, Rank};

const MAX_TRANSITIONS: i64 = 200;
const MAX_SERVER_EVIDENCE: i64 = 192;
/// `silent_at` of a spell that does not fall silent: the end of the year 9999.
const NEVER: i64 = 253_402_300_799;
/// Rows that one change settles.
const SETTLED_AT_ONCE: i64 = 1_000;
/// Rows that are in memory at once where all are gone through.
const READ_AT_ONCE: i64 = 500;

/// Ends the spells of which nothing was heard, as `silent`.
pub fn settle_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let Some(at) = next_silence(sql)? else { return Ok(()) };
    if at > site.now {
        return Ok(());
    }
    sql.change(|change| {
        let policy = policies::current(change)?;
        let judge = site.judge(&policy);
        let due = readable(change, "WHERE silent_at <= ?1 LIMIT ?2", values![site.now.0, SETTLED_AT_ONCE])?;
        for mut server in due {
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
    each(change, |server| {
        let followed = alerts::follow(&server, &judge, Cause::Change, site.now)?;
        alerts::write(change, &judge, (&server, &followed.place), (&[], &followed.alerts), site.now)?;
        set_place(change, &server.id, &followed)
    })
}

/// Goes through all servers, by id, a few in memory at once.
pub fn each(sql: &Sql, see: impl FnMut(Server) -> Result<(), SqlError>) -> Result<(), SqlError> {
    each_of(sql, "", see)
}

/// As [`each`], through those in a spell.
pub fn each_in_spell(sql: &Sql, see: impl FnMut(Server) -> Result<(), SqlError>) -> Result<(), SqlError> {
    each_of(sql, "AND silent_at IS NOT NULL", see)
}

fn each_of(sql: &Sql, which: &str, mut see: impl FnMut(Server) -> Result<(), SqlError>) -> Result<(), SqlError> {
    let last = format!(
        "SELECT id FROM (SELECT id FROM server WHERE id > ?1 {which} ORDER BY id LIMIT ?2) ORDER BY id DESC LIMIT 1"
    );
    let page = format!("WHERE id > ?1 AND id <= ?2 {which} ORDER BY id");
    let mut after = String::new();
    while let Some(last) = sql.text(&last, values![after.as_str(), READ_AT_ONCE])? {
        readable(sql, &page, values![after, last.as_str()])?.into_iter().try_for_each(&mut see)?;
        after = last;
    }
    Ok(())
}

/// Writes down where a server stands and what was told of it.
pub fn set_place(change: &Change<'_>, id: &ServerId, followed: &Followed) -> Result<(), SqlError> {
    let Followed { place, told, notify_at, .. } = followed;
    change.run(
        "UPDATE server SET state = ?2, stage = ?3, product = ?4, build = ?5, told = ?6, notify_at = ?7
         WHERE id = ?1 AND (state, stage, product, build, told, notify_at) IS NOT (?2, ?3, ?4, ?5, ?6, ?7)",
        values![
            id.as_str(),
            place.state_name(),
            place.stage.map(|stage| i64::from(stage.number)),
            place.product.clone(),
            place.build.clone(),
            told.as_ref().map(to_text).transpose()?,
            notify_at.map(|at| at.0),
        ],
    )
}

/// One page of servers, by id.
pub fn page(sql: &Sql, site: &Site<'_>, filter: &Filter, range: &Range) -> Result<Page<ServerDocument>, SqlError> {
    let which = "WHERE id > ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR stage = ?3)
        AND (?4 IS NULL OR INSTR(id, ?4) > 0 OR INSTR(LOWER(name), ?4) > 0)
        AND (?5 IS NULL OR ?5 = (id IN (SELECT server FROM exemption WHERE expires_at > ?6))) ORDER BY id LIMIT ?7";
    let rows = readable(
        sql,
        which,
        values![
            range.cursor.as_deref().unwrap_or_default(),
            filter.state.clone(),
            filter.stage.map(i64::from),
            filter.q.as_ref().map(|part| part.to_ascii_lowercase()),
            filter.exempt.map(i64::from),
            site.now.0,
            i64::from(range.limit) + 1
        ],
    )?;
    let Page { items, next } = Page::of(rows, range, |server| server.id.to_string());
    Ok(Page { items: show(sql, site, items)?, next })
}

pub fn one(sql: &Sql, site: &Site<'_>, id: &ServerId) -> Result<Option<ServerDocument>, SqlError> {
    let server = show(sql, site, get(sql, id)?.into_iter().collect())?.pop();
    server.map(|server| Ok(server.with_history(history(sql, id)?))).transpose()
}

/// One page of servers as they are stored, by id.
pub fn stored(sql: &Sql, range: &Range) -> Result<Page<Server>, SqlError> {
    let after = range.cursor.as_deref().unwrap_or_default();
    let rows = readable(sql, "WHERE id > ?1 ORDER BY id LIMIT ?2", values![after, i64::from(range.limit) + 1])?;
    Ok(Page::of(rows, range, |server| server.id.to_string()))
}

/// One server as it is stored.
pub fn get(sql: &Sql, id: &ServerId) -> Result<Option<Server>, SqlError> {
    sql.record(&select("WHERE id = ?1"), values![id.as_str()])
}

/// A server's spells, transitions and evidence, newest first, as the API shows them.
fn history(sql: &Sql, id: &ServerId) -> Result<History, SqlError> {
    let transitions = "SELECT at, kind, build, actor, before, after FROM transition WHERE server = ?1
        ORDER BY number DESC LIMIT ?2";
    let transitions: Vec<TransitionDocument> = sql.records(transitions, values![id.as_str(), MAX_TRANSITIONS])?;
    let evidence = "SELECT node, at, field, component, build, telling, received FROM evidence WHERE server = ?1
        ORDER BY number DESC LIMIT ?2";
    let evidence = sql.records(evidence, values![id.as_str(), MAX_SERVER_EVIDENCE])?;
    let mut spells = Vec::new();
    let mut end = None;
    for TransitionDocument { at, kind, .. } in &transitions {
        match kind.as_str() {
            "patched" | "silent" => end = Some((Written(*at), kind.clone())),
            "detected" | "resumed" => {
                let (ended_at, end) = end.take().unzip();
                spells.push(SpellDocument { detected_at: Written(*at), ended_at, end });
            }
            _ => {}
        }
    }
    Ok(History { spells, transitions, evidence })
}

fn show(sql: &Sql, site: &Site<'_>, servers: Vec<Server>) -> Result<Vec<ServerDocument>, SqlError> {
    let policy = policies::current(sql)?;
    let judge = site.judge(&policy);
    servers.into_iter().map(|server| ServerDocument::new(server, &judge, site.now)).collect()
}

/// Servers of which something is to be told.
pub fn due(sql: &Sql, now: Timestamp, most: i64) -> Result<Vec<Server>, SqlError> {
    readable(sql, "WHERE notify_at <= ?1 ORDER BY notify_at LIMIT ?2", values![now.0, most])
}

/// All servers in a spell.
pub fn in_spells(sql: &Sql) -> Result<Vec<Server>, SqlError> {
    readable(sql, "WHERE silent_at IS NOT NULL", Vec::new())
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
    let Followed { place, told, notify_at, alerts } = alerts::follow(server, judge, cause, site.now)?;
    (server.told, server.notify_at) = (told, notify_at);
    let is_patched = transitions.iter().any(|transition| transition.kind == TransitionKind::Patched);
    let published = lay_phase(change, site, judge, server, (publish, is_patched))?;
    write_row(change, server, &place)?;
    for transition in transitions {
        let Transition { at, kind } = transition;
        write_transition(change, &server.id, *at, kind.as_str(), (audit::SYSTEM, build.clone()), (None, None))?;
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
            silent_at(record),
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

/// Writes down that something about a server changed, and forgets what is too long ago.
pub fn write_transition(
    change: &Change<'_>,
    id: &ServerId,
    at: Timestamp,
    kind: &str,
    (actor, build): (&str, Option<String>),
    (before, after): (Option<String>, Option<String>),
) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO transition (server, at, kind, build, actor, before, after) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        values![id.as_str(), at.0, kind, build, actor, before, after],
    )?;
    let oldest = "DELETE FROM transition WHERE server = ?1 AND number NOT IN
        (SELECT number FROM transition WHERE server = ?1 ORDER BY number DESC LIMIT ?2)";
    change.run(oldest, values![id.as_str(), MAX_TRANSITIONS])
}

/// A server as it is stored.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    pub id: ServerId,
    pub name: String,
    pub connector: Connector,
    /// Its address, where that is a part of its identity.
    #[serde(default)]
    peer: Option<String>,
    /// Last seen behind a trusted relay.
    #[serde(default, deserialize_with = "flag")]
    pub relayed: bool,
    pub first_seen: Timestamp,
    pub last_seen: Timestamp,
    /// When it was, is or will be exempt.
    #[serde(default)]
    pub exemptions: Document<Freezes>,
    /// What was told of its spell.
    #[serde(default)]
    pub told: Option<Document<AlertState>>,
    /// When something is to be told next.
    #[serde(default)]
    pub notify_at: Option<Timestamp>,
    pub record: Document<ServerRecord>,
    /// What KV was last told.
    phase: Option<Document<PhaseRecord>>,
}

impl Server {
    /// A server that shows itself for the first time.
    pub fn new(item: &Item, peer: Option<String>, now: Timestamp) -> Self {
        Self {
            id: item.server.clone(),
            name: item.name.clone(),
            connector: item.connector,
            peer,
            relayed: item.relayed,
            first_seen: now,
            last_seen: now,
            exemptions: Document::default(),
            told: None,
            notify_at: None,
            record: Document::default(),
            phase: None,
        }
    }

    /// The end of the exemption in which `now` lies.
    pub fn exempt_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.exemptions.at(now)?.until
    }

    /// The same server, of which KV was told this.
    pub fn with_phase(self, phase: PhaseRecord) -> Self {
        Self { phase: Some(Document::new(phase)), ..self }
    }
}

/// When the spell falls silent, as a row has it.
fn silent_at(record: &ServerRecord) -> Option<i64> {
    record.spell().map(|spell| spell.silent_at().map_or(NEVER, |at| at.0))
}

/// SQLite's truth.
fn flag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(i64::deserialize(deserializer)? != 0)
}

/// The servers whose rows can be read; what cannot is logged and left alone.
fn readable(sql: &Sql, which: &str, values: Vec<worker::SqlStorageValue>) -> Result<Vec<Server>, SqlError> {
    let (mut servers, mut unreadable) = (Vec::new(), 0);
    for server in sql.each_record(&select(which), values)? {
        match server {
            Ok(server) => servers.push(server),
            Err(SqlError::Malformed(_)) => unreadable += 1,
            Err(error) => return Err(error),
        }
    }
    if unreadable > 0 {
        worker::console_error!("{unreadable} servers cannot be read");
    }
    Ok(servers)
}

fn select(which: &str) -> String {
    format!(
        "SELECT id, name, connector, peer, relayed, first_seen, last_seen, exemptions, told, notify_at, record, phase
         FROM server {which}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What 67205e3 stored, and what is written now: of the same server, and of one whose spell is suspended.
    const BEFORE: &str = include_str!("../../tests/stored/server.json");
    const UPGRADED: &str = include_str!("../../tests/stored/server-upgraded.json");
    const WRITTEN: &str = include_str!("../../tests/stored/server-written.json");

    fn json(text: &str) -> serde_json::Value {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_server_stored_by_the_release_before_is_read() {
        for (stored, written) in [(BEFORE, UPGRADED), (UPGRADED, UPGRADED), (WRITTEN, WRITTEN)] {
            let server: Server = serde_json::from_str(stored).unwrap();
            assert_eq!(serde_json::to_value(&server.record).unwrap(), json(written)["record"]);
        }
        let server: Server = serde_json::from_str(BEFORE).unwrap();
        let spell = server.record.spell().unwrap();
        assert!(!spell.is_in_reach(spell.last_out_of_date), "its first message that can be refused gives notice");
        assert_eq!(server.record.builds().len(), 1);
    }

    /// The record as 67205e3 reads it.
    #[test]
    fn the_release_before_reads_what_is_written_now() {
        #[derive(Deserialize)]
        struct Record {
            nodes: Vec<Node>,
            spell: Option<Spell>,
            suspect: Option<Suspect>,
            ended: Option<Ended>,
        }
        #[derive(Deserialize)]
        struct Node {
            #[serde(rename = "last_seen")]
            _last_seen: i64,
            builds: Vec<Build>,
        }
        #[derive(Deserialize)]
        struct Build {
            build: String,
            #[serde(rename = "at")]
            _at: i64,
        }
        #[derive(Deserialize)]
        struct Spell {
            detected_at: i64,
            held: i64,
            last_out_of_date: i64,
        }
        #[derive(Deserialize)]
        struct Suspect {
            #[serde(rename = "at")]
            _at: i64,
            fingerprint: u64,
        }
        #[derive(Deserialize)]
        struct Ended {
            #[serde(rename = "spell")]
            _spell: Spell,
            #[serde(rename = "at")]
            _at: i64,
            reason: String,
        }
        for written in [UPGRADED, WRITTEN] {
            let Record { nodes, spell, suspect, ended } =
                serde_json::from_value(json(written)["record"].clone()).unwrap();
            assert_eq!(nodes[0].builds[0].build, "15.1.2507.39");
            let spell = spell.unwrap();
            assert_eq!((spell.detected_at, spell.held, spell.last_out_of_date), (1_790_842_508, 0, 1_793_000_000));
            assert_eq!(suspect.map(|suspect| suspect.fingerprint), Some(1_234_567_890_123));
            assert_eq!(ended.unwrap().reason, "patched");
        }
    }

    #[test]
    fn a_suspended_spell_falls_silent_at_the_end_of_time() {
        let silent_at = |stored: &str| silent_at(&serde_json::from_str::<Server>(stored).unwrap().record);
        assert_eq!(silent_at(BEFORE), Some(1_793_000_000 + 60 * 86_400));
        assert_eq!(silent_at(WRITTEN).map(Timestamp).map(|at| at.to_string()), Some("9999-12-31T23:59:59Z".to_owned()));
    }
}
