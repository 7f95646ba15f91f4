//! What is remembered of one server: its nodes with the builds they lately showed, and its spell.
//!
//! A spell is one uninterrupted time of being out of date. It begins with the first of two different messages within
//! 7 days, ends at once when no node is out of date any more, or in silence 30 days after the last out-of-date message.

use serde::{Deserialize, Serialize};

use crate::baseline::{Baseline, Standing};
use crate::build::Build;
use crate::clock::{Clock, Freezes};
use crate::identity::Node;
use crate::ladder::{Ladder, Minutes};
use crate::order;
use crate::policy::{Facts, Policy};
use crate::shown::Shown;
use crate::time::{DAY, Timestamp};

/// Nodes kept for one server; the one seen longest ago makes room.
pub const MAX_NODES: usize = 64;
/// Builds kept for one node.
pub const MAX_BUILDS: usize = 8;
/// A node's build is the best one within this time up to its newest message.
pub const BEST_BUILD_SECONDS: i64 = DAY;
/// Two different messages within this time begin a spell.
pub const WITNESS_SECONDS: i64 = 7 * DAY;
/// A node silent for so long counts no more once another one was seen later.
pub const SILENT_NODE_SECONDS: i64 = 7 * DAY;
/// A spell ends so long after its last out-of-date message.
pub const SILENCE_SECONDS: i64 = 30 * DAY;
/// How often a running spell's last message is published.
pub const PUBLISH_SECONDS: i64 = DAY;
/// A relapse within this time resumes the clock.
pub const RELAPSE_SECONDS: i64 = 30 * DAY;
/// A spell that is enforced for the first time has at least so long before its first throttle.
pub const NOTICE_SECONDS: i64 = 7 * DAY;

/// By what a server is judged.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub facts: &'a Facts,
    pub policy: &'a Policy,
    pub freezes: &'a Freezes,
    baseline: &'a Baseline,
    changed_at: Timestamp,
}

impl<'a> Rules<'a> {
    /// `None` if the policy names a baseline that is not there.
    pub fn new(facts: &'a Facts, policy: &'a Policy, freezes: &'a Freezes) -> Option<Self> {
        Some(Self { facts, policy, freezes, baseline: facts.baseline(policy)?, changed_at: Timestamp(i64::MIN) })
    }

    /// The same rules, known to have changed then: a spell that ended before does not resume, since nobody was told what
    /// it would resume to.
    pub fn changed_at(self, changed_at: Timestamp) -> Self {
        Self { changed_at, ..self }
    }

    pub fn assess(&self, shown: Shown, at: Timestamp) -> Standing {
        self.baseline.assess(&self.facts.catalog, shown, at.date())
    }

    /// The same rules for a server whose clock stands still at these times.
    pub fn frozen_by<'b>(self, freezes: &'b Freezes) -> Rules<'b>
    where
        'a: 'b,
    {
        Rules { freezes, ..self }
    }

    /// The clock of a spell of a server that shows `build`. A spell that waited for its product's wave has its days of
    /// notice from there on, even on a ladder that begins with closed minutes.
    pub fn clock(&self, spell: &Spell, build: Build) -> Clock<'a> {
        let wave = self.facts.catalog.product(build).and_then(|product| self.policy.wave(product, self.facts));
        let waited = wave.is_some_and(|wave| spell.detected_at < wave);
        let first_closed = self.policy.ladder.first_closed().filter(|_| waited);
        let notice = first_closed.map_or(0, |first| (NOTICE_SECONDS - first).max(0));
        Clock::new(spell.detected_at, wave, self.freezes, spell.held.max(notice))
    }
}

/// What is remembered of one server. The ledger keeps it; [`Phase`] is what the edge needs of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct ServerRecord {
    nodes: Vec<NodeRecord>,
    spell: Option<Spell>,
    suspect: Option<Suspect>,
    ended: Option<EndedSpell>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodeRecord {
    pub node: Node,
    pub last_seen: Timestamp,
    /// Within 24 hours up to the newest, newest last.
    pub builds: Vec<SeenBuild>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct SeenBuild {
    pub build: Build,
    /// Only the lane is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane_only: bool,
    pub at: Timestamp,
}

impl SeenBuild {
    const fn shown(&self) -> Shown {
        if self.lane_only { Shown::Lane(self.build) } else { Shown::Update(self.build) }
    }
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Spell {
    pub detected_at: Timestamp,
    /// Seconds that do not count: the time between a patch and a relapse, and what softened a change of rules.
    pub held: i64,
    pub last_out_of_date: Timestamp,
}

impl Spell {
    /// When the spell ends if nothing more is heard.
    pub const fn silent_at(&self) -> Timestamp {
        Timestamp(self.last_out_of_date.0.saturating_add(SILENCE_SECONDS))
    }
}

/// The first out-of-date message, waiting for a second witness.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct Suspect {
    at: Timestamp,
    fingerprint: u64,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
struct EndedSpell {
    spell: Spell,
    at: Timestamp,
    reason: End,
    /// The build that ended it by being acceptable then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    accepted: Option<Build>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Patched,
    Silent,
}

/// One message as it bears on its server.
#[derive(Clone, Copy, Debug)]
pub struct Sighting {
    pub at: Timestamp,
    pub node: Node,
    pub shown: Shown,
    /// Of the evidence field: a retry carries the same one.
    pub fingerprint: u64,
}

/// A change in a server's life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Transition {
    pub at: Timestamp,
    pub kind: TransitionKind,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// A spell began at stage 1.
    Detected,
    /// A patched server fell back, and its clock goes on.
    Resumed,
    Patched,
    Silent,
}

impl TransitionKind {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Detected => "detected",
            Self::Resumed => "resumed",
            Self::Patched => "patched",
            Self::Silent => "silent",
        }
    }
}

impl ServerRecord {
    pub fn nodes(&self) -> &[NodeRecord] {
        &self.nodes
    }

    pub fn spell(&self) -> Option<&Spell> {
        self.spell.as_ref()
    }

    pub fn spell_mut(&mut self) -> Option<&mut Spell> {
        self.spell.as_mut()
    }

    /// Takes in one message. Messages may arrive a little out of order.
    pub fn observe(&mut self, sighting: &Sighting, rules: &Rules<'_>) -> Vec<Transition> {
        let mut transitions: Vec<_> = self.settle(sighting.at).into_iter().collect();
        self.remember(sighting);
        let message = rules.assess(sighting.shown, sighting.at);
        let node = self.node_standing(sighting.node, rules, sighting.at);
        if message.is_out_of_date() && node.is_some_and(|standing| standing.is_out_of_date()) {
            transitions.extend(self.accuse(sighting, rules));
        } else if matches!(message, Standing::Current(_)) && !self.is_out_of_date(rules, sighting.at) {
            self.suspect = None;
            if let Some(spell) = self.spell.take() {
                let at = sighting.at.max(spell.last_out_of_date);
                let accepted = sighting.shown.build();
                self.ended = Some(EndedSpell { spell, at, reason: End::Patched, accepted });
                transitions.push(Transition { at, kind: TransitionKind::Patched });
            }
        }
        transitions
    }

    /// Ends a spell of which nothing was heard for 30 days.
    pub fn settle(&mut self, now: Timestamp) -> Option<Transition> {
        let spell = self.spell.take_if(|spell| spell.silent_at() <= now)?;
        let at = spell.silent_at();
        self.ended = Some(EndedSpell { spell, at, reason: End::Silent, accepted: None });
        self.suspect = None;
        Some(Transition { at, kind: TransitionKind::Silent })
    }

    /// The standing of the worst node that counts, with the build that shows it.
    pub fn standing(&self, rules: &Rules<'_>, now: Timestamp) -> Option<(Build, Standing)> {
        let judged = |record: &NodeRecord| best(record.builds.iter().map(SeenBuild::shown), rules, now);
        let rank = |(_, standing): &(Build, Standing)| match standing {
            Standing::OutOfDate(_) => 2,
            Standing::Current(_) => 1,
            Standing::Unknown(_) => 0,
        };
        self.nodes.iter().filter(|record| self.counts(record, now)).filter_map(judged).max_by_key(rank)
    }

    /// What the edge needs to know.
    pub fn phase(&self) -> Phase {
        let nodes = if self.spell.is_some() { self.nodes.iter().map(NodePhase::from).collect() } else { Vec::new() };
        Phase { spell: self.spell, nodes }
    }

    fn accuse(&mut self, sighting: &Sighting, rules: &Rules<'_>) -> Option<Transition> {
        if let Some(spell) = &mut self.spell {
            spell.last_out_of_date = spell.last_out_of_date.max(sighting.at);
            return None;
        }
        let (first, last_out_of_date) = match self.suspect {
            Some(suspect) if suspect.fingerprint == sighting.fingerprint => return None,
            Some(suspect) if sighting.at.since(suspect.at).abs() <= WITNESS_SECONDS => {
                (suspect.at.min(sighting.at), suspect.at.max(sighting.at))
            }
            Some(suspect) if sighting.at < suspect.at => return None,
            _ => {
                self.suspect = Some(Suspect { at: sighting.at, fingerprint: sighting.fingerprint });
                return None;
            }
        };
        self.suspect = None;
        let resumed = self.ended.take().and_then(|ended| resume(&ended, first, sighting.shown, rules));
        let kind = if resumed.is_some() { TransitionKind::Resumed } else { TransitionKind::Detected };
        let (detected_at, held) = resumed.unwrap_or((first, 0));
        self.spell = Some(Spell { detected_at, held, last_out_of_date });
        Some(Transition { at: first, kind })
    }

    fn remember(&mut self, sighting: &Sighting) {
        let (build, lane_only) = match sighting.shown {
            Shown::Update(build) => (build, false),
            Shown::Lane(build) => (build, true),
            Shown::Product(_) | Shown::Nothing => return,
        };
        let index = match self.nodes.iter().position(|record| record.node == sighting.node) {
            Some(index) => index,
            None => {
                if self.nodes.len() >= MAX_NODES {
                    let oldest = self.nodes.iter().enumerate().min_by_key(|(_, record)| record.last_seen);
                    if let Some(index) = oldest.map(|(index, _)| index) {
                        self.nodes.swap_remove(index);
                    }
                }
                self.nodes.push(NodeRecord { node: sighting.node, last_seen: sighting.at, builds: Vec::new() });
                self.nodes.len() - 1
            }
        };
        let Some(record) = self.nodes.get_mut(index) else {
            return;
        };
        record.last_seen = record.last_seen.max(sighting.at);
        let at = match record.builds.iter().position(|seen| seen.build == build && seen.lane_only == lane_only) {
            Some(known) => record.builds.remove(known).at.max(sighting.at),
            None => sighting.at,
        };
        order::insert(&mut record.builds, SeenBuild { build, lane_only, at }, |seen| seen.at);
        let newest = record.last_seen;
        record.builds.retain(|seen| newest.since(seen.at) <= BEST_BUILD_SECONDS);
        let surplus = record.builds.len().saturating_sub(MAX_BUILDS);
        record.builds.drain(..surplus);
    }

    fn node_standing(&self, node: Node, rules: &Rules<'_>, at: Timestamp) -> Option<Standing> {
        let record = self.nodes.iter().find(|record| record.node == node)?;
        best(record.builds.iter().map(SeenBuild::shown), rules, at).map(|(_, standing)| standing)
    }

    fn is_out_of_date(&self, rules: &Rules<'_>, at: Timestamp) -> bool {
        self.standing(rules, at).is_some_and(|(_, standing)| standing.is_out_of_date())
    }

    /// A node that has gone silent counts no more once another of that name was seen later.
    fn counts(&self, record: &NodeRecord, now: Timestamp) -> bool {
        let silent = now.since(record.last_seen) >= SILENT_NODE_SECONDS;
        !silent || !self.nodes.iter().any(|other| other.last_seen > record.last_seen)
    }
}

/// The best of a node's builds: the highest of those that pass, else of those that fail; doubt neither clears nor condemns.
fn best(builds: impl Iterator<Item = Shown>, rules: &Rules<'_>, at: Timestamp) -> Option<(Build, Standing)> {
    let judged = builds.filter_map(|shown| Some((shown.build()?, rules.assess(shown, at))));
    judged.max_by_key(|(build, standing)| {
        let rank = match standing {
            Standing::Current(_) => 2,
            Standing::OutOfDate(_) => 1,
            Standing::Unknown(_) => 0,
        };
        (rank, *build)
    })
}

/// Detection and held time of a resumed spell; `None` if the relapse begins a new one.
fn resume(ended: &EndedSpell, first: Timestamp, shown: Shown, rules: &Rules<'_>) -> Option<(Timestamp, i64)> {
    let build = shown.build()?;
    let soon = ended.reason == End::Patched && first.since(ended.at) <= RELAPSE_SECONDS && ended.at >= rules.changed_at;
    // the rules may have changed since: what was accepted then did not fail, whatever they say of that day now
    let accepted = ended.accepted.is_some_and(|accepted| build.lane() == accepted.lane() && build >= accepted);
    if !soon || accepted || !rules.assess(shown, ended.at).is_out_of_date() {
        return None;
    }
    let clock = rules.clock(&ended.spell, build);
    let gap = (clock.running(first) - clock.running(ended.at)).max(0);
    // what a wave holds back goes on holding
    let held = if gap > 0 { clock.held.saturating_add(gap) } else { ended.spell.held };
    Some((ended.spell.detected_at, held))
}

/// The published part of a [`ServerRecord`]: what the edge reads for one server.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Phase {
    pub spell: Option<Spell>,
    pub nodes: Vec<NodePhase>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct NodePhase {
    pub node: Node,
    pub builds: Vec<PhaseBuild>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PhaseBuild {
    pub build: Build,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane_only: bool,
}

impl PhaseBuild {
    const fn shown(&self) -> Shown {
        if self.lane_only { Shown::Lane(self.build) } else { Shown::Update(self.build) }
    }
}

impl From<&NodeRecord> for NodePhase {
    fn from(record: &NodeRecord) -> Self {
        let builds = record.builds.iter().map(|seen| PhaseBuild { build: seen.build, lane_only: seen.lane_only });
        Self { node: record.node, builds: order::ordered(builds, |seen| (seen.build, seen.lane_only)) }
    }
}

impl Phase {
    /// Whether a decision by this record could differ from one by `published`. That a server goes on sending is told
    /// once a day: until then the edge takes it for silent a little early, and accepts.
    pub fn supersedes(&self, published: &Self) -> bool {
        match (&self.spell, &published.spell) {
            (Some(spell), Some(old)) => {
                let silence = spell.last_out_of_date.since(old.last_out_of_date) >= PUBLISH_SECONDS;
                silence
                    || (spell.detected_at, spell.held) != (old.detected_at, old.held)
                    || self.nodes != published.nodes
            }
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// The spell, unless it has ended in silence.
    pub fn running_spell(&self, now: Timestamp) -> Option<&Spell> {
        self.spell.as_ref().filter(|spell| now < spell.silent_at())
    }

    /// The second witness: whether the best build lately seen from `node` is out of date too.
    pub fn confirms(&self, node: Node, rules: &Rules<'_>, now: Timestamp) -> bool {
        let known = self.nodes.iter().find(|known| known.node == node);
        let best = known.and_then(|known| best(known.builds.iter().map(PhaseBuild::shown), rules, now));
        best.is_some_and(|(_, standing)| standing.is_out_of_date())
    }
}

/// The `held` of a running spell after a change of rules, raised so that nothing gets stricter at once: its minutes
/// stay as they are until the next stage, and a spell that is enforced for the first time keeps 7 days before its
/// first throttle. `enforced` is what the spell met until now; `None` if it was not enforced.
pub fn held_after_change(old: Option<(&Clock<'_>, &Ladder)>, new: &Clock<'_>, ladder: &Ladder, now: Timestamp) -> i64 {
    // not `elapsed`, which is 0 at least: what is held for longer than the clock has run stays held
    let counted = new.running(now).saturating_sub(new.held);
    let kept = match old {
        None => ladder.first_closed().map_or(counted, |first| counted.min(first - NOTICE_SECONDS)),
        Some((clock, old)) => with_minutes_of(met(clock, old, now), ladder, counted),
    };
    if kept < counted { new.running(now) - kept } else { new.held }
}

/// The minutes that a spell meets, and for how many seconds that count it will go on to; `None`: for good.
fn met(clock: &Clock<'_>, ladder: &Ladder, now: Timestamp) -> (Minutes, Option<i64>) {
    let counted = clock.running(now).saturating_sub(clock.held);
    let rung = ladder.at(counted);
    if counted < 0 && !rung.minutes.is_open() {
        return (Minutes::default(), Some(-counted));
    }
    (rung.minutes, rung.end.map(|end| end - counted))
}

/// Where on `ladder` a spell stands that has counted so many seconds but shall lose no more minutes than it met, with so
/// much time left: on the last milder stage, for as long as it had left.
fn with_minutes_of((minutes, left): (Minutes, Option<i64>), ladder: &Ladder, counted: i64) -> i64 {
    // before anything counts, nothing is closed
    if counted < 0 || !ladder.at(counted).minutes.is_stricter_than(minutes) {
        return counted;
    }
    let milder = ladder.rungs().take_while(|other| !other.minutes.is_stricter_than(minutes)).last();
    let Some((milder, end)) = milder.and_then(|milder| Some((milder, milder.end?))) else {
        return -left.unwrap_or(NOTICE_SECONDS);
    };
    let left = left.unwrap_or(end - milder.start);
    (end - left).clamp(milder.start, end - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ladder::Rung;

    const START: Timestamp = Timestamp(1_789_027_200); // 2026-09-10T08:00:00Z

    fn sighting(hour: i64, build: &str, node: u8) -> Sighting {
        let at = START.plus(hour * 3_600);
        let shown = Shown::Update(build.parse().unwrap());
        Sighting { at, node: Node(Some([10, 0, 0, node].into())), shown, fingerprint: at.0.unsigned_abs() }
    }

    fn with_rules(test: impl FnOnce(&Rules<'_>)) {
        let (facts, policy, freezes) = (Facts::built_in().unwrap(), Policy::default(), Freezes::default());
        test(&Rules::new(&facts, &policy, &freezes).unwrap());
    }

    #[test]
    fn what_is_kept_of_nodes_and_builds_is_bounded() {
        with_rules(|rules| {
            let mut record = ServerRecord::default();
            for node in 0..=u8::try_from(MAX_NODES).unwrap() {
                record.observe(&sighting(node.into(), "15.1.2507.39", node), rules);
            }
            assert_eq!(record.nodes().len(), MAX_NODES);
            assert!(!record.nodes().iter().any(|known| known.node == sighting(0, "15.1.2507.39", 0).node));
            for revision in 100..120 {
                record.observe(&sighting(70, &format!("15.1.2507.{revision}"), 9), rules);
            }
            let kept = record.nodes().iter().find(|known| known.node == sighting(0, "15.1.2507.39", 9).node).unwrap();
            assert_eq!(kept.builds.len(), MAX_BUILDS);
            assert_eq!(kept.last_seen, START.plus(70 * 3_600));
        });
    }

    #[test]
    fn the_edge_is_told_of_a_spell_and_the_builds_behind_it() {
        with_rules(|rules| {
            let mut record = ServerRecord::default();
            record.observe(&sighting(0, "15.1.2507.39", 1), rules);
            assert_eq!(record.phase(), Phase::default(), "nothing to tell before there is a spell");
            record.observe(&sighting(1, "15.1.2507.39", 1), rules);
            record.observe(&sighting(2, "15.1.2507.61", 2), rules);
            let phase = record.phase();
            let told = phase.spell.unwrap();
            assert_eq!((told.detected_at, told.last_out_of_date), (START, START.plus(3_600)));
            assert!(phase.confirms(sighting(0, "15.1.2507.39", 1).node, rules, START));
            assert!(!phase.confirms(sighting(0, "15.1.2507.39", 2).node, rules, START), "its best build passes");
            assert!(!phase.confirms(sighting(0, "15.1.2507.39", 3).node, rules, START), "a machine never seen before");
            let silent = told.silent_at();
            assert!(phase.running_spell(silent.plus(-1)).is_some() && phase.running_spell(silent).is_none());
            assert_eq!(serde_json::from_str::<Phase>(&serde_json::to_string(&phase).unwrap()).unwrap(), phase);
        });
    }

    #[test]
    fn stricter_rules_do_not_resume_a_spell_for_the_build_that_ended_it() {
        let (facts, microsoft, freezes) = (Facts::built_in().unwrap(), Policy::default(), Freezes::default());
        let strict: Policy = serde_json::from_str(r#"{"baseline":"strict"}"#).unwrap();
        let mut record = ServerRecord::default();
        let rules = Rules::new(&facts, &microsoft, &freezes).unwrap();
        for (hour, build) in [(0, "15.1.2507.39"), (1, "15.1.2507.39"), (48, "15.1.2507.61")] {
            record.observe(&sighting(hour, build, 1), &rules);
        }
        let rules = Rules::new(&facts, &strict, &freezes).unwrap();
        for (build, expected) in [("15.1.2507.61", TransitionKind::Detected), ("15.1.2507.58", TransitionKind::Resumed)]
        {
            let mut record = record.clone();
            let mut seen = |hour| record.observe(&sighting(hour, build, 1), &rules);
            let transitions = [seen(100), seen(101)].concat();
            assert_eq!(transitions.iter().map(|transition| transition.kind).collect::<Vec<_>>(), [expected], "{build}");
        }
    }

    #[test]
    fn the_worst_machine_that_counts_stands_for_the_server() {
        with_rules(|rules| {
            let mut record = ServerRecord::default();
            assert!(record.standing(rules, START).is_none());
            record.observe(&sighting(0, "15.1.2507.39", 1), rules);
            record.observe(&sighting(1, "15.1.2507.61", 2), rules);
            let worst = |hour: i64| record.standing(rules, START.plus(hour * 3_600)).map(|(build, _)| build.revision);
            assert_eq!((worst(1), worst(167), worst(168), worst(9_999)), (Some(39), Some(39), Some(61), Some(61)));
        });
    }

    #[test]
    fn a_change_of_rules_leaves_the_minutes_until_the_next_stage() {
        let freezes = Freezes::default();
        let ladder = Ladder::default();
        let steep: Ladder = serde_json::from_str(
            r#"[{"days":1,"throttle_minutes":0,"block_minutes":0},{"days":9,"throttle_minutes":10,"block_minutes":0},
                                     {"throttle_minutes":0,"block_minutes":60}]"#,
        )
        .unwrap();
        let day = |days: i64| START.plus(days * DAY);
        let clock = Clock::new(START, Some(START), &freezes, 0);
        let after = |held: i64, now: Timestamp, ladder: &Ladder| -> (Rung, Option<i64>) {
            let clock = Clock { held, ..clock };
            let rung = ladder.at(clock.elapsed(now));
            (rung, rung.end.and_then(|end| clock.reaches(end)).map(|at| at.since(now)))
        };
        // day 43: stage 3, 10 minutes, 7 days left; the same minutes for the same 7 days
        let held = held_after_change(Some((&clock, &ladder)), &clock, &steep, day(43));
        let (rung, left) = after(held, day(43), &steep);
        assert_eq!((rung.number, left), (2, Some(7 * DAY)));
        // day 32: 5 minutes, which the new ladder does not have: its milder stage, no longer than that lasts
        let held = held_after_change(Some((&clock, &ladder)), &clock, &steep, day(32));
        let (rung, left) = after(held, day(32), &steep);
        assert_eq!((rung.number, left), (1, Some(DAY)));
        // a milder ladder is taken as it is
        assert_eq!(held_after_change(Some((&clock, &steep)), &clock, &ladder, day(43)), 0);
        // enforced for the first time: seven days at least, whatever the ladder
        for (ladder, expected) in [(&ladder, 7 * DAY), (&steep, 7 * DAY)] {
            let held = held_after_change(None, &clock, ladder, day(500));
            let clock = Clock { held, ..clock };
            assert_eq!(clock.reaches(ladder.first_closed().unwrap()), Some(day(500).plus(expected)));
        }
        // and what was held for longer stays so
        let held = Clock { held: 30 * DAY, ..clock };
        assert_eq!(held_after_change(None, &held, &steep, day(1)), 30 * DAY);
        let open: Ladder = serde_json::from_str(r#"[{"throttle_minutes":0,"block_minutes":0}]"#).unwrap();
        assert_eq!(held_after_change(None, &clock, &open, day(500)), 0);
    }

    #[test]
    fn minutes_that_were_still_to_come_are_not_taken_for_met() {
        let freezes = Freezes::default();
        let closed = |throttle: u8| -> Ladder {
            let json = format!(
                r#"[{{"days":9,"throttle_minutes":{throttle},"block_minutes":0}},{{"throttle_minutes":0,"block_minutes":60}}]"#
            );
            serde_json::from_str(&json).unwrap()
        };
        let (old, new) = (closed(60), closed(30));
        let held = Clock::new(START, Some(START), &freezes, 7 * DAY);
        let begun = Clock::new(START, Some(START), &freezes, 0);
        let now = START.plus(2 * DAY);
        assert_eq!(held_after_change(Some((&held, &old)), &begun, &new, now), 7 * DAY, "5 days were left");
        assert_eq!(
            held_after_change(Some((&held, &new)), &held, &old, now),
            7 * DAY,
            "nothing is closed before or after"
        );
    }

    #[test]
    fn a_relapse_goes_on_with_what_a_wave_holds_back() {
        let (facts, freezes) = (Facts::built_in().unwrap(), Freezes::default());
        let policy: Policy = serde_json::from_str(
            r#"{"waves":{"Exchange Server 2016":"2026-09-11"},"ladder":[{"throttle_minutes":5,"block_minutes":0}]}"#,
        )
        .unwrap();
        let rules = Rules::new(&facts, &policy, &freezes).unwrap();
        let mut record = ServerRecord::default();
        let elapsed = |record: &ServerRecord, hour: i64| {
            let at = sighting(hour, "15.1.2507.39", 1).at;
            rules.clock(record.spell().unwrap(), "15.1.2507.39".parse().unwrap()).elapsed(at)
        };
        for hour in [0, 1, 239] {
            record.observe(&sighting(hour, "15.1.2507.39", 1), &rules);
        }
        let stopped = elapsed(&record, 240);
        record.observe(&sighting(240, "15.1.2507.61", 1), &rules);
        for hour in [500, 501] {
            record.observe(&sighting(hour, "15.1.2507.39", 1), &rules);
        }
        assert_eq!((stopped, elapsed(&record, 500)), (56 * 3_600, 56 * 3_600));
    }

    #[test]
    fn a_spell_that_ended_before_the_rules_changed_does_not_resume() {
        with_rules(|rules| {
            let mut record = ServerRecord::default();
            for (hour, build) in [(0, "15.1.2507.39"), (1, "15.1.2507.39"), (48, "15.1.2507.61")] {
                record.observe(&sighting(hour, build, 1), rules);
            }
            let ended = sighting(48, "15.1.2507.61", 1).at;
            for (changed_at, expected) in [(ended, TransitionKind::Resumed), (ended.plus(1), TransitionKind::Detected)]
            {
                let (mut record, rules) = (record.clone(), rules.changed_at(changed_at));
                let mut seen = |hour| record.observe(&sighting(hour, "15.1.2507.39", 1), &rules);
                let transitions = [seen(100), seen(101)].concat();
                assert_eq!(transitions.iter().map(|transition| transition.kind).collect::<Vec<_>>(), [expected]);
            }
        });
    }
}
