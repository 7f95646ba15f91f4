//! What is due in a ledger by a moment: done by the alarm, and before an answer that shows it.

use tidegate_engine::{DAY, HOUR, Timestamp};

use super::site::Site;
use super::{exemptions, forget, judged, pauses, policies, summary, upkeep};
use crate::durable::sql::{Sql, SqlError};
use crate::durable::walk::share_of;

/// How long what is derived may go without being written down, once it is due, in seconds.
const DELAY_SECONDS: i64 = 60;

/// Between two steps of pruning, in seconds.
const STEP_SECONDS: i64 = 1;
/// How long after a failure what is due is tried again, in seconds.
const RETRY_SECONDS: i64 = 10;

/// When something is to be told or an exemption lapses.
const TOLD_NEXT: &str = "SELECT MIN(at) FROM (
    SELECT MIN(notify_at) AS at FROM server WHERE notify_at IS NOT NULL
    UNION ALL SELECT MIN(notify_at) FROM pause
    UNION ALL SELECT MIN(MIN(expires_at, IFNULL(notify_at, expires_at))) FROM exemption)";

/// Does all that is due by the site's clock.
pub fn do_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    upkeep::tell_due(sql, site)?;
    pauses::do_due(sql, site)?;
    exemptions::do_due(sql, site)?;
    upkeep::settle_due(sql, site)?;
    judged::judge_due(sql, site)?;
    forget::prune_due(sql, site)?;
    summary::publish(sql, site)
}

/// When something is due next.
pub fn next_due(sql: &Sql, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let Some(tenant) = policies::tenant(sql)? else { return Ok(None) };
    // not all of them at once
    let jitter = share_of(tenant.as_str(), HOUR);
    // that a spell has ended in silence is derived wherever it matters: writing it down can wait
    let silence = upkeep::next_silence(sql)?.map(|at| at.max(now.plus(DELAY_SECONDS)));
    // what is due already was not done for a fault of ours: not at once again
    let told = sql.number(TOLD_NEXT, Vec::new())?.map(|at| Timestamp(at).max(now.plus(RETRY_SECONDS)));
    let tomorrow = now.start_of_day().plus(DAY + DELAY_SECONDS + jitter);
    let pruning = forget::is_pruning(sql)?.then(|| now.plus(STEP_SECONDS));
    Ok([silence, told, Some(tomorrow), pruning, summary::next_due(sql, now)?].into_iter().flatten().min())
}
