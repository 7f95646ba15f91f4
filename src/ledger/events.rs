//! Event ids counted lately: what comes twice within 10 minutes counts once.
//!
//! They are kept in memory, and stored by the batch so that a restarted ledger knows them too: a row for each event
//! would cost more than everything else that is written down.

use std::collections::{HashSet, VecDeque};

use serde::Deserialize;
use tidegate_engine::{MINUTE, Timestamp};
use worker::SqlStorageValue;

use crate::durable::sql::{Change, Sql, SqlError, values};

const REPEAT_SECONDS: i64 = 10 * MINUTE;
/// Ids kept; beyond 400 messages a second the oldest leave before their 10 minutes.
const MAX_EVENTS: usize = 250_000;

#[derive(Debug, Default)]
pub struct RecentEvents {
    known: HashSet<u64>,
    order: VecDeque<(Timestamp, u64)>,
    loaded: bool,
}

impl RecentEvents {
    /// Reads what an earlier life of this ledger stored.
    pub fn load(&mut self, sql: &Sql, now: Timestamp) -> Result<(), SqlError> {
        #[derive(Deserialize)]
        struct Row {
            at: Timestamp,
            hashes: String,
        }
        if self.loaded {
            return Ok(());
        }
        let rows = "SELECT at, hex(hashes) AS hashes FROM event_batch WHERE at > ?1 ORDER BY number";
        for Row { at, hashes } in sql.records(rows, values![now.plus(-REPEAT_SECONDS).0])? {
            for hash in hashes.as_bytes().chunks(16) {
                let hash = std::str::from_utf8(hash).ok().and_then(|hash| u64::from_str_radix(hash, 16).ok());
                hash.map(|hash| self.insert(hash, at));
            }
        }
        self.loaded = true;
        Ok(())
    }

    /// Whether the event is counted for the first time.
    pub fn insert(&mut self, hash: u64, now: Timestamp) -> bool {
        let old = |(at, _): &(Timestamp, u64)| now.since(*at) > REPEAT_SECONDS;
        while self.order.front().is_some_and(|first| old(first) || self.order.len() >= MAX_EVENTS) {
            if let Some((_, gone)) = self.order.pop_front() {
                self.known.remove(&gone);
            }
        }
        let first = self.known.insert(hash);
        if first {
            self.order.push_back((now, hash));
        }
        first
    }

    /// Takes back what a change inserted last, because it failed.
    pub fn forget(&mut self, hashes: &[u64]) {
        for hash in hashes.iter().rev() {
            self.known.remove(hash);
            if self.order.back().is_some_and(|(_, last)| last == hash) {
                self.order.pop_back();
            }
        }
    }
}

/// Stores what one batch counted.
pub fn store(change: &Change<'_>, hashes: &[u64], now: Timestamp) -> Result<(), SqlError> {
    if hashes.is_empty() {
        return Ok(());
    }
    let old = now.plus(-REPEAT_SECONDS);
    change.run("DELETE FROM event_batch WHERE at < ?1", values![old.0])?;
    let hashes: Vec<u8> = hashes.iter().flat_map(|hash| hash.to_be_bytes()).collect();
    change.run("INSERT INTO event_batch (at, hashes) VALUES (?1, ?2)", values![now.0, SqlStorageValue::Blob(hashes)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_once_within_ten_minutes() {
        let mut recent = RecentEvents::default();
        assert!(recent.insert(7, Timestamp(0)));
        assert!(!recent.insert(7, Timestamp(600)));
        assert!(recent.insert(7, Timestamp(601)));
        recent.forget(&[7]);
        assert!(recent.insert(7, Timestamp(602)), "what was not stored was not counted");
        assert_eq!(recent.order.len(), recent.known.len());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut recent = RecentEvents::default();
        for hash in 0..300_000 {
            recent.insert(hash, Timestamp(0));
        }
        assert_eq!((recent.known.len(), recent.order.len()), (MAX_EVENTS, MAX_EVENTS));
    }
}
