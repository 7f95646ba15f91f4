//! Recognition with any relays, own hops and peers: a server is found only where every hop above its own is vouched for.
//! Three octets choose own hops, client and relays; then each hop takes three: its host, its peer, its software. An
//! octet of 0xff ends them, and the rest stands below the server's own stamp.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tidegate_engine::Catalog;
use tidegate_engine::Header;
use tidegate_engine::TrustedRelay;
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{Finding, OwnHops, recognise, shows_exchange, traces};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);
static RELAYS: LazyLock<Vec<TrustedRelay>> = LazyLock::new(|| {
    let relay = |host: &str, networks: &[&str]| TrustedRelay {
        host: host.to_owned().try_into().expect("a host"),
        networks: networks.iter().map(|network| network.parse().expect("a network")).collect(),
    };
    vec![
        relay("relay.example", &["10.1.0.0/16"]),
        relay("inner.example", &["10.2.0.0/16", "2001:db8::/32"]),
        relay("example", &["203.0.113.7"]),
    ]
});
const ADDRESSES: [&str; 7] =
    ["10.1.0.7", "10.2.0.7", "203.0.113.7", "127.0.0.1", "::1", "2001:db8::7", "::ffff:10.1.0.7"];
const HOSTS: [&str; 5] = ["a.relay.example", "inner.example.", "X.EXAMPLE", "other.test", "notrelay.example"];
const STAMP: &str = "Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; Mon, 7 Sep 2026 10:00:00 +0000\r\n";

struct Hop {
    by: &'static str,
    from: Option<IpAddr>,
    has_from: bool,
}

fuzz_target!(|data: &[u8]| {
    let [own_hops, client, relays, rest @ ..] = data else { return };
    let own = usize::from(own_hops % 5);
    let relays = &RELAYS[..usize::from(*relays) % (RELAYS.len() + 1)];
    let client = address(*client);
    let end = rest.iter().position(|octet| *octet == 0xff).unwrap_or(rest.len());
    let (chosen, below) = rest.split_at(end);
    let mut header = Vec::new();
    let hops: Vec<Hop> = chosen.chunks_exact(3).take(12).map(|chosen| add_hop(&mut header, chosen)).collect();
    header.extend_from_slice(STAMP.as_bytes());
    // no continuation of the stamp
    header.extend(below.iter().skip(1).skip_while(|octet| octet.is_ascii_whitespace()));
    let event = MailEvent {
        tenant: "contoso".parse().expect("a tenant"),
        connector: Connector::Internet,
        client_ip: client,
        client_auth: None,
        own_hops: u8::try_from(own).expect("small"),
        recipients: Vec::new(),
        header: Header::Block(header.into()),
    };
    let recognition = recognise(&event, relays, &CATALOG);
    assert_eq!(traces(&event.header, &CATALOG).count(), event.header.received().count());
    recognition.relay_to_offer(&event, &CATALOG);
    let Finding::Server(server) = &recognition.finding else { return };
    assert!(shows_exchange(&event.header, &CATALOG) && recognition.own_hops != OwnHops::Disbelieved);
    if own > hops.len() {
        // the gateway claims the stamp itself, and it came from the gateway's client
        return;
    }
    assert_eq!((server.evidence.field, server.name), (hops.len(), "EX01.contoso.com"));
    assert_eq!(server.shown.build(), "15.1.2507.39".parse().ok());
    assert_eq!(recognition.behind_relay, hops.len() > own);
    let (mut peer, mut itself) = (client, None);
    for hop in &hops[own..] {
        let vouches = |(index, relay): &(usize, &TrustedRelay)| {
            relay.is_named(hop.by.as_bytes())
                && (itself == Some(*index) || peer.is_some_and(|peer| relay.connects_from(peer)))
        };
        let (index, _) = relays.iter().enumerate().find(vouches).expect("nobody vouches for a hop");
        peer = hop.from;
        let is_itself = !hop.has_from || peer.is_some_and(|peer| peer.is_loopback());
        itself = is_itself.then_some(index);
    }
    let peer = peer.expect("an internet server is known by its peer");
    assert!(server.id.as_str().starts_with("ex01.contoso.com@"));
    assert_eq!(recognition.peer, Some(peer));
});

fn address(octet: u8) -> Option<IpAddr> {
    let text = ADDRESSES.get(usize::from(octet) % (ADDRESSES.len() + 1))?;
    let address: IpAddr = text.parse().expect("an address");
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    })
}

fn add_hop(header: &mut Vec<u8>, chosen: &[u8]) -> Hop {
    let by = HOSTS[usize::from(chosen[0]) % HOSTS.len()];
    let from = address(chosen[1]);
    let seen = from.map_or("unknown".to_owned(), |address| address.to_string());
    let clauses = match chosen[2] % 6 {
        0 => format!("from [10.1.0.9] (unknown [{seen}]) by {by} (Postfix) with ESMTPS id 1"),
        1 => format!("from x ([{seen}] helo=[10.1.0.9] ident=[10.1.0.9]) by {by} with esmtps (Exim 4.96) id 1"),
        2 => format!("from unknown (HELO [10.1.0.9]) ({seen}) by {by} with SMTP"),
        3 => format!("from x (x [{seen}]) by {by} with ESMTP with STARTTLS (version=TLSv1.2, cipher=X) id us-1"),
        4 => format!("from x (10.1.0.9[{seen}]) (using TLS) by {by} Email with ESMTP id 1 for <b@[10.1.0.9]>"),
        _ => format!("by {by} (Postfix, from userid 1001) id 1"),
    };
    header.extend_from_slice(format!("Received: {clauses}; Mon, 7 Sep 2026 10:00:00 +0000\r\n").as_bytes());
    let has_from = chosen[2] % 6 != 5;
    Hop { by, from: from.filter(|_| has_from), has_from }
}
