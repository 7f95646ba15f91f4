//! API keys: made, listed and revoked. Stored is the hash of a key, never its secret.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tidegate_engine::{DAY, TenantId, Timestamp};
use tidegate_wire::problem::Problem;

use super::protocol::{NewKey, RevokeKey};
use super::trail;
use crate::access::Role;
use crate::durable::audit::Act;
use crate::durable::lists::{Page, Range};
use crate::durable::outbox;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::walk::Expected;
use crate::store::{Family, KeyKey, KeyRecord};

/// Keys of one tenant, or of none, that live at once.
const MAX_KEYS: i64 = 100;
/// Keys of the same tenant, role and name that live at once: the old one and its successor.
const MAX_NAMESAKES: i64 = 2;

/// How long it is known that a key was revoked.
const TOMBSTONE_SECONDS: i64 = 7 * DAY;

pub const TABLES: &[&str] = &[
    // hashes of keys that were revoked lately
    "CREATE TABLE IF NOT EXISTS tombstone (hash TEXT PRIMARY KEY, at INTEGER NOT NULL) WITHOUT ROWID",
    "CREATE INDEX IF NOT EXISTS tombstone_at ON tombstone (at)",
];

const SHOWN: &str = "json_object('id', id, 'role', role, 'tenant', tenant, 'name', name, 'gateway', json(gateway),
    'created_at', strftime('%Y-%m-%dT%H:%M:%SZ', created_at, 'unixepoch'), 'created_by', created_by)";

/// Makes a key, and shows it as lists do.
pub fn create(sql: &Sql, act: Act<'_>, key: NewKey) -> Result<Box<RawValue>, SqlError> {
    sql.change(|change| {
        let (tenant, role) = (key.tenant.as_ref().map(|tenant| tenant.as_str().to_owned()), key.role.as_str());
        let of_tenant = "SELECT COUNT(*) FROM key WHERE tenant IS ?1";
        if change.number(of_tenant, values![tenant.clone()])?.unwrap_or(0) >= MAX_KEYS {
            return Err(Problem::conflict(format!("{MAX_KEYS} keys live already: revoke one first")).into());
        }
        let namesakes = "SELECT COUNT(*) FROM key WHERE tenant IS ?1 AND role = ?2 AND name = ?3";
        let namesakes = change.number(namesakes, values![tenant.clone(), role, key.name.as_str()])?;
        if namesakes.unwrap_or(0) >= MAX_NAMESAKES {
            let why = "two keys of this tenant, role and name live already: revoke one first";
            return Err(Problem::conflict(why).in_field("name").into());
        }
        let gateway = key.gateway.as_ref().map(to_text).transpose()?;
        change.run(
            "INSERT INTO key (id, hash, role, tenant, name, gateway, created_at, created_by)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            values![key.id.as_str(), key.hash.as_str(), role, tenant, key.name.as_str(), gateway, act.at.0, act.actor],
        )?;
        outbox::lay_key(change, &KeyKey(key.hash.clone()), &key.record(), metadata(&key.id, act.at)?)?;
        let shown = find(change, &key.id)?.ok_or_else(|| SqlError::Failed("the key is not there".to_owned()))?.shown;
        let after = Some(shown.get().to_owned());
        trail::write(change, act, "key.create", &key.id, (None, after), key.tenant.as_ref())?;
        Ok(shown)
    })
}

/// One page of keys, newest first; of one tenant where one is given.
pub fn page(sql: &Sql, tenant: Option<&TenantId>, range: &Range) -> Result<Page<Box<RawValue>>, SqlError> {
    let below = range.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX >> 11);
    let tenant = tenant.map(|tenant| tenant.as_str().to_owned());
    let rows = format!(
        "SELECT json_array(number, {SHOWN}) FROM key WHERE number < ?1 AND (?2 IS NULL OR tenant = ?2)
         ORDER BY number DESC LIMIT ?3"
    );
    let rows = sql.rows::<(i64, Box<RawValue>)>(&rows, values![below, tenant, i64::from(range.limit) + 1])?;
    let Page { items, next } = Page::of(rows, range, |(number, _)| number.to_string());
    Ok(Page { items: items.into_iter().map(|(_, shown)| shown).collect(), next })
}

/// Revokes a key, and tells its hash. One of another tenant than the caller's is none to the caller.
pub fn revoke(sql: &Sql, act: Act<'_>, revoke: &RevokeKey) -> Result<String, SqlError> {
    sql.change(|change| {
        let missing = || Problem::not_found("there is no such key");
        let Row { hash, role, tenant, shown } = find(change, &revoke.id)?.ok_or_else(missing)?;
        if revoke.bound_to.is_some() && revoke.bound_to != tenant {
            return Err(missing().into());
        }
        if !revoke.as_admin && !role.is_handed_out_by_operators() {
            return Err(Problem::forbidden().into());
        }
        remove(change, act, &revoke.id, &hash, &shown, tenant.as_ref())?;
        Ok(hash)
    })
}

/// Revokes all keys of a tenant that is gone, and tells their hashes.
pub fn revoke_all(change: &Change<'_>, act: Act<'_>, tenant: &TenantId) -> Result<Vec<String>, SqlError> {
    let ids = change.texts("SELECT id FROM key WHERE tenant = ?1", values![tenant.as_str()])?;
    let mut hashes = Vec::new();
    for id in ids {
        let Some(Row { hash, shown, .. }) = find(change, &id)? else { continue };
        // for the operator's trail alone: the tenant has none any more
        remove(change, act, &id, &hash, &shown, None)?;
        hashes.push(hash);
    }
    Ok(hashes)
}

fn remove(
    change: &Change<'_>,
    act: Act<'_>,
    id: &str,
    hash: &str,
    shown: &RawValue,
    tenant: Option<&TenantId>,
) -> Result<(), SqlError> {
    change.run("DELETE FROM key WHERE id = ?1", values![id])?;
    let tombstone = "INSERT INTO tombstone (hash, at) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
    change.run(tombstone, values![hash, act.at.0])?;
    outbox::revoke(change, &KeyKey(hash.to_owned()))?;
    trail::write(change, act, "key.revoke", id, (Some(shown.get().to_owned()), None), tenant)
}

/// What KV should have of the next keys after that number, each with its own.
pub fn expected(sql: &Sql, after: i64, most: i64) -> Result<Vec<(i64, Expected)>, SqlError> {
    #[derive(Deserialize)]
    struct Stored {
        number: i64,
        hash: String,
        created_at: Timestamp,
        #[serde(flatten)]
        record: KeyRecord,
    }
    let rows = "SELECT json_object('number', number, 'hash', hash, 'created_at', created_at, 'id', id, 'role', role,
        'tenant', tenant, 'name', name, 'gateway', json(gateway)) FROM key WHERE number > ?1 ORDER BY number LIMIT ?2";
    let expected = |Stored { number, hash, created_at, record }: Stored| {
        let metadata = Some(metadata(&record.id, created_at)?);
        Ok((number, Expected { key: KeyKey(hash).key(), json: to_text(&record)?, metadata }))
    };
    sql.rows::<Stored>(rows, values![after, most])?.into_iter().map(expected).collect()
}

/// Whether a key of that hash works.
pub fn is_known(sql: &Sql, hash: &str) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM key WHERE hash = ?1", values![hash])?.is_some())
}

/// Whether a key of that hash was revoked in the last 7 days.
pub fn is_revoked(sql: &Sql, hash: &str) -> Result<bool, SqlError> {
    Ok(sql.number("SELECT 1 FROM tombstone WHERE hash = ?1", values![hash])?.is_some())
}

/// Forgets keys that were revoked long ago.
pub fn prune(change: &Change<'_>, now: Timestamp) -> Result<(), SqlError> {
    change.run("DELETE FROM tombstone WHERE at < ?1", values![now.plus(-TOMBSTONE_SECONDS).0])
}

/// What listings of KV show beside a key's name.
#[derive(Deserialize, Serialize)]
struct Metadata {
    id: String,
    at: Timestamp,
}

fn metadata(id: &str, at: Timestamp) -> Result<String, SqlError> {
    to_text(&Metadata { id: id.to_owned(), at })
}

/// When a key was made, by its metadata; the release before wrote none.
pub fn made_at(metadata: Option<&str>) -> Option<Timestamp> {
    serde_json::from_str(metadata?).ok().map(|Metadata { at, .. }| at)
}

#[derive(Deserialize)]
struct Row {
    hash: String,
    role: Role,
    tenant: Option<TenantId>,
    shown: Box<RawValue>,
}

fn find(change: &Change<'_>, id: &str) -> Result<Option<Row>, SqlError> {
    let row = format!(
        "SELECT json_object('hash', hash, 'role', role, 'tenant', tenant, 'shown', {SHOWN}) FROM key WHERE id = ?1"
    );
    change.row(&row, values![id])
}
