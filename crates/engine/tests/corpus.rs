//! Every block of `data/received-samples.txt` yields what its `yields` line says; the file's preamble explains it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

mod support;

use std::collections::BTreeMap;

use support::{SAMPLES, Sample, samples};
use tidegate_engine::DecisionContext;
use tidegate_engine::Freezes;
use tidegate_engine::Header;
use tidegate_engine::Rules;
use tidegate_engine::Shown;
use tidegate_engine::Standing;
use tidegate_engine::Timestamp;
use tidegate_engine::produced_by;
use tidegate_engine::{CatalogNames, ConnectingServer, MessageStanding, decide, decide_without_server};
use tidegate_engine::{Component, Stamp, parse_received};
use tidegate_engine::{Connector, MailEvent};
use tidegate_engine::{Facts, Policy};
use tidegate_engine::{Finding, recognise};

const TODAY: &str = "2026-11-22T12:00:00Z";

type Yields = BTreeMap<String, String>;

#[test]
fn every_block_yields_what_it_says() {
    let facts = Facts::built_in();
    let samples = samples(SAMPLES);
    assert_eq!(samples.iter().map(|sample| sample.number).collect::<Vec<_>>(), (1..=92).collect::<Vec<_>>());
    let problems: Vec<_> = samples.iter().filter_map(|sample| check(sample, &facts).err()).collect();
    assert!(problems.is_empty(), "{} of {} blocks:\n{}", problems.len(), samples.len(), problems.join("\n"));
    println!("{} blocks yield what they say", samples.len());
}

/// Kinds of blocks whose every `Received` field an Exchange 2007 or later wrote, on-premises or online.
const GENUINE: [&str; 4] = ["onprem", "onprem-nobuild", "component-trap", "exo"];

#[test]
fn every_genuine_stamp_of_exchange_is_read_as_one() {
    let mut read = 0;
    for sample in samples(SAMPLES).iter().filter(|sample| GENUINE.contains(&sample.metadata("kind").unwrap())) {
        for field in Header::Block(sample.header.as_bytes().into()).received() {
            let hop =
                parse_received(field.value).unwrap_or_else(|unreadable| panic!("{}: {unreadable:?}", sample.number));
            assert!(!matches!(hop.component, Component::Legacy | Component::Other), "block {}", sample.number);
            read += 1;
        }
    }
    println!("{read} genuine stamps");
    assert!(read >= 59, "only {read} stamps");
}

#[test]
fn a_wrong_block_is_caught() {
    let block = "# n: 7\n# kind: onprem\n# expect: build=15.2.2562.49 by=b.example product=SE RTM Sep26SU component=smtp\n\
                 # yields: finding=server component=smtp by=b.example build=15.2.2562.49 shown=update \
                 product=\"Exchange Server SE\" cu=RTM su=Sep26SU microsoft=current:no_requirement \
                 strict=current:meets_baseline\n\
                 Received: from a by b.example with Microsoft SMTP Server id 15.2.2562.49; Tue, 6 Oct 2026 10:00:00 +0000";
    let facts = Facts::built_in();
    let error = |block: &str| check(&samples(block)[0], &facts).err().unwrap_or_default();
    assert_eq!(error(block), "");
    let wrong = [
        ("# yields:", "# yield:", "has no `yields` line"),
        ("finding=server ", "", "finding: expected None, found Some(\"server\")"),
        ("cu=RTM", "cu=RTM cu=RTM", "`cu` twice"),
        ("current:no_requirement", "current", "microsoft: expected Some(\"current\")"),
        ("id 15.2.2562.49", "id 15.2.2562.45", "build: expected Some(\"15.2.2562.49\")"),
        ("expect: build=15.2.2562.49", "expect: build=15.2.2562.4", "`expect` states build=15.2.2562.4,"),
        ("expect: build=15.2.2562.49 by=b.example", "expect: by=b", "`expect` states by=b,"),
        ("Sep26SU component=smtp", "Sep26SU component=mapi", "`expect` states component=mapi,"),
        ("product=SE RTM Sep26SU", "product=SE RTM Aug26SU", "`expect` states [\"SE\", \"RTM\", \"Aug26SU\"]"),
        ("expect: build", "expect: none: build", "`expect` states that no build is seen"),
    ];
    for (right, wrong, expected) in wrong {
        assert!(block.contains(right), "{right}");
        let error = error(&block.replacen(right, wrong, 1));
        assert!(error.starts_with("block 7: ") && error.contains(expected), "{wrong}: {error}");
    }
}

fn check(sample: &Sample<'_>, facts: &Facts) -> Result<(), String> {
    let at = |problem: String| format!("block {}: {problem}", sample.number);
    let line = sample.metadata("yields").ok_or_else(|| at("has no `yields` line".into()))?;
    let expected = read_yields(line).map_err(at)?;
    agrees(&expected, sample.metadata("expect").unwrap_or_default()).map_err(at)?;
    let found = run(sample, facts);
    if found == expected {
        return Ok(());
    }
    let keys = expected.keys().chain(found.keys().filter(|key| !expected.contains_key(*key)));
    let differences = keys.filter(|key| expected.get(*key) != found.get(*key));
    let differences =
        differences.map(|key| format!("{key}: expected {:?}, found {:?}", expected.get(key), found.get(key)));
    Err(at(differences.collect::<Vec<_>>().join("; ")))
}

/// `key=value` pairs, a value with blanks in quotes.
fn read_yields(line: &str) -> Result<Yields, String> {
    let mut rest = line;
    let mut yields = Yields::new();
    while !rest.is_empty() {
        let (key, behind) = rest.split_once('=').ok_or_else(|| format!("`{rest}` is no pair"))?;
        let (value, behind) = match behind.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').ok_or_else(|| format!("`{key}`: an open quote"))?,
            None => behind.find(' ').map_or((behind, ""), |blank| behind.split_at(blank)),
        };
        if yields.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("`{key}` twice"));
        }
        rest = behind.trim_start();
    }
    Ok(yields)
}

/// What the `expect` line states in the same words has to be the same.
fn agrees(yields: &Yields, expect: &str) -> Result<(), String> {
    let stated = |key: &str| expect.split([' ', ':', ';']).find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
    let yielded = |key: &str| yields.get(key).map_or("", String::as_str);
    for (word, key) in [("build", "build"), ("reported", "build"), ("by", "by"), ("component", "component")] {
        let Some(stated) = stated(word) else { continue };
        let stated = match stated {
            "unknown" | "none" => "",
            "shadowredundancy" => "shadow_redundancy",
            _ => stated,
        };
        if stated != yielded(key) {
            return Err(format!("`expect` states {word}={stated}, `yields` {key}={}", yielded(key)));
        }
    }
    // as in `product=2016 CU23 Nov23SU component=smtp`
    if let Some((_, stated)) = expect.split_once("product=").filter(|_| yields.contains_key("product")) {
        let product = yielded("product").rsplit(' ').next().unwrap_or_default();
        let release: Vec<_> =
            [product, yielded("cu"), yielded("su")].into_iter().filter(|word| !word.is_empty()).collect();
        let plain = |word: &&str| word.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'.');
        let stated: Vec<_> = stated.split(' ').take_while(plain).collect();
        let same = release.iter().zip(&stated).all(|(one, other)| other.split("..").next() == Some(one));
        if !same || stated.len() > release.len() {
            return Err(format!("`expect` states {stated:?}, `yields` {release:?}"));
        }
    }
    let nothing = expect.starts_with("none:") || expect.starts_with("invalid:");
    if nothing && yields.contains_key("product") {
        return Err("`expect` states that no build is seen".into());
    }
    Ok(())
}

fn run(sample: &Sample<'_>, facts: &Facts) -> Yields {
    let event = MailEvent {
        tenant: "contoso".parse().unwrap(),
        connector: Connector::OnPremises,
        client_ip: "192.0.2.1".parse().ok(),
        client_auth: None,
        own_hops: 0,
        recipients: Vec::new(),
        header: Header::Block(sample.header.as_bytes().into()),
    };
    let mut yields = Yields::new();
    let mut note = |key: &str, value: String| yields.insert(key.to_owned(), value);
    if let Some(Ok(hop)) = event.header.received().next().map(|field| parse_received(field.value)) {
        note("component", hop.component.as_str().into());
        note("by", String::from_utf8_lossy(hop.by_host).into_owned());
        hop.by_address.map(|address| note("node", address.to_string()));
        hop.from_address.map(|address| note("peer", address.to_string()));
        match hop.build {
            Stamp::Build(build) => note("build", build.to_string()),
            Stamp::Absent => None,
        };
    }
    if let Some(found) = produced_by(&event.header, &facts.catalog) {
        let release = found.release.map(|release| [release.cu.as_ref(), release.su.as_ref()]);
        let words = [found.product.name.as_ref()].into_iter().chain(release.into_iter().flatten());
        note("produced_by", words.collect::<Vec<_>>().join(" ").trim_end().into());
    }
    let recognition = recognise(&event, &[], &facts.catalog);
    note("finding", recognition.finding.as_str().into());
    if let Some(decision) = decide_without_server(&event, &recognition) {
        note("state", state(decision.state));
    }
    if let Finding::Server(server) = &recognition.finding {
        note("shown", shown(server.shown).into());
        for baseline in ["microsoft", "strict"] {
            note(baseline, state(judge(&event, server, facts, baseline)));
            assert_eq!(server.name.to_lowercase(), server.id.as_str());
            let named = CatalogNames::new(&facts.catalog, server.shown);
            for (key, value) in [("product", named.product), ("cu", named.cu), ("su", named.su)] {
                value.map(|value| note(key, value.into()));
            }
        }
    }
    yields
}

/// Decides under a policy that enforces `baseline`. Nothing is known of the server: it has to be accepted.
fn judge(event: &MailEvent<'_>, server: &ConnectingServer<'_>, facts: &Facts, baseline: &str) -> MessageStanding {
    let policy: Policy =
        serde_json::from_value(serde_json::json!({ "mode": "enforce", "baseline": baseline })).unwrap();
    let freezes = Freezes::default();
    let rules = Rules::new(facts, &policy, &freezes).unwrap();
    let now: Timestamp = TODAY.parse().unwrap();
    let decision = decide(event, server, false, &DecisionContext::new(rules, now));
    assert_eq!(decision.action.as_str(), "accept");
    assert_eq!(decision.stage.is_some(), matches!(decision.state, MessageStanding::Judged(Standing::OutOfDate(_))));
    decision.state
}

fn state(state: MessageStanding) -> String {
    format!("{}:{}", state.as_str(), state.reason())
}

fn shown(shown: Shown) -> &'static str {
    match shown {
        Shown::Update(_) => "update",
        Shown::Lane(_) => "lane",
        Shown::Product(_) => "product",
        Shown::Nothing => "nothing",
    }
}
