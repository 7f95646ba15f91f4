//! `POST /gateways/postfix`: Postfix's policy delegation, which shows no header.
//!
//! Only a message with its header can earn a defer or reject, so this reports: it lets all mail go on to the milter,
//! which decides. A key's setting asks for more: then an address is deferred from which every machine of the last 30
//! days is out of date and would be refused in this very minute, each by its last message, decided anew. Every fifth
//! minute passes all the same, so that who was patched can show it; these answers are not recorded and renew nothing.

use std::borrow::Cow;

use super::Stop;
use super::asker::Asker;
use crate::api::decide::{Fault, Site, decide_again};
use crate::store::{Access, PeerKey, StoreError};
use tidegate_engine::{Action, Header, MINUTE, MailEvent, Reply, Timestamp};
use tidegate_wire::native::Defaults;
use tidegate_wire::postfix::{self as wire, Client};

/// Of so many minutes the first one passes.
const PASSES_EVERY: i64 = 5;

/// The answer to what Postfix says of a client.
pub async fn answer(asker: &Asker, body: &[u8], site: &Site<'_>) -> Result<Vec<u8>, Stop> {
    let client = wire::request(body);
    let now = site.circumstances.now();
    let passes = now.0.div_euclid(MINUTE).rem_euclid(PASSES_EVERY) == 0;
    let reply =
        if site.refuses_at_rcpt && !passes { refusal(site, &asker.defaults, &client, now).await } else { Ok(None) };
    let reply = match reply {
        Err(StoreError::Uncached) => return Err(Stop::AwaitsStorage),
        Err(error) => {
            Fault::from(error).note();
            None
        }
        Ok(reply) => reply,
    };
    Ok(wire::answer(reply.as_ref(), client.form))
}

/// The defer that each machine at the client's address would get now, at the least.
async fn refusal(
    site: &Site<'_>,
    defaults: &Defaults,
    client: &Client<'_>,
    now: Timestamp,
) -> Result<Option<Reply>, StoreError> {
    let (Some(tenant), Some(address)) = (&defaults.tenant, client.address) else { return Ok(None) };
    let key = PeerKey(tenant, address);
    let (Some(peer), refresh) = site.access.get(&key).await? else { return Ok(None) };
    if refresh {
        let (env, tenant) = (site.access.env.clone(), tenant.clone());
        site.context.wait_until(async move { Access::for_answer(&env).refresh(&PeerKey(&tenant, address)).await });
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
        match decide_again(site, &event, &machine.server).await? {
            Some(reply) => text = text.or(Some(reply.text)),
            None => return Ok(None),
        }
    }
    Ok(text.and_then(|text| Reply::repeated(Action::Defer, &text)))
}
