//! What a tenant is told, and where.

use serde::Deserialize;
use tidegate_engine::TenantId;
use tidegate_wire::problem::{Problem, read_json};
use wasm_bindgen::prelude::wasm_bindgen;
use worker::worker_sys::web_sys::Response;

use super::caller::{Caller, Cursor};
use super::changes::change;
use super::failure::{Failure, no_route, not_allowed};
use crate::durable::client::Client;
use crate::ledger::target::{MAX_URL, Parts, refusal};
use crate::ledger::{Call, WebhookCall};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewWebhook {
    url: String,
}

pub async fn notifications(caller: &Caller<'_>, ledger: &Client, method: &str) -> Result<Response, Failure> {
    match method {
        "GET" => Ok(ledger.forward(&Call::Notifications(caller.range(Cursor::Number)?)).await?),
        _ => Err(not_allowed("GET, HEAD")),
    }
}

pub async fn webhooks(
    caller: &Caller<'_>,
    ledger: &Client,
    tenant: &TenantId,
    method: &str,
    rest: &[&str],
) -> Result<Response, Failure> {
    let call = match (method, rest) {
        ("GET", []) => {
            let range = caller.range(Cursor::Name)?;
            // who may make one may see where others lead; an address may be all that a receiver asks for
            let may_see = caller.principal.changes_tenant(tenant).is_ok();
            let list = if may_see { WebhookCall::List(range) } else { WebhookCall::ListMasked(range) };
            return Ok(ledger.forward(&Call::Webhooks(list)).await?);
        }
        ("POST", []) => {
            caller.principal.changes_tenant(tenant)?;
            let NewWebhook { url } = read_json(&caller.request.body().await?)?;
            WebhookCall::Create { url: target(&url, caller)? }
        }
        ("POST", [id, "rotate"]) => {
            caller.principal.changes_tenant(tenant)?;
            WebhookCall::Rotate { id: (*id).to_owned() }
        }
        ("DELETE", [id]) => {
            caller.principal.changes_tenant(tenant)?;
            WebhookCall::Delete { id: (*id).to_owned() }
        }
        (_, []) => return Err(not_allowed("GET, HEAD, POST")),
        (_, [_]) => return Err(not_allowed("DELETE")),
        (_, [_, "rotate"]) => return Err(not_allowed("POST")),
        _ => return Err(no_route().into()),
    };
    let status = if matches!(call, WebhookCall::Create { .. }) { 201 } else { 200 };
    change(ledger, tenant, &Call::Webhooks(call), status).await
}

/// The address in the runtime's own form, if notifications may be posted to it.
fn target(url: &str, caller: &Caller<'_>) -> Result<String, Problem> {
    let refused = |why: &str| Problem::unprocessable(why).in_field("url");
    if url.len() > MAX_URL || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(refused("an address has 500 characters at most, and no blanks"));
    }
    let read = url_parts(url);
    let mut lines = read.split('\n');
    let mut line = || lines.next().unwrap_or_default();
    let (href, scheme, user, host) = (line(), line(), line(), line());
    let own = url_parts(caller.request.url());
    let own = own.split('\n').nth(3).unwrap_or_default();
    let parts = Parts { scheme, has_user_info: !user.is_empty(), has_fragment: url.contains('#'), host };
    match refusal(parts, own) {
        _ if href.is_empty() || href.len() > MAX_URL => {
            Err(refused("not an address such as `https://hooks.example.com/`"))
        }
        Some(why) => Err(refused(why)),
        None => Ok(href.to_owned()),
    }
}

#[wasm_bindgen(inline_js = r#"
// The address, its scheme, user info and host, a line each; nothing for what is no address.
export const url_parts = (text) => {
  const url = URL.parse(text);
  return url ? [url.href, url.protocol, url.username + url.password, url.hostname].join("\n") : "";
};
"#)]
extern "C" {
    fn url_parts(text: &str) -> String;
}
