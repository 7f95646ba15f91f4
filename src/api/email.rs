//! The `email` event of Cloudflare Email Routing: a reject is `setReject`, a defer an exception, an accept goes on to
//! the address in `EMAIL_FORWARD_TO`.

use js_sys::futures::JsFuture;
use js_sys::{Error, Promise};
use tidegate_wire::cloudflare;
use tidegate_wire::gateway::{MAX_PREFIX, Prefix};
use tidegate_wire::native::Defaults;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::worker_sys::web_sys::ReadableStream;
use worker::{Context, Env};

use super::decide::{Site, decide_event};
use crate::config::Config;
use crate::durable::client::Circumstances;
use crate::http::read_header;
use crate::metrics;
use crate::store::Access;

#[wasm_bindgen]
extern "C" {
    /// <https://developers.cloudflare.com/email-routing/email-workers/runtime-api/>
    pub type EmailMessage;

    #[wasm_bindgen(method, getter, catch)]
    fn to(this: &EmailMessage) -> Result<String, JsValue>;

    #[wasm_bindgen(method, getter, catch)]
    fn raw(this: &EmailMessage) -> Result<ReadableStream, JsValue>;

    #[wasm_bindgen(method, catch, js_name = setReject)]
    fn set_reject(this: &EmailMessage, reason: &str) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn forward(this: &EmailMessage, to: &str) -> Result<Promise, JsValue>;
}

/// Handles one message. An error defers it: Cloudflare answers the sender with a temporary fault.
pub async fn handle(message: &EmailMessage, env: &Env, context: &Context) -> Result<(), JsValue> {
    let config = Config::get(env);
    let reply = decide(&config, message, env, context).await;
    metrics::tell_later(env, context);
    match reply.as_bytes().first() {
        Some(b'4') => Err(Error::new(&reply).into()),
        // a promise where the message lies in another process, as in development
        Some(_) => JsFuture::from(Promise::resolve(&message.set_reject(&reply)?)).await.map(drop),
        None => {
            // without an address the message would be lost: better that the sender keeps it
            let missing = || Error::new("4.3.5 EMAIL_FORWARD_TO is not set");
            let to = config.email.forward_to.as_deref().ok_or_else(missing)?;
            JsFuture::from(message.forward(to)?).await.map(drop)
        }
    }
}

/// The text of a defer or reject; empty for an accept, which every fault of ours is.
async fn decide(config: &Config, message: &EmailMessage, env: &Env, context: &Context) -> String {
    let Some(tenant) = &config.email.tenant else {
        worker::console_error!("EMAIL_TENANT names no tenant: mail is forwarded without a decision");
        return String::new();
    };
    let read = async {
        let header = read_header(&message.raw()?, MAX_PREFIX).await?;
        Ok::<_, JsValue>((message.to()?, header))
    };
    let (to, (header, is_whole)) = match read.await {
        Ok(read) => read,
        Err(error) => {
            worker::console_error!("the message could not be read: {error:?}");
            return String::new();
        }
    };
    let defaults = Defaults { tenant: Some(tenant.clone()), connector: Some(config.email.connector), own_hops: None };
    let header = Prefix { bytes: &header, is_whole };
    let Ok(posted) = cloudflare::request(header, &to, &defaults) else {
        return String::new();
    };
    let access = Access::for_answer(env);
    let circumstances = Circumstances::default();
    let (actor, is_bound, refuses_at_rcpt) = ("email", false, false);
    let site = Site { config, context, actor, is_bound, refuses_at_rcpt, circumstances, access };
    String::from_utf8(decide_event(&site, &posted, cloudflare::answer).await.unwrap_or_default()).unwrap_or_default()
}
