//! A whole question of `POST /v1/decide`: from the request's octets to the answer's, with its allocations.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops where it cannot run")]

use divan::{AllocProfiler, Bencher, black_box};
use tidegate_engine::{DAY, DecisionContext, Facts, Finding, Freezes, Mode, Phase, Policy, Rules, Spell, Timestamp};
use tidegate_engine::{decide, recognise};
use tidegate_wire::native::{Circumstances, Defaults, Request, answer};

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// A header of 2 KB with five `Received` fields, the topmost by a server that is out of date.
const HEADER: &str = include_str!("../../../benches/header.txt");

fn main() {
    divan::main();
}

/// What a gateway posts.
fn body() -> Vec<u8> {
    let header = serde_json::to_string(&HEADER.replace('\n', "\r\n")).unwrap();
    format!(
        r#"{{"tenant":"contoso","event_id":"4ABCdef01","connector":"on_premises","client":{{"ip":"203.0.113.7","helo":"ex01.contoso.com"}},"envelope":{{"from":"anna@contoso.com","to":["ben@example.org"]}},"header":{header}}}"#
    )
    .into_bytes()
}

/// A server in stage 8, so that the answer is a reject with its reply.
#[divan::bench(sample_size = 200)]
fn octets_to_octets(bencher: Bencher<'_, '_>) {
    let (body, facts, freezes, defaults) = (body(), Facts::built_in(), Freezes::default(), Defaults::default());
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    let rules = Rules::new(&facts, &policy, &freezes).unwrap();
    let detected: Timestamp = "2026-09-10T08:15:08Z".parse().unwrap();
    let now = detected.plus(95 * DAY);
    let phase = Phase::of_spell(Spell::between(detected, now), Vec::new());
    let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, now) };
    bencher.bench_local(|| {
        let request = Request::parse(black_box(&body), &defaults).unwrap();
        let recognition = recognise(&request.event, &policy.trusted_relays, &facts.catalog);
        let Finding::Server(server) = &recognition.finding else { panic!("no server") };
        let decision = decide(&request.event, server, recognition.behind_relay, &context);
        assert!(decision.reply.is_some());
        black_box(answer(&decision, Circumstances { degraded: false, recorded: true }).len())
    });
}

/// The request's part of it.
#[divan::bench(sample_size = 200)]
fn parse(bencher: Bencher<'_, '_>) {
    let (body, defaults) = (body(), Defaults::default());
    bencher.bench_local(|| black_box(Request::parse(black_box(&body), &defaults).unwrap().event.own_hops));
}
