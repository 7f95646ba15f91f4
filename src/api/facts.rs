//! Catalog, baselines and the ceiling: for all tenants alike, set by an admin.

use serde::Deserialize;
use tidegate_engine::Mode;
use tidegate_wire::problem::{Problem, read_json};
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor};
use super::failure::{Failure, done, not_allowed};
use crate::durable::client::{ADMIN_DEADLINE, CallError};
use crate::http;
use crate::operator::{self, Call, Changed, Content, ControlCall, PutFacts};
use crate::store::{self, ControlKey, FactsKey};

/// The catalog or a baseline.
pub async fn route(caller: &Caller<'_>, method: &str, key: FactsKey) -> Result<Response, Failure> {
    caller.principal.reads()?;
    let not_one = || Problem::bad_request("the number of a version").in_field("version");
    let number = |version: String| http::number::<u32>(&version).map(u64::from).ok_or_else(not_one);
    let version = caller.request.query("version")?.map(number).transpose()?;
    match method {
        "GET" => Ok(caller.operator().forward(&Call::Facts(key, version)).await?),
        "PUT" => put(caller, key, version).await,
        _ => Err(not_allowed("GET, HEAD, PUT")),
    }
}

pub async fn baselines(caller: &Caller<'_>) -> Result<Response, Failure> {
    caller.principal.reads()?;
    Ok(caller.operator().forward(&Call::Baselines(caller.range(Cursor::Name)?)).await?)
}

async fn put(caller: &Caller<'_>, key: FactsKey, version: Option<u64>) -> Result<Response, Failure> {
    caller.principal.administers()?;
    let if_version = http::if_match(caller.request)?;
    let body = caller.request.body().await?;
    let content = match version {
        Some(_) if !body.is_empty() => {
            let why = "either a version that is to be in force again, or a body with a new one";
            return Err(Problem::bad_request(why).in_field("version").into());
        }
        Some(version) => Content::Version(version),
        None => {
            let body = String::from_utf8(body);
            Content::New(body.map_err(|_| Problem::bad_request("malformed JSON: not UTF-8"))?)
        }
    };
    let (if_version, or_versions) = if_version.map(|it| (it.first, it.others)).unzip();
    change(caller, PutFacts { key, content, if_version, or_versions: or_versions.unwrap_or_default() }).await
}

/// `/v1/control/mode`.
pub async fn control(caller: &Caller<'_>, method: &str) -> Result<Response, Failure> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Posted {
        mode: Mode,
    }
    caller.principal.reads_all()?;
    let mode = match method {
        "GET" => None,
        "PUT" => {
            caller.principal.administers()?;
            let body = caller.request.body().await?;
            Some(read_json::<Posted>(&body)?.mode)
        }
        _ => return Err(not_allowed("GET, HEAD, PUT")),
    };
    let control = operator::control(caller.env, &caller.principal.actor, caller.circumstances);
    let changed = match control.request(&Call::ToControl(ControlCall::Ceiling(mode)), ADMIN_DEADLINE).await {
        // while a deploy goes on it may run the release before, or the operator's own object may: that one is asked then.
        // It takes the variable in, and is told no other one than its own
        Err(CallError::Failed) if mode != Some(Mode::Enforce) => {
            let call = Call::Control(caller.config.mode_ceiling, mode);
            caller.operator().request(&call, ADMIN_DEADLINE).await
        }
        changed => changed,
    };
    let Changed { control, shown, .. } = done(changed?)?;
    // what was only asked for may be the past
    if mode.is_some() {
        store::remember(&ControlKey, control);
    }
    Ok(http::json(shown.as_bytes())?)
}

/// Has facts put in force, remembers what will be published, and answers with what is shown.
async fn change(caller: &Caller<'_>, put: PutFacts) -> Result<Response, Failure> {
    let put = caller.operator().request(&Call::PutFacts(put), ADMIN_DEADLINE).await?;
    let Changed { control, shown, version } = done(put)?;
    store::remember(&ControlKey, control);
    let tag = version.map(http::etag);
    let tag: Vec<_> = tag.iter().map(|tag| ("etag", tag.as_str())).collect();
    Ok(http::respond(200, "application/json", &tag, shown.as_bytes())?)
}
