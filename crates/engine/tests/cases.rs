//! The traps that design and issue name, as data: `tests/cases/*.toml`. What a case does not state is not compared, but
//! for `behind_relay` and the bound of the evidence.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

mod shapes;

use std::borrow::Cow;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use tidegate_engine::Catalog;
use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::Header;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::ServerRecord;
use tidegate_engine::Shown;
use tidegate_engine::Sighting;
use tidegate_engine::TrustedRelay;
use tidegate_engine::{ConnectingServer, Finding, OwnHops, recognise};
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, HOUR, Timestamp};
use tidegate_engine::{Decision, decide, decide_without_server};
use tidegate_engine::{Evidence, MAX_EVIDENCE_BYTES};
use tidegate_engine::{Facts, Mode, Policy};

/// More than 90 days after the newest edition of the baseline came into force.
const TODAY: &str = "2026-12-22T12:00:00Z";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "on_premises")]
    connector: Connector,
    client_ip: Option<String>,
    client_auth: Option<String>,
    #[serde(default)]
    own_hops: u8,
    #[serde(default)]
    trusted_relays: Vec<TrustedRelay>,
    #[serde(default)]
    enforce_behind_relays: bool,
    #[serde(default)]
    header: String,
    /// In place of `header`.
    pairs: Option<Vec<[String; 2]>>,
    /// What `{repeat}` in the header stands for.
    repeat: Option<Repeat>,
    yields: Yields,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Repeat {
    text: String,
    times: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Yields {
    finding: String,
    #[serde(default)]
    behind_relay: bool,
    /// Whether the gateway's count of own hops holds: `none`, `verified`, `unverified` or `disbelieved`.
    own_hops: Option<String>,
    /// Who handed the message over, `-` where that is not known.
    peer: Option<String>,
    /// Whether a field that cannot be read is nearly Exchange's.
    nearly_exchange: Option<bool>,
    /// The relay that the operator may want to trust, host and address, `-` for none.
    offers: Option<String>,
    field: Option<usize>,
    component: Option<String>,
    id: Option<String>,
    name: Option<String>,
    node: Option<String>,
    /// `update`, `lane` or `product` with a build, or `nothing`.
    shown: Option<String>,
    /// The build of another component in the run beside an SMTP stamp, `-` for none.
    other_component: Option<String>,
    /// The date of the field that shows the build, in RFC 3339.
    stamped_at: Option<String>,
    /// `state:reason` under the baseline `microsoft`.
    state: Option<String>,
    /// The answer to this message of a server that has stamped such fields for 100 days.
    action: Option<String>,
    why: Option<String>,
    evidence: Option<String>,
    field_text: Option<String>,
    /// What no evidence may show.
    #[serde(default)]
    lacks: Vec<String>,
}

fn on_premises() -> Connector {
    Connector::OnPremises
}

#[test]
fn every_case_yields_what_it_says() {
    let facts = Facts::built_in();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut problems = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("lives.toml") {
            continue; // `life.rs` reads them
        }
        let text = fs::read_to_string(&path).unwrap();
        let file: File = toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        count += file.case.len();
        for case in &file.case {
            let at = |problem| format!("{}, {}: {problem}", path.file_stem().unwrap().display(), case.name);
            problems.extend(check(case, &facts).into_iter().map(at));
        }
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    println!("{count} cases");
}

#[test]
fn every_real_shape_of_a_relay_and_of_exchange_yields_what_it_says() {
    let catalog = Catalog::built_in();
    let (relays, exchange) = (shapes::cases(shapes::RELAYS), shapes::cases(shapes::EXCHANGE));
    assert!(relays.len() >= 25 && exchange.len() >= 8, "{} and {}", relays.len(), exchange.len());
    let cases = relays.iter().chain(&exchange);
    let problems: Vec<_> = cases.flat_map(|case| shapes::problems(case, &catalog)).collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_topmost_server_of_a_whole_message_is_found_whatever_stands_around_its_header() {
    let catalog = Catalog::built_in();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/cases");
    let cases = shapes::cases(&fs::read_to_string(folder.join("messages.toml")).unwrap());
    let messages =
        cases.iter().filter_map(|case| Some((case, case.file.as_ref().filter(|file| file.ends_with(".eml"))?)));
    let mut count = 0;
    let problems: Vec<_> = messages
        .flat_map(|(case, file)| {
            count += 1;
            shapes::problems_of(case, &fs::read(folder.join(file)).unwrap(), &catalog)
        })
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(count >= 10, "{count} messages");
}

fn check(case: &Case, facts: &Facts) -> Vec<String> {
    let event = event(case);
    let recognition = recognise(&event, &case.trusted_relays, &facts.catalog);
    let mut comparison = Comparison::default();
    comparison.add("finding", Some(&case.yields.finding), recognition.finding.as_str());
    comparison.add("behind_relay", Some(&case.yields.behind_relay.to_string()), recognition.behind_relay.to_string());
    comparison.add("own_hops", case.yields.own_hops.as_ref(), own_hops(recognition.own_hops));
    comparison.add("peer", case.yields.peer.as_ref(), or_dash(recognition.peer));
    let nearly = case.yields.nearly_exchange.map(|nearly| nearly.to_string());
    comparison.add("nearly_exchange", nearly.as_ref(), recognition.is_nearly_exchange());
    let offer = recognition.relay_to_offer(&event, &facts.catalog);
    let offer = offer.map(|offer| format!("{} {}", offer.host.as_str(), offer.peer));
    comparison.add("offers", case.yields.offers.as_ref(), or_dash(offer));
    match &recognition.finding {
        Finding::Server(server) => {
            comparison.add("id", case.yields.id.as_ref(), &server.id);
            comparison.add("name", case.yields.name.as_ref(), server.name);
            comparison.add("node", case.yields.node.as_ref(), server.node);
            comparison.add("shown", case.yields.shown.as_ref(), shown(server.shown));
            comparison.add("other_component", case.yields.other_component.as_ref(), or_dash(server.other_component));
            comparison.add("stamped_at", case.yields.stamped_at.as_ref(), or_dash(server.stamped_at));
            comparison.judge(case, &event, recognition.behind_relay, server, facts);
        }
        _ => comparison.add_decision(case, &decide_without_server(&event, &recognition).unwrap()),
    }
    comparison.problems
}

#[derive(Default)]
struct Comparison {
    problems: Vec<String>,
}

impl Comparison {
    fn add(&mut self, what: &str, expected: Option<&String>, found: impl ToString) {
        let found = found.to_string();
        if let Some(expected) = expected.filter(|expected| **expected != found) {
            self.problems.push(format!("{what}: expected `{expected}`, found `{found}`"));
        }
    }

    fn judge(
        &mut self,
        case: &Case,
        event: &MailEvent<'_>,
        behind_relay: bool,
        server: &ConnectingServer<'_>,
        facts: &Facts,
    ) {
        let policy = Policy {
            mode: Mode::Enforce,
            trusted_relays: case.trusted_relays.clone(),
            enforce_behind_relays: case.enforce_behind_relays,
            ..Policy::default()
        };
        let freezes = Freezes::default();
        let rules = Rules::new(facts, &policy, &freezes).unwrap();
        let now: Timestamp = TODAY.parse().unwrap();
        let phase = seen_for_100_days(server, &rules, now);
        // a message with a date arrives as it is stamped
        let server = &ConnectingServer { stamped_at: server.stamped_at.map(|_| now), ..server.clone() };
        let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, now) };
        self.add_decision(case, &decide(event, server, behind_relay, &context));
    }

    fn add_decision(&mut self, case: &Case, decision: &Decision<'_>) {
        let state = format!("{}:{}", decision.state.as_str(), decision.state.reason());
        self.add("state", case.yields.state.as_ref(), state);
        self.add("action", case.yields.action.as_ref(), decision.action.as_str());
        self.add("why", case.yields.why.as_ref(), decision.why);
        if let Some(evidence) = decision.evidence {
            self.add("field", case.yields.field.map(|field| field.to_string()).as_ref(), evidence.field);
            self.add("component", case.yields.component.as_ref(), evidence.component.as_str());
            self.add("evidence", case.yields.evidence.as_ref(), evidence.text());
            self.add("field_text", case.yields.field_text.as_ref(), evidence.field_text());
            self.bound(evidence, &case.yields.lacks);
        }
    }

    fn bound(&mut self, evidence: &Evidence<'_>, lacks: &[String]) {
        for text in [evidence.text(), evidence.field_text()] {
            if text.len() > MAX_EVIDENCE_BYTES {
                self.problems.push(format!("evidence of {} octets", text.len()));
            }
            let shown = lacks.iter().filter(|lacking| text.contains(lacking.as_str()));
            self.problems.extend(shown.map(|lacking| format!("`{lacking}` is shown in `{text}`")));
        }
    }
}

fn event(case: &Case) -> MailEvent<'_> {
    let fill = case.repeat.as_ref().map(|repeat| repeat.text.repeat(repeat.times)).unwrap_or_default();
    let header = match &case.pairs {
        Some(pairs) => Header::Pairs(pairs.iter().map(|[name, value]| (bytes(name), bytes(value))).collect()),
        None => Header::Block(case.header.replace("{repeat}", &fill).replace('\n', "\r\n").into_bytes().into()),
    };
    MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: case.connector,
        client_ip: case.client_ip.as_ref().map(|ip| ip.parse().unwrap()),
        client_auth: case.client_auth.as_ref().map(|login| login.parse().unwrap()),
        own_hops: case.own_hops,
        recipients: vec!["b@example.org".into()],
        header,
    }
}

fn bytes(text: &str) -> Cow<'_, [u8]> {
    text.as_bytes().into()
}

fn seen_for_100_days(server: &ConnectingServer<'_>, rules: &Rules<'_>, now: Timestamp) -> Phase {
    let mut record = ServerRecord::default();
    for day in 0..=100 {
        let at = now.plus(-(100 - day) * DAY - HOUR);
        let ConnectingServer { node, shown, other_component, .. } = *server;
        let sighting = Sighting { at, node, shown, other_component, fingerprint: day.unsigned_abs(), in_reach: true };
        record.observe(&sighting, rules);
    }
    record.phase(now)
}

const fn own_hops(own_hops: OwnHops) -> &'static str {
    match own_hops {
        OwnHops::None => "none",
        OwnHops::Verified => "verified",
        OwnHops::Unverified => "unverified",
        OwnHops::Disbelieved => "disbelieved",
    }
}

fn or_dash(value: Option<impl ToString>) -> String {
    value.map_or_else(|| "-".into(), |value| value.to_string())
}

fn shown(shown: Shown) -> String {
    match shown {
        Shown::Update(build) => format!("update {build}"),
        Shown::Lane(build) => format!("lane {build}"),
        Shown::Product(build) => format!("product {build}"),
        Shown::Nothing => "nothing".into(),
    }
}
