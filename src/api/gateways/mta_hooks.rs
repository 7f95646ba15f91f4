//! MTA Hooks, draft-01: discovery, registrations, hooks.

use data_encoding::HEXLOWER;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use tidegate_wire::gateway::{MAX_PREFIX, Prefix};
use tidegate_wire::mta_hooks::{self as wire, REGISTRATION_FIELD, Refusal, Registration, Wanted};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;

use super::{Asking, Dialect};
use crate::api::auth::Unverified;
use crate::api::decide::{Fault, undecided};
use crate::durable::client::Circumstances;
use crate::http::{self, Media};
use crate::metrics::Counter;

const HOOK: Dialect = Dialect {
    methods: "POST",
    fields: wire::FIELDS,
    key_field: None,
    read: wire::request,
    render: wire::answer,
    media: Media::Json,
};

pub fn discover(asking: &Asking<'_>) -> Result<Response, JsValue> {
    match asking.request.method.as_str() {
        "GET" | "HEAD" => http::json(&wire::discovery()),
        _ => http::problem(&Problem::method_not_allowed().allowing("GET, HEAD")),
    }
}

/// `path`: behind `/gateways/mta-hooks/`.
pub async fn answer(asking: &Asking<'_>, path: &str) -> Result<Response, JsValue> {
    match route(asking, path).await {
        Ok(response) => Ok(response),
        Err(Failure::Refused(refusal)) => refuse(refusal.status, &[], &refusal.body()),
        Err(Failure::Problem(problem)) => {
            let (status, body) = Refusal::of(&problem);
            let allow = problem.allow.map(|methods| ("allow", methods));
            let more = if status == 401 { Some(("www-authenticate", "Bearer")) } else { allow };
            refuse(status, more.as_slice(), &body)
        }
        Err(Failure::Runtime(error)) => Err(error),
    }
}

async fn route(asking: &Asking<'_>, path: &str) -> Result<Response, Failure> {
    let method = asking.request.method.as_str();
    let segments: Vec<&str> = path.split('/').collect();
    let known = match segments.as_slice() {
        ["registrations"] | ["hook"] => "POST",
        ["registrations", _] => "DELETE",
        ["registrations", _, "status"] => "GET",
        _ => return Err(super::super::no_route().into()),
    };
    if method != known {
        return Err(Problem::method_not_allowed().allowing(known).into());
    }
    let principal = match asking.principal(None).await {
        Ok(principal) => principal,
        Err(Unverified::Wrong(problem)) => return Err(problem.into()),
        Err(Unverified::Unknown(why)) if path == "hook" => {
            let fault = Fault::new(Counter::DegradedKey, why);
            return Ok(http::json(&undecided(None, None, fault, HOOK.render))?);
        }
        Err(Unverified::Unknown(why)) => {
            return Err(Problem::unavailable(format!("the key cannot be verified: {why}")).into());
        }
    };
    let now = Circumstances::of(asking.request)?.now();
    let secret = asking.request.authorization.as_deref().unwrap_or_default();
    let sign = |text: &str| signature(secret, text);
    match segments.as_slice() {
        ["registrations"] => {
            asking.defaults(&principal)?;
            let (body, is_whole) = asking.request.prefix(MAX_PREFIX).await?;
            let (location, body) = Wanted::parse(Prefix { bytes: &body, is_whole }, now)?.accept(now, &sign);
            Ok(http::respond(201, "application/json", &[("location", &location)], &body)?)
        }
        ["registrations", id, rest @ ..] => {
            let registration = Registration::verify(id, now, &sign)?;
            Ok(http::json(&if rest.is_empty() { b"{}".to_vec() } else { registration.status(id) })?)
        }
        _ => {
            let id = asking.request.header(REGISTRATION_FIELD).unwrap_or_default();
            Registration::verify(&id, now, &sign)?;
            Ok(asking.request.answer(&asking.decide_for(&principal, &HOOK).await?, HOOK.media)?)
        }
    }
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

fn refuse(status: u16, more: &[(&str, &str)], body: &[u8]) -> Result<Response, JsValue> {
    http::respond(status, "application/json", more, body)
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
