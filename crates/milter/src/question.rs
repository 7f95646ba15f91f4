//! A message as `POST /v1/decide` takes it, and the answer as an SMTP reply.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tidegate_engine::Connector;

use crate::protocol::SmtpReply;
use crate::session::Message;

/// On whose behalf a message is asked about. What is `None` the key says.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Origin {
    pub tenant: Option<String>,
    pub connector: Option<Connector>,
    /// `Received` fields on top that are the mail server's own: what a proxy before it has put there. The client is that
    /// proxy then.
    pub own_hops: u8,
}

/// The body of the request.
pub fn ask(message: &Message, origin: &Origin) -> Vec<u8> {
    let document = Document {
        tenant: origin.tenant.as_deref(),
        event_id: message.queue_id.as_deref(),
        connector: origin.connector,
        record: "async",
        client: match origin.own_hops {
            0 => Client { ip: message.client_ip, helo: &message.helo },
            _ => Client { ip: None, helo: "" },
        },
        // the field that this mail server adds itself is not shown to milters
        own_hops: origin.own_hops,
        envelope: Envelope { from: &message.sender, to: &message.recipients },
        header: message.received.iter().map(|value| ("Received", value.as_str())).collect(),
    };
    // maps and strings alone: nothing that could fail
    serde_json::to_vec(&document).unwrap_or_default()
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    tenant: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connector: Option<Connector>,
    record: &'static str,
    client: Client<'a>,
    own_hops: u8,
    envelope: Envelope<'a>,
    header: Vec<(&'static str, &'a str)>,
}

#[derive(Serialize)]
struct Client<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    ip: Option<std::net::IpAddr>,
    helo: &'a str,
}

#[derive(Serialize)]
struct Envelope<'a> {
    from: &'a str,
    to: &'a [String],
}

/// What was decided.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Verdict {
    pub action: Action,
    /// `None` for an accept, and only there.
    pub reply: Option<SmtpReply>,
    /// What would have been done without pause, exemption or report-only mode.
    pub would: Option<String>,
    /// Accepted for a fault of Tidegate's own.
    pub degraded: bool,
    pub server: Option<String>,
    pub stage: Option<u8>,
    /// The decision in a sentence or two.
    pub why: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Accept,
    Defer,
    Reject,
}

impl Action {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Defer => "defer",
            Self::Reject => "reject",
        }
    }
}

/// Reads an answer. `None`: it is none, or says a reply that does not go with its action.
pub fn read(answer: &[u8]) -> Option<Verdict> {
    let answer: Map<String, Value> = serde_json::from_slice(answer).ok()?;
    // a list in the place of a struct would be read member by member
    if answer.get("reply").is_some_and(Value::is_array) {
        return None;
    }
    let answer: AnswerDocument = serde_json::from_value(Value::Object(answer)).ok()?;
    let class = match answer.action {
        Action::Accept => None,
        Action::Defer => Some(400..=499),
        Action::Reject => Some(500..=599),
    };
    let reply = match class {
        Some(class) => {
            let reply = answer.reply.filter(|reply| class.contains(&reply.code))?;
            Some(SmtpReply::new(reply.code, &reply.enhanced, &reply.text)?)
        }
        None => None,
    };
    Some(Verdict {
        action: answer.action,
        reply,
        would: answer.would,
        degraded: answer.degraded,
        server: answer.server.map(|server| server.id),
        stage: answer.stage.map(|stage| stage.number),
        why: answer.why,
    })
}

#[derive(Deserialize)]
struct AnswerDocument {
    action: Action,
    reply: Option<ReplyDocument>,
    would: Option<String>,
    #[serde(default)]
    degraded: bool,
    server: Option<ServerDocument>,
    stage: Option<StageDocument>,
    why: Option<String>,
}

#[derive(Deserialize)]
struct ReplyDocument {
    code: u16,
    enhanced: String,
    text: String,
}

#[derive(Deserialize)]
struct ServerDocument {
    id: String,
}

#[derive(Deserialize)]
struct StageDocument {
    number: u8,
}

#[cfg(test)]
mod tests {
    use tidegate_engine::TenantId;
    use tidegate_wire::native::{Defaults, Record, Request};

    use super::*;

    #[test]
    fn the_worker_reads_what_is_asked() {
        let message = Message {
            client_ip: "203.0.113.7".parse().ok(),
            helo: "\u{fffd}\"\u{0}".into(),
            sender: "a@contoso.com".into(),
            recipients: vec!["b@example.org".into()],
            queue_id: Some("4ABC".into()),
            received: vec![" from a\n by b".into(), " from c by d".into()],
            ..Message::default()
        };
        let origin = Origin { tenant: Some("contoso".into()), connector: Some(Connector::Partner), own_hops: 0 };
        let body = ask(&message, &origin);
        let request = Request::parse(&body, &Defaults::default()).unwrap();
        assert_eq!((request.event_id.as_deref(), request.record), (Some("4ABC"), Record::Async));
        let event = request.event;
        assert_eq!((event.tenant.as_str(), event.connector), ("contoso", Connector::Partner));
        assert_eq!((event.client_ip, event.own_hops), (message.client_ip, 0));
        assert_eq!(event.recipients, ["b@example.org"]);
        let values: Vec<_> = event.header.received().map(|field| field.value.to_vec()).collect();
        assert_eq!(values, [&b" from a\n by b"[..], b" from c by d"]);

        // behind a proxy the client is not the sender
        let behind = ask(&message, &Origin { own_hops: 2, ..origin });
        let event = Request::parse(&behind, &Defaults::default()).unwrap().event;
        assert_eq!((event.client_ip, event.own_hops), (None, 2));

        // the key says the rest
        let body = ask(&Message::default(), &Origin::default());
        let tenant = "contoso".parse::<TenantId>().ok();
        let defaults = Defaults { tenant, connector: Some(Connector::OnPremises), own_hops: Some(1) };
        let request = Request::parse(&body, &defaults).unwrap();
        assert_eq!((request.event.connector, request.event.own_hops), (Connector::OnPremises, 0));
        assert_eq!((request.event_id, request.event.client_ip), (None, None));
    }

    #[test]
    fn an_answer_is_read_or_refused() {
        let verdict = read(
            br#"{"action":"defer","reply":{"code":450,"enhanced":"4.7.230","text":"Out of date"},"would":"defer",
                "server":{"id":"ex01","name":"EX01"},"stage":{"number":2},"degraded":false,"why":"It is.","new":{}}"#,
        )
        .unwrap();
        assert_eq!(verdict.reply.unwrap().as_str(), "450 4.7.230 Out of date");
        assert_eq!((verdict.server.as_deref(), verdict.stage), (Some("ex01"), Some(2)));
        assert_eq!(verdict.why.as_deref(), Some("It is."));
        let accept = read(br#"{"action":"accept","reply":null,"server":null,"stage":null,"degraded":true}"#).unwrap();
        assert_eq!((accept.action, accept.reply, accept.degraded), (Action::Accept, None, true));
        for wrong in [
            "",
            "{}",
            "[]",
            r#"{"action":"discard"}"#,
            r#"{"action":"defer"}"#,
            r#"["defer",{"code":450,"enhanced":"4.7.230","text":"x"}]"#,
            r#"{"action":"defer","reply":[450,"4.7.230","x"]}"#,
            r#"{"action":"defer","reply":{"code":550,"enhanced":"5.7.230","text":"x"}}"#,
            r#"{"action":"reject","reply":{"code":450,"enhanced":"4.7.230","text":"x"}}"#,
            r#"{"action":"reject","reply":{"code":550,"enhanced":"4.7.230","text":"x"}}"#,
        ] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
        }
    }
}
