//! The engine's whole decision in WebAssembly: from the header's bytes to action, reply and reasons.

use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::Header;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::Spell;
use tidegate_engine::decide;
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, Timestamp};
use tidegate_engine::{Facts, Mode, Policy};
use tidegate_engine::{Finding, recognise};
use wasm_bindgen::prelude::wasm_bindgen;

/// A header of 2 KB with five `Received` fields, the topmost by a server that is out of date.
const HEADER: &str = include_str!("../../header.txt");

/// Decides so many times on a message of a server in stage 8. Returns how many of them were rejected with a reply.
#[wasm_bindgen]
pub fn run(decisions: u32) -> u32 {
    decide_times(decisions).unwrap_or(0)
}

fn decide_times(decisions: u32) -> Option<u32> {
    let facts = Facts::built_in();
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    let freezes = Freezes::default();
    let rules = Rules::new(&facts, &policy, &freezes)?;
    let detected: Timestamp = "2026-09-10T08:15:08Z".parse().ok()?;
    let now = detected.plus(95 * DAY);
    let header = HEADER.replace('\n', "\r\n");
    let event = MailEvent {
        tenant: "contoso".parse().ok()?,
        connector: Connector::OnPremises,
        client_ip: "203.0.113.7".parse().ok(),
        client_auth: None,
        own_hops: 0,
        recipients: vec!["ben@example.org".into()],
        header: Header::Block(header.as_bytes().into()),
    };
    let phase = Phase::of_spell(Spell::between(detected, now), Vec::new());
    let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, now) };
    let rejected = (0..decisions).filter(|_| {
        let recognition = recognise(&event, &policy.trusted_relays, &facts.catalog);
        let Finding::Server(server) = &recognition.finding else { return false };
        decide(&event, server, recognition.behind_relay, &context).reply.is_some()
    });
    u32::try_from(rejected.count()).ok()
}
