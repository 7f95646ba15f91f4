//! What the edge needs to know of one server: the published part of its record.

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::build::Build;
use crate::order;
use crate::rules::Rules;
use crate::shown::Shown;
use crate::spell::Spell;
use crate::time::{DAY, Timestamp};
use crate::witness::{BestBuild, Shows, best};

/// Seconds after which a running spell's last message is published again.
pub(crate) const PUBLISH_SECONDS: i64 = DAY;

/// The published part of a server's record.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// `None`: the server is not out of date.
    pub spell: Option<Spell>,
    /// By build. Empty before there is a spell.
    #[serde(default)]
    pub builds: Vec<PhaseBuild>,
    /// Read by the release before, which accepts where it finds none.
    #[serde(default)]
    nodes: NoNodes,
}

/// An empty list; whatever was there is passed over.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct NoNodes;

impl Serialize for NoNodes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        [(); 0].serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for NoNodes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A build that the server's name showed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct PhaseBuild {
    /// The build.
    pub build: Build,
    /// Only the lane is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane_only: bool,
    /// It counts until then; rounded up to the day, since it clears.
    pub until: Timestamp,
}

impl Phase {
    /// Of a running spell, with what its server's name lately showed.
    pub fn of_spell(spell: Spell, builds: Vec<PhaseBuild>) -> Self {
        Self { spell: Some(spell), builds, nodes: NoNodes }
    }

    pub(crate) fn new(spell: Option<Spell>, shows: &Shows, now: Timestamp) -> Self {
        let Some(spell) = spell else { return Self::default() };
        let mut builds: Vec<PhaseBuild> = Vec::new();
        for (seen, until) in shows.lately(now) {
            let until = until.plus(DAY - 1).start_of_day();
            let shown = PhaseBuild { build: seen.build, lane_only: seen.lane_only, until };
            match builds.iter_mut().find(|known| (known.build, known.lane_only) == (shown.build, shown.lane_only)) {
                Some(known) => known.until = known.until.max(until),
                None => order::insert(&mut builds, shown, |known| (known.build, known.lane_only)),
            }
        }
        Self::of_spell(spell, builds)
    }

    /// Whether a decision by this record could differ from one by `published`, so that it has to be published. The time of
    /// the last message is published once a day, not at each: until then the edge may take a server for silent, or out of
    /// reach, up to a day early, and accepts.
    pub fn supersedes(&self, published: &Self) -> bool {
        match (&self.spell, &published.spell) {
            (Some(spell), Some(old)) => {
                let moved = |new: Option<Timestamp>, old: Option<Timestamp>| match (new, old) {
                    (Some(new), Some(old)) => new.since(old) >= PUBLISH_SECONDS,
                    (new, old) => new != old,
                };
                moved(Some(spell.last_out_of_date), Some(old.last_out_of_date))
                    || moved(spell.last_in_reach, old.last_in_reach)
                    || (spell.detected_at, spell.held, spell.open_until) != (old.detected_at, old.held, old.open_until)
                    || spell.suspended_since.is_some() != old.suspended_since.is_some()
                    || self.builds != published.builds
            }
            (None, None) => false,
            (Some(_), None) | (None, Some(_)) => true,
        }
    }

    /// The spell, unless it has ended in silence.
    pub fn running_spell(&self, now: Timestamp) -> Option<&Spell> {
        self.spell.as_ref().filter(|spell| spell.silent_at().is_none_or(|silent_at| now < silent_at))
    }

    /// The second witness: the best of what the name lately showed and what the message in hand shows, which most often
    /// are the same.
    pub fn best(&self, in_hand: BestBuild, rules: &Rules<'_>, now: Timestamp) -> Option<BestBuild> {
        let judge = |shown| if shown == in_hand.shown { Some(in_hand) } else { BestBuild::judge(shown, rules, now) };
        best(self.lately(now).filter_map(judge).chain([in_hand]))
    }

    /// What of the name's builds counts at `now`.
    pub(crate) fn lately(&self, now: Timestamp) -> impl Iterator<Item = Shown> {
        let counts = self.builds.iter().filter(move |known| now <= known.until);
        counts.map(|known| Shown::stored(known.build, known.lane_only))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Freezes;
    use crate::identity::Node;
    use crate::policy::{Facts, Policy};
    use crate::record::ServerRecord;
    use crate::time::HOUR;
    use crate::witness::Sighting;

    const START: Timestamp = Timestamp(1_790_841_600); // 2026-10-01T08:00:00Z

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

    fn with_rules(test: impl FnOnce(&Rules<'_>)) {
        let (facts, policy, freezes) = (Facts::built_in(), Policy::default(), Freezes::default());
        test(&Rules::new(&facts, &policy, &freezes).unwrap());
    }

    #[test]
    fn a_build_counts_to_the_end_of_its_last_day_at_least() {
        with_rules(|rules| {
            let mut record = ServerRecord::default();
            for hour in 0..10 {
                record.observe(&sighting(hour, "15.1.2507.39"), rules);
            }
            let phase = record.phase(START.plus(9 * HOUR));
            let until: Vec<_> = phase.builds.iter().map(|known| known.until.to_string()).collect();
            assert_eq!(
                until,
                ["2026-11-06T00:00:00Z"],
                "a message of the last eight, 35 days and the rest of that one"
            );
        });
    }

    #[test]
    fn at_the_edge_a_build_counts_until_its_time_and_no_second_more() {
        with_rules(|rules| {
            let shown = |build: &str| Shown::Update(build.parse().unwrap());
            let patched = PhaseBuild { build: "15.1.2507.61".parse().unwrap(), lane_only: false, until: START };
            let phase = Phase::of_spell(Spell::between(START.plus(-9 * DAY), START), vec![patched]);
            let in_hand = |now| BestBuild::judge(shown("15.1.2507.39"), rules, now).unwrap();
            let best = |now| phase.best(in_hand(now), rules, now).unwrap().shown;
            assert_eq!((best(START), best(START.plus(1))), (shown("15.1.2507.61"), shown("15.1.2507.39")));
        });
    }

    #[test]
    fn what_goes_on_is_published_once_a_day_and_what_changes_at_once() {
        with_rules(|rules| {
            let mut record = ServerRecord::default();
            for hour in [0, 1] {
                record.observe(&sighting(hour, "15.1.2507.39"), rules);
            }
            let published = record.phase(START.plus(HOUR));
            assert!(published.supersedes(&Phase::default()) && Phase::default().supersedes(&published));
            assert!(!published.supersedes(&published) && !Phase::default().supersedes(&Phase::default()));
            let mut writes = 0;
            let mut last = published.clone();
            for minutes in 1..3 * 24 * 60 {
                let at = START.plus(HOUR + minutes * 60);
                let fingerprint = at.0.unsigned_abs();
                record.observe(&Sighting { at, fingerprint, ..sighting(0, "15.1.2507.39") }, rules);
                let phase = record.phase(at);
                if phase.supersedes(&last) {
                    (writes, last) = (writes + 1, phase);
                }
            }
            assert!((3..=6).contains(&writes), "{writes} writes in three days");
            record.observe(&sighting(80, "15.1.2507.40"), rules);
            assert!(record.phase(START.plus(80 * HOUR)).supersedes(&last), "a build that it has not shown yet");
        });
    }

    #[test]
    fn each_member_that_a_decision_rests_on_supersedes() {
        let spell = Spell::between(START, START);
        let published = Phase::of_spell(spell, Vec::new());
        let supersedes = |spell: Spell| Phase::of_spell(spell, Vec::new()).supersedes(&published);
        let later = START.plus(PUBLISH_SECONDS);
        assert!(!supersedes(spell));
        assert!(supersedes(Spell { held: 1, ..spell }) && supersedes(Spell { detected_at: later, ..spell }));
        assert!(supersedes(Spell { open_until: later.plus(9 * DAY), ..spell }));
        assert!(supersedes(Spell { suspended_since: Some(later), ..spell }));
        assert!(supersedes(Spell { last_in_reach: None, ..spell }));
        assert!(
            supersedes(Spell { last_in_reach: Some(later), ..spell })
                && !supersedes(Spell { last_in_reach: Some(later.plus(-1)), ..spell })
        );
        assert!(
            supersedes(Spell { last_out_of_date: later, ..spell })
                && !supersedes(Spell { last_out_of_date: later.plus(-1), ..spell })
        );
    }
}
