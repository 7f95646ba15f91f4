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
use crate::header::{Header, HeaderField};
use crate::identity::{Node, ServerId, Voucher};
use crate::network::canonical_address;
use crate::received::{
    Component, Hop, Stamp, Unreadable, parse_as_other, parse_exchange, parse_exchange_of, parse_received, parse_step,
    same_host,
};
use crate::relay::{RelayHost, TrustedRelay};
use crate::route::{NotOwn, Numbered, OwnHops, Stranger, skip_own_hops, skip_relays};
use crate::shown::Shown;
use crate::time::{HOUR, Timestamp};

/// What the header says of the connecting server.
#[derive(Clone, Debug)]
pub struct Recognition<'a> {
    /// What was found below the own and the relays' hops.
    pub finding: Finding<'a>,
    /// What the fields at the top say of the number that the gateway claims as its own.
    pub own_hops: OwnHops,
    /// Trusted relays were skipped: a refusal would fill the operator's own queue.
    pub behind_relay: bool,
    /// Who handed the message to the gateway or to the last relay that was skipped.
    pub peer: Option<IpAddr>,
}

/// What stands where the connecting server's field is expected.
#[derive(Clone, Debug)]
pub enum Finding<'a> {
    /// No `Received` field within the bounds, or none below the gateway's own and its relays'.
    NoHop,
    /// As many fields as the gateway claims are not its own: one that is not, and why.
    OwnHopsDisagree(NotOwn, Evidence<'a>),
    /// The candidate's field cannot be read.
    Unreadable(Unreadable, Evidence<'a>),
    /// Other software's field.
    NotExchange(Evidence<'a>),
    /// Exchange Online's field.
    ExchangeOnline(Evidence<'a>),
    /// Windows 2000's or 2003's SMTP service: Exchange 2000 or 2003, or plain IIS.
    LegacySmtp(Evidence<'a>),
    /// Exchange, under a name that cannot identify a server, or without the address that would vouch for it.
    Nameless(Evidence<'a>),
    /// An on-premises Exchange server's field.
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
            Finding::OwnHopsDisagree(_, evidence)
            | Finding::Unreadable(_, evidence)
            | Finding::NotExchange(evidence)
            | Finding::ExchangeOnline(evidence)
            | Finding::LegacySmtp(evidence)
            | Finding::Nameless(evidence) => Some(evidence),
            Finding::Server(server) => Some(&server.evidence),
        }
    }

    /// Whether the candidate's field is nearly what Exchange writes, and so unreadable.
    pub const fn is_nearly_exchange(&self) -> bool {
        matches!(&self.finding, Finding::Unreadable(unreadable, _) if unreadable.is_nearly_exchange())
    }

    /// The relay that the operator may want to trust: the candidate is other software's hop, and an on-premises
    /// Exchange server's stands below it. Reads fields below the candidate, so it is asked for where it is counted.
    pub fn relay_to_offer(&self, event: &MailEvent<'_>, catalog: &Catalog) -> Option<RelayToOffer> {
        let (Finding::NotExchange(evidence), Some(peer)) = (&self.finding, self.peer) else { return None };
        let mut fields = event.header.received().skip(evidence.field);
        let by_host = parse_step(fields.next()?.value)?.by_host;
        let is_on_premises = |field: HeaderField<'_>| {
            !field.cut && parse_exchange(field.value).is_ok_and(|hop| !is_exchange_online(&hop, catalog))
        };
        let host = std::str::from_utf8(by_host).ok().and_then(RelayHost::family_of)?;
        fields.any(is_on_premises).then_some(RelayToOffer { host, peer })
    }
}

/// A relay that no entry of the policy names, below which Exchange was seen.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RelayToOffer {
    /// The end of its BY host that its other machines may share.
    pub host: RelayHost,
    /// The address from which it connects.
    pub peer: IpAddr,
}

impl<'a> Finding<'a> {
    /// The field on which it rests; `None` where there is none.
    pub const fn evidence(&self) -> Option<&Evidence<'a>> {
        match self {
            Self::NoHop => None,
            Self::OwnHopsDisagree(_, evidence) | Self::Unreadable(_, evidence) => Some(evidence),
            Self::NotExchange(evidence)
            | Self::ExchangeOnline(evidence)
            | Self::LegacySmtp(evidence)
            | Self::Nameless(evidence) => Some(evidence),
            Self::Server(server) => Some(&server.evidence),
        }
    }

    /// As the tests' data and the page write it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::NoHop => "no_hop",
            Self::OwnHopsDisagree(..) => "own_hops_disagree",
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
    /// By what it is told from others of its tenant.
    pub id: ServerId,
    /// The BY host as stamped.
    pub name: &'a str,
    /// The machine that stamped the field.
    pub node: Node,
    /// What the message shows of its build.
    pub shown: Shown,
    /// Where `shown` comes from an SMTP stamp: the highest number that another component of the server stamped in the same
    /// run of hops and whose last part is not 0. Components may be of different updates, so that the higher number is the
    /// server's true level.
    pub other_component: Option<Build>,
    /// The date in the field on which `shown` rests.
    pub stamped_at: Option<Timestamp>,
    /// The field on which `shown` rests.
    pub evidence: Evidence<'a>,
}

/// Finds the connecting server of `event`. `relays` come from the tenant's policy.
pub fn recognise<'a>(event: &'a MailEvent<'_>, relays: &[TrustedRelay], catalog: &Catalog) -> Recognition<'a> {
    let mut fields = event.header.received().enumerate();
    let mut recognition = Recognition {
        finding: Finding::NoHop,
        own_hops: OwnHops::None,
        behind_relay: false,
        peer: event.client_ip.map(canonical_address),
    };
    let own = skip_own_hops(&mut fields, event.own_hops, recognition.peer, |field| is_exchanges(field, catalog));
    recognition.own_hops = own.hops;
    if let Some(Stranger { index, field, why }) = own.stranger {
        let evidence = match read(&field, catalog) {
            Ok(hop) => Evidence::of_hop(index, field.value, &hop),
            Err(_) => Evidence::of_unreadable(index, field.value),
        };
        return Recognition { finding: Finding::OwnHopsDisagree(why, evidence), ..recognition };
    }
    let skipped = skip_relays(&mut fields, recognition.peer, relays);
    recognition.behind_relay = skipped.behind_relay;
    recognition.peer = skipped.peer;
    let Some((index, field)) = fields.next() else { return recognition };
    let voucher = match (&event.client_auth, recognition.peer) {
        // behind a relay the login is the relay's own, and says nothing of the server
        (Some(name), _) if !skipped.behind_relay => Voucher::Login(name),
        (_, Some(address)) => Voucher::Address(address),
        (_, None) => Voucher::None,
    };
    recognition.finding = match read(&field, catalog) {
        Ok(hop) => {
            let candidate = Candidate { field: index, value: field.value, hop };
            candidate.finding(event.connector, voucher, catalog, fields)
        }
        Err(unreadable) => Finding::Unreadable(unreadable, Evidence::of_unreadable(index, field.value)),
    };
    recognition
}

/// Whether any field shows an on-premises Exchange server, or nearly does, wherever it stands. Mail without one needs no
/// policy.
pub fn shows_exchange(header: &Header<'_>, catalog: &Catalog) -> bool {
    header.received().any(|field| is_exchanges(&field, catalog))
}

/// Whether an on-premises Exchange server wrote a field, or something that nearly writes as it does.
fn is_exchanges(field: &HeaderField<'_>, catalog: &Catalog) -> bool {
    match read(field, catalog) {
        Ok(hop) => hop.component != Component::Other && !is_exchange_online(&hop, catalog),
        Err(unreadable) => unreadable.is_nearly_exchange(),
    }
}

/// One `Received` field, whoever stamped it.
#[derive(Clone, Debug)]
pub struct Trace<'a> {
    /// What was read, or why nothing was.
    pub hop: Result<Hop<'a>, Unreadable>,
    /// Stamped by Exchange Online, whatever the component.
    pub exchange_online: bool,
    /// The field.
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
        let hop = match read(&field, catalog) {
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
            let candidate = Candidate { field: index, value: field.value, hop: hop.clone() };
            match candidate.finding(Connector::OnPremises, Voucher::None, catalog, fields.clone()) {
                Finding::Server(server) => Some(server),
                _ => None,
            }
        };
        let exchange_online = is_exchange_online(&hop, catalog);
        Some(Trace { evidence: Evidence::of_hop(index, field.value, &hop), exchange_online, server, hop: Ok(hop) })
    })
}

/// What one hop by itself shows of its server's build.
pub const fn shown_by_hop(hop: &Hop<'_>) -> Shown {
    match (hop.component, hop.build) {
        (_, Stamp::Absent) => Shown::Nothing,
        (Component::Mapi, Stamp::Build(build)) if build.revision == 0 => Shown::Lane(build),
        (Component::Pickup | Component::ShadowRedundancy | Component::Legacy, Stamp::Build(build)) => {
            Shown::Product(build)
        }
        (_, Stamp::Build(build)) => Shown::Update(build),
    }
}

/// A hop, and the field that it was read from.
struct Candidate<'a> {
    field: usize,
    value: &'a [u8],
    hop: Hop<'a>,
}

impl<'a> Candidate<'a> {
    fn evidence(&self) -> Evidence<'a> {
        Evidence::of_hop(self.field, self.value, &self.hop)
    }

    fn finding(
        self,
        connector: Connector,
        voucher: Voucher<'_>,
        catalog: &Catalog,
        below: impl Iterator<Item = Numbered<'a>>,
    ) -> Finding<'a> {
        let hop = &self.hop;
        if is_exchange_online(hop, catalog) {
            return Finding::ExchangeOnline(self.evidence());
        }
        if hop.component == Component::Other {
            return Finding::NotExchange(self.evidence());
        }
        if hop.also_by_iis {
            return Finding::LegacySmtp(self.evidence());
        }
        let id = ServerId::new(hop.by_host, connector, voucher);
        let (Some(id), Ok(name)) = (id, std::str::from_utf8(hop.by_host)) else {
            return Finding::Nameless(self.evidence());
        };
        let (stamp, other_component) = self.level(catalog, below);
        Finding::Server(ConnectingServer {
            id,
            name,
            node: Node(stamp.hop.by_address),
            shown: shown_by_hop(&stamp.hop),
            other_component,
            stamped_at: stamp.hop.at(),
            evidence: stamp.evidence(),
        })
    }

    /// The hop that shows the update level, among this one and those of the same host right below it: the topmost SMTP
    /// stamp, else the topmost mapi stamp; and, beside an SMTP stamp, the best that other components show. What stands
    /// below the candidate's own field can be a sender's invention: it counts only if it is of the same product, and
    /// dated within an hour.
    fn level(self, catalog: &Catalog, below: impl Iterator<Item = Numbered<'a>>) -> (Self, Option<Build>) {
        let (host, dated, number) = (self.hop.by_host, self.hop.at(), self.hop.build.number());
        let mut other_component = other_level(&self.hop);
        let mut best = self;
        let (Some(dated), Some(number)) = (dated, number) else { return (best, None) };
        if best.hop.component == Component::Legacy {
            return (best, None);
        }
        for (field, HeaderField { value, cut, .. }) in below {
            let Some(hop) = parse_exchange_of(value, host).filter(|_| !cut) else { break };
            let same_product = hop.build.number().is_some_and(|own| same_product(catalog, number, own));
            let is_near = hop.at().is_some_and(|at| at.since(dated).unsigned_abs() <= RUN_SECONDS);
            if !same_product || !is_near {
                continue;
            }
            other_component = other_component.max(other_level(&hop));
            if rank(&hop) > rank(&best.hop) {
                best = Candidate { field, value, hop };
            }
        }
        let other_component = other_component.filter(|_| best.hop.component == Component::Smtp);
        (best, other_component)
    }
}

/// Stamps of one submission lie no further apart.
const RUN_SECONDS: u64 = HOUR.unsigned_abs();

/// How well a component's number shows its server's update level.
const fn rank(hop: &Hop<'_>) -> u8 {
    match hop.component {
        Component::Smtp => 2,
        Component::Mapi => 1,
        _ => 0,
    }
}

/// What another component than transport shows of the update level: which may be behind, so that it can only clear.
fn other_level(hop: &Hop<'_>) -> Option<Build> {
    let is_other = matches!(hop.component, Component::Mapi | Component::Pickup | Component::ShadowRedundancy);
    hop.build.number().filter(|build| is_other && build.revision != 0)
}

fn same_product(catalog: &Catalog, one: Build, other: Build) -> bool {
    match (catalog.product(one), catalog.product(other)) {
        (Some(one), Some(other)) => one.name == other.name,
        _ => one.lane() == other.lane(),
    }
}

/// Reads a field. Of what is nearly Exchange's, Exchange Online's is told by its host: it writes forms that no server
/// on-premises does, and none of them can condemn.
fn read<'a>(field: &HeaderField<'a>, catalog: &Catalog) -> Result<Hop<'a>, Unreadable> {
    if field.cut {
        return Err(Unreadable::Cut);
    }
    parse_received(field.value).or_else(|unreadable| {
        let hop = parse_as_other(field.value).filter(|_| unreadable.is_nearly_exchange());
        hop.filter(|hop| catalog.is_exchange_online_host(hop.by_host)).ok_or(unreadable)
    })
}

/// Exchange Online by the family of its BY host, or by a build of 15.20 or newer, which never ran on-premises.
fn is_exchange_online(hop: &Hop<'_>, catalog: &Catalog) -> bool {
    let by_number = hop.build.number().is_some_and(|build| (build.major, build.minor) >= (15, 20));
    by_number || catalog.is_exchange_online_host(hop.by_host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mail_without_an_exchange_hop_is_told_at_once() {
        let catalog = Catalog::built_in();
        let shows = |block: &str| shows_exchange(&Header::Block(block.as_bytes().into()), &catalog);
        let exchange =
            "Received: from a by b with Microsoft SMTP Server id 15.1.2507.6; Mon, 7 Sep 2026 10:00:00 +0000\r\n";
        let cloud = "Received: from a by b.prod.outlook.com with mapi id 15.1.1.1; Mon, 7 Sep 2026 10:00:00 +0000\r\n";
        let other =
            "Received: from a by b (Postfix) with ESMTP id 1; Mon, 7 Sep 2026 10:00:00 +0000\r\nReceived: (open\r\n";
        assert!(!shows("") && !shows(other) && !shows(cloud));
        assert!(shows(exchange) && shows(&format!("{other}{cloud}{exchange}")));
        assert!(!shows(&format!("Received: ({}){}", "x".repeat(65_536), exchange)), "a field too long to be read");
    }
}
