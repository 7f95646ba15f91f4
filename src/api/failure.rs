//! Why a request has not the answer that it asks for.

use tidegate_wire::problem::Problem;
use wasm_bindgen::JsValue;
use worker::worker_sys::web_sys::Response;

use crate::durable::client::{CallError, Outcome};

/// The caller's fault, an object's refusal, or the runtime's fault.
pub enum Failure {
    Problem(Problem),
    Answered(Response),
    Runtime(JsValue),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<JsValue> for Failure {
    fn from(error: JsValue) -> Self {
        Self::Runtime(error)
    }
}

impl From<CallError> for Failure {
    fn from(error: CallError) -> Self {
        Self::Problem(Problem::unavailable(error.as_str()))
    }
}

pub fn no_route() -> Problem {
    Problem::not_found("there is nothing at this address")
}

pub fn not_allowed(known: &'static str) -> Failure {
    Problem::method_not_allowed().allowing(known).into()
}

/// The answer of an object that may have refused.
pub fn done<T>(outcome: Outcome<T>) -> Result<T, Failure> {
    match outcome {
        Outcome::Done(answer) => Ok(answer),
        Outcome::Refused(response) => Err(Failure::Answered(response)),
    }
}
