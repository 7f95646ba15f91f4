//! A table of API keys, as each ledger has it of its tenant's and the operator's object of those that are bound to no
//! tenant. Stored is the hash of a key, never its secret.

mod id;
mod key;

use tidegate_engine::{DAY, TenantId, Timestamp};
use tidegate_wire::problem::Problem;

use super::audit::Act;
use super::lists::{Page, Range};
use super::outbox;
use super::sql::{Change, Sql, SqlError, to_text, values};
use super::walk::Expected;
use crate::access::Role;
use crate::store::{Family, KeyKey};
pub use id::{new_id, tenant_of};
pub use key::{Key, KeyUse, NewKey, RevokeKey, made_at};

/// Keys of one tenant, or of none, that live at once: of those that operators make, and of all others. So nobody's
/// operators leave no room for the keys that are an admin's.
const MAX_KEYS: i64 = 100;
/// The same with those that have expired, of which the first ones go then.
const MAX_KEPT: i64 = 150;
/// Keys of the same tenant, role and name that live at once: the old one and its successor.
const MAX_NAMESAKES: i64 = 2;
/// How long it is known that a key was revoked.
const TOMBSTONE_SECONDS: i64 = 7 * DAY;
/// As 67205e3 made it.
pub const TABLE: &[&str] = &[
    // keys that work; `hash` is of the whole key, the secret is stored nowhere
    "CREATE TABLE IF NOT EXISTS key (
        number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL,
        tenant TEXT, name TEXT NOT NULL, gateway TEXT, created_at INTEGER NOT NULL, created_by TEXT NOT NULL)",
    "CREATE INDEX IF NOT EXISTS key_tenant ON key (tenant)",
];

pub const TOMBSTONES: &[&str] = &[
    // hashes of keys that were revoked lately
    "CREATE TABLE IF NOT EXISTS tombstone (hash TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS tombstone_at ON tombstone (at)",
];

/// What was added to the table: when a key expires, the networks from which it may be used (JSON), and the last day on
/// which it was.
const COLUMNS: [(&str, &str); 3] = [("expires_at", "INTEGER"), ("networks", "TEXT"), ("last_used_on", "TEXT")];

/// The columns that [`Key`] reads.
const ROW: &str = "number, id, hash, role, tenant, name, gateway, expires_at, networks, created_at, created_by,
    last_used_on";

/// Gives the table what it lacks.
pub fn add_columns(change: &Change<'_>) -> Result<(), SqlError> {
    let known = change.texts("SELECT name FROM pragma_table_info('key')", Vec::new())?;
    COLUMNS
        .iter()
        .filter(|(name, _)| !known.iter().any(|known| known == name))
        .try_for_each(|(name, kind)| change.run(&format!("ALTER TABLE key ADD COLUMN {name} {kind}"), Vec::new()))
}

/// Makes a key, and lays it ready for KV.
///
/// # Errors
/// A conflict where as many live already as may.
pub fn make(change: &Change<'_>, act: Act<'_>, new: NewKey) -> Result<Key, SqlError> {
    let (tenant, role) = (new.tenant.as_ref().map(TenantId::as_str), new.role.as_str());
    let living = format!("SELECT COUNT(*) FROM key WHERE {OF_KIND} AND (expires_at IS NULL OR expires_at > ?3)");
    let kind = new.role.is_handed_out_by_operators();
    if change.number(&living, values![tenant, i64::from(kind), act.at.0])?.unwrap_or(0) >= MAX_KEYS {
        let whose = if kind { "of viewers and operators" } else { "of gateways, admins and for metrics" };
        let why = format!("{MAX_KEYS} keys {whose} live already: revoke one first");
        return Err(Problem::conflict(why).in_field("role").into());
    }
    let namesakes = "SELECT COUNT(*) FROM key
        WHERE tenant IS ?1 AND role = ?2 AND name = ?3 AND (expires_at IS NULL OR expires_at > ?4)";
    let namesakes = change.number(namesakes, values![tenant, role, new.name.as_str(), act.at.0])?;
    if namesakes.unwrap_or(0) >= MAX_NAMESAKES {
        let why = "two keys of this tenant, role and name live already: revoke one first";
        return Err(Problem::conflict(why).in_field("name").into());
    }
    let key = Key::new(new, act);
    insert(change, &key)?;
    outbox::lay_key(change, &KeyKey(key.hash.clone()), &key.record(), key.metadata()?)?;
    Ok(key)
}

/// The condition that a key is of the tenant `?1`, and of the kind that operators make or not (`?2`): as
/// [`Role::is_handed_out_by_operators`].
const OF_KIND: &str = "tenant IS ?1 AND (role IN ('viewer', 'operator')) = ?2";

/// The keys that are to go before another one of that tenant and role is made: those that expired first, where there are
/// many.
pub fn surplus(sql: &Sql, tenant: Option<&TenantId>, role: Role, now: Timestamp) -> Result<Vec<Key>, SqlError> {
    let expired = format!(
        "SELECT {ROW} FROM key WHERE {OF_KIND} AND expires_at <= ?3 ORDER BY expires_at
         LIMIT MAX(0, (SELECT COUNT(*) FROM key WHERE {OF_KIND}) + 1 - ?4)"
    );
    let kind = i64::from(role.is_handed_out_by_operators());
    sql.records(&expired, values![tenant.map(TenantId::as_str), kind, now.0, MAX_KEPT])
}

/// Writes down a key that KV has.
pub fn insert(change: &Change<'_>, key: &Key) -> Result<(), SqlError> {
    let Key { id, hash, name, created_by, created_at, .. } = key;
    let (tenant, role) = (key.tenant.as_ref().map(TenantId::as_str), key.role.as_str());
    let gateway = key.gateway.as_ref().map(to_text).transpose()?;
    let networks = key.networks.as_ref().map(to_text).transpose()?;
    let expires_at = key.expires_at.map(|at| at.0);
    let last_used_on = key.last_used_on.map(|day| day.to_string());
    change.run(
        "INSERT INTO key (id, hash, role, tenant, name, gateway, created_at, created_by, expires_at, networks,
             last_used_on)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
        values![
            id.as_str(),
            hash.as_str(),
            role,
            tenant,
            name.as_str(),
            gateway,
            created_at.0,
            created_by.as_str(),
            expires_at,
            networks,
            last_used_on
        ],
    )
}

/// One page of keys as the API shows them, newest first.
pub fn page(sql: &Sql, tenant: Option<&TenantId>, range: &Range) -> Result<String, SqlError> {
    let below = range.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX >> 11);
    let tenant = tenant.map(TenantId::as_str);
    let rows = format!(
        "SELECT {ROW} FROM key WHERE number < ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY number DESC LIMIT ?3"
    );
    let rows = sql.records::<Key>(&rows, values![below, tenant, i64::from(range.limit) + 1])?;
    let Page { items, next } = Page::of(rows, range, |key| key.number.to_string());
    to_text(&Page { items: items.iter().map(Key::shown).collect(), next })
}

/// The key that `revoke` names, where the caller may revoke it. One of another tenant than the caller's is none to the
/// caller.
pub fn revocable(change: &Change<'_>, revoke: &RevokeKey) -> Result<Key, SqlError> {
    let missing = || Problem::not_found("there is no such key");
    let key = change.record::<Key>(&format!("SELECT {ROW} FROM key WHERE id = ?1"), values![revoke.id.as_str()])?;
    let key = key.ok_or_else(missing)?;
    if revoke.bound_to.is_some() && revoke.bound_to != key.tenant {
        return Err(missing().into());
    }
    if !revoke.as_admin && !key.role.is_handed_out_by_operators() {
        return Err(Problem::forbidden().into());
    }
    Ok(key)
}

/// All keys of a tenant, oldest first.
pub fn all_of(sql: &Sql, tenant: &TenantId) -> Result<Vec<Key>, SqlError> {
    sql.records(&format!("SELECT {ROW} FROM key WHERE tenant = ?1 ORDER BY number"), values![tenant.as_str()])
}

/// Removes a key, and has KV remove it.
pub fn revoke(change: &Change<'_>, hash: &str, at: Timestamp) -> Result<(), SqlError> {
    bury(change, hash, at)?;
    outbox::revoke(change, &KeyKey(hash.to_owned()))
}

/// Removes a key that another object has had KV remove: what this one was about to tell KV of it comes to nothing.
pub fn revoke_too(change: &Change<'_>, hash: &str, at: Timestamp) -> Result<(), SqlError> {
    bury(change, hash, at)?;
    let key = KeyKey(hash.to_owned());
    if outbox::waits(change, &key.key())? { outbox::revoke(change, &key) } else { Ok(()) }
}

fn bury(change: &Change<'_>, hash: &str, at: Timestamp) -> Result<(), SqlError> {
    change.run("DELETE FROM key WHERE hash = ?1", values![hash])?;
    let tombstone = "INSERT INTO tombstone (hash, at) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
    change.run(tombstone, values![hash, at.0])
}

/// Takes in on which day a key was used, which is written at most once a day. Whether it was news.
pub fn used(change: &Change<'_>, KeyUse { id, day }: &KeyUse) -> Result<bool, SqlError> {
    let news = "SELECT 1 FROM key WHERE id = ?1 AND (last_used_on IS NULL OR last_used_on < ?2)";
    if change.number(news, values![id.as_str(), day.to_string()])?.is_none() {
        return Ok(false);
    }
    change.run("UPDATE key SET last_used_on = ?2 WHERE id = ?1", values![id.as_str(), day.to_string()])?;
    Ok(true)
}

/// What KV should have of the next keys after that number that are bound to `tenant`, or to none, each with its number.
pub fn expected(sql: &Sql, tenant: Option<&TenantId>, after: i64, most: i64) -> Result<Vec<(i64, Expected)>, SqlError> {
    let rows = format!("SELECT {ROW} FROM key WHERE tenant IS ?3 AND number > ?1 ORDER BY number LIMIT ?2");
    let expected = |key: Key| {
        let (name, json, metadata) = (KeyKey(key.hash.clone()).key(), to_text(&key.record())?, Some(key.metadata()?));
        Ok((key.number, Expected { key: name, json, metadata }))
    };
    let tenant = tenant.map(TenantId::as_str);
    sql.records::<Key>(&rows, values![after, most, tenant])?.into_iter().map(expected).collect()
}

/// The number of the last key that is bound to `tenant`, or to none; 0: there is none.
pub fn last_number(sql: &Sql, tenant: Option<&TenantId>) -> Result<i64, SqlError> {
    let last = "SELECT MAX(number) FROM key WHERE tenant IS ?1";
    Ok(sql.number(last, values![tenant.map(TenantId::as_str)])?.unwrap_or(0))
}

/// Whether KV is still to be told of any of these keys up to that number, be it once more.
pub fn wait(sql: &Sql, tenant: Option<&TenantId>, last: i64) -> Result<bool, SqlError> {
    let waits = "SELECT 1 FROM key JOIN outbox ON outbox.key = ?3 || key.hash
        WHERE key.tenant IS ?1 AND key.number <= ?2 LIMIT 1";
    Ok(sql.number(waits, values![tenant.map(TenantId::as_str), last, KeyKey::ALL])?.is_some())
}

/// Whether a key of that hash works.
pub fn is_known(sql: &Sql, hash: &str) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM key WHERE hash = ?1", values![hash])?.is_some())
}

/// Whether a key of that hash was revoked in the last 7 days.
pub fn is_revoked(sql: &Sql, hash: &str) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM tombstone WHERE hash = ?1", values![hash])?.is_some())
}

/// When the first tombstone has had its time.
pub fn next_pruning(sql: &Sql) -> Result<Option<Timestamp>, SqlError> {
    let first = sql.number("SELECT MIN(at) FROM tombstone", Vec::new())?;
    Ok(first.map(|at| Timestamp(at).plus(TOMBSTONE_SECONDS + 1)))
}

/// Forgets keys that were revoked long ago.
pub fn prune(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    change.run("DELETE FROM tombstone WHERE at < ?1", values![now.plus(-TOMBSTONE_SECONDS).0])
}
