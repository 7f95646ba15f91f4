//! `/checkv2`: rspamd's HTTP protocol, which rspamd's own proxy, Haraka's and OpenSMTPD's plugins and maddy speak.
//!
//! The body is the message, what is known beside it stands in header fields. Whether the caller's own `Received` field
//! is on top depends on the caller: rspamd's milter proxy has none there, which is the default; for Haraka and
//! OpenSMTPD the key's `own_hops` is 1.
//!
//! What the sender sees, with `TEXT` for the reply's text:
//!
//! | caller | defer | reject |
//! |---|---|---|
//! | rspamd's proxy as a milter | `451 4.7.1 4.7.230 TEXT` | `554 5.7.1 5.7.230 TEXT` |
//! | Haraka's rspamd plugin | `451 4.7.1 4.7.230 TEXT` | `550 5.7.230 TEXT` |
//! | OpenSMTPD's filter-rspamd | `451 4.7.230 TEXT` | `550 5.7.230 TEXT` |
//! | Postfix `milter_header_checks` behind the proxy, see [`answer_by_header`] | `451 4.7.230 TEXT` | `550 5.7.230 TEXT` |

use tidegate_engine::Action;
use tidegate_engine::Decision;
use tidegate_engine::Reply;

use crate::gateway::{Asked, Parts, address, header_of};
use crate::native::{Circumstances, Defaults, Request};
use crate::problem::Problem;

/// The header fields that say what is known beside the message. Repeated ones come joined by `, `.
pub const FIELDS: &[&str] = &["ip", "rcpt", "queue-id", "compression"];
/// The header that [`answer_by_header`] adds.
pub const VERDICT_HEADER: &str = "X-Tidegate-Verdict";

const OWN_HOPS: u8 = 0;
/// The one symbol of an answer; each has to have a name and a score.
const SYMBOL: &str = "OUTDATED_EXCHANGE";

/// The mail event of a request. The one thing that cannot be read is a compressed body.
pub fn request<'a>(asked: &Asked<'a>, defaults: &Defaults) -> Result<Request<'a>, Problem> {
    if !matches!(asked.field(3), "" | "none" | "identity") {
        return Err(Problem::unsupported_media_type(
            "compressed bodies are not read: turn the caller's compression off",
        ));
    }
    parts(asked).request(OWN_HOPS, defaults)
}

/// What [`FIELDS`] and the body say; other plain HTTP dialects use the same first three.
pub(crate) fn parts<'a>(asked: &Asked<'a>) -> Parts<'a> {
    Parts {
        client_ip: address(asked.field(0)),
        recipients: asked.field(1).split(',').filter(|path| !path.is_empty()).map(|path| path.trim().into()).collect(),
        header: Some(header_of(asked.body)),
        id: Some(asked.field(2).into()),
    }
}

/// The answer whose action is the verdict. Its media type has to be exactly `application/json`: rspamd's proxy does not
/// read another one and defers all mail.
pub fn answer(decision: &Decision<'_>, _: Circumstances) -> Vec<u8> {
    let (action, messages) = match (&decision.reply, decision.action) {
        (Some(reply), Action::Defer) => ("soft reject", message(reply)),
        (Some(reply), Action::Reject) => ("reject", message(reply)),
        _ => ("no action", "{}".to_owned()),
    };
    document(action, decision, &messages, "")
}

/// The answer that always says `no action` and carries a defer or reject in a header to be added: the only way to the
/// enhanced code through rspamd's proxy, whose own codes are fixed. Postfix turns it round by
/// `milter_header_checks`: `/^X-Tidegate-Verdict: \w+ (.*)/ REJECT $1`.
pub fn answer_by_header(decision: &Decision<'_>, _: Circumstances) -> Vec<u8> {
    let milter = decision.reply.as_ref().map_or_else(String::new, |reply| {
        let value = quoted(&format!("{} {} {}", decision.action.as_str(), reply.enhanced, reply.text));
        format!(r#","milter":{{"add_headers":{{"{VERDICT_HEADER}":{{"value":{value},"order":0}}}}}}"#)
    });
    document("no action", decision, "{}", &milter)
}

fn message(reply: &Reply) -> String {
    format!(r#"{{"smtp_message":{}}}"#, quoted(&format!("{} {}", reply.enhanced, reply.text)))
}

fn document(action: &str, decision: &Decision<'_>, messages: &str, more: &str) -> Vec<u8> {
    let (score, symbols) = match decision.reply {
        None => ("0.0", "{}".to_owned()),
        Some(_) => ("15.0", format!(r#"{{"{SYMBOL}":{{"name":"{SYMBOL}","score":15.0,"metric_score":15.0}}}}"#)),
    };
    format!(
        r#"{{"is_skipped":false,"score":{score},"required_score":15.0,"action":"{action}","symbols":{symbols},"messages":{messages}{more}}}"#
    )
    .into_bytes()
}

/// As a JSON string.
pub(crate) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned())
}
