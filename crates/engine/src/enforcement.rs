//! A tenant's policy with its history, as far as clocks depend on it: when it was not enforced, and its pauses.
//!
//! A change of policy makes no running spell stricter at once: [`hold`] raises the one number that a spell stores.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::clock::{Freeze, Freezes};
use crate::policy::{Facts, Mode, Policy, Way};
use crate::spell::{Rules, ServerRecord, Spell, held_after_change};
use crate::time::Timestamp;

/// What a tenant chose, and the times during which its clocks stood or will stand still.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub struct Enforcement {
    pub policy: Policy,
    /// Since the tenant enforced for the first time. Before that its clocks run as if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enforced_since: Option<Timestamp>,
    /// Times after `enforced_since` in another mode.
    pub out_of_enforce: Freezes,
    pub pauses: Freezes,
    /// When what a spell meets last changed: mode, ladder, waves, baseline, scope or relays. A spell that ended before does not
    /// resume.
    #[serde(default)]
    pub changed_at: Timestamp,
}

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
        Self {
            enforced_since: self.enforced_since.or((policy.mode == Mode::Enforce).then_some(now)),
            out_of_enforce: out.into(),
            pauses: self.pauses.clone(),
            changed_at: if meets_the_same(&self.policy, &policy) { self.changed_at } else { now },
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
        Some(Rules::new(facts, &self.policy, frozen)?.changed_at(self.changed_at))
    }

    /// The end of the pause in which `now` lies.
    pub fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        self.pauses.at(now)?.until
    }
}

/// Whether a spell meets the same under both policies.
fn meets_the_same(old: &Policy, new: &Policy) -> bool {
    (old.mode, &old.ladder, &old.waves, &old.baseline) == (new.mode, &new.ladder, &new.waves, &new.baseline)
        && (&old.scope, old.enforce_behind_relays) == (&new.scope, new.enforce_behind_relays)
}

/// Holds the clock of a server's running spell back, so that the change from one policy to another makes nothing
/// stricter at once, and so that a spell which is enforced for the first time has its days of notice: the tenant's first,
/// or that of mail which comes this `way` and was only reported until now. Whether that was needed.
pub fn hold(
    server: &mut ServerRecord,
    way: Way,
    (old, before): (&Enforcement, &Rules<'_>),
    after: &Rules<'_>,
    now: Timestamp,
) -> bool {
    let Some(known) = server.spell().copied() else { return false };
    let left_enforce = old.out_of_enforce.open_since();
    let has_enforced = old.policy.mode == Mode::Enforce || left_enforce.is_some_and(|at| known.detected_at < at);
    let newly_in_reach = !old.policy.reaches(way) && after.policy.reaches(way);
    // machines of one name may run different products, whose waves differ; what one needs can take another back to a
    // stage that is stricter, where a ladder goes down again
    let builds: BTreeSet<Build> = server.nodes().iter().flat_map(|node| &node.builds).map(|seen| seen.build).collect();
    let raise = |spell: &Spell| {
        let raised = builds.iter().filter_map(|build| {
            let (met, meets) = (before.clock(&known, *build), after.clock(spell, *build));
            // until a wave comes nothing is closed, and then it brings its own notice
            if !meets.has_started(now) || !(has_enforced || after.policy.mode == Mode::Enforce) {
                return None;
            }
            let was_enforced = has_enforced && !newly_in_reach && met.has_started(now);
            let met = was_enforced.then_some((&met, &old.policy.ladder));
            let held = held_after_change(met, &meets, &after.policy.ladder, now);
            // what a wave holds back by itself needs no storing
            (held > meets.held).then_some(held)
        });
        raised.max()
    };
    let mut spell = known;
    while let Some(held) = raise(&spell) {
        spell.held = held;
    }
    if let Some(known) = server.spell_mut() {
        known.held = spell.held;
    }
    spell.held > known.held
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Connector;
    use crate::identity::Node;
    use crate::shown::Shown;
    use crate::spell::{NOTICE_SECONDS, Sighting};
    use crate::time::DAY;

    fn in_mode(mode: Mode) -> Policy {
        Policy { mode, ..Policy::default() }
    }

    /// Throttles after a day; `wave` is that of the only server's product.
    fn steep(wave: &str) -> Policy {
        let json = format!(
            r#"{{"mode":"enforce","waves":{{"Exchange Server 2016":{wave}}},"ladder":[{{"days":1,"throttle_minutes":0,
                "block_minutes":0}},{{"throttle_minutes":60,"block_minutes":0}}]}}"#
        );
        serde_json::from_str(&json).unwrap()
    }

    /// Whether the change of policy is told to hold the spell of a server detected in September 2026, and when the first
    /// throttle then comes.
    fn changed(from: Policy, to: Policy, now: Timestamp) -> (bool, Option<Timestamp>) {
        let facts = Facts::built_in().unwrap();
        let detected: Timestamp = "2026-09-10T08:15:08Z".parse().unwrap();
        let old = Enforcement::default().with_policy(from, detected.plus(-DAY));
        let new = old.with_policy(to, now);
        let (frozen_before, frozen_after) = (old.frozen(&Freezes::default()), new.frozen(&Freezes::default()));
        let (before, after) = (old.rules(&facts, &frozen_before).unwrap(), new.rules(&facts, &frozen_after).unwrap());
        let build = "15.1.2507.39".parse().unwrap();
        let mut server = ServerRecord::default();
        for fingerprint in 0..2 {
            let sighting = Sighting { at: detected, node: Node(None), shown: Shown::Update(build), fingerprint };
            server.observe(&sighting, &before);
        }
        let way = Way { connector: Connector::OnPremises, relayed: false };
        let held = hold(&mut server, way, (&old, &before), &after, now);
        let clock = after.clock(server.spell().unwrap(), build);
        (held, after.policy.ladder.first_closed().and_then(|first| clock.reaches(first)))
    }

    #[test]
    fn a_wave_moved_into_the_past_is_a_first_enforcement_too() {
        let now: Timestamp = "2026-10-20T08:15:08Z".parse().unwrap();
        for wave in [r#""2027-01-01""#, "null"] {
            let (held, first_throttle) = changed(steep(wave), steep(r#""2024-03-01""#), now);
            assert_eq!((held, first_throttle), (true, Some(now.plus(NOTICE_SECONDS))), "{wave}");
        }
    }

    #[test]
    fn where_a_wave_is_to_come_nothing_needs_to_be_held() {
        let now: Timestamp = "2026-10-20T08:15:08Z".parse().unwrap();
        let wave: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        let soon = changed(steep(r#""2024-03-01""#), steep(r#""2027-01-01""#), now);
        assert_eq!(soon, (false, Some(wave.plus(NOTICE_SECONDS))));
        assert_eq!(changed(steep(r#""2024-03-01""#), steep("null"), now), (false, None));
        let reported = Policy { mode: Mode::Report, ..steep("null") };
        assert_eq!(changed(in_mode(Mode::Enforce), reported, now), (false, None));
    }

    #[test]
    fn a_change_of_baseline_is_one_of_what_a_spell_meets() {
        let strict: Policy = serde_json::from_str(r#"{"baseline":"strict"}"#).unwrap();
        let tenant = Enforcement::default().with_policy(strict.clone(), Timestamp(DAY));
        assert_eq!(tenant.changed_at, Timestamp(DAY));
        let reworded = Policy { operator: "Example".to_owned().try_into().unwrap(), ..strict };
        assert_eq!(tenant.with_policy(reworded, Timestamp(2 * DAY)).changed_at, Timestamp(DAY));
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
