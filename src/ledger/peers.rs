//! What peer addresses were told: published for gateways that show no header, and seldom written.

use tidegate_engine::{HOUR, MINUTE};

use super::protocol::Item;
use super::site::Site;
use crate::durable::outbox;
use crate::durable::sql::{Change, SqlError, to_text, values};
use crate::store::{PeerKey, PeerRecord};

/// A later end is written down only if it is so much later.
const RENEWED_SECONDS: i64 = 5 * MINUTE;
/// How long after its end a row is kept.
const KEPT_SECONDS: i64 = HOUR;

pub const TABLES: &[&str] = &[
    // the PeerRecord that KV was last told
    "CREATE TABLE IF NOT EXISTS peer (address TEXT PRIMARY KEY, until INTEGER NOT NULL, record TEXT NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS peer_until ON peer (until)",
];

/// Publishes what the item's messages earned for the addresses that they came from.
pub fn tell(change: &Change<'_>, site: &Site<'_>, item: &Item) -> Result<(), SqlError> {
    for told in &item.told {
        // the earlier of the edge's clock and ours
        let until = told.until.min(site.now.plus(PeerRecord::REPEATED_SECONDS));
        let key = PeerKey(site.tenant, told.peer);
        let address = key.address().to_string();
        let known: Option<PeerRecord> =
            change.row("SELECT record FROM peer WHERE address = ?1", values![address.as_str()])?;
        let says_it = known.as_ref().is_some_and(|known| {
            let same = known.server == told.server && known.reject == told.reject;
            same && (until <= known.until || site.now < known.until && until < known.until.plus(RENEWED_SECONDS))
        });
        if says_it {
            continue;
        }
        // rises also where the row was forgotten meanwhile
        let rev = known.map_or(0, |known| known.rev + 1).max(told.rev);
        let record = PeerRecord { rev, until, ..told.clone() };
        change.run("DELETE FROM peer WHERE until < ?1", values![site.now.plus(-KEPT_SECONDS).0])?;
        change.run(
            "INSERT INTO peer (address, until, record) VALUES (?1, ?2, ?3)
             ON CONFLICT (address) DO UPDATE SET until = excluded.until, record = excluded.record",
            values![address, until.0, to_text(&record)?],
        )?;
        outbox::lay(change, &key, &record)?;
    }
    Ok(())
}
