//! What belongs to one tenant: checked here, kept and shown by the tenant's ledger.

use serde::Deserialize;
use serde::de::IgnoredAny;
use tidegate_engine::MAX_STAGES;
use tidegate_engine::ServerId;
use tidegate_engine::TenantId;
use tidegate_engine::{DelegatedRight, Policy};
use tidegate_wire::problem::{Problem, read_json};
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor, access_of};
use super::changes::change;
use super::failure::{Failure, no_route, not_allowed};
use super::{fleet, freezes, notices, report};
use crate::common::Common;
use crate::durable::client::Client;
use crate::http;
use crate::ledger::{Author, Call, Filter, Proposal, PutPolicy};
use crate::store::{self, PhaseKey};

pub async fn route(caller: &Caller<'_>, method: &str, tenant: &str, rest: &[&str]) -> Result<Response, Failure> {
    let tenant: TenantId =
        tenant.parse().map_err(|error| Problem::bad_request(format!("{error}")).in_field("tenant"))?;
    caller.principal.reads_tenant(&tenant)?;
    let ledger = caller.ledger(&tenant);
    match rest {
        [] => match method {
            "GET" => Ok(ledger.forward(&Call::Tenant).await?),
            "DELETE" => fleet::delete(caller, &ledger, &tenant).await,
            _ => Err(not_allowed("GET, HEAD, DELETE")),
        },
        ["policy"] => match method {
            "GET" => Ok(ledger.forward(&Call::Policy).await?),
            "PUT" => put_policy(caller, &ledger, &tenant).await,
            _ => Err(not_allowed("GET, HEAD, PUT")),
        },
        ["policy", "preview"] => match method {
            "POST" => preview_policy(caller, &ledger, &tenant).await,
            _ => Err(not_allowed("POST")),
        },
        ["servers"] => match method {
            "GET" => servers(caller, &ledger).await,
            _ => Err(not_allowed("GET, HEAD")),
        },
        ["servers", server] => {
            let id = server_id(server)?;
            match method {
                "GET" => Ok(ledger.forward(&Call::Server { id }).await?),
                "DELETE" => delete_server(caller, &ledger, PhaseKey(&tenant, &id)).await,
                _ => Err(not_allowed("GET, HEAD, DELETE")),
            }
        }
        ["report"] => match method {
            "GET" => report::answer(caller, &ledger).await,
            _ => Err(not_allowed("GET, HEAD")),
        },
        ["servers", server, "counts"] => match method {
            "GET" => report::counts(caller, &ledger, server_id(server)?).await,
            _ => Err(not_allowed("GET, HEAD")),
        },
        ["servers", server, "exemption"] => {
            freezes::exemption(caller, &ledger, &tenant, method, server_id(server)?).await
        }
        ["pauses", rest @ ..] => freezes::pauses(caller, &ledger, &tenant, method, rest).await,
        ["notifications"] => notices::notifications(caller, &ledger, method).await,
        ["webhooks", rest @ ..] => notices::webhooks(caller, &ledger, &tenant, method, rest).await,
        ["audit"] => match method {
            "GET" => Ok(ledger.forward(&Call::Audit(caller.range(Cursor::Number)?)).await?),
            _ => Err(not_allowed("GET, HEAD")),
        },
        _ => Err(no_route().into()),
    }
}

async fn put_policy(caller: &Caller<'_>, ledger: &Client, tenant: &TenantId) -> Result<Response, Failure> {
    caller.principal.changes_tenant(tenant)?;
    let (if_rev, or_revs) = http::if_match(caller.request)?.map(|it| (it.first, it.others)).unzip();
    let proposal = proposal(caller).await?;
    let needs = caller.principal.needs(DelegatedRight::Policy);
    let put = Call::PutPolicy(Box::new(PutPolicy { proposal, if_rev, or_revs: or_revs.unwrap_or_default(), needs }));
    change(ledger, tenant, &put, 200).await
}

/// Needs no delegation: who may not change the policy may still see what a change would do, and ask for it.
async fn preview_policy(caller: &Caller<'_>, ledger: &Client, tenant: &TenantId) -> Result<Response, Failure> {
    caller.principal.changes_tenant(tenant)?;
    Ok(ledger.forward(&Call::PreviewPolicy(Box::new(proposal(caller).await?))).await?)
}

/// The policy in the body, checked.
async fn proposal(caller: &Caller<'_>) -> Result<Proposal, Failure> {
    let body = caller.request.body().await?;
    let policy: Policy = read_json(&body)?;
    let common = Common::read(&access_of(caller.request, caller.env)).await;
    let common = common.map_err(|error| Problem::unavailable(error.as_str()))?;
    policy.check(&common.facts).map_err(|error| Problem::unprocessable(error.reason).in_field(error.field))?;
    let author = if caller.principal.is_admin() { Author::Admin } else { other_author(&body)? };
    Ok(Proposal { policy, author })
}

async fn delete_server(caller: &Caller<'_>, ledger: &Client, server: PhaseKey<'_>) -> Result<Response, Failure> {
    caller.principal.deletes_servers()?;
    let response = ledger.forward(&Call::DeleteServer { id: server.1.clone() }).await?;
    if response.ok() {
        store::forget(&server);
    }
    Ok(response)
}

/// Whether a policy's JSON names what an admin sets.
fn other_author(body: &[u8]) -> Result<Author, Problem> {
    #[derive(Deserialize)]
    struct Named {
        delegated: Option<IgnoredAny>,
        pause_days_per_year: Option<IgnoredAny>,
    }
    let Named { delegated, pause_days_per_year } = read_json(body)?;
    Ok(Author::Other { names_delegated: delegated.is_some(), names_pause_days: pause_days_per_year.is_some() })
}

async fn servers(caller: &Caller<'_>, ledger: &Client) -> Result<Response, Failure> {
    let number =
        |stage: String| http::number::<u8>(&stage).filter(|number| (1..=MAX_STAGES).contains(&usize::from(*number)));
    let not_one = || Problem::bad_request(format!("the number of a stage, 1 to {MAX_STAGES}")).in_field("stage");
    let stage = caller.request.query("stage")?.map(|stage| number(stage).ok_or_else(not_one)).transpose()?;
    let state = caller.request.query("state")?;
    if state.as_ref().is_some_and(|state| !["current", "out_of_date", "unknown"].contains(&state.as_str())) {
        return Err(Problem::bad_request("`current`, `out_of_date` or `unknown`").in_field("state").into());
    }
    let exempt = match caller.request.query("exempt")?.as_deref() {
        None => None,
        Some("true") => Some(true),
        Some("false") => Some(false),
        Some(_) => return Err(Problem::bad_request("`true` or `false`").in_field("exempt").into()),
    };
    let filter = Filter { state, stage, exempt, q: caller.request.query("q")? };
    Ok(ledger.forward(&Call::Servers { filter, range: caller.range(Cursor::Server)? }).await?)
}

fn server_id(text: &str) -> Result<ServerId, Problem> {
    ServerId::try_from(text.to_owned()).map_err(|_| Problem::not_found("there is no such server"))
}
