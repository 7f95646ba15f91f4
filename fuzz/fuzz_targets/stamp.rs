//! The strict grammar. What a peer chooses of a genuine stamp changes neither whose it is nor its build; and any field
//! that is taken for Exchange's has the shape that the grammar says, told by other means than the grammar's.
//! The first octet chooses the stamp, the second the place, the rest is what the peer chose.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_engine::{Component, Stamp, parse_received};

/// What the server itself writes, from BY on.
const GENUINE: [&str; 8] = [
    "by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server (version=TLS1_2, cipher=X_P256) id 15.1.2507.39; Mon, 7 Sep 2026 10:00:00 +0000",
    "by EX01.contoso.com (10.0.0.5) with Microsoft SMTP Server (TLS) id 15.0.1497.48 via Frontend Transport; Mon, 7 Sep 2026 10:00:00 +0000",
    "by EX01.contoso.com (2001:db8::5) with Microsoft SMTP Server id 15.2.2562.53 via Mailbox Transport; Mon, 7 Sep 2026 10:00:00 -0700",
    "by EX01.contoso.com ([fe80::5%12]) with mapi id 15.02.2562.053; Mon, 7 Sep 2026 10:00:00 +0000",
    "by EX01.contoso.com ([10.0.0.5]) with mapi; Mon, 7 Sep 2026 10:00:00 +0000",
    "by EX01.contoso.com (10.0.0.5) with ShadowRedundancy id 15.2.792.3; Mon, 7 Sep 2026 10:00:00 +0000",
    "by EX01.contoso.com ((10.0.0.5)) with ShadowRedundancy id 15.0.1473.3; Mon, 7 Sep 2026 10:00:00 +0000",
    "by EX01.contoso.com with Microsoft SMTP Server id 15.1.2507.17; Mon, 7 Sep 2026 10:00:00 +0000",
];

fuzz_target!(|data: &[u8]| {
    let [which, place, chosen @ ..] = data else { return };
    let own = GENUINE[usize::from(*which) % GENUINE.len()];
    let genuine = format!("from a (10.0.0.9) {own}");
    let genuine = parse_received(genuine.as_bytes()).expect("genuine");
    let (before, behind): (&[u8], &[u8]) = match place % 5 {
        0 => (b"from ", b" (10.0.0.9) "),
        1 => (b"from ", b" "),
        2 => (b"from a (", b" [10.0.0.9]) "),
        3 => (b"from a (10.0.0.9) (", b") "),
        _ => (b"from [", b"] (10.0.0.9) "),
    };
    let value = [before, chosen, behind, own.as_bytes()].concat();
    if let Ok(hop) = parse_received(&value) {
        assert_eq!((hop.by_host, hop.build), (genuine.by_host, genuine.build));
        assert_eq!(hop.by_address, genuine.by_address);
    }
    check(chosen);
    check(&value);
});

/// Whoever is taken for an Exchange wrote these words in this order, outside any bracket, and a date at the end.
fn check(value: &[u8]) {
    let Ok(hop) = parse_received(value) else { return };
    if matches!(hop.component, Component::Other | Component::Legacy) {
        assert!(hop.component == Component::Legacy || hop.build == Stamp::Absent);
        return;
    }
    let text = String::from_utf8_lossy(value).into_owned();
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let bare: Vec<&str> = words.iter().copied().filter(|word| !word.contains(['(', ')', '[', ']'])).collect();
    assert!(!text.contains(['"', '<', '>']) && text.matches(';').count() == 1, "{text}");
    assert!(matches!(words.first(), Some(&"from" | &"by")), "{text}");
    let by = bare.iter().rposition(|word| *word == "by").expect("by");
    let with = bare.iter().rposition(|word| *word == "with").expect("with");
    assert!(by < with, "{text}");
    assert!(hop.at().is_some() && hop.date.trim_ascii_end().len() >= 24, "{text}");
    let told = String::from_utf8_lossy(&value[hop.telling.clone()]).into_owned();
    match hop.build {
        Stamp::Build(build) => {
            let id = told.split_ascii_whitespace().last().expect("an id");
            assert_eq!(id.parse(), Ok(build), "{text}");
        }
        Stamp::Absent => assert!(!bare.iter().skip(with).any(|word| *word == "id"), "{text}"),
    }
}
