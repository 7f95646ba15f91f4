//! What peer addresses were told: published for gateways that show no header, and seldom written.

use serde::Deserialize;
use tidegate_engine::network::sender_network;
use tidegate_engine::time::{HOUR, MINUTE, Timestamp};

use super::protocol::{Item, Told};
use super::site::Site;
use crate::durable::outbox;
use crate::durable::sql::{Change, SqlError, values};
use crate::store::{PeerKey, PeerRecord};

/// How long what a message earned is repeated.
const REPEATED_SECONDS: i64 = 15 * MINUTE;
/// A later end is written down only if it is so much later.
const RENEWED_SECONDS: i64 = 5 * MINUTE;
/// How long after its end a row is kept.
const KEPT_SECONDS: i64 = HOUR;

pub const TABLES: &[&str] = &[
    // what KV was last told of an address
    "CREATE TABLE IF NOT EXISTS peer (
        address TEXT PRIMARY KEY, rev INTEGER NOT NULL, server TEXT NOT NULL, until INTEGER NOT NULL,
        reject INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS peer_until ON peer (until)",
];

#[derive(Deserialize)]
struct Known {
    rev: i64,
    server: String,
    until: Timestamp,
    reject: i64,
}

/// Publishes what the item's messages earned for the addresses that they came from.
pub fn tell(change: &Change<'_>, site: &Site<'_>, item: &Item) -> Result<(), SqlError> {
    for Told { peer, at, open_in, reject, text } in &item.told {
        // the earlier of the edge's clock and ours
        let at = (*at).min(site.now);
        let until = at.plus(open_in.map_or(REPEATED_SECONDS, |open_in| open_in.clamp(0, REPEATED_SECONDS)));
        let address = sender_network(*peer).to_string();
        let known: Option<Known> = change.row(
            "SELECT json_object('rev', rev, 'server', server, 'until', until, 'reject', reject) FROM peer
             WHERE address = ?1",
            values![address.as_str()],
        )?;
        let says_it = known.as_ref().is_some_and(|known| {
            let same = known.server == item.server.as_str() && known.reject == i64::from(*reject);
            same && until < known.until.plus(RENEWED_SECONDS) && (at < known.until || until <= known.until)
        });
        if says_it {
            continue;
        }
        // rises also where the row was forgotten meanwhile
        let rev = known.map_or(0, |known| known.rev).saturating_add(1).max(at.0);
        change.run("DELETE FROM peer WHERE until < ?1", values![site.now.plus(-KEPT_SECONDS).0])?;
        change.run(
            "INSERT INTO peer (address, rev, server, until, reject) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (address) DO UPDATE SET rev = excluded.rev, server = excluded.server,
                 until = excluded.until, reject = excluded.reject",
            values![address, rev, item.server.as_str(), until.0, i64::from(*reject)],
        )?;
        let record = PeerRecord {
            rev: u64::try_from(rev).unwrap_or(0),
            server: item.server.clone(),
            connector: item.connector,
            until,
            reject: *reject,
            text: text.clone(),
        };
        outbox::lay(change, &PeerKey(site.tenant, *peer), &record)?;
    }
    Ok(())
}
