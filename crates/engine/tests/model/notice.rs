//! No surprise: what a change of policy may do to a running spell.

use tidegate_engine::Build;
use tidegate_engine::{DAY, Timestamp};

use super::hour::Closed;
use super::standing::Standing;
use super::{Mode, Policy, Spell, WEEK, World, build_of};

/// Where a clock stands: what is closed, and how long it is until that changes (`None`: it does not).
#[derive(Clone, Copy, Debug)]
struct Place {
    build: Build,
    closed: Closed,
    left: Option<i64>,
    open_until: Timestamp,
}

impl World {
    pub(super) fn known_builds(&self, now: Timestamp) -> Vec<Build> {
        self.stands_for(now).into_iter().map(build_of).collect()
    }

    /// Changes the policy. What a running spell lost before is all that it loses until its stage would have ended.
    pub(crate) fn change_policy(&mut self, policy: Policy, now: Timestamp) -> Result<(), String> {
        let before = self.running_spell().map(|spell| self.places(&spell, now));
        let relayed = self.last_message.is_some_and(|message| message.relayed);
        let reaches = |policy: &Policy| policy.mode == Mode::Enforce && policy.reaches(relayed);
        let newly_reaches = reaches(&policy) && !reaches(self.policy());
        self.policies.push((now, policy));
        let (Some(spell), Some(before)) = (self.running_spell(), before) else { return Ok(()) };
        let held = before.iter().map(|place| self.held(&spell, place, now)).max().unwrap_or(spell.held);
        // the notice that a wave would have brought stays where the wave is moved into the past
        let waited = before.iter().filter_map(|place| {
            let clock = self.clock(&spell, place.build);
            (clock.start.is_some() && place.open_until > clock.open_until.max(now)).then_some(place.open_until)
        });
        let open_until = waited.chain([spell.open_until]).max().unwrap();
        // whose mail can be refused now, and could not for 35 days, has a week from here at least
        let is_new = newly_reaches && spell.reached.is_none_or(|reached| now.since(reached) > 35 * DAY);
        let open_until = if is_new { open_until.max(now.plus(WEEK)) } else { open_until };
        let raised = Spell { held: held.max(spell.held), open_until, ..spell };
        for (was, is) in before.iter().zip(self.places(&raised, now)) {
            if is.open_until <= now && is.closed.is_stricter_than(was.closed) {
                return Err(format!("{} at once: {was:?} becomes {is:?}", was.build));
            }
        }
        *self.running_spell_mut().unwrap() = raised;
        let standing = self.judge_server(now);
        if standing == Some(Standing::OutOfDate) {
            self.fail_again(now);
        } else if standing == Some(Standing::Current) {
            let shown = self.stands_for(now);
            let best = shown.into_iter().filter(|shown| self.judge(*shown, now) == Standing::Current);
            let best = best.max_by_key(|shown| build_of(*shown)).unwrap();
            let is_met = self.meets(raised.failed, best);
            let spell = self.running_spell_mut().unwrap();
            if !is_met {
                spell.spared = spell.spared.or(Some(now));
            }
        }
        Ok(())
    }

    /// For each build; a name may have shown several products, whose waves differ.
    fn places(&self, spell: &Spell, now: Timestamp) -> Vec<Place> {
        let mut builds = self.known_builds(now);
        builds.sort();
        builds.dedup();
        builds.into_iter().map(|build| self.place(spell, build, now)).collect()
    }

    fn place(&self, spell: &Spell, build: Build, now: Timestamp) -> Place {
        let clock = self.clock(spell, build);
        let counted = clock.counted(now);
        let wait = clock.wait(self.policies.len(), now);
        let (number, begins) = self.policy().stage_after(counted);
        let row = self.policy().ladder[number - 1];
        let end = row.minutes.map(|minutes| begins + i64::from(minutes) * 60);
        let begins_later = counted < 0 || clock.start.is_none_or(|start| now < start);
        let (closed, end) = if begins_later && row.closed.any() { (Closed::NEVER, Some(0)) } else { (row.closed, end) };
        let open_until = clock.open_until;
        Place { build, closed, open_until, left: end.zip(wait).map(|(end, wait)| end - counted + wait) }
    }

    /// How much has to be held so that `was` lasts as long as it would have.
    fn held(&self, spell: &Spell, was: &Place, now: Timestamp) -> i64 {
        let clock = self.clock(spell, was.build);
        let Some(wait) = clock.wait(self.policies.len() - 1, now) else { return spell.held };
        let mut begins = 0;
        // below 0 nothing is closed; then come the stages that are no stricter
        let (mut end, mut length) = (0, 0);
        for row in &self.policy().ladder {
            if row.closed.is_stricter_than(was.closed) {
                break;
            }
            let Some(minutes) = row.minutes else { return spell.held };
            length = i64::from(minutes) * 60;
            begins += length;
            end = begins;
        }
        let counted = clock.counted(now) - wait;
        spell.held + (was.left.unwrap_or(length.max(WEEK)) - (end - counted)).max(0)
    }
}
