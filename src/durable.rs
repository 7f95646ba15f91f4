//! What both kinds of Durable Object are built on: SQLite behind one door to writes, the outbox to KV, an append-only
//! audit trail, and the way to call them.
//!
//! Why it is safe: an object handles its events on one thread, and a change reads, decides and writes within one
//! synchronous transaction ([`sql::Sql::change`]), so nothing can come between. The request's body is read before, and
//! nothing foreign is awaited inside. What a change publishes lies in the outbox, written by the same transaction, until
//! KV has it.

pub mod alarm;
pub mod audit;
pub mod changes;
pub mod client;
pub mod documents;
pub mod keys;
pub mod laying;
pub mod lists;
pub mod outbox;
pub mod own_hops;
pub mod publisher;
mod rows;
pub mod schema;
pub mod sql;
pub mod walk;

use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;

use crate::http;
use sql::SqlError;

/// An object's response: what it answers, the caller's fault as a problem, or its own as 500.
pub fn respond(answer: Result<Response, SqlError>) -> worker::Result<Response> {
    match answer {
        Err(SqlError::Refused(problem)) => Ok(http::problem(&problem)?),
        Err(error) => {
            worker::console_error!("{error}");
            Ok(http::problem(&Problem::internal())?)
        }
        Ok(response) => Ok(response),
    }
}

pub fn json(answer: &impl serde::Serialize) -> Result<Response, SqlError> {
    let json = serde_json::to_vec(answer).map_err(|error| SqlError::Failed(error.to_string()))?;
    Ok(http::json(&json)?)
}

impl From<JsValue> for SqlError {
    fn from(error: JsValue) -> Self {
        Self::Failed(format!("{error:?}"))
    }
}
