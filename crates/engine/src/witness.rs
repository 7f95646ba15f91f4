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
/// What a name showed counts for so long.
pub const BUILD_SECONDS: i64 = 7 * DAY;
/// One of the last eight messages counts for so long; two that differ within this time begin a spell.
pub const WITNESS_SECONDS: i64 = 35 * DAY;

/// One message as it bears on its server.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    /// When it arrived.
    pub at: Timestamp,
    pub node: Node,
    pub shown: Shown,
    /// What the server's store stamped on it.
    pub mapi: Option<Build>,
    /// Of the evidence field: a retry carries the same one.
    pub fingerprint: u64,
    /// It could have been refused: connector in scope, not behind a relay that is only reported, mode `enforce`.
    pub in_reach: bool,
}

/// A build and when it was last shown.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeenBuild {
    pub build: Build,
    /// Only the lane is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane_only: bool,
    pub at: Timestamp,
}

/// One of the last messages of a name.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeenMessage {
    pub seen: SeenBuild,
    pub fingerprint: u64,
}

/// One machine behind the name, kept for reports alone.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodeRecord {
    pub node: Node,
    pub last_seen: Timestamp,
    /// Within 7 days up to the newest, newest last.
    pub builds: Vec<SeenBuild>,
}

/// What is remembered of what a name showed.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Shows {
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

    pub const fn shown(&self) -> Shown {
        if self.lane_only { Shown::Lane(self.build) } else { Shown::Update(self.build) }
    }

    fn is_same_build(&self, other: &Self) -> bool {
        (self.build, self.lane_only) == (other.build, other.lane_only)
    }
}

/// The best of what a name showed.
#[derive(Clone, Copy, Debug)]
pub struct Best {
    pub shown: Shown,
    pub build: Build,
    pub standing: Standing,
}

/// The better of two builds is the one that meets the requirement, else the one that certainly fails it, else the higher.
/// Doubt neither clears nor condemns.
pub(crate) fn best(shown: impl Iterator<Item = Shown>, rules: &Rules<'_>, at: Timestamp) -> Option<Best> {
    let judged =
        shown.filter_map(|shown| Some(Best { shown, build: shown.build()?, standing: rules.assess(shown, at) }));
    judged.max_by_key(|best| (rank(best.standing), best.build))
}

const fn rank(standing: Standing) -> u8 {
    match standing {
        Standing::Current(_) => 2,
        Standing::OutOfDate(_) => 1,
        Standing::Unknown(_) => 0,
    }
}

impl Shows {
    /// Takes in what one message showed, in whatever order messages are heard.
    pub(crate) fn remember(&mut self, sighting: &Sighting, rules: &Rules<'_>) {
        let Some(seen) = SeenBuild::of(sighting) else { return };
        self.remember_node(sighting.node, seen);
        keep_build(&mut self.builds, seen);
        while self.builds.len() > MAX_BUILDS {
            let worst = |seen: &&SeenBuild| (rank(rules.assess(seen.shown(), sighting.at)), seen.build);
            let Some(worst) = self.builds.iter().min_by_key(worst).copied() else { break };
            self.builds.retain(|seen| !seen.is_same_build(&worst));
        }
        if self.messages.iter().all(|known| known.fingerprint != sighting.fingerprint) {
            order::insert(&mut self.messages, SeenMessage { seen, fingerprint: sighting.fingerprint }, |m| m.seen.at);
            let newest = self.messages.last().map_or(seen.at, |newest| newest.seen.at);
            self.messages.retain(|known| newest.since(known.seen.at) <= WITNESS_SECONDS);
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

    /// The name's best build, with its standing. Where nothing counts any more, the last one known.
    pub(crate) fn best(&self, rules: &Rules<'_>, now: Timestamp) -> Option<Best> {
        best(self.lately(now).map(|(seen, _)| seen.shown()), rules, now).or_else(|| {
            let builds = self.builds.iter().chain(self.messages.iter().map(|known| &known.seen));
            best(builds.max_by_key(|seen| seen.at).map(SeenBuild::shown).into_iter(), rules, now)
        })
    }

    /// What an older release kept, by node alone. Which is the worst is told by the rules: with the next message.
    pub(crate) fn of_nodes(nodes: Vec<NodeRecord>) -> Self {
        let mut builds = Vec::new();
        for seen in order::ordered(nodes.iter().flat_map(|record| &record.builds).copied(), |seen| seen.at) {
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
    builds.retain(|seen| newest.since(seen.at) <= BUILD_SECONDS);
}
