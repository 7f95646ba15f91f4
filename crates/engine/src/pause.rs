//! Pauses: whole UTC days on which a tenant's enforcement stands still, out of a yearly budget.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::clock::{Freeze, Freezes};
use crate::time::{Date, Timestamp};

/// The longest pause, and how far ahead it may begin.
pub(crate) const MAX_DAYS: u16 = 366;
/// Days of pause a calendar year unless the policy says otherwise.
pub(crate) const DEFAULT_DAYS_PER_YEAR: u16 = 90;
/// Pauses that may touch one calendar year: each may end the moment it begins, so that days alone are no bound.
pub(crate) const MAX_PAUSES_A_YEAR: usize = 400;

/// One pause. It freezes clocks from `from` to `until`.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// By which the tenant's pauses are told apart.
    pub id: u64,
    /// Its creation, or 00:00 of the day on which it was to start.
    pub from: Timestamp,
    /// 00:00 after its last day.
    pub planned_until: Timestamp,
    /// When it was ended early.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
}

/// How far a pause has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PauseState {
    /// It has not begun.
    Scheduled,
    /// Clocks stand still.
    Running,
    /// It is over, or was withdrawn.
    Ended,
}

impl PauseState {
    /// As answers write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Running => "running",
            Self::Ended => "ended",
        }
    }
}

impl Pause {
    /// Its end, early or as planned; no earlier than its beginning.
    pub fn until(&self) -> Timestamp {
        self.ended_at.map_or(self.planned_until, |ended| ended.clamp(self.from, self.planned_until))
    }

    /// The UTC day in which it begins.
    pub fn first_day(&self) -> Date {
        self.from.date()
    }

    /// The last UTC day that was planned.
    pub fn last_day(&self) -> Date {
        self.planned_until.plus(-1).date()
    }

    /// How many UTC days were planned.
    pub fn days(&self) -> u16 {
        u16::try_from(self.last_day().days_since(self.first_day()) + 1).unwrap_or(0)
    }

    /// How far it has come at `now`.
    pub fn state(&self, now: Timestamp) -> PauseState {
        if self.ended_at.is_some() || self.planned_until <= now {
            PauseState::Ended
        } else if self.from <= now {
            PauseState::Running
        } else {
            PauseState::Scheduled
        }
    }

    /// The days it has touched or will touch.
    fn touched(&self) -> impl Iterator<Item = Date> {
        let (first, until) = (self.first_day(), self.until());
        let days = if until > self.from { until.plus(-1).date().days_since(first) + 1 } else { 0 };
        (0..u32::try_from(days).unwrap_or(0)).map(move |day| first.plus_days(day))
    }
}

/// All pauses of one tenant.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Pauses(Vec<Pause>);

impl From<Vec<Pause>> for Pauses {
    fn from(pauses: Vec<Pause>) -> Self {
        Self(pauses)
    }
}

impl Pauses {
    /// All of them, in the order in which they were granted or last changed.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Pause> {
        self.0.iter()
    }

    /// Pauses from now on, or from 00:00 of `starts_on`, for `days` UTC days, the first one included.
    ///
    /// # Errors
    /// Where the days are none or too many, lie in the past, meet another pause or are not left in the budget.
    pub fn create(
        &mut self,
        id: u64,
        days: u16,
        starts_on: Option<Date>,
        budget: u16,
        now: Timestamp,
    ) -> Result<Pause, PauseError> {
        let from = match starts_on {
            Some(day) if day < now.date() => return Err(PauseError::StartsInPast),
            Some(day) if day.days_since(now.date()) > MAX_DAYS.into() => return Err(PauseError::StartsTooLate),
            Some(day) => day.start().max(now),
            None => now,
        };
        let planned_until = end_of(from.date(), days)?;
        self.grant(Pause { id, from, planned_until, ended_at: None }, budget)
    }

    /// Gives a pause that has not ended another number of days in all: today at least.
    ///
    /// # Errors
    /// As [`Self::create`], and where there is no such pause or it has ended.
    pub fn change(&mut self, id: u64, days: u16, budget: u16, now: Timestamp) -> Result<Pause, PauseError> {
        let known = *self.open(id, now)?;
        let planned_until = end_of(known.first_day(), days)?;
        if planned_until <= now {
            return Err(PauseError::EndsInPast);
        }
        self.grant(Pause { planned_until, ..known }, budget)
    }

    /// Ends a pause now; one that has not begun never does. Days that have not begun come back.
    ///
    /// # Errors
    /// Where there is no such pause, or it has ended.
    pub fn end(&mut self, id: u64, now: Timestamp) -> Result<Pause, PauseError> {
        let pause = self.open(id, now)?;
        pause.ended_at = Some(now);
        Ok(*pause)
    }

    /// Distinct days of that calendar year that are paused.
    pub fn used(&self, year: i32) -> u16 {
        let mut days = BTreeSet::new();
        days.extend(self.0.iter().flat_map(Pause::touched).filter(|day| day.year() == year));
        u16::try_from(days.len()).unwrap_or(u16::MAX)
    }

    /// When clocks stand still.
    pub fn freezes(&self) -> Freezes {
        let freeze = |pause: &Pause| Freeze { from: pause.from, until: Some(pause.until()) };
        self.0.iter().map(freeze).collect::<Vec<_>>().into()
    }

    fn open(&mut self, id: u64, now: Timestamp) -> Result<&mut Pause, PauseError> {
        let pause = self.0.iter_mut().find(|pause| pause.id == id).ok_or(PauseError::Unknown)?;
        if pause.state(now) == PauseState::Ended { Err(PauseError::Ended) } else { Ok(pause) }
    }

    /// Takes `pause` in, in the place of the one with its id.
    fn grant(&mut self, pause: Pause, budget: u16) -> Result<Pause, PauseError> {
        // one that was withdrawn has no time in it
        let meets =
            |other: &&Pause| other.id != pause.id && other.from.max(pause.from) < other.until().min(pause.until());
        if let Some(other) = self.0.iter().find(meets) {
            return Err(PauseError::Overlaps(other.id));
        }
        let others = || self.0.iter().filter(|other| other.id != pause.id);
        let granted = Self(others().copied().chain([pause]).collect());
        for year in pause.first_day().year()..=pause.last_day().year() {
            let (before, after) = (self.used(year), granted.used(year));
            if after > budget && after > before {
                return Err(PauseError::OverBudget { year, left: budget.saturating_sub(before) });
            }
            if others().filter(|other| other.first_day().year() == year).count() >= MAX_PAUSES_A_YEAR {
                return Err(PauseError::TooMany(year));
            }
        }
        *self = granted;
        Ok(pause)
    }
}

fn end_of(first: Date, days: u16) -> Result<Timestamp, PauseError> {
    match days {
        1..=MAX_DAYS => Ok(first.plus_days(days.into()).start()),
        _ => Err(PauseError::Days),
    }
}

/// Why a pause is not granted, changed or ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PauseError {
    /// Its days are none, or more than a year.
    Days,
    /// It would start before today.
    StartsInPast,
    /// It would start more than a year ahead.
    StartsTooLate,
    /// Its last day would be over.
    EndsInPast,
    /// So many days are left in that year.
    OverBudget {
        /// The calendar year.
        year: i32,
        /// Days that are left in it.
        left: u16,
    },
    /// That year is touched by too many pauses.
    TooMany(i32),
    /// It overlaps the pause of this id.
    Overlaps(u64),
    /// It has ended.
    Ended,
    /// There is no pause of this id.
    Unknown,
}

impl fmt::Display for PauseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Days => write!(f, "a pause lasts 1 to {MAX_DAYS} days"),
            Self::StartsInPast => f.write_str("a pause cannot start in the past"),
            Self::StartsTooLate => write!(f, "a pause starts within {MAX_DAYS} days"),
            Self::EndsInPast => f.write_str("its last day would lie in the past: end it instead"),
            Self::OverBudget { year, left } => write!(f, "{year} has {left} days of pause left"),
            Self::TooMany(year) => write!(f, "{year} has {MAX_PAUSES_A_YEAR} pauses already"),
            Self::Overlaps(id) => write!(f, "it overlaps pause {id}: change that one"),
            Self::Ended => f.write_str("this pause has ended"),
            Self::Unknown => f.write_str("there is no such pause"),
        }
    }
}

impl std::error::Error for PauseError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn day(text: &str) -> Date {
        text.parse().unwrap()
    }

    #[test]
    fn a_pause_lasts_to_the_end_of_its_last_day() {
        let mut pauses = Pauses::default();
        let now = at("2026-11-22T10:00:00Z");
        let pause = pauses.create(1, 2, None, 90, now).unwrap();
        assert_eq!((pause.from, pause.until()), (now, at("2026-11-24T00:00:00Z")));
        assert_eq!((pause.days(), pause.last_day()), (2, day("2026-11-23")));
        let later = pauses.create(2, 1, Some(day("2026-12-01")), 90, now).unwrap();
        assert_eq!((later.from, later.state(now)), (at("2026-12-01T00:00:00Z"), PauseState::Scheduled));
        assert_eq!(pauses.used(2026), 3);
        assert_eq!(pauses.freezes().overlap(now, at("2027-01-01T00:00:00Z")), 38 * 3_600 + 24 * 3_600);
    }

    #[test]
    fn days_count_in_the_year_in_which_they_fall() {
        let mut pauses = Pauses::default();
        let now = at("2026-12-30T10:00:00Z");
        assert_eq!(pauses.create(1, 5, None, 2, now), Err(PauseError::OverBudget { year: 2027, left: 2 }));
        pauses.create(1, 4, None, 2, now).unwrap();
        assert_eq!((pauses.used(2026), pauses.used(2027)), (2, 2));
    }

    #[test]
    fn days_not_begun_come_back_and_a_day_paused_twice_counts_once() {
        let mut pauses = Pauses::default();
        pauses.create(1, 10, None, 10, at("2026-11-01T10:00:00Z")).unwrap();
        pauses.end(1, at("2026-11-03T12:00:00Z")).unwrap();
        assert_eq!(pauses.used(2026), 3);
        pauses.create(2, 8, None, 10, at("2026-11-03T13:00:00Z")).unwrap();
        assert_eq!(pauses.used(2026), 10);
        pauses.end(2, at("2026-11-04T00:00:00Z")).unwrap();
        assert_eq!(pauses.used(2026), 3, "ended at midnight, the day that begins there is not touched");
        pauses.create(3, 5, Some(day("2026-11-20")), 10, at("2026-11-04T09:00:00Z")).unwrap();
        pauses.end(3, at("2026-11-10T00:00:00Z")).unwrap();
        assert_eq!(pauses.used(2026), 3, "withdrawn before it began");
        assert_eq!(pauses.end(3, at("2026-11-10T00:00:00Z")), Err(PauseError::Ended));
        assert_eq!(pauses.end(4, at("2026-11-10T00:00:00Z")), Err(PauseError::Unknown));
    }

    #[test]
    fn a_lowered_budget_leaves_what_was_granted() {
        let mut pauses = Pauses::default();
        let now = at("2026-11-01T10:00:00Z");
        pauses.create(1, 10, None, 10, now).unwrap();
        assert_eq!(pauses.change(1, 11, 5, now), Err(PauseError::OverBudget { year: 2026, left: 0 }));
        assert_eq!(pauses.change(1, 8, 5, now).map(|pause| pause.days()), Ok(8));
        assert_eq!(pauses.change(1, 2, 5, at("2026-11-04T10:00:00Z")), Err(PauseError::EndsInPast));
    }

    #[test]
    fn pauses_do_not_overlap() {
        let mut pauses = Pauses::default();
        let now = at("2026-11-01T10:00:00Z");
        pauses.create(1, 2, None, 90, now).unwrap();
        assert_eq!(pauses.create(2, 2, Some(day("2026-11-02")), 90, now), Err(PauseError::Overlaps(1)));
        pauses.create(2, 2, Some(day("2026-11-03")), 90, now).unwrap();
        assert_eq!(pauses.change(1, 3, 90, now), Err(PauseError::Overlaps(2)));
        pauses.end(2, now).unwrap();
        assert_eq!(pauses.change(1, 3, 90, now).map(|pause| pause.days()), Ok(3), "the other one was withdrawn");
        assert_eq!(pauses.create(3, 1, Some(day("2026-10-31")), 90, now), Err(PauseError::StartsInPast));
        assert_eq!(pauses.create(3, 0, None, 90, now), Err(PauseError::Days));
        assert_eq!(pauses.create(3, 1, Some(day("2028-01-01")), 90, now), Err(PauseError::StartsTooLate));
    }
}
