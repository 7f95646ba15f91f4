//! Going through all that an object has published, a step at a time: to lay it anew, or to find what differs in KV.

use serde::{Deserialize, Serialize};
use tidegate_engine::{DAY, Date, Timestamp, fnv1a};

use super::outbox;
use super::sql::{Sql, SqlError};

/// Between two steps, in milliseconds: decisions read the same KV meanwhile.
pub const STEP_MILLIS: i64 = 1_000;
/// Keys that one step of a sweep reads at once; KV allows 100.
pub const SWEEP_KEYS: usize = 100;

/// How far a walk has got: kept in the table `document`, which both kinds of objects have.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Walk<P> {
    /// The day on which it began.
    pub day: Date,
    /// Where it goes on; `None`: it is through.
    pub place: Option<P>,
}

/// The part of `of` seconds that falls to an object of that name: what is due daily is not due at once everywhere.
pub fn share_of(name: &str, of: i64) -> i64 {
    i64::try_from(fnv1a(name.as_bytes()) % of.unsigned_abs().max(1)).unwrap_or(0)
}

/// When the daily sweep of an object of that name begins, at the earliest on the day after `last`.
pub fn next_sweep(name: &str, last: Option<Date>, now: Timestamp) -> Timestamp {
    let today = now.start_of_day().plus(share_of(name, DAY));
    if last.is_some_and(|last| last >= now.date()) { today.plus(DAY) } else { today }
}

/// A key as it should be in KV.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Expected {
    pub key: String,
    pub json: String,
    pub metadata: Option<String>,
}

/// Keys as they should have been in KV when that was read, but for those of which it had yet to be told anyway.
#[derive(Debug)]
pub struct Asked(Vec<Expected>);

impl Asked {
    pub fn new(sql: &Sql, mut expected: Vec<Expected>) -> Result<Self, SqlError> {
        let waits = expected.iter().map(|it| outbox::waits(sql, &it.key)).collect::<Result<Vec<_>, _>>()?;
        let mut waits = waits.into_iter();
        expected.retain(|_| waits.next() == Some(false));
        Ok(Self(expected))
    }

    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|it| it.key.clone()).collect()
    }

    /// Lays anew what KV has not, or otherwise: `found` under [`Self::names`]. What changed since is left to its change;
    /// `expected`: all that is to be there now.
    pub fn lay_differences(self, sql: &Sql, found: Vec<Option<String>>, expected: &[Expected]) -> Result<(), SqlError> {
        let differs =
            |(it, found): &(Expected, Option<String>)| found.as_ref() != Some(&it.json) && expected.contains(it);
        let differing: Vec<(Expected, _)> = self.0.into_iter().zip(found).filter(differs).collect();
        let Some((first, _)) = differing.first() else { return Ok(()) };
        worker::console_warn!("{} keys of KV are laid anew, {} among them", differing.len(), first.key);
        sql.change(|change| {
            differing.iter().try_for_each(|(it, _)| outbox::lay_anew(change, &it.key, &it.json, it.metadata.as_deref()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_comes_once_a_day_at_an_objects_own_time() {
        let (one, other) = (share_of("contoso", DAY), share_of("fabrikam", DAY));
        assert!(one != other && (0..DAY).contains(&one) && (0..DAY).contains(&other));
        let noon = Timestamp(1_790_000_000).start_of_day().plus(DAY / 2);
        let today = noon.start_of_day().plus(one);
        assert_eq!(next_sweep("contoso", None, noon), today);
        assert_eq!(next_sweep("contoso", Some(noon.date()), noon), today.plus(DAY));
        assert_eq!(next_sweep("contoso", Some(noon.plus(-DAY).date()), noon), today);
    }
}
