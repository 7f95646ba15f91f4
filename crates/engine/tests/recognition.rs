//! What holds for every field and every way that a message can have come: nobody but the server itself names it or its
//! build, and no server is the tenant's unless the gateway or a trusted relay has the message from it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops where it fails"
)]
#![allow(clippy::disallowed_methods, reason = "one test measures time")]

mod support;

use std::net::IpAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::json;
use support::{SAMPLES, Sample, samples};
use tidegate_engine::Catalog;
use tidegate_engine::Header;
use tidegate_engine::TrustedRelay;
use tidegate_engine::decide_without_server;
use tidegate_engine::{Component, Hop, Stamp, Unreadable, parse_received};
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{Finding, OwnHops, recognise, shows_exchange};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);

/// Every `Received` value of the corpus that an Exchange 2007 or later wrote, unfolded.
static GENUINE: LazyLock<Vec<String>> = LazyLock::new(|| {
    let is_genuine = |sample: &Sample<'_>| {
        let kind = sample.metadata("kind").unwrap_or_else(|| panic!("block {} has no kind", sample.number));
        ["onprem", "onprem-nobuild", "component-trap", "exo"].contains(&kind)
    };
    let genuine = samples(SAMPLES).into_iter().filter(is_genuine);
    let values = genuine.flat_map(|sample| {
        let header = Header::Block(sample.header.into_bytes().into());
        header.received().map(|field| unfolded(field.value)).collect::<Vec<_>>()
    });
    values.collect()
});

fn unfolded(value: &[u8]) -> String {
    String::from_utf8_lossy(value).split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn genuine() -> impl Strategy<Value = String> {
    select(GENUINE.as_slice())
}

/// What a peer may say its name is, or DNS, or a certificate.
fn chosen() -> impl Strategy<Value = String> {
    const PARTS: [&str; 34] = [
        " ",
        "\r\n ",
        "a",
        "EX01.victim.example",
        "from",
        "by",
        "with",
        "id",
        "via",
        "for",
        "over",
        "(",
        ")",
        "[",
        "]",
        "<",
        ">",
        "\"",
        "\\",
        ";",
        "(10.0.0.9)",
        "[10.0.0.9]",
        "([10.0.0.9])",
        "Pickup",
        "Microsoft SMTP Server",
        "mapi",
        "ESMTP",
        "(TLS)",
        "15.1.2507.6",
        "id 15.1.2507.6",
        "Transport",
        "Tue, 6 Oct 2026 10:00:00 +0000",
        "helo=[10.0.0.8]",
        "x by victim with Microsoft SMTP Server id 15.1.2507.6; Tue, 6 Oct 2026 10:00:00 +0000",
    ];
    let parts = vec(select(PARTS.as_slice()), 0..14);
    prop_oneof![parts.prop_map(|parts| parts.join(" ")), "[ -~]{0,40}", "\\PC{0,20}"]
}

/// Whose hop it is, and what it shows.
fn shown<'a>(hop: &Hop<'a>) -> (&'a [u8], Stamp, bool) {
    (hop.by_host, hop.build, hop.component == Component::Mapi)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_024))]

    #[test]
    fn a_peers_words_never_change_whose_stamp_it_is_or_its_build(
        stamp in genuine(), name in chosen(), dns in chosen(), form in 0..5usize,
    ) {
        let own = &stamp[stamp.find("by ").unwrap()..];
        let value = match form {
            0 => format!("from {name} (10.0.0.9) {own}"),
            1 => format!("from {name} {own}"),
            2 => format!("from {name} ({dns} [10.0.0.9]) {own}"),
            3 => format!("from {name} ({dns}) (10.0.0.9) {own}"),
            _ => format!("from [{name}] (10.0.0.9) {own}"),
        };
        let true_hop = parse_received(stamp.as_bytes()).unwrap();
        if let Ok(hop) = parse_received(value.as_bytes()) {
            prop_assert_eq!(shown(&hop), shown(&true_hop), "{}", value);
        }
    }

    #[test]
    fn a_stamp_reads_the_same_however_it_is_folded(
        stamp in genuine(), folds in vec(select(vec!["\r\n ", "\n\t", "  ", "\r\n \r\n ", " "]), 40),
    ) {
        let mut folds = folds.into_iter().cycle();
        let folded: String = stamp.split(' ').map(|word| format!("{word}{}", folds.next().unwrap())).collect();
        let (hop, same) = (parse_received(stamp.as_bytes()).unwrap(), parse_received(folded.as_bytes()).unwrap());
        prop_assert_eq!((shown(&hop), hop.at(), hop.by_address), (shown(&same), same.at(), same.by_address));
    }

    #[test]
    fn words_that_are_added_to_a_stamp_make_it_no_other_build(stamp in genuine(), words in chosen(), at in any::<prop::sample::Index>()) {
        let blanks: Vec<_> = stamp.match_indices(' ').map(|(at, _)| at).collect();
        let behind_by = stamp.find(" by ").unwrap_or(0);
        let at = *at.get(&blanks);
        // what stands before BY is the peer's; behind it only the server writes
        prop_assume!(at > behind_by);
        let value = format!("{} {words} {}", &stamp[..at], &stamp[at..]);
        let true_hop = parse_received(stamp.as_bytes()).unwrap();
        if let Ok(hop) = parse_received(value.as_bytes()) && hop.component != Component::Other {
            prop_assert!(hop.build == true_hop.build || true_hop.build == Stamp::Absent || hop.build == Stamp::Absent, "{}", value);
        }
    }

    #[test]
    fn nothing_below_it_makes_a_server_another_product(
        top in select(vec!["Microsoft SMTP Server id 15.1.2507.39", "mapi id 15.02.2562.053", "mapi id 14.03.0509.000", "ShadowRedundancy id 15.0.1473.3"]),
        below in vec((select(vec!["Microsoft SMTP Server", "mapi", "ShadowRedundancy"]),
            select(vec!["15.1.2507.61", "15.1.2507.6", "15.2.2562.53", "15.2.1748.26", "15.0.1497.2", "14.3.513.0", "8.3.517.0"]), 8..13u8), 0..6),
    ) {
        let field = |stamp: &str, hour: u8| format!("Received: from a (10.0.0.9) by EX01 (10.0.0.5) with {stamp}; Tue, 6 Oct 2026 {hour:02}:00:00 +0000\r\n");
        let lower: String = below.iter().map(|(component, build, hour)| field(&format!("{component} id {build}"), *hour)).collect();
        let header = field(top, 10) + &lower;
        let event = event(header, 0, None);
        let recognition = recognise(&event, &[], &CATALOG);
        let server = recognition.server().unwrap();
        let number = |text: &str| text.rsplit(' ').next().unwrap().parse().unwrap();
        let product = |build| CATALOG.product(build).unwrap().name.clone();
        prop_assert_eq!(product(server.shown.stamped().unwrap()), product(number(top)));
        prop_assert!(server.other_component.is_none_or(|other_component| product(other_component) == product(number(top)) && other_component.revision != 0));
        if top.starts_with("Microsoft") {
            prop_assert_eq!((server.shown.build(), server.evidence.field), (Some(number(top)), 0));
        }
        let near = below.get(server.evidence.field.wrapping_sub(1)).is_none_or(|(.., hour)| (9..=11).contains(hour));
        prop_assert!(near, "a stamp of another hour");
    }

    #[test]
    fn a_server_is_the_tenants_only_if_every_hop_above_it_is_vouched_for(
        hops in vec(hop(), 0..6), own_hops in 0..4u8, client in option::weighted(0.9, address()), relays in vec(relay(), 0..3),
    ) {
        let exchange = "Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; Tue, 6 Oct 2026 10:00:00 +0000\r\n";
        let header: String = hops.iter().map(Above::field).chain([exchange.to_owned()]).collect();
        let event = event(header, own_hops, client);
        let recognition = recognise(&event, &relays, &CATALOG);
        let own = usize::from(own_hops);
        // the peer that the last of the gateway's own fields names or, where that is the gateway itself, the first
        let claimed: Vec<_> = hops.iter().take(own).map(|hop| hop.from).collect();
        let is_named = |by: Option<&Option<IpAddr>>| client.is_some() && by == Some(&client);
        let by_itself = client.is_some_and(|client| client.is_loopback()) && is_named(claimed.first());
        let expected = match client {
            _ if own == 0 => OwnHops::None,
            _ if own > hops.len() => OwnHops::Disbelieved,
            None => OwnHops::Unverified,
            Some(_) if is_named(claimed.last()) || by_itself => OwnHops::Verified,
            Some(_) => OwnHops::Disbelieved,
        };
        prop_assert_eq!(recognition.own_hops, expected);
        let Finding::Server(server) = &recognition.finding else {
            prop_assert!(decide_without_server(&event, &recognition).is_some());
            return Ok(());
        };
        prop_assert!(recognition.own_hops != OwnHops::Disbelieved && shows_exchange(&event.header, &CATALOG));
        prop_assert_eq!(server.evidence.field, hops.len());
        prop_assert_eq!(recognition.behind_relay, hops.len() > own);
        let (mut peer, mut vouched) = (client, client);
        let mut itself: Option<&TrustedRelay> = None;
        for hop in &hops[own..] {
            let names = |relay: &&TrustedRelay| relay.is_named(hop.by.as_bytes());
            let connects = |relay: &&TrustedRelay| vouched.is_some_and(|peer| relay.connects_from(peer));
            // where several entries fit, a relay that has it from itself is the same one again
            let again = itself.filter(names);
            let relay = again.or_else(|| relays.iter().filter(names).find(connects));
            prop_assert!(relay.is_some(), "nobody vouches for {}", hop.field());
            peer = hop.from;
            vouched = if hop.is_local() { vouched } else { peer };
            itself = relay.filter(|_| hop.is_local() || peer.is_some_and(|peer| peer.is_loopback()));
        }
        prop_assert_eq!(recognition.peer, peer);
    }
}

/// Another server's hop: its BY host, and the peer that it saw.
#[derive(Clone, Debug)]
struct Above {
    by: String,
    from: Option<IpAddr>,
    form: usize,
}

impl Above {
    /// It has no FROM clause.
    fn is_local(&self) -> bool {
        self.form == 5
    }

    fn field(&self) -> String {
        let (by, from) = (&self.by, self.from.map_or("unknown".to_owned(), |address| address.to_string()));
        let clauses = match self.form {
            0 => format!("from [10.1.0.9] (unknown [{from}]) by {by} (Postfix) with ESMTPS id 1"),
            1 => format!("from x ([{from}] helo=[10.1.0.9] ident=[10.1.0.9]) by {by} with esmtps (Exim 4.96) id 1"),
            2 => format!("from unknown (HELO [10.1.0.9]) ({from}) by {by} with SMTP"),
            3 => format!("from x (x [{from}]) by {by} with ESMTP with STARTTLS (version=TLSv1.2, cipher=X) id us-1"),
            5 => format!("by {by} with SMTP id 1"),
            _ => format!("from x (10.1.0.9[{from}]) (using TLS) by {by} Email with ESMTP id 1 for <b@[10.1.0.9]>"),
        };
        format!("Received: {clauses}; Tue, 6 Oct 2026 10:00:00 +0000\r\n")
    }
}

fn address() -> impl Strategy<Value = IpAddr> {
    select(["10.1.0.7", "10.2.0.7", "203.0.113.7", "127.0.0.1"].map(|address| address.parse().unwrap()).to_vec())
}

fn host() -> impl Strategy<Value = String> {
    select(vec!["relay.example", "a.relay.example", "inner.example", "x.inner.example", "example"])
        .prop_map(str::to_owned)
}

fn hop() -> impl Strategy<Value = Above> {
    let hop = (host(), option::weighted(0.9, address()), 0..6usize);
    hop.prop_map(|(by, from, form)| Above { by, from: from.filter(|_| form != 5), form })
}

fn relay() -> impl Strategy<Value = TrustedRelay> {
    let networks = vec(select(vec!["10.1.0.0/16", "10.2.0.0/16", "203.0.113.7", "0.0.0.0/0"]), 1..3);
    (host(), networks)
        .prop_map(|(host, networks)| serde_json::from_value(json!({"host": host, "networks": networks})).unwrap())
}

fn event(header: String, own_hops: u8, client_ip: Option<IpAddr>) -> MailEvent<'static> {
    MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip,
        client_auth: None,
        own_hops,
        recipients: Vec::new(),
        header: Header::Block(header.into_bytes().into()),
    }
}

#[test]
fn a_stamp_that_was_cut_anywhere_yields_no_other_build() {
    for stamp in GENUINE.iter() {
        let true_build = parse_received(stamp.as_bytes()).unwrap().build;
        for end in 0..stamp.len() {
            match parse_received(&stamp.as_bytes()[..end]) {
                Ok(hop) => {
                    assert!(hop.component == Component::Other && hop.build == Stamp::Absent, "{}", &stamp[..end])
                }
                Err(unreadable) => {
                    let in_clauses = stamp[..end].contains("SMTP Server") || stamp[..end].contains("mapi");
                    assert!(in_clauses <= unreadable.is_nearly_exchange() || unreadable == Unreadable::Malformed);
                }
            }
        }
        assert_eq!(parse_received(stamp.as_bytes()).unwrap().build, true_build);
    }
}

#[test]
fn a_relays_hop_that_is_longer_than_is_read_vouches_for_nobody() {
    let relays: Vec<TrustedRelay> =
        serde_json::from_value(json!([{"host": "relay.example", "networks": ["198.51.100.0/24"]}])).unwrap();
    let finds_server = |behind_date: usize| {
        let header = format!(
            "Received: from ex01 (unknown [203.0.113.7]) by a.relay.example with ESMTP id 1; {}\r\nReceived: {}\r\n",
            "x".repeat(behind_date),
            "from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; \
             Tue, 6 Oct 2026 10:00:00 +0000",
        );
        let event = event(header, 0, Some("198.51.100.20".parse().unwrap()));
        matches!(recognise(&event, &relays, &CATALOG).finding, Finding::Server(_))
    };
    assert!(finds_server(40) && finds_server(60_000));
    assert!(!finds_server(70_000), "who else took part may stand behind what was read");
}

/// The bound of 50 ms is the benchmark's to hold. Without optimisation, on a machine that does other things, no time is
/// exact: what is caught here is a path whose time grows with the square of the length, which takes hours.
#[test]
fn a_mebibyte_of_anything_is_read_in_time_that_grows_with_its_length_alone() {
    let stamp = &GENUINE[0];
    let mebibyte = |text: &str| text.repeat((1 << 20) / text.len());
    let headers = [
        mebibyte(&format!("Received: {stamp}\r\n")),
        mebibyte("Received: (a\r\n"),
        format!("Received: {}\r\n", mebibyte("(")),
        format!("Received: from {}\r\n", mebibyte("a(")),
        mebibyte(&format!("Received: ({}\r\n", "(".repeat(60_000))),
        mebibyte(&format!("Received: {}\r\n", "(for x)".repeat(9_000))),
        mebibyte(&format!("Received: by x {}\r\n", "with mapi ".repeat(6_000))),
        mebibyte(&format!("Received: {}\r\n", "Microsoft SMTP ".repeat(4_000))),
        mebibyte(&format!("Received: {}\r\n", "[\\".repeat(30_000))),
        format!("Received: by b\r\n{}\r\n", mebibyte(" \r\n")),
        mebibyte("Received: (qmail 1 invoked from network); x\r\n"),
    ];
    let relay: TrustedRelay = serde_json::from_value(json!({"host": "x", "networks": ["0.0.0.0/0"]})).unwrap();
    for header in headers {
        let start = header[..40].to_owned();
        let event = event(header, 1, "203.0.113.7".parse().ok());
        let begun = Instant::now();
        let recognition = recognise(&event, std::slice::from_ref(&relay), &CATALOG);
        shows_exchange(&event.header, &CATALOG);
        recognition.relay_to_offer(&event, &CATALOG);
        let texts = recognition.evidence().map(|evidence| (evidence.text(), evidence.marked(), evidence.fingerprint()));
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(60), "{took:?}: {start}");
        drop(texts);
    }
}
