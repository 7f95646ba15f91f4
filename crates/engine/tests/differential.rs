//! The engine's reading of the corpus' `Received` fields against another parser's, that of the crate `mail-parser`.
//! Compared are the BY host, the address that it saw, and the number in the `id` clause; the engine reads no date.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;
use std::net::IpAddr;

use mail_parser::{HeaderValue, Host, MessageParser};
use support::{SAMPLES, samples};
use tidegate_engine::Build;
use tidegate_engine::Header;
use tidegate_engine::{Component, Stamp, parse_received};

/// Blocks that the two read differently, and why the engine's reading is meant.
const DIFFERENCES: &[(u32, &str)] = &[(
    47,
    "`from [IPv6:::1] (147.117.20.214)`: mail-parser takes the literal, which is the peer's HELO, for its address",
)];

/// What both can say of a field; `None` where one of them cannot.
#[derive(Debug, Eq, PartialEq)]
struct Reading {
    by: String,
    peer: Option<IpAddr>,
    build: Option<Build>,
}

#[test]
fn both_parsers_read_the_corpus_alike() {
    let (mut fields, mut compared, mut equal) = (0, 0, 0);
    let mut differences = BTreeMap::new();
    for sample in samples(SAMPLES) {
        for (ours, theirs) in ours(&sample.header).into_iter().zip(theirs(&sample.header)) {
            fields += 1;
            let (Some(ours), Some(theirs)) = (ours, theirs) else {
                continue;
            };
            compared += 1;
            if ours == theirs {
                equal += 1;
            } else {
                let said = sample.metadata("expect").unwrap_or_default();
                differences.insert(sample.number, format!("{said}\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
        }
    }
    println!("{fields} Received fields, {compared} compared, {equal} equal");
    assert!(compared * 10 >= fields * 8, "only {compared} of {fields} fields are compared");
    for (number, reason) in DIFFERENCES {
        assert!(differences.remove(number).is_some(), "block {number} is read alike by now: {reason}");
        println!("block {number} differs: {reason}");
    }
    for (number, difference) in &differences {
        println!("block {number} differs: {difference}");
    }
    assert!(differences.is_empty(), "differences without a reason");
}

fn ours(header: &str) -> Vec<Option<Reading>> {
    let header = Header::Block(header.as_bytes().into());
    let read = |value| {
        let hop = parse_received(value).ok()?;
        let build = match hop.build {
            Stamp::Build(build) if hop.component != Component::Legacy => Some(build),
            _ => None,
        };
        Some(Reading { by: String::from_utf8_lossy(hop.by_host).into_owned(), peer: hop.from_address, build })
    };
    header.received().map(|field| read(field.value)).collect()
}

fn theirs(header: &str) -> Vec<Option<Reading>> {
    let message = MessageParser::new().parse(header.as_bytes()).unwrap();
    let fields = message.headers().iter().filter(|field| field.name.as_str() == "Received");
    let read = |value: &HeaderValue<'_>| {
        let HeaderValue::Received(received) = value else {
            return None;
        };
        let by = match received.by.as_ref()? {
            Host::Name(name) => name.to_string(),
            Host::IpAddr(address) => address.to_string(),
        };
        Some(Reading { by, peer: received.from_ip, build: received.id.as_ref().and_then(|id| id.parse().ok()) })
    };
    fields.map(|field| read(&field.value)).collect()
}
