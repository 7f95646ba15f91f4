//! A spell's clock and the stage that it has reached.

use tidegate_engine::Build;
use tidegate_engine::Timestamp;

use super::hour::Closed;
use super::standing::Product;
use super::{MONTH, Mode, Next, Policy, Spell, Stage, WEEK, World};

/// A spell's clock under the newest policy.
pub(super) struct Clock<'a> {
    world: &'a World,
    pub(super) start: Option<Timestamp>,
    pub(super) held: i64,
    /// Nothing is closed before.
    pub(super) open_until: Timestamp,
    /// It stands still from then on.
    stopped: Option<Timestamp>,
}

impl World {
    pub(super) fn clock(&self, spell: &Spell, build: Build) -> Clock<'_> {
        let wave = Product::of(build).and_then(|product| self.policy().wave(product));
        // who waited for the wave has a week from there to the first throttle
        let notice = wave.filter(|wave| spell.detected < *wave).map(|wave| wave.plus(WEEK));
        Clock {
            world: self,
            start: wave.map(|wave| wave.max(spell.detected)),
            held: spell.held,
            open_until: spell.open_until.max(notice.unwrap_or(spell.open_until)),
            stopped: spell.spared,
        }
    }

    /// Whether clocks stand still at that moment, by all that is known now.
    fn is_frozen(&self, at: Timestamp) -> bool {
        self.is_frozen_by(&self.policies, at)
    }

    fn is_frozen_by(&self, policies: &[(Timestamp, Policy)], at: Timestamp) -> bool {
        let paused = self.pauses.iter().any(|pause| pause.covers(at));
        let exempt = self.exemptions.iter().any(|(from, until)| *from <= at && at < *until);
        let first_enforced = policies.iter().find(|(_, policy)| policy.mode == Mode::Enforce);
        let enforced_once = first_enforced.is_some_and(|(since, _)| *since <= at);
        let mode = policies.iter().rfind(|(since, _)| *since <= at).map(|(_, policy)| policy.mode);
        let ceiling = self.ceilings.iter().rfind(|(since, _)| *since <= at).map(|(_, mode)| *mode);
        let out = mode < Some(Mode::Enforce) || ceiling < Some(Mode::Enforce);
        paused || exempt || (enforced_once && out)
    }

    /// The moments after `start` at which clocks may stop or go on.
    fn turns(&self, start: Timestamp) -> Vec<Timestamp> {
        let mut turns = Vec::new();
        turns.extend(self.policies.iter().map(|(since, _)| *since));
        turns.extend(self.ceilings.iter().map(|(since, _)| *since));
        turns.extend(self.pauses.iter().flat_map(|pause| [pause.from(), pause.until()]));
        turns.extend(self.exemptions.iter().flat_map(|(from, until)| [*from, *until]));
        turns.retain(|turn| *turn > start);
        turns.sort();
        turns.dedup();
        turns
    }

    /// What lies ahead and can change an answer by itself.
    pub(crate) fn ahead(&self, now: Timestamp) -> Vec<Timestamp> {
        let mut ahead = self.turns(now);
        if let Some(spell) = self.running_spell() {
            ahead.extend([spell.last.plus(2 * MONTH), spell.open_until]);
            ahead.extend(spell.reached.map(|reached| reached.plus(35 * 86_400)));
            for build in self.known_builds(now) {
                let clock = self.clock(&spell, build);
                ahead.extend(clock.start);
                ahead.extend(self.stage(&spell, build, now).next.and_then(|next| next.at));
            }
        }
        ahead.extend(self.messages.iter().map(|message| message.at.plus(WEEK)));
        ahead.retain(|at| *at > now);
        ahead.sort();
        ahead.dedup();
        ahead
    }

    pub(super) fn stage(&self, spell: &Spell, build: Build, now: Timestamp) -> Stage {
        let clock = self.clock(spell, build);
        let policy = self.policy();
        let (number, begins) = policy.stage_after(clock.counted(now));
        let row = policy.ladder[number - 1];
        let since = if number == 1 { spell.detected } else { clock.when(begins).unwrap() };
        if row.closed.any() && !clock.can_close(now) {
            return Stage { number, since, closed: Closed::NEVER, next: Some(clock.first_closing(number)) };
        }
        let next = row.minutes.map(|minutes| {
            let (at, closed) = (clock.when(begins + i64::from(minutes) * 60), policy.ladder[number].closed);
            if closed.any() && at.is_some_and(|at| at < clock.open_until) {
                clock.first_closing(number + 1)
            } else {
                Next { number: number + 1, at, closed }
            }
        });
        Stage { number, since, closed: row.closed, next }
    }
}

impl Clock<'_> {
    /// Seconds from the start until `now` in which it ran.
    pub(super) fn ran_for(&self, now: Timestamp) -> i64 {
        let now = self.stopped.map_or(now, |stopped| stopped.min(now));
        let Some(mut at) = self.start.filter(|start| *start < now) else { return 0 };
        let mut seconds = 0;
        for turn in self.world.turns(at).into_iter().filter(|turn| *turn < now).chain([now]) {
            if !self.world.is_frozen(at) {
                seconds += turn.since(at);
            }
            at = turn;
        }
        seconds
    }

    /// Seconds that would count until it starts, by so many of the policies; `None` if it never does.
    pub(super) fn wait(&self, policies: usize, now: Timestamp) -> Option<i64> {
        let policies = &self.world.policies[..policies];
        let start = self.start?;
        let (mut at, mut seconds) = (now, 0);
        for turn in self.world.turns(now).into_iter().filter(|turn| *turn < start).chain([start]) {
            if at < turn && !self.world.is_frozen_by(policies, at) {
                seconds += turn.since(at);
            }
            at = turn;
        }
        Some(seconds)
    }

    /// Below 0 until what is held is made up for.
    pub(super) fn counted(&self, now: Timestamp) -> i64 {
        self.ran_for(now) - self.held
    }

    /// Whether minutes can be closed.
    pub(super) fn can_close(&self, now: Timestamp) -> bool {
        self.start.is_some_and(|start| start <= now) && self.counted(now) >= 0 && self.open_until <= now
    }

    /// The stage that comes into force when minutes can be closed; `stage` where that is never.
    fn first_closing(&self, stage: usize) -> Next {
        let ladder = &self.world.policy().ladder;
        match self.when(0) {
            Some(at) => {
                let at = at.max(self.open_until);
                let (number, _) = self.world.policy().stage_after(self.counted(at));
                Next { number, at: Some(at), closed: ladder[number - 1].closed }
            }
            None => Next { number: stage, at: None, closed: ladder[stage - 1].closed },
        }
    }

    /// When so many seconds will have counted, by all that is known now.
    fn when(&self, counted: i64) -> Option<Timestamp> {
        let at = self.when_running(counted)?;
        (self.stopped.is_none_or(|stopped| at <= stopped)).then_some(at)
    }

    fn when_running(&self, counted: i64) -> Option<Timestamp> {
        let mut at = self.start?;
        let mut missing = (counted + self.held).max(0);
        if missing == 0 {
            return Some(at);
        }
        for turn in self.world.turns(at) {
            if !self.world.is_frozen(at) {
                if missing <= turn.since(at) {
                    return Some(at.plus(missing));
                }
                missing -= turn.since(at);
            }
            at = turn;
        }
        (!self.world.is_frozen(at)).then(|| at.plus(missing))
    }
}
