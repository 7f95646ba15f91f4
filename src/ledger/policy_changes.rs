//! A tenant's policy is changed without surprise for servers in a spell.

use tidegate_engine::{MailRoute, Policy, RulesChange, Timestamp, apply_rules_change};
use tidegate_wire::problem::Problem;

use super::documents::{PolicyChange, ServerDocument};
use super::protocol::{Author, Changed, Proposal, PutPolicy};
use super::servers::{self, Server};
use super::site::{Judge, Site};
use super::{judged, policies, upkeep};
use crate::access;
use crate::durable::audit;
use crate::durable::sql::{Sql, SqlError, to_text};
use crate::store::{PolicyRecord, Rank};

/// Servers that the answer to a change lists.
pub const MAX_SHOWN: usize = 1_000;

/// A change of policy that is wanted: the record as it is, and as it would be.
pub struct Draft {
    pub old: PolicyRecord,
    pub new: PolicyRecord,
}

impl Draft {
    pub fn new(sql: &Sql, site: &Site<'_>, proposal: Proposal) -> Result<Self, SqlError> {
        let Proposal { mut policy, author } = proposal;
        let old = policies::current(sql)?;
        leave_to_admins(author, &old.enforcement.policy, &mut policy)?;
        // the time out of enforce begins where enforce was put, understood by this release or not
        let mut enforcement = policies::as_put(sql)?.enforcement.with_policy(policy, site.now);
        enforcement.out_of_enforce = enforcement.out_of_enforce.bounded(site.now);
        let new = PolicyRecord { rev: old.rev + 1, softened_rev: old.softened_rev, enforcement };
        Ok(Self { old, new })
    }

    /// By what servers are judged before and after the change.
    pub fn judges<'a>(&'a self, site: &Site<'a>) -> (Judge<'a>, Judge<'a>) {
        (site.judge(&self.old), site.judge(&self.new))
    }
}

pub fn put(sql: &Sql, site: &Site<'_>, put: PutPolicy) -> Result<Changed, SqlError> {
    let PutPolicy { proposal, if_rev, or_revs, needs } = put;
    sql.change(move |change| {
        let draft = Draft::new(change, site, proposal)?;
        access::delegated(needs, &draft.old.enforcement.policy)?;
        if if_rev.is_some_and(|rev| rev != draft.old.rev && !or_revs.contains(&draft.old.rev)) {
            return Err(Problem::precondition_failed().into());
        }
        let mut servers = servers::in_spells(change)?;
        let judges = draft.judges(site);
        let held =
            servers.iter_mut().map(|server| hold_one(server, &judges, site.now)).collect::<Result<Vec<_>, _>>()?;
        let Draft { old, new: mut record } = draft;
        let kept = policies::kept(change)?;
        let mut phases = Vec::new();
        if held.contains(&true) {
            record.softened_rev = record.rev;
            let judge = site.judge(&record);
            for server in &mut servers {
                phases.extend(upkeep::republish(change, site, &judge, server, Rank::Phase)?);
            }
        }
        policies::save(change, site, &kept.with(record.clone()))?;
        upkeep::reassess(change, site, &record)?;
        judged::set(change, site, record.rev)?;
        let before = (old.rev > 0).then(|| to_text(&old.enforcement.policy)).transpose()?;
        let after = audit::json(&record.enforcement.policy)?;
        audit::write(change, site.act(), "policy.put", "policy", (before, after))?;
        let judge = site.judge(&record);
        let count = held.iter().filter(|held| **held).count();
        let concerned = servers.into_iter().zip(held).filter(|(_, held)| *held).take(MAX_SHOWN);
        let servers = concerned.map(|(server, _)| ServerDocument::new(server, &judge, site.now));
        let servers = servers.collect::<Result<_, _>>()?;
        let shown = to_text(&PolicyChange { policy: &record.enforcement.policy, held: count, servers })?;
        Ok(Changed { policy: Some(Box::new(record)), phases, shown: Some(shown) })
    })
}

/// Holds the clock of a server in a spell back, so that the change makes nothing stricter at once. Whether that was
/// needed.
pub fn hold_one(
    server: &mut Server,
    (before, after): &(Judge<'_>, Judge<'_>),
    now: Timestamp,
) -> Result<bool, SqlError> {
    let (was, will_be) = (before.frozen_with(&server.exemptions), after.frozen_with(&server.exemptions));
    let way = MailRoute { connector: server.connector, relayed: server.relayed };
    let change = RulesChange { before: before.rules(&was)?, after: after.rules(&will_be)?, way, now };
    Ok(apply_rules_change(&mut server.record, &change))
}

/// Keeps what only an admin may change.
fn leave_to_admins(author: Author, old: &Policy, new: &mut Policy) -> Result<(), Problem> {
    let Author::Other { names_delegated, names_pause_days } = author else { return Ok(()) };
    let refused = |field| Err(Problem::forbidden().in_field(field));
    if !names_delegated {
        new.delegated.clone_from(&old.delegated);
    } else if old.delegated != new.delegated {
        return refused("delegated");
    }
    if !names_pause_days {
        new.pause_days_per_year = old.pause_days_per_year;
    } else if old.pause_days_per_year != new.pause_days_per_year {
        return refused("pause_days_per_year");
    }
    Ok(())
}
