//! By which catalog, policy and day the standings that are stored were judged: where those are others, all servers are
//! judged anew.

use serde::Serialize;
use tidegate_engine::Date;

use super::site::Site;
use super::{notifications, policies, upkeep};
use crate::durable::documents;
use crate::durable::sql::{Change, Sql, SqlError, to_text};
use crate::store::Versions;

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
pub fn judge_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let policy = policies::current(sql)?;
    let judged = by_now(site, policy.rev);
    let known = documents::text(sql, "judged")?;
    // what another release wrote differs, and is written anew
    if known.as_ref() == Some(&to_text(&judged)?) || policies::tenant(sql)?.is_none() {
        return Ok(());
    }
    sql.change(|change| {
        upkeep::reassess(change, site, &policy)?;
        notifications::prune(change, site.now)?;
        set(change, site, policy.rev)
    })
}

/// Writes down that all servers were judged just now, by the policy of that revision.
pub fn set(change: &Change<'_>, site: &Site<'_>, policy_rev: u64) -> Result<(), SqlError> {
    documents::save(change, "judged", &by_now(site, policy_rev))
}

fn by_now(site: &Site<'_>, policy_rev: u64) -> Judged {
    let control = &site.common.control;
    Judged { day: site.now.date(), policy_rev, versions: site.common.versions.clone(), control_rev: control.rev }
}
