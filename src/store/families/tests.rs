//! What all families have in common: what was stored is read, and written back the same.

use serde::Deserialize;
use serde_json::Value;
use tidegate_engine::{Baseline, CatalogDocument, ServerId};
use tidegate_stored::Document;

use super::{
    ControlRecord, FactsKey, FactsRecord, Family, KeyKey, KeyRecord, PeerKey, PeerRecord, PhaseKey, PhaseRecord,
    PolicyKey, PolicyRecord, Record, TenantKey, TenantRecord,
};
use crate::store::{LaidRecord, RoundRecord};

#[test]
fn what_was_stored_earlier_is_read_and_written_back_the_same() {
    fn keeps<R: Record>(stored: &str) {
        let record: R = serde_json::from_str(stored).unwrap();
        let stored: serde_json::Value = serde_json::from_str(stored).unwrap();
        assert_eq!(serde_json::to_value(&record).unwrap(), stored);
    }
    keeps::<PolicyRecord>(include_str!("../../../tests/stored/policy.json"));
    keeps::<PhaseRecord>(include_str!("../../../tests/stored/phase-written.json"));
    keeps::<PeerRecord>(include_str!("../../../tests/stored/peer-written.json"));
    keeps::<ControlRecord>(include_str!("../../../tests/stored/control.json"));
    keeps::<ControlRecord>(include_str!("../../../tests/stored/control-written.json"));
    keeps::<LaidRecord>(include_str!("../../../tests/stored/laid.json"));
    keeps::<LaidRecord>(include_str!("../../../tests/stored/laid-written.json"));
    keeps::<RoundRecord>(include_str!("../../../tests/stored/round.json"));
    keeps::<KeyRecord>(include_str!("../../../tests/stored/key.json"));
    keeps::<KeyRecord>(include_str!("../../../tests/stored/key-written.json"));
    let bounded = include_str!("../../../tests/stored/key-bounded.json");
    let document = Document::<KeyRecord>::read(bounded).unwrap();
    assert!(document.is_understood());
    let (written, stored): (Value, Value) = (
        serde_json::from_str(&serde_json::to_string(&document.into_value()).unwrap()).unwrap(),
        serde_json::from_str(bounded).unwrap(),
    );
    assert_eq!(written, stored);
}

/// What each family's records look like, as 67205e3 left them and as this release writes them.
fn each_stored(mut see: impl FnMut(&str, &str)) {
    #[derive(Deserialize)]
    struct Entry {
        name: String,
        value: String,
    }
    let left: Vec<Entry> = serde_json::from_str(include_str!("../../../tests/stored/67205e3/state/kv.json")).unwrap();
    left.iter().for_each(|Entry { name, value }| see(name, value));
    see("policy/contoso", include_str!("../../../tests/stored/policy.json"));
    see("phase/contoso/ex01.contoso.com", include_str!("../../../tests/stored/phase-written.json"));
    see("peer/contoso/203.0.113.7", include_str!("../../../tests/stored/peer.json"));
    see("control/mode", include_str!("../../../tests/stored/control.json"));
    see("control/laid", include_str!("../../../tests/stored/laid-written.json"));
    see("control/round", include_str!("../../../tests/stored/round.json"));
    see("key/0f", include_str!("../../../tests/stored/key.json"));
    see("key/1f", include_str!("../../../tests/stored/key-bounded.json"));
}

/// Whether this release understands a record, and the record as it would write it back.
fn read_back(name: &str, json: &str) -> (bool, Value) {
    fn of<R: Record>(json: &str) -> (bool, Value) {
        let document = Document::<R>::read(json).unwrap();
        (document.is_understood(), serde_json::from_str(&document.to_json().unwrap()).unwrap())
    }
    let read = match name.split_once('/').unwrap_or((name, "")) {
        ("policy", _) => of::<PolicyRecord>,
        ("phase", _) => of::<PhaseRecord>,
        ("peer", _) => of::<PeerRecord>,
        ("control", "mode") => of::<ControlRecord>,
        ("control", "laid") => of::<LaidRecord>,
        ("control", "round") => of::<RoundRecord>,
        ("key", _) => of::<KeyRecord>,
        ("tenant", _) => of::<TenantRecord>,
        ("catalog", _) | ("baseline", _) => of::<FactsRecord>,
        (other, _) => panic!("a family that is not tried here: {other}"),
    };
    read(json)
}

/// The catalog or baseline in a record is a document of its own.
fn facts_are_understood(name: &str, json: &str) -> bool {
    if name == "catalog" {
        return Document::<CatalogDocument>::read(json).unwrap().is_understood();
    }
    Document::<Baseline>::read(json).unwrap().is_understood()
}

/// Calls `change` with each object in a document that has members of its own, and not names that mean something.
fn each_object(value: &mut Value, name: &str, change: &mut impl FnMut(&mut serde_json::Map<String, Value>)) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| each_object(item, "", change)),
        Value::Object(members) if members.contains_key("minimum") || members.contains_key("max_lag_days") => {}
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                // what the release before kept of nodes is passed over
                if name != "nodes" {
                    each_object(member, name, change);
                }
            }
            if !["waves", "products", "baselines"].contains(&name) {
                change(members);
            }
        }
        _ => {}
    }
}

#[test]
fn a_member_of_the_next_release_anywhere_in_a_record_is_understood_and_kept() {
    each_stored(|name, json| {
        let mut next: Value = serde_json::from_str(json).unwrap();
        let mut places = 0;
        each_object(&mut next, "", &mut |members| {
            members.insert("next".to_owned(), serde_json::json!({"of": ["next"]}));
            places += 1;
        });
        let (is_understood, written) = read_back(name, &next.to_string());
        assert!(is_understood, "{name}");
        if let Some(facts) = next.get("json") {
            assert!(facts_are_understood(name, &facts.to_string()), "{name}");
        }
        let kept = written.to_string().matches(r#""next":{"of":["next"]}"#).count();
        assert_eq!(kept, places, "{name}: {written}");
    });
}

#[test]
fn keys_name_their_family() {
    let tenant = "contoso".parse().unwrap();
    let server = ServerId::try_from("ex01.contoso.com".to_owned()).unwrap();
    assert_eq!(PolicyKey(&tenant).key(), "policy/contoso");
    assert_eq!(PhaseKey(&tenant, &server).key(), "phase/contoso/ex01.contoso.com");
    let peer = |address: &str| PeerKey(&tenant, address.parse().unwrap()).key();
    assert_eq!(
        (peer("203.0.113.7"), peer("2001:db8::7:8")),
        ("peer/contoso/203.0.113.7".into(), "peer/contoso/2001:db8::".into())
    );
    assert_eq!(TenantKey(&tenant).key(), "tenant/contoso");
    assert_eq!(KeyKey("0f".to_owned()).key(), "key/0f");
    assert_eq!(FactsKey::Catalog.key(), "catalog");
    assert_eq!(FactsKey::Baseline("strict".to_owned()).key(), "baseline/strict");
}
