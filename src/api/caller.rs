//! Whose request it is that is answered, and what it asks for of a list.

use tidegate_engine::{ServerId, TenantId};
use tidegate_wire::problem::Problem;
use worker::{Context, Env};

use super::auth::{self, Unverified};
use super::failure::Failure;
use crate::access::Principal;
use crate::config::Config;
use crate::durable::client::{Circumstances, Client};
use crate::durable::lists::{DEFAULT_LIMIT, MAX_LIMIT, Range};
use crate::hooks::{self, Way};
use crate::http::{self, Request};
use crate::store::{Access, Source, StoreError};
use crate::{ledger, operator};

/// A request whose key is verified.
pub struct Caller<'a> {
    pub request: &'a Request,
    pub env: &'a Env,
    pub config: &'a Config,
    pub principal: Principal,
    pub circumstances: Circumstances,
}

impl<'a> Caller<'a> {
    pub async fn new(
        request: &'a Request,
        env: &'a Env,
        context: &Context,
        config: &'a Config,
    ) -> Result<Self, Failure> {
        let access = access_of(request, env);
        let principal =
            auth::verify(config, &access, context, request, auth::of(request)).await.map_err(|error| match error {
                Unverified::Wrong(problem) => problem,
                Unverified::Unknown(error) => cannot_verify(error),
            })?;
        Ok(Self { request, env, config, principal, circumstances: Circumstances::of(request)? })
    }

    /// The way to a tenant's ledger.
    pub fn ledger(&self, tenant: &TenantId) -> Client {
        ledger::of(self.env, tenant, &self.principal.actor, self.circumstances)
    }

    /// The way to the operator's object.
    pub fn operator(&self) -> Client {
        operator::of(self.env, &self.principal.actor, self.circumstances)
    }

    /// The page of a list that the request asks for.
    pub fn range(&self, kind: Cursor) -> Result<Range, Problem> {
        let limit = match self.request.query("limit")?.map(|limit| http::number(&limit)) {
            None => DEFAULT_LIMIT,
            Some(Some(limit @ 1..=MAX_LIMIT)) => limit,
            Some(_) => return Err(Problem::bad_request(format!("1 to {MAX_LIMIT}")).in_field("limit")),
        };
        let cursor = self.request.query("cursor")?;
        if !cursor.as_deref().is_none_or(|cursor| kind.is_one(cursor)) {
            return Err(Problem::bad_request("not the `next` of a page before").in_field("cursor"));
        }
        Ok(Range { cursor, limit })
    }
}

/// What the cursors of a list are.
#[derive(Clone, Copy)]
pub enum Cursor {
    /// Numbers of rows.
    Number,
    /// Ids of servers.
    Server,
    /// Names, or what KV gave.
    Name,
}

impl Cursor {
    const MAX_BYTES: usize = 512;

    fn is_one(self, text: &str) -> bool {
        let is_short = (1..=Self::MAX_BYTES).contains(&text.len());
        is_short
            && match self {
                Self::Number => http::number::<u32>(text).is_some(),
                Self::Server => ServerId::try_from(text.to_owned()).is_ok(),
                Self::Name => text.bytes().all(|octet| octet.is_ascii_graphic()),
            }
    }
}

/// How a request reads KV.
pub fn access_of<'a>(request: &Request, env: &'a Env) -> Access<'a> {
    let source = if hooks::way(request) == Some(Way::PastCache) { Source::Kv } else { Source::CacheThenKv };
    Access { source, ..Access::for_answer(env) }
}

pub fn cannot_verify(error: StoreError) -> Problem {
    Problem::unavailable(format!("the key cannot be verified: {}", error.as_str()))
}
