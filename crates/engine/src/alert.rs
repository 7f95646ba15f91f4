//! What is to be told about a running spell, and when: 7 days and 1 day before each stage, and when it begins.
//!
//! The dates are derived from the clock, so they move when it is frozen, held or let go on. What was told is kept in
//! [`AlertState`]: a date is announced once, and again only if it has moved by a day.

use serde::{Deserialize, Serialize};

use crate::build::Build;
use crate::clock::Clock;
use crate::ladder::{ClosedMinutes, Ladder};
use crate::progress::{NextStage, next_stage};
use crate::rules::Rules;
use crate::spell::Spell;
use crate::time::{DAY, Timestamp};

/// How long before a stage it is announced, the earlier one first.
pub const WARNING_SECONDS: [i64; 2] = [7 * DAY, DAY];
/// Seconds by which an announced date has to move to be announced again.
const MOVED_SECONDS: i64 = DAY;

/// When a running spell reaches its stages, by all freezes known now.
#[derive(Clone, Copy, Debug)]
pub struct SpellCourse<'a> {
    clock: Clock<'a>,
    ladder: &'a Ladder,
    /// Nothing happens from then on unless more is heard.
    silent_at: Timestamp,
}

/// What was told about a spell.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AlertState {
    /// The last step that was told: the number of a stage, or 0 while a ladder that begins with closed minutes has yet
    /// to begin.
    step: u8,
    /// When it began.
    since: Timestamp,
    /// For which date each of [`WARNING_SECONDS`] was given.
    said: [Option<Timestamp>; 2],
}

/// Something to tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Alert {
    /// When it became due.
    pub at: Timestamp,
    /// What of the stage it tells.
    pub kind: AlertKind,
    /// The stage before; `None` before a ladder's first one has begun.
    pub from: Option<u8>,
    /// The stage that comes, or has begun; and when.
    pub stage: NextStage,
    /// What comes after that, of a stage that has begun.
    pub next: Option<NextStage>,
}

/// Which of the things that are told of a stage an alert tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AlertKind {
    /// The stage begins in 7 days or less.
    In7Days,
    /// The stage begins in a day or less.
    In1Day,
    /// The stage has begun.
    Changed,
}

impl<'a> SpellCourse<'a> {
    /// Of a spell of a server that shows `build`.
    pub fn new(spell: &Spell, build: Build, rules: &Rules<'a>) -> Self {
        Self {
            clock: rules.clock(spell, build),
            ladder: &rules.policy.ladder,
            silent_at: spell.silent_at().unwrap_or(Timestamp(i64::MAX)),
        }
    }

    /// The stage whose minutes are in force: where they are kept open, the last one before that closes none.
    fn step(&self, now: Timestamp) -> u8 {
        let rung = self.ladder.at(self.clock.elapsed(now));
        if !self.clock.keeps_open(now) || rung.minutes.is_open() {
            return rung.number;
        }
        let open = self.ladder.rungs().take_while(|rung| rung.minutes.is_open()).last();
        open.map_or(0, |open| open.number)
    }

    /// The step after `step`, by all freezes known now.
    fn after(&self, step: u8) -> Option<NextStage> {
        next_stage(&self.clock, self.ladder, step)
    }

    /// When a warning is due: not before the product is enforced.
    fn due(&self, date: Timestamp, ahead: i64) -> Timestamp {
        self.clock.start.map_or(date, |start| date.plus(-ahead).max(start))
    }
}

impl AlertState {
    /// Of a spell whose beginning, or going on, was told at `at`.
    pub fn begin(course: &SpellCourse<'_>, at: Timestamp) -> Self {
        let mut told = Self { step: course.step(at), since: at, said: [None; 2] };
        told.take_as_said(course);
        told
    }

    /// What the clock alone brought about by `now`: each stage that began, with its own time, and the warning that
    /// counts now. Nothing of it was due before `since`.
    pub fn advance(&mut self, course: &SpellCourse<'_>, since: Timestamp, now: Timestamp) -> Vec<Alert> {
        let now = self.clock(course, now);
        let mut alerts = Vec::new();
        while self.step < course.step(now) {
            let Some(stage) = course.after(self.step) else { break };
            let at = stage.at.unwrap_or(now).max(self.since).min(now);
            alerts.push(self.enter(course, stage.number, stage, at));
        }
        self.jump(course, since, now, alerts)
    }

    /// What is to be told now that the rules, the freezes or the spell have changed.
    pub fn rebase(&mut self, course: &SpellCourse<'_>, now: Timestamp) -> Vec<Alert> {
        let now = self.clock(course, now);
        self.jump(course, now, now, Vec::new())
    }

    /// When something is to be told next, after all that is due by `now` was.
    pub fn next_due(&self, course: &SpellCourse<'_>, now: Timestamp) -> Option<Timestamp> {
        let date = course.after(self.step)?.at?;
        let unsaid = WARNING_SECONDS.iter().zip(&self.said).filter(|(_, said)| !is_said(**said, date));
        let due = unsaid.map(|(ahead, _)| course.due(date, *ahead)).chain([date]).filter(|due| *due > now).min();
        due.filter(|due| *due < course.silent_at)
    }

    /// The time by which things are told: not behind what was told, where a clock was set back, and not beyond the spell.
    fn clock(&self, course: &SpellCourse<'_>, now: Timestamp) -> Timestamp {
        now.max(self.since).min(course.silent_at.plus(-1))
    }

    fn jump(
        &mut self,
        course: &SpellCourse<'_>,
        since: Timestamp,
        now: Timestamp,
        mut alerts: Vec<Alert>,
    ) -> Vec<Alert> {
        let step = course.step(now);
        let stage = match step.checked_sub(1) {
            Some(before) => course.after(before),
            None => Some(NextStage { number: 1, at: None, minutes: ClosedMinutes::default() }),
        };
        if let Some(stage) = stage.filter(|_| step != self.step) {
            alerts.push(self.enter(course, step, stage, now));
        }
        alerts.extend(self.warn(course, since, now));
        alerts
    }

    fn enter(&mut self, course: &SpellCourse<'_>, step: u8, stage: NextStage, at: Timestamp) -> Alert {
        let from = self.stage();
        *self = Self { step, since: at, said: [None; 2] };
        self.take_as_said(course);
        let stage = NextStage { at: Some(at), ..stage };
        Alert { at, kind: AlertKind::Changed, from, stage, next: course.after(step) }
    }

    fn stage(&self) -> Option<u8> {
        Some(self.step).filter(|step| *step > 0)
    }

    /// The beginning of a stage tells the next one's date, too.
    fn take_as_said(&mut self, course: &SpellCourse<'_>) {
        let Some(date) = course.after(self.step).and_then(|next| next.at) else { return };
        for (ahead, said) in WARNING_SECONDS.iter().zip(&mut self.said) {
            if date.plus(-ahead) <= self.since {
                *said = Some(date);
            }
        }
    }

    /// The nearest warning that is due; those before it have had their time.
    fn warn(&mut self, course: &SpellCourse<'_>, since: Timestamp, now: Timestamp) -> Option<Alert> {
        let stage = course.after(self.step)?;
        let (date, from) = (stage.at?, self.stage());
        let mut alert = None;
        let kinds = [AlertKind::In7Days, AlertKind::In1Day];
        for ((ahead, said), kind) in WARNING_SECONDS.iter().zip(&mut self.said).zip(kinds) {
            let due = course.due(date, *ahead);
            if due <= now {
                let news = Alert { at: due.max(since), kind, from, stage, next: None };
                alert = Some(news).filter(|_| !is_said(*said, date));
                if alert.is_some() {
                    *said = Some(date);
                }
            }
        }
        alert
    }
}

fn is_said(said: Option<Timestamp>, date: Timestamp) -> bool {
    said.is_some_and(|said| date.since(said).unsigned_abs() < MOVED_SECONDS.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Freeze, Freezes};
    use crate::time::{HOUR, MINUTE};

    const START: Timestamp = Timestamp(1_790_842_508);

    fn day(days: i64) -> Timestamp {
        START.plus(days * DAY)
    }

    fn course<'a>(freezes: &'a Freezes, ladder: &'a Ladder, held: i64) -> SpellCourse<'a> {
        let clock = Clock { stopped_at: None, start: Some(START), freezes, held, open_until: START };
        SpellCourse { clock, ladder, silent_at: day(1_000) }
    }

    fn freezes(list: &[(i64, Option<i64>)]) -> Freezes {
        let freeze = |&(from, until): &(i64, Option<i64>)| Freeze { from: day(from), until: until.map(day) };
        list.iter().map(freeze).collect::<Vec<_>>().into()
    }

    /// Day, kind and stage of each alert.
    fn seen(alerts: &[Alert]) -> Vec<(i64, AlertKind, u8)> {
        alerts.iter().map(|alert| (alert.at.since(START) / DAY, alert.kind, alert.stage.number)).collect()
    }

    /// All alerts up to a day, each told when it is due.
    fn follow(told: &mut AlertState, course: &SpellCourse<'_>, from: i64, to: i64) -> Vec<(i64, AlertKind, u8)> {
        let (mut now, mut all) = (day(from), Vec::new());
        while let Some(due) = told.next_due(course, now).filter(|due| *due <= day(to)) {
            assert!(due > now, "time goes on");
            now = due;
            let alerts = told.advance(course, due, now);
            assert!(alerts.iter().all(|alert| alert.at == due));
            all.extend(seen(&alerts));
        }
        all
    }

    use AlertKind::{Changed, In1Day, In7Days};

    #[test]
    fn each_stage_is_announced_twice_and_told_when_it_begins() {
        let (none, ladder) = (Freezes::default(), Ladder::default());
        let course = course(&none, &ladder, 0);
        let mut told = AlertState::begin(&course, START);
        let expected: Vec<_> = (2..=8)
            .flat_map(|stage| {
                let begins = 10 * (i64::from(stage) + 1);
                [(begins - 7, In7Days, stage), (begins - 1, In1Day, stage), (begins, Changed, stage)]
            })
            .collect();
        assert_eq!(follow(&mut told, &course, 0, 500), expected);
        assert_eq!(told.next_due(&course, day(500)), None);
    }

    #[test]
    fn stages_that_passed_unseen_are_told_with_their_own_times_and_only_the_warning_that_counts() {
        let (pause, ladder) = (freezes(&[(35, Some(45))]), Ladder::default());
        let course = course(&pause, &ladder, 0);
        let mut told = AlertState::begin(&course, START);
        let alerts = told.advance(&course, day(23), day(69).plus(HOUR));
        assert_eq!(seen(&alerts), [(30, Changed, 2), (50, Changed, 3), (60, Changed, 4), (69, In1Day, 5)]);
        assert_eq!(
            alerts.first().map(|alert| (alert.from, alert.next.and_then(|next| next.at))),
            Some((Some(1), Some(day(50))))
        );
        assert_eq!(told.advance(&course, day(69), day(69).plus(HOUR)), []);
        assert_eq!(told.next_due(&course, day(69).plus(HOUR)), Some(day(70)));
    }

    #[test]
    fn a_date_that_moved_by_a_day_is_announced_again_and_one_that_moved_less_is_not() {
        let (none, ladder) = (Freezes::default(), Ladder::default());
        let plain = course(&none, &ladder, 0);
        let mut told = AlertState::begin(&plain, START);
        assert_eq!(follow(&mut told, &plain, 0, 24), [(23, In7Days, 2)]);
        let hours = SpellCourse { clock: Clock { held: 23 * HOUR, ..plain.clock }, ..plain };
        assert_eq!(told.rebase(&hours, day(24)), []);
        let pause = freezes(&[(24, Some(29))]);
        let paused = course(&pause, &ladder, 0);
        assert_eq!(told.rebase(&paused, day(24)), []);
        assert_eq!(told.next_due(&paused, day(24)), Some(day(28)));
        let ended = freezes(&[(24, Some(27))]);
        let ended = course(&ended, &ladder, 0);
        assert_eq!(seen(&told.rebase(&ended, day(27))), [(27, In7Days, 2)], "six days are left");
        assert_eq!(follow(&mut told, &ended, 27, 33), [(32, In1Day, 2), (33, Changed, 2)]);
    }

    #[test]
    fn nothing_is_due_while_the_clock_stands_still_without_end_or_the_product_has_no_wave() {
        let (open, ladder) = (freezes(&[(10, None)]), Ladder::default());
        let frozen = course(&open, &ladder, 0);
        assert_eq!(AlertState::begin(&frozen, START).next_due(&frozen, START), None);
        let none = Freezes::default();
        let plain = course(&none, &ladder, 0);
        let never = SpellCourse { clock: Clock { start: None, ..plain.clock }, ..plain };
        let mut told = AlertState::begin(&never, START);
        assert_eq!((told.next_due(&never, START), told.advance(&never, START, day(400))), (None, Vec::new()));
        let later = SpellCourse { clock: Clock { start: Some(day(100)), ..plain.clock }, ..plain };
        assert_eq!(told.next_due(&later, day(50)), Some(day(123)));
    }

    #[test]
    fn a_spell_that_falls_silent_is_told_nothing_more() {
        let (none, ladder) = (Freezes::default(), Ladder::default());
        let course = SpellCourse { silent_at: day(29), ..course(&none, &ladder, 0) };
        let mut told = AlertState::begin(&course, START);
        assert_eq!(follow(&mut told, &course, 0, 100), [(23, In7Days, 2)], "a day before is too late");
        assert_eq!(told.advance(&course, day(29), day(100)), []);
    }

    #[test]
    fn a_clock_that_is_set_back_takes_back_no_stage_and_tells_none_twice() {
        let (none, ladder) = (Freezes::default(), Ladder::default());
        let course = course(&none, &ladder, 0);
        let mut told = AlertState::begin(&course, START);
        assert_eq!(seen(&told.advance(&course, day(23), day(40))), [(30, Changed, 2), (40, Changed, 3)]);
        let known = told.clone();
        for back in [day(40).plus(-1), day(31), day(3)] {
            assert_eq!((told.rebase(&course, back), told.advance(&course, back, back)), (Vec::new(), Vec::new()));
        }
        assert_eq!(told, known);
        assert_eq!(follow(&mut told, &course, 41, 50), [(43, In7Days, 4), (49, In1Day, 4), (50, Changed, 4)]);
    }

    #[test]
    fn short_stages_are_announced_by_the_ones_before() {
        let ladder: Ladder = serde_json::from_str(
            r#"[{"days":3,"throttle_minutes":0,"block_minutes":0},{"minutes":90,"throttle_minutes":10,"block_minutes":0},
                {"throttle_minutes":0,"block_minutes":60}]"#,
        )
        .unwrap();
        let none = Freezes::default();
        let course = course(&none, &ladder, 0);
        let mut told = AlertState::begin(&course, START);
        assert_eq!(follow(&mut told, &course, 0, 100), [(2, In1Day, 2), (3, Changed, 2), (3, Changed, 3)]);
        assert_eq!(told.since, day(3).plus(90 * MINUTE));
    }

    #[test]
    fn a_ladder_that_begins_closed_is_announced_where_it_has_to_wait() {
        let ladder: Ladder = serde_json::from_str(r#"[{"throttle_minutes":0,"block_minutes":60}]"#).unwrap();
        let none = Freezes::default();
        let at_once = course(&none, &ladder, 0);
        assert_eq!(AlertState::begin(&at_once, START).next_due(&at_once, START), None);
        let waits = course(&none, &ladder, 10 * DAY);
        let mut told = AlertState::begin(&waits, START);
        assert_eq!(follow(&mut told, &waits, 0, 100), [(3, In7Days, 1), (9, In1Day, 1), (10, Changed, 1)]);
        // enforced for the first time: what would have been closed opens, and says until when
        let held = course(&none, &ladder, 107 * DAY);
        let alerts = told.rebase(&held, day(100));
        assert_eq!(seen(&alerts), [(100, Changed, 1)]);
        assert!(alerts.iter().all(|alert| alert.stage.minutes.is_open()));
        assert_eq!(alerts.first().and_then(|alert| alert.next?.at), Some(day(107)));
        assert_eq!(follow(&mut told, &held, 100, 200), [(106, In1Day, 1), (107, Changed, 1)]);
    }

    #[test]
    fn another_ladder_is_told_as_one_change() {
        let (none, ladder) = (Freezes::default(), Ladder::default());
        let plain = course(&none, &ladder, 0);
        let mut told = AlertState::begin(&plain, START);
        told.advance(&plain, day(23), day(65));
        let held = course(&none, &ladder, 42 * DAY);
        let alerts = told.rebase(&held, day(65));
        assert_eq!(seen(&alerts), [(65, Changed, 1)]);
        let told_next = alerts.first().and_then(|alert| Some((alert.from?, alert.next?.at?)));
        assert_eq!(told_next, Some((5, day(72))), "which tells the date, so that no warning follows at once");
    }

    #[test]
    fn what_was_told_is_stored_so() {
        let told = AlertState { step: 3, since: START, said: [Some(day(10)), None] };
        let stored = r#"{"step":3,"since":1790842508,"said":[1791706508,null]}"#;
        assert_eq!(serde_json::to_string(&told).unwrap(), stored);
        assert_eq!(serde_json::from_str::<AlertState>(stored).unwrap(), told);
    }
}
