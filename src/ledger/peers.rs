//! From which addresses nobody but out-of-date servers hands mail over: published for Postfix's policy service, which
//! shows no header, where a key asks to refuse by that.
//!
//! An address is published while one of its machines is refused, if all machines that were seen there for 30 days are
//! out of date by their last message, and withdrawn with the first message that is acceptable. What is refused is
//! decided by the edge, on each machine's last message, in the minute in which it is asked.

use serde::Deserialize;
use tidegate_engine::{DAY, HOUR, MINUTE, Timestamp};

use super::protocol::{Item, Stranger};
use super::site::Site;
use crate::durable::sql::{Change, SqlError, to_text, values};
use crate::durable::{documents, outbox};
use crate::store::{Machine, PeerKey, PeerRecord};

/// How long a machine counts, and how long an address has to be known before it is published.
const KEPT_SECONDS: i64 = 30 * DAY;
/// How long after a refused message its address is published.
const PUBLISHED_SECONDS: i64 = 15 * MINUTE;
/// A later end is written down only if it is so much later.
const RENEWED_SECONDS: i64 = 5 * MINUTE;
/// That a machine was seen again is written down so often.
const SEEN_AGAIN_SECONDS: i64 = HOUR;
/// Machines of one address that are kept; senders choose how many there are. An address with so many is not published.
const MAX_MACHINES: i64 = 64;
/// Machines of an address that is published: each is decided on when it is asked about.
const MAX_PUBLISHED: usize = 8;
/// The document with the time at which a key last asked for this.
const WANTED: &str = "peers_wanted";

pub const TABLES: &[&str] = &[
    // machines by the address that they hand mail over from; without server and node: others than recorded servers
    "CREATE TABLE IF NOT EXISTS machine (
        address TEXT NOT NULL, server TEXT NOT NULL, node TEXT NOT NULL, connector TEXT, received TEXT,
        out_of_date INTEGER NOT NULL, first_seen INTEGER NOT NULL, last_seen INTEGER NOT NULL,
        PRIMARY KEY (address, server, node)) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS machine_server ON machine (server)",
    "CREATE INDEX IF NOT EXISTS machine_last_seen ON machine (last_seen)",
    // the PeerRecord that KV was last told
    "CREATE TABLE IF NOT EXISTS published_peer (
        address TEXT PRIMARY KEY, until INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS published_peer_until ON published_peer (until)",
];

/// Whether addresses are watched: a key asked for it in the last 30 days. `asks`: one does now.
pub fn are_wanted(change: &Change<'_>, asks: bool, now: Timestamp) -> Result<bool, SqlError> {
    let known: Option<Timestamp> = documents::read(change, WANTED)?;
    let is_watching = known.is_some_and(|known| now.since(known) < KEPT_SECONDS);
    if asks && known.is_none_or(|known| now.since(known) >= DAY) {
        if !is_watching {
            // what came meanwhile was not seen
            change.run("DELETE FROM machine", Vec::new())?;
        }
        documents::save(change, WANTED, &now)?;
    }
    Ok(asks || is_watching)
}

/// What an item's messages say of their machine.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    pub at: Timestamp,
    /// By its last message, which came straight from it.
    pub is_out_of_date: bool,
    /// One of the messages was deferred or rejected.
    pub is_refused: bool,
}

/// Takes in where a recorded server handed mail over.
pub fn see(change: &Change<'_>, site: &Site<'_>, item: &Item, seen: Seen) -> Result<(), SqlError> {
    let Some(peer) = item.peer else { return Ok(()) };
    let key = PeerKey(site.tenant, peer);
    let address = key.address().to_string();
    let row = Row {
        server: item.server.as_str(),
        node: &item.node.to_string(),
        connector: Some(item.connector.as_str()),
        received: Some(&item.evidence.received),
    };
    let is_new = keep(change, &address, &row, seen)?;
    if seen.is_out_of_date && seen.is_refused {
        publish(change, site, &key, seen.at)
    } else if is_new || !seen.is_out_of_date {
        // a machine that is not in what is published may not be refused at all
        withdraw(change, site, &key)
    } else {
        Ok(())
    }
}

/// Takes in that others than recorded servers hand mail over from addresses at which servers do, too.
pub fn see_strangers(change: &Change<'_>, site: &Site<'_>, strangers: &[Stranger]) -> Result<(), SqlError> {
    for Stranger { peer, at } in strangers {
        let key = PeerKey(site.tenant, *peer);
        let address = key.address().to_string();
        let is_known = change.number("SELECT 1 FROM machine WHERE address = ?1 LIMIT 1", values![address.as_str()])?;
        if is_known.is_none() {
            continue;
        }
        let row = Row { server: "", node: "", connector: None, received: None };
        let at = (*at).min(site.now);
        keep(change, &address, &row, Seen { at, is_out_of_date: false, is_refused: false })?;
        withdraw(change, site, &key)?;
    }
    Ok(())
}

/// Forgets a server. That an acceptable one was there goes on counting.
pub fn forget(change: &Change<'_>, server: &str) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO machine (address, server, node, out_of_date, first_seen, last_seen)
         SELECT address, '', '', 0, MIN(first_seen), MAX(last_seen) FROM machine
         WHERE server = ?1 AND out_of_date = 0 GROUP BY address
         ON CONFLICT (address, server, node) DO UPDATE SET last_seen = MAX(last_seen, excluded.last_seen)",
        values![server],
    )?;
    change.run("DELETE FROM machine WHERE server = ?1", values![server])
}

struct Row<'a> {
    server: &'a str,
    node: &'a str,
    connector: Option<&'a str>,
    received: Option<&'a str>,
}

/// Writes a machine down, where that says something new. Whether it was not known there.
fn keep(change: &Change<'_>, address: &str, row: &Row<'_>, seen: Seen) -> Result<bool, SqlError> {
    #[derive(Deserialize)]
    struct Known {
        last_seen: Timestamp,
        out_of_date: i64,
    }
    let known = "SELECT last_seen, out_of_date FROM machine WHERE address = ?1 AND server = ?2 AND node = ?3";
    let known: Option<Known> = change.record(known, values![address, row.server, row.node])?;
    let is_new = known.is_none();
    if let Some(Known { last_seen, out_of_date }) = known {
        let is_known = (out_of_date != 0) == seen.is_out_of_date;
        // batches may come out of order; of the same second the acceptable one counts
        let is_older = seen.at < last_seen || seen.at == last_seen && seen.is_out_of_date;
        if is_older || is_known && seen.at.since(last_seen) < SEEN_AGAIN_SECONDS {
            return Ok(false);
        }
    } else {
        change.run("DELETE FROM machine WHERE last_seen < ?1", values![seen.at.plus(-KEPT_SECONDS).0])?;
        // the address goes on being full until as many machines are silent for 30 days
        change.run(
            "DELETE FROM machine WHERE address = ?1 AND (server, node) NOT IN
                 (SELECT server, node FROM machine WHERE address = ?1 ORDER BY last_seen DESC LIMIT ?2)",
            values![address, MAX_MACHINES - 1],
        )?;
    }
    change.run(
        "INSERT INTO machine (address, server, node, connector, received, out_of_date, first_seen, last_seen)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
         ON CONFLICT (address, server, node) DO UPDATE SET connector = excluded.connector,
             received = excluded.received, out_of_date = excluded.out_of_date, last_seen = excluded.last_seen",
        values![
            address,
            row.server,
            row.node,
            row.connector.map(str::to_owned),
            row.received.map(str::to_owned),
            i64::from(seen.is_out_of_date),
            seen.at.0,
        ],
    )?;
    Ok(is_new)
}

/// Publishes an address from which a message was refused at `at`, if all its machines are out of date.
fn publish(change: &Change<'_>, site: &Site<'_>, key: &PeerKey<'_>, at: Timestamp) -> Result<(), SqlError> {
    let address = key.address().to_string();
    let known = known(change, &address)?;
    let Some(machines) = all_out_of_date(change, &address, at)? else {
        return withdraw(change, site, key);
    };
    let until = at.plus(PUBLISHED_SECONDS);
    let says_it = known.as_ref().is_some_and(|known| {
        let holds = until <= known.until || site.now < known.until && until < known.until.plus(RENEWED_SECONDS);
        holds && known.machines == machines
    });
    if says_it {
        return Ok(());
    }
    change.run("DELETE FROM published_peer WHERE until < ?1", values![site.now.plus(-HOUR).0])?;
    lay(change, key, known.as_ref(), PeerRecord { rev: revision(site.now), until, machines })
}

/// Withdraws an address, if it is published.
fn withdraw(change: &Change<'_>, site: &Site<'_>, key: &PeerKey<'_>) -> Result<(), SqlError> {
    match known(change, &key.address().to_string())? {
        Some(known) if !known.machines.is_empty() => {
            let nothing = PeerRecord { rev: revision(site.now), until: site.now, machines: Vec::new() };
            lay(change, key, Some(&known), nothing)
        }
        _ => Ok(()),
    }
}

fn known(change: &Change<'_>, address: &str) -> Result<Option<PeerRecord>, SqlError> {
    #[derive(Deserialize)]
    struct Published {
        record: PeerRecord,
    }
    let published = "SELECT record FROM published_peer WHERE address = ?1";
    Ok(change.record(published, values![address])?.map(|Published { record }| record))
}

/// The machines of an address that was known for 30 days, if all that were seen in them are out of date and few enough.
fn all_out_of_date(change: &Change<'_>, address: &str, at: Timestamp) -> Result<Option<Vec<Machine>>, SqlError> {
    let since = at.plus(-KEPT_SECONDS).0;
    #[derive(Deserialize)]
    struct Sums {
        first_seen: Option<i64>,
        machines: i64,
        out_of_date: Option<i64>,
    }
    let sums = "SELECT MIN(first_seen) AS first_seen, COUNT(*) AS machines, SUM(out_of_date) AS out_of_date
        FROM machine WHERE address = ?1 AND last_seen >= ?2";
    let Some(Sums { first_seen, machines, out_of_date }) = change.record(sums, values![address, since])? else {
        return Ok(None);
    };
    let is_known = first_seen.is_some_and(|first_seen| first_seen <= since);
    if !is_known || out_of_date != Some(machines) {
        return Ok(None);
    }
    let shown = "SELECT server, connector, received FROM machine WHERE address = ?1 AND last_seen >= ?2 ORDER BY server, node LIMIT ?3";
    let most = i64::try_from(MAX_PUBLISHED).unwrap_or(i64::MAX);
    let machines = change.records::<Machine>(shown, values![address, since, most + 1])?;
    Ok(Some(machines).filter(|machines| machines.len() <= MAX_PUBLISHED))
}

/// Writes a record down and lays it ready for KV. Its revision rises also where the row was forgotten meanwhile.
fn lay(change: &Change<'_>, key: &PeerKey<'_>, known: Option<&PeerRecord>, record: PeerRecord) -> Result<(), SqlError> {
    let record = PeerRecord { rev: known.map_or(0, |known| known.rev + 1).max(record.rev), ..record };
    change.run(
        "INSERT INTO published_peer (address, until, record) VALUES (?1, ?2, ?3)
         ON CONFLICT (address) DO UPDATE SET until = excluded.until, record = excluded.record",
        values![key.address().to_string(), record.until.0, to_text(&record)?],
    )?;
    outbox::lay(change, key, &record)
}

fn revision(now: Timestamp) -> u64 {
    u64::try_from(now.0).unwrap_or(0)
}
