//! A tenant's servers as they are stored.

use serde::Deserialize;
use tidegate_engine::{AlertState, Connector, Freezes, ServerId, ServerRecord, Timestamp};
use tidegate_stored::Document;
use worker::SqlStorageValue;

use super::protocol::Item;
use crate::durable::lists::{Page, Range};
use crate::durable::sql::{Sql, SqlError, values};
use crate::store::PhaseRecord;

/// `silent_at` of a spell that does not fall silent: the end of the year 9999.
const NEVER: i64 = 253_402_300_799;
/// Rows that are in memory at once where all are gone through.
const READ_AT_ONCE: i64 = 500;

/// A server as it is stored.
#[derive(Clone, Debug, Deserialize)]
pub struct Server {
    pub id: ServerId,
    pub name: String,
    pub connector: Connector,
    /// Its address, where that is a part of its identity.
    #[serde(default)]
    pub peer: Option<String>,
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
    /// When its next stage begins, as it was last written down.
    #[serde(default)]
    pub next_at: Option<Timestamp>,
    pub record: Document<ServerRecord>,
    /// What KV was last told.
    pub phase: Option<Document<PhaseRecord>>,
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
            next_at: None,
            record: Document::default(),
            phase: None,
        }
    }

    /// The end of the exemption in which `now` lies.
    pub fn exempt_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.exemptions.at(now)?.until
    }

    /// When its spell falls silent, as a row has it.
    pub fn silent_at(&self) -> Option<i64> {
        self.record.spell().map(|spell| spell.silent_at().map_or(NEVER, |at| at.0))
    }

    /// The same server, of which KV was told this.
    pub fn with_phase(self, phase: PhaseRecord) -> Self {
        Self { phase: Some(Document::new(phase)), ..self }
    }
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
    let page = format!("WHERE id > ?1 AND id <= ?2 {which} ORDER BY id");
    let mut after = String::new();
    while let Some(last) = last_of_page(sql, which, &after, READ_AT_ONCE)? {
        readable(sql, &page, values![after, last.as_str()])?.into_iter().try_for_each(&mut see)?;
        after = last;
    }
    Ok(())
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

/// Servers of which something is to be told.
pub fn due(sql: &Sql, now: Timestamp, most: i64) -> Result<Vec<Server>, SqlError> {
    readable(sql, "WHERE notify_at <= ?1 ORDER BY notify_at LIMIT ?2", values![now.0, most])
}

/// The server whose next stage comes first.
pub fn first_to_change(sql: &Sql) -> Result<Option<Server>, SqlError> {
    sql.record(&select("WHERE next_at IS NOT NULL ORDER BY next_at LIMIT 1"), Vec::new())
}

/// Servers in a spell that has fallen silent.
pub fn silent(sql: &Sql, now: Timestamp, most: i64) -> Result<Vec<Server>, SqlError> {
    readable(sql, "WHERE silent_at <= ?1 LIMIT ?2", values![now.0, most])
}

/// All servers in a spell.
pub fn in_spells(sql: &Sql) -> Result<Vec<Server>, SqlError> {
    readable(sql, "WHERE silent_at IS NOT NULL", Vec::new())
}

/// The last of the next servers; `None` where there is none.
pub fn last_of_page(sql: &Sql, which: &str, after: &str, most: i64) -> Result<Option<String>, SqlError> {
    let page = format!("SELECT id FROM server WHERE id > ?1 {which} ORDER BY id LIMIT ?2");
    sql.text(&format!("SELECT id FROM ({page}) ORDER BY id DESC LIMIT 1"), values![after, most])
}

/// The servers whose rows can be read; what cannot is logged and left alone.
pub fn readable(sql: &Sql, which: &str, values: Vec<SqlStorageValue>) -> Result<Vec<Server>, SqlError> {
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
        "SELECT id, name, connector, peer, relayed, first_seen, last_seen, exemptions, told, notify_at, next_at, record,
             phase
         FROM server {which}"
    )
}

/// SQLite's truth.
fn flag<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(i64::deserialize(deserializer)? != 0)
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
        let silent_at = |stored: &str| serde_json::from_str::<Server>(stored).unwrap().silent_at();
        assert_eq!(silent_at(BEFORE), Some(1_793_000_000 + 60 * 86_400));
        assert_eq!(silent_at(WRITTEN).map(Timestamp).map(|at| at.to_string()), Some("9999-12-31T23:59:59Z".to_owned()));
    }
}
