//! What a server's name lately showed of its build, and the best of it.
//!
//! A name can stand for several machines, and a queue or a stale component can stamp what the server no longer runs.
//! So the best build of the *name* stands for the server: that of the last 7 days and of the last eight messages of 35
//! days whose evidence fields differ, by arrival.

use serde::{Deserialize, Serialize};

use crate::baseline::Standing;
use crate::build::Build;
use crate::identity::Node;
use crate::order;
use crate::rules::Rules;
use crate::shown::Shown;
use crate::time::{DAY, Timestamp};

/// Nodes kept for one server; the one seen longest ago makes room.
pub const MAX_NODES: usize = 64;
/// Builds kept for one node; the lowest makes room.
pub const MAX_NODE_BUILDS: usize = 8;
/// Builds kept for a name; the worst makes room.
pub const MAX_BUILDS: usize = 16;
/// Messages kept for a name; the oldest makes room.
pub const MAX_MESSAGES: usize = 8;
/// Seconds for which any build that a name showed counts.
pub const BUILD_SECONDS: i64 = 7 * DAY;
/// Seconds for which one of a name's last eight messages counts; two out-of-date messages that differ within this time
/// begin a spell.
pub const WITNESS_SECONDS: i64 = 35 * DAY;

/// Seconds by which a message may be heard late: what counted then is still there to be counted with it.
const LATE_SECONDS: i64 = DAY;

/// One message as it bears on its server.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// When it arrived.
    pub at: Timestamp,
    /// The machine that stamped it.
    pub node: Node,
    /// What it shows of the build.
    pub shown: Shown,
    /// What another component of the server than transport stamped on it.
    pub other_component: Option<Build>,
    /// Of the evidence field: a retry carries the same one.
    pub fingerprint: u64,
    /// It could have been refused: connector in scope, not behind a relay that is only reported, mode `enforce`.
    pub in_reach: bool,
}

/// A build and when it was last shown.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct SeenBuild {
    /// The build.
    pub build: Build,
    /// Only the lane is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane_only: bool,
    /// The last arrival of a message that showed it.
    pub at: Timestamp,
}

/// One of the last messages of a name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SeenMessage {
    pub seen: SeenBuild,
    pub fingerprint: u64,
}

/// One machine behind the name, kept for reports alone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct NodeRecord {
    /// Which machine.
    pub node: Node,
    /// The last arrival of a message of it.
    pub last_seen: Timestamp,
    /// Within 7 days up to the newest, newest last.
    pub builds: Vec<SeenBuild>,
}

/// What is remembered of what a name showed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Shows {
    pub(crate) nodes: Vec<NodeRecord>,
    /// Oldest first.
    pub(crate) builds: Vec<SeenBuild>,
    /// By arrival, oldest first; no fingerprint twice.
    pub(crate) messages: Vec<SeenMessage>,
}

impl SeenBuild {
    const fn of(sighting: &Sighting) -> Option<Self> {
        let (build, lane_only) = match sighting.shown {
            Shown::Update(build) => (build, false),
            Shown::Lane(build) => (build, true),
            Shown::Product(_) | Shown::Nothing => return None,
        };
        Some(Self { build, lane_only, at: sighting.at })
    }

    /// As a message shows it.
    pub const fn shown(&self) -> Shown {
        Shown::stored(self.build, self.lane_only)
    }

    fn is_same_build(&self, other: &Self) -> bool {
        (self.build, self.lane_only) == (other.build, other.lane_only)
    }
}

/// The best of what a name showed.
#[derive(Clone, Copy, Debug)]
pub struct BestBuild {
    /// As it was shown.
    pub shown: Shown,
    /// Its number.
    pub build: Build,
    /// How it stands.
    pub standing: Standing,
}

/// The better of two builds is the one that meets the requirement, else the higher. Where that is of unknown standing
/// nothing is certain of the name: a server that was brought to a build of which too little is known may be patched.
pub(crate) fn best(judged: impl Iterator<Item = BestBuild>) -> Option<BestBuild> {
    judged.max_by_key(|best| (best.standing.is_current(), best.build))
}

impl BestBuild {
    /// Judges what was shown; `None` where it is no number that the server itself can be said to show.
    pub fn judge(shown: Shown, rules: &Rules<'_>, at: Timestamp) -> Option<Self> {
        Some(Self { shown, build: shown.build()?, standing: rules.assess(shown, at) })
    }
}

impl Shows {
    /// Takes in what one message showed, in whatever order messages are heard.
    pub(crate) fn remember(&mut self, sighting: &Sighting, rules: &Rules<'_>) {
        let Some(seen) = SeenBuild::of(sighting) else { return };
        self.remember_node(sighting.node, seen);
        keep_build(&mut self.builds, seen);
        while self.builds.len() > MAX_BUILDS {
            let worst = |seen: &&SeenBuild| (rules.assess(seen.shown(), sighting.at).is_current(), seen.build);
            let Some(worst) = self.builds.iter().min_by_key(worst).copied() else { break };
            self.builds.retain(|seen| !seen.is_same_build(&worst));
        }
        if self.messages.iter().all(|known| known.fingerprint != sighting.fingerprint) {
            order::insert(&mut self.messages, SeenMessage { seen, fingerprint: sighting.fingerprint }, |m| m.seen.at);
            let newest = self.messages.last().map_or(seen.at, |newest| newest.seen.at);
            self.messages.retain(|known| newest.since(known.seen.at) <= WITNESS_SECONDS + LATE_SECONDS);
            let surplus = self.messages.len().saturating_sub(MAX_MESSAGES);
            self.messages.drain(..surplus);
        }
    }

    /// What counts at `now` as shown by the name, with the time until which it does.
    pub(crate) fn lately(&self, now: Timestamp) -> impl Iterator<Item = (SeenBuild, Timestamp)> {
        let builds = self.builds.iter().map(|seen| (*seen, seen.at.plus(BUILD_SECONDS)));
        let messages = self.messages.iter().map(|known| (known.seen, known.seen.at.plus(WITNESS_SECONDS)));
        builds.chain(messages).filter(move |(_, until)| now <= *until)
    }

    /// What stands for the name at `now`: what counts, or where nothing does any more, the last that is known.
    pub(crate) fn stands_for(&self, now: Timestamp) -> impl Iterator<Item = Shown> {
        let known = self.builds.iter().chain(self.messages.iter().map(|known| &known.seen));
        let last = known.max_by_key(|seen| seen.at).filter(|_| self.lately(now).next().is_none());
        self.lately(now).map(|(seen, _)| seen.shown()).chain(last.map(SeenBuild::shown))
    }

    /// The best of what stands for the name, with its standing.
    pub(crate) fn best(&self, rules: &Rules<'_>, now: Timestamp) -> Option<BestBuild> {
        best(self.stands_for(now).filter_map(|shown| BestBuild::judge(shown, rules, now)))
    }

    /// From what an older release stored, which kept builds by node alone. The bound on builds needs the rules to tell the
    /// worst, so it is applied with the next message.
    pub(crate) fn of_nodes(nodes: Vec<NodeRecord>) -> Self {
        let mut builds = Vec::new();
        for seen in order::order_by_key(nodes.iter().flat_map(|record| &record.builds).copied(), |seen| seen.at) {
            keep_build(&mut builds, seen);
        }
        Self { nodes, builds, messages: Vec::new() }
    }

    fn remember_node(&mut self, node: Node, seen: SeenBuild) {
        let index = match self.nodes.iter().position(|record| record.node == node) {
            Some(index) => index,
            None => {
                if self.nodes.len() >= MAX_NODES {
                    let oldest = self.nodes.iter().enumerate().min_by_key(|(_, record)| record.last_seen);
                    if let Some(index) = oldest.map(|(index, _)| index) {
                        self.nodes.swap_remove(index);
                    }
                }
                self.nodes.push(NodeRecord { node, last_seen: seen.at, builds: Vec::new() });
                self.nodes.len() - 1
            }
        };
        let Some(record) = self.nodes.get_mut(index) else { return };
        record.last_seen = record.last_seen.max(seen.at);
        keep_build(&mut record.builds, seen);
        while record.builds.len() > MAX_NODE_BUILDS {
            let Some(lowest) = record.builds.iter().min_by_key(|seen| seen.build).copied() else { break };
            record.builds.retain(|seen| !seen.is_same_build(&lowest));
        }
    }
}

/// Notes a build with its last arrival, and forgets what counts no more.
fn keep_build(builds: &mut Vec<SeenBuild>, seen: SeenBuild) {
    let at = match builds.iter().position(|known| known.is_same_build(&seen)) {
        Some(known) => builds.remove(known).at.max(seen.at),
        None => seen.at,
    };
    order::insert(builds, SeenBuild { at, ..seen }, |seen| seen.at);
    let newest = builds.last().map_or(at, |newest| newest.at);
    builds.retain(|seen| newest.since(seen.at) <= BUILD_SECONDS + LATE_SECONDS);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Freezes;
    use crate::policy::{Facts, Policy};
    use crate::time::HOUR;

    const START: Timestamp = Timestamp(1_790_841_600); // 2026-10-01T08:00:00Z

    fn sighting(hour: i64, build: &str, node: u8) -> Sighting {
        let at = START.plus(hour * HOUR);
        let shown = Shown::Update(build.parse().unwrap());
        let node = Node(Some([10, 0, 0, node].into()));
        Sighting { at, node, shown, other_component: None, fingerprint: at.0.unsigned_abs(), in_reach: true }
    }

    fn with_rules(test: impl FnOnce(&Rules<'_>)) {
        let (facts, policy, freezes) = (Facts::built_in(), Policy::default(), Freezes::default());
        test(&Rules::new(&facts, &policy, &freezes).unwrap());
    }

    fn revisions(builds: &[SeenBuild]) -> Vec<u16> {
        builds.iter().map(|seen| seen.build.revision).collect()
    }

    #[test]
    fn what_is_kept_of_nodes_and_builds_is_bounded() {
        with_rules(|rules| {
            let mut shows = Shows::default();
            for node in 0..=u8::try_from(MAX_NODES).unwrap() {
                shows.remember(&sighting(node.into(), "15.1.2507.39", node), rules);
            }
            assert_eq!(shows.nodes.len(), MAX_NODES);
            assert!(
                !shows.nodes.iter().any(|known| known.node == sighting(0, "15.1.2507.39", 0).node),
                "the oldest went"
            );
            assert_eq!((shows.builds.len(), shows.messages.len()), (1, MAX_MESSAGES));
            for revision in 40..60 {
                shows.remember(&sighting(70, &format!("15.1.2507.{revision}"), 9), rules);
            }
            let kept = shows.nodes.iter().find(|known| known.node == sighting(0, "15.1.2507.39", 9).node).unwrap();
            assert_eq!(revisions(&kept.builds), (52..60).collect::<Vec<_>>(), "the lowest went");
            assert_eq!(kept.last_seen, START.plus(70 * HOUR));
            assert_eq!(revisions(&shows.builds), (44..60).collect::<Vec<_>>());
        });
    }

    #[test]
    fn the_worst_build_goes_and_not_the_lowest() {
        with_rules(|rules| {
            let mut shows = Shows::default();
            // acceptable, and lower than all that follows
            shows.remember(&sighting(0, "15.2.1544.36", 1), rules);
            for revision in 0..30 {
                shows.remember(&sighting(1 + i64::from(revision), &format!("15.2.1748.{revision}"), 1), rules);
            }
            assert_eq!(shows.builds.len(), MAX_BUILDS);
            let best = shows.best(rules, START.plus(40 * HOUR)).unwrap();
            assert_eq!((best.build.to_string(), best.standing.is_current()), ("15.2.1544.36".into(), true));
        });
    }

    #[test]
    fn a_build_counts_for_seven_days_and_one_of_eight_messages_for_35() {
        with_rules(|rules| {
            let mut shows = Shows::default();
            shows.remember(&sighting(0, "15.1.2507.61", 1), rules);
            shows.remember(&sighting(24, "15.1.2507.39", 1), rules);
            let best = |shows: &Shows, at: i64| shows.best(rules, START.plus(at)).unwrap().build.revision;
            assert_eq!((best(&shows, 35 * DAY), best(&shows, 35 * DAY + 1)), (61, 39));
            for hour in 25..33 {
                shows.remember(&sighting(hour, "15.1.2507.39", 1), rules);
            }
            assert_eq!((best(&shows, 7 * DAY), best(&shows, 7 * DAY + 1)), (61, 39), "it is none of the last eight");
            assert_eq!(best(&shows, 900 * DAY), 39, "and at last what was known at last");
        });
    }

    #[test]
    fn a_retry_is_the_same_message_and_the_build_was_shown_again() {
        with_rules(|rules| {
            let mut shows = Shows::default();
            let first = sighting(0, "15.1.2507.39", 1);
            for hour in 0..20 {
                shows.remember(&Sighting { at: first.at.plus(hour * HOUR), ..first }, rules);
            }
            assert_eq!(shows.messages.iter().map(|known| known.seen.at).collect::<Vec<_>>(), [START]);
            assert_eq!(shows.builds.iter().map(|seen| seen.at).collect::<Vec<_>>(), [START.plus(19 * HOUR)]);
        });
    }

    #[test]
    fn in_whatever_order_messages_are_heard_the_same_is_kept() {
        with_rules(|rules| {
            let all: Vec<_> = (0..12).map(|n| sighting(n * 20, &format!("15.1.2507.{}", 30 + n % 5), 1)).collect();
            let heard = |order: &[usize]| {
                let mut shows = Shows::default();
                order.iter().filter_map(|index| all.get(*index)).for_each(|seen| shows.remember(seen, rules));
                shows
            };
            let in_order = heard(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
            assert_eq!(heard(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0]), in_order);
            assert_eq!(heard(&[5, 11, 0, 7, 2, 9, 4, 1, 10, 3, 8, 6]), in_order);
        });
    }

    #[test]
    fn of_builds_that_do_not_meet_the_requirement_the_highest_counts_whatever_is_known_of_it() {
        with_rules(|rules| {
            let shown = |build: &str| Shown::Update(build.parse().unwrap());
            let best = |list: &[&str]| {
                best(list.iter().filter_map(|build| BestBuild::judge(shown(build), rules, START)))
                    .unwrap()
                    .build
                    .to_string()
            };
            assert_eq!(best(&["15.2.1600.1", "15.2.1544.20"]), "15.2.1600.1");
            assert_eq!(best(&["15.2.1500.1", "15.2.1544.20"]), "15.2.1544.20");
            assert_eq!(best(&["15.1.2507.39", "15.1.2507.61", "15.2.1748.26"]), "15.1.2507.61");
            assert_eq!(best(&["15.1.2507.39", "15.2.1748.26"]), "15.2.1748.26");
        });
    }
}
