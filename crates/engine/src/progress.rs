//! Where an out-of-date server stands on the ladder, and when what comes next.

use crate::build::Build;
use crate::ladder::{Minutes, Rung};
use crate::policy::Mode;
use crate::spell::{Phase, Rules, Spell};
use crate::time::Timestamp;

/// A server's stage and what comes next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stage {
    pub number: u8,
    pub of: u8,
    pub since: Timestamp,
    /// Whether the product is enforced: its wave has come.
    pub has_started: bool,
    pub minutes: Minutes,
    /// `None` in the last stage.
    pub next: Option<NextStage>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct NextStage {
    pub number: u8,
    /// By all freezes known now; `None` while the clock stands still until further notice.
    pub at: Option<Timestamp>,
    pub minutes: Minutes,
}

/// What the decision needs beside the message.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    pub rules: Rules<'a>,
    /// The operator-wide ceiling.
    pub ceiling: Mode,
    /// What is known of the server; `None` if nothing is.
    pub phase: Option<&'a Phase>,
    /// The end of the tenant's pause; `None` if there is none now.
    pub paused_until: Option<Timestamp>,
    /// The end of the server's exemption; `None` if there is none now.
    pub exempt_until: Option<Timestamp>,
    pub now: Timestamp,
}

impl<'a> Context<'a> {
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
pub fn stage(spell: Option<&Spell>, build: Build, context: &Context<'_>) -> Stage {
    let now = context.now;
    let begun = Spell { detected_at: now, held: 0, last_out_of_date: now };
    let spell = spell.unwrap_or(&begun);
    let clock = context.rules.clock(spell, build);
    let ladder = &context.rules.policy.ladder;
    let rung: Rung = ladder.at(clock.elapsed(now));
    let (minutes, next) = if !clock.has_begun(now) && !rung.minutes.is_open() {
        // a ladder that begins with closed minutes: they are still to come
        (Minutes::default(), Some(NextStage { number: rung.number, at: clock.reaches(0), minutes: rung.minutes }))
    } else {
        let next = rung.end.map(|end| {
            let next = ladder.at(end);
            NextStage { number: next.number, at: clock.reaches(end), minutes: next.minutes }
        });
        (rung.minutes, next)
    };
    Stage {
        number: rung.number,
        of: u8::try_from(ladder.len()).unwrap_or(u8::MAX),
        since: clock.reaches(rung.start).filter(|_| rung.number > 1).unwrap_or(spell.detected_at),
        has_started: clock.has_started(now),
        minutes,
        next,
    }
}

/// A stage of a spell on the time axis.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Scheduled {
    pub number: u8,
    /// By all freezes known; `None` while the clock stands still until further notice.
    pub from: Option<Timestamp>,
    /// When the next one begins.
    pub until: Option<Timestamp>,
    pub minutes: Minutes,
}

/// When a spell of a server that shows `build` reaches each stage.
pub fn schedule<'a>(spell: &Spell, build: Build, rules: &Rules<'a>) -> impl Iterator<Item = Scheduled> + use<'a> {
    let clock = rules.clock(spell, build);
    let detected_at = spell.detected_at;
    rules.policy.ladder.rungs().map(move |rung| {
        // while its wave is to come, or time is held, nothing is closed
        let begins_at_once = rung.number == 1 && rung.minutes.is_open();
        let from = if begins_at_once { Some(detected_at) } else { clock.reaches(rung.start) };
        Scheduled {
            number: rung.number,
            from,
            until: rung.end.and_then(|end| clock.reaches(end)),
            minutes: rung.minutes,
        }
    })
}
