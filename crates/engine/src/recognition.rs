//! Which server is connecting, which build it shows, and the evidence for both.
//!
//! The candidate is the first hop below the gateway's own hops and trusted relays; nothing below it can make another
//! server the connecting one. Its build is read from the topmost SMTP stamp within the unbroken run of hops by the
//! same host, else from a mapi stamp: the other components lag behind the server's true update level.

use std::net::IpAddr;

use crate::build::Build;
use crate::catalog::Catalog;
use crate::event::{Connector, MailEvent};
use crate::evidence::Evidence;
use crate::header::{Field, Header};
use crate::identity::{Node, ServerId, same_host};
use crate::received::{Component, Hop, Stamp, Unreadable, parse};
use crate::relay::TrustedRelay;
use crate::shown::Shown;
use crate::time::{HOUR, Timestamp};

/// What the header says of the connecting server.
#[derive(Clone, Debug)]
pub struct Recognition<'a> {
    pub finding: Finding<'a>,
    /// Trusted relays were skipped: a refusal would fill the operator's own queue.
    pub behind_relay: bool,
}

#[derive(Clone, Debug)]
pub enum Finding<'a> {
    /// No `Received` field within the bounds, or none below the gateway's own and its relays'.
    NoHop,
    /// The candidate's field cannot be read.
    Unreadable(Unreadable, Evidence<'a>),
    NotExchange(Evidence<'a>),
    ExchangeOnline(Evidence<'a>),
    /// Windows 2000's or 2003's SMTP service: Exchange 2000 or 2003, or plain IIS.
    LegacySmtp(Evidence<'a>),
    /// Exchange, under a name that cannot identify a server, or without the address that would vouch for it.
    Nameless(Evidence<'a>),
    Server(ConnectingServer<'a>),
}

impl<'a> Recognition<'a> {
    /// The on-premises Exchange server, if one was found.
    pub fn server(&self) -> Option<&ConnectingServer<'a>> {
        match &self.finding {
            Finding::Server(server) => Some(server),
            _ => None,
        }
    }

    /// The field on which the finding rests.
    pub const fn evidence(&self) -> Option<&Evidence<'a>> {
        match &self.finding {
            Finding::NoHop => None,
            Finding::Unreadable(_, evidence)
            | Finding::NotExchange(evidence)
            | Finding::ExchangeOnline(evidence)
            | Finding::LegacySmtp(evidence)
            | Finding::Nameless(evidence) => Some(evidence),
            Finding::Server(server) => Some(&server.evidence),
        }
    }
}

impl Finding<'_> {
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoHop => "no_hop",
            Self::Unreadable(..) => "unreadable",
            Self::NotExchange(_) => "not_exchange",
            Self::ExchangeOnline(_) => "exchange_online",
            Self::LegacySmtp(_) => "legacy_smtp",
            Self::Nameless(_) => "nameless",
            Self::Server(_) => "server",
        }
    }
}

/// An on-premises Exchange server that hands over a message.
#[derive(Clone, Debug)]
pub struct ConnectingServer<'a> {
    pub id: ServerId,
    /// The BY host as stamped.
    pub name: &'a str,
    pub node: Node,
    pub shown: Shown,
    /// Where `shown` comes from an SMTP stamp: the topmost mapi stamp of the same run of hops whose last part is not 0.
    /// The two components may be of different updates, so that the higher number is the server's true level.
    pub mapi: Option<Build>,
    /// The date in the field on which `shown` rests.
    pub stamped_at: Option<Timestamp>,
    pub evidence: Evidence<'a>,
}

/// Finds the connecting server of `event`. `relays` come from the tenant's policy.
pub fn recognise<'a>(event: &'a MailEvent<'_>, relays: &[TrustedRelay], catalog: &Catalog) -> Recognition<'a> {
    let mut peer = event.client_ip;
    let mut behind_relay = false;
    let mut fields = event.header.received().enumerate().skip(event.own_hops.into());
    while let Some((index, field)) = fields.next() {
        let hop = match read(&field) {
            Ok(hop) => hop,
            Err(unreadable) => {
                let finding = Finding::Unreadable(unreadable, Evidence::of_unreadable(index, field.value));
                return Recognition { finding, behind_relay };
            }
        };
        let trusted = peer.is_some_and(|peer| relays.iter().any(|relay| relay.vouches_for(peer, hop.by_host)));
        if trusted {
            behind_relay = true;
            peer = hop.from_address;
            continue;
        }
        let finding = candidate(event.connector, peer, catalog, (index, field, hop), fields);
        return Recognition { finding, behind_relay };
    }
    Recognition { finding: Finding::NoHop, behind_relay }
}

/// Whether any field shows an on-premises Exchange server, wherever it stands. Mail without one needs no policy.
pub fn shows_exchange(header: &Header<'_>, catalog: &Catalog) -> bool {
    header.received().any(|field| {
        read(&field).is_ok_and(|hop| hop.component != Component::Other && !is_exchange_online(&hop, catalog))
    })
}

/// One `Received` field, whoever stamped it.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    pub hop: Result<Hop<'a>, Unreadable>,
    /// Stamped by Exchange Online, whatever the component.
    pub exchange_online: bool,
    pub evidence: Evidence<'a>,
    /// The on-premises Exchange server of which this is the topmost hop in an unbroken run, with the build that
    /// [`recognise`] would read if it were the one to connect. Identified by name: nobody vouches for addresses.
    pub server: Option<ConnectingServer<'a>>,
}

/// All `Received` fields, newest first.
pub fn traces<'a>(header: &'a Header<'_>, catalog: &Catalog) -> impl Iterator<Item = Trace<'a>> {
    let mut fields = header.received().enumerate();
    let mut run: Option<&'a [u8]> = None;
    std::iter::from_fn(move || {
        let (index, field) = fields.next()?;
        let hop = match read(&field) {
            Ok(hop) => hop,
            Err(unreadable) => {
                run = None;
                let evidence = Evidence::of_unreadable(index, field.value);
                return Some(Trace { hop: Err(unreadable), exchange_online: false, evidence, server: None });
            }
        };
        let joins = !matches!(hop.component, Component::Other | Component::Legacy);
        let continues = joins && run.is_some_and(|host| same_host(host, hop.by_host));
        run = joins.then_some(hop.by_host);
        let server = if continues || hop.component == Component::Other {
            None
        } else {
            match candidate(Connector::OnPremises, None, catalog, (index, field, hop.clone()), fields.clone()) {
                Finding::Server(server) => Some(server),
                _ => None,
            }
        };
        let exchange_online = is_exchange_online(&hop, catalog);
        Some(Trace { evidence: Evidence::of_hop(index, field.value, &hop), exchange_online, server, hop: Ok(hop) })
    })
}

/// What one hop by itself shows of its server's build.
pub const fn shown_by(hop: &Hop<'_>) -> Shown {
    match (hop.component, hop.build) {
        (_, Stamp::Absent | Stamp::Unreadable) => Shown::Nothing,
        (Component::Mapi, Stamp::Build(build)) if build.revision == 0 => Shown::Lane(build),
        (Component::Pickup | Component::ShadowRedundancy, Stamp::Build(build)) => Shown::Product(build),
        (_, Stamp::Build(build)) => Shown::Update(build),
    }
}

type Numbered<'a> = (usize, Field<'a>);

fn candidate<'a>(
    connector: Connector,
    peer: Option<IpAddr>,
    catalog: &Catalog,
    (index, field, hop): (usize, Field<'a>, Hop<'a>),
    below: impl Iterator<Item = Numbered<'a>>,
) -> Finding<'a> {
    let evidence = Evidence::of_hop(index, field.value, &hop);
    match (hop.component, hop.build) {
        (Component::Other, _) => return Finding::NotExchange(evidence),
        _ if is_exchange_online(&hop, catalog) => return Finding::ExchangeOnline(evidence),
        (Component::Legacy, Stamp::Absent) => return Finding::LegacySmtp(evidence),
        _ => {}
    }
    let id = ServerId::new(hop.by_host, connector, peer);
    let (Some(id), Ok(name)) = (id, std::str::from_utf8(hop.by_host)) else {
        return Finding::Nameless(evidence);
    };
    let level = level(evidence.field, field.value, hop, catalog, below);
    let (at, stamp) = (level.field, &level.hop);
    Finding::Server(ConnectingServer {
        id,
        name,
        node: Node(stamp.by_address),
        shown: shown_by(stamp),
        mapi: level.mapi,
        stamped_at: stamp.at(),
        evidence: Evidence::of_hop(at, level.value, stamp),
    })
}

/// The hop of a run that shows the update level best.
struct Level<'a> {
    field: usize,
    value: &'a [u8],
    hop: Hop<'a>,
    mapi: Option<Build>,
}

/// A stamp of one run can lag behind the topmost one by so many seconds and still be of the same submission.
const RUN_SECONDS: i64 = HOUR;

/// The update level that the candidate and the hops of the same host right below it show: the topmost SMTP stamp's,
/// else the topmost mapi stamp's. What stands below the candidate's own field can be a sender's invention: it counts
/// only if it is of the same product, and dated within an hour.
fn level<'a>(
    field: usize,
    value: &'a [u8],
    top: Hop<'a>,
    catalog: &Catalog,
    below: impl Iterator<Item = Numbered<'a>>,
) -> Level<'a> {
    let (host, dated, product) = (top.by_host, top.at(), top.build.number());
    let mut best = Level { field, value, hop: top, mapi: None };
    let mut mapi = mapi_level(&best.hop);
    if best.hop.component == Component::Legacy {
        return best;
    }
    for (field, Field { value, cut, .. }) in below {
        if cut {
            break;
        }
        let Ok(hop) = parse(value) else { break };
        if matches!(hop.component, Component::Other | Component::Legacy) || !same_host(hop.by_host, host) {
            break;
        }
        let of_one_product = match (product, hop.build.number()) {
            (Some(top), Some(own)) => same_product(catalog, top, own),
            _ => false,
        };
        let close = dated.zip(hop.at()).is_some_and(|(top, own)| top.since(own).abs() <= RUN_SECONDS);
        if !of_one_product || !close {
            continue;
        }
        mapi = mapi.or_else(|| mapi_level(&hop));
        if rank(&hop) > rank(&best.hop) {
            best = Level { field, value, hop, mapi: None };
        }
    }
    best.mapi = mapi.filter(|_| best.hop.component == Component::Smtp);
    best
}

/// How well a component's number shows its server's update level.
const fn rank(hop: &Hop<'_>) -> u8 {
    match hop.component {
        Component::Smtp => 2,
        Component::Mapi => 1,
        _ => 0,
    }
}

fn mapi_level(hop: &Hop<'_>) -> Option<Build> {
    hop.build.number().filter(|build| hop.component == Component::Mapi && build.revision != 0)
}

fn same_product(catalog: &Catalog, one: Build, other: Build) -> bool {
    match (catalog.product(one), catalog.product(other)) {
        (Some(one), Some(other)) => one.name == other.name,
        _ => one.lane() == other.lane(),
    }
}

fn read<'a>(field: &Field<'a>) -> Result<Hop<'a>, Unreadable> {
    if field.cut { Err(Unreadable::Cut) } else { parse(field.value) }
}

/// Exchange Online by the family of its BY host, or by a build of 15.20 or newer, which never ran on-premises.
fn is_exchange_online(hop: &Hop<'_>, catalog: &Catalog) -> bool {
    let by_number = matches!(hop.build, Stamp::Build(build) if build.major == 15 && build.minor >= 20);
    by_number || catalog.is_exchange_online_host(hop.by_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_without_an_exchange_hop_is_told_at_once() {
        let catalog = Catalog::built_in();
        let shows = |block: &str| shows_exchange(&Header::Block(block.as_bytes().into()), &catalog);
        let exchange = "Received: from a by b with Microsoft SMTP Server id 15.1.2507.6; x\r\n";
        let cloud = "Received: from a by b.prod.outlook.com with mapi id 15.1.1.1; x\r\n";
        let other = "Received: from a by b (Postfix) with ESMTP id 1; x\r\nReceived: (open\r\n";
        assert!(!shows("") && !shows(other) && !shows(cloud));
        assert!(shows(exchange) && shows(&format!("{other}{cloud}{exchange}")));
        assert!(!shows(&format!("Received: ({}){}", "x".repeat(65_536), exchange)), "a field too long to be read");
    }
}
