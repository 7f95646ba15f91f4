//! What was answered, added up in the isolate and sent to the ledger after the answer.
//!
//! Decisions of one second go as one batch, sealed once under a number and sent one at a time for each tenant. A batch
//! that fails is kept with its number and sent again, by the request that sealed it and by later ones; the ledger takes
//! each number once. What a dying isolate holds is lost: asynchronous observations are at most once.

mod queue;

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use futures_util::future::join;
use tidegate_engine::Action;
use tidegate_engine::ConnectingServer;
use tidegate_engine::Decision;
use tidegate_engine::ServerId;
use tidegate_engine::{Connector, MailEvent, MailRoute, TenantId};
use tidegate_engine::{HOUR, Timestamp};
use tidegate_engine::{fnv1a, sender_network};
use worker::Context;

use crate::durable::client::{CallError, Client};
use crate::ledger::{
    Batch, Call, Counts, Dropped, Event, Evidence, Item, Recorded, Sight, Stranger, Unbelieved, Unrecorded,
};
use crate::metrics::{self, Counter};
use crate::platform::{real_millis, real_millis_after, sleep};
use crate::store::{self, PhaseKey, PhaseRecord};
use queue::{Collected, Flush, Key, forget_if_idle, with_queue};

/// How long decisions are added up.
const COLLECT: Duration = Duration::from_millis(800);
/// A mark that something is under way expires after this.
const MARK_MILLIS: u64 = 2_000;
const SEND_DEADLINE: Duration = Duration::from_millis(MARK_MILLIS);
/// After these a batch that failed is sent again while the request that sealed it may still wait: 30 s in all.
const RETRY_AFTER: [Duration; 4] =
    [Duration::from_millis(500), Duration::from_secs(2), Duration::from_secs(5), Duration::from_secs(10)];
/// What failed within that time is not tried again: requests that retry side by side ask as often as one.
const RETRY_SPACING_MILLIS: u64 = 400;
/// That others than recorded servers are at an address is told so often, in milliseconds.
const STRANGERS_MILLIS: u64 = 3_600_000;
/// Addresses of which an isolate knows when that was last told.
const MAX_STRANGERS: usize = 4_096;

/// One answered message.
pub struct Observation<'a> {
    server: &'a ConnectingServer<'a>,
    connector: Connector,
    relayed: bool,
    counts: Counts,
    event: Option<u64>,
    sight: Sight,
    peer: Option<IpAddr>,
    refuses_at_rcpt: bool,
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
            peer: None,
            refuses_at_rcpt: false,
        }
    }

    /// From which address the message came, and whether a key's gateway asks for refusals by that.
    #[must_use]
    pub fn at_peer(self, event: &MailEvent<'_>, refuses_at_rcpt: bool) -> Self {
        Self { peer: event.client_ip.map(sender_network), refuses_at_rcpt, ..self }
    }

    fn key(&self) -> Key {
        Key {
            server: self.server.id.clone(),
            node: self.server.node,
            shown: self.server.shown.into(),
            other_component: self.server.other_component,
            relayed: self.relayed,
            peer: self.peer,
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
            other_component: self.server.other_component,
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
            peer: self.peer,
        }
    }
}

/// The ledger's answer to observations.
pub struct Receipt {
    /// Those of one tenant were written down, but for the servers in `refused`.
    taken: bool,
    refused: BTreeSet<ServerId>,
    /// Phases that changed by that.
    phases: BTreeMap<ServerId, PhaseRecord>,
}

impl Receipt {
    /// Whether messages of that server were written down.
    pub fn has(&self, server: &ServerId) -> bool {
        self.taken && !self.refused.contains(server)
    }

    /// The server's phase, if it changed.
    pub fn phase(&self, server: &ServerId) -> Option<&PhaseRecord> {
        self.phases.get(server)
    }
}

/// Writes one tenant's observations down before they are answered, in one call. What reaches the ledger after `deadline`
/// is not written down: it was answered without.
pub async fn record_now(
    ledger: &Client,
    tenant: &TenantId,
    observations: impl IntoIterator<Item = Observation<'_>>,
    deadline: Duration,
) -> Result<Receipt, CallError> {
    let mut collected = Collected::default();
    observations.into_iter().for_each(|observation| collected.add(observation));
    let not_after = Some(real_millis_after(deadline));
    let batch = Batch { not_after, ..collected.into_batch() };
    let recorded: Recorded = ledger.call(&Call::Record(batch), deadline).await?;
    if recorded.dropped == Some(Dropped::Late) {
        return Err(CallError::Late);
    }
    let refused: BTreeSet<ServerId> = recorded.refused.iter().cloned().collect();
    // a ledger of the release before does not say which
    let taken = recorded.dropped.is_none() || !refused.is_empty();
    let phases = recorded.phases.iter().cloned().collect();
    take_in(tenant, recorded);
    Ok(Receipt { taken, refused, phases })
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

/// Has the ledger know that others than recorded servers hand mail over from the event's address: whoever is there is
/// not to be refused for a server's sake.
pub fn note_stranger(context: &Context, event: &MailEvent<'_>, at: Timestamp, ledger: impl FnOnce() -> Client) {
    let Some(peer) = event.client_ip.map(sender_network) else { return };
    let now = real_millis();
    let is_told = STRANGERS.with_borrow_mut(|told| {
        let key = (event.tenant.clone(), peer);
        if told.get(&key).is_some_and(|told_at| now.saturating_sub(*told_at) < STRANGERS_MILLIS) {
            return true;
        }
        if told.len() >= MAX_STRANGERS {
            told.clear();
        }
        told.insert(key, now);
        false
    });
    if !is_told {
        let flush = with_queue(&event.tenant, |queue| queue.note_stranger(Stranger { peer, at }, now));
        flush_later(context, &event.tenant, flush, ledger);
    }
}

thread_local! {
    /// When an address was last told.
    static STRANGERS: RefCell<BTreeMap<(TenantId, IpAddr), u64>> = const { RefCell::new(BTreeMap::new()) };
}

fn flush_later(context: &Context, tenant: &TenantId, flush: Flush, ledger: impl FnOnce() -> Client) {
    if !flush.now && !flush.soon {
        return;
    }
    let (ledger, tenant) = (ledger(), tenant.clone());
    let (now, soon) = (flush.now, flush.soon);
    context.wait_until(async move {
        let full = async {
            if now {
                send(&ledger, &tenant).await;
            }
        };
        let collected = async {
            if soon {
                sleep(COLLECT).await;
                with_queue(&tenant, |queue| queue.keep_promise(real_millis()));
                send(&ledger, &tenant).await;
            }
        };
        join(full, collected).await;
    });
}

/// Sends what is sealed, oldest first, and again what failed, until nothing is left or the request's time is over: then a
/// later request does.
async fn send(ledger: &Client, tenant: &TenantId) {
    let mut waits = RETRY_AFTER.iter();
    while !send_sealed(ledger, tenant).await {
        loop {
            let Some(wait) = waits.next() else { return };
            sleep(*wait).await;
            if !with_queue(tenant, |queue| queue.failed_within(RETRY_SPACING_MILLIS, real_millis())) {
                break;
            }
        }
    }
    forget_if_idle(tenant);
}

/// Sends what is sealed until one fails, unless another request is at it. Whether nothing is left.
async fn send_sealed(ledger: &Client, tenant: &TenantId) -> bool {
    while let Some(sending) = with_queue(tenant, |queue| queue.next(real_millis())) {
        let (sequence, since) = (sending.sequence(), sending.since());
        let answer = ledger.call::<Recorded>(&Call::Record(sending.batch), SEND_DEADLINE).await;
        with_queue(tenant, |queue| queue.sent(sequence, since, answer.is_ok(), real_millis()));
        match answer {
            Ok(recorded) => take_in(tenant, recorded),
            Err(_) => {
                metrics::count(Counter::BatchesFailed);
                return false;
            }
        }
    }
    with_queue(tenant, |queue| queue.is_sent())
}

/// Takes in what a ledger answered to a batch.
fn take_in(tenant: &TenantId, recorded: Recorded) {
    let Unrecorded { servers, peer_servers, tenants } = recorded.unrecorded;
    metrics::count_all(Counter::UnrecordedServers, servers.into());
    metrics::count_all(Counter::UnrecordedPeerServers, peer_servers.into());
    metrics::count_all(Counter::UnrecordedTenants, tenants.into());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn would_counts_what_enforcement_would_have_done() {
        let would = counts(Action::Accept, Action::Reject);
        assert_eq!((would.accept, would.would_reject, would.reject), (1, 1, 0));
        let did = counts(Action::Defer, Action::Defer);
        assert_eq!((did.defer, did.would_defer, did.accept), (1, 0, 0));
    }
}
