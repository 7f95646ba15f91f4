//! The way to a Durable Object, of the edge and of other objects.

use std::time::Duration;

use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidegate_engine::Timestamp;
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;
use worker::worker_sys::web_sys::{Request, RequestInit, Response};

use super::sql::SqlError;
pub use crate::hooks::Circumstances;
use crate::platform::{real_now, within};

/// Changes and reports may take longer than a decision.
pub const ADMIN_DEADLINE: Duration = Duration::from_secs(6);
/// What an object owes to another one it calls again after this, doubled with every attempt, and at last after an hour.
const RETRY_MILLIS: i64 = 2_000;
const MAX_RETRY_MILLIS: i64 = 3_600_000;

/// The form in which calls travel. A deploy leaves edges and objects of the release before running for minutes: an object
/// takes this form and the one before, which bears no number; what is added to a call has a default, and a new form is
/// read a release before it is sent.
const VERSION: u8 = 1;

/// How long an object waits before it calls again one that failed so many times before.
pub fn retry_after_millis(attempts: u32) -> i64 {
    RETRY_MILLIS.saturating_mul(1 << attempts.min(12)).min(MAX_RETRY_MILLIS)
}

/// One call to an object, as it travels.
#[derive(Debug, Deserialize, Serialize)]
pub struct Envelope<C> {
    /// [`VERSION`] of the edge.
    #[serde(default)]
    version: u8,
    /// The object's own name, which it is not told otherwise.
    pub name: String,
    /// Whose call it is, for the audit trail.
    pub actor: String,
    #[serde(default, skip_serializing_if = "Circumstances::is_plain")]
    pub circumstances: Circumstances,
    pub call: C,
}

impl<C> Envelope<C> {
    /// A call that an edge of this release or the one before sent.
    pub fn read(body: &[u8]) -> Result<Self, String>
    where
        C: DeserializeOwned,
    {
        let envelope: Self = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        match envelope.version {
            0..=VERSION => Ok(envelope),
            later => Err(format!("a call of the later form {later}")),
        }
    }
}

impl Circumstances {
    /// The time by them, else by the deployment's clock.
    pub fn now(self) -> Timestamp {
        self.clock().unwrap_or_else(real_now)
    }
}

/// One Durable Object.
#[derive(Clone, Debug)]
pub struct Client {
    env: Env,
    binding: &'static str,
    name: String,
    actor: String,
    circumstances: Circumstances,
}

/// The object's fault, or its network's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CallError {
    Late,
    Failed,
}

impl CallError {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "the ledger did not answer in time",
            Self::Failed => "the ledger failed",
        }
    }
}

impl From<CallError> for SqlError {
    fn from(error: CallError) -> Self {
        Self::Failed(format!("another object: {}", error.as_str()))
    }
}

/// What became of a call that the object may refuse.
pub enum Outcome<T> {
    Done(T),
    /// The object's own response, to be handed on.
    Refused(Response),
}

impl Client {
    pub fn new(env: &Env, binding: &'static str, name: &str, actor: &str, circumstances: Circumstances) -> Self {
        Self { env: env.clone(), binding, name: name.to_owned(), actor: actor.to_owned(), circumstances }
    }

    /// Asks, and reads the answer.
    pub async fn call<T: DeserializeOwned>(&self, call: &impl Serialize, deadline: Duration) -> Result<T, CallError> {
        match self.request(call, deadline).await? {
            Outcome::Done(answer) => Ok(answer),
            Outcome::Refused(_) => Err(CallError::Failed),
        }
    }

    /// As [`Self::call`], where the answer may be a problem of the caller's.
    pub async fn request<T: DeserializeOwned>(
        &self,
        call: &impl Serialize,
        deadline: Duration,
    ) -> Result<Outcome<T>, CallError> {
        let ask = async {
            let response = self.ask(call).await?;
            if !response.ok() {
                return Ok((response, None));
            }
            let body = JsFuture::from(response.array_buffer()?).await?;
            Ok::<_, JsValue>((response, Some(Uint8Array::new(&body).to_vec())))
        };
        match within(deadline, ask).await {
            Ok(Ok((_, Some(body)))) => serde_json::from_slice(&body).map(Outcome::Done).map_err(|_| CallError::Failed),
            Ok(Ok((response, None))) if response.status() < 500 => Ok(Outcome::Refused(response)),
            Ok(_) => Err(CallError::Failed),
            Err(_) => Err(CallError::Late),
        }
    }

    /// Asks, and hands the object's own response on.
    pub async fn forward(&self, call: &impl Serialize) -> Result<Response, CallError> {
        match within(ADMIN_DEADLINE, self.ask(call)).await {
            Ok(Ok(response)) if response.status() < 500 => Ok(response),
            Ok(_) => Err(CallError::Failed),
            Err(_) => Err(CallError::Late),
        }
    }

    async fn ask(&self, call: &impl Serialize) -> Result<Response, JsValue> {
        let Self { name, actor, circumstances, .. } = self.clone();
        let envelope = Envelope { version: VERSION, name, actor, circumstances, call };
        let body = serde_json::to_string(&envelope).map_err(|error| JsValue::from_str(&error.to_string()))?;
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&JsValue::from_str(&body));
        let request = Request::new_with_str_and_init("https://object/", &init)?;
        let stub = self.env.durable_object(self.binding)?.get_by_name(&self.name)?;
        let response = stub.fetch_with_request(request.into()).await?;
        Ok(Response::from(response).unchecked_into())
    }
}
