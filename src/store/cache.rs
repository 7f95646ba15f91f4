//! The isolate's cache: plain data, least recently used out first, bounded by size.

use std::any::Any;
use std::cell::RefCell;
use std::rc::Rc;

use lru::LruCache;

use super::{Family, Found, Kept, Record};

/// Octets that the cache holds, by the size of the records as JSON and their keys.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// The same for what KV was found not to have: whoever asks for what is not there, be it with wrong keys by the
/// thousand, does not wash out what decisions rest on.
const MAX_ABSENT_BYTES: usize = 1024 * 1024;
/// How long a newer record is kept though KV answers with an older one, or one that was told though KV has none: KV's
/// own delay.
pub(super) const SETTLING_MILLIS: u64 = 90_000;
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
    known: Pool,
    absent: Pool,
}

struct Pool {
    entries: LruCache<String, Entry>,
    bytes: usize,
    max_bytes: usize,
}

struct Entry {
    /// A record of the key's family; `None`: KV has none.
    record: Option<Rc<dyn Any>>,
    rev: u64,
    read_at: u64,
    /// When its Durable Object or KV last had this very record.
    confirmed_at: u64,
    /// Where KV has none any more: when it last had one. 0: it never had, or its Durable Object told that it is gone.
    had_until: u64,
    /// Its Durable Object told of it, and KV has not yet. What KV had and has no more is gone: nothing is put together
    /// with what it replaces.
    told: bool,
    refreshing_since: u64,
    bytes: usize,
}

impl Entry {
    const fn new(record: Option<Rc<dyn Any>>, (rev, told): (u64, bool), bytes: usize, now: u64) -> Self {
        Self { record, rev, read_at: now, confirmed_at: now, had_until: 0, told, refreshing_since: 0, bytes }
    }

    const fn deleted(bytes: usize, now: u64) -> Self {
        Self::new(None, (0, true), bytes, now)
    }
}

impl Cache {
    pub(super) fn with<T>(use_it: impl FnOnce(&mut Self) -> T) -> T {
        thread_local! {
            static CACHE: RefCell<Cache> = RefCell::new(Cache::new());
        }
        CACHE.with_borrow_mut(use_it)
    }

    fn new() -> Self {
        Self { known: Pool::new(MAX_BYTES), absent: Pool::new(MAX_ABSENT_BYTES) }
    }

    pub(super) fn get<F: Family>(&mut self, family: &F, now: u64) -> Option<(Found<F::Record>, Age)> {
        let key = family.key();
        let entry = match self.known.entries.get_mut(key.as_str()) {
            Some(entry) => entry,
            None => self.absent.entries.get_mut(key.as_str())?,
        };
        let Kept { fresh, stale } = F::KEPT;
        let age = match now.saturating_sub(entry.read_at) {
            age if age < fresh => Age::Fresh,
            age if age < stale => {
                let refresh = now.saturating_sub(entry.refreshing_since) >= REFRESH_MILLIS;
                if refresh {
                    entry.refreshing_since = now;
                }
                Age::Stale { refresh }
            }
            _ => Age::Old,
        };
        // a key names its family: there is no record of another type under it
        let record = entry.record.clone().map(Rc::downcast).transpose().ok()?;
        Some((record, age))
    }

    /// Keeps the newer of what is known and what was read from KV, and returns it: KV may answer with the past for a
    /// while. `bytes`: of the record as JSON.
    pub(super) fn put<F: Family>(
        &mut self,
        family: &F,
        read: Option<F::Record>,
        bytes: usize,
        now: u64,
    ) -> Found<F::Record> {
        let rev = read.as_ref().map_or(0, Record::rev);
        self.keep(family, (read, rev, false), bytes, now)
    }

    /// Keeps what stands in for a record that was read from KV, even where a later one is known, and until any other is
    /// read.
    pub(super) fn put_anyway<F: Family>(
        &mut self,
        family: &F,
        record: F::Record,
        bytes: usize,
        now: u64,
    ) -> Rc<F::Record> {
        let (key, record) = (family.key(), Rc::new(record));
        let bytes = bytes + key.len() + size_of::<Entry>();
        let any = Some(Rc::clone(&record) as Rc<dyn Any>);
        self.insert(key, Entry::new(any, (0, false), bytes, now));
        record
    }

    /// Knows a record from its Durable Object, before KV has it.
    pub(super) fn tell<F: Family>(&mut self, family: &F, record: F::Record, bytes: usize, now: u64) {
        let rev = record.rev();
        self.keep(family, (Some(record), rev, true), bytes, now);
    }

    /// Knows that a record is gone, whatever KV says of those below `rev` for a while.
    pub(super) fn remove<F: Family>(&mut self, family: &F, rev: u64, now: u64) {
        self.keep(family, (None, rev, true), 0, now);
    }

    fn keep<F: Family>(
        &mut self,
        family: &F,
        (read, rev, told): (Option<F::Record>, u64, bool),
        bytes: usize,
        now: u64,
    ) -> Found<F::Record> {
        let key = family.key();
        if let Some(known) = self.known.entries.peek_mut(key.as_str())
            && known.rev > rev
            && (read.is_some() || told || known.told)
            && now.saturating_sub(known.confirmed_at) < SETTLING_MILLIS
        {
            known.read_at = now;
            known.refreshing_since = 0;
            return known.record.clone().map(Rc::downcast).transpose().ok().flatten();
        }
        let record = read.map(Rc::new);
        let bytes = bytes + key.len() + size_of::<Entry>();
        let any = record.clone().map(|record| record as Rc<dyn Any>);
        let had_until = if record.is_none() && !told { self.had_until(&key, now) } else { 0 };
        self.insert(key, Entry { had_until, ..Entry::new(any, (rev, told), bytes, now) });
        record
    }

    /// When KV last had a record that it has no more, as far as that was noticed.
    pub(super) fn vanished_at<F: Family>(&self, family: &F) -> Option<u64> {
        let entry = self.known.entries.peek(family.key().as_str())?;
        Some(entry.had_until).filter(|at| *at > 0)
    }

    /// When KV last had what it is found not to have now; 0: not in a while.
    fn had_until(&self, key: &str, now: u64) -> u64 {
        let known = self.known.entries.peek(key);
        let had_until =
            known.map_or(0, |known| if known.record.is_some() { known.confirmed_at } else { known.had_until });
        if now.saturating_sub(had_until) < SETTLING_MILLIS { had_until } else { 0 }
    }

    /// Knows from now on that there is none, whatever revision it knew.
    pub(super) fn forget<F: Family>(&mut self, family: &F, now: u64) {
        let key = family.key();
        let bytes = key.len() + size_of::<Entry>();
        self.insert(key, Entry::deleted(bytes, now));
    }

    /// As [`Self::forget`], for what it knows under keys that begin so.
    pub(super) fn forget_all(&mut self, prefix: &str, now: u64) {
        for (_, entry) in self.known.entries.iter_mut().filter(|(key, _)| key.starts_with(prefix)) {
            *entry = Entry::deleted(entry.bytes, now);
        }
    }

    /// What its Durable Object told to be gone is known, as a record is; so is what KV had a moment ago.
    fn insert(&mut self, key: String, entry: Entry) {
        if entry.record.is_some() || entry.told || entry.had_until > 0 {
            self.absent.remove(&key);
            self.known.insert(key, entry);
        } else {
            self.known.remove(&key);
            self.absent.insert(key, entry);
        }
    }
}

impl Pool {
    fn new(max_bytes: usize) -> Self {
        Self { entries: LruCache::unbounded(), bytes: 0, max_bytes }
    }

    fn remove(&mut self, key: &str) {
        if let Some(removed) = self.entries.pop(key) {
            self.bytes = self.bytes.saturating_sub(removed.bytes);
        }
    }

    fn insert(&mut self, key: String, entry: Entry) {
        self.bytes += entry.bytes;
        if let Some(replaced) = self.entries.put(key, entry) {
            self.bytes = self.bytes.saturating_sub(replaced.bytes);
        }
        while self.bytes > self.max_bytes {
            let Some((_, oldest)) = self.entries.pop_lru() else {
                break;
            };
            self.bytes = self.bytes.saturating_sub(oldest.bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{KeyKey, KeyRecord, PolicyKey, PolicyRecord};
    use tidegate_engine::TenantId;

    fn policy(rev: u64) -> PolicyRecord {
        PolicyRecord { rev, ..PolicyRecord::default() }
    }

    fn key() -> KeyRecord {
        serde_json::from_str(r#"{"id":"a","role":"gateway","tenant":null}"#).unwrap()
    }

    fn tenant(number: usize) -> TenantId {
        number.to_string().parse().unwrap()
    }

    #[test]
    fn an_entry_is_served_fresh_then_refreshed_once_then_read_anew() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.put(&PolicyKey(&tenant), Some(policy(1)), 0, 100_000);
        let mut age = |now| cache.get(&PolicyKey(&tenant), now).unwrap().1;
        assert_eq!(age(129_999), Age::Fresh);
        assert_eq!(age(130_000), Age::Stale { refresh: true });
        assert_eq!(age(130_001), Age::Stale { refresh: false });
        assert_eq!(age(132_001), Age::Stale { refresh: true }, "a refresh that died does not keep others from theirs");
        assert_eq!(age(160_000), Age::Old);
    }

    #[test]
    fn kv_answering_with_the_past_does_not_undo_a_change() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.tell(&PolicyKey(&tenant), policy(2), 0, 0);
        let mut put = |read, now| cache.put(&PolicyKey(&tenant), read, 0, now).map(|record| record.rev);
        assert_eq!(put(Some(policy(1)), 1), Some(2));
        assert_eq!(put(None, 2), Some(2));
        assert_eq!(put(Some(policy(3)), 3), Some(3));
        assert_eq!(put(Some(policy(2)), 4), Some(3), "one place where KV answers is behind another");
        cache.tell(&PolicyKey(&tenant), policy(4), 0, 5);
        let mut put = |read, now| cache.put(&PolicyKey(&tenant), read, 0, now).map(|record| record.rev);
        assert_eq!(put(None, 90_004), Some(4));
        assert_eq!(put(None, 90_005), None, "what KV never gets is forgotten");
    }

    #[test]
    fn what_stands_in_for_a_record_counts_at_once_and_until_another_is_read() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.tell(&PolicyKey(&tenant), policy(2), 0, 0);
        cache.put_anyway(&PolicyKey(&tenant), policy(9), 0, 1);
        assert_eq!(cache.get(&PolicyKey(&tenant), 2).unwrap().0.unwrap().rev, 9);
        assert_eq!(cache.put(&PolicyKey(&tenant), Some(policy(2)), 0, 3).map(|record| record.rev), Some(2));
    }

    #[test]
    fn what_is_deleted_elsewhere_is_gone_as_soon_as_kv_has_it_no_more() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.tell(&PolicyKey(&tenant), policy(1), 0, 0);
        let mut put = |read, now| cache.put(&PolicyKey(&tenant), read, 0, now).map(|record| record.rev);
        assert_eq!(put(Some(policy(1)), 1), Some(1));
        assert_eq!(put(None, 2), None, "such as a revoked key");
    }

    #[test]
    fn what_kv_had_a_moment_ago_is_told_from_what_it_never_had_and_from_what_was_deleted() {
        let mut cache = Cache::new();
        let key_of = |digit: &str| KeyKey(digit.repeat(64));
        let [lost, deleted, never] = ["1", "2", "3"].map(key_of);
        cache.put(&lost, Some(key()), 10, 1_000);
        cache.put(&deleted, Some(key()), 10, 1_000);
        cache.remove(&deleted, KeyRecord::REVOKED, 2_000);
        for now in [21_000, 51_000, 81_000] {
            for missing in [&lost, &deleted, &never] {
                assert!(cache.put(missing, None, 0, now).is_none());
            }
            assert_eq!([&lost, &deleted, &never].map(|it| cache.vanished_at(it)), [Some(1_000), None, None], "{now}");
        }
        for number in 0..50_000 {
            cache.put(&KeyKey(format!("{number:064x}")), None, 0, 82_000);
        }
        assert_eq!(cache.vanished_at(&lost), Some(1_000), "wrong keys do not wash it out");
        cache.put(&lost, None, 0, 91_000);
        assert_eq!(cache.vanished_at(&lost), None, "KV has shown its end by now");
    }

    #[test]
    fn kv_answering_with_the_past_does_not_revive_what_was_removed() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.remove(&PolicyKey(&tenant), 2, 0);
        let mut put = |read, now| cache.put(&PolicyKey(&tenant), read, 0, now).map(|record| record.rev);
        assert_eq!(put(Some(policy(1)), 1), None);
        assert_eq!(put(Some(policy(1)), 90_000), Some(1), "what KV says for long is so");
        cache.remove(&PolicyKey(&tenant), 2, 100_000);
        assert!(cache.put(&PolicyKey(&tenant), Some(policy(2)), 0, 100_001).is_some());
    }

    #[test]
    fn what_was_deleted_is_gone_at_once_and_may_begin_anew() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.put(&PolicyKey(&tenant), Some(policy(7)), 0, 0);
        cache.forget(&PolicyKey(&tenant), 1);
        assert!(cache.get(&PolicyKey(&tenant), 1).unwrap().0.is_none());
        assert_eq!(cache.put(&PolicyKey(&tenant), Some(policy(1)), 0, 2).map(|record| record.rev), Some(1));
        cache.forget_all("policy/", 3);
        assert!(cache.get(&PolicyKey(&tenant), 3).unwrap().0.is_none());
        assert_eq!(cache.known.entries.iter().map(|(_, entry)| entry.bytes).sum::<usize>(), cache.known.bytes);
    }

    #[test]
    fn the_cache_stays_within_its_size() {
        let mut cache = Cache::new();
        for number in 0..20_000 {
            cache.put(&PolicyKey(&tenant(number)), Some(policy(1)), 1_000, 0);
        }
        let known = &cache.known;
        assert!(known.bytes <= MAX_BYTES && known.entries.len() < 20_000);
        assert_eq!(known.entries.iter().map(|(_, entry)| entry.bytes).sum::<usize>(), known.bytes);
    }

    #[test]
    fn wrong_keys_by_the_thousand_do_not_wash_out_policies_and_phases() {
        let (mut cache, tenant) = (Cache::new(), tenant(0));
        cache.put(&PolicyKey(&tenant), Some(policy(1)), 100, 0);
        for number in 0..150_000 {
            cache.put(&KeyKey(format!("{number:064x}")), None, 0, 1);
        }
        assert!(cache.get(&PolicyKey(&tenant), 2).is_some());
        assert!(cache.absent.bytes <= MAX_ABSENT_BYTES);
        assert!(cache.get(&KeyKey(format!("{:064x}", 149_999)), 2).is_some(), "the last ones are not asked for again");
        cache.tell(&KeyKey(format!("{:064x}", 149_999)), key(), 10, 3);
        assert!(cache.get(&KeyKey(format!("{:064x}", 149_999)), 4).unwrap().0.is_some());
    }
}
