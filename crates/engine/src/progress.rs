//! Where an out-of-date server stands on the ladder, and when what comes next.

use crate::build::Build;
use crate::clock::Clock;
use crate::ladder::{ClosedMinutes, Ladder, Rung};
use crate::phase::Phase;
use crate::policy::Mode;
use crate::rules::Rules;
use crate::spell::Spell;
use crate::time::Timestamp;

/// A server's stage and what comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stage {
    /// From 1.
    pub number: u8,
    /// How many stages the ladder has.
    pub of: u8,
    /// When it began; of the first stage, when the spell did.
    pub since: Timestamp,
    /// Whether the product is enforced: its wave has come.
    pub has_started: bool,
    /// Minutes of each hour that are closed; none while they are kept open.
    pub minutes: ClosedMinutes,
    /// It closes minutes, and they are kept open until [`Self::next`]: the days of notice are not over.
    pub keeps_open: bool,
    /// `None` in the last stage.
    pub next: Option<NextStage>,
}

/// The stage that follows, or the one whose minutes are yet kept open.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextStage {
    /// From 1; greater than the present one's.
    pub number: u8,
    /// By all freezes known now; `None` while the clock stands still until further notice.
    pub at: Option<Timestamp>,
    /// Minutes of each hour that it closes.
    pub minutes: ClosedMinutes,
}

/// What the decision needs beside the message.
#[derive(Clone, Copy, Debug)]
pub struct DecisionContext<'a> {
    /// By what the server is judged.
    pub rules: Rules<'a>,
    /// The operator-wide ceiling.
    pub ceiling: Mode,
    /// What is known of the server; `None` if nothing is.
    pub phase: Option<&'a Phase>,
    /// The end of the tenant's pause; `None` if there is none now.
    pub paused_until: Option<Timestamp>,
    /// The end of the server's exemption; `None` if there is none now.
    pub exempt_until: Option<Timestamp>,
    /// The moment of the decision.
    pub now: Timestamp,
}

impl<'a> DecisionContext<'a> {
    /// Without phase, pause, exemption or ceiling.
    pub const fn new(rules: Rules<'a>, now: Timestamp) -> Self {
        Self { rules, ceiling: Mode::Enforce, phase: None, paused_until: None, exempt_until: None, now }
    }

    /// The mode in effect.
    pub fn mode(&self) -> Mode {
        self.rules.policy.mode.min(self.ceiling)
    }
}

/// The stage of a spell; before there is one, the stage that it would begin with.
pub fn current_stage(spell: Option<&Spell>, build: Build, context: &DecisionContext<'_>) -> Stage {
    let now = context.now;
    let begun = Spell::begin(now);
    let spell = spell.unwrap_or(&begun);
    let clock = context.rules.clock(spell, build);
    let ladder = &context.rules.policy.ladder;
    let rung = ladder.at(clock.elapsed(now));
    let keeps_open = clock.keeps_open(now) && !rung.minutes.is_open();
    Stage {
        number: rung.number,
        of: u8::try_from(ladder.len()).unwrap_or(u8::MAX),
        since: clock.reaches(rung.start).filter(|_| rung.number > 1).unwrap_or(spell.detected_at),
        has_started: clock.has_started(now),
        minutes: if keeps_open { ClosedMinutes::default() } else { rung.minutes },
        keeps_open,
        next: if keeps_open {
            Some(first_closing(&clock, ladder, rung))
        } else {
            next_stage(&clock, ladder, rung.number)
        },
    }
}

/// The stage after `number` and when it begins, which is no sooner than minutes can be closed; `None` after the last.
pub(crate) fn next_stage(clock: &Clock<'_>, ladder: &Ladder, number: u8) -> Option<NextStage> {
    let rung = ladder.rungs().nth(number.into())?;
    let at = clock.reaches(rung.start);
    if !rung.minutes.is_open() && at.is_some_and(|at| at < clock.open_until) {
        return Some(first_closing(clock, ladder, rung));
    }
    Some(NextStage { number: rung.number, at, minutes: rung.minutes })
}

/// The stage on which a clock stands once it closes minutes that it has kept open on `rung`.
fn first_closing(clock: &Clock<'_>, ladder: &Ladder, rung: Rung) -> NextStage {
    let at = clock.closes_from();
    let rung = at.map_or(rung, |at| ladder.at(clock.elapsed(at)));
    NextStage { number: rung.number, at, minutes: rung.minutes }
}

/// A stage of a spell on the time axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ScheduledStage {
    /// From 1.
    pub number: u8,
    /// By all freezes known; `None` while the clock stands still until further notice.
    pub from: Option<Timestamp>,
    /// When the next one begins.
    pub until: Option<Timestamp>,
    /// Minutes of each hour that it closes.
    pub minutes: ClosedMinutes,
}

/// When a spell of a server that shows `build` reaches each stage. A stage whose minutes are kept open begins when they
/// can be closed; one that is over by then is left out.
pub fn stage_schedule<'a>(
    spell: &Spell,
    build: Build,
    rules: &Rules<'a>,
) -> impl Iterator<Item = ScheduledStage> + use<'a> {
    let clock = rules.clock(spell, build);
    let detected_at = spell.detected_at;
    rules.policy.ladder.rungs().filter_map(move |rung| {
        let until = rung.end.and_then(|end| clock.reaches(end));
        let from = match clock.reaches(rung.start) {
            // while its wave is to come, or time is held, nothing is closed
            _ if rung.number == 1 && rung.minutes.is_open() => Some(detected_at),
            from if rung.minutes.is_open() => from,
            from => from.map(|from| from.max(clock.open_until)),
        };
        let is_over = from.zip(until).is_some_and(|(from, until)| until <= from && !rung.minutes.is_open());
        (!is_over).then_some(ScheduledStage { number: rung.number, from, until, minutes: rung.minutes })
    })
}
