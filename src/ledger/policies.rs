//! A tenant's policy: stored, numbered, and changed without surprise for servers in a spell.

use tidegate_engine::TenantId;
use tidegate_engine::Timestamp;
use tidegate_engine::apply_rules_change;
use tidegate_engine::{MailRoute, Policy};
use tidegate_stored::{Document, Unreadable};
use tidegate_wire::problem::Problem;

use super::documents::{PolicyChange, ServerDocument};
use super::protocol::{Author, Changed, Proposal, PutPolicy};
use super::servers::{self, Server};
use super::site::{Judge, Site};
use super::work;
use crate::access;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::{audit, outbox};
use crate::store::{PolicyKey, PolicyRecord, Rank, Usable};

/// Servers that the answer to a change lists.
pub const MAX_SHOWN: usize = 1_000;
const DOCUMENT: &str = "SELECT json FROM document WHERE name = ?1";

/// The tenant's own policy as it is stored, whichever release wrote it. An error of [`Unreadable`]: it can only be
/// overwritten.
type Stored = Result<Document<PolicyRecord>, Unreadable>;

fn stored(sql: &Sql) -> Result<Option<Stored>, SqlError> {
    Ok(sql.texts(DOCUMENT, values!["policy"])?.pop().map(|json| Document::read(&json)))
}

/// Whether the tenant has a policy of its own.
pub fn is_set(sql: &Sql) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM document WHERE name = 'policy'", values![])?.is_some())
}

/// The policy in force: the tenant's own or the default. One that this release does not understand only reports.
pub fn current(sql: &Sql) -> Result<PolicyRecord, SqlError> {
    Ok(stored(sql)?.and_then(Usable::of).map(Usable::into_record).unwrap_or_default())
}

/// The policy as it was put, which may ask for more than is in force.
pub fn shown(sql: &Sql) -> Result<PolicyRecord, SqlError> {
    match stored(sql)? {
        Some(Ok(policy)) => Ok(policy.into_value()),
        _ => current(sql),
    }
}

/// The tenant's own policy as it was put, or the default, to be changed in part.
///
/// # Errors
/// A conflict where it cannot be read: then it can only be put anew.
pub fn editable(sql: &Sql) -> Result<Document<PolicyRecord>, SqlError> {
    let unreadable = |_| Problem::conflict("the stored policy is of a later release and cannot be read: put one first");
    Ok(stored(sql)?.transpose().map_err(unreadable)?.unwrap_or_default())
}

/// Whose ledger this is, once something was stored.
pub fn tenant(sql: &Sql) -> Result<Option<TenantId>, SqlError> {
    sql.row(DOCUMENT, values!["tenant"])
}

pub fn set_tenant(change: &Change<'_>, tenant: &TenantId) -> Result<(), SqlError> {
    store(change, "tenant", &to_text(tenant)?)
}

/// A change of policy that is wanted: the record as it is, and as it would be.
pub struct Draft {
    pub old: PolicyRecord,
    pub new: PolicyRecord,
}

impl Draft {
    pub fn new(sql: &Sql, site: &Site<'_>, proposal: Proposal) -> Result<Self, SqlError> {
        let Proposal { mut policy, author } = proposal;
        let old = current(sql)?;
        leave_to_admins(author, &old.enforcement.policy, &mut policy)?;
        // the time out of enforce begins where enforce was put, understood by this release or not
        let mut enforcement = shown(sql)?.enforcement.with_policy(policy, site.now);
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
    let PutPolicy { proposal, if_rev, needs } = put;
    sql.change(move |change| {
        let draft = Draft::new(change, site, proposal)?;
        access::delegated(needs, &draft.old.enforcement.policy)?;
        if if_rev.is_some_and(|rev| rev != draft.old.rev) {
            return Err(Problem::precondition_failed().into());
        }
        let mut servers = servers::in_spells(change)?;
        let judges = draft.judges(site);
        let held =
            servers.iter_mut().map(|server| hold_one(server, &judges, site.now)).collect::<Result<Vec<_>, _>>()?;
        let Draft { old, new: mut record } = draft;
        let kept = stored(change)?.and_then(Result::ok).unwrap_or_default();
        let mut phases = Vec::new();
        if held.contains(&true) {
            record.softened_rev = record.rev;
            let judge = site.judge(&record);
            for server in &mut servers {
                phases.extend(servers::republish(change, site, &judge, server, Rank::Phase)?);
            }
        }
        save(change, site, &kept.with(record.clone()))?;
        servers::reassess(change, site, &record)?;
        work::set_judged(change, site, record.rev)?;
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

/// Stores the policy record and lays it ready for KV.
pub fn save(change: &Change<'_>, site: &Site<'_>, record: &Document<PolicyRecord>) -> Result<(), SqlError> {
    let json = to_text(record)?;
    store(change, "policy", &json)?;
    outbox::lay_json(change, Rank::Policy, &PolicyKey(site.tenant), json)?;
    set_tenant(change, site.tenant)
}

pub fn store(change: &Change<'_>, name: &str, json: &str) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO document (name, json) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
        values![name, json],
    )
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
    let change = tidegate_engine::RulesChange { before: before.rules(&was)?, after: after.rules(&will_be)?, way, now };
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
