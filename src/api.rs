//! Routes, and what they answer.

mod auth;
mod decide;
pub mod email;
mod facts;
mod fleet;
mod freezes;
pub mod gateways;
mod keys;
mod notices;
mod report;
mod system;
mod tenants;
#[cfg(feature = "test-hooks")]
mod tick;

use tidegate_engine::{ServerId, TenantId};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use crate::access::Principal;
use crate::config::Config;
use crate::durable::client::{CallError, Circumstances, Outcome};
use crate::durable::lists::{DEFAULT_LIMIT, MAX_LIMIT, Range};
use crate::hooks::{self, Way};
use crate::http::{self, Request};
use crate::metrics;
use crate::store::{Access, Source, StoreError};
use auth::Unverified;

/// Answers one request that is no gateway's question about messages: those are answered by `entry`.
pub async fn answer(request: Request, env: Env, context: Context) -> Result<Response, JsValue> {
    let response = if gateways::is_mta_hooks(request.path()) {
        gateways::answer_mta_hooks(&request, &env, &context).await?
    } else {
        answer_other(&request, &env, &context).await?
    };
    Ok(answered(response, &env, &context))
}

/// Counts an answer.
pub fn answered(response: Response, env: &Env, context: &Context) -> Response {
    metrics::count_status(response.status());
    metrics::tell_later(env, context);
    response
}

async fn answer_other(request: &Request, env: &Env, context: &Context) -> Result<Response, JsValue> {
    match route(request, env, context).await {
        Ok(response) => Ok(response),
        Err(Failure::Problem(problem)) => http::problem(&problem),
        Err(Failure::Answered(response)) => Ok(response),
        Err(Failure::Runtime(error)) => {
            worker::console_error!("{}: {error:?}", request.path());
            http::problem(&Problem::unavailable("something of ours failed; try again"))
        }
    }
}

async fn route(request: &Request, env: &Env, context: &Context) -> Result<Response, Failure> {
    let segments = request.path().split('/').skip(1).map(http::percent_decode);
    let segments: Vec<String> = segments.collect::<Option<_>>().ok_or_else(no_route)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let config = Config::get(env);
    let method = match request.method.as_str() {
        "HEAD" => "GET",
        method => method,
    };
    match segments.as_slice() {
        ["v1", "health"] => match method {
            "GET" => Ok(system::health(&config, &access_of(request, env)).await?),
            _ => Err(not_allowed("GET, HEAD")),
        },
        ["metrics"] => system::metrics(&Caller::new(request, env, context, &config).await?, method).await,
        ["v1", rest @ ..] => {
            let caller = Caller::new(request, env, context, &config).await?;
            match rest {
                ["tenants"] => fleet::list(&caller, method).await,
                ["tenants", tenant, rest @ ..] => tenants::route(&caller, method, tenant, rest).await,
                _ => system::route(&caller, method, rest).await,
            }
        }
        _ => Err(no_route().into()),
    }
}

/// A request whose key is verified.
struct Caller<'a> {
    request: &'a Request,
    env: &'a Env,
    config: &'a Config,
    principal: Principal,
    circumstances: Circumstances,
}

impl<'a> Caller<'a> {
    async fn new(request: &'a Request, env: &'a Env, context: &Context, config: &'a Config) -> Result<Self, Failure> {
        let access = access_of(request, env);
        let principal =
            auth::verify(config, &access, context, request, auth::of(request)).await.map_err(|error| match error {
                Unverified::Wrong(problem) => problem,
                Unverified::Unknown(error) => cannot_verify(error),
            })?;
        Ok(Self { request, env, config, principal, circumstances: Circumstances::of(request)? })
    }

    /// The way to a tenant's ledger.
    fn ledger(&self, tenant: &TenantId) -> crate::durable::client::Client {
        crate::ledger::of(self.env, tenant, &self.principal.actor, self.circumstances)
    }

    /// The way to the operator's object.
    fn operator(&self) -> crate::durable::client::Client {
        crate::operator::of(self.env, &self.principal.actor, self.circumstances)
    }

    /// The page of a list that the request asks for.
    fn range(&self, kind: Cursor) -> Result<Range, Problem> {
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
enum Cursor {
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
fn access_of<'a>(request: &Request, env: &'a Env) -> Access<'a> {
    let source = if hooks::way(request) == Some(Way::PastCache) { Source::Kv } else { Source::CacheThenKv };
    Access { source, ..Access::for_answer(env) }
}

fn cannot_verify(error: StoreError) -> Problem {
    Problem::unavailable(format!("the key cannot be verified: {}", error.as_str()))
}

fn no_route() -> Problem {
    Problem::not_found("there is nothing at this address")
}

fn not_allowed(known: &'static str) -> Failure {
    Problem::method_not_allowed().allowing(known).into()
}

/// The answer of an object that may have refused.
fn done<T>(outcome: Outcome<T>) -> Result<T, Failure> {
    match outcome {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Refused(response) => Err(Failure::Answered(response)),
    }
}

/// The caller's fault, an object's refusal, or the runtime's fault.
enum Failure {
    Problem(Problem),
    Answered(Response),
    Runtime(JsValue),
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

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Problem(Problem::unavailable(error.as_str()))
    }
}
