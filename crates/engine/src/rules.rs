//! By what a server is judged: the facts, the tenant's policy, and when its clocks stand still.

use crate::baseline::{Baseline, Doubt, FailedRequirement, Standing};
use crate::build::Build;
use crate::clock::{Clock, Freezes};
use crate::policy::{Facts, Policy};
use crate::shown::Shown;
use crate::spell::Spell;
use crate::time::{DAY, Timestamp};

/// A change brings no closed minute within so many seconds: a spell's second witness, its first mail that can be
/// enforced, a requirement that applies anew, a wave that comes.
pub const NOTICE_SECONDS: i64 = 7 * DAY;

/// By what a server is judged.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    pub facts: &'a Facts,
    pub policy: &'a Policy,
    /// When the server's clock stands still.
    pub freezes: &'a Freezes,
    baseline: &'a Baseline,
    baseline_since: Timestamp,
}

impl<'a> Rules<'a> {
    /// `None` if the policy names a baseline that is not there.
    pub fn new(facts: &'a Facts, policy: &'a Policy, freezes: &'a Freezes) -> Option<Self> {
        Some(Self { facts, policy, freezes, baseline: facts.baseline(policy)?, baseline_since: Timestamp(i64::MIN) })
    }

    /// The same rules, whose baseline the tenant has had since then.
    #[must_use]
    pub const fn with_baseline_since(self, baseline_since: Timestamp) -> Self {
        Self { baseline_since, ..self }
    }

    /// How a server stands that shows this, by the requirements of that UTC day.
    pub fn assess(&self, shown: Shown, at: Timestamp) -> Standing {
        self.baseline.assess(&self.facts.catalog, shown, at.date())
    }

    /// How a message stands that shows this. `mapi` is what the same server's store stamped on it: where that meets the
    /// requirement and the transport's number does not, neither is believed (the SMTP stamp of Exchange 2013 CU23
    /// stayed 15.0.1497.2 over its updates).
    pub fn assess_message(&self, shown: Shown, mapi: Option<Build>, at: Timestamp) -> Standing {
        let standing = self.assess(shown, at);
        let disagrees = |mapi: Build| self.assess(Shown::Update(mapi), at).is_current();
        if standing.is_out_of_date() && mapi.is_some_and(disagrees) {
            return Standing::Unknown(Doubt::ComponentsDisagree);
        }
        standing
    }

    /// Whether this met the requirement before the one that applies since less than 7 days: the time that a server's
    /// owner has to follow.
    pub fn has_grace(&self, shown: Shown, now: Timestamp) -> bool {
        self.assess(shown, now.plus(-NOTICE_SECONDS)).is_current()
    }

    /// The requirement that this fails at that time; `None` if it fails none.
    pub fn failed_requirement(&self, shown: Shown, at: Timestamp) -> Option<FailedRequirement> {
        self.baseline.failed_requirement(&self.facts.catalog, shown, at.date())
    }

    /// From when on, at `first` at the earliest, this has failed without a break until `at`. Requirements change at
    /// midnight: by an edition of the baseline, a lag that is over, an end of support.
    pub(crate) fn failing_since(&self, shown: Shown, first: Timestamp, at: Timestamp) -> Timestamp {
        let since = first.max(self.baseline_since.min(at));
        let mut midnight = at.start_of_day();
        while midnight > since {
            if !self.assess(shown, midnight.plus(-1)).is_out_of_date() {
                return midnight;
            }
            midnight = midnight.plus(-DAY);
        }
        since
    }

    /// The clock of a spell of a server that shows `build`. A spell that waited for its product's wave has its days of
    /// notice from there on.
    pub fn clock(&self, spell: &Spell, build: Build) -> Clock<'a> {
        let wave = self.facts.catalog.product(build).and_then(|product| self.policy.wave(product, self.facts));
        let notice = wave.filter(|wave| spell.detected_at < *wave).map(|wave| wave.plus(NOTICE_SECONDS));
        Clock {
            stopped_at: spell.suspended_since,
            start: wave.map(|wave| wave.max(spell.detected_at)),
            freezes: self.freezes,
            held: spell.held,
            open_until: notice.map_or(spell.open_until, |notice| notice.max(spell.open_until)),
        }
    }
}
