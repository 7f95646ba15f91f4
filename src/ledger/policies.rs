//! A tenant's policy: stored, numbered, and changed without surprise for servers in a spell.

use tidegate_engine::clock::{Freeze, Freezes};
use tidegate_engine::event::TenantId;
use tidegate_engine::policy::{Facts, Mode, Policy};
use tidegate_engine::spell::{Rules, ServerRecord, held_after_change};
use tidegate_engine::time::Timestamp;

use super::documents::{PolicyChange, ServerDocument};
use super::protocol::{PutPolicy, PutPolicyAnswer};
use super::sql::{Change, Sql, SqlError, to_text, values};
use super::{outbox, servers};
use crate::config::facts;
use crate::store::{PolicyKey, PolicyRecord};

/// Servers that the answer to a change lists.
const MAX_SHOWN: usize = 1_000;
const DOCUMENT: &str = "SELECT json FROM document WHERE name = ?1";

pub fn get(sql: &Sql) -> Result<Option<PolicyRecord>, SqlError> {
    sql.row(DOCUMENT, values!["policy"])
}

/// The policy in force: the tenant's own or the default.
pub fn current(sql: &Sql) -> Result<PolicyRecord, SqlError> {
    get(sql).map(Option::unwrap_or_default)
}

/// Whose ledger this is, once something was stored.
pub fn tenant(sql: &Sql) -> Result<Option<TenantId>, SqlError> {
    sql.row(DOCUMENT, values!["tenant"])
}

pub fn set_tenant(change: &Change<'_>, tenant: &TenantId) -> Result<(), SqlError> {
    store(change, "tenant", &to_text(tenant)?)
}

pub fn put(sql: &Sql, tenant: &TenantId, put: PutPolicy, now: Timestamp) -> Result<PutPolicyAnswer, SqlError> {
    let facts = facts().ok_or_else(SqlError::no_facts)?;
    sql.change(|change| {
        let old = current(change)?;
        if put.if_rev.is_some_and(|rev| rev != old.rev) {
            return Ok(PutPolicyAnswer::Stale);
        }
        let mut record = PolicyRecord {
            rev: old.rev + 1,
            freezes: freezes_after(&old, put.policy.mode, now),
            changed_at: if meets_the_same(&old.policy, &put.policy) { old.changed_at } else { now },
            softened_rev: old.softened_rev,
            policy: put.policy,
        };
        let mut servers = servers::in_spells(change)?;
        let (before, after) = (rules_of(&facts, &old)?, rules_of(&facts, &record)?);
        let held: Vec<_> =
            servers.iter_mut().map(|server| hold(&mut server.record, &old, &before, &after, now)).collect();
        let mut phases = Vec::new();
        if held.contains(&true) {
            record.softened_rev = record.rev;
            for server in &mut servers {
                phases.extend(servers::republish(change, tenant, server, record.rev)?);
            }
        }
        outbox::lay(change, &PolicyKey(tenant), record.rev, &record)?;
        store(change, "policy", &to_text(&record)?)?;
        set_tenant(change, tenant)?;
        let after = rules_of(&facts, &record)?;
        let concerned = servers.into_iter().zip(held).filter(|(_, held)| *held).take(MAX_SHOWN);
        let servers = concerned.map(|(server, _)| ServerDocument::new(server, &after, now)).collect();
        let shown = to_text(&PolicyChange { policy: &record.policy, servers })?;
        Ok(PutPolicyAnswer::Stored { record: Box::new(record), phases, shown })
    })
}

pub fn rules_of<'a>(facts: &'a Facts, record: &'a PolicyRecord) -> Result<Rules<'a>, SqlError> {
    let rules = Rules::new(facts, &record.policy, &record.freezes).ok_or_else(SqlError::no_facts)?;
    Ok(rules.changed_at(record.changed_at))
}

/// Holds the clock of a server's spell back, so that the change makes nothing stricter at once. Whether that was needed.
fn hold(server: &mut ServerRecord, old: &PolicyRecord, before: &Rules<'_>, after: &Rules<'_>, now: Timestamp) -> bool {
    let Some(spell) = server.spell().copied() else { return false };
    let left_enforce = old.freezes.open_since();
    let was_enforced = old.policy.mode == Mode::Enforce || left_enforce.is_some_and(|at| spell.detected_at < at);
    if !was_enforced && after.policy.mode != Mode::Enforce {
        return false;
    }
    // machines of one name may run different products, whose waves differ
    let builds = server.nodes().iter().flat_map(|node| &node.builds).map(|seen| seen.build);
    let held = builds.map(|build| {
        let met = before.clock(&spell, build);
        let met = was_enforced.then_some((&met, &old.policy.ladder));
        held_after_change(met, &after.clock(&spell, build), &after.policy.ladder, now)
    });
    match (held.max(), server.spell_mut()) {
        (Some(held), Some(spell)) if held > spell.held => {
            spell.held = held;
            true
        }
        _ => false,
    }
}

/// Whether a spell meets the same under both policies.
fn meets_the_same(old: &Policy, new: &Policy) -> bool {
    (old.mode, &old.ladder, &old.waves) == (new.mode, &new.ladder, &new.waves)
        && (&old.scope, old.enforce_behind_relays) == (&new.scope, new.enforce_behind_relays)
}

/// Time out of enforce stands still for a tenant that was in it; before the first time the clock runs as if it were.
fn freezes_after(old: &PolicyRecord, mode: Mode, now: Timestamp) -> Freezes {
    let mut freezes: Vec<Freeze> = old.freezes.clone().into();
    match (old.policy.mode, mode) {
        (Mode::Enforce, Mode::Off | Mode::Report) => freezes.push(Freeze { from: now, until: None }),
        (Mode::Off | Mode::Report, Mode::Enforce) => {
            if let Some(open) = freezes.iter_mut().find(|freeze| freeze.until.is_none()) {
                open.until = Some(now.max(open.from));
            }
        }
        _ => {}
    }
    freezes.into()
}

fn store(change: &Change<'_>, name: &str, json: &str) -> Result<(), SqlError> {
    change.run(
        "INSERT INTO document (name, json) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET json = excluded.json",
        values![name, json],
    )
}
