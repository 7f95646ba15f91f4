//! The stage clock: how much of the time since detection counts.
//!
//! Derived and never stored, so that no write is needed for a stage to change.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::order::order_by_key;
use crate::time::Timestamp;

/// A time during which clocks stand still.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {
    /// When they stop.
    pub from: Timestamp,
    /// `None`: until further notice.
    pub until: Option<Timestamp>,
}

/// Freezes in order, without overlap.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<Freeze>", into = "Vec<Freeze>")]
pub struct Freezes(Vec<Freeze>);

impl From<Vec<Freeze>> for Freezes {
    fn from(freezes: Vec<Freeze>) -> Self {
        let lasting = freezes.into_iter().filter(|freeze| freeze.until.is_none_or(|until| until > freeze.from));
        let mut merged: Vec<Freeze> = Vec::new();
        for freeze in order_by_key(lasting, |freeze| freeze.from) {
            match merged.last_mut() {
                Some(last) if last.until.is_none_or(|until| freeze.from <= until) => {
                    last.until = last.until.zip(freeze.until).map(|(one, other)| one.max(other));
                }
                _ => merged.push(freeze),
            }
        }
        Self(merged)
    }
}

impl From<Freezes> for Vec<Freeze> {
    fn from(freezes: Freezes) -> Self {
        freezes.0
    }
}

impl Freezes {
    /// Times that one stored list keeps.
    pub const MAX: usize = 256;

    /// Whether nothing is frozen, ever.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The freeze in which `now` lies.
    pub fn at(&self, now: Timestamp) -> Option<Freeze> {
        self.0.iter().copied().find(|freeze| freeze.from <= now && freeze.until.is_none_or(|until| now < until))
    }

    /// What is frozen by one or the other.
    pub fn union<'a>(&'a self, other: &'a Self) -> Cow<'a, Self> {
        if other.is_empty() {
            Cow::Borrowed(self)
        } else if self.is_empty() {
            Cow::Borrowed(other)
        } else {
            Cow::Owned(self.0.iter().chain(&other.0).copied().collect::<Vec<_>>().into())
        }
    }

    /// What is frozen from `start` on.
    #[must_use]
    pub fn from_on(&self, start: Timestamp) -> Self {
        let later = |freeze: &Freeze| Freeze { from: freeze.from.max(start), ..*freeze };
        self.0.iter().map(later).collect::<Vec<_>>().into()
    }

    /// What is frozen before `end`.
    #[must_use]
    pub fn up_to(&self, end: Timestamp) -> Self {
        let earlier = |freeze: &Freeze| Freeze { until: Some(freeze.until.unwrap_or(end).min(end)), ..*freeze };
        self.0.iter().map(earlier).collect::<Vec<_>>().into()
    }

    /// At most [`Self::MAX`] freezes, for a list that is stored. Those nearest to each other become one, if the later
    /// has begun by `now`: the earlier is moved up against it. So they keep their sum, and at any time from `now` on,
    /// - a clock that started before the earlier, or after both, has stood still exactly as long as without this,
    /// - one that started between has stood still no shorter.
    ///
    /// What has not begun stays as it is: time that is yet to be frozen makes up for none that was.
    #[must_use]
    pub fn bounded(self, now: Timestamp) -> Self {
        self.at_most(Self::MAX, now)
    }

    fn at_most(mut self, most: usize, now: Timestamp) -> Self {
        while self.0.len() > most
            && let Some(at) = self.nearest(now)
        {
            let earlier = self.0.remove(at);
            if let (Some(later), Some(until)) = (self.0.get_mut(at), earlier.until) {
                later.from = later.from.plus(-until.since(earlier.from));
            }
        }
        self
    }

    /// The index of the freeze that is nearest to the one after it, of those where that one has begun; the first of
    /// equals.
    fn nearest(&self, now: Timestamp) -> Option<usize> {
        let gap = |(at, pair): (usize, &[Freeze])| {
            let [earlier, later] = pair else { return None };
            let gap = later.from.since(earlier.until?);
            (later.from <= now).then_some((gap, at))
        };
        self.0.windows(2).enumerate().filter_map(gap).min().map(|(_, at)| at)
    }

    /// When the freeze began that has no end.
    pub fn open_since(&self) -> Option<Timestamp> {
        self.0.iter().find(|freeze| freeze.until.is_none()).map(|freeze| freeze.from)
    }

    /// Seconds between `from` and `to` that are frozen.
    pub fn overlap(&self, from: Timestamp, to: Timestamp) -> i64 {
        let overlap = |freeze: &Freeze| freeze.until.unwrap_or(to).min(to).since(freeze.from.max(from)).max(0);
        self.0.iter().map(overlap).sum()
    }
}

/// The clock of one spell.
#[derive(Clone, Copy, Debug)]
pub struct Clock<'a> {
    /// Since when it stands still until further notice.
    pub stopped_at: Option<Timestamp>,
    /// The later of detection and the product's wave; `None` where the product has no wave, and the clock never runs.
    pub start: Option<Timestamp>,
    /// When it stands still beside that.
    pub freezes: &'a Freezes,
    /// Seconds that do not count beyond the freezes.
    pub held: i64,
    /// Nothing is closed before, however much has counted.
    pub open_until: Timestamp,
}

impl Clock<'_> {
    /// Seconds that count up to `now`; below 0 while what is held is made up for.
    pub fn elapsed(&self, now: Timestamp) -> i64 {
        self.running(now).saturating_sub(self.held)
    }

    /// Whether nothing is closed yet, whatever the stage: the wave is to come, time is held, or notice was given.
    pub fn keeps_open(&self, now: Timestamp) -> bool {
        !self.has_started(now) || now < self.open_until || self.elapsed(now) < 0
    }

    /// From when on minutes can be closed, by all freezes known; `None` if never.
    pub fn closes_from(&self) -> Option<Timestamp> {
        Some(self.reaches(0)?.max(self.open_until))
    }

    /// Whether the wave has come.
    pub fn has_started(&self, now: Timestamp) -> bool {
        self.start.is_some_and(|start| start <= now)
    }

    /// Seconds for which the clock has run up to `now`, whether or not they are held.
    pub fn running(&self, now: Timestamp) -> i64 {
        let now = self.stopped_at.map_or(now, |stopped| stopped.min(now));
        match self.start {
            Some(start) if start < now => now.since(start) - self.freezes.overlap(start, now),
            _ => 0,
        }
    }

    /// When `elapsed` reaches that many seconds, by all freezes known; `None` if it never does.
    pub fn reaches(&self, elapsed: i64) -> Option<Timestamp> {
        let mut at = self.start?;
        let mut left = elapsed.saturating_add(self.held).max(0);
        for freeze in &self.freezes.0 {
            if freeze.until.is_some_and(|until| until <= at) {
                continue;
            }
            let running = freeze.from.since(at).max(0);
            if left <= running {
                break;
            }
            left -= running;
            at = freeze.until?;
        }
        Some(at.plus(left)).filter(|at| self.stopped_at.is_none_or(|stopped| *at <= stopped))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn running_from<'a>(detected_at: i64, wave: Option<i64>, freezes: &'a Freezes, held: i64) -> Clock<'a> {
        let start = wave.map(|wave| Timestamp(wave.max(detected_at)));
        Clock { stopped_at: None, start, freezes, held, open_until: Timestamp(0) }
    }

    fn freezes(list: &[(i64, Option<i64>)]) -> Freezes {
        let freeze =
            |&(from, until): &(i64, Option<i64>)| Freeze { from: Timestamp(from), until: until.map(Timestamp) };
        list.iter().map(freeze).collect::<Vec<_>>().into()
    }

    #[test]
    fn overlapping_freezes_count_once() {
        let freezes = freezes(&[(50, Some(60)), (10, Some(20)), (15, Some(30)), (30, Some(35)), (7, Some(7))]);
        assert_eq!(freezes.0.len(), 2);
        assert_eq!(freezes.overlap(Timestamp(0), Timestamp(100)), 35);
        assert_eq!(freezes.overlap(Timestamp(12), Timestamp(55)), 28);
    }

    #[test]
    fn what_is_cut_never_frees_a_time_that_was_frozen() {
        let all = freezes(&[(10, Some(20)), (23, Some(30)), (40, Some(50)), (60, None)]);
        assert_eq!(all.up_to(Timestamp(45)), freezes(&[(10, Some(20)), (23, Some(30)), (40, Some(45))]));
        assert_eq!(all.up_to(Timestamp(70)).at(Timestamp(69)).and_then(|freeze| freeze.until), Some(Timestamp(70)));
    }

    #[test]
    fn the_nearest_times_become_one_of_their_sum() {
        let all = freezes(&[(10, Some(20)), (23, Some(30)), (40, Some(50)), (60, None)]);
        let now = Timestamp(70);
        assert_eq!(all.clone().at_most(4, now), all);
        assert_eq!(all.clone().at_most(3, now), freezes(&[(13, Some(30)), (40, Some(50)), (60, None)]));
        assert_eq!(all.clone().at_most(2, now), freezes(&[(23, Some(50)), (60, None)]));
        assert_eq!(all.clone().at_most(1, now), freezes(&[(33, None)]));
        assert_eq!(all.clone().at_most(1, Timestamp(59)), freezes(&[(23, Some(50)), (60, None)]), "what is to come");
        assert_eq!(all.clone().at_most(1, Timestamp(9)), all);
    }

    #[test]
    fn the_clock_stands_still_in_a_freeze_and_before_the_wave() {
        let freezes = freezes(&[(200, Some(300)), (500, None)]);
        let clock = running_from(50, Some(100), &freezes, 20);
        let elapsed = |now| clock.elapsed(Timestamp(now));
        assert_eq!([elapsed(0), elapsed(100), elapsed(120), elapsed(121), elapsed(200)], [-20, -20, 0, 1, 80]);
        assert_eq!([elapsed(250), elapsed(300), elapsed(301), elapsed(500), elapsed(900)], [80, 80, 81, 280, 280]);
        assert_eq!(clock.reaches(80), Some(Timestamp(200)));
        assert_eq!(clock.reaches(81), Some(Timestamp(301)));
        assert_eq!(clock.reaches(280), Some(Timestamp(500)));
        assert_eq!(clock.reaches(281), None);
        assert_eq!(running_from(0, None, &freezes, 0).elapsed(Timestamp(1_000)), 0);
    }

    #[test]
    fn what_is_reached_has_elapsed_and_no_second_earlier() {
        let freezes = freezes(&[(100, Some(200)), (230, Some(260)), (400, Some(1000))]);
        for held in [-30, 0, 45] {
            let clock = running_from(90, Some(0), &freezes, held);
            for target in 1..400 {
                let at = clock.reaches(target).unwrap();
                if at > Timestamp(90) {
                    assert_eq!(clock.elapsed(at), target, "held {held}");
                    assert!(clock.elapsed(at.plus(-1)) < target, "held {held}, target {target}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_closed_before_the_wave_while_time_is_held_or_notice_was_given() {
        let none = Freezes::default();
        let keeps_open = |clock: Clock<'_>, now| clock.keeps_open(Timestamp(now));
        assert!(
            keeps_open(running_from(0, Some(0), &none, 50), 49) && !keeps_open(running_from(0, Some(0), &none, 50), 50)
        );
        assert!(
            keeps_open(running_from(0, Some(10), &none, 0), 9) && !keeps_open(running_from(0, Some(10), &none, 0), 10)
        );
        assert!(keeps_open(running_from(0, None, &none, 0), 9));
        let noticed = Clock { open_until: Timestamp(70), ..running_from(0, Some(0), &none, 50) };
        assert!(keeps_open(noticed, 69) && !keeps_open(noticed, 70));
        assert_eq!((noticed.reaches(0), noticed.closes_from()), (Some(Timestamp(50)), Some(Timestamp(70))));
    }

    #[test]
    fn a_stopped_clock_counts_no_further() {
        let none = Freezes::default();
        let stopped = Clock { stopped_at: Some(Timestamp(30)), ..running_from(0, Some(0), &none, 0) };
        assert_eq!((stopped.elapsed(Timestamp(20)), stopped.elapsed(Timestamp(90))), (20, 30));
        assert_eq!((stopped.reaches(30), stopped.reaches(31)), (Some(Timestamp(30)), None));
    }
}
