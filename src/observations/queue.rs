//! What one isolate holds for one tenant until the ledger has it: the batch that is open, and those that are sealed.
//!
//! Plain data alone: what is under way is a moment that expires, since the request that set it may be gone.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use tidegate_engine::{Build, Node, ServerId, TenantId};

use super::{MARK_MILLIS, Observation};
use crate::ledger::{Batch, Event, Item, SENT_AGAIN_SECONDS, Sent, ShownDocument, Sight, Stranger, Unbelieved};
use crate::metrics::{self, Counter};
use crate::platform::random_id;

/// Sealed batches kept for one tenant while its ledger fails.
const MAX_SEALED: usize = 8;
/// After that a sealed batch is not sent again: the ledger may have it, and have forgotten which it has of this isolate.
const SENT_AGAIN_MILLIS: u64 = SENT_AGAIN_SECONDS.unsigned_abs() * 1_000;
/// Octets of them all together, about.
const MAX_SEALED_BYTES: usize = 256 * 1024;
/// Items, events and octets at which a batch is sent off.
const MAX_ITEMS: usize = 40;
const MAX_EVENTS: usize = 1_500;
const MAX_BYTES: usize = 64 * 1024;
/// What an item takes beside its texts, and what an event takes, in JSON.
const ITEM_BYTES: usize = 400;
const EVENT_BYTES: usize = 48;
const STRANGER_BYTES: usize = 48;
/// Addresses of strangers in one batch.
const MAX_STRANGERS: usize = 1_000;
/// Tenants whose queues are kept though nothing is in them.
const MAX_IDLE_QUEUES: usize = 1_000;
/// Ways of one tenant's mail not to be believed in one batch.
const MAX_UNBELIEVED: usize = 16;
/// How far back a repeated event id is looked for before the ledger does.
const REPEATS_LOOKED_FOR: usize = 16;

thread_local! {
    static QUEUES: RefCell<BTreeMap<TenantId, Queue>> = const { RefCell::new(BTreeMap::new()) };
}

pub fn with_queue<T>(tenant: &TenantId, use_it: impl FnOnce(&mut Queue) -> T) -> T {
    QUEUES.with_borrow_mut(|queues| match queues.get_mut(tenant) {
        Some(queue) => use_it(queue),
        None => use_it(queues.entry(tenant.clone()).or_insert_with(|| Queue::new(random_id()))),
    })
}

/// Keeps an isolate that serves very many tenants from holding a queue for each forever.
pub fn forget_if_idle(tenant: &TenantId) {
    QUEUES.with_borrow_mut(|queues| {
        if queues.len() > MAX_IDLE_QUEUES && queues.get(tenant).is_some_and(Queue::is_idle) {
            queues.remove(tenant);
        }
    });
}

/// One tenant's.
pub struct Queue {
    isolate: String,
    sequence: u64,
    open: Collected,
    /// The open batch was to be sealed, and there was no room for it.
    is_overdue: bool,
    sealed: VecDeque<Sealed>,
    /// Decisions for which there was no room since a batch last told the ledger of such.
    lost: u32,
    /// When a flush was last promised, and when a batch was last sent off.
    promised_at: u64,
    sending_since: u64,
    /// When a batch last failed.
    failed_at: u64,
}

struct Sealed {
    batch: Batch,
    bytes: usize,
    /// When, in milliseconds of the real clock.
    at: u64,
}

/// What a request has to do for its observation to be sent.
pub struct Flush {
    /// A batch is full: send it.
    pub now: bool,
    /// Nobody has promised to close and send the open batch.
    pub soon: bool,
}

/// A batch on its way.
pub struct Sending {
    pub batch: Batch,
    /// Tells this attempt from a later one.
    since: u64,
}

impl Queue {
    fn new(isolate: String) -> Self {
        Self {
            isolate,
            sequence: 0,
            open: Collected::default(),
            is_overdue: false,
            sealed: VecDeque::new(),
            lost: 0,
            promised_at: 0,
            sending_since: 0,
            failed_at: 0,
        }
    }

    pub fn add(&mut self, observation: Observation<'_>, now: u64) -> Flush {
        let full = self.open.is_full(&observation.key());
        let soon = self.promise(now);
        if full && !self.seal(now) {
            self.lose(1);
            return Flush { now: true, soon };
        }
        self.open.add(observation);
        Flush { now: full, soon }
    }

    /// What finds no room is not told.
    pub fn note(&mut self, seen: Unbelieved, now: u64) -> Flush {
        self.open.note(seen);
        Flush { now: false, soon: self.promise(now) }
    }

    pub fn note_stranger(&mut self, stranger: Stranger, now: u64) -> Flush {
        self.open.note_stranger(stranger);
        Flush { now: false, soon: self.promise(now) }
    }

    /// Whether the caller has to see to it that the open batch is sent: nobody else has promised it.
    const fn promise(&mut self, now: u64) -> bool {
        let soon = now.saturating_sub(self.promised_at) >= MARK_MILLIS;
        if soon {
            self.promised_at = now;
        }
        soon
    }

    pub fn keep_promise(&mut self, now: u64) {
        self.promised_at = 0;
        self.is_overdue = !self.seal(now);
    }

    fn is_idle(&self) -> bool {
        self.open.is_empty() && self.sealed.is_empty() && self.lost == 0
    }

    /// Whether the ledger has all that was to be sent.
    pub fn is_sent(&self) -> bool {
        self.sealed.is_empty() && !self.is_overdue
    }

    /// Closes what was added up under the next number. Whether there is room for more.
    fn seal(&mut self, now: u64) -> bool {
        if self.open.is_empty() {
            return true;
        }
        let bytes = self.open.bytes;
        let kept: usize = self.sealed.iter().map(|sealed| sealed.bytes).sum();
        if self.sealed.len() >= MAX_SEALED || kept > 0 && kept + bytes > MAX_SEALED_BYTES {
            return false;
        }
        self.sequence += 1;
        let sent = Sent { isolate: self.isolate.clone(), sequence: self.sequence };
        let lost = std::mem::take(&mut self.lost);
        let batch = Batch { sent: Some(sent), lost, ..std::mem::take(&mut self.open).into_batch() };
        self.sealed.push_back(Sealed { batch, bytes, at: now });
        true
    }

    /// Gives up the batches that the ledger may have taken in so long ago that it would count them twice. The decisions
    /// in them.
    fn give_up(&mut self, now: u64) -> u32 {
        let mut decisions: u32 = 0;
        while let Some(old) = self.sealed.pop_front_if(|sealed| now.saturating_sub(sealed.at) >= SENT_AGAIN_MILLIS) {
            decisions = decisions.saturating_add(old.batch.messages()).saturating_add(old.batch.lost);
        }
        decisions
    }

    fn lose(&mut self, decisions: u32) {
        metrics::count_all(Counter::ObservationsDropped, decisions.into());
        if self.lost == 0 {
            worker::console_error!(
                "decisions are not written down: their ledger fails, for a day or with no more room"
            );
        }
        self.lost = self.lost.saturating_add(decisions);
    }

    /// The oldest sealed batch, unless one is on its way.
    pub fn next(&mut self, now: u64) -> Option<Sending> {
        if now.saturating_sub(self.sending_since) < MARK_MILLIS {
            return None;
        }
        match self.give_up(now) {
            0 => {}
            decisions => self.lose(decisions),
        }
        if self.is_overdue {
            self.is_overdue = !self.seal(now);
        }
        let batch = self.sealed.front()?.batch.clone();
        self.sending_since = now;
        Some(Sending { batch, since: now })
    }

    /// Whether a batch failed so lately that another try would be no other.
    pub fn failed_within(&self, millis: u64, now: u64) -> bool {
        now.saturating_sub(self.failed_at) < millis
    }

    /// Takes in what became of a batch with that number.
    pub fn sent(&mut self, sequence: Option<u64>, since: u64, done: bool, now: u64) {
        if self.sending_since == since {
            self.sending_since = 0;
        }
        if done {
            self.sealed.retain(|Sealed { batch, .. }| batch.sent.as_ref().map(|sent| sent.sequence) != sequence);
        } else {
            self.failed_at = now;
        }
    }
}

impl Sending {
    pub fn sequence(&self) -> Option<u64> {
        self.batch.sent.as_ref().map(|sent| sent.sequence)
    }

    pub const fn since(&self) -> u64 {
        self.since
    }
}

/// Messages that can be added up.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Key {
    pub server: ServerId,
    pub node: Node,
    pub shown: ShownDocument,
    pub other_component: Option<Build>,
    pub relayed: bool,
    pub peer: Option<IpAddr>,
    pub hour: i64,
}

/// Observations added up: the content of a batch.
#[derive(Default)]
pub struct Collected {
    items: BTreeMap<Key, Item>,
    unbelieved: Vec<Unbelieved>,
    strangers: Vec<Stranger>,
    refuses_at_rcpt: bool,
    events: usize,
    bytes: usize,
}

impl Collected {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.unbelieved.is_empty() && self.strangers.is_empty()
    }

    /// Whether a message with that key belongs into the next batch.
    fn is_full(&self, key: &Key) -> bool {
        let items = self.items.len() >= MAX_ITEMS && !self.items.contains_key(key);
        items || self.events >= MAX_EVENTS || self.bytes >= MAX_BYTES
    }

    pub fn add(&mut self, observation: Observation<'_>) {
        self.refuses_at_rcpt |= observation.refuses_at_rcpt;
        if observation.event.is_some() {
            self.events += 1;
            self.bytes += EVENT_BYTES;
        }
        let key = observation.key();
        if let Some(known) = self.items.get_mut(&key) {
            merge(observation, known);
            return;
        }
        let item = observation.into_item();
        let texts = [item.server.as_str(), &item.name, &item.evidence.telling, &item.evidence.received];
        self.bytes += ITEM_BYTES + texts.iter().map(|text| text.len()).sum::<usize>();
        self.items.insert(key, item);
    }

    fn note(&mut self, seen: Unbelieved) {
        if let Some(known) = self.unbelieved.iter_mut().find(|known| known.what == seen.what) {
            known.messages = known.messages.saturating_add(seen.messages);
            known.disbelieved = known.disbelieved.saturating_add(seen.disbelieved);
            known.last_at = known.last_at.max(seen.last_at);
        } else if self.unbelieved.len() < MAX_UNBELIEVED {
            self.bytes += ITEM_BYTES + seen.evidence.as_ref().map_or(0, String::len);
            self.unbelieved.push(seen);
        }
    }

    /// What finds no room is not told: the isolate says it again within an hour.
    fn note_stranger(&mut self, stranger: Stranger) {
        self.refuses_at_rcpt = true;
        if self.strangers.len() < MAX_STRANGERS {
            self.bytes += STRANGER_BYTES;
            self.strangers.push(stranger);
        }
    }

    /// A batch without a number.
    pub fn into_batch(self) -> Batch {
        let Self { items, unbelieved, strangers, refuses_at_rcpt, .. } = self;
        let items = items.into_values().collect();
        Batch { sent: None, not_after: None, items, unbelieved, lost: 0, refuses_at_rcpt, strangers }
    }
}

fn merge(observation: Observation<'_>, known: &mut Item) {
    see(&mut known.sights, observation.sight);
    match observation.event {
        Some(hash) => {
            if !known.events.iter().rev().take(REPEATS_LOOKED_FOR).any(|seen| seen.hash == hash) {
                known.events.push(Event { hash, counts: observation.counts });
            }
        }
        None => known.counts.add(observation.counts),
    }
}

/// Keeps the first sight, the newest that differs from it, and the last.
fn see(sights: &mut Vec<Sight>, sight: Sight) {
    let Some(first) = sights.first().copied() else {
        return sights.push(sight);
    };
    if sight.fingerprint == first.fingerprint {
        let other = sights.get(1).copied().filter(|other| other.fingerprint != first.fingerprint);
        *sights = [Some(first), other, Some(sight)].into_iter().flatten().collect();
    } else {
        *sights = vec![first, sight];
    }
}

#[cfg(test)]
mod tests {
    use tidegate_engine::Timestamp;

    use super::*;

    fn sight(at: i64, fingerprint: u64) -> Sight {
        Sight { at: Timestamp(at), fingerprint }
    }

    fn batch(number: u64) -> Sealed {
        let sent = Some(Sent { isolate: "a".to_owned(), sequence: number });
        Sealed { batch: Batch { sent, ..Collected::default().into_batch() }, bytes: 1, at: 10_000 }
    }

    #[test]
    fn two_different_messages_survive_being_added_up() {
        let mut sights = vec![sight(1, 7)];
        for (at, fingerprint) in [(2, 7), (3, 8), (4, 7), (5, 7)] {
            see(&mut sights, sight(at, fingerprint));
        }
        assert_eq!(sights, [sight(1, 7), sight(3, 8), sight(5, 7)]);
    }

    #[test]
    fn an_attempt_that_was_given_up_does_not_end_the_one_after_it() {
        let sealed = VecDeque::from([batch(1), batch(2)]);
        let mut queue = Queue { sealed, ..Queue::new("a".to_owned()) };
        let first = queue.next(10_000).unwrap();
        assert!(queue.next(10_000 + MARK_MILLIS - 1).is_none(), "one at a time");
        let second = queue.next(10_000 + MARK_MILLIS).unwrap();
        assert_eq!((first.sequence(), second.sequence()), (Some(1), Some(1)));
        queue.sent(first.sequence(), first.since(), false, 12_001);
        assert!(queue.next(12_002).is_none(), "the second is still on its way");
        assert!(queue.failed_within(400, 12_400) && !queue.failed_within(400, 12_401));
        queue.sent(second.sequence(), second.since(), true, 12_500);
        assert_eq!(queue.next(12_501).and_then(|next| next.sequence()), Some(2));
    }
    #[test]
    fn a_batch_whose_answer_was_lost_a_day_ago_is_not_counted_twice() {
        let mut old = batch(1);
        old.batch.lost = 3;
        let sealed = VecDeque::from([old, Sealed { at: 10_001, ..batch(2) }]);
        let mut queue = Queue { sealed, ..Queue::new("a".to_owned()) };
        assert_eq!(queue.give_up(9_999 + SENT_AGAIN_MILLIS), 0);
        assert_eq!(queue.give_up(10_000 + SENT_AGAIN_MILLIS), 3);
        assert_eq!(queue.next(10_000 + SENT_AGAIN_MILLIS).and_then(|next| next.sequence()), Some(2));
    }
}
