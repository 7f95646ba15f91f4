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
use crate::time::Timestamp;

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
    /// The number that the server's store stamped on the message, where `shown` is the transport's.
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
    let (shown, node, evidence) = level((hop, evidence), below);
    Finding::Server(ConnectingServer { id, name, node, shown, mapi: None, stamped_at: None, evidence })
}

/// The update level that the candidate and the hops of the same host right below it show.
fn level<'a>(
    (top, evidence): (Hop<'a>, Evidence<'a>),
    below: impl Iterator<Item = Numbered<'a>>,
) -> (Shown, Node, Evidence<'a>) {
    let mut best = (shown_by(&top), Node(top.by_address), evidence);
    if is_final(&top) {
        return best;
    }
    for (index, field) in below {
        let Ok(hop) = read(&field) else { break };
        if matches!(hop.component, Component::Other | Component::Legacy) || !same_host(hop.by_host, top.by_host) {
            break;
        }
        let evidence = Evidence::of_hop(index, field.value, &hop);
        if is_final(&hop) {
            return (shown_by(&hop), Node(hop.by_address), evidence);
        }
        if hop.component == Component::Mapi && best.2.component != Component::Mapi {
            best = (shown_by(&hop), Node(hop.by_address), evidence);
        }
    }
    best
}

/// Whether no field below can show the level better: the topmost SMTP stamp decides, readable or not.
fn is_final(hop: &Hop<'_>) -> bool {
    matches!(hop.component, Component::Smtp | Component::Legacy)
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
