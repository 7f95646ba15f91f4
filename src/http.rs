//! Requests and responses, straight on the runtime's own types: those of `worker` ask for more than a decision needs.

mod accept;
mod body;
mod conditions;
mod request;
mod response;
mod text;

pub use accept::prefers_csv;
pub use body::{broken, read_header};
pub use conditions::{etag, if_match};
pub use request::{MAX_BODY, Request};
pub use response::{Answer, Media, json, no_content, ok, problem, respond};
pub use text::{number, percent_decode};
