//! The isolate's cache: plain data, least recently used out first, bounded by size.

use std::cell::RefCell;
use std::rc::Rc;

use lru::LruCache;
use serde::Serialize;

use super::{Found, PhaseRecord, PolicyRecord};

/// Octets that the cache holds, by the size of the records as JSON and their keys.
const MAX_BYTES: usize = 16 * 1024 * 1024;
const FRESH_MILLIS: u64 = 30_000;
const STALE_MILLIS: u64 = 60_000;
/// How long a newer record is kept though KV answers with an older one or none: KV's own delay.
const SETTLING_MILLIS: u64 = 90_000;
/// How long one request's refresh keeps others from beginning their own: a mark that expires by itself.
const REFRESH_MILLIS: u64 = 2_000;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Age {
    Fresh,
    /// May be served once more; whether this request should refresh it.
    Stale {
        refresh: bool,
    },
    Old,
}

pub(super) struct Cache {
    entries: LruCache<String, Entry>,
    bytes: usize,
}

struct Entry {
    record: Record,
    read_at: u64,
    /// When the ledger or KV last had this very record.
    confirmed_at: u64,
    refreshing_since: u64,
    bytes: usize,
}

#[derive(Clone)]
enum Record {
    Policy(Found<PolicyRecord>),
    Phase(Found<PhaseRecord>),
}

impl Cache {
    pub(super) fn with<T>(use_it: impl FnOnce(&mut Self) -> T) -> T {
        thread_local! {
            static CACHE: RefCell<Cache> = RefCell::new(Cache::new());
        }
        CACHE.with_borrow_mut(use_it)
    }

    fn new() -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0 }
    }

    pub(super) fn policy(&mut self, key: &str, now: u64) -> Option<(Found<PolicyRecord>, Age)> {
        match self.get(key, now)? {
            (Record::Policy(record), age) => Some((record, age)),
            (Record::Phase(_), _) => None,
        }
    }

    pub(super) fn phase(&mut self, key: &str, now: u64) -> Option<(Found<PhaseRecord>, Age)> {
        match self.get(key, now)? {
            (Record::Phase(record), age) => Some((record, age)),
            (Record::Policy(_), _) => None,
        }
    }

    /// Keeps the newer of what is known and what was read, and returns it: KV may answer with the past for a while.
    pub(super) fn put_policy(&mut self, key: String, read: Option<PolicyRecord>, now: u64) -> Found<PolicyRecord> {
        let known = match self.entries.peek(&key) {
            Some(Entry { record: Record::Policy(Some(known)), confirmed_at, .. }) => Some((known, *confirmed_at)),
            _ => None,
        };
        let (record, confirmed_at) = newer(known, read, |record| record.rev, now);
        self.put(key, Record::Policy(record.clone()), size(record.as_deref()), now, confirmed_at);
        record
    }

    /// As [`Self::put_policy`].
    pub(super) fn put_phase(&mut self, key: String, read: Option<PhaseRecord>, now: u64) -> Found<PhaseRecord> {
        let known = match self.entries.peek(&key) {
            Some(Entry { record: Record::Phase(Some(known)), confirmed_at, .. }) => Some((known, *confirmed_at)),
            _ => None,
        };
        let (record, confirmed_at) = newer(known, read, |record| record.rev, now);
        self.put(key, Record::Phase(record.clone()), size(record.as_deref()), now, confirmed_at);
        record
    }

    fn get(&mut self, key: &str, now: u64) -> Option<(Record, Age)> {
        let entry = self.entries.get_mut(key)?;
        let age = match now.saturating_sub(entry.read_at) {
            ..FRESH_MILLIS => Age::Fresh,
            FRESH_MILLIS..STALE_MILLIS => {
                let refresh = now.saturating_sub(entry.refreshing_since) >= REFRESH_MILLIS;
                if refresh {
                    entry.refreshing_since = now;
                }
                Age::Stale { refresh }
            }
            _ => Age::Old,
        };
        Some((entry.record.clone(), age))
    }

    fn put(&mut self, key: String, record: Record, bytes: usize, now: u64, confirmed_at: u64) {
        let bytes = bytes + key.len() + size_of::<Entry>();
        self.bytes += bytes;
        if let Some(replaced) =
            self.entries.put(key, Entry { record, read_at: now, confirmed_at, refreshing_since: 0, bytes })
        {
            self.bytes = self.bytes.saturating_sub(replaced.bytes);
        }
        while self.bytes > MAX_BYTES {
            let Some((_, oldest)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }
}

fn newer<R>(known: Option<(&Rc<R>, u64)>, read: Option<R>, rev: impl Fn(&R) -> u64, now: u64) -> (Found<R>, u64) {
    match known {
        Some((known, confirmed_at))
            if rev(known) > read.as_ref().map_or(0, &rev) && now.saturating_sub(confirmed_at) < SETTLING_MILLIS =>
        {
            (Some(known.clone()), confirmed_at)
        }
        _ => (read.map(Rc::new), now),
    }
}

fn size(record: Option<&impl Serialize>) -> usize {
    record.and_then(|record| serde_json::to_vec(record).ok()).map_or(0, |json| json.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(rev: u64) -> PolicyRecord {
        PolicyRecord { rev, ..PolicyRecord::default() }
    }

    #[test]
    fn an_entry_is_served_fresh_then_refreshed_once_then_read_anew() {
        let mut cache = Cache::new();
        cache.put_policy("policy/a".into(), Some(policy(1)), 100_000);
        let mut age = |now| cache.policy("policy/a", now).unwrap().1;
        assert_eq!(age(129_999), Age::Fresh);
        assert_eq!(age(130_000), Age::Stale { refresh: true });
        assert_eq!(age(130_001), Age::Stale { refresh: false });
        assert_eq!(age(132_001), Age::Stale { refresh: true }, "a refresh that died does not keep others from theirs");
        assert_eq!(age(160_000), Age::Old);
    }

    #[test]
    fn kv_answering_with_the_past_does_not_undo_a_change() {
        let mut cache = Cache::new();
        cache.put_policy("policy/a".into(), Some(policy(2)), 0);
        assert_eq!(cache.put_policy("policy/a".into(), Some(policy(1)), 1).unwrap().rev, 2);
        assert_eq!(cache.put_policy("policy/a".into(), Some(policy(3)), 2).unwrap().rev, 3);
        assert_eq!(cache.put_policy("policy/a".into(), None, 3).unwrap().rev, 3);
        assert_eq!(cache.put_policy("policy/a".into(), None, 90_002), None, "what stays deleted is forgotten");
    }

    #[test]
    fn the_cache_stays_within_its_size() {
        let mut cache = Cache::new();
        for number in 0..20_000 {
            cache.put_policy(format!("policy/{number}"), Some(policy(1)), 0);
        }
        assert!(cache.bytes <= MAX_BYTES && cache.entries.len() < 20_000);
        assert_eq!(cache.entries.iter().map(|(_, entry)| entry.bytes).sum::<usize>(), cache.bytes);
    }
}
