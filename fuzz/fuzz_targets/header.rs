//! Whatever a sender writes into a header is read within its bounds, and explained within others.
//! The first octet says how many own hops the gateway claims, the rest is the header block.
#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tidegate_engine::Action;
use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::MAX_EVIDENCE_BYTES;
use tidegate_engine::MAX_REPLY_BYTES;
use tidegate_engine::Phase;
use tidegate_engine::Rules;
use tidegate_engine::Spell;
use tidegate_engine::TrustedRelay;
use tidegate_engine::produced_by;
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{DAY, Timestamp};
use tidegate_engine::{Facts, Mode, Policy};
use tidegate_engine::{Finding, recognise, shows_exchange};
use tidegate_engine::{Header, MAX_FIELD_BYTES, MAX_FIELDS};
use tidegate_engine::{decide, decide_without_server};

/// 2026-12-22, more than 90 days after the newest edition of the baseline came into force.
const NOW: Timestamp = Timestamp(1_797_900_000);

static FACTS: LazyLock<Facts> = LazyLock::new(|| Facts::built_in());
/// Enforces everything, even behind relays that may be anywhere.
static POLICY: LazyLock<Policy> = LazyLock::new(|| Policy {
    mode: Mode::Enforce,
    enforce_behind_relays: true,
    trusted_relays: vec![TrustedRelay {
        host: "intel.com".to_owned().try_into().expect("a host"),
        networks: ["0.0.0.0/0", "::/0"].map(|network| network.parse().expect("a network")).to_vec(),
    }],
    ..Policy::default()
});

fuzz_target!(|data: &[u8]| {
    let Some((own_hops, block)) = data.split_first() else { return };
    let block = event(Header::Block(block.into()), own_hops % 3);
    let fields: Vec<_> = block.header.fields().collect();
    assert!(fields.len() <= MAX_FIELDS && fields.iter().all(|field| field.value.len() <= MAX_FIELD_BYTES));
    let answer = check(&block);
    // the same fields as names and values are the same message
    if !fields.iter().any(|field| field.cut) && !block.header.has_unread_fields() {
        let pairs = fields.iter().map(|field| (field.name.into(), field.value.into())).collect();
        assert_eq!(answer, check(&event(Header::Pairs(pairs), block.own_hops)));
    }
});

fn event(header: Header<'_>, own_hops: u8) -> MailEvent<'_> {
    MailEvent {
        tenant: "contoso".parse().expect("a tenant"),
        connector: Connector::OnPremises,
        client_ip: "192.0.2.1".parse().ok(),
        client_auth: None,
        own_hops,
        recipients: Vec::new(),
        header,
    }
}

/// Decides, and looks whether everything that is said stays within its bounds. Returns what is said.
fn check(event: &MailEvent<'_>) -> String {
    let recognition = recognise(event, &POLICY.trusted_relays, &FACTS.catalog);
    // as if the server had been out of date for long, on the build that it shows now
    let phase = Phase::of_spell(Spell::between(NOW.plus(-100 * DAY), NOW), Vec::new());
    let freezes = Freezes::default();
    let rules = Rules::new(&FACTS, &POLICY, &freezes).expect("a preset");
    let context = DecisionContext { phase: Some(&phase), ..DecisionContext::new(rules, NOW) };
    let decision = match &recognition.finding {
        Finding::Server(server) => {
            assert!(shows_exchange(&event.header, &FACTS.catalog));
            assert_eq!(server.id.to_string().try_into(), Ok(server.id.clone()));
            let decision = decide(event, server, recognition.behind_relay, &context);
            let is_refused = decision.action != Action::Accept;
            assert_eq!(is_refused, decision.state.as_str() == "out_of_date" && decision.reply.is_some());
            decision
        }
        _ => decide_without_server(event, &recognition).expect("no server"),
    };
    assert!(decision.why.to_string().len() < 800);
    if let Some(reply) = &decision.reply {
        assert!(reply.text.len() <= MAX_REPLY_BYTES);
        assert!(reply.text.bytes().all(|octet| matches!(octet, b' '..=b'~') && octet != b'%' && octet != b'|'));
    }
    let mut said = format!("{} {} {}", decision.action.as_str(), decision.state.reason(), decision.why);
    if let Some(evidence) = &decision.evidence {
        for text in [evidence.text(), evidence.field_text()] {
            assert!(text.len() <= MAX_EVIDENCE_BYTES && !text.contains(char::is_control));
            said += &text;
        }
    }
    said += &format!("{:?}", produced_by(&event.header, &FACTS.catalog));
    said
}
