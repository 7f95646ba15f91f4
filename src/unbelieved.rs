//! What of a message cannot be believed, so that no server is recognised in it: counted for `/metrics`, and told to whom
//! it concerns after the answer.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tidegate_engine::Catalog;
use tidegate_engine::MailEvent;
use tidegate_engine::Timestamp;
use tidegate_engine::{Finding, OwnHops, Recognition};

use crate::ledger::{Unbelieved, What};
use crate::metrics::{self, Counter};

/// Keys of which an isolate counts.
const MAX_ACTORS: usize = 1_000;

/// Messages of one key whose topmost fields the gateway claims as its own.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Claims {
    pub messages: u32,
    pub disbelieved: u32,
}

thread_local! {
    /// Since a claim of the key was last disbelieved.
    static CLAIMS: RefCell<BTreeMap<String, Claims>> = const { RefCell::new(BTreeMap::new()) };
}

/// Counts what a key claims. Told are those up to and with one that is disbelieved, so that plain mail costs nothing.
pub fn claims(actor: &str, hops: OwnHops) -> Option<Claims> {
    if hops == OwnHops::None {
        return None;
    }
    let is_disbelieved = hops == OwnHops::Disbelieved;
    if is_disbelieved {
        metrics::count(Counter::UnbelievedOwnHops);
    }
    CLAIMS.with_borrow_mut(|all| {
        let mut claims = all.remove(actor).unwrap_or_default();
        claims.messages = claims.messages.saturating_add(1);
        if is_disbelieved {
            return Some(Claims { disbelieved: 1, ..claims });
        }
        if all.len() < MAX_ACTORS {
            all.insert(actor.to_owned(), claims);
        }
        None
    })
}

/// What the tenant is told of a message in which no server was found.
pub fn of_tenant(
    event: &MailEvent<'_>,
    recognition: &Recognition<'_>,
    catalog: &Catalog,
    now: Timestamp,
) -> Option<Unbelieved> {
    let (counter, what) = match (&recognition.finding, recognition.relay_to_offer(event, catalog)) {
        (Finding::Unreadable(unreadable, _), _) if recognition.is_nearly_exchange() => {
            (Counter::UnbelievedUnreadable, What::Unreadable { reason: unreadable.as_str().to_owned() })
        }
        (_, Some(relay)) => {
            let host = String::from(relay.host);
            (Counter::UnbelievedRelay, What::Relay { host, peer: relay.peer })
        }
        _ => return None,
    };
    metrics::count(counter);
    let evidence = recognition.evidence().map(|evidence| evidence.field_text());
    Some(Unbelieved { what, messages: 1, disbelieved: 0, last_at: now, evidence })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believed_claims_are_told_with_the_next_disbelieved_one() {
        let claim = |hops| claims("key:a", hops);
        assert_eq!((claim(OwnHops::None), claim(OwnHops::Verified), claim(OwnHops::Unverified)), (None, None, None));
        assert_eq!(claim(OwnHops::Disbelieved), Some(Claims { messages: 3, disbelieved: 1 }));
        assert_eq!(claim(OwnHops::Disbelieved), Some(Claims { messages: 1, disbelieved: 1 }));
        assert_eq!(claims("key:b", OwnHops::Verified), None);
    }
}
