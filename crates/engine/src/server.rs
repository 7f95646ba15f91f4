//! Which server is connecting, which build it shows, and the evidence for both.
//!
//! The candidate is the first hop below the gateway's own hops and trusted relays; nothing below it can make another
//! server the connecting one. Its build is read from the topmost SMTP stamp within the unbroken run of hops by the
//! same host, else from a mapi stamp: the other components lag behind the server's true update level.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::catalog::Catalog;
use crate::event::{Connector, MailEvent};
use crate::header::{Field, Header};
use crate::network::sender_network;
use crate::policy::TrustedRelay;
use crate::received::{Component, Hop, Stamp, Unreadable, parse};

/// Octets of evidence text that are kept.
pub const MAX_EVIDENCE_BYTES: usize = 2_048;

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
    pub evidence: Evidence<'a>,
}

/// A server within its tenant: the BY host in lower case without trailing dot, and for connectors on which nobody
/// vouches for the name `name@address` (IPv6: its /64).
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ServerId(String);

impl ServerId {
    fn new(host: &[u8], connector: Connector, peer: Option<IpAddr>) -> Option<Self> {
        let mut id = host_name(host)?;
        if connector != Connector::OnPremises {
            id = format!("{id}@{}", sender_network(peer?));
        }
        Some(Self(id))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for ServerId {
    type Error = InvalidServerId;

    fn try_from(text: String) -> Result<Self, InvalidServerId> {
        let (host, address) = match text.split_once('@') {
            Some((host, address)) => (host, Some(address.parse().map_err(|_| InvalidServerId)?)),
            None => (text.as_str(), None),
        };
        let connector = if address.is_some() { Connector::Internet } else { Connector::OnPremises };
        Self::new(host.as_bytes(), connector, address).filter(|id| id.0 == text).ok_or(InvalidServerId)
    }
}

impl From<ServerId> for String {
    fn from(id: ServerId) -> Self {
        id.0
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidServerId;

impl fmt::Display for InvalidServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a server id: a host name in lower case, or `name@address`")
    }
}

impl std::error::Error for InvalidServerId {}

/// One machine behind a server's name: the address in its BY clause. A farm has several.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Node(pub Option<IpAddr>);

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(address) => address.fmt(f),
            None => f.write_str("-"),
        }
    }
}

/// What a message shows of its server's build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// A build whose last part orders the updates.
    Update(Build),
    /// A mapi stamp whose last part is 0: the lane is certain, the update level is not.
    Lane(Build),
    /// Stamped by Pickup or ShadowRedundancy, whose numbers lag: good for the product alone.
    Product(Build),
    /// No build, or an unreadable one.
    Nothing,
}

impl Shown {
    /// What one hop by itself shows.
    pub const fn of(hop: &Hop<'_>) -> Self {
        match (hop.component, hop.build) {
            (_, Stamp::Absent | Stamp::Unreadable) => Self::Nothing,
            (Component::Mapi, Stamp::Build(build)) if build.revision == 0 => Self::Lane(build),
            (Component::Pickup | Component::ShadowRedundancy, Stamp::Build(build)) => Self::Product(build),
            (_, Stamp::Build(build)) => Self::Update(build),
        }
    }

    /// The number that the server itself can be said to show.
    pub const fn build(self) -> Option<Build> {
        match self {
            Self::Update(build) | Self::Lane(build) => Some(build),
            Self::Product(_) | Self::Nothing => None,
        }
    }

    /// The number from which the product follows.
    pub const fn stamped(self) -> Option<Build> {
        match self {
            Self::Update(build) | Self::Lane(build) | Self::Product(build) => Some(build),
            Self::Nothing => None,
        }
    }
}

/// The `Received` field on which a finding rests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence<'a> {
    /// Counted from 0, the newest, before anything is skipped.
    pub field: usize,
    pub component: Component,
    value: &'a [u8],
    telling: Range<usize>,
    recipient: Range<usize>,
}

impl<'a> Evidence<'a> {
    fn of_hop(field: usize, value: &'a [u8], hop: &Hop<'a>) -> Self {
        Self { field, component: hop.component, value, telling: hop.telling.clone(), recipient: hop.recipient.clone() }
    }

    fn of_unreadable(field: usize, value: &'a [u8]) -> Self {
        Self { field, component: Component::Other, value, telling: 0..value.len(), recipient: find_recipient(value) }
    }

    /// The clauses that tell, from `by` to the build, unfolded; the whole field where none could be told.
    pub fn text(&self) -> String {
        self.unfold(self.telling.clone())
    }

    /// The whole field, unfolded, without its `for` clause.
    pub fn field_text(&self) -> String {
        self.unfold(0..self.value.len())
    }

    /// [`Self::field_text`], and where in it, in octets, [`Self::text`] stands.
    pub fn marked(&self) -> (String, Range<usize>) {
        let mut text = Unfolded::default();
        self.unfold_into(0..self.telling.start, &mut text);
        let before = text.end_with_blank();
        self.unfold_into(self.telling.clone(), &mut text);
        let end = text.out.len();
        self.unfold_into(self.telling.end..self.value.len(), &mut text);
        (text.out, before.min(end)..end)
    }

    fn unfold(&self, part: Range<usize>) -> String {
        let mut text = Unfolded::default();
        self.unfold_into(part, &mut text);
        text.out
    }

    fn unfold_into(&self, part: Range<usize>, text: &mut Unfolded) {
        let before = part.start..self.recipient.start.clamp(part.start, part.end);
        let behind = self.recipient.end.clamp(part.start, part.end)..part.end;
        for piece in [before, behind].into_iter().filter_map(|range| self.value.get(range)) {
            text.push(piece);
        }
    }

    /// Tells one message from another: a retry of the same message carries the same field. FNV-1a 64.
    pub fn fingerprint(&self) -> u64 {
        crate::window::fnv1a(self.value)
    }
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
    Finding::Server(ConnectingServer { id, name, node, shown, evidence })
}

/// The update level that the candidate and the hops of the same host right below it show.
fn level<'a>(
    (top, evidence): (Hop<'a>, Evidence<'a>),
    below: impl Iterator<Item = Numbered<'a>>,
) -> (Shown, Node, Evidence<'a>) {
    let mut best = (Shown::of(&top), Node(top.by_address), evidence);
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
            return (Shown::of(&hop), Node(hop.by_address), evidence);
        }
        if hop.component == Component::Mapi && best.2.component != Component::Mapi {
            best = (Shown::of(&hop), Node(hop.by_address), evidence);
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

fn same_host(one: &[u8], other: &[u8]) -> bool {
    without_final_dot(one).eq_ignore_ascii_case(without_final_dot(other))
}

/// A BY host that can identify a server: `[a-z0-9._-]{1,253}` in lower case, without a trailing dot.
fn host_name(host: &[u8]) -> Option<String> {
    let host = without_final_dot(host);
    let valid = |octet: &u8| octet.is_ascii_alphanumeric() || b"._-".contains(octet);
    if !(1..=253).contains(&host.len()) || !host.iter().all(valid) || host.ends_with(b".") {
        return None;
    }
    std::str::from_utf8(host).ok().map(str::to_ascii_lowercase)
}

fn without_final_dot(host: &[u8]) -> &[u8] {
    host.strip_suffix(b".").unwrap_or(host)
}

/// White space folded into single blanks, other controls and bytes that are not UTF-8 replaced, cut to the bound.
#[derive(Debug, Default)]
struct Unfolded {
    out: String,
    /// White space was read that is written once something follows.
    blank: bool,
    full: bool,
}

impl Unfolded {
    fn push(&mut self, piece: &[u8]) {
        for c in chars(piece) {
            if self.full {
                return;
            }
            if c.is_ascii_whitespace() {
                self.blank = !self.out.is_empty();
                continue;
            }
            let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
            if self.end_with_blank() + c.len_utf8() > MAX_EVIDENCE_BYTES {
                self.full = true;
                return;
            }
            if std::mem::take(&mut self.blank) {
                self.out.push(' ');
            }
            self.out.push(c);
        }
    }

    /// Where the next character will stand.
    fn end_with_blank(&self) -> usize {
        self.out.len() + usize::from(self.blank)
    }
}

fn chars(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(invalid)
    })
}

/// Where a recipient may stand in a field whose clauses cannot be told apart: from the word `for` to the date.
fn find_recipient(value: &[u8]) -> Range<usize> {
    let ends_word =
        |octet: Option<&u8>| octet.is_none_or(|octet| !octet.is_ascii_alphanumeric() && !b".-_".contains(octet));
    let found = value.windows(3).enumerate().find(|(at, word)| {
        let before = at.checked_sub(1).and_then(|before| value.get(before));
        word.eq_ignore_ascii_case(b"for") && ends_word(before) && ends_word(value.get(at + 3))
    });
    let Some((start, _)) = found else { return 0..0 };
    let date = value.iter().rposition(|octet| *octet == b';').filter(|date| *date > start);
    start..date.unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_read_as_they_are_written_and_nothing_else_does() {
        let id = |host: &str, connector, peer: &str| ServerId::new(host.as_bytes(), connector, peer.parse().ok());
        let written = [
            id("EX01.Contoso.com.", Connector::OnPremises, ""),
            id("_ex-1", Connector::Partner, "203.0.113.7"),
            id("ex01", Connector::Internet, "2001:db8:1:2:3:4:5:6"),
            id("ex01", Connector::Internet, "::ffff:203.0.113.7"),
        ];
        for id in written.map(Option::unwrap) {
            assert_eq!(ServerId::try_from(id.to_string()), Ok(id));
        }
        for wrong in [
            "",
            ".",
            "ex01.",
            "EX01",
            "ex 01",
            "ex01@",
            "ex01@x",
            "ex01@2001:db8::1",
            "ex01@::ffff:203.0.113.7",
            "@::",
            "a@b@c",
        ] {
            assert_eq!(ServerId::try_from(wrong.to_owned()), Err(InvalidServerId), "{wrong}");
        }
        for none in ["", ".", "..", "ex01..", "a b", "a\0", "ä"] {
            assert_eq!(id(none, Connector::OnPremises, ""), None, "{none:?}");
        }
    }

    #[test]
    fn mail_without_an_exchange_hop_is_told_at_once() {
        let catalog = Catalog::built_in().unwrap();
        let shows = |block: &str| shows_exchange(&Header::Block(block.as_bytes().into()), &catalog);
        let exchange = "Received: from a by b with Microsoft SMTP Server id 15.1.2507.6; x\r\n";
        let cloud = "Received: from a by b.prod.outlook.com with mapi id 15.1.1.1; x\r\n";
        let other = "Received: from a by b (Postfix) with ESMTP id 1; x\r\nReceived: (open\r\n";
        assert!(!shows("") && !shows(other) && !shows(cloud));
        assert!(shows(exchange) && shows(&format!("{other}{cloud}{exchange}")));
        assert!(!shows(&format!("Received: ({}){}", "x".repeat(65_536), exchange)), "a field too long to be read");
    }

    #[test]
    fn a_retry_has_the_same_fingerprint_and_another_message_has_not() {
        let fingerprint = |value: &'static str| {
            Evidence::of_hop(0, value.as_bytes(), &parse(value.as_bytes()).unwrap()).fingerprint()
        };
        let first = "from a by b with mapi id 15.1.2507.6; Mon, 7 Sep 2026 10:00:00 +0000";
        let second = "from a by b with mapi id 15.1.2507.6; Mon, 7 Sep 2026 10:00:01 +0000";
        assert_eq!(fingerprint(first), fingerprint(first));
        assert_ne!(fingerprint(first), fingerprint(second));
    }
}
