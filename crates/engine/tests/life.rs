//! The life of a spell as a table: what is seen when, and what becomes of it.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::unwrap_used, reason = "a test stops where it fails")]

use std::net::{IpAddr, Ipv4Addr};

use tidegate_engine::clock::Freezes;
use tidegate_engine::identity::Node;
use tidegate_engine::policy::{Facts, Policy};
use tidegate_engine::shown::Shown;
use tidegate_engine::spell::{Rules, ServerRecord, Sighting, TransitionKind};
use tidegate_engine::time::{HOUR, Timestamp};

/// Two days after the newest edition of the baseline came into force; hours count from here.
const START: &str = "2026-09-10T08:15:08Z";
/// Before it did.
const EARLIER: &str = "2026-08-20T08:15:08Z";

const OLD: Seen = Seen::Build("15.1.2507.39");
const OLDER: Seen = Seen::Build("15.1.2507.6");
const NEW: Seen = Seen::Build("15.1.2507.61");

#[derive(Clone, Copy)]
enum Seen {
    Build(&'static str),
    Lane(&'static str),
    Pickup(&'static str),
    Nothing,
}

impl Seen {
    fn shown(self) -> Shown {
        match self {
            Self::Build(build) => Shown::Update(build.parse().unwrap()),
            Self::Lane(build) => Shown::Lane(build.parse().unwrap()),
            Self::Pickup(build) => Shown::Product(build.parse().unwrap()),
            Self::Nothing => Shown::Nothing,
        }
    }
}

/// Hour, build, node and which message it is: a retry has the same number.
type Step = (i64, Seen, u8, u64);

struct Life {
    name: &'static str,
    start: &'static str,
    steps: &'static [Step],
    /// The last look at the server, without a message.
    until: i64,
    transitions: &'static [(TransitionKind, i64)],
    /// Hours of detection and hours held of the spell that runs at the end.
    spell: Option<(i64, i64)>,
}

use TransitionKind::{Detected, Patched, Resumed, Silent};

const LIVES: &[Life] = &[
    Life {
        name: "two messages begin a spell, at the first of them",
        start: START,
        steps: &[(0, OLD, 1, 1), (24, OLD, 1, 2)],
        until: 24,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life { name: "one does not", start: START, steps: &[(0, OLD, 1, 1)], until: 9_999, transitions: &[], spell: None },
    Life {
        name: "a retry is no second message",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 1), (100, OLD, 1, 1)],
        until: 100,
        transitions: &[],
        spell: None,
    },
    Life {
        name: "but does not harm a true one",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 1), (2, OLD, 1, 2)],
        until: 2,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "seven days between them are few enough",
        start: START,
        steps: &[(0, OLD, 1, 1), (7 * 24, OLD, 1, 2)],
        until: 7 * 24,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "more are too many, and the later one is a new first",
        start: START,
        steps: &[(0, OLD, 1, 1), (7 * 24 + 1, OLD, 1, 2), (8 * 24, OLD, 1, 3)],
        until: 8 * 24,
        transitions: &[(Detected, 7 * 24 + 1)],
        spell: Some((7 * 24 + 1, 0)),
    },
    Life {
        name: "messages may come out of order",
        start: START,
        steps: &[(24, OLD, 1, 1), (0, OLD, 1, 2)],
        until: 24,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "a straggler does not push a first witness out",
        start: START,
        steps: &[(300, OLD, 1, 1), (0, OLD, 1, 2), (301, OLD, 1, 3)],
        until: 301,
        transitions: &[(Detected, 300)],
        spell: Some((300, 0)),
    },
    Life {
        name: "a message from a patched build ends it at once",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (5, NEW, 1, 3)],
        until: 5,
        transitions: &[(Detected, 0), (Patched, 5)],
        spell: None,
    },
    Life {
        name: "and takes the first witness back",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, NEW, 1, 2), (26, OLD, 1, 3)],
        until: 26,
        transitions: &[],
        spell: None,
    },
    Life {
        name: "within a day of a patched message, a stale component condemns nobody",
        start: START,
        steps: &[(0, NEW, 1, 1), (1, OLD, 1, 2), (2, OLD, 1, 3), (24, OLD, 1, 4)],
        until: 24,
        transitions: &[],
        spell: None,
    },
    Life {
        name: "after a day it does",
        start: START,
        steps: &[(0, NEW, 1, 1), (24, OLD, 1, 2), (25, OLD, 1, 3), (26, OLD, 1, 4)],
        until: 26,
        transitions: &[(Detected, 25)],
        spell: Some((25, 0)),
    },
    Life {
        name: "Pickup, mapi 000 and messages without a build do nothing",
        start: START,
        steps: &[
            (0, Seen::Pickup("15.1.2507.17"), 1, 1),
            (1, Seen::Pickup("15.1.2507.17"), 1, 2),
            (2, Seen::Lane("15.1.2507.0"), 1, 3),
            (3, Seen::Lane("15.1.2507.0"), 1, 4),
            (4, Seen::Nothing, 1, 5),
        ],
        until: 4,
        transitions: &[],
        spell: None,
    },
    Life {
        name: "nor do they end a spell",
        start: START,
        steps: &[
            (0, OLD, 1, 1),
            (1, OLD, 1, 2),
            (2, Seen::Pickup("15.1.2507.61"), 1, 3),
            (3, Seen::Lane("15.1.2507.0"), 1, 4),
            (4, Seen::Nothing, 1, 5),
        ],
        until: 4,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "a lane that no update makes acceptable does condemn",
        start: START,
        steps: &[(0, Seen::Lane("15.0.1347.0"), 1, 1), (1, Seen::Lane("15.0.1347.0"), 1, 2)],
        until: 1,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "30 days of silence end it",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2)],
        until: 1 + 30 * 24,
        transitions: &[(Detected, 0), (Silent, 1 + 30 * 24)],
        spell: None,
    },
    Life {
        name: "an hour less does not",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2)],
        until: 30 * 24,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "nor does a lag of messages without a build count as speech",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (20 * 24, Seen::Nothing, 1, 3)],
        until: 1 + 30 * 24,
        transitions: &[(Detected, 0), (Silent, 1 + 30 * 24)],
        spell: None,
    },
    Life {
        name: "who spoke on day 31 of silence starts anew",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (1 + 31 * 24, OLD, 1, 3), (2 + 31 * 24, OLD, 1, 4)],
        until: 2 + 31 * 24,
        transitions: &[(Detected, 0), (Silent, 1 + 30 * 24), (Detected, 1 + 31 * 24)],
        spell: Some((1 + 31 * 24, 0)),
    },
    Life {
        name: "a relapse resumes the clock exactly where it stopped",
        start: START,
        steps: &[
            (0, OLD, 1, 1),
            (1, OLD, 1, 2),
            (500, OLD, 1, 3),
            (840, NEW, 1, 4),
            (1_080, OLD, 1, 5),
            (1_090, OLD, 1, 6),
        ],
        until: 1_090,
        transitions: &[(Detected, 0), (Patched, 840), (Resumed, 1_080)],
        spell: Some((0, 240)),
    },
    Life {
        name: "and again",
        start: START,
        steps: &[
            (0, OLD, 1, 1),
            (1, OLD, 1, 2),
            (500, NEW, 1, 3),
            (600, OLD, 1, 4),
            (601, OLDER, 1, 5),
            (700, NEW, 1, 6),
            (900, OLD, 1, 7),
            (901, OLD, 1, 8),
        ],
        until: 901,
        transitions: &[(Detected, 0), (Patched, 500), (Resumed, 600), (Patched, 700), (Resumed, 900)],
        spell: Some((0, 300)),
    },
    Life {
        name: "30 days after the patch it still does",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (10, NEW, 1, 3), (730, OLD, 1, 4), (731, OLD, 1, 5)],
        until: 731,
        transitions: &[(Detected, 0), (Patched, 10), (Resumed, 730)],
        spell: Some((0, 720)),
    },
    Life {
        name: "later, a new spell begins at stage 1",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (10, NEW, 1, 3), (731, OLD, 1, 4), (732, OLD, 1, 5)],
        until: 732,
        transitions: &[(Detected, 0), (Patched, 10), (Detected, 731)],
        spell: Some((731, 0)),
    },
    Life {
        name: "so it does for a build that was acceptable when the spell ended",
        start: EARLIER,
        steps: &[
            (0, OLDER, 1, 1),
            (1, OLDER, 1, 2),
            (2, OLD, 1, 3),
            (24 * 20, OLD, 1, 4), // the edition of 2026-09-08 is in force
            (24 * 20 + 1, OLD, 1, 5),
        ],
        until: 24 * 20 + 1,
        transitions: &[(Detected, 0), (Patched, 2), (Detected, 24 * 20)],
        spell: Some((24 * 20, 0)),
    },
    Life {
        name: "a server that is out of date when requirements tighten keeps its spell",
        start: EARLIER,
        steps: &[(0, OLDER, 1, 1), (1, OLDER, 1, 2), (24 * 20, OLD, 1, 3)],
        until: 24 * 20,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "one machine of a farm keeps the spell of all",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, NEW, 2, 2), (2, OLD, 1, 3), (3, NEW, 2, 4), (4, NEW, 3, 5)],
        until: 4,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "until it is patched too",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, NEW, 2, 2), (2, OLD, 1, 3), (5, NEW, 1, 4)],
        until: 5,
        transitions: &[(Detected, 0), (Patched, 5)],
        spell: None,
    },
    Life {
        name: "two machines can be each other's witness",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 2, 2)],
        until: 1,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "a machine silent for seven days counts no more once another was seen",
        start: START,
        steps: &[(0, OLD, 1, 1), (2, OLD, 1, 2), (169, NEW, 2, 3), (170, NEW, 2, 4)],
        until: 170,
        transitions: &[(Detected, 0), (Patched, 170)],
        spell: None,
    },
    Life {
        name: "a late message from a patched build, a day before the newest, changes nothing",
        start: START,
        steps: &[(0, OLD, 1, 1), (48, OLD, 1, 2), (10, NEW, 1, 3)],
        until: 48,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "one within the day clears, and the spell ends no earlier than it was seen to run",
        start: START,
        steps: &[(0, OLD, 1, 1), (24, OLD, 1, 2), (20, NEW, 1, 3)],
        until: 24,
        transitions: &[(Detected, 0), (Patched, 24)],
        spell: None,
    },
    Life {
        name: "a late message from before the patch is no relapse",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (48, NEW, 1, 3), (40, OLD, 1, 4), (10, OLD, 1, 5), (11, OLD, 1, 6)],
        until: 48,
        transitions: &[(Detected, 0), (Patched, 48)],
        spell: None,
    },
    Life {
        name: "a late message does not shorten the time until silence",
        start: START,
        steps: &[(0, OLD, 1, 1), (100, OLD, 1, 2), (50, OLD, 1, 3)],
        until: 100 + 30 * 24 - 1,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
    Life {
        name: "nor does it where it is the second witness",
        start: START,
        steps: &[(100, OLD, 1, 1), (50, OLD, 1, 2)],
        until: 100 + 30 * 24 - 1,
        transitions: &[(Detected, 50)],
        spell: Some((50, 0)),
    },
    Life {
        name: "a build in no known lane neither begins nor ends a spell",
        start: START,
        steps: &[(0, OLD, 1, 1), (1, OLD, 1, 2), (30, Seen::Build("15.1.2000.1"), 1, 3)],
        until: 30,
        transitions: &[(Detected, 0)],
        spell: Some((0, 0)),
    },
];

#[test]
fn every_life_goes_as_it_says() {
    let facts = Facts::built_in();
    let (policy, freezes) = (Policy::default(), Freezes::default());
    let rules = Rules::new(&facts, &policy, &freezes).unwrap();
    for life in LIVES {
        let start: Timestamp = life.start.parse().unwrap();
        let at = |hour: i64| start.plus(hour * HOUR);
        let hour = |at: Timestamp| at.since(start) / HOUR;
        let mut record = ServerRecord::default();
        let mut transitions = Vec::new();
        for &(hour, seen, node, fingerprint) in life.steps {
            let node = Node(Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, node))));
            transitions
                .extend(record.observe(&Sighting { at: at(hour), node, shown: seen.shown(), fingerprint }, &rules));
            // what is stored is what is remembered
            let stored = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<ServerRecord>(&stored).unwrap(), record, "{}", life.name);
        }
        transitions.extend(record.settle(at(life.until)));
        let transitions: Vec<_> = transitions.iter().map(|transition| (transition.kind, hour(transition.at))).collect();
        assert_eq!(transitions, life.transitions, "{}", life.name);
        let spell = record.spell().map(|spell| (hour(spell.detected_at), spell.held / HOUR));
        assert_eq!(spell, life.spell, "{}", life.name);
    }
    println!("{} lives", LIVES.len());
}
