//! What the edge needs to know of one server: the published part of its record.

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::order;
use crate::rules::Rules;
use crate::shown::Shown;
use crate::spell::Spell;
use crate::time::{DAY, Timestamp};
use crate::witness::{Best, Shows, best};

/// How often a running spell's last message is published.
pub const PUBLISH_SECONDS: i64 = DAY;

/// The published part of a server's record.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Phase {
    pub spell: Option<Spell>,
    /// By build. Empty before there is a spell.
    #[serde(default)]
    pub builds: Vec<PhaseBuild>,
    /// Read by the release before, which accepts where it finds none.
    #[serde(default, skip_deserializing)]
    nodes: [(); 0],
}

/// A build that the server's name showed.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct PhaseBuild {
    pub build: Build,
    /// Only the lane is certain.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lane_only: bool,
    /// It counts until then; rounded up to the day, since it clears.
    pub until: Timestamp,
}

impl PhaseBuild {
    const fn shown(&self) -> Shown {
        if self.lane_only { Shown::Lane(self.build) } else { Shown::Update(self.build) }
    }
}

impl Phase {
    /// Of a running spell, with what its server's name lately showed.
    pub fn of_spell(spell: Spell, builds: Vec<PhaseBuild>) -> Self {
        Self { spell: Some(spell), builds, nodes: [] }
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

    /// Whether a decision by this record could differ from one by `published`. That a server goes on sending is told
    /// once a day: until then the edge takes it for silent, or out of reach, a little early, and accepts.
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

    /// The second witness: the best of what the name lately showed, with a message in hand that shows this.
    pub fn best(&self, in_hand: Shown, rules: &Rules<'_>, now: Timestamp) -> Option<Best> {
        best(self.lately(now).chain([in_hand]), rules, now)
    }

    /// What of the name's builds counts at `now`.
    pub(crate) fn lately(&self, now: Timestamp) -> impl Iterator<Item = Shown> {
        self.builds.iter().filter(move |known| now <= known.until).map(PhaseBuild::shown)
    }
}
