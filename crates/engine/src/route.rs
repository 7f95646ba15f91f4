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
    /// The first or the last of them came from the address that the gateway names as its client.
    Verified,
    /// They name no address, or the gateway names no client: believed.
    Unverified,
    /// They came from elsewhere: whose field stands below them is not known.
    Disbelieved,
}

/// The fields at the top that the gateway claims.
pub(crate) struct Own<'a> {
    pub(crate) hops: OwnHops,
    /// Where they are disbelieved.
    pub(crate) stranger: Option<Stranger<'a>>,
}

/// A field that the gateway claims, and that came from elsewhere than its client.
pub(crate) struct Stranger<'a> {
    pub(crate) index: usize,
    pub(crate) field: HeaderField<'a>,
    pub(crate) from: IpAddr,
}

/// Skips as many fields as the gateway claims. `client` is who it says it has them from: the first field names it, or,
/// where the gateway hands a message to itself, the last.
pub(crate) fn skip_own_hops<'a>(
    fields: &mut impl Iterator<Item = Numbered<'a>>,
    count: u8,
    client: Option<IpAddr>,
) -> Own<'a> {
    let named = |(index, field): Numbered<'a>| {
        let from = parse_step(field.value).filter(|_| !field.cut).and_then(|step| step.peer);
        (from, from.map(|from| Stranger { index, field, from }))
    };
    let mut claimed = fields.take(count.into()).map(named);
    let (first, mut stranger) = claimed.next().unwrap_or_default();
    let (last, last_stranger) = claimed.last().unwrap_or_default();
    stranger = last_stranger.or(stranger);
    let hops = match (count, client) {
        (0, _) => OwnHops::None,
        (_, Some(_)) if client == first || client == last => OwnHops::Verified,
        (_, Some(_)) if first.or(last).is_some() => OwnHops::Disbelieved,
        _ => OwnHops::Unverified,
    };
    Own { hops, stranger: stranger.filter(|_| hops == OwnHops::Disbelieved) }
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
