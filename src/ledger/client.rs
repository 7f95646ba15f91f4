//! The edge's way to a tenant's ledger.

use std::time::Duration;

use js_sys::Uint8Array;
use js_sys::futures::JsFuture;
use serde::de::DeserializeOwned;
use tidegate_engine::event::TenantId;
use tidegate_engine::time::Timestamp;
use wasm_bindgen::{JsCast, JsValue};
use worker::Env;
use worker::worker_sys::web_sys;

use super::protocol::{Call, Envelope};
use super::{ADMIN_DEADLINE, BINDING};
use crate::platform::within;

/// One tenant's ledger.
#[derive(Clone, Debug)]
pub struct Ledger {
    env: Env,
    tenant: TenantId,
    clock: Option<Timestamp>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LedgerError {
    Late,
    Failed,
}

impl LedgerError {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "the ledger did not answer in time",
            Self::Failed => "the ledger failed",
        }
    }
}

impl Ledger {
    /// `clock` is the one that a test set.
    pub fn new(env: &Env, tenant: &TenantId, clock: Option<Timestamp>) -> Self {
        Self { env: env.clone(), tenant: tenant.clone(), clock }
    }

    /// Asks, and reads the answer.
    pub async fn call<T: DeserializeOwned>(&self, call: Call, deadline: Duration) -> Result<T, LedgerError> {
        let ask = async {
            let response = self.ask(call).await?;
            let body = JsFuture::from(response.array_buffer()?).await?;
            Ok::<_, JsValue>((response.ok(), Uint8Array::new(&body).to_vec()))
        };
        match within(deadline, ask).await {
            Ok(Ok((true, body))) => serde_json::from_slice(&body).map_err(|_| LedgerError::Failed),
            Ok(_) => Err(LedgerError::Failed),
            Err(_) => Err(LedgerError::Late),
        }
    }

    /// Asks, and hands the ledger's own response on.
    pub async fn forward(&self, call: Call) -> Result<web_sys::Response, LedgerError> {
        match within(ADMIN_DEADLINE, self.ask(call)).await {
            Ok(Ok(response)) if response.status() < 500 => Ok(response),
            Ok(_) => Err(LedgerError::Failed),
            Err(_) => Err(LedgerError::Late),
        }
    }

    async fn ask(&self, call: Call) -> Result<web_sys::Response, JsValue> {
        let envelope = Envelope { tenant: self.tenant.clone(), clock: self.clock, call };
        let body = serde_json::to_string(&envelope).map_err(|error| JsValue::from_str(&error.to_string()))?;
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&JsValue::from_str(&body));
        let request = web_sys::Request::new_with_str_and_init("https://ledger/", &init)?;
        let stub = self.env.durable_object(BINDING)?.get_by_name(self.tenant.as_str())?;
        let response = stub.fetch_with_request(request.into()).await?;
        Ok(web_sys::Response::from(response).unchecked_into())
    }
}
