//! How many changes of one key an object takes: a script that runs wild keeps nobody else waiting.
//!
//! Counted in memory. All changes of an object's state pass this one object, so that it misses none; that it forgets with
//! the object costs a minute's count, and writing it down would cost each change another write.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tidegate_wire::problem::Problem;
use worker::Response;

use crate::http;
use crate::platform::real_millis;

/// Changes of one key within [`WINDOW_MILLIS`] of the first.
const MOST: u32 = 120;
const WINDOW_MILLIS: u64 = 60_000;
/// Keys whose count is kept before those are dropped whose time is over.
const MAX_KEPT: usize = 1_000;
/// The actors that are keys of the store. The deployment's own, the secret `ADMIN_KEY`, is what things are mended with.
const KEY: &str = "key:";

/// What keys have changed lately, in one object.
#[derive(Debug, Default)]
pub struct Changes(RefCell<BTreeMap<String, Window>>);

#[derive(Debug)]
struct Window {
    /// The first change, in milliseconds of the deployment's clock.
    since: u64,
    changes: u32,
}

impl Changes {
    /// Counts a call that is about to be answered, if it is a change of which there is a limit. The answer where the key
    /// has made its 120 of this minute: 429, and when to try again.
    pub fn refusal(&self, actor: &str, is_limited: bool) -> worker::Result<Option<Response>> {
        match if is_limited { self.count(actor, real_millis()) } else { Ok(()) } {
            Ok(()) => Ok(None),
            Err(problem) => Ok(Some(http::problem(&problem)?.into())),
        }
    }

    fn count(&self, actor: &str, now: u64) -> Result<(), Problem> {
        if !actor.starts_with(KEY) {
            return Ok(());
        }
        let mut kept = self.0.borrow_mut();
        if kept.len() >= MAX_KEPT {
            kept.retain(|_, window| window.left(now) > 0);
        }
        let window = kept.entry(actor.to_owned()).or_insert(Window { since: now, changes: 0 });
        if window.left(now) == 0 {
            *window = Window { since: now, changes: 0 };
        }
        if window.changes >= MOST {
            let detail = format!("a key makes at most {MOST} changes a minute");
            return Err(Problem::too_many_requests(detail, window.left(now).div_ceil(1_000)));
        }
        window.changes += 1;
        Ok(())
    }
}

impl Window {
    /// Milliseconds until it is over.
    const fn left(&self, now: u64) -> u64 {
        WINDOW_MILLIS.saturating_sub(now.saturating_sub(self.since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_makes_120_changes_a_minute_and_then_waits() {
        let changes = Changes::default();
        for number in 0..120 {
            assert_eq!(changes.count("key:a", 5_000 + number), Ok(()));
        }
        let refused = changes.count("key:a", 35_500).unwrap_err();
        assert_eq!((refused.status, refused.retry_after), (429, Some(30)));
        assert_eq!(changes.count("key:b", 35_500), Ok(()), "another key has its own");
        assert_eq!(changes.count("key:a", 64_999).unwrap_err().retry_after, Some(1));
        assert_eq!(changes.count("key:a", 65_000), Ok(()));
    }

    #[test]
    fn the_deployments_own_key_and_what_happens_by_itself_are_not_counted() {
        let changes = Changes::default();
        for actor in ["admin", "system"] {
            assert!((0..1_000).all(|_| changes.count(actor, 0).is_ok()), "{actor}");
        }
        assert!(changes.0.borrow().is_empty());
    }

    #[test]
    fn a_clock_that_runs_backwards_locks_nobody_out_for_long() {
        let changes = Changes::default();
        (0..120).for_each(|_| changes.count("key:a", 1_000_000).unwrap());
        assert_eq!(changes.count("key:a", 0).unwrap_err().retry_after, Some(60));
    }

    #[test]
    fn keys_of_long_ago_take_no_room() {
        let changes = Changes::default();
        for number in 0..10_000_u64 {
            changes.count(&format!("key:{number}"), number * 1_000).unwrap();
        }
        assert!(changes.0.borrow().len() <= MAX_KEPT);
    }
}
