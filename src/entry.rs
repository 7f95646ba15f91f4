//! What the worker's entry point (`entry.js`) calls of a gateway's question about messages, in this order: [`ready`],
//! [`admit`], [`ready`], [`decide`]; what it awaits where the one or the other says that storage has to be awaited; and
//! [`excuse`] where that came to no good end.

use js_sys::Array;
use wasm_bindgen::prelude::{JsValue, wasm_bindgen};
use worker::worker_sys::Context as JsContext;
use worker::worker_sys::web_sys::{ReadableStreamDefaultReader, Request, Response};
use worker::{Context, Env};

use crate::api::answered;
use crate::api::gateways::{self, Admission, Body, DIALECTS, Dialect, Place};
use crate::http;
use crate::platform::hangs_after;
use crate::store::Source;

/// What gateways ask, each as its path, the octets of a body that are read, and the accept where nothing can be asked any
/// more, if there is one, with its media type.
#[wasm_bindgen]
pub fn questions() -> Vec<Array> {
    let question = |dialect: &Dialect| {
        let accept = dialect.accept().and_then(|accept| String::from_utf8(accept).ok());
        let accept = accept.map_or(JsValue::UNDEFINED, JsValue::from);
        Array::of4(&dialect.path.into(), &dialect.body.octets().into(), &accept, &dialect.media.as_str().into())
    };
    DIALECTS.iter().map(question).collect()
}

/// Does nothing. An instance that trapped is made anew by the next call, after that call's arguments were written into the
/// memory of the old one: this one has none.
#[wasm_bindgen]
#[expect(clippy::missing_const_for_fn, reason = "wasm-bindgen exports none")]
pub fn ready() {}

/// After how many milliseconds what [`admit_later`] or [`decide_later`] awaits comes to no end.
#[wasm_bindgen(js_name = "hangsAfter")]
pub fn hangs_after_millis() -> f64 {
    hangs_after().as_secs_f64() * 1_000.0
}

/// A question whose body is to be read.
#[wasm_bindgen]
pub struct Admitted(gateways::Admitted);

/// A question with its body.
#[wasm_bindgen]
pub struct Posted(gateways::Posted);

/// Before the body is read: an [`Admitted`], or the response where it needs no body; `undefined` where that awaits
/// storage.
#[wasm_bindgen]
pub fn admit(request: Request, env: Env, context: JsContext) -> Result<JsValue, JsValue> {
    let context = Context::new(context);
    let at = Place::new(&env, &context, Source::Cache);
    match gateways::at_once(gateways::admit(http::Request::new(request), &at)) {
        Some(admission) => Ok(told(admission?, &env, &context)),
        None => Ok(JsValue::UNDEFINED),
    }
}

/// As [`admit`], when storage has answered.
#[wasm_bindgen(js_name = "admitLater", wasm_bindgen_futures = js_sys::futures)]
pub async fn admit_later(request: Request, env: Env, context: JsContext) -> Result<JsValue, JsValue> {
    let context = Context::new(context);
    let at = Place::new(&env, &context, Source::CacheThenKv);
    Ok(told(gateways::admit(http::Request::new(request), &at).await?, &env, &context))
}

/// The response to a body; a [`Posted`] where that awaits storage. `octets`: none where the body broke off; `rest` reads
/// on where they are not the whole of it.
#[wasm_bindgen]
pub fn decide(
    admitted: Admitted,
    octets: Option<Vec<u8>>,
    rest: Option<ReadableStreamDefaultReader>,
    env: Env,
    context: JsContext,
) -> Result<JsValue, JsValue> {
    let context = Context::new(context);
    let at = Place::new(&env, &context, Source::Cache);
    let body = octets.map(|octets| Body { octets, is_whole: rest.is_none(), rest });
    let posted = admitted.0.post(body);
    match gateways::at_once(posted.answer(&at)).transpose()?.flatten() {
        Some(response) => Ok(answered(response, &env, &context).into()),
        None => Ok(Posted(posted).into()),
    }
}

/// As [`decide`], when storage has answered.
#[wasm_bindgen(js_name = "decideLater", wasm_bindgen_futures = js_sys::futures)]
pub async fn decide_later(posted: Posted, env: Env, context: JsContext) -> Result<JsValue, JsValue> {
    let context = Context::new(context);
    let at = Place::new(&env, &context, Source::CacheThenKv);
    let response: Option<Response> = posted.0.answer(&at).await?;
    Ok(response.map_or(JsValue::UNDEFINED, |response| answered(response, &env, &context).into()))
}

/// Accepts, and counts the fault of ours. `octets`: of the body, where it is there.
#[wasm_bindgen]
pub fn excuse(request: Request, octets: Option<Vec<u8>>, env: Env, context: JsContext) -> Result<Response, JsValue> {
    let response = gateways::excuse(&http::Request::new(request), octets.as_deref())?;
    Ok(answered(response, &env, &Context::new(context)))
}

fn told(admission: Admission, env: &Env, context: &Context) -> JsValue {
    match admission {
        Admission::Admitted(admitted) => Admitted(*admitted).into(),
        Admission::Answered(response) => answered(response, env, context).into(),
        Admission::AwaitsStorage => JsValue::UNDEFINED,
    }
}
