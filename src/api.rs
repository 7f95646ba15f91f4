//! Routes, and what they answer.

mod auth;
mod caller;
mod changes;
mod decide;
pub mod email;
mod facts;
mod failure;
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
mod waking;

use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use crate::config::Config;
use crate::http::{self, Request};
use crate::metrics;
use caller::{Caller, access_of};
use failure::{Failure, no_route, not_allowed};

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
