//! Who asks a question, and what the key says of its gateway.

use tidegate_wire::native::Defaults;
use tidegate_wire::problem::Problem;
use worker::Context;

use crate::access::Principal;
use crate::api::auth::{self, Unverified};
use crate::api::decide::defaults;
use crate::config::Config;
use crate::http::Request;
use crate::store::Access;

/// Where a request has its key.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeyIn {
    /// In `Authorization: Bearer …` alone; the request itself may name a tenant.
    Bearer,
    /// In `Authorization`, as `Bearer` or as the password of `Basic`, else in a header field of its own. The tenant is the
    /// key's or the address's.
    AnyOf { field: Option<&'static str> },
}

/// Whose key a question has, and what that says of its gateway.
pub struct Asker {
    pub principal: Principal,
    pub defaults: Defaults,
}

impl Asker {
    pub fn new(principal: Principal, key: KeyIn, request: &Request) -> Result<Self, Problem> {
        principal.decides()?;
        let mut defaults = defaults(&principal);
        if key != KeyIn::Bearer {
            let named = request.query("tenant")?;
            defaults.tenant = Some(defaults.tenant(named.as_deref())?);
        }
        Ok(Self { principal, defaults })
    }
}

/// Whose request it is.
pub async fn verify(
    request: &Request,
    key: KeyIn,
    (config, context): (&Config, &Context),
    access: &Access<'_>,
) -> Result<Principal, Unverified> {
    let bearer = auth::of(request).map(str::to_owned);
    let key = match (key, &request.authorization) {
        (KeyIn::AnyOf { .. }, Some(value)) => bearer.or_else(|| auth::basic(value)),
        (KeyIn::AnyOf { field }, None) => field.and_then(|field| request.header(field)),
        (KeyIn::Bearer, _) => bearer,
    };
    auth::verify(config, access, context, request, key.as_deref()).await
}
