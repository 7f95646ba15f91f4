//! MTA Hooks, draft-01: discovery, registrations, hooks.

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tidegate_engine::Timestamp;
use tidegate_wire::gateway::{MAX_PREFIX, Prefix};
use tidegate_wire::mta_hooks::{self as wire, REGISTRATION_FIELD, Refusal, Registration, Wanted};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use super::asker::{Asker, KeyIn, verify};
use crate::api::auth::Unverified;
use crate::api::caller::{access_of, cannot_verify};
use crate::api::failure::no_route;
use crate::config::Config;
use crate::durable::client::Circumstances;
use crate::http::{self, Request};

/// Where registered MTAs ask.
pub const HOOK: &str = "/gateways/mta-hooks/hook";
const KEY: KeyIn = KeyIn::AnyOf { field: None };

/// Whether an MTA asks there about no message, or a gateway in no dialect.
pub fn serves(path: &str) -> bool {
    path.starts_with("/gateways/") || path == "/.well-known/mta-hooks"
}

/// What an MTA asks about no message.
pub async fn answer(request: &Request, env: &Env, context: &Context) -> Result<Response, JsValue> {
    if request.path() == "/.well-known/mta-hooks" {
        return match request.method.as_str() {
            "GET" | "HEAD" => http::json(&wire::discovery()),
            _ => http::problem(&Problem::method_not_allowed().allowing("GET, HEAD")),
        };
    }
    let Some(path) = request.path().strip_prefix("/gateways/mta-hooks/") else {
        return http::problem(&no_route());
    };
    match route(request, path, env, context).await {
        Ok(response) => Ok(response),
        Err(Failure::Refused(refusal)) => refused(refusal),
        Err(Failure::Problem(problem)) => refuse(&problem),
        Err(Failure::Runtime(error)) => Err(error),
    }
}

async fn route(request: &Request, path: &str, env: &Env, context: &Context) -> Result<Response, Failure> {
    let method = request.method.as_str();
    let segments: Vec<&str> = path.split('/').collect();
    let known = match segments.as_slice() {
        ["registrations"] => "POST",
        ["registrations", _] => "DELETE",
        ["registrations", _, "status"] => "GET",
        _ => return Err(no_route().into()),
    };
    if method != known {
        return Err(Problem::method_not_allowed().allowing(known).into());
    }
    let config = Config::get(env);
    let principal = match verify(request, KEY, (&config, context), &access_of(request, env)).await {
        Ok(principal) => principal,
        Err(Unverified::Wrong(problem)) => return Err(problem.into()),
        Err(Unverified::Unknown(error)) => return Err(cannot_verify(error).into()),
    };
    let now = Circumstances::of(request)?.now();
    let sign = |text: &str| signature(secret(request), text);
    match segments.as_slice() {
        [_, id, rest @ ..] => {
            let registration = Registration::verify(id, now, &sign)?;
            Ok(http::json(&if rest.is_empty() { b"{}".to_vec() } else { registration.status(id) })?)
        }
        _ => {
            Asker::new(principal, KEY, request)?;
            let (body, is_whole) = request.prefix(MAX_PREFIX).await?;
            let (location, body) = Wanted::parse(Prefix { bytes: &body, is_whole }, now)?.accept(now, &sign);
            Ok(http::respond(201, "application/json", &[("location", &location)], &body)?)
        }
    }
}

/// Whether who asks has registered, with the key by which it asks.
pub fn verify_registration(request: &Request, now: Timestamp) -> Result<(), Refusal> {
    let id = request.header(REGISTRATION_FIELD).unwrap_or_default();
    Registration::verify(&id, now, &|text: &str| signature(secret(request), text)).map(drop)
}

fn secret(request: &Request) -> &str {
    request.authorization.as_deref().unwrap_or_default()
}

/// A registration belongs to the key that made it: its signature is by that key, which comes with every request. Who
/// changes its key registers again. 128 bits of HMAC-SHA-256 (RFC 2104).
fn signature(key: &str, text: &str) -> String {
    // a key as long as HMAC's block is taken as it is
    let mut block = [0; 64];
    block.iter_mut().zip(Sha256::digest(key.as_bytes())).for_each(|(octet, digest)| *octet = digest);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(b"mta-hooks ");
    mac.update(text.as_bytes());
    let mut hex = HEXLOWER.encode(&mac.finalize().into_bytes());
    hex.truncate(32);
    hex
}

/// Answers the caller's fault.
pub fn refuse(problem: &Problem) -> Result<Response, JsValue> {
    let (status, body) = Refusal::of(problem);
    let allow = problem.allow.map(|methods| ("allow", methods));
    let more = if status == 401 { Some(("www-authenticate", "Bearer")) } else { allow };
    http::respond(status, "application/json", more.as_slice(), &body)
}

/// Answers what the draft has a word for.
pub fn refused(refusal: Refusal) -> Result<Response, JsValue> {
    http::respond(refusal.status, "application/json", &[], &refusal.body())
}

enum Failure {
    Refused(Refusal),
    Problem(Problem),
    Runtime(JsValue),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<JsValue> for Failure {
    fn from(error: JsValue) -> Self {
        Self::Runtime(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Registrations that were made before go on: computed with another implementation of RFC 2104.
    #[test]
    fn a_signature_is_the_hmac_of_the_text_by_the_hash_of_the_key() {
        assert_eq!(signature("Bearer tg_k3f9_secret", "r1.1790000000"), "3fcda37069137979a0064d53dc87f9bc");
    }
}
