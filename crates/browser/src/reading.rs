//! `readHeader`: what a header says of the connecting server and of every hop.

use std::net::IpAddr;

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};
use tidegate_engine::catalog::Catalog;
use tidegate_engine::decision::describe;
use tidegate_engine::event::{Connector, MAX_OWN_HOPS, MailEvent};
use tidegate_engine::header::Header;
use tidegate_engine::policy::TrustedRelay;
use tidegate_engine::received::Component;
use tidegate_engine::server::{ConnectingServer, Shown, Trace, recognise, traces};
use tidegate_wire::native::{EvidenceDocument, Shown as Written};

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
    evidence: Option<EvidenceDocument>,
    why: String,
    hops: Vec<HeaderHop>,
    truncated: bool,
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
        own_hops,
        recipients: Vec::new(),
        header: Header::Block(header.into()),
    };
    let recognition = recognise(&event, &options.trusted_relays.unwrap_or_default(), &facts.catalog);
    let hops = traces(&event.header, &facts.catalog).map(|trace| HeaderHop::new(&trace, &facts.catalog)).collect();
    Ok(Reading {
        finding: recognition.finding.as_str(),
        server: recognition.server().map(|server| Server::new(server, &facts.catalog)),
        evidence: recognition.evidence().map(EvidenceDocument::new),
        why: describe(&event, &recognition, &facts.catalog),
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
        let shown = hop.map_or(Shown::Nothing, Shown::of);
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
