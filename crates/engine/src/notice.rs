//! Changes of policy, ladder, baseline or wave, which never make a running spell stricter at once: its owner has the time
//! that was announced before.

use std::collections::BTreeSet;

use crate::build::Build;
use crate::clock::{Clock, Freezes};
use crate::ladder::{ClosedMinutes, Ladder};
use crate::policy::{MailRoute, Mode, Policy};
use crate::record::ServerRecord;
use crate::rules::{NOTICE_SECONDS, Rules};
use crate::shown::Shown;
use crate::time::Timestamp;

/// By what a server was judged until now, and is from now on.
#[derive(Clone, Copy, Debug)]
pub struct RulesChange<'a> {
    /// The rules until now.
    pub before: Rules<'a>,
    /// The rules from now on.
    pub after: Rules<'a>,
    /// How the server's mail comes in.
    pub way: MailRoute,
    /// When they change.
    pub now: Timestamp,
}

impl RulesChange<'_> {
    /// Whether its mail can be refused from now on, and could not before.
    fn brings_into_reach(&self) -> bool {
        let reaches = |policy: &Policy| policy.mode == Mode::Enforce && policy.reaches(self.way);
        reaches(self.after.policy) && !reaches(self.before.policy)
    }
}

/// Holds back the clock of a server's running spell, so that after the change it loses no more than before for as long as
/// its stage would have lasted. Where the change makes the server's best build acceptable, the spell is suspended; where
/// it makes it fail again, nothing is closed for 7 days. Whether any of that was needed.
pub fn apply_rules_change(server: &mut ServerRecord, change: &RulesChange<'_>) -> bool {
    let RulesChange { before, after, now, .. } = *change;
    let Some(known) = server.spell().copied() else { return false };
    // machines of one name may run different products, whose waves differ
    let builds: BTreeSet<Build> = server.stands_for(now).filter_map(Shown::build).collect();
    let mut spell = known;
    for build in builds {
        let (met, meets) = (before.clock(&known, build), after.clock(&known, build));
        let frozen_before = before.freezes;
        let old = Climb { clock: &met, ladder: &before.policy.ladder, frozen_before };
        let new = Climb { clock: &meets, ladder: &after.policy.ladder, frozen_before };
        let held = held_after_change(&old, &new, now);
        spell.held = spell.held.max(held);
        // a wave that is moved leaves the notice that it would have brought
        if meets.start.is_some() && met.open_until > meets.open_until.max(now) {
            spell.open_until = spell.open_until.max(met.open_until);
        }
    }
    if change.brings_into_reach() && !spell.is_in_reach(now) {
        spell.give_notice(now);
    }
    match server.best(&after, now) {
        Some(best) if best.standing.is_out_of_date() => spell.end_suspension(best.build, &after, now),
        Some(best) if server.is_spared(best.shown, &after, now) => {
            spell.suspended_since.get_or_insert(now);
        }
        _ => {}
    }
    if let Some(running) = server.spell_mut() {
        *running = spell;
    }
    spell != known
}

/// A clock and the ladder that it climbs.
struct Climb<'a> {
    clock: &'a Clock<'a>,
    ladder: &'a Ladder,
    /// When clocks stood still by what was known before the change.
    frozen_before: &'a Freezes,
}

/// What a spell loses, and for how many more seconds that count.
struct Met {
    minutes: ClosedMinutes,
    /// `None`: for good.
    left: Option<i64>,
}

impl Climb<'_> {
    /// Seconds that would count until the product's wave comes, were clocks to stand still as they did before the change:
    /// what stops them for good is no nearer to the wave. `None` if it never comes.
    fn wait(&self, now: Timestamp) -> Option<i64> {
        let start = self.clock.start?;
        Some(start.since(now).max(0) - self.frozen_before.overlap(now, start))
    }

    fn met(&self, now: Timestamp) -> Met {
        let counted = self.clock.elapsed(now);
        let rung = self.ladder.at(counted);
        let is_closed = counted >= 0 && self.clock.has_started(now);
        let (minutes, end) = if !is_closed && !rung.minutes.is_open() {
            (ClosedMinutes::default(), Some(0))
        } else {
            (rung.minutes, rung.end)
        };
        let left = end.zip(self.wait(now)).map(|(end, wait)| (end - counted).saturating_add(wait));
        Met { minutes, left }
    }
}

/// The `held` of a spell after a change, raised so that the end of the last stage of the new ladder that is no stricter
/// than what the spell met is at least as far off as the end of the old stage was; below 0 nothing is closed.
fn held_after_change(old: &Climb<'_>, new: &Climb<'_>, now: Timestamp) -> i64 {
    let Met { minutes, left } = old.met(now);
    let milder = new.ladder.rungs().take_while(|rung| !rung.minutes.is_stricter_than(minutes)).last();
    let end = milder.map_or(Some(0), |rung| rung.end);
    let (Some(end), Some(wait)) = (end, new.wait(now)) else { return new.clock.held };
    // of a stage that would never have ended, the new one's length is left, and the days of notice at least
    let length = milder.map_or(0, |rung| end - rung.start).max(NOTICE_SECONDS);
    let most = end.saturating_sub(left.unwrap_or(length)).saturating_add(wait);
    new.clock.held.max(new.clock.running(now).saturating_sub(most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Freezes;
    use crate::event::Connector;
    use crate::policy::{Facts, Policy};
    use crate::progress::{DecisionContext, current_stage};
    use crate::spell::Spell;
    use crate::time::{DAY, HOUR};

    const WAY: MailRoute = MailRoute { connector: Connector::OnPremises, relayed: false };

    /// 2026-10-01T08:00:00Z, when the spell began.
    const START: Timestamp = Timestamp(1_790_841_600);
    const BUILD: &str = "15.1.2507.39";
    const DEFAULT: &str = r#"{"mode":"enforce"}"#;
    /// A day of report, nine of 10 minutes' throttling, then blocked.
    const STEEP: &str = r#"{"mode":"enforce","ladder":[{"days":1,"throttle_minutes":0,"block_minutes":0},
        {"days":9,"throttle_minutes":10,"block_minutes":0},{"throttle_minutes":0,"block_minutes":60}]}"#;

    fn day(days: i64) -> Timestamp {
        START.plus(days * DAY)
    }

    fn policy(json: &str) -> Policy {
        serde_json::from_str(json).unwrap()
    }

    fn closed(length: &str, throttle: u8) -> Policy {
        policy(&format!(
            r#"{{"mode":"enforce","ladder":[{{{length},"throttle_minutes":{throttle},"block_minutes":0}},
                {{"throttle_minutes":0,"block_minutes":60}}]}}"#
        ))
    }

    fn with_wave(policy: Policy, wave: Option<&str>) -> Policy {
        let wave = wave.map(|wave| wave.parse().unwrap());
        Policy { waves: [("Exchange Server 2016".to_owned(), wave)].into(), ..policy }
    }

    struct Held {
        is_told: bool,
        spell: Spell,
    }

    /// A server out of date since `START` with so much held, after the change from one policy to another.
    fn change(from: &Policy, to: &Policy, held: i64, now: Timestamp) -> Held {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let rules = |policy| Rules::new(&facts, policy, &freezes).unwrap();
        let spell = Spell { held, ..Spell::between(START, now) };
        let stored = serde_json::json!({"nodes": [], "builds": [{"build": BUILD, "at": now}], "spell": spell});
        let mut server: ServerRecord = serde_json::from_value(stored).unwrap();
        let is_told =
            apply_rules_change(&mut server, &RulesChange { before: rules(from), after: rules(to), way: WAY, now });
        Held { is_told, spell: *server.spell().unwrap() }
    }

    /// Stage, minutes that are closed, and days until the next stage.
    fn meets(spell: &Spell, policy: &Policy, now: Timestamp) -> (u8, u8, Option<i64>) {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let rules = Rules::new(&facts, policy, &freezes).unwrap();
        let stage = current_stage(Some(spell), BUILD.parse().unwrap(), &DecisionContext::new(rules, now));
        let next = stage.next.and_then(|next| next.at).map(|at| at.since(now) / DAY);
        (stage.number, stage.minutes.throttle() + stage.minutes.block(), next)
    }

    #[test]
    fn the_minutes_stay_for_as_long_as_the_stage_would_have_lasted() {
        let (default, steep) = (policy(DEFAULT), policy(STEEP));
        // day 43: stage 3, 10 minutes, 7 days left; the same minutes for the same 7 days
        let held = change(&default, &steep, 0, day(43));
        assert_eq!((held.is_told, meets(&held.spell, &steep, day(43))), (true, (2, 10, Some(7))));
        // day 32: 5 minutes for 8 days, which the new ladder does not have: nothing is closed for 8 days
        let held = change(&default, &steep, 0, day(32));
        assert_eq!(meets(&held.spell, &steep, day(32)), (1, 0, Some(8)));
        // a milder ladder is taken as it is
        let held = change(&steep, &default, 0, day(43));
        assert_eq!((held.is_told, held.spell.held), (false, 0));
    }

    #[test]
    fn a_change_that_makes_nothing_stricter_yet_does_not_bring_the_next_stage_nearer() {
        let sooner = policy(
            r#"{"mode":"enforce","ladder":[{"days":10,"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":5,"block_minutes":0}]}"#,
        );
        let held = change(&policy(DEFAULT), &sooner, 0, day(5));
        assert_eq!((held.is_told, meets(&held.spell, &sooner, day(5))), (true, (1, 0, Some(25))));
    }

    #[test]
    fn ladders_that_are_swapped_there_and_back_only_hold_more() {
        let (default, steep) = (policy(DEFAULT), policy(STEEP));
        let mut held = 0;
        for _ in 0..5 {
            for (from, to) in [(&default, &steep), (&steep, &default)] {
                let after = change(from, to, held, day(43)).spell.held;
                assert!(after >= held, "{after} after {held}");
                held = after;
            }
        }
        let nothing = change(&default, &default, held, day(43));
        assert_eq!((nothing.is_told, nothing.spell.held), (false, held));
    }

    #[test]
    fn a_wave_moved_into_the_past_comes_when_it_would_have_come() {
        let now = day(20); // 2026-10-21
        let wave: Timestamp = "2027-01-01T00:00:00Z".parse().unwrap();
        for (steep, first_closed) in
            [(policy(STEEP), wave.plus(7 * DAY)), (closed("\"days\":9", 60), wave.plus(7 * DAY))]
        {
            let (from, to) = (with_wave(steep.clone(), Some("2027-01-01")), with_wave(steep, Some("2024-03-01")));
            let held = change(&from, &to, 0, now);
            assert!(held.is_told);
            let minutes = |at: Timestamp| meets(&held.spell, &to, at).1;
            assert_eq!(minutes(first_closed.plus(-1)), 0);
            assert!(minutes(first_closed) > 0);
        }
    }

    #[test]
    fn a_product_that_was_never_to_be_enforced_has_seven_days_when_its_wave_lies_in_the_past() {
        for ladder in [policy(STEEP), closed("\"days\":1", 60), closed("\"minutes\":1", 60)] {
            let (from, to) = (with_wave(ladder.clone(), None), with_wave(ladder, Some("2024-03-01")));
            let held = change(&from, &to, 0, day(20));
            assert_eq!(meets(&held.spell, &to, day(27).plus(-1)).1, 0);
            assert!(meets(&held.spell, &to, day(27)).1 > 0);
        }
        let default = policy(DEFAULT);
        let held = change(&with_wave(default.clone(), None), &default, 0, day(200));
        assert_eq!(meets(&held.spell, &default, day(200)), (1, 0, Some(30)), "the whole of its report");
    }

    #[test]
    fn a_wave_that_is_put_off_or_called_off_holds_nothing() {
        let default = policy(DEFAULT);
        for wave in [Some("2027-01-01"), None] {
            let held = change(&default, &with_wave(default.clone(), wave), 0, day(50));
            assert_eq!((held.is_told, held.spell.held), (false, 0), "{wave:?}");
        }
    }

    #[test]
    fn a_stage_without_end_leaves_the_new_ones_length_and_seven_days_at_least() {
        let endless = policy(
            r#"{"mode":"enforce","ladder":[{"days":1,"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":10,"block_minutes":0}]}"#,
        );
        let steep = policy(STEEP);
        let held = change(&endless, &steep, 0, day(500));
        assert_eq!(meets(&held.spell, &steep, day(500)), (2, 10, Some(9)));
        let short = policy(
            r#"{"mode":"enforce","ladder":[{"days":30,"throttle_minutes":0,"block_minutes":0},
                {"minutes":1,"throttle_minutes":10,"block_minutes":0},{"throttle_minutes":0,"block_minutes":60}]}"#,
        );
        let held = change(&endless, &short, 0, day(500));
        let blocks = |at: Timestamp| meets(&held.spell, &short, at).1 == 60;
        assert!(!blocks(day(507).plus(-1)) && blocks(day(507)));
        // where the new ladder has no such minutes at all, nothing is closed for 7 days
        let blocked = closed("\"days\":9", 60);
        let held = change(&endless, &blocked, 0, day(500));
        assert_eq!(
            (meets(&held.spell, &blocked, day(507).plus(-1)).1, meets(&held.spell, &blocked, day(507)).1),
            (0, 60)
        );
        // what has no end there either is no change
        let held = change(&endless, &endless, 0, day(500));
        assert_eq!((held.is_told, held.spell.held), (false, 0));
    }

    #[test]
    fn below_0_nothing_was_met_and_as_much_is_left_as_before() {
        let (old, new) = (closed("\"days\":9", 60), closed("\"days\":9", 30));
        let now = day(10);
        let held = change(&old, &new, 15 * DAY, now);
        assert_eq!((held.is_told, held.spell.held), (false, 15 * DAY), "five days were left, and are");
        let milder = change(&new, &old, 15 * DAY, now);
        assert_eq!((milder.is_told, milder.spell.held), (false, 15 * DAY), "nothing is closed before or after");
        let open = policy(DEFAULT);
        let held = change(&open, &old, 15 * DAY, now);
        // elapsed -5 days of 30 days of report: 35 are left
        assert_eq!((meets(&held.spell, &old, day(45).plus(-HOUR)).1, meets(&held.spell, &old, day(45)).1), (0, 60));
    }

    #[test]
    fn machines_of_two_products_are_held_by_the_one_that_needs_more() {
        let (facts, freezes) = (Facts::built_in(), Freezes::default());
        let waves = |exchange_2019: Option<&str>| {
            let wave = exchange_2019.map(|wave| wave.parse().unwrap());
            Policy { waves: [("Exchange Server 2019".to_owned(), wave)].into(), ..policy(DEFAULT) }
        };
        let (from, to) = (waves(None), waves(Some("2024-03-01")));
        let spell = Spell::between(START, day(50));
        let builds = serde_json::json!([{"build": BUILD, "at": day(50)}, {"build": "15.2.1748.26", "at": day(50)}]);
        let mut server: ServerRecord =
            serde_json::from_value(serde_json::json!({"nodes": [], "builds": builds, "spell": spell})).unwrap();
        let rules = |policy| Rules::new(&facts, policy, &freezes).unwrap();
        assert!(apply_rules_change(
            &mut server,
            &RulesChange { before: rules(&from), after: rules(&to), way: WAY, now: day(50) }
        ));
        assert_eq!(meets(server.spell().unwrap(), &to, day(50)), (1, 0, Some(30)));
    }
}
