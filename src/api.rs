//! Routes, and what they answer.

mod access;
mod decide;
mod tenants;

use tidegate_engine::event::TenantId;
use tidegate_engine::server::ServerId;
use tidegate_engine::time::Timestamp;
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use crate::config::Config;
use crate::http::{self, Request};
use crate::ledger::{Call, LedgerClient};
use crate::platform::real_now;

/// Answers one request. `POST /v1/decide` comes before any other route.
pub async fn answer(request: Request, env: Env, context: Context) -> Result<Response, JsValue> {
    if request.path() == "/v1/decide" && request.method == "POST" {
        return decide::answer(&request, &env, &context).await;
    }
    match route(&request, &env).await {
        Ok(response) => Ok(response),
        Err(Failure::Problem(problem)) => http::problem(&problem),
        Err(Failure::Runtime(error)) => {
            worker::console_error!("{}: {error:?}", request.path());
            http::problem(&Problem::unavailable("something of ours failed; try again"))
        }
    }
}

async fn route(request: &Request, env: &Env) -> Result<Response, Failure> {
    let segments = request.path().split('/').skip(1).map(http::percent_decode);
    let segments: Vec<String> = segments.collect::<Option<_>>().ok_or_else(no_route)?;
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let config = Config::get(env);
    match (request.method.as_str(), segments.as_slice()) {
        ("GET" | "HEAD", ["v1", "health"]) => Ok(tenants::health(&config)?),
        (_, ["v1", "health"]) => Err(not_allowed("GET, HEAD")),
        (_, ["v1", "decide"]) => Err(not_allowed("POST")),
        (method, ["v1", "tenants", tenant, rest @ ..]) => {
            access::admin(&config, request)?;
            let tenant: TenantId =
                tenant.parse().map_err(|error| Problem::bad_request(format!("{error}")).in_field("tenant"))?;
            let ledger = LedgerClient::new(env, &tenant, test_clock(&config, request)?);
            match (method, rest) {
                ("GET" | "HEAD", ["policy"]) => Ok(ledger.forward(Call::Policy).await?),
                ("PUT", ["policy"]) => tenants::put_policy(&ledger, &tenant, request).await,
                ("GET" | "HEAD", ["servers"]) => tenants::servers(&ledger, request).await,
                ("GET" | "HEAD", ["servers", server]) => {
                    let missing = |_| Problem::not_found("there is no such server");
                    let id = ServerId::try_from((*server).to_owned()).map_err(missing)?;
                    Ok(ledger.forward(Call::Server { id }).await?)
                }
                (_, ["policy"]) => Err(not_allowed("GET, HEAD, PUT")),
                (_, ["servers"] | ["servers", _]) => Err(not_allowed("GET, HEAD")),
                _ => Err(no_route().into()),
            }
        }
        ("POST", ["v1", "test", "tick"]) if config.is_test => {
            access::admin(&config, request)?;
            let clock = test_clock(&config, request)?.unwrap_or_else(real_now);
            let tenant = request.query("tenant").and_then(|tenant| tenant.parse().ok());
            let tenant: TenantId = tenant.ok_or_else(|| Problem::bad_request("which tenant").in_field("tenant"))?;
            LedgerClient::new(env, &tenant, Some(clock)).forward(Call::Tick).await?;
            Ok(http::no_content()?)
        }
        _ => Err(no_route().into()),
    }
}

/// The clock that a test sets with `x-tidegate-now`. Elsewhere the header is ignored.
fn test_clock(config: &Config, request: &Request) -> Result<Option<Timestamp>, Problem> {
    if !config.is_test {
        return Ok(None);
    }
    let Some(text) = request.header("x-tidegate-now") else {
        return Ok(None);
    };
    text.parse().map(Some).map_err(|error| Problem::bad_request(format!("{error}")).in_field("x-tidegate-now"))
}

fn no_route() -> Problem {
    Problem::not_found("there is nothing at this address")
}

fn not_allowed(known: &'static str) -> Failure {
    Problem::method_not_allowed().allowing(known).into()
}

/// The caller's fault, or the runtime's.
enum Failure {
    Problem(Problem),
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
