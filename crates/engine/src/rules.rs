//! By what a server is judged: the facts, the tenant's policy, and when its clocks stand still.

use crate::baseline::{Baseline, FailedRequirement, Standing, UnknownReason};
use crate::build::Build;
use crate::clock::Freezes;
use crate::looked_up::LookedUp;
use crate::policy::{Facts, FormerBaseline, Policy};
use crate::shown::Shown;
use crate::time::{DAY, Timestamp};

/// Seconds of notice: no minute is closed within that time after a spell's second witness, after its first mail that can
/// be refused, after a requirement that applies again, and after its product's wave.
pub const NOTICE_SECONDS: i64 = 7 * DAY;

/// By what a server is judged.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The catalog and the baselines.
    pub facts: &'a Facts,
    /// The tenant's policy.
    pub policy: &'a Policy,
    /// When the server's clock stands still.
    pub freezes: &'a Freezes,
    baseline: &'a Baseline,
    baseline_since: Timestamp,
    /// Those that the tenant had before, as far as they may matter.
    former: &'a [FormerBaseline],
}

/// A baseline and the time in which it was a tenant's, `until` excluded.
struct InForce<'a> {
    baseline: &'a Baseline,
    from: Timestamp,
    until: Timestamp,
}

impl<'a> Rules<'a> {
    /// `None` if the policy names a baseline that is not there.
    pub fn new(facts: &'a Facts, policy: &'a Policy, freezes: &'a Freezes) -> Option<Self> {
        Some(Self {
            facts,
            policy,
            freezes,
            baseline: facts.baseline(policy)?,
            baseline_since: Timestamp(i64::MIN),
            former: &[],
        })
    }

    /// The same rules, whose baseline the tenant has had since then, and which had these before.
    #[must_use]
    pub(crate) const fn with_history(self, baseline_since: Timestamp, former: &'a [FormerBaseline]) -> Self {
        Self { baseline_since, former, ..self }
    }

    /// What the catalog knows of what a server shows.
    pub fn look_up(&self, shown: Shown) -> LookedUp<'a> {
        LookedUp::new(&self.facts.catalog, shown)
    }

    /// How a server stands that shows this, by the requirements of that UTC day.
    pub fn assess(&self, shown: Shown, at: Timestamp) -> Standing {
        self.baseline.judge(&self.look_up(shown), at.date())
    }

    /// How a message stands that shows this. `other_component` is what another one of the same server than transport
    /// stamped on it: where that meets the requirement and the transport's number does not, neither is believed (the SMTP stamp of Exchange 2013 CU23
    /// stayed 15.0.1497.2 over its updates).
    pub fn assess_message(&self, shown: &LookedUp<'_>, other_component: Option<Build>, at: Timestamp) -> Standing {
        let standing = self.baseline.judge(shown, at.date());
        let disagrees = |build: Build| self.assess(Shown::Update(build), at).is_current();
        if standing.is_out_of_date() && other_component.is_some_and(disagrees) {
            return Standing::Unknown(UnknownReason::ComponentsDisagree);
        }
        standing
    }

    /// Whether this was acceptable at some time in the last 7 days: the time that a server's owner has to follow a new
    /// requirement, and that a message stamped before it has to arrive.
    pub fn has_grace(&self, shown: &LookedUp<'_>, now: Timestamp) -> bool {
        let from = now.plus(-NOTICE_SECONDS);
        let own = InForce { baseline: self.baseline, from: from.max(self.baseline_since), until: now.plus(1) };
        if Self::was_acceptable(shown, own) {
            return true;
        }
        let mut since = Timestamp(i64::MIN);
        for former in self.former {
            let until = former.until;
            let was = self.facts.chosen(&former.baseline);
            // a baseline that was deleted may have accepted the build: doubt means accept
            let met = |baseline| Self::was_acceptable(shown, InForce { baseline, from: from.max(since), until });
            if from < until && was.is_none_or(met) {
                return true;
            }
            since = until;
        }
        false
    }

    /// It is enough to look at the start of the time and of each edition in it: within an edition requirements only grow,
    /// so that a build acceptable later in it was so at its start.
    fn was_acceptable(shown: &LookedUp<'_>, in_force: InForce<'_>) -> bool {
        let InForce { baseline, from, until } = in_force;
        let is_met = |at: Timestamp| baseline.judge(shown, at.date()).is_current();
        let starts = baseline.editions().iter().map(|edition| edition.effective.start());
        is_met(from) || starts.filter(|start| from < *start && *start < until).any(is_met)
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::BaselineChoice;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn with_rules(policy: &str, test: impl FnOnce(&Rules<'_>)) {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let policy: Policy = serde_json::from_str(policy).unwrap();
        test(&Rules::new(&facts, &policy, &freezes).unwrap());
    }

    fn update(build: &str) -> Shown {
        Shown::Update(build.parse().unwrap())
    }

    #[test]
    fn what_met_the_requirement_before_has_seven_days() {
        with_rules("{}", |rules| {
            let grace = |build, time| rules.has_grace(&rules.look_up(update(build)), at(time));
            assert!(grace("15.1.2507.39", "2026-09-08T00:00:00Z") && grace("15.1.2507.39", "2026-09-14T23:59:59Z"));
            assert!(!grace("15.1.2507.39", "2026-09-15T00:00:00Z"));
            assert!(!grace("15.1.2507.6", "2026-09-08T00:00:00Z"), "it failed that one, too");
        });
    }

    #[test]
    fn what_a_baseline_that_is_gone_may_have_accepted_has_seven_days() {
        let until = at("2026-10-01T12:00:00Z");
        let former = [FormerBaseline { baseline: BaselineChoice::Named("gone".to_owned()), until }];
        with_rules("{}", |rules| {
            let rules = rules.with_history(until, &former);
            let grace = |time| rules.has_grace(&rules.look_up(update("15.1.2507.6")), time);
            assert!(grace(until) && grace(until.plus(7 * DAY - 1)));
            assert!(!grace(until.plus(7 * DAY)));
        });
    }

    #[test]
    fn a_former_baseline_gives_no_grace_for_a_time_before_it_was_the_tenants() {
        let own =
            |editions: &str| serde_json::from_str(&format!(r#"{{"name":"own","editions":[{editions}]}}"#)).unwrap();
        let edition = |day: &str, build: &str| {
            format!(r#"{{"effective":"{day}","products":{{"Exchange Server 2016":{{"minimum":["{build}"]}}}}}}"#)
        };
        let strict = edition("2026-01-01", "15.1.2507.61");
        let tightened = [edition("2026-01-01", "15.1.2507.6"), edition("2026-10-03", "15.1.2507.61")].join(",");
        let former = |tightened_since: &str| {
            let until = [tightened_since, "2026-10-06T00:00:00Z"].map(at);
            let baselines = [own(&strict), own(&tightened)];
            let former = |(own, until)| FormerBaseline { baseline: BaselineChoice::Own(own), until };
            std::iter::zip(baselines, until).map(former).collect::<Vec<_>>()
        };
        with_rules(&format!(r#"{{"baseline":{{"name":"own","editions":[{strict}]}}}}"#), |rules| {
            let grace = |former: &[FormerBaseline]| {
                let rules = rules.with_history(at("2026-10-06T00:00:00Z"), former);
                rules.has_grace(&rules.look_up(update("15.1.2507.39")), at("2026-10-08T12:00:00Z"))
            };
            assert!(grace(&former("2026-10-02T00:00:00Z")), "it accepted the build for a day");
            assert!(!grace(&former("2026-10-05T00:00:00Z")));
        });
    }

    #[test]
    fn a_spell_starts_no_earlier_than_what_it_fails_applied() {
        let (first, second) = (at("2026-09-01T12:00:00Z"), at("2026-09-20T12:00:00Z"));
        with_rules("{}", |rules| {
            let since = |build| rules.failing_since(update(build), first, second);
            assert_eq!(since("15.1.2507.6"), first);
            assert_eq!(since("15.1.2507.39"), at("2026-09-08T00:00:00Z"), "an edition");
            let changed = rules.with_history(at("2026-09-12T15:00:00Z"), &[]);
            assert_eq!(changed.failing_since(update("15.1.2507.6"), first, second), at("2026-09-12T15:00:00Z"));
            let later = rules.with_history(second.plus(DAY), &[]);
            assert_eq!(
                later.failing_since(update("15.1.2507.6"), first, second),
                second,
                "never after the second witness"
            );
        });
        // a lag that is over: 15.2.2562.49 of 2026-09-08 obliges .46 30 days later
        let lag = r#"{"baseline":{"name":"own","editions":[{"effective":"2026-01-01","products":{"Exchange Server SE":{"max_lag_days":30}}}]}}"#;
        with_rules(lag, |rules| {
            let since = |first, second| rules.failing_since(update("15.2.2562.46"), at(first), at(second));
            let is_out_of_date = |time| rules.assess(update("15.2.2562.46"), at(time)).is_out_of_date();
            assert!(!is_out_of_date("2026-10-07T23:59:59Z") && is_out_of_date("2026-10-08T00:00:00Z"));
            assert_eq!(since("2026-10-01T00:00:00Z", "2026-10-20T00:00:00Z"), at("2026-10-08T00:00:00Z"));
            assert_eq!(since("2026-10-09T01:00:00Z", "2026-10-20T00:00:00Z"), at("2026-10-09T01:00:00Z"));
        });
    }

    #[test]
    fn a_transports_number_is_not_believed_against_its_stores() {
        let own = r#"{"baseline":{"name":"own","editions":[{"effective":"2026-01-01","products":{"Exchange Server 2013":{"minimum":["15.0.1497.18"]}}}]}}"#;
        with_rules(own, |rules| {
            let now = at("2026-10-01T00:00:00Z");
            let assess = |other_component: Option<&str>| {
                rules.assess_message(
                    &rules.look_up(update("15.0.1497.2")),
                    other_component.map(|build| build.parse().unwrap()),
                    now,
                )
            };
            assert_eq!(assess(Some("15.0.1497.18")), Standing::Unknown(UnknownReason::ComponentsDisagree));
            assert!(assess(Some("15.0.1497.4")).is_out_of_date() && assess(None).is_out_of_date());
            let current = rules.assess_message(&rules.look_up(update("15.0.1497.18")), "15.0.1497.2".parse().ok(), now);
            assert!(current.is_current(), "the store's number condemns nobody");
        });
    }
}
