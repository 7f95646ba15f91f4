//! A tenant's policy: stored, numbered, and changed without surprise for servers in a spell.

use tidegate_engine::clock::{Freeze, Freezes};
use tidegate_engine::event::TenantId;
use tidegate_engine::policy::Mode;
use tidegate_engine::spell::{Rules, held_after_change};
use tidegate_engine::time::Timestamp;

use super::documents::{PolicyChange, ServerDocument};
use super::protocol::{PutPolicy, PutPolicyAnswer};
use super::sql::{Change, Sql, SqlError, to_text, values};
use super::{outbox, servers};
use crate::config::facts;
use crate::store::{PolicyKey, PolicyRecord};

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
        let freezes = freezes_after(&old, put.policy.mode, now);
        let record = PolicyRecord { rev: old.rev + 1, policy: put.policy, freezes };
        let before = Rules::new(&facts, &old.policy, &old.freezes).ok_or_else(SqlError::no_facts)?;
        let after = Rules::new(&facts, &record.policy, &record.freezes).ok_or_else(SqlError::no_facts)?;
        let left_enforce = old.freezes.open_since();
        let (phases, servers) = servers::change_spells(change, tenant, |server| {
            let Some((build, _)) = server.standing(&after, now) else {
                return;
            };
            let Some(spell) = server.spell_mut() else { return };
            let (old_clock, new_clock) = (before.clock(spell, build), after.clock(spell, build));
            let was_enforced =
                old.policy.mode == Mode::Enforce || left_enforce.is_some_and(|at| spell.detected_at < at);
            if record.policy.mode == Mode::Enforce {
                let met = was_enforced.then_some((&old_clock, &old.policy.ladder));
                spell.held = held_after_change(met, &new_clock, &record.policy.ladder, now);
            }
        })?;
        outbox::lay(change, &PolicyKey(tenant), record.rev, &record)?;
        store(change, "policy", &to_text(&record)?)?;
        set_tenant(change, tenant)?;
        let servers = servers.into_iter().map(|server| ServerDocument::new(server, &after, now)).collect();
        let shown = to_text(&PolicyChange { policy: &record.policy, servers })?;
        Ok(PutPolicyAnswer::Stored { record: Box::new(record), phases, shown })
    })
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
