//! A tenant's policy with its history, as far as clocks depend on it: when it was not enforced, and its pauses.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::clock::{Freeze, Freezes};
use crate::policy::{Facts, FormerBaseline, Mode, Policy};
use crate::rules::{NOTICE_SECONDS, Rules};
use crate::time::Timestamp;

/// What a tenant chose, and the times during which its clocks stood or will stand still.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Enforcement {
    /// What applies now.
    pub policy: Policy,
    /// Since the tenant enforced for the first time. Before that its clocks run as if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced_since: Option<Timestamp>,
    /// Times after `enforced_since` in another mode.
    pub out_of_enforce: Freezes,
    /// The tenant's pauses, begun or planned.
    pub pauses: Freezes,
    /// Since when the tenant has had its baseline. The release before kept here when anything changed that a spell
    /// meets, and reads it so.
    #[serde(default, rename = "changed_at")]
    pub baseline_since: Timestamp,
    /// Those that it had in the 7 days before the last change, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former_baselines: Vec<FormerBaseline>,
}

/// Former baselines that are kept at most; the oldest is dropped.
const MAX_FORMER_BASELINES: usize = 8;

impl Enforcement {
    /// The same tenant under another policy from `now` on.
    pub fn with_policy(&self, policy: Policy, now: Timestamp) -> Self {
        let mut out: Vec<Freeze> = self.out_of_enforce.clone().into();
        match (self.policy.mode, policy.mode) {
            (Mode::Enforce, Mode::Off | Mode::Report) => out.push(Freeze { from: now, until: None }),
            (Mode::Off | Mode::Report, Mode::Enforce) => {
                if let Some(open) = out.iter_mut().find(|freeze| freeze.until.is_none()) {
                    open.until = Some(now.max(open.from));
                }
            }
            _ => {}
        }
        let keeps_baseline = self.policy.baseline == policy.baseline;
        let mut former = self.former_baselines.clone();
        former.retain(|known| now.since(known.until) <= NOTICE_SECONDS);
        if !keeps_baseline {
            former.push(FormerBaseline { baseline: self.policy.baseline.clone(), until: now });
            let surplus = former.len().saturating_sub(MAX_FORMER_BASELINES);
            former.drain(..surplus);
        }
        Self {
            enforced_since: self.enforced_since.or((policy.mode == Mode::Enforce).then_some(now)),
            out_of_enforce: out.into(),
            pauses: self.pauses.clone(),
            baseline_since: if keeps_baseline { self.baseline_since } else { now },
            former_baselines: former,
            policy,
        }
    }

    /// When the clocks of all its servers stand still. `ceiling`: when the operator-wide ceiling is below enforce,
    /// which counts for a tenant from its first enforcement on.
    pub fn frozen(&self, ceiling: &Freezes) -> Cow<'_, Freezes> {
        let own = self.out_of_enforce.union(&self.pauses);
        let held_down = self.enforced_since.map_or_else(Freezes::default, |since| ceiling.from_on(since));
        if held_down.is_empty() { own } else { Cow::Owned(own.union(&held_down).into_owned()) }
    }

    /// The rules by which its servers are judged; `None` if the policy names a baseline that is not there.
    pub fn rules<'a>(&'a self, facts: &'a Facts, frozen: &'a Freezes) -> Option<Rules<'a>> {
        Some(Rules::new(facts, &self.policy, frozen)?.with_history(self.baseline_since, &self.former_baselines))
    }

    /// The end of the pause in which `now` lies.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pauses.at(now)?.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::DAY;

    fn in_mode(mode: Mode) -> Policy {
        Policy { mode, ..Policy::default() }
    }

    #[test]
    fn a_baseline_counts_from_the_change_that_brought_it() {
        let strict: Policy = serde_json::from_str(r#"{"baseline":"strict"}"#).unwrap();
        let tenant = Enforcement::default().with_policy(strict.clone(), Timestamp(DAY));
        assert_eq!(tenant.baseline_since, Timestamp(DAY));
        let reworded = Policy { operator: "Example".to_owned().try_into().unwrap(), ..strict };
        assert_eq!(tenant.with_policy(reworded, Timestamp(2 * DAY)).baseline_since, Timestamp(DAY));
    }

    #[test]
    fn what_met_a_baseline_keeps_its_grace_however_often_that_is_changed_in_a_week() {
        let at = |day: i64| Timestamp(day * DAY);
        let of = |baseline: &str| serde_json::from_str::<Policy>(&format!(r#"{{"baseline":"{baseline}"}}"#)).unwrap();
        let kept = |tenant: &Enforcement| -> Vec<i64> {
            tenant.former_baselines.iter().map(|former| former.until.0 / DAY).collect()
        };
        let tenant = Enforcement::default().with_policy(of("strict"), at(10)).with_policy(of("exploited"), at(12));
        assert_eq!(kept(&tenant), [10, 12]);
        let reworded = Policy { operator: "Example".to_owned().try_into().unwrap(), ..of("exploited") };
        assert_eq!(kept(&tenant.with_policy(reworded.clone(), at(17))), [10, 12]);
        assert_eq!(kept(&tenant.with_policy(reworded, at(18))), [12]);
        let restless = (0..10).fold(Enforcement::default(), |tenant, change| {
            tenant.with_policy(of(if change % 2 == 0 { "strict" } else { "exploited" }), at(20))
        });
        assert_eq!(kept(&restless).len(), MAX_FORMER_BASELINES);
    }

    #[test]
    fn time_out_of_enforce_stands_still_but_not_before_the_first_time() {
        let at = |day: i64| Timestamp(day * DAY);
        let tenant = Enforcement::default().with_policy(in_mode(Mode::Report), at(1));
        assert_eq!(tenant.frozen(&Freezes::default()).overlap(at(0), at(50)), 0);
        let tenant = tenant.with_policy(in_mode(Mode::Enforce), at(10)).with_policy(in_mode(Mode::Off), at(20));
        assert_eq!(tenant.frozen(&Freezes::default()).overlap(at(0), at(50)), 30 * DAY);
        let tenant = tenant.with_policy(in_mode(Mode::Report), at(25)).with_policy(in_mode(Mode::Enforce), at(40));
        assert_eq!(tenant.frozen(&Freezes::default()).overlap(at(0), at(50)), 20 * DAY);
        assert_eq!(tenant.enforced_since, Some(at(10)));
    }

    #[test]
    fn the_ceiling_stops_the_clocks_of_those_who_enforce() {
        let at = |day: i64| Timestamp(day * DAY);
        let ceiling = Freezes::from(vec![Freeze { from: at(5), until: Some(at(15)) }]);
        let never = Enforcement::default();
        assert_eq!(never.frozen(&ceiling).overlap(at(0), at(50)), 0);
        let enforcing = never.with_policy(in_mode(Mode::Enforce), at(10));
        assert_eq!(enforcing.frozen(&ceiling).overlap(at(0), at(50)), 5 * DAY);
        let paused = Enforcement { pauses: vec![Freeze { from: at(12), until: Some(at(20)) }].into(), ..enforcing };
        assert_eq!(paused.frozen(&ceiling).overlap(at(0), at(50)), 10 * DAY);
        assert_eq!((paused.paused_until(at(19)), paused.paused_until(at(20))), (Some(at(20)), None));
    }
}
