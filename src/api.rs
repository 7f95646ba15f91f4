//! Routes, and what they answer.

mod access;
mod decide;
mod http;
mod tenants;

use tidegate_engine::event::TenantId;
use tidegate_engine::server::ServerId;
use tidegate_engine::time::Timestamp;
use tidegate_wire::problem::Problem;
use worker::{Context, Env, Method, Request, Response};

use crate::config::Config;
use crate::ledger::{Call, LedgerClient};
use crate::platform::{STORAGE_DEADLINE, real_now};

/// Answers one request. `POST /v1/decide` comes before any other route.
pub async fn answer(request: Request, env: Env, context: Context) -> worker::Result<Response> {
    let path = request.path();
    if path == "/v1/decide" && request.method() == Method::Post {
        return decide::answer(request, env, context).await;
    }
    match route(request, &env, &path).await {
        Ok(response) => Ok(response),
        Err(Failure::Problem(problem)) => http::problem(&problem),
        Err(Failure::Runtime(error)) => {
            worker::console_error!("{path}: {error}");
            http::problem(&Problem::unavailable("something of ours failed; try again"))
        }
    }
}

async fn route(request: Request, env: &Env, path: &str) -> Result<Response, Failure> {
    let method = request.method();
    let segments: Vec<String> = path
        .split('/')
        .skip(1)
        .map(http::percent_decode)
        .collect::<Option<_>>()
        .ok_or_else(no_route)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let config = Config::get(env);
    match (&method, segments.as_slice()) {
        (Method::Get | Method::Head, ["v1", "health"]) => Ok(tenants::health(&config)?),
        (_, ["v1", "health"] | ["v1", "decide"]) => Err(Problem::method_not_allowed().into()),
        (_, ["v1", "tenants", tenant, rest @ ..]) => {
            access::admin(&config, &request)?;
            let tenant: TenantId = tenant
                .parse()
                .map_err(|error| Problem::bad_request(format!("{error}")).in_field("tenant"))?;
            let clock = http::test_clock(&config, &request)?;
            let at = At {
                ledger: LedgerClient::new(env, &tenant, clock),
                now: clock.unwrap_or_else(real_now),
            };
            match (&method, rest) {
                (Method::Get, ["policy"]) => tenants::get_policy(&at).await,
                (Method::Put, ["policy"]) => tenants::put_policy(&at, &tenant, request).await,
                (Method::Get, ["servers"]) => tenants::servers(&at, &request).await,
                (Method::Get, ["servers", server]) => {
                    let missing = || Problem::not_found("there is no such server");
                    let server = ServerId::try_from((*server).to_owned()).map_err(|_| missing())?;
                    tenants::server(&at, server).await
                }
                (_, ["policy"] | ["servers"] | ["servers", _]) => Err(Problem::method_not_allowed().into()),
                _ => Err(no_route().into()),
            }
        }
        (Method::Post, ["v1", "test", "tick"]) if config.is_test => {
            access::admin(&config, &request)?;
            let clock = http::test_clock(&config, &request)?;
            let tenant = http::query(&request, "tenant").and_then(|tenant| tenant.parse().ok());
            let tenant: TenantId = tenant.ok_or_else(|| Problem::bad_request("which tenant").in_field("tenant"))?;
            let ledger = LedgerClient::new(env, &tenant, clock.or_else(|| Some(real_now())));
            ledger
                .call::<()>(Call::Tick, STORAGE_DEADLINE * 10)
                .await
                .map_err(|error| Problem::unavailable(error.as_str()))?;
            Ok(Response::empty()?.with_status(204))
        }
        _ => Err(no_route().into()),
    }
}

/// What an operation on a tenant works with.
struct At {
    ledger: LedgerClient,
    now: Timestamp,
}

fn no_route() -> Problem {
    Problem::not_found("there is nothing at this address")
}

/// The caller's fault, or the runtime's.
enum Failure {
    Problem(Problem),
    Runtime(worker::Error),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<worker::Error> for Failure {
    fn from(error: worker::Error) -> Self {
        Self::Runtime(error)
    }
}
