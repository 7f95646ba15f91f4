//! The tables of real shapes in `data/cases`: `relays.toml`, `exchange.toml` and the single messages of `messages.toml`.
//! What a case does not state is not compared, but for `behind_relay` and what the policy's relays have to do with it.

use std::net::IpAddr;

use serde::Deserialize;
use tidegate_engine::{
    Catalog, Connector, Finding, Header, MailEvent, Recognition, Shown, TrustedRelay, decide_without_server,
    parse_received, recognise, shows_exchange, traces,
};

pub(crate) const RELAYS: &str = include_str!("../../../../data/cases/relays.toml");
pub(crate) const EXCHANGE: &str = include_str!("../../../../data/cases/exchange.toml");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Case {
    pub(crate) name: String,
    #[serde(rename = "why")]
    _why: Option<String>,
    #[serde(rename = "source")]
    _source: String,
    client_ip: Option<IpAddr>,
    #[serde(default)]
    trusted_relays: Vec<TrustedRelay>,
    #[serde(default)]
    header: String,
    /// In place of `header`, below `data/cases`.
    pub(crate) file: Option<String>,
    yields: Yields,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Yields {
    #[serde(default)]
    finding: String,
    #[serde(default)]
    behind_relay: bool,
    field: Option<usize>,
    component: Option<String>,
    id: Option<String>,
    /// What the server runs.
    build: Option<String>,
    /// What else its field shows: `lane` or `product` with a build, or `nothing`.
    shown: Option<String>,
    /// Who handed over to each field that was looked at, from the client on.
    peers: Option<Vec<IpAddr>>,
    /// As good an answer as `finding`.
    or_finding: Option<String>,
    exchange_online_hops: Option<Vec<usize>>,
    /// The server on premises that handed over to Exchange Online.
    handed_over_by: Option<String>,

    // of whole mailboxes and of readers that may refuse a file
    #[serde(rename = "or_told")]
    _or_told: Option<String>,
    #[serde(rename = "messages")]
    _messages: Option<usize>,
    #[serde(default, rename = "servers")]
    _servers: Vec<serde_json::Value>,
}

pub(crate) fn cases(text: &str) -> Vec<Case> {
    toml::from_str::<File>(text).unwrap().case
}

/// What of a case is not as it says.
pub(crate) fn problems(case: &Case, catalog: &Catalog) -> Vec<String> {
    assert!(case.file.is_none(), "{}: the header is in a file", case.name);
    problems_of(case, case.header.replace('\n', "\r\n").as_bytes(), catalog)
}

/// What is not as `case` says where `header` is the content of its file.
pub(crate) fn problems_of(case: &Case, header: &[u8], catalog: &Catalog) -> Vec<String> {
    let event = MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip: case.client_ip,
        client_auth: None,
        own_hops: 0,
        recipients: Vec::new(),
        header: Header::Block(header.into()),
    };
    let recognition = recognise(&event, &case.trusted_relays, catalog);
    let mut problems = Problems { case: &case.name, found: Vec::new() };
    problems.of_finding(&case.yields, &recognition);
    problems.of_way(case, &event.header, &recognition);
    problems.of_online(&case.yields, &event.header, catalog);
    problems.of_lookers_on(case, &event, catalog);
    problems.found
}

struct Problems<'a> {
    case: &'a str,
    found: Vec<String>,
}

impl Problems<'_> {
    fn compare(&mut self, what: &str, expected: Option<&String>, found: Option<impl ToString>) {
        let found = found.map_or_else(|| "-".to_owned(), |found| found.to_string());
        if let Some(expected) = expected.filter(|expected| **expected != found) {
            self.found.push(format!("{}: {what}: expected `{expected}`, found `{found}`", self.case));
        }
    }

    fn of_finding(&mut self, yields: &Yields, recognition: &Recognition<'_>) {
        let Yields { finding, behind_relay, field, component, id, build, shown, or_finding, .. } = yields;
        let found = recognition.finding.as_str();
        let expected = or_finding.as_ref().filter(|other| *other == found).unwrap_or(finding);
        self.compare("finding", Some(expected), Some(found));
        self.compare("behind_relay", Some(&behind_relay.to_string()), Some(recognition.behind_relay));
        let evidence = recognition.evidence();
        self.compare("field", field.map(|field| field.to_string()).as_ref(), evidence.map(|evidence| evidence.field));
        self.compare("component", component.as_ref(), evidence.map(|evidence| evidence.component.as_str()));
        let server = recognition.server();
        self.compare("id", id.as_ref(), server.map(|server| &server.id));
        let shows = server.map(|server| match server.shown {
            Shown::Update(build) => format!("update {build}"),
            Shown::Lane(build) => format!("lane {build}"),
            Shown::Product(build) => format!("product {build}"),
            Shown::Nothing => "nothing".into(),
        });
        let expected = build.as_ref().map(|build| format!("update {build}")).or_else(|| shown.clone());
        let of_no_build = expected.is_none() && shows.as_deref() == Some("nothing");
        // a case about a server says which build it is found with
        self.compare("shown", Some(&expected.unwrap_or_else(|| "-".to_owned())), shows.filter(|_| !of_no_build));
    }

    /// Each field above the one that was found names, or leaves as it is, who handed over to the next.
    fn of_way(&mut self, case: &Case, header: &Header<'_>, recognition: &Recognition<'_>) {
        let field = case.yields.field.unwrap_or_default();
        let mut peers: Vec<_> = case.client_ip.into_iter().collect();
        for above in header.received().take(field) {
            let named = parse_received(above.value).ok().and_then(|hop| hop.from_address);
            peers.extend(named.or(peers.last().copied()));
        }
        let text = |peers: &[IpAddr]| peers.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
        self.compare("peers", case.yields.peers.as_deref().map(text).as_ref(), Some(text(&peers)));
        let peer = case.yields.peers.as_ref().and_then(|peers| peers.last()).map(ToString::to_string);
        self.compare("the peer of the field", peer.as_ref(), recognition.peer);
    }

    fn of_online(&mut self, yields: &Yields, header: &Header<'_>, catalog: &Catalog) {
        let online: Vec<_> = traces(header, catalog).map(|trace| trace.exchange_online).collect();
        let online: Vec<_> = (0..).zip(online).filter_map(|(field, online)| online.then_some(field)).collect();
        let text = |fields: &Vec<usize>| format!("{fields:?}");
        self.compare("Exchange Online's", yields.exchange_online_hops.as_ref().map(text).as_ref(), Some(text(&online)));
        let server = traces(header, catalog).find_map(|trace| trace.server);
        self.compare("handed over by", yields.handed_over_by.as_ref(), server.map(|server| server.id));
    }

    /// An operator whose policy lacks the relays is told of other software; and of a relay to add, where Exchange stands
    /// below. Nothing is taken for Exchange that is not.
    fn of_lookers_on(&mut self, case: &Case, event: &MailEvent<'_>, catalog: &Catalog) {
        let Yields { finding, behind_relay, .. } = &case.yields;
        let without = recognise(event, &[], catalog);
        if *behind_relay {
            self.compare(
                "finding without the relays",
                Some(&"not_exchange".to_owned()),
                Some(without.finding.as_str()),
            );
            if finding == "server" {
                let offer = without.relay_to_offer(event, catalog);
                self.compare("offers a relay", Some(&"true".to_owned()), Some(offer.is_some()));
            }
        }
        let has_server = matches!(without.finding, Finding::Server(_));
        self.compare(
            "needs a policy",
            Some(&has_server.to_string()),
            Some(decide_without_server(event, &without).is_none()),
        );
        if finding == "server" {
            self.compare("shows Exchange", Some(&"true".to_owned()), Some(shows_exchange(&event.header, catalog)));
        }
    }
}
