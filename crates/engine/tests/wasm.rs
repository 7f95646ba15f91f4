//! The same engine in WebAssembly: what the native tests show in full, shown to hold there too.
#![cfg(target_arch = "wasm32")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod shapes;
mod support;

use std::borrow::Cow;

use support::{SAMPLES, samples};
use tidegate_engine::Action;
use tidegate_engine::Catalog;
use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::Header;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::ServerRecord;
use tidegate_engine::Sighting;
use tidegate_engine::{ConnectingServer, Finding, recognise};
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, HOUR, MINUTE, Timestamp};
use tidegate_engine::{Facts, Mode, Policy};
use tidegate_engine::{MessageStanding, Reply};
use tidegate_engine::{decide, decide_without_server};
use wasm_bindgen_test::wasm_bindgen_test;

const DETECTED: &str = "2026-09-10T08:15:08Z";

/// As a server out of date stamps it at that time.
fn old(at: Timestamp) -> String {
    let date = chrono::DateTime::from_timestamp(at.0, 0).unwrap().to_rfc2822();
    format!(
        "Received: from a (10.0.0.9) by EX01.contoso.com (10.0.0.5) with\r\n Microsoft SMTP Server id 15.1.2507.39; {date}\r\n"
    )
}

/// The tenant's facts and policy, and what is known of the server that sent [`old`] mail since `DETECTED`.
struct World {
    facts: Facts,
    policy: Policy,
    freezes: Freezes,
}

impl World {
    fn new() -> Self {
        let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
        Self { facts: Facts::built_in(), policy, freezes: Freezes::default() }
    }

    fn rules(&self) -> Rules<'_> {
        Rules::new(&self.facts, &self.policy, &self.freezes).unwrap()
    }

    /// What is known of a server that sent one message a day.
    fn known(&self, now: Timestamp) -> Phase {
        let mut record = ServerRecord::default();
        for day in 0..=now.since(after(0)) / DAY {
            let event = event(old(after(day)));
            let recognition = recognise(&event, &[], &self.facts.catalog);
            let Finding::Server(server) = recognition.finding else { panic!("no server") };
            let fingerprint = server.evidence.fingerprint();
            let ConnectingServer { node, shown, other_component, .. } = server;
            let sighting = Sighting { at: after(day), node, shown, other_component, fingerprint, in_reach: true };
            record.observe(&sighting, &self.rules());
        }
        record.phase(now)
    }

    fn decide(&self, event: &MailEvent<'_>, phase: Option<&Phase>, now: Timestamp) -> Decided {
        let recognition = recognise(event, &[], &self.facts.catalog);
        let context = DecisionContext { phase, ..DecisionContext::new(self.rules(), now) };
        let decision = match &recognition.finding {
            Finding::Server(server) => decide(event, server, false, &context),
            _ => decide_without_server(event, &recognition).unwrap(),
        };
        let evidence = decision.evidence.map(|evidence| evidence.text());
        Decided { action: decision.action, reply: decision.reply, state: decision.state, evidence }
    }
}

/// What is looked at of a decision.
struct Decided {
    action: Action,
    reply: Option<Reply>,
    state: MessageStanding,
    evidence: Option<String>,
}

fn event<'a>(header: impl Into<Cow<'a, str>>) -> MailEvent<'a> {
    MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip: "203.0.113.7".parse().ok(),
        client_auth: None,
        own_hops: 0,
        recipients: vec!["ben@example.org".into()],
        header: Header::Block(header.into().into_owned().into_bytes().into()),
    }
}

fn after(days: i64) -> Timestamp {
    DETECTED.parse::<Timestamp>().unwrap().plus(days * DAY)
}

#[wasm_bindgen_test]
fn every_block_of_the_corpus_stands_as_it_says() {
    let world = World::new();
    let now = "2026-11-22T12:00:00Z".parse().unwrap();
    let samples = samples(SAMPLES);
    assert_eq!(samples.len(), 92);
    for sample in samples {
        let yields = sample.metadata("yields").unwrap();
        let expected =
            yields.split(' ').find_map(|pair| pair.strip_prefix("microsoft=").or(pair.strip_prefix("state=")));
        let event = event(sample.header);
        let state = world.decide(&event, None, now).state;
        assert_eq!(
            Some(format!("{}:{}", state.as_str(), state.reason()).as_str()),
            expected,
            "block {}",
            sample.number
        );
    }
}

#[wasm_bindgen_test]
fn every_real_shape_of_a_relay_and_of_exchange_yields_what_it_says() {
    let catalog = Catalog::built_in();
    for text in [shapes::RELAYS, shapes::EXCHANGE] {
        let problems: Vec<_> = shapes::cases(text).iter().flat_map(|case| shapes::problems(case, &catalog)).collect();
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

#[wasm_bindgen_test]
fn a_server_passes_all_stages() {
    let world = World::new();
    let stages =
        [(0, 0, 0), (30, 5, 0), (40, 10, 0), (50, 20, 0), (60, 30, 5), (70, 30, 10), (80, 30, 20), (90, 0, 60)];
    for (days, throttle, block) in stages {
        let hour = after(days).plus(HOUR - after(days).0.rem_euclid(HOUR));
        let phase = world.known(hour);
        let actions = (0..60).map(|minute| {
            let now = hour.plus(minute * MINUTE);
            world.decide(&event(old(now)), Some(&phase), now).action
        });
        let actions: Vec<_> = actions.collect();
        let count = |action| actions.iter().filter(|found| **found == action).count();
        assert_eq!((count(Action::Defer), count(Action::Reject)), (throttle, block), "day {days}");
    }
}

#[wasm_bindgen_test]
fn a_reject_explains_itself_and_a_patch_frees() {
    let world = World::new();
    let now = after(95);
    let phase = world.known(now);
    let outdated = event(old(now));
    let decision = world.decide(&outdated, Some(&phase), now);
    let reply = decision.reply.unwrap();
    assert_eq!((reply.code, reply.enhanced), (550, "5.7.230"));
    assert!(reply.text.ends_with("blocked for 60 mins/hr."), "{}", reply.text);
    assert_eq!(decision.evidence.unwrap(), "by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server id 15.1.2507.39");
    let patched = event(old(now).replace(".39", ".61"));
    assert_eq!(world.decide(&patched, Some(&phase), now).action, Action::Accept);
    assert_eq!(world.decide(&outdated, None, now).action, Action::Accept);
    let queued = event(old(now.plus(-2 * HOUR)));
    assert_eq!(world.decide(&queued, Some(&phase), now).action, Action::Defer);
}

#[wasm_bindgen_test]
fn what_a_sender_writes_at_most_is_read() {
    let world = World::new();
    let hostile = [
        format!("Received: from {}", "(".repeat(50_000)),
        format!("Received: {}\r\n", "x".repeat(1 << 20)),
        "Received: by b\r\n".repeat(5_000),
        "\0\u{fffd}".repeat(100_000),
    ];
    for header in hostile {
        assert_eq!(world.decide(&event(header), None, after(0)).action, Action::Accept);
    }
}
