//! `readHeader`: what a header says of the connecting server and of every hop.

use std::net::IpAddr;

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};
use tidegate_engine::Catalog;
use tidegate_engine::Component;
use tidegate_engine::Header;
use tidegate_engine::Shown;
use tidegate_engine::TrustedRelay;
use tidegate_engine::describe_recognition;
use tidegate_engine::{ConnectingServer, Evidence, Trace, recognise, shown_by_hop, traces};
use tidegate_engine::{Connector, MAX_OWN_HOPS, MailEvent};
use tidegate_wire::native::Written;

use crate::document::{Marked, Release, Time};
use crate::error::{Code, Fault};
use crate::options::{facts, read};

/// Octets of a header that are read.
pub const MAX_HEADER: usize = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Options {
    connector: Option<Connector>,
    client_ip: Option<IpAddr>,
    own_hops: Option<u8>,
    trusted_relays: Option<Vec<TrustedRelay>>,
}

#[derive(Serialize)]
pub struct Reading {
    finding: &'static str,
    server: Option<Server>,
    evidence: Option<Found>,
    why: String,
    hops: Vec<HeaderHop>,
    truncated: bool,
}

/// The field on which the finding rests.
#[derive(Serialize)]
struct Found {
    field: usize,
    component: &'static str,
    text: String,
}

#[derive(Serialize)]
struct Server {
    id: String,
    name: String,
    node: Option<IpAddr>,
    #[serde(flatten)]
    release: Release,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HeaderHop {
    field: usize,
    by: Option<String>,
    component: &'static str,
    #[serde(flatten)]
    release: Release,
    exchange_online: bool,
    unreadable: Option<&'static str>,
    at: Option<Time>,
    #[serde(flatten)]
    marked: Marked,
}

/// Reads the beginning of `header`; `cut` says that there was more.
pub fn read_header(header: &[u8], cut: bool, options: &str) -> Result<Reading, Fault> {
    let facts = facts()?;
    let options: Options = read(options)?;
    let own_hops = options.own_hops.unwrap_or(0);
    if own_hops > MAX_OWN_HOPS {
        return Err(Fault::new(Code::Options, "ownHops", format_args!("at most {MAX_OWN_HOPS}")));
    }
    let header = without_blank_lines(header);
    let event = MailEvent {
        // plays no part in what is read
        tenant: "reader".parse().map_err(|_| Fault::internal())?,
        connector: options.connector.unwrap_or(Connector::OnPremises),
        client_ip: options.client_ip,
        client_auth: None,
        own_hops,
        recipients: Vec::new(),
        header: Header::Block(header.into()),
    };
    let recognition = recognise(&event, &options.trusted_relays.unwrap_or_default(), &facts.catalog);
    let hops = traces(&event.header, &facts.catalog).map(|trace| HeaderHop::new(&trace, &facts.catalog)).collect();
    Ok(Reading {
        finding: recognition.finding.as_str(),
        server: recognition.server().map(|server| Server::new(server, &facts.catalog)),
        evidence: recognition.evidence().map(Found::new),
        why: describe_recognition(&event, &recognition, &facts.catalog),
        hops,
        truncated: (cut && !has_end(header)) || event.header.has_unread_fields() || event.header.has_cut_field(),
    })
}

/// What was pasted often begins with an empty line, a file with a byte order mark.
fn without_blank_lines(header: &[u8]) -> &[u8] {
    let header = header.strip_prefix(b"\xef\xbb\xbf").unwrap_or(header);
    let start = header.iter().position(|octet| !matches!(octet, b'\r' | b'\n')).unwrap_or(header.len());
    header.get(start..).unwrap_or_default()
}

/// Whether the empty line is there with which a header ends.
fn has_end(header: &[u8]) -> bool {
    memchr_iter(b'\n', header).any(|end| matches!(header.get(end + 1..), Some([b'\n', ..] | [b'\r', b'\n', ..])))
}

impl Found {
    fn new(evidence: &Evidence<'_>) -> Self {
        Self { field: evidence.field, component: evidence.component.as_str(), text: evidence.text() }
    }
}

impl Server {
    fn new(server: &ConnectingServer<'_>, catalog: &Catalog) -> Self {
        Self {
            id: server.id.to_string(),
            name: server.name.to_owned(),
            node: server.node.0,
            release: Release::new(catalog, server.shown),
        }
    }
}

impl HeaderHop {
    fn new(trace: &Trace<'_>, catalog: &Catalog) -> Self {
        let hop = trace.hop.as_ref();
        let shown = hop.map_or(Shown::Nothing, shown_by_hop);
        let release = Release::stamped(catalog, shown);
        Self {
            field: trace.evidence.field,
            by: hop.ok().map(|hop| String::from_utf8_lossy(hop.by_host).into_owned()),
            component: hop.map_or(Component::Other, |hop| hop.component).as_str(),
            // its older builds look like on-premises ones
            release: if trace.exchange_online { release.without_names() } else { release },
            exchange_online: trace.exchange_online,
            unreadable: hop.err().map(|unreadable| unreadable.as_str()),
            at: hop.ok().and_then(|hop| hop.at()).map(Written),
            marked: Marked::new(&trace.evidence),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn reading(header: &str, options: &str) -> Value {
        serde_json::to_value(read_header(header.as_bytes(), false, options).unwrap()).unwrap()
    }

    #[test]
    fn the_telling_part_is_marked_where_javascript_counts() {
        let header = "\u{feff}\r\nReceived: from \u{1f600}ä (a) by\r\n mx01 (10.0.0.5) with ESMTP id\r\n \
                      4ABC for <ben@example.org>; Tue, 6 Oct 2026 10:00:00 +0200\r\n";
        let hop = &reading(header, "{}")["hops"][0];
        let text: Vec<u16> = hop["text"].as_str().unwrap().encode_utf16().collect();
        let [start, end] = [0, 1].map(|index| usize::try_from(hop["telling"][index].as_u64().unwrap()).unwrap());
        let telling = String::from_utf16(&text[start..end]).unwrap();
        assert_eq!(telling, "by mx01 (10.0.0.5) with ESMTP id 4ABC");
        assert!(!hop["text"].as_str().unwrap().contains("ben@"));
        assert_eq!(hop["at"], "2026-10-06T08:00:00Z");
    }

    #[test]
    fn exchange_onlines_hops_have_no_product_whatever_their_build() {
        let header = "Received: from a by x.prod.outlook.com with Microsoft SMTP Server id 15.1.466.16; Mon, 7 Sep 2026 10:00:00 +0000\r\n\
                      Received: from a by y.prod.outlook.com with HTTPS; Mon, 7 Sep 2026 10:00:00 +0000\r\n\
                      Received: from a by ex01 with Microsoft SMTP Server id 15.1.466.16; Mon, 7 Sep 2026 10:00:00 +0000\r\n";
        let hops = reading(header, "{}")["hops"].clone();
        assert_eq!((&hops[0]["exchangeOnline"], &hops[0]["build"]), (&true.into(), &"15.1.466.16".into()));
        assert_eq!((&hops[0]["product"], &hops[1]["exchangeOnline"]), (&Value::Null, &true.into()));
        assert_eq!((&hops[2]["exchangeOnline"], &hops[2]["product"]), (&false.into(), &"Exchange Server 2016".into()));
    }

    #[test]
    fn own_hops_and_trusted_relays_are_looked_through() {
        let header = "Received: from relay (203.0.113.7) by gateway with ESMTP; Mon, 7 Sep 2026 10:00:00 +0000\r\n\
                      Received: from ex (10.0.0.5) by relay.example with ESMTP; Mon, 7 Sep 2026 10:00:00 +0000\r\n\
                      Received: from a by EX01 (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39; Mon, 7 Sep 2026 10:00:00 +0000\r\n";
        assert_eq!(reading(header, "{}")["finding"], "not_exchange");
        let options = r#"{"ownHops":1,"clientIp":"203.0.113.7",
            "trustedRelays":[{"host":"example","networks":["203.0.113.0/24"]}]}"#;
        let reading = reading(header, options);
        assert_eq!((&reading["finding"], &reading["server"]["id"]), (&"server".into(), &"ex01".into()));
        assert_eq!(reading["evidence"]["field"], 2);
        assert_eq!(reading["why"], "EX01 runs Exchange Server 2016 CU23 Apr24HU. It stands behind a trusted relay.");
    }

    #[test]
    fn what_was_left_out_is_said() {
        let truncated = |header: &str, cut| read_header(header.as_bytes(), cut, "{}").unwrap().truncated;
        assert!(
            !truncated("A: 1\n\nbody", true) && !truncated("A: 1\r\n\r\nbody", true) && !truncated("A: 1\n", false)
        );
        assert!(truncated("A: 1\nB: 2", true) && truncated(&"A: 1\n".repeat(1_001), false));
        assert!(truncated(&format!("A: {}", "x".repeat(70_000)), false));
    }

    #[test]
    fn the_option_that_is_wrong_is_named() {
        let options = [
            (r#"{"ownHops":17}"#, "ownHops"),
            (r#"{"clientIp":"ten"}"#, "clientIp"),
            (r#"{"own_hops":1}"#, "own_hops"),
            (r#"{"trustedRelays":[{"host":"a"}]}"#, "trustedRelays[0].networks"),
        ];
        for (options, field) in options {
            let fault = read_header(b"", false, options).err().unwrap();
            assert_eq!((fault.code, fault.field.as_str()), (Code::Options, field));
        }
    }
}
