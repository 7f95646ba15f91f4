//! What was answered, added up in the isolate and sent to the ledger after the answer.
//!
//! Decisions of one second go as one batch, sealed once under a number and sent one at a time for each tenant. A batch
//! that fails is kept with its number and sent again by a later request; the ledger takes each number once. What a
//! dying isolate holds is lost: asynchronous observations are at most once.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tidegate_engine::Action;
use tidegate_engine::Build;
use tidegate_engine::ConnectingServer;
use tidegate_engine::Decision;
use tidegate_engine::canonical_address;
use tidegate_engine::fnv1a;
use tidegate_engine::{Connector, MailEvent, MailRoute, TenantId};
use tidegate_engine::{HOUR, Timestamp};
use tidegate_engine::{Node, ServerId};
use worker::{Context, Delay};

use crate::durable::client::{CallError, Client};
use crate::ledger::{
    Batch, Call, Counts, Dropped, Event, Evidence, Item, Recorded, Sent, ShownDocument, Sight, Unbelieved,
};
use crate::metrics::{self, Counter};
use crate::platform::{random_id, real_millis};
use crate::store::{self, PeerRecord, PhaseKey, PhaseRecord};

/// How long decisions are added up.
const COLLECT: Duration = Duration::from_millis(800);
/// A mark that something is under way expires after this.
const MARK_MILLIS: u64 = 2_000;
const SEND_DEADLINE: Duration = Duration::from_millis(MARK_MILLIS);
/// Batches kept for one tenant while the ledger fails.
const MAX_SEALED: usize = 8;
/// Items and events in one batch: less than 256 KiB.
const MAX_ITEMS: usize = 40;
/// Tenants whose queues are kept though nothing is in them.
const MAX_IDLE_QUEUES: usize = 1_000;
const MAX_EVENTS: usize = 1_500;
/// Ways of one tenant's mail not to be believed in one batch.
const MAX_UNBELIEVED: usize = 16;
/// Addresses of one item to which something was told.
const MAX_TOLD: usize = 2;
/// How far back a repeated event id is looked for before the ledger does.
const REPEATS_LOOKED_FOR: usize = 16;

/// One answered message.
pub struct Observation<'a> {
    server: &'a ConnectingServer<'a>,
    connector: Connector,
    relayed: bool,
    counts: Counts,
    event: Option<u64>,
    sight: Sight,
    told: Option<PeerRecord>,
}

impl<'a> Observation<'a> {
    pub fn new(
        server: &'a ConnectingServer<'a>,
        route: MailRoute,
        decision: &Decision<'_>,
        event_id: Option<&str>,
        now: Timestamp,
    ) -> Self {
        Self {
            server,
            connector: route.connector,
            relayed: route.relayed,
            counts: counts(decision.action, decision.would),
            event: event_id.map(|id| event_hash(id, server)),
            sight: Sight { at: now, fingerprint: server.evidence.fingerprint() },
            told: None,
        }
    }

    /// Notes to which address a defer or reject was told, and how long it holds: until the clock or the next stage says
    /// something else. Behind a relay that address is not the server's.
    #[must_use]
    pub fn told_to(self, event: &MailEvent<'_>, decision: &Decision<'_>) -> Self {
        let told = event.client_ip.zip(decision.reply.as_ref()).filter(|_| !self.relayed).map(|(peer, reply)| {
            let at = self.sight.at;
            let offset = tidegate_engine::window_offset(&event.tenant, &self.server.id);
            let lasts =
                decision.stage.and_then(|stage| tidegate_engine::window_action_lasts(stage.minutes, offset, at));
            let until = at.plus(lasts.unwrap_or(i64::MAX).min(PeerRecord::REPEATED_SECONDS));
            let next_stage = decision.stage.and_then(|stage| stage.next?.at);
            PeerRecord {
                rev: u64::try_from(at.0).unwrap_or(0),
                peer: canonical_address(peer),
                server: self.server.id.clone(),
                connector: self.connector,
                until: next_stage.map_or(until, |next| until.min(next)),
                reject: decision.action == Action::Reject,
                text: reply.text.clone(),
            }
        });
        Self { told, ..self }
    }

    fn key(&self) -> Key {
        Key {
            server: self.server.id.clone(),
            node: self.server.node,
            shown: self.server.shown.into(),
            mapi: self.server.mapi,
            relayed: self.relayed,
            hour: self.sight.at.0.div_euclid(HOUR),
        }
    }

    fn into_item(self) -> Item {
        let event = self.event.map(|hash| Event { hash, counts: self.counts });
        Item {
            server: self.server.id.clone(),
            name: self.server.name.to_owned(),
            connector: self.connector,
            node: self.server.node,
            shown: self.server.shown.into(),
            mapi: self.server.mapi,
            relayed: self.relayed,
            sights: vec![self.sight],
            counts: if event.is_some() { Counts::default() } else { self.counts },
            events: event.into_iter().collect(),
            evidence: Evidence {
                field: self.server.evidence.field,
                component: self.server.evidence.component,
                telling: self.server.evidence.text(),
                received: self.server.evidence.field_text(),
            },
            told: self.told.into_iter().collect(),
        }
    }

    fn merge_into(self, known: &mut Item) {
        see(&mut known.sights, self.sight);
        if let Some(told) = self.told {
            known.told.retain(|earlier| earlier.peer != told.peer);
            if known.told.len() >= MAX_TOLD {
                known.told.remove(0);
            }
            known.told.push(told);
        }
        match self.event {
            Some(hash) => {
                if !known.events.iter().rev().take(REPEATS_LOOKED_FOR).any(|seen| seen.hash == hash) {
                    known.events.push(Event { hash, counts: self.counts });
                }
            }
            None => known.counts.add(self.counts),
        }
    }
}

/// The ledger's answer to one observation.
pub struct Receipt {
    /// It was written down.
    pub taken: bool,
    /// The server's phase, if it changed by that.
    pub phase: Option<PhaseRecord>,
}

/// Writes one observation down before the answer. What reaches the ledger after `deadline` is not written down: it was
/// answered without.
pub async fn record_now(
    ledger: &Client,
    tenant: &TenantId,
    observation: Observation<'_>,
    deadline: Duration,
) -> Result<Receipt, CallError> {
    let server = &observation.server.id.clone();
    let milliseconds = u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX);
    let not_after = Some(real_millis().saturating_add(milliseconds));
    let batch = Batch { sent: None, not_after, items: vec![observation.into_item()], unbelieved: Vec::new() };
    let recorded: Recorded = ledger.call(&Call::Record(batch), deadline).await?;
    if recorded.dropped == Some(Dropped::Late) {
        return Err(CallError::Late);
    }
    let taken = recorded.dropped.is_none();
    let phase = recorded.phases.iter().find(|(changed, _)| changed == server).map(|(_, phase)| phase.clone());
    remember(tenant, recorded);
    Ok(Receipt { taken, phase })
}

/// Adds one observation up, and sees to it that it is sent within a second.
pub fn record_later(
    context: &Context,
    tenant: &TenantId,
    observation: Observation<'_>,
    ledger: impl FnOnce() -> Client,
) {
    let flush = with_queue(tenant, |queue| queue.add(observation, real_millis()));
    flush_later(context, tenant, flush, ledger);
}

/// Adds up what could not be believed of a message, and sees to it that it is sent within a second.
pub fn note_later(context: &Context, tenant: &TenantId, seen: Unbelieved, ledger: impl FnOnce() -> Client) {
    let flush = with_queue(tenant, |queue| queue.note(seen, real_millis()));
    flush_later(context, tenant, flush, ledger);
}

fn flush_later(context: &Context, tenant: &TenantId, flush: Flush, ledger: impl FnOnce() -> Client) {
    if !flush.now && !flush.soon {
        return;
    }
    let (ledger, tenant) = (ledger(), tenant.clone());
    context.wait_until(async move {
        if flush.now {
            send(&ledger, &tenant).await;
        }
        if flush.soon {
            Delay::from(COLLECT).await;
            with_queue(&tenant, Queue::keep_promise);
            send(&ledger, &tenant).await;
        }
    });
}

/// Sends what is sealed, oldest first, unless another request is at it.
async fn send(ledger: &Client, tenant: &TenantId) {
    while let Some(batch) = with_queue(tenant, |queue| queue.next(real_millis())) {
        let sequence = batch.sent.as_ref().map(|sent| sent.sequence);
        let answer = ledger.call::<Recorded>(&Call::Record(batch), SEND_DEADLINE).await;
        with_queue(tenant, |queue| queue.sent(sequence, answer.is_ok()));
        match answer {
            Ok(recorded) => remember(tenant, recorded),
            Err(_) => {
                metrics::count(Counter::BatchesFailed);
                return;
            }
        }
    }
    forget_if_idle(tenant);
}

fn remember(tenant: &TenantId, recorded: Recorded) {
    for (server, record) in recorded.phases {
        store::remember(&PhaseKey(tenant, &server), record);
    }
}

/// Tells one message from another that a gateway calls by the same name: short queue ids come again. By the evidence as
/// it reads unfolded, since one message may come by way of gateways that fold it differently.
fn event_hash(id: &str, server: &ConnectingServer<'_>) -> u64 {
    let parts = [id, server.id.as_str(), &server.evidence.field_text()];
    fnv1a(parts.join("\0").as_bytes())
}

fn counts(action: Action, would: Action) -> Counts {
    let one = |is: bool| u32::from(is);
    Counts {
        accept: one(action == Action::Accept),
        defer: one(action == Action::Defer),
        reject: one(action == Action::Reject),
        would_defer: one(would == Action::Defer && action != would),
        would_reject: one(would == Action::Reject && action != would),
    }
}

/// What one isolate holds for one tenant.
struct Queue {
    isolate: String,
    sequence: u64,
    open: BTreeMap<Key, Item>,
    unbelieved: Vec<Unbelieved>,
    /// Event ids in `open`.
    events: usize,
    sealed: VecDeque<Batch>,
    /// When a flush was last promised, and when a batch was last sent off: marks that expire by themselves, since the
    /// request that set one may be gone.
    promised_at: u64,
    sending_since: u64,
}

/// Messages that can be added up.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
    server: ServerId,
    node: Node,
    shown: ShownDocument,
    mapi: Option<Build>,
    relayed: bool,
    hour: i64,
}

/// What a request has to do for its observation to be sent.
struct Flush {
    /// A batch is full: send it.
    now: bool,
    /// Nobody has promised to close and send the open batch.
    soon: bool,
}

thread_local! {
    static QUEUES: RefCell<BTreeMap<TenantId, Queue>> = const { RefCell::new(BTreeMap::new()) };
}

fn with_queue<T>(tenant: &TenantId, use_it: impl FnOnce(&mut Queue) -> T) -> T {
    QUEUES.with_borrow_mut(|queues| match queues.get_mut(tenant) {
        Some(queue) => use_it(queue),
        None => use_it(queues.entry(tenant.clone()).or_insert_with(Queue::new)),
    })
}

/// Keeps an isolate that serves very many tenants from holding a queue for each forever.
fn forget_if_idle(tenant: &TenantId) {
    QUEUES.with_borrow_mut(|queues| {
        if queues.len() > MAX_IDLE_QUEUES && queues.get(tenant).is_some_and(Queue::is_idle) {
            queues.remove(tenant);
        }
    });
}

impl Queue {
    fn new() -> Self {
        Self {
            isolate: random_id(),
            sequence: 0,
            open: BTreeMap::new(),
            unbelieved: Vec::new(),
            events: 0,
            sealed: VecDeque::new(),
            promised_at: 0,
            sending_since: 0,
        }
    }

    fn add(&mut self, observation: Observation<'_>, now: u64) -> Flush {
        let key = observation.key();
        let full = self.events >= MAX_EVENTS || self.open.len() >= MAX_ITEMS && !self.open.contains_key(&key);
        let soon = self.promise(now);
        if full && !self.seal() {
            metrics::count(Counter::ObservationsDropped);
            return Flush { now: true, soon };
        }
        self.events += usize::from(observation.event.is_some());
        if let Some(known) = self.open.get_mut(&key) {
            observation.merge_into(known);
        } else {
            self.open.insert(key, observation.into_item());
        }
        Flush { now: full, soon }
    }

    /// What finds no room is not told.
    fn note(&mut self, seen: Unbelieved, now: u64) -> Flush {
        if let Some(known) = self.unbelieved.iter_mut().find(|known| known.what == seen.what) {
            known.messages = known.messages.saturating_add(seen.messages);
            known.disbelieved = known.disbelieved.saturating_add(seen.disbelieved);
            known.last_at = known.last_at.max(seen.last_at);
        } else if self.unbelieved.len() < MAX_UNBELIEVED {
            self.unbelieved.push(seen);
        }
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

    fn keep_promise(&mut self) {
        self.promised_at = 0;
        self.seal();
    }

    fn is_idle(&self) -> bool {
        self.open.is_empty() && self.unbelieved.is_empty() && self.sealed.is_empty()
    }

    /// Closes what was added up under the next number. Whether there is room for more.
    fn seal(&mut self) -> bool {
        if self.open.is_empty() && self.unbelieved.is_empty() {
            return true;
        }
        if self.sealed.len() >= MAX_SEALED {
            return false;
        }
        self.sequence += 1;
        self.events = 0;
        let sent = Sent { isolate: self.isolate.clone(), sequence: self.sequence };
        let items = std::mem::take(&mut self.open).into_values().collect();
        let unbelieved = std::mem::take(&mut self.unbelieved);
        self.sealed.push_back(Batch { sent: Some(sent), not_after: None, items, unbelieved });
        true
    }

    fn next(&mut self, now: u64) -> Option<Batch> {
        if now.saturating_sub(self.sending_since) < MARK_MILLIS {
            return None;
        }
        let batch = self.sealed.front()?.clone();
        self.sending_since = now;
        Some(batch)
    }

    fn sent(&mut self, sequence: Option<u64>, done: bool) {
        self.sending_since = 0;
        if done {
            self.sealed.retain(|batch| batch.sent.as_ref().map(|sent| sent.sequence) != sequence);
        }
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
    use super::*;

    fn sight(at: i64, fingerprint: u64) -> Sight {
        Sight { at: Timestamp(at), fingerprint }
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
    fn would_counts_what_enforcement_would_have_done() {
        let would = counts(Action::Accept, Action::Reject);
        assert_eq!((would.accept, would.would_reject, would.reject), (1, 1, 0));
        let did = counts(Action::Defer, Action::Defer);
        assert_eq!((did.defer, did.would_defer, did.accept), (1, 0, 0));
    }
}
