//! Whose request it is: the key in `Authorization` and the principal it stands for. Verified before the body is read.

use std::net::IpAddr;

use data_encoding::HEXLOWER;
use futures_util::future::join;
use sha2::{Digest, Sha256};
use tidegate_engine::TenantId;
use tidegate_wire::base64;
use tidegate_wire::problem::Problem;
use worker::Context;

use super::waking;
use crate::access::Principal;
use crate::config::Config;
use crate::durable::client::Circumstances;
use crate::durable::keys;
use crate::http::Request;
use crate::metrics::{self, Counter};
use crate::operator;
use crate::platform::real_now;
use crate::store::{Access, KeyKey, LaidKey, RoundKey, StoreError};

/// Beyond this nothing is hashed: a key is shorter.
const MAX_KEY: usize = 200;

/// Why a request has no principal.
#[derive(Debug)]
pub enum Unverified {
    /// No key, or none that is valid.
    Wrong(Problem),
    /// For our own fault it cannot be told.
    Unknown(StoreError),
}

/// The key in `Authorization: Bearer …`.
pub fn of(request: &Request) -> Option<&str> {
    request.authorization.as_deref().and_then(bearer)
}

/// Verifies `key`, with which a request comes. One that has expired by the request's clock is as a revoked one; one that
/// is used from elsewhere than it may be is refused as one of another role is: gateways accept mail by either. One that
/// is still served though it may have been revoked meanwhile is read anew after the answer.
pub async fn verify(
    config: &Config,
    access: &Access<'_>,
    context: &Context,
    request: &Request,
    key: Option<&str>,
) -> Result<Principal, Unverified> {
    let wrong = || {
        metrics::count(Counter::KeysRefused);
        Unverified::Wrong(Problem::unauthorized())
    };
    let key = key.ok_or_else(wrong)?;
    if config.admin_keys.iter().any(|admin| admin.matches(key)) {
        return Ok(Principal::admin());
    }
    let family = KeyKey(hash(key).filter(|_| key.starts_with("tg_")).ok_or_else(wrong)?);
    let (record, refresh) = access.get(&family).await.map_err(Unverified::Unknown)?;
    if refresh {
        let (env, family) = (access.env.clone(), family.clone());
        context.wait_until(async move { Access::for_answer(&env).refresh(&family).await });
    }
    let Some(record) = record else {
        let is_missing_alone = is_missing_alone(access, context, key).await.map_err(Unverified::Unknown)?;
        return Err(match (is_missing_alone, access.was_there_lately(&family)) {
            (false, _) => Unverified::Unknown(StoreError::Unlaid),
            (true, true) => Unverified::Unknown(StoreError::Vanished),
            (true, false) => wrong(),
        });
    };
    let now = Circumstances::of(request).unwrap_or_default().now();
    if record.validity.has_expired(now) {
        return Err(wrong());
    }
    if record.validity.networks.is_some() {
        let address = config.client_address.as_deref().and_then(|field| address_of(request, field));
        if !record.validity.admits(address) {
            metrics::count(Counter::KeysRefused);
            return Err(Unverified::Wrong(elsewhere(address)));
        }
    }
    metrics::note_key_use(&record.id, record.tenant.as_ref(), now.date());
    Ok(Principal {
        actor: format!("key:{}", record.id),
        id: Some(record.id.clone()),
        name: record.name.clone(),
        role: record.role,
        tenant: record.tenant.clone(),
        gateway: record.gateway.unwrap_or_default(),
    })
}

/// Whether KV has all keys but this one, which it has not: then it is wrong. One that was emptied or exchanged, or that is
/// being laid anew, says nothing of keys, whatever else it has.
async fn is_missing_alone(access: &Access<'_>, context: &Context, key: &str) -> Result<bool, StoreError> {
    let (laid, round) = join(access.get(&LaidKey), access.get(&RoundKey)).await;
    let (laid, round) = (laid?.0, round?.0);
    let of = operator::id(access.env);
    let laid = laid.filter(|laid| Some(&laid.of) == of.as_ref() && laid.is_of(round.as_deref()));
    let Some(laid) = laid else {
        // of a new deployment, whose object lays it when it first runs; or one that is lost, which that object is to see
        waking::wake_later(access.env, context, Circumstances::default());
        return Ok(false);
    };
    Ok(laid.has_all(round.as_deref(), tenant_of(key).as_ref(), real_now()))
}

/// To which tenant a key's id leads.
fn tenant_of(key: &str) -> Option<TenantId> {
    keys::tenant_of(key.strip_prefix("tg_")?.rsplit_once('_')?.0)
}

/// From where a call comes, as the header field says in which that is told. Where a proxy adds to what was sent to it, the
/// last entry is the proxy's own.
fn address_of(request: &Request, field: &str) -> Option<IpAddr> {
    let told = request.header(field)?;
    told.rsplit(',').next()?.trim().parse().ok()
}

fn elsewhere(address: Option<IpAddr>) -> Problem {
    let from = address.map_or_else(|| "an address that cannot be told".to_owned(), |address| address.to_string());
    Problem { detail: format!("this key may not be used from {from}"), ..Problem::forbidden() }
}

/// The hash by which a key is stored, in hexadecimal. It is looked up as a whole, so that its comparison tells nothing
/// of the key, however long it takes.
pub fn hash(key: &str) -> Option<String> {
    (key.len() <= MAX_KEY).then(|| HEXLOWER.encode(&Sha256::digest(key.as_bytes())))
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1); the scheme's case is ignored.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The password of `Authorization: Basic …` (RFC 7617), for gateways that can send nothing else; the user's name does
/// not matter. Never where a browser asks: it would send the password by itself.
pub fn basic(value: &str) -> Option<String> {
    let (scheme, encoded) = value.split_once(' ')?;
    let pair = String::from_utf8(base64::decode(encoded.trim().as_bytes())).ok()?;
    let (_user, password) = pair.split_once(':').filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    // a key read from a file by who does not cut its line end off
    Some(password.trim_end().to_owned())
}
