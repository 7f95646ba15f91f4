//! What is due in a ledger by a moment: done by the alarm, and before an answer that shows it.

use serde::Serialize;
use tidegate_engine::{DAY, Date, HOUR, Timestamp};

use super::site::Site;
use super::{alerts, exemptions, forget, notifications, pauses, policies, servers, summary};
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::walk::share_of;
use crate::store::Versions;

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
    alerts::do_due(sql, site)?;
    pauses::do_due(sql, site)?;
    exemptions::do_due(sql, site)?;
    servers::settle_due(sql, site)?;
    judge_due(sql, site)?;
    forget::prune_due(sql, site)?;
    summary::publish(sql, site)
}

/// When something is due next.
pub fn next_due(sql: &Sql, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    let Some(tenant) = policies::tenant(sql)? else { return Ok(None) };
    // not all of them at once
    let jitter = share_of(tenant.as_str(), HOUR);
    // that a spell has ended in silence is derived wherever it matters: writing it down can wait
    let silence = servers::next_silence(sql)?.map(|at| at.max(now.plus(DELAY_SECONDS)));
    // what is due already was not done for a fault of ours: not at once again
    let told = sql.number(TOLD_NEXT, Vec::new())?.map(|at| Timestamp(at).max(now.plus(RETRY_SECONDS)));
    let tomorrow = now.start_of_day().plus(DAY + DELAY_SECONDS + jitter);
    let pruning = forget::is_pruning(sql)?.then(|| now.plus(STEP_SECONDS));
    Ok([silence, told, Some(tomorrow), pruning, summary::next_due(sql, now)?].into_iter().flatten().min())
}

/// By what the standings that are stored were judged.
#[derive(Debug, Serialize)]
struct Judged {
    day: Date,
    policy_rev: u64,
    versions: Versions,
    /// The revision of the ceiling, whose freezes move the dates of alerts.
    control_rev: u64,
}

/// Judges all servers anew where that was done by another catalog, policy or day.
fn judge_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let policy = policies::current(sql)?;
    let judged = judged_now(site, policy.rev);
    let known = sql.texts("SELECT json FROM document WHERE name = 'judged'", values![])?.pop();
    // what another release wrote differs, and is written anew
    if known.as_ref() == Some(&to_text(&judged)?) || policies::tenant(sql)?.is_none() {
        return Ok(());
    }
    sql.change(|change| {
        servers::reassess(change, site, &policy)?;
        notifications::prune(change, site.now)?;
        set_judged(change, site, policy.rev)
    })
}

/// Writes down that all servers were judged just now, by the policy of that revision.
pub fn set_judged(change: &Change<'_>, site: &Site<'_>, policy_rev: u64) -> Result<(), SqlError> {
    policies::store(change, "judged", &to_text(&judged_now(site, policy_rev))?)
}

fn judged_now(site: &Site<'_>, policy_rev: u64) -> Judged {
    let control = &site.common.control;
    Judged { day: site.now.date(), policy_rev, versions: site.common.versions.clone(), control_rev: control.rev }
}
