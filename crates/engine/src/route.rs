//! The hops above the connecting server's: the gateway's own, and those of trusted relays.

use std::net::IpAddr;

use crate::header::HeaderField;
use crate::received::{is_comment_only, parse_step};
use crate::relay::TrustedRelay;

/// A `Received` field, counted from 0.
pub(crate) type Numbered<'a> = (usize, HeaderField<'a>);

/// Whether as many fields at the top are the gateway's own as it says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum OwnHops {
    /// It claims none.
    None,
    /// The last of them came from the address that the gateway names as its client.
    Verified,
    /// The gateway names no client: believed.
    Unverified,
    /// One of them is not its own: whose field stands below them is not known.
    Disbelieved,
}

/// Why a field is not the gateway's own that claims it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum NotOwn {
    /// It came from elsewhere than from the gateway's client.
    CameFrom(IpAddr),
    /// It does not say from where it came.
    NamesNoAddress,
    /// An Exchange server on-premises wrote it.
    Exchange,
}

/// The fields at the top that the gateway claims.
pub(crate) struct Own<'a> {
    pub(crate) hops: OwnHops,
    /// Where they are disbelieved.
    pub(crate) stranger: Option<Stranger<'a>>,
}

/// A field that the gateway claims, and that is not its own.
pub(crate) struct Stranger<'a> {
    pub(crate) index: usize,
    pub(crate) field: HeaderField<'a>,
    pub(crate) why: NotOwn,
}

/// Skips as many fields as the gateway claims. `client` is who it says it has the message from, so that the last of them
/// has to name that address; the fields above are of its handing the message to itself. Where it names itself as its
/// client it asks after having done so, and the first field has that address. A count that is one too high takes a field
/// of the client's, and one below that for the server's that connects: no gateway writes as Exchange does, which
/// `is_exchange` tells.
pub(crate) fn skip_own_hops<'a>(
    fields: &mut impl Iterator<Item = Numbered<'a>>,
    count: u8,
    client: Option<IpAddr>,
    is_exchange: impl Fn(&HeaderField<'a>) -> bool,
) -> Own<'a> {
    let disbelieved = |stranger| Own { hops: OwnHops::Disbelieved, stranger: Some(stranger) };
    let mut first = None;
    let mut last = None;
    for (index, field) in fields.take(count.into()) {
        if is_exchange(&field) {
            return disbelieved(Stranger { index, field, why: NotOwn::Exchange });
        }
        let from = parse_step(field.value).filter(|_| !field.cut).and_then(|step| step.peer);
        first = first.or(Some(from));
        let why = from.map_or(NotOwn::NamesNoAddress, NotOwn::CameFrom);
        last = Some(Stranger { index, field, why });
    }
    let Some(last) = last else {
        let hops = if count == 0 { OwnHops::None } else { OwnHops::Unverified };
        return Own { hops, stranger: None };
    };
    let hops = match client {
        None => OwnHops::Unverified,
        Some(client) if last.why == NotOwn::CameFrom(client) => OwnHops::Verified,
        Some(client) if client.is_loopback() && first == Some(Some(client)) => OwnHops::Verified,
        Some(_) => return disbelieved(last),
    };
    Own { hops, stranger: None }
}

/// Where the hops of trusted relays end.
#[derive(Clone, Copy)]
pub(crate) struct Skipped {
    pub(crate) behind_relay: bool,
    /// Who handed the message over there.
    pub(crate) peer: Option<IpAddr>,
}

/// Skips the hops of trusted relays. Each has to be handed over from one of the relay's networks; below a hop that a
/// relay has from itself, through loopback or without any FROM clause, the next may be the same relay's again. Without
/// a FROM clause it may be another entry's as well, from the same address: Google writes its hosts' names so.
pub(crate) fn skip_relays<'a>(
    fields: &mut (impl Iterator<Item = Numbered<'a>> + Clone),
    client: Option<IpAddr>,
    relays: &[TrustedRelay],
) -> Skipped {
    let mut skipped = Skipped { behind_relay: false, peer: client };
    let mut vouched = client;
    let mut itself: Option<&TrustedRelay> = None;
    loop {
        let connects = |relay: &TrustedRelay| vouched.is_some_and(|peer| relay.connects_from(peer));
        if itself.is_none() && !relays.iter().any(connects) {
            return skipped;
        }
        let mut ahead = fields.clone();
        let Some((_, mut field)) = ahead.next() else { return skipped };
        // qmail, and what descends from it, writes two fields a hop; the upper one names no host
        if is_comment_only(field.value) {
            match ahead.next() {
                Some((_, lower)) => field = lower,
                None => return skipped,
            }
        }
        let Some(step) = parse_step(field.value).filter(|_| !field.cut) else { return skipped };
        let again = itself.filter(|relay| relay.is_named(step.by_host));
        let named = || relays.iter().find(|relay| connects(relay) && relay.is_named(step.by_host));
        let Some(relay) = again.or_else(named) else { return skipped };
        skipped = Skipped { behind_relay: true, peer: step.peer };
        vouched = if step.is_local { vouched } else { step.peer };
        itself = (step.is_local || step.peer.is_some_and(|peer| peer.is_loopback())).then_some(relay);
        *fields = ahead;
    }
}
