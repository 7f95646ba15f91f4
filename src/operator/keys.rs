//! API keys: made, listed and revoked. Stored is the hash of a key, never its secret.

use serde::{Deserialize, Serialize};
use tidegate_engine::{DAY, Date, Network, TenantId, Timestamp};
use tidegate_stored::Document;
use tidegate_wire::native::Written;
use tidegate_wire::problem::Problem;

use super::protocol::{KeyUse, NewKey, RevokeKey};
use super::trail;
use crate::access::Role;
use crate::durable::audit::{self, Act};
use crate::durable::lists::{Page, Range};
use crate::durable::outbox;
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};
use crate::durable::walk::Expected;
use crate::store::{Family, GatewaySettings, KeyKey, KeyRecord, Validity};

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

/// What this release added to the table: when a key expires, the networks from which it may be used (JSON), and the last
/// day on which it was.
const COLUMNS: [(&str, &str); 3] = [("expires_at", "INTEGER"), ("networks", "TEXT"), ("last_used_on", "TEXT")];

/// A row as [`Row`] reads it.
const ROW: &str = "json_object('number', number, 'id', id, 'hash', hash, 'role', role, 'tenant', tenant, 'name', name,
    'gateway', json(gateway), 'expires_at', expires_at, 'networks', json(networks), 'created_at', created_at,
    'created_by', created_by, 'last_used_on', last_used_on)";

/// Gives the table what it lacks.
pub fn add_columns(change: &Change<'_>) -> Result<(), SqlError> {
    let known = change.texts("SELECT name FROM pragma_table_info('key')", Vec::new())?;
    COLUMNS
        .iter()
        .filter(|(name, _)| !known.iter().any(|known| known == name))
        .try_for_each(|(name, kind)| change.run(&format!("ALTER TABLE key ADD COLUMN {name} {kind}"), Vec::new()))
}

/// Makes a key, and shows it as lists do.
pub fn create(sql: &Sql, act: Act<'_>, key: NewKey) -> Result<Shown, SqlError> {
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
        let networks = key.networks.as_ref().map(to_text).transpose()?;
        let (id, hash, name) = (key.id.as_str(), key.hash.as_str(), key.name.as_str());
        let expires_at = key.expires_at.map(|at| at.0);
        change.run(
            "INSERT INTO key (id, hash, role, tenant, name, gateway, created_at, created_by, expires_at, networks)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            values![id, hash, role, tenant, name, gateway, act.at.0, act.actor, expires_at, networks],
        )?;
        outbox::lay_key(change, &KeyKey(key.hash.clone()), &key.record(), metadata(&key.id, act.at)?)?;
        let row = find(change, &key.id)?.ok_or_else(|| SqlError::Failed("the key is not there".to_owned()))?;
        let shown = row.shown();
        trail::write(change, act, "key.create", &key.id, (None, audit::json(&shown)?), key.tenant.as_ref())?;
        Ok(shown)
    })
}

/// One page of keys, newest first; of one tenant where one is given.
pub fn page(sql: &Sql, tenant: Option<&TenantId>, range: &Range) -> Result<Page<Shown>, SqlError> {
    let below = range.cursor.as_deref().and_then(|cursor| cursor.parse().ok()).unwrap_or(i64::MAX >> 11);
    let tenant = tenant.map(|tenant| tenant.as_str().to_owned());
    let rows = format!(
        "SELECT {ROW} FROM key WHERE number < ?1 AND (?2 IS NULL OR tenant = ?2) ORDER BY number DESC LIMIT ?3"
    );
    let rows = sql.rows::<Row>(&rows, values![below, tenant, i64::from(range.limit) + 1])?;
    let Page { items, next } = Page::of(rows, range, |row| row.number.to_string());
    Ok(Page { items: items.into_iter().map(Row::shown).collect(), next })
}

/// Revokes a key, and tells its hash. One of another tenant than the caller's is none to the caller.
pub fn revoke(sql: &Sql, act: Act<'_>, revoke: &RevokeKey) -> Result<String, SqlError> {
    sql.change(|change| {
        let missing = || Problem::not_found("there is no such key");
        let row = find(change, &revoke.id)?.ok_or_else(missing)?;
        if revoke.bound_to.is_some() && revoke.bound_to != row.tenant {
            return Err(missing().into());
        }
        if !revoke.as_admin && !row.role.is_handed_out_by_operators() {
            return Err(Problem::forbidden().into());
        }
        let tenant = row.tenant.clone();
        remove(change, act, row, tenant.as_ref())
    })
}

/// Revokes all keys of a tenant that is gone, and tells their hashes.
pub fn revoke_all(change: &Change<'_>, act: Act<'_>, tenant: &TenantId) -> Result<Vec<String>, SqlError> {
    let ids = change.texts("SELECT id FROM key WHERE tenant = ?1", values![tenant.as_str()])?;
    let mut hashes = Vec::new();
    for id in ids {
        let Some(row) = find(change, &id)? else { continue };
        // for the operator's trail alone: the tenant has none any more
        hashes.push(remove(change, act, row, None)?);
    }
    Ok(hashes)
}

/// Removes a key, and tells its hash. `tenant`: whose trail is told, too.
fn remove(change: &Change<'_>, act: Act<'_>, row: Row, tenant: Option<&TenantId>) -> Result<String, SqlError> {
    let hash = row.hash.clone();
    change.run("DELETE FROM key WHERE id = ?1", values![row.id.as_str()])?;
    let tombstone = "INSERT INTO tombstone (hash, at) VALUES (?1, ?2) ON CONFLICT (hash) DO NOTHING";
    change.run(tombstone, values![hash.as_str(), act.at.0])?;
    outbox::revoke(change, &KeyKey(hash.clone()))?;
    let shown = row.shown();
    trail::write(change, act, "key.revoke", &shown.id, (audit::json(&shown)?, None), tenant)?;
    Ok(hash)
}

/// Takes in on which days keys were used: each is written at most once a day.
pub fn used(sql: &Sql, used: &[KeyUse]) -> Result<bool, SqlError> {
    sql.change(|change| {
        for KeyUse { id, day } in used {
            change.run(
                "UPDATE key SET last_used_on = ?2 WHERE id = ?1 AND (last_used_on IS NULL OR last_used_on < ?2)",
                values![id.as_str(), day.to_string()],
            )?;
        }
        Ok(true)
    })
}

/// What KV should have of the next keys after that number, each with its own.
pub fn expected(sql: &Sql, after: i64, most: i64) -> Result<Vec<(i64, Expected)>, SqlError> {
    let rows = format!("SELECT {ROW} FROM key WHERE number > ?1 ORDER BY number LIMIT ?2");
    let expected = |row: Row| {
        let (number, key) = (row.number, KeyKey(row.hash.clone()).key());
        let metadata = Some(metadata(&row.id, row.created_at)?);
        Ok((number, Expected { key, json: to_text(&row.record())?, metadata }))
    };
    sql.rows::<Row>(&rows, values![after, most])?.into_iter().map(expected).collect()
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

/// A key as its row has it.
#[derive(Deserialize)]
struct Row {
    number: i64,
    id: String,
    hash: String,
    role: Role,
    tenant: Option<TenantId>,
    name: String,
    gateway: Option<Document<GatewaySettings>>,
    expires_at: Option<Timestamp>,
    networks: Option<Vec<Network>>,
    created_at: Timestamp,
    created_by: String,
    last_used_on: Option<Date>,
}

impl Row {
    fn shown(self) -> Shown {
        Shown {
            id: self.id,
            role: self.role,
            tenant: self.tenant,
            name: self.name,
            gateway: self.gateway.map(Document::into_value),
            expires_at: self.expires_at.map(Written),
            networks: self.networks,
            created_at: Written(self.created_at),
            created_by: self.created_by,
            last_used_on: self.last_used_on,
        }
    }

    /// What KV holds of it.
    fn record(self) -> KeyRecord {
        KeyRecord {
            id: self.id,
            role: self.role,
            tenant: self.tenant,
            name: Some(self.name),
            gateway: self.gateway.map(Document::into_value),
            validity: Validity { expires_at: self.expires_at, networks: self.networks },
        }
    }
}

/// A key as the API shows it.
#[derive(Serialize)]
pub struct Shown {
    id: String,
    role: Role,
    tenant: Option<TenantId>,
    name: String,
    gateway: Option<GatewaySettings>,
    expires_at: Option<Written<Timestamp>>,
    networks: Option<Vec<Network>>,
    created_at: Written<Timestamp>,
    created_by: String,
    last_used_on: Option<Date>,
}

fn find(change: &Change<'_>, id: &str) -> Result<Option<Row>, SqlError> {
    change.row(&format!("SELECT {ROW} FROM key WHERE id = ?1"), values![id])
}
