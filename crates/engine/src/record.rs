//! What is remembered of one server: when a spell begins, ends and resumes.
//!
//! Two different out-of-date messages within 35 days begin a spell, the first stamp that meets the requirement ends it,
//! and so do 60 days of silence. What is stored supplies the clock, never the accusation.

use serde::{Deserialize, Serialize};

use crate::baseline::{FailedRequirement, Standing, UnknownReason};
use crate::build::Build;
use crate::phase::Phase;
use crate::rules::Rules;
use crate::shown::Shown;
use crate::spell::{SILENCE_SECONDS, Spell};
use crate::time::{DAY, Timestamp};
use crate::witness::{BestBuild, NodeRecord, SeenBuild, SeenMessage, Shows, Sighting, WITNESS_SECONDS};

/// Seconds after the patch within which the first new witness resumes a spell, rather than beginning a new one.
pub const RESUMES_AFTER_PATCH_SECONDS: i64 = 30 * DAY;
/// The same for a spell that ended in silence, from its last out-of-date message.
pub(crate) const RESUMES_AFTER_SILENCE_SECONDS: i64 = 180 * DAY;

/// What is remembered of one server. The ledger keeps it; [`Phase`] is what the edge needs of it.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "ServerRecordDocument", into = "ServerRecordDocument")]
pub struct ServerRecord {
    shows: Shows,
    witness: Option<Witness>,
    spell: Option<Spell>,
    /// What the server last failed in its spell; `None` in a spell from before this was kept.
    failed: Option<FailedRequirement>,
    ended: Option<EndedSpell>,
}

/// The first out-of-date message, waiting for a second one.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct Witness {
    at: Timestamp,
    fingerprint: u64,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
struct EndedSpell {
    spell: Spell,
    /// When the clock stopped: at the patch, or at the last out-of-date message.
    at: Timestamp,
    reason: SpellEnd,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<FailedRequirement>,
}

/// How a spell ended.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SpellEnd {
    /// By a stamp that met the requirement.
    Patched,
    /// 60 days after the last out-of-date message.
    Silent,
}

/// A change in a server's life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Transition {
    /// When it took place; what is heard late took place before.
    pub at: Timestamp,
    /// What changed.
    pub kind: TransitionKind,
}

/// What changed in a server's life.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TransitionKind {
    /// A spell began at stage 1.
    Detected,
    /// A spell goes on where it stopped.
    Resumed,
    /// A spell ended by a stamp that met the requirement.
    Patched,
    /// A spell ended 60 days after its last out-of-date message.
    Silent,
}

impl TransitionKind {
    /// As events and the database write it.
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
    /// The machines behind the name, at most [`MAX_NODES`](crate::MAX_NODES), in no order.
    pub fn nodes(&self) -> &[NodeRecord] {
        &self.shows.nodes
    }

    /// The builds that are remembered of the name, with their last arrival, oldest first.
    pub fn builds(&self) -> &[SeenBuild] {
        &self.shows.builds
    }

    /// What stands for the name at `now`.
    pub(crate) fn stands_for(&self, now: Timestamp) -> impl Iterator<Item = Shown> {
        self.shows.stands_for(now)
    }

    /// Those that count at `now`.
    pub(crate) fn builds_that_count(&self, now: Timestamp) -> impl Iterator<Item = SeenBuild> {
        self.shows.lately(now).map(|(seen, _)| seen)
    }

    /// The running spell, also one that is suspended.
    pub const fn spell(&self) -> Option<&Spell> {
        self.spell.as_ref()
    }

    pub(crate) const fn spell_mut(&mut self) -> Option<&mut Spell> {
        self.spell.as_mut()
    }

    /// Takes in one message, in whatever order messages are heard.
    pub fn observe(&mut self, sighting: &Sighting, rules: &Rules<'_>) -> Vec<Transition> {
        let mut transitions: Vec<_> = self.settle(sighting.at).into_iter().collect();
        let message = rules.assess_message(&rules.look_up(sighting.shown), sighting.other_component, sighting.at);
        // where the transport's number is not believed, what the other component showed is what the name may run
        let shown = match (message, sighting.other_component) {
            (Standing::Unknown(UnknownReason::ComponentsDisagree), Some(other)) => Shown::Update(other),
            _ => sighting.shown,
        };
        self.shows.remember(&Sighting { shown, ..*sighting }, rules);
        let change = match message {
            Standing::OutOfDate(_) => self.accuse(sighting, rules),
            Standing::Current(_) => self.acquit(sighting, rules),
            Standing::Unknown(_) => {
                self.suspend_in_doubt(sighting, rules);
                None
            }
        };
        transitions.extend(change);
        transitions
    }

    /// Ends a spell of which nothing was heard for 60 days.
    pub fn settle(&mut self, now: Timestamp) -> Option<Transition> {
        let is_silent = |spell: &mut Spell| spell.silent_at().is_some_and(|at| at <= now);
        let spell = self.spell.take_if(is_silent)?;
        let (at, failed) = (spell.last_out_of_date, self.failed.take());
        self.ended = Some(EndedSpell { spell, at, reason: SpellEnd::Silent, failed });
        self.witness = None;
        Some(Transition { at: at.plus(SILENCE_SECONDS), kind: TransitionKind::Silent })
    }

    /// The name's best build and its standing.
    pub fn standing(&self, rules: &Rules<'_>, now: Timestamp) -> Option<(Build, Standing)> {
        self.best(rules, now).map(|best| (best.build, best.standing))
    }

    pub(crate) fn best(&self, rules: &Rules<'_>, now: Timestamp) -> Option<BestBuild> {
        self.shows.best(rules, now)
    }

    /// What the edge needs to know.
    pub fn phase(&self, now: Timestamp) -> Phase {
        Phase::new(self.spell, &self.shows, now)
    }

    /// Whether the name's best build, now that the rules are these, is acceptable only for what was taken back.
    pub(crate) fn is_spared(&self, shown: Shown, rules: &Rules<'_>, at: Timestamp) -> bool {
        let met = |failed: &FailedRequirement| failed.is_met_by(&rules.facts.catalog, shown);
        rules.assess(shown, at).is_current() && !self.failed.as_ref().is_none_or(met)
    }

    fn accuse(&mut self, sighting: &Sighting, rules: &Rules<'_>) -> Option<Transition> {
        let at = sighting.at;
        let BestBuild { build, shown, .. } = self.best(rules, at).filter(|best| best.standing.is_out_of_date())?;
        let change = if let Some(spell) = &mut self.spell {
            spell.end_suspension(build, rules, at);
            spell.last_out_of_date = spell.last_out_of_date.max(at);
            None
        } else {
            Some(self.begin(sighting, build, rules)?)
        };
        self.failed = rules.failed_requirement(shown, at);
        if let Some(spell) = self.spell.as_mut().filter(|_| sighting.in_reach) {
            if !spell.is_in_reach(at) {
                spell.give_notice(at);
            }
            spell.last_in_reach = spell.last_in_reach.max(Some(at));
        }
        change
    }

    /// Begins or resumes a spell, if this is the second of two witnesses.
    fn begin(&mut self, sighting: &Sighting, build: Build, rules: &Rules<'_>) -> Option<Transition> {
        let at = sighting.at;
        let witness = match self.witness {
            Some(witness) if witness.fingerprint == sighting.fingerprint => return None,
            Some(witness) if at.since(witness.at).unsigned_abs() <= WITNESS_SECONDS.unsigned_abs() => witness,
            Some(witness) if at < witness.at => return None,
            _ => {
                self.witness = Some(Witness { at, fingerprint: sighting.fingerprint });
                return None;
            }
        };
        self.witness = None;
        let (first, second) = (witness.at.min(at), witness.at.max(at));
        let resumed = self.ended.take().and_then(|ended| self.resume(&ended, first, second, build, rules));
        let kind = if resumed.is_some() { TransitionKind::Resumed } else { TransitionKind::Detected };
        let mut spell = resumed.unwrap_or_else(|| Spell::begin(rules.failing_since(sighting.shown, first, second)));
        spell.last_out_of_date = second;
        spell.give_notice(second);
        self.spell = Some(spell);
        Some(Transition { at: first, kind })
    }

    /// The ended spell as it goes on where it stopped; `None` if a new one begins.
    fn resume(
        &self,
        ended: &EndedSpell,
        first: Timestamp,
        second: Timestamp,
        build: Build,
        rules: &Rules<'_>,
    ) -> Option<Spell> {
        let within = match ended.reason {
            SpellEnd::Patched => RESUMES_AFTER_PATCH_SECONDS,
            SpellEnd::Silent => RESUMES_AFTER_SILENCE_SECONDS,
        };
        let failed = ended.failed.as_ref()?;
        let fails = |shown: Shown| failed.is_failed_by(&rules.facts.catalog, shown);
        if first.since(ended.at) > within || !self.shows.lately(second).all(|(seen, _)| fails(seen.shown())) {
            return None;
        }
        let clock = rules.clock(&ended.spell, build);
        let gap = (clock.running(first) - clock.running(ended.at)).max(0);
        Some(Spell { held: ended.spell.held.saturating_add(gap), last_in_reach: None, ..ended.spell })
    }

    /// Time does not count in which the name may be acceptable.
    fn suspend_in_doubt(&mut self, sighting: &Sighting, rules: &Rules<'_>) {
        let at = sighting.at;
        let is_doubt = self.best(rules, at).is_some_and(|best| !best.standing.is_out_of_date());
        if let Some(spell) = self.spell.as_mut().filter(|_| is_doubt) {
            spell.suspended_since.get_or_insert(at.max(spell.last_out_of_date));
        }
    }

    fn acquit(&mut self, sighting: &Sighting, rules: &Rules<'_>) -> Option<Transition> {
        self.witness = None;
        let mut spell = self.spell.take()?;
        if self.is_spared(sighting.shown, rules, sighting.at) {
            spell.suspended_since.get_or_insert(sighting.at.max(spell.last_out_of_date));
            self.spell = Some(spell);
            return None;
        }
        let at = sighting.at.max(spell.last_out_of_date);
        if let Some(build) = sighting.shown.build() {
            spell.let_go_on(build, rules, at);
        }
        self.ended = Some(EndedSpell { spell, at, reason: SpellEnd::Patched, failed: self.failed.take() });
        Some(Transition { at, kind: TransitionKind::Patched })
    }
}

/// A record as it is stored. Members may be missing in what an older release wrote, which kept builds by node alone; an
/// older release reads `nodes`, `spell`, `suspect` and `ended` of this one.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ServerRecordDocument {
    nodes: Vec<NodeRecord>,
    #[serde(default)]
    builds: Option<Vec<SeenBuild>>,
    #[serde(default)]
    messages: Vec<SeenMessage>,
    spell: Option<Spell>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    failed: Option<FailedRequirement>,
    #[serde(rename = "suspect")]
    witness: Option<Witness>,
    ended: Option<EndedSpell>,
}

impl From<ServerRecordDocument> for ServerRecord {
    fn from(document: ServerRecordDocument) -> Self {
        let ServerRecordDocument { nodes, builds, messages, spell, failed, witness, ended } = document;
        let shows = match builds {
            Some(builds) => Shows { nodes, builds, messages },
            None => Shows::of_nodes(nodes),
        };
        Self { shows, witness, spell, failed, ended }
    }
}

impl From<ServerRecord> for ServerRecordDocument {
    fn from(record: ServerRecord) -> Self {
        let ServerRecord { shows: Shows { nodes, builds, messages }, witness, spell, failed, ended } = record;
        Self { nodes, builds: Some(builds), messages, spell, failed, witness, ended }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Freezes;
    use crate::identity::Node;
    use crate::policy::{Facts, Policy};
    use crate::rules::NOTICE_SECONDS;
    use crate::spell::REACH_SECONDS;
    use crate::time::HOUR;

    const START: Timestamp = Timestamp(1_790_841_600); // 2026-10-01T08:00:00Z
    const OLD: &str = "15.1.2507.39";
    const PATCHED: &str = "15.1.2507.61";
    /// Requires nothing.
    const LENIENT: &str = r#"{"baseline":{"name":"own","editions":[{"effective":"2026-01-01","products":{}}]}}"#;

    fn sighting(hour: i64, build: &str) -> Sighting {
        let at = START.plus(hour * HOUR);
        let shown = Shown::Update(build.parse().unwrap());
        Sighting {
            at,
            node: Node(None),
            shown,
            other_component: None,
            fingerprint: at.0.unsigned_abs(),
            in_reach: true,
        }
    }

    fn with_rules(test: impl FnOnce(&Rules<'_>, &Rules<'_>)) {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let (policy, lenient): (Policy, Policy) = (Policy::default(), serde_json::from_str(LENIENT).unwrap());
        let rules = |policy| Rules::new(&facts, policy, &freezes).unwrap();
        test(&rules(&policy), &rules(&lenient));
    }

    fn detected(rules: &Rules<'_>) -> ServerRecord {
        let mut record = ServerRecord::default();
        for hour in [0, 1] {
            record.observe(&sighting(hour, OLD), rules);
        }
        record
    }

    fn kinds(transitions: &[Transition]) -> Vec<TransitionKind> {
        transitions.iter().map(|transition| transition.kind).collect()
    }

    #[test]
    fn the_second_witness_gives_notice_and_reach_is_a_stored_time() {
        with_rules(|rules, _| {
            let mut record = detected(rules);
            let spell = *record.spell().unwrap();
            assert_eq!((spell.detected_at, spell.last_out_of_date), (START, START.plus(HOUR)));
            assert_eq!(
                (spell.open_until, spell.last_in_reach),
                (START.plus(HOUR + NOTICE_SECONDS), Some(START.plus(HOUR)))
            );
            // reported alone for 35 days: in reach still; a second more: seven days again
            let last = START.plus(HOUR);
            let mut later = record.clone();
            later.observe(&Sighting { at: last.plus(REACH_SECONDS), ..sighting(0, OLD) }, rules);
            assert_eq!(later.spell().unwrap().open_until, spell.open_until);
            record.observe(&Sighting { at: last.plus(20 * DAY), in_reach: false, ..sighting(0, OLD) }, rules);
            assert_eq!(record.spell().unwrap().last_in_reach, Some(last));
            let again = last.plus(REACH_SECONDS + 1);
            record.observe(&Sighting { at: again, ..sighting(0, OLD) }, rules);
            assert_eq!(record.spell().unwrap().open_until, again.plus(NOTICE_SECONDS));
        });
    }

    #[test]
    fn what_is_acceptable_only_for_what_was_taken_back_suspends_and_what_meets_it_ends() {
        with_rules(|rules, lenient| {
            let mut record = detected(rules);
            assert_eq!(kinds(&record.observe(&sighting(48, OLD), lenient)), []);
            let spell = *record.spell().unwrap();
            assert_eq!((spell.suspended_since, spell.silent_at()), (Some(START.plus(48 * HOUR)), None));
            assert_eq!(record.settle(START.plus(900 * DAY)), None, "no silence");
            let mut patched = record.clone();
            assert_eq!(kinds(&patched.observe(&sighting(72, PATCHED), lenient)), [TransitionKind::Patched]);
            // it fails again: the time did not count
            record.observe(&sighting(100, OLD), rules);
            let spell = *record.spell().unwrap();
            assert_eq!((spell.suspended_since, spell.held), (None, 52 * HOUR));
            assert_eq!(spell.open_until, START.plus(100 * HOUR + NOTICE_SECONDS));
        });
    }

    #[test]
    fn what_was_failed_is_what_the_best_build_failed() {
        with_rules(|rules, lenient| {
            let mut record = detected(rules);
            // a straggler of the old machine, before its upgrade from 2013
            record.observe(&sighting(2, "15.0.1497.2"), rules);
            let failed = record.failed.as_ref().map(|failed| failed.build.to_string());
            assert_eq!(failed, Some(OLD.into()));
            record.observe(&sighting(48, OLD), lenient);
            assert!(record.spell().is_some_and(|spell| spell.suspended_since.is_some()), "taken back is not patched");
        });
    }

    #[test]
    fn a_spell_that_ended_before_it_was_kept_what_failed_does_not_resume() {
        with_rules(|rules, _| {
            let mut record = detected(rules);
            record.observe(&sighting(2, PATCHED), rules);
            let mut stored = serde_json::to_value(&record).unwrap();
            stored["ended"].as_object_mut().unwrap().remove("failed");
            for (mut record, expected) in
                [(record, TransitionKind::Resumed), (serde_json::from_value(stored).unwrap(), TransitionKind::Detected)]
            {
                let seen = |hour| record.observe(&sighting(hour, OLD), rules);
                let transitions: Vec<_> = (3..12).chain([200, 201]).flat_map(seen).collect();
                assert_eq!(kinds(&transitions), [expected]);
            }
        });
    }

    #[test]
    fn the_edge_is_told_of_a_spell_and_the_builds_behind_it() {
        with_rules(|rules, _| {
            let mut record = ServerRecord::default();
            record.observe(&sighting(0, OLD), rules);
            assert_eq!(record.phase(START), Phase::default(), "nothing to tell before there is a spell");
            record.observe(&sighting(1, OLD), rules);
            let now = START.plus(HOUR);
            let phase = record.phase(now);
            let told = phase.spell.unwrap();
            assert_eq!((told.detected_at, told.last_out_of_date), (START, now));
            assert_eq!(phase.builds.len(), 1);
            let silent = told.silent_at().unwrap();
            assert!(phase.running_spell(silent.plus(-1)).is_some() && phase.running_spell(silent).is_none());
            assert_eq!(serde_json::from_str::<Phase>(&serde_json::to_string(&phase).unwrap()).unwrap(), phase);
            record.observe(&sighting(2, PATCHED), rules);
            assert_eq!(record.phase(now), Phase::default(), "a patched server is none of the edge's");
        });
    }
}
