//! `POST /gateways/postfix`: Postfix's policy delegation, which shows no header.
//!
//! Only a message with its header can earn a defer or reject, so this reports: it lets all mail go on to the milter,
//! which decides. A key's setting asks for more: then an address is deferred from which every machine of the last 30
//! days is out of date and would be refused in this very minute, each by its last message, decided anew. Every fifth
//! minute passes all the same, so that who was patched can show it; these answers are not recorded and renew nothing.

use std::borrow::Cow;

use tidegate_engine::{Action, Header, MINUTE, MailEvent, Reply, Timestamp};
use tidegate_wire::gateway::MAX_PREFIX;
use tidegate_wire::native::Defaults;
use tidegate_wire::postfix::{self as wire, Client};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;

use super::Asking;
use crate::api::access_of;
use crate::api::auth::Unverified;
use crate::api::decide::decide_again;
use crate::durable::client::Circumstances;
use crate::http::{self, Media};
use crate::metrics::{self, Counter};
use crate::platform::Deadline;
use crate::store::{Access, PeerKey, StoreError};

/// Of so many minutes the first one passes.
const PASSES_EVERY: i64 = 5;

pub async fn answer(asking: &Asking<'_>) -> Result<Response, JsValue> {
    match report(asking).await {
        Ok(answer) => asking.request.answer(&answer, Media::Text),
        Err(problem) => http::problem(&problem),
    }
}

async fn report(asking: &Asking<'_>) -> Result<Vec<u8>, Problem> {
    if asking.request.method != "POST" {
        return Err(Problem::method_not_allowed().allowing("POST"));
    }
    let principal = match asking.principal(Some("x-auth-token")).await {
        Ok(principal) => Some(principal),
        Err(Unverified::Wrong(problem)) => return Err(problem),
        Err(Unverified::Unknown(why)) => {
            worker::console_warn!("degraded: {why}");
            metrics::count(Counter::DegradedKey);
            None
        }
    };
    let refuses = principal.as_ref().is_some_and(|principal| principal.gateway.postfix_refusals);
    let defaults = principal.map(|principal| asking.defaults(&principal)).transpose()?;
    let (body, _) = asking.request.prefix(MAX_PREFIX).await?;
    let client = wire::request(&body);
    let now = Circumstances::of(asking.request)?.now();
    let passes = now.0.div_euclid(MINUTE).rem_euclid(PASSES_EVERY) == 0;
    let reply = match defaults {
        Some(defaults) if refuses && !passes => {
            refusal(asking, &defaults, &client, now).await.unwrap_or_else(|error| {
                worker::console_warn!("degraded: {}", error.as_str());
                metrics::count(Counter::DegradedStore);
                None
            })
        }
        _ => None,
    };
    Ok(wire::answer(reply.as_ref(), client.form))
}

/// The defer that each machine at the client's address would get now, at the least.
async fn refusal(
    asking: &Asking<'_>,
    defaults: &Defaults,
    client: &Client<'_>,
    now: Timestamp,
) -> Result<Option<Reply>, StoreError> {
    let (Some(tenant), Some(address)) = (&defaults.tenant, client.address) else { return Ok(None) };
    let access = access_of(asking.request, asking.env);
    let key = PeerKey(tenant, address);
    let (Some(peer), refresh) = access.get(&key).await? else { return Ok(None) };
    if refresh {
        let (env, tenant) = (asking.env.clone(), tenant.clone());
        asking.context.wait_until(async move {
            let access = Access { env: &env, fresh: false, deadline: Deadline::for_answer() };
            access.refresh(&PeerKey(&tenant, address)).await;
        });
    }
    if now >= peer.until {
        return Ok(None);
    }
    let mut text = None;
    for machine in &peer.machines {
        let field = format!("Received: {}\r\n", machine.received);
        let event = MailEvent {
            tenant: tenant.clone(),
            connector: machine.connector,
            client_ip: Some(address),
            client_auth: None,
            own_hops: 0,
            recipients: client.recipient.iter().map(|recipient| Cow::Borrowed(recipient.as_ref())).collect(),
            header: Header::Block(Cow::Borrowed(field.as_bytes())),
        };
        match decide_again((asking.config, asking.context), access, &event, &machine.server, now).await? {
            Some(reply) => text = text.or(Some(reply.text)),
            None => return Ok(None),
        }
    }
    Ok(text.and_then(|text| Reply::repeated(Action::Defer, &text)))
}
