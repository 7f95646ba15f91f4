//! What release 67205e3 stored is read with its clocks, and can read what is written now.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test stops where it fails")]

use serde::Deserialize;
use serde_json::Value;
use tidegate_engine::Freezes;
use tidegate_engine::Node;
use tidegate_engine::Phase;
use tidegate_engine::ServerRecord;
use tidegate_engine::{BestBuild, Shown};
use tidegate_engine::{DAY, Timestamp};
use tidegate_engine::{DecisionContext, current_stage};
use tidegate_engine::{Facts, Mode, Policy};
use tidegate_engine::{MAX_BUILDS, Sighting};
use tidegate_engine::{NOTICE_SECONDS, Rules};

const SERVER: &str = include_str!("../../../tests/stored/67205e3/server.json");
const PHASE: &str = include_str!("../../../tests/stored/67205e3/phase.json");

/// As release 67205e3 reads what is stored: a member that it lacks is an error to it.
mod earlier {
    use super::{Deserialize, Node, Timestamp};
    use tidegate_engine::Build;

    #[derive(Deserialize)]
    pub(crate) struct ServerRecord {
        pub(crate) nodes: Vec<NodeRecord>,
        pub(crate) spell: Option<Spell>,
        pub(crate) suspect: Option<Suspect>,
        pub(crate) ended: Option<EndedSpell>,
    }

    #[derive(Deserialize)]
    pub(crate) struct NodeRecord {
        pub(crate) node: Node,
        pub(crate) last_seen: Timestamp,
        pub(crate) builds: Vec<SeenBuild>,
    }

    #[derive(Deserialize)]
    pub(crate) struct SeenBuild {
        pub(crate) build: Build,
        #[serde(default)]
        pub(crate) lane_only: bool,
        pub(crate) at: Timestamp,
    }

    #[derive(Debug, Deserialize, PartialEq)]
    pub(crate) struct Spell {
        pub(crate) detected_at: Timestamp,
        pub(crate) held: i64,
        pub(crate) last_out_of_date: Timestamp,
    }

    #[derive(Deserialize)]
    pub(crate) struct Suspect {
        pub(crate) at: Timestamp,
        pub(crate) fingerprint: u64,
    }

    #[derive(Deserialize)]
    pub(crate) struct EndedSpell {
        pub(crate) spell: Spell,
        pub(crate) at: Timestamp,
        pub(crate) reason: tidegate_engine::SpellEnd,
    }

    #[derive(Deserialize)]
    pub(crate) struct Phase {
        pub(crate) spell: Option<Spell>,
        pub(crate) nodes: Vec<NodePhase>,
    }

    #[derive(Deserialize)]
    pub(crate) struct NodePhase {
        #[expect(dead_code, reason = "it is read")]
        node: Node,
        #[expect(dead_code, reason = "it is read")]
        builds: Vec<PhaseBuild>,
    }

    #[derive(Deserialize)]
    pub(crate) struct PhaseBuild {
        #[expect(dead_code, reason = "it is read")]
        build: Build,
    }
}

fn member<T: serde::de::DeserializeOwned>(document: &str, name: &str) -> T {
    let document: Value = serde_json::from_str(document).unwrap();
    serde_json::from_value(document[name].clone()).unwrap()
}

fn with_rules(test: impl FnOnce(&Rules<'_>)) {
    let (facts, freezes) = (Facts::built_in(), Freezes::default());
    let policy = Policy { mode: Mode::Enforce, ..Policy::default() };
    test(&Rules::new(&facts, &policy, &freezes).unwrap());
}

fn sighting(at: Timestamp, build: &str, fingerprint: u64) -> Sighting {
    let shown = Shown::Update(build.parse().unwrap());
    Sighting { at, node: Node("10.0.0.5".parse().ok()), shown, other_component: None, fingerprint, in_reach: true }
}

#[test]
fn a_server_keeps_its_clock_and_what_its_machines_showed() {
    with_rules(|rules| {
        let mut record: ServerRecord = member(SERVER, "record");
        let (detected, last) = (Timestamp(1_790_842_508), Timestamp(1_793_000_000));
        let spell = *record.spell().unwrap();
        assert_eq!((spell.detected_at, spell.held, spell.last_out_of_date), (detected, 0, last));
        assert_eq!((spell.suspended_since, spell.last_in_reach), (None, None));
        assert_eq!(record.nodes().len(), 1);
        let builds: Vec<_> = record.builds().iter().map(|seen| (seen.build.to_string(), seen.at)).collect();
        assert_eq!(builds, [("15.1.2507.39".to_owned(), last)]);
        assert_eq!(record.standing(rules, last).map(|(build, _)| build.to_string()), Some("15.1.2507.39".into()));
        // its clock runs on, and nothing is closed for seven days
        let now = detected.plus(95 * DAY);
        record.observe(&sighting(last.plus(30 * DAY), "15.1.2507.39", 1), rules);
        record.observe(&sighting(now, "15.1.2507.39", 2), rules);
        let spell = *record.spell().unwrap();
        assert_eq!((spell.detected_at, spell.open_until), (detected, now.plus(NOTICE_SECONDS)));
        let stage =
            |at| current_stage(Some(&spell), "15.1.2507.39".parse().unwrap(), &DecisionContext::new(*rules, at));
        assert_eq!((stage(now).number, stage(now).minutes.is_open()), (8, true));
        assert_eq!(stage(now.plus(NOTICE_SECONDS)).minutes.block(), 60);
        // and a patch ends it
        record.observe(&sighting(now.plus(1), "15.1.2507.61", 3), rules);
        assert!(record.spell().is_none());
    });
}

#[test]
fn the_best_of_what_its_machines_showed_stands_for_the_name() {
    with_rules(|rules| {
        let mut document: Value = member(SERVER, "record");
        let last = 1_793_000_000;
        let node = |address: u8, build: &str| {
            serde_json::json!({"node": format!("10.0.0.{address}"), "last_seen": last,
                "builds": [{"build": build, "at": last}, {"build": "15.1.2507.0", "lane_only": true, "at": last - 60}]})
        };
        let others = (1..=40).map(|address| node(address, &format!("15.1.2507.{address}")));
        document["nodes"] = [node(50, "15.1.2507.61")].into_iter().chain(others).collect();
        let mut record: ServerRecord = serde_json::from_value(document).unwrap();
        let mut is_free = |at: i64| {
            let (build, standing) = record.standing(rules, Timestamp(at)).unwrap();
            assert_eq!((build.to_string(), standing.is_current()), ("15.1.2507.61".into(), true));
            record.observe(&sighting(Timestamp(at), "15.1.2507.2", at.unsigned_abs()), rules);
        };
        is_free(last);
        is_free(last + 60);
        let stored = serde_json::to_value(&record).unwrap();
        assert!(stored["builds"].as_array().unwrap().len() <= MAX_BUILDS);
    });
}

#[test]
fn the_release_before_reads_what_is_written_now() {
    with_rules(|rules| {
        let mut record: ServerRecord = member(SERVER, "record");
        for step in 1..=200_i64 {
            let build = if step % 50 == 0 { "15.1.2507.61" } else { "15.1.2507.39" };
            let at = Timestamp(1_793_000_000).plus(step * DAY);
            record.observe(&sighting(at, build, step.unsigned_abs()), rules);
            let written: earlier::ServerRecord =
                serde_json::from_value(serde_json::to_value(&record).unwrap()).unwrap();
            let spell = record.spell().map(|spell| earlier::Spell {
                detected_at: spell.detected_at,
                held: spell.held,
                last_out_of_date: spell.last_out_of_date,
            });
            assert_eq!(written.spell, spell);
            assert_eq!(written.nodes.len(), record.nodes().len());
            let phase = record.phase(at);
            let phase: earlier::Phase = serde_json::from_value(serde_json::to_value(&phase).unwrap()).unwrap();
            // it accepts where it finds no machine
            assert_eq!((phase.spell, phase.nodes.len()), (spell, 0));
        }
        let written: earlier::ServerRecord = serde_json::from_value(serde_json::to_value(&record).unwrap()).unwrap();
        let seen = written.nodes.iter().flat_map(|node| &node.builds).map(|seen| (seen.build, seen.lane_only, seen.at));
        assert!(seen.eq(record.nodes().iter().flat_map(|node| &node.builds).map(|seen| (
            seen.build,
            seen.lane_only,
            seen.at
        ))));
        assert!(
            written
                .nodes
                .iter()
                .zip(record.nodes())
                .all(|(one, other)| (one.node, one.last_seen) == (other.node, other.last_seen))
        );
    });
}

#[test]
fn what_waits_and_what_has_ended_is_read_and_written() {
    let record: ServerRecord = member(SERVER, "record");
    let written: earlier::ServerRecord = serde_json::from_value(serde_json::to_value(&record).unwrap()).unwrap();
    let suspect = written.suspect.unwrap();
    assert_eq!((suspect.at, suspect.fingerprint), (Timestamp(1_793_000_000), 1_234_567_890_123));
    let ended = written.ended.unwrap();
    let spell =
        earlier::Spell { detected_at: Timestamp(1_780_000_000), held: 60, last_out_of_date: Timestamp(1_785_000_000) };
    assert_eq!(
        (ended.spell, ended.at, ended.reason),
        (spell, Timestamp(1_785_000_100), tidegate_engine::SpellEnd::Patched)
    );
}

#[test]
fn the_edge_reads_its_clock_and_accepts_until_a_message_in_reach_was_heard() {
    with_rules(|rules| {
        let phase: Phase = member(PHASE, "phase");
        let now = Timestamp(1_793_000_000);
        let spell = *phase.running_spell(now).unwrap();
        assert_eq!((spell.detected_at, spell.held), (Timestamp(1_790_842_508), 432_000));
        assert!(!spell.is_in_reach(now));
        let in_hand = BestBuild::judge(Shown::Update("15.1.2507.39".parse().unwrap()), rules, now).unwrap();
        let best = phase.best(in_hand, rules, now).unwrap();
        assert!(best.standing.is_out_of_date(), "the message in hand alone");
        let written: earlier::Phase = serde_json::from_value(serde_json::to_value(&phase).unwrap()).unwrap();
        assert_eq!(written.spell.map(|spell| spell.detected_at), Some(spell.detected_at));
    });
}
