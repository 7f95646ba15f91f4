//! The time of one whole decision: from the header's bytes to action, reply and reasons.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a benchmark stops where it cannot run")]

use divan::{Bencher, black_box};
use tidegate_engine::CatalogNames;
use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::Header;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::Shown;
use tidegate_engine::Spell;
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, Timestamp};
use tidegate_engine::{Facts, Mode, Policy};
use tidegate_engine::{Finding, recognise};
use tidegate_engine::{decide, decide_without_server};

/// A header of 2 KB with five `Received` fields, the topmost by a server that is out of date.
const HEADER: &str = include_str!("../../../benches/header.txt");

fn main() {
    divan::main();
}

/// A server in stage 8, so that the answer is a reject with its reply.
#[divan::bench(sample_size = 200)]
fn whole_decision(bencher: Bencher<'_, '_>) {
    let header = HEADER.replace('\n', "\r\n");
    let facts = Facts::built_in();
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    let freezes = Freezes::default();
    let rules = Rules::new(&facts, &policy, &freezes).unwrap();
    let detected: Timestamp = "2026-09-10T08:15:08Z".parse().unwrap();
    let now = detected.plus(95 * DAY);
    let phase = Phase::of_spell(Spell::between(detected, now), Vec::new());
    let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, now) };
    bencher.bench_local(|| {
        let event = event(black_box(header.as_bytes()));
        let recognition = recognise(&event, &policy.trusted_relays, &facts.catalog);
        let Finding::Server(server) = &recognition.finding else { panic!("no server") };
        let decision = decide(&event, server, recognition.behind_relay, &context);
        assert!(decision.reply.is_some());
        black_box(decision.retry_after)
    });
}

/// The facts as each isolate makes them when it starts.
#[divan::bench]
fn facts_built_in() -> Facts {
    Facts::built_in()
}

/// How a build stands: behind by minimum and by lag, current, superseded support looked into, ahead.
#[divan::bench(args = [
    ("microsoft", "15.1.2507.39"), ("microsoft", "15.2.1748.39"), ("microsoft", "15.2.1258.39"), ("strict", "15.2.2562.17"),
    ("strict", "15.2.2562.49"), ("strict", "15.2.1748.39"), ("microsoft", "15.1.2507.99"),
], sample_size = 1_000)]
fn assess(bencher: Bencher<'_, '_>, (baseline, build): (&str, &str)) {
    let facts = Facts::built_in();
    let baseline = facts.baselines.get(baseline).unwrap();
    let (shown, day) = (Shown::Update(build.parse().unwrap()), "2026-11-22".parse().unwrap());
    bencher.bench_local(|| black_box(baseline).assess(&facts.catalog, black_box(shown), black_box(day)));
}

/// What a build is called.
#[divan::bench(sample_size = 1_000)]
fn named(bencher: Bencher<'_, '_>) {
    let facts = Facts::built_in();
    let shown = Shown::Update("15.1.2507.39".parse().unwrap());
    bencher.bench_local(|| black_box(CatalogNames::new(black_box(&facts.catalog), black_box(shown)).su.map(str::len)));
}

/// What a sender can write at most, each of which has to be read in under 50 ms.
#[divan::bench(args = ["fields", "received", "field", "parentheses", "folds", "words"], sample_count = 20)]
fn hostile_header(bencher: Bencher<'_, '_>, what: &str) {
    let header = match what {
        "fields" => "A: 1\r\n".repeat(180_000),
        "received" => "Received: from a (10.0.0.9) by b with ESMTP id 1; Mon\r\n".repeat(5_000),
        "field" => format!("Received: {}\r\n", "x".repeat(1 << 20)),
        "parentheses" => {
            format!("Received: from {0}{1} by b; Mon\r\n", "(".repeat(30_000), ")".repeat(30_000)).repeat(17)
        }
        "folds" => format!("Received: by b\r\n{}\r\n", " \r\n".repeat(340_000)),
        _ => format!("Received: {}\r\n", "x ".repeat(32_000)).repeat(16),
    };
    let facts = Facts::built_in();
    bencher.bench_local(|| {
        let event = event(black_box(header.as_bytes()));
        let recognition = recognise(&event, &[], &facts.catalog);
        let shows = tidegate_engine::shows_exchange(&event.header, &facts.catalog);
        black_box((decide_without_server(&event, &recognition).map(|decision| decision.why.to_string().len()), shows))
    });
}

fn event(header: &[u8]) -> MailEvent<'_> {
    MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip: "203.0.113.7".parse().ok(),
        client_auth: None,
        own_hops: 0,
        recipients: vec!["ben@example.org".into()],
        header: Header::Block(header.into()),
    }
}
