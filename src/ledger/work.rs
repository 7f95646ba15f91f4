//! What is due in a ledger by a moment: done by the alarm, and before an answer that shows it.

use serde::{Deserialize, Serialize};
use tidegate_engine::time::{DAY, Date, Timestamp};

use super::site::Site;
use super::{forget, policies, servers, summary};
use crate::durable::sql::{Sql, SqlError, to_text, values};
use crate::store::Versions;

/// How long what is derived may go without being written down, once it is due, in seconds.
const DELAY_SECONDS: i64 = 60;

/// Between two steps of pruning, in seconds.
const STEP_SECONDS: i64 = 1;

/// Does all that is due by the site's clock.
pub fn do_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    servers::settle_due(sql, site)?;
    judge_due(sql, site)?;
    forget::prune_due(sql, site)?;
    summary::publish(sql, site)
}

/// When something is due next.
pub fn next_due(sql: &Sql, now: Timestamp) -> Result<Option<Timestamp>, SqlError> {
    if policies::tenant(sql)?.is_none() {
        return Ok(None);
    }
    // that a spell has ended in silence is derived wherever it matters: writing it down can wait
    let silence = servers::next_silence(sql)?.map(|at| at.max(now.plus(DELAY_SECONDS)));
    let tomorrow = now.start_of_day().plus(DAY + DELAY_SECONDS);
    let pruning = forget::is_pruning(sql)?.then(|| now.plus(STEP_SECONDS));
    Ok([silence, Some(tomorrow), pruning, summary::next_due(sql, now)?].into_iter().flatten().min())
}

/// By what the standings that are stored were judged.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
struct Judged {
    day: Date,
    policy_rev: u64,
    versions: Versions,
}

/// Judges all servers anew where that was done by another catalog, policy or day.
fn judge_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let policy = policies::current(sql)?;
    let versions = site.common.versions.clone();
    let judged = Judged { day: site.now.date(), policy_rev: policy.rev, versions };
    let known = sql.row::<Judged>("SELECT json FROM document WHERE name = 'judged'", values![])?;
    if known.as_ref() == Some(&judged) || policies::tenant(sql)?.is_none() {
        return Ok(());
    }
    sql.change(|change| {
        servers::reassess(change, site, &policy)?;
        policies::store(change, "judged", &to_text(&judged)?)
    })
}
