//! Pauses as sets of days.

use std::collections::BTreeSet;

use tidegate_engine::{DAY, Timestamp};

/// UTC days since 1970.
pub(crate) type Day = i64;

#[derive(Clone, Debug)]
pub(crate) struct Pause {
    pub(crate) id: u64,
    /// The days that were asked for.
    days: BTreeSet<Day>,
    from: Timestamp,
    ended: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Refusal {
    Days,
    StartsInPast,
    StartsTooLate,
    EndsInPast,
    OverBudget { year: i32, left: u16 },
    Overlaps(u64),
    Ended,
    Unknown,
}

impl Pause {
    fn new(id: u64, from: Timestamp, days: u16) -> Self {
        let first = day_of(from);
        Self { id, days: (first..first + Day::from(days)).collect(), from, ended: None }
    }

    pub(crate) fn until(&self) -> Timestamp {
        let midnight = Timestamp((self.days.last().unwrap() + 1) * DAY);
        self.ended.map_or(midnight, |ended| ended.max(self.from).min(midnight))
    }

    pub(crate) fn from(&self) -> Timestamp {
        self.from
    }

    pub(crate) fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until()
    }

    pub(crate) fn is_over(&self, now: Timestamp) -> bool {
        self.ended.is_some() || self.until() <= now
    }

    /// The days of which it takes or took a part.
    fn touched(&self) -> BTreeSet<Day> {
        let part = |day: &Day| (day * DAY).max(self.from.0) < ((day + 1) * DAY).min(self.until().0);
        self.days.iter().copied().filter(part).collect()
    }
}

fn day_of(at: Timestamp) -> Day {
    at.0.div_euclid(DAY)
}

fn year_of(day: Day) -> i32 {
    Timestamp(day * DAY).date().year()
}

/// Distinct days of a year.
pub(crate) fn used(pauses: &[Pause], year: i32) -> u16 {
    let days: BTreeSet<Day> = pauses.iter().flat_map(Pause::touched).collect();
    days.into_iter().filter(|day| year_of(*day) == year).count() as u16
}

/// Why such a pause cannot be: all reasons that there are.
fn refusals(pauses: &[Pause], wanted: &Pause, budget: u16) -> Vec<Refusal> {
    let others: Vec<Pause> = pauses.iter().filter(|other| other.id != wanted.id).cloned().collect();
    let meets = |other: &&Pause| other.from.max(wanted.from) < other.until().min(wanted.until());
    let mut reasons: Vec<_> = others.iter().filter(meets).map(|other| Refusal::Overlaps(other.id)).collect();
    let with: Vec<Pause> = others.iter().chain([wanted]).cloned().collect();
    let years: BTreeSet<i32> = wanted.days.iter().map(|day| year_of(*day)).collect();
    for year in years {
        let (before, after) = (used(pauses, year), used(&with, year));
        if after > budget && after > before {
            reasons.push(Refusal::OverBudget { year, left: budget.saturating_sub(before) });
        }
    }
    reasons
}

pub(crate) fn create(
    pauses: &mut Vec<Pause>,
    id: u64,
    days: u16,
    starts_on: Option<Day>,
    budget: u16,
    now: Timestamp,
) -> Result<Timestamp, Vec<Refusal>> {
    let today = day_of(now);
    match starts_on {
        Some(day) if day < today => return Err(vec![Refusal::StartsInPast]),
        Some(day) if day > today + 366 => return Err(vec![Refusal::StartsTooLate]),
        _ if !(1..=366).contains(&days) => return Err(vec![Refusal::Days]),
        _ => {}
    }
    // never in the past
    let from = starts_on.map_or(now, |day| Timestamp(day * DAY).max(now));
    let wanted = Pause::new(id, from, days);
    let reasons = refusals(pauses, &wanted, budget);
    if !reasons.is_empty() {
        return Err(reasons);
    }
    pauses.push(wanted.clone());
    Ok(wanted.until())
}

/// Gives a pause another number of days.
pub(crate) fn change(
    pauses: &mut [Pause],
    id: u64,
    days: u16,
    budget: u16,
    now: Timestamp,
) -> Result<Timestamp, Vec<Refusal>> {
    let known = pauses.iter().find(|pause| pause.id == id).ok_or(vec![Refusal::Unknown])?;
    if known.is_over(now) {
        return Err(vec![Refusal::Ended]);
    }
    if !(1..=366).contains(&days) {
        return Err(vec![Refusal::Days]);
    }
    let wanted = Pause::new(id, known.from, days);
    if wanted.until() <= now {
        return Err(vec![Refusal::EndsInPast]);
    }
    let reasons = refusals(pauses, &wanted, budget);
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let until = wanted.until();
    *pauses.iter_mut().find(|pause| pause.id == id).unwrap() = wanted;
    Ok(until)
}

pub(crate) fn end(pauses: &mut [Pause], id: u64, now: Timestamp) -> Result<Timestamp, Vec<Refusal>> {
    let pause = pauses.iter_mut().find(|pause| pause.id == id).ok_or(vec![Refusal::Unknown])?;
    if pause.is_over(now) {
        return Err(vec![Refusal::Ended]);
    }
    pause.ended = Some(now);
    Ok(pause.until())
}
