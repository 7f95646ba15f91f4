//! API keys. Drawn here, so that the secret goes nowhere but into the one answer that shows it; kept by their tenant's
//! ledger, those that are bound to none by the operator's object.

use std::time::Duration;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use tidegate_engine::{DAY, MAX_OWN_HOPS, Network, TenantId, Timestamp};
use tidegate_wire::problem::{Problem, read_json};
use worker::worker_sys::web_sys::Response;

use super::auth;
use super::caller::{Caller, Cursor};
use super::failure::{Failure, done, no_route, not_allowed};
use crate::access::Role;
use crate::durable::client::{ADMIN_DEADLINE, CallError, Outcome};
use crate::durable::keys::{NewKey, RevokeKey, new_id, tenant_of};
use crate::http;
use crate::ledger::{self, KeyCall};
use crate::metrics;
use crate::operator::Call;
use crate::platform::{random_bytes, within};
use crate::store::{self, GatewaySettings, KeyKey};

/// Characters of a key's name.
const MAX_NAME: usize = 100;
const ID_OCTETS: usize = 6;
/// 192 bits.
const SECRET_OCTETS: usize = 24;
/// A key that expires does so within five years.
const MAX_SECONDS: i64 = (5 * 365 + 2) * DAY;
/// How long a list waits for what it shows beside.
const TOLD_WITHIN: Duration = Duration::from_secs(2);
/// Networks from which one key may be used.
const MAX_NETWORKS: usize = 32;

pub async fn route(caller: &Caller<'_>, method: &str, rest: &[&str]) -> Result<Response, Failure> {
    caller.principal.handles_keys()?;
    match (rest, method) {
        ([], "GET") => list(caller).await,
        ([], "POST") => create(caller).await,
        ([], _) => Err(not_allowed("GET, HEAD, POST")),
        ([id], "DELETE") => revoke(caller, id).await,
        ([_], _) => Err(not_allowed("DELETE")),
        _ => Err(no_route().into()),
    }
}

async fn list(caller: &Caller<'_>) -> Result<Response, Failure> {
    let asked = caller.request.query("tenant")?.map(|tenant| tenant.parse::<TenantId>());
    let asked = asked.transpose().map_err(|error| Problem::bad_request(format!("{error}")).in_field("tenant"))?;
    if let Some(tenant) = &asked {
        caller.principal.reads_tenant(tenant)?;
    }
    let tenant = asked.or_else(|| caller.principal.tenant.clone());
    let range = caller.range(Cursor::Number)?;
    // so that the list has what this isolate saw; the rest follows within seconds
    let _ = within(TOLD_WITHIN, metrics::tell_key_uses(caller.env, tenant.as_ref())).await;
    if let Some(tenant) = &tenant {
        // a ledger of the release before cannot tell
        if let Ok(listed) = caller.ledger(tenant).forward(&keys(KeyCall::List(range.clone()))).await {
            return Ok(listed);
        }
    }
    Ok(caller.operator().forward(&Call::Keys(tenant, range)).await?)
}

const fn keys(call: KeyCall) -> ledger::Call {
    ledger::Call::Keys(call)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    role: Role,
    /// Null: all tenants. That is no default.
    #[serde(deserialize_with = "given")]
    tenant: Option<TenantId>,
    #[serde(deserialize_with = "name")]
    name: String,
    gateway: Option<GatewaySettings>,
    /// RFC 3339; null: it lasts.
    expires_at: Option<String>,
    /// Null: from anywhere.
    networks: Option<Vec<Network>>,
}

async fn create(caller: &Caller<'_>) -> Result<Response, Failure> {
    let now = caller.circumstances.now();
    let body = caller.request.body().await?;
    let Posted { role, tenant, name, gateway, expires_at, networks } = read_json(&body)?;
    caller.principal.makes_key(role, tenant.as_ref())?;
    if matches!(role, Role::Admin | Role::Metrics) && tenant.is_some() {
        let why = format!("a key of the role {} is for all tenants", role.as_str());
        return Err(Problem::unprocessable(why).in_field("tenant").into());
    }
    if gateway.is_some() && !matches!(role, Role::Gateway | Role::Admin) {
        let why = format!("a key of the role {} asks for no decisions", role.as_str());
        return Err(Problem::unprocessable(why).in_field("gateway").into());
    }
    if gateway.and_then(|gateway| gateway.own_hops).is_some_and(|hops| hops > MAX_OWN_HOPS) {
        return Err(Problem::bad_request(format!("at most {MAX_OWN_HOPS}")).in_field("gateway.own_hops").into());
    }
    let expires_at = expires_at.map(|at| expiry(&at, now)).transpose()?;
    if networks.as_ref().is_some_and(|networks| !(1..=MAX_NETWORKS).contains(&networks.len())) {
        return Err(Problem::bad_request(format!("1 to {MAX_NETWORKS} networks, or null")).in_field("networks").into());
    }
    let (id, secret) = (new_id(tenant.as_ref(), &random_hex::<ID_OCTETS>()?), random_hex::<SECRET_OCTETS>()?);
    let key = format!("tg_{id}_{secret}");
    let hash = auth::hash(&key).ok_or_else(|| Problem::unavailable("the key cannot be hashed"))?;
    let new = NewKey { hash, id, role, tenant, name, gateway, expires_at, networks };
    let (family, record) = (KeyKey(new.hash.clone()), new.record());
    let made = match new.tenant.clone() {
        Some(tenant) => caller.ledger(&tenant).request(&keys(KeyCall::Make(new)), ADMIN_DEADLINE).await,
        None if record.validity.is_bounded() => {
            caller.operator().request(&Call::CreateBoundedKey(new), ADMIN_DEADLINE).await
        }
        None => caller.operator().request(&Call::CreateKey(new), ADMIN_DEADLINE).await,
    };
    let shown: Box<RawValue> = done(made?)?;
    store::remember(&family, record);
    let members = shown.get().strip_prefix('{').unwrap_or_default();
    let body = format!(r#"{{"key":"{key}",{members}"#);
    Ok(http::respond(201, "application/json", &[("cache-control", "no-store")], body.as_bytes())?)
}

async fn revoke(caller: &Caller<'_>, id: &str) -> Result<Response, Failure> {
    let bound_to = caller.principal.tenant.clone();
    let tenant = tenant_of(id);
    if bound_to.is_some() && tenant.is_some() && bound_to != tenant {
        return Err(Problem::not_found("there is no such key").into());
    }
    let revoke = RevokeKey { id: id.to_owned(), bound_to, as_admin: caller.principal.is_admin() };
    let Revoked { hash, by_ledger } = revoke_where_it_lies(caller, tenant.as_ref(), revoke).await?;
    let key = KeyKey(hash);
    store::forget_key(&key);
    // an object of the release before cannot tell
    let is_confirmed: Result<bool, CallError> = match tenant.filter(|_| by_ledger) {
        Some(tenant) => caller.ledger(&tenant).call(&keys(KeyCall::IsPublished(key)), ADMIN_DEADLINE).await,
        None => caller.operator().call(&Call::IsPublished(key), ADMIN_DEADLINE).await,
    };
    if is_confirmed.unwrap_or(false) {
        return Ok(http::no_content()?);
    }
    Ok(http::respond(202, "application/json", &[], br#"{"confirmed":false}"#)?)
}

/// A key that works no more, by its hash.
struct Revoked {
    hash: String,
    by_ledger: bool,
}

/// Has the object revoke a key in which it lies. The operator's knows those of tenants, too, for this release: it takes
/// the place of a ledger that fails, so that a key that leaked waits for none, and hands the revocation over.
async fn revoke_where_it_lies(
    caller: &Caller<'_>,
    tenant: Option<&TenantId>,
    revoke: RevokeKey,
) -> Result<Revoked, Failure> {
    let mut failed = None;
    if let Some(tenant) = tenant {
        let by_ledger = caller.ledger(tenant).request(&keys(KeyCall::Revoke(revoke.clone())), ADMIN_DEADLINE).await;
        match by_ledger {
            Ok(Outcome::Done(hash)) => return Ok(Revoked { hash, by_ledger: true }),
            Ok(Outcome::Refused(response)) => return Err(Failure::Answered(response)),
            Err(error) => failed = Some(error),
        }
    }
    match (caller.operator().request(&Call::RevokeKey(revoke), ADMIN_DEADLINE).await?, failed) {
        (Outcome::Done(hash), _) => Ok(Revoked { hash, by_ledger: false }),
        // the ledger may have revoked it, and told so, before it failed
        (Outcome::Refused(response), Some(failed)) if response.status() == 404 => Err(failed.into()),
        (Outcome::Refused(response), _) => Err(Failure::Answered(response)),
    }
}

/// When a key expires: in the future, within five years.
fn expiry(text: &str, now: Timestamp) -> Result<Timestamp, Problem> {
    let at: Timestamp =
        text.parse().map_err(|error| Problem::bad_request(format!("{error}")).in_field("expires_at"))?;
    if at <= now || at > now.plus(MAX_SECONDS) {
        return Err(Problem::unprocessable("a key expires in the future, within five years").in_field("expires_at"));
    }
    Ok(at)
}

/// A member that may be null, yet has to be there.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(deserializer)
}

fn name<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() || name.chars().count() > MAX_NAME || name.chars().any(char::is_control) {
        let error = format_args!("1 to {MAX_NAME} characters, none of them a control character");
        return Err(serde::de::Error::custom(error));
    }
    Ok(name)
}

/// Octets fit for secrets, in hexadecimal.
fn random_hex<const OCTETS: usize>() -> Result<String, Problem> {
    let octets =
        random_bytes::<OCTETS>().map_err(|error| Problem::unavailable(format!("no key can be drawn: {error}")))?;
    Ok(HEXLOWER.encode(&octets))
}
