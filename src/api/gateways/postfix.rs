//! `POST /gateways/postfix`: what an address was told lately, for Postfix's policy delegation, which shows no header.
//!
//! Only a message with its header can earn a defer or reject, and these answers are none: they are not recorded and
//! renew nothing, so that a patched server can show that it is. What is repeated has to hold by what is known now: the
//! server is still in its spell and not exempt, its tenant enforces without a pause, the ceiling allows it.

use tidegate_engine::Action;
use tidegate_engine::Mode;
use tidegate_engine::Reply;
use tidegate_wire::gateway::MAX_PREFIX;
use tidegate_wire::native::Defaults;
use tidegate_wire::postfix::{self as wire, Client};
use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;

use super::Asking;
use crate::api::auth::Unverified;
use crate::api::{access_of, circumstances};
use crate::http::{self, Media};
use crate::metrics::{self, Counter};
use crate::platform::{Deadline, real_now};
use crate::store::{Access, Grounds, PeerKey, Reader, StoreError};

pub async fn answer(asking: &Asking<'_>) -> Result<Response, JsValue> {
    match repeat(asking).await {
        Ok(answer) => asking.request.answer(&answer, Media::Text),
        Err(problem) => http::problem(&problem),
    }
}

async fn repeat(asking: &Asking<'_>) -> Result<Vec<u8>, Problem> {
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
    let defaults = principal.map(|principal| asking.defaults(&principal)).transpose()?;
    let (body, _) = asking.request.prefix(MAX_PREFIX).await?;
    let client = wire::request(&body);
    let reply = match defaults {
        Some(defaults) => told(asking, &defaults, &client).await?.unwrap_or_else(|error| {
            worker::console_warn!("degraded: {}", error.as_str());
            metrics::count(Counter::DegradedStore);
            None
        }),
        None => None,
    };
    Ok(wire::answer(reply.as_ref(), client.form))
}

/// What the client's address was told, if that still holds. The outer error is the caller's.
async fn told(
    asking: &Asking<'_>,
    defaults: &Defaults,
    client: &Client<'_>,
) -> Result<Result<Option<Reply>, StoreError>, Problem> {
    let now = circumstances(asking.config, asking.request)?.clock.unwrap_or_else(real_now);
    let (Some(tenant), Some(address)) = (&defaults.tenant, client.address) else {
        return Ok(Ok(None));
    };
    let access = access_of(asking.config, asking.request, asking.env);
    let key = PeerKey(tenant, address);
    let found = async {
        let (Some(peer), refresh) = access.get(&key).await? else {
            return Ok(None);
        };
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
        let reader = Reader { access, tenant };
        let Grounds { policy, control, phase, refresh } = reader.read(Some(&peer.server)).await?;
        if refresh {
            reader.refresh_later(asking.context, Some(&peer.server));
        }
        let (Some(policy), Some(phase)) = (policy, phase) else {
            return Ok(None);
        };
        let (enforcement, control) = (&policy.enforcement, control.unwrap_or_default());
        let mode = enforcement.policy.mode.min(control.ceiling(asking.config.mode_ceiling));
        let holds = mode == Mode::Enforce
            && enforcement.policy.scope.contains(&peer.connector)
            && enforcement.paused_until(now).is_none()
            && phase.policy_rev >= policy.softened_rev
            && phase.phase.running_spell(now).is_some()
            && phase.exemptions.at(now).is_none()
            && !enforcement.policy.accepts_always(client.recipient.as_deref().into_iter());
        let action = if peer.reject { Action::Reject } else { Action::Defer };
        Ok(Reply::repeated(action, &peer.text).filter(|_| holds))
    };
    Ok(found.await)
}
