//! `POST /gateways/exim`: one line a verdict, for Exim's `${readsocket}` and every other client that had rather not read
//! JSON.
//!
//! The request's body is the header as it is (`$message_headers_raw`) or the whole message; beside it the header fields
//! `IP`, `Rcpt` (once a recipient) and `Queue-Id`, all optional. The answer is plain text, one of
//! ```text
//! accept
//! defer 450 4.7.230 TEXT
//! reject 550 5.7.230 TEXT
//! ```
//! and a line end: the word up to the first blank is the verdict, the rest of the line the reply as it is to be given.
//! Exim has its own `Received` field on top by then, so one is skipped unless the key says otherwise.

use tidegate_engine::Decision;

use crate::gateway::Asked;
use crate::native::{Circumstances, Defaults, Request};
use crate::problem::Problem;
use crate::rspamd;

/// The header fields that say what is known beside the message.
pub const FIELDS: &[&str] = &["ip", "rcpt", "queue-id"];

const OWN_HOPS: u8 = 1;

pub fn request<'a>(asked: &Asked<'a>, defaults: &Defaults) -> Result<Request<'a>, Problem> {
    rspamd::parts(asked).request(OWN_HOPS, defaults)
}

pub fn answer(decision: &Decision<'_>, _: Circumstances) -> Vec<u8> {
    match &decision.reply {
        Some(reply) => {
            let verdict = decision.action.as_str();
            format!("{verdict} {} {} {}\n", reply.code, reply.enhanced, reply.text).into_bytes()
        }
        None => b"accept\n".to_vec(),
    }
}
