//! What leaves a ledger: servers of which nothing was heard for long or that are deleted, rows whose time is over, and
//! the whole of a tenant.

use serde::{Deserialize, Serialize};
use tidegate_engine::ServerId;
use tidegate_engine::{DAY, Date, Timestamp};
use tidegate_wire::problem::Problem;

use super::counts::{DAYS_KEPT_SECONDS, HOURS_KEPT_SECONDS};
use super::documents::ServerDocument;
use super::site::Site;
use super::{keys, peers, policies, servers};
use crate::durable::sql::{Change, Sql, SqlError, values};
use crate::durable::{audit, documents, outbox};
use crate::store::{PeerKey, PhaseKey, PolicyKey, TenantKey};

/// Servers that are current leave so long after they were last seen.
const CURRENT_KEPT_SECONDS: i64 = 90 * DAY;
const SERVERS_KEPT_SECONDS: i64 = 400 * DAY;
const CHANGES_KEPT_SECONDS: i64 = 400 * DAY;
/// Servers that one step looks at, and rows of the whole tenant that it removes.
const STEP: i64 = 500;
/// What is stored by server.
const TABLES: [&str; 6] = ["transition", "evidence", "exemption", "hourly", "daily", "monthly"];

/// How far pruning has got, once a day from server to server.
#[derive(Debug, Deserialize, Serialize)]
struct Pruned {
    day: Date,
    /// The last server that was looked at; `None`: all were.
    after: Option<String>,
}

/// The servers of one step.
#[derive(Default, Deserialize)]
struct LookedAt {
    last: Option<String>,
    count: i64,
}

#[derive(Deserialize)]
struct Gone {
    id: ServerId,
}

/// Makes one step of what is to be pruned on this day.
pub fn prune_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let today = site.now.date();
    let after = match pruned(sql)? {
        Some(Pruned { day, after: None }) if day == today => return Ok(()),
        Some(Pruned { day, after: Some(after) }) if day == today => after,
        _ => String::new(),
    };
    if policies::tenant(sql)?.is_none() {
        return Ok(());
    }
    sql.change(|change| {
        let page = "FROM (SELECT id FROM server WHERE id > ?1 ORDER BY id LIMIT ?2)";
        let looked_at = format!("SELECT MAX(id) AS last, COUNT(*) AS count {page}");
        let LookedAt { last, count } = change.record(&looked_at, values![after.as_str(), STEP])?.unwrap_or_default();
        for (table, kept) in
            [("hourly", HOURS_KEPT_SECONDS), ("daily", DAYS_KEPT_SECONDS), ("monthly", DAYS_KEPT_SECONDS)]
        {
            let old = format!("DELETE FROM {table} WHERE at < ?3 AND server IN (SELECT id {page})");
            change.run(&old, values![after.as_str(), STEP, site.now.plus(-kept).0])?;
        }
        let gone = "SELECT id FROM server WHERE id > ?1 AND id <= ?2
            AND last_seen < CASE state WHEN 'current' THEN ?3 ELSE ?4 END";
        let since = |kept: i64| site.now.plus(-kept).0;
        let oldest = values![after.as_str(), last.clone(), since(CURRENT_KEPT_SECONDS), since(SERVERS_KEPT_SECONDS)];
        for Gone { id } in change.records(gone, oldest)? {
            remove(change, site, &id)?;
        }
        let more = count == STEP || prune_tenant(change, site.now)?;
        let after = last.or(Some(after)).filter(|_| more);
        documents::save(change, "pruned", &Pruned { day: today, after })
    })
}

/// Whether there is more to be pruned on the day that pruning has begun.
pub fn is_pruning(sql: &Sql) -> Result<bool, SqlError> {
    Ok(pruned(sql)?.is_some_and(|pruned| pruned.after.is_some()))
}

fn pruned(sql: &Sql) -> Result<Option<Pruned>, SqlError> {
    documents::read(sql, "pruned")
}

/// Removes what is too old of the tenant as a whole; whether some of it is left.
fn prune_tenant(change: &Change<'_>, now: Timestamp) -> Result<bool, SqlError> {
    let since = |kept: i64| now.plus(-kept).0;
    change.run("DELETE FROM tenant_hour WHERE at < ?1", values![since(HOURS_KEPT_SECONDS)])?;
    change.run("DELETE FROM tenant_day WHERE at < ?1", values![since(DAYS_KEPT_SECONDS)])?;
    audit::prune(change, now)?;
    let mut more = false;
    for table in ["transition", "notification"] {
        let old = format!("DELETE FROM {table} WHERE number IN (SELECT number FROM {table} WHERE at < ?1 LIMIT ?2)");
        change.run(&old, values![since(CHANGES_KEPT_SECONDS), STEP])?;
        let left = format!("SELECT 1 FROM {table} WHERE at < ?1 LIMIT 1");
        more |= change.number(&left, values![since(CHANGES_KEPT_SECONDS)])?.is_some();
    }
    Ok(more)
}

/// Forgets one server, for an operator.
pub fn delete_server(sql: &Sql, site: &Site<'_>, id: &ServerId) -> Result<(), SqlError> {
    sql.change(|change| {
        let policy = policies::current(change)?;
        let missing = || Problem::not_found("there is no such server");
        let before = match servers::get(change, id) {
            Ok(server) => {
                let server = server.ok_or_else(missing)?;
                audit::json(&ServerDocument::new(server, &site.judge(&policy), site.now)?)?
            }
            // what cannot be read can be forgotten all the same
            Err(SqlError::Malformed(_)) => None,
            Err(error) => return Err(error),
        };
        remove(change, site, id)?;
        audit::write(change, site.act(), "server.delete", id.as_str(), (before, None))
    })
}

/// Removes a server and all that is stored of it alone. Its tenant's counts stay.
fn remove(change: &Change<'_>, site: &Site<'_>, id: &ServerId) -> Result<(), SqlError> {
    let published = "SELECT 1 FROM server WHERE id = ?1 AND phase IS NOT NULL";
    if change.number(published, values![id.as_str()])?.is_some() {
        outbox::remove(change, &PhaseKey(site.tenant, id))?;
    }
    change.run("DELETE FROM server WHERE id = ?1", values![id.as_str()])?;
    peers::forget(change, id.as_str())?;
    TABLES
        .iter()
        .try_for_each(|table| change.run(&format!("DELETE FROM {table} WHERE server = ?1"), values![id.as_str()]))
}

/// Forgets everything, and has KV forget it: the ledger begins anew with whatever comes next. What remains are the
/// outbox, until KV has been told, the numbers of batches, so that none that comes twice begins the tenant anew, and that
/// its keys were revoked.
pub fn delete_tenant(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    sql.change(|change| {
        outbox::remove_all(change)?;
        keys::revoke_all(change, site.act(), site.tenant)?;
        outbox::remove(change, &PolicyKey(site.tenant))?;
        outbox::remove(change, &TenantKey(site.tenant))?;
        let phases = PhaseKey::all_of(site.tenant);
        outbox::remove_listed(change, "SELECT ?1 || id FROM server WHERE phase IS NOT NULL", values![phases])?;
        let peers = PeerKey::all_of(site.tenant);
        outbox::remove_listed(change, "SELECT ?1 || address FROM published_peer", values![peers])?;
        let tables =
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'
            AND name NOT LIKE '!_cf!_%' ESCAPE '!' AND name NOT IN ('outbox', 'isolate', 'schema', 'tombstone', 'key_event')";
        let tables = change.texts(tables, Vec::new())?;
        tables.iter().try_for_each(|table| change.run(&format!("DELETE FROM \"{table}\""), Vec::new()))
    })
}
