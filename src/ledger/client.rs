//! The edge's way to a tenant's ledger.

use std::time::Duration;

use serde::de::DeserializeOwned;
use tidegate_engine::event::TenantId;
use tidegate_engine::time::Timestamp;
use wasm_bindgen::JsValue;
use worker::Env;
use worker::worker_sys::web_sys;

use super::BINDING;
use super::protocol::{Call, Envelope};
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
        Self {
            env: env.clone(),
            tenant: tenant.clone(),
            clock,
        }
    }

    pub async fn call<T: DeserializeOwned>(&self, call: Call, deadline: Duration) -> Result<T, LedgerError> {
        within(deadline, self.ask(call))
            .await
            .map_err(|_| LedgerError::Late)?
            .map_err(|_| LedgerError::Failed)
    }

    async fn ask<T: DeserializeOwned>(&self, call: Call) -> worker::Result<T> {
        let envelope = Envelope {
            tenant: self.tenant.clone(),
            clock: self.clock,
            call,
        };
        let body = serde_json::to_string(&envelope)?;
        // the runtime's own types: `worker`'s bring a serializer of their own along
        let init = web_sys::RequestInit::new();
        init.set_method("POST");
        init.set_body(&JsValue::from_str(&body));
        let request = web_sys::Request::new_with_str_and_init("https://ledger/", &init)?;
        let stub = self.env.durable_object(BINDING)?.get_by_name(self.tenant.as_str())?;
        let mut response = stub.fetch_with_request(request.into()).await?;
        if response.status_code() != 200 {
            return Err(worker::Error::RustError(format!(
                "the ledger answered {}",
                response.status_code()
            )));
        }
        Ok(serde_json::from_slice(&response.bytes().await?)?)
    }
}
