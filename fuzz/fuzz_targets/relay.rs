//! The generous reader. A relay's own field, with what its peer chose in it, names the peer that the relay saw or none:
//! no sender makes itself another relay, or another's server the connecting one.
//! The first octet chooses the relay's software, the rest is what its peer chose.
#![no_main]

use std::net::IpAddr;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tidegate_engine::Catalog;
use tidegate_engine::Header;
use tidegate_engine::TrustedRelay;
use tidegate_engine::parse_received;
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{Finding, recognise};

static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::built_in);
static RELAYS: LazyLock<Vec<TrustedRelay>> = LazyLock::new(|| {
    vec![TrustedRelay {
        host: "relay.example".to_owned().try_into().expect("a host"),
        networks: vec!["10.1.0.0/16".parse().expect("a network")],
    }]
});
const PEER: &str = "203.0.113.7";

fuzz_target!(|data: &[u8]| {
    let Some((form, chosen)) = data.split_first() else { return };
    // neither is a name: what reads a line gives one no end of line, and writes no bracket that it did not close
    let chosen: Vec<u8> = chosen.iter().copied().filter(|octet| !b"()[]<>\"\\\r\n\0".contains(octet)).collect();
    let own = "by a.relay.example (Postfix) with ESMTPS id 1; Mon, 7 Sep 2026 10:00:00 +0000";
    let (before, behind) = match form % 4 {
        0 => ("from ", format!(" (unknown [{PEER}]) {own}")),
        1 => ("from x ([203.0.113.7] helo=", format!(") {own}")),
        2 => ("from x ([203.0.113.7] ident=[10.1.0.8] helo=", format!(") {own}")),
        _ => ("from unknown (HELO ", format!(") ({PEER}) {own}")),
    };
    let value = [before.as_bytes(), &chosen, behind.as_bytes()].concat();
    let peer: IpAddr = PEER.parse().expect("an address");
    if let Ok(hop) = parse_received(&value) {
        assert!(hop.from_address.is_none_or(|seen| seen == peer), "{:?}", hop.from_address);
        assert_eq!(hop.by_host, b"a.relay.example");
    }
    // below it the sender's own invention: another relay's hop, and a victim's stamp
    let header = [
        b"Received: ".as_slice(),
        &value,
        b"\r\nReceived: from x (unknown [198.51.100.7]) by b.relay.example (Postfix) with ESMTP id 2; Mon, 7 Sep 2026 10:00:00 +0000\r\n\
          Received: from a (10.0.0.9) by VICTIM (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.6; Mon, 7 Sep 2026 10:00:00 +0000\r\n",
    ]
    .concat();
    let event = MailEvent {
        tenant: "contoso".parse().expect("a tenant"),
        connector: Connector::OnPremises,
        client_ip: "10.1.0.7".parse().ok(),
        client_auth: None,
        own_hops: 0,
        recipients: Vec::new(),
        header: Header::Block(header.into()),
    };
    assert!(!matches!(recognise(&event, &RELAYS, &CATALOG).finding, Finding::Server(_)));
});
