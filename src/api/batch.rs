//! `POST /v1/decide/batch`: up to 256 messages in one request, decided on side by side. What is to be acknowledged goes to
//! each tenant's ledger in one call.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tidegate_engine::TenantId;
use tidegate_wire::batch::{Batch, Form};
use tidegate_wire::native;
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;
use worker::{Context, Env};

use super::auth::Unverified;
use super::decide::{Decided, Fault, Pending, Site, decide, defaults, read_ahead, record, undecided};
use super::{access_of, auth};
use crate::config::Config;
use crate::durable::client::{CallError, Circumstances};
use crate::http::{self, MAX_BODY, Request};
use crate::metrics::Counter;

/// Octets of a batch.
const MAX_BATCH_BODY: usize = 8 * 1024 * 1024;

pub async fn answer(request: &Request, env: &Env, context: &Context) -> Result<Response, JsValue> {
    let config = Config::get(env);
    match decide_posted(&config, request, env, context).await {
        Ok((form, answers)) => respond(form, &answers),
        Err(problem) => http::problem(&problem),
    }
}

async fn decide_posted(
    config: &Config,
    request: &Request,
    env: &Env,
    context: &Context,
) -> Result<(Form, Vec<Vec<u8>>), Problem> {
    let mut access = access_of(request, env);
    let principal = match auth::verify(config, &access, context, request, auth::of(request)).await {
        Ok(principal) => Some(principal),
        Err(Unverified::Wrong(problem)) => return Err(problem),
        Err(Unverified::Unknown(why)) => {
            worker::console_warn!("the key cannot be verified: {why}");
            None
        }
    };
    if let Some(principal) = &principal {
        principal.decides()?;
    }
    let circumstances = Circumstances::of(request)?;
    let body = access.deadline.paused_for(request.body_within(MAX_BATCH_BODY)).await?;
    let is_lines = request.header("content-type").is_some_and(|kind| {
        kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/x-ndjson"))
    });
    let Batch { form, events } = Batch::split(&body, is_lines)?;
    let Some(principal) = principal else {
        let why = "the key cannot be verified";
        let undecided = |_: &&[u8]| undecided(None, None, Fault::new(Counter::DegradedKey, why), native::answer);
        return Ok((form, events.iter().map(undecided).collect()));
    };
    let defaults = defaults(&principal);
    let (actor, is_bound) = (principal.actor.as_str(), principal.tenant.is_some());
    let refuses_at_rcpt = principal.gateway.postfix_refusals;
    let site = Site { config, context, actor, is_bound, refuses_at_rcpt, circumstances, access };
    let posted = events.into_iter().map(|event| match event.len() {
        0..=MAX_BODY => native::Request::parse(event, &defaults),
        _ => Err(Problem::too_large(MAX_BODY)),
    });
    let posted: Vec<_> = posted.collect();
    read_ahead(&site, posted.iter().flatten()).await;
    Ok((form, decide_all(&site, &posted).await))
}

/// The answers in the order of the events. Each tenant's ledger is asked once, and all of them side by side.
async fn decide_all(site: &Site<'_>, posted: &[Result<native::Request<'_>, Problem>]) -> Vec<Vec<u8>> {
    let decided = join_all(posted.iter().map(async |posted| match posted {
        Ok(posted) => decide(site, posted, native::answer).await,
        Err(problem) => Decided::Answered(problem.to_json()),
    }));
    let decided = decided.await;
    let mut by_tenant: BTreeMap<&TenantId, Vec<&Pending<'_>>> = BTreeMap::new();
    for decided in &decided {
        if let Decided::AwaitsReceipt(pending) = decided {
            by_tenant.entry(pending.tenant()).or_default().push(pending);
        }
    }
    let receipts = by_tenant.into_iter().map(async |(tenant, pending)| (tenant, record(site, tenant, &pending).await));
    let receipts: BTreeMap<_, _> = join_all(receipts).await.into_iter().collect();
    let answer = |decided: &Decided<'_>| match decided {
        Decided::Answered(answer) => answer.clone(),
        Decided::AwaitsReceipt(pending) => {
            let none = Err(CallError::Failed);
            pending.answer(receipts.get(pending.tenant()).unwrap_or(&none), native::answer)
        }
    };
    decided.iter().map(answer).collect()
}

fn respond(form: Form, answers: &[Vec<u8>]) -> Result<Response, JsValue> {
    match form {
        Form::Array => {
            let mut body = b"[".to_vec();
            body.extend_from_slice(&answers.join(&b","[..]));
            body.push(b']');
            http::json(&body)
        }
        Form::Lines => {
            let mut body = answers.join(&b"\n"[..]);
            if !body.is_empty() {
                body.push(b'\n');
            }
            http::respond(200, "application/x-ndjson", &[], &body)
        }
    }
}
