//! One alarm serves everything that is due: it is set to the earliest, unless it is set to that or earlier already.

use std::cell::Cell;
use std::time::Duration;

use worker::{Response, Storage};

use super::sql::integer;
use crate::hooks;
use crate::platform::real_millis;

/// After that an alarm that failed comes again.
const RETRY_MILLIS: i64 = 10_000;
/// Beyond this an alarm that should have come is taken for lost.
const OVERDUE_MILLIS: i64 = 60_000;

#[derive(Debug, Default)]
pub struct Alarm {
    /// For when this object has set its alarm, in milliseconds; `None` if it does not know.
    set_to: Cell<Option<i64>>,
}

impl Alarm {
    /// The alarm has come: does what is `due`, which sets it anew. If that fails it comes again: the runtime would try a
    /// few times, and then never more.
    pub async fn serve(
        &self,
        storage: &Storage,
        whose: &str,
        due: impl Future<Output = worker::Result<()>>,
    ) -> worker::Result<Response> {
        self.set_to.set(None);
        if let Err(error) = due.await {
            worker::console_error!("{whose} alarm: {error}");
            self.set(storage, Some(0), RETRY_MILLIS).await?;
        }
        Response::empty()
    }

    /// Has the alarm come when the first thing is `due`, in milliseconds of the real clock, but not before
    /// `wait_at_least` milliseconds.
    pub async fn set(&self, storage: &Storage, due: Option<i64>, wait_at_least: i64) -> worker::Result<()> {
        let Some(due) = due else { return Ok(()) };
        let now = integer(real_millis());
        let due = due.max(now + wait_at_least);
        if self.set_to.get().is_some_and(|set| set <= due && set > now - OVERDUE_MILLIS) {
            return Ok(());
        }
        self.set_to.set(Some(due));
        let wait = Duration::from_millis(u64::try_from(due - now).unwrap_or(0));
        storage.set_alarm(hooks::machine(wait)).await
    }
}
