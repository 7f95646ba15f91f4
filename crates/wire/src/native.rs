//! `POST /v1/decide`: Tidegate's own dialect.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use tidegate_engine::Evidence;
use tidegate_engine::Header;
use tidegate_engine::StageEffect;
use tidegate_engine::Timestamp;
use tidegate_engine::{CatalogNames, NamedServer, Why};
use tidegate_engine::{Connector, MAX_OWN_HOPS, MailEvent, TenantId};
use tidegate_engine::{Decision, MessageStanding};
use tidegate_engine::{NextStage, Stage};

use crate::problem::{Problem, read_json};

/// A mail event as posted, with what the caller wants done with it.
#[derive(Debug)]
pub struct Request<'a> {
    pub event: MailEvent<'a>,
    /// The gateway's name for this message; a repetition within 10 minutes counts once.
    pub event_id: Option<Cow<'a, str>>,
    pub record: Record,
}

/// When the observation is written down.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// After the answer, at most once.
    #[default]
    Async,
    /// Before the answer, which says whether it was.
    Sync,
}

/// What the caller's key says about its gateway, so that its requests need not.
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    /// The one tenant that the key is bound to: a request that names another one is refused.
    pub tenant: Option<TenantId>,
    pub connector: Option<Connector>,
    pub own_hops: Option<u8>,
}

impl Defaults {
    /// The tenant of a request that may name one.
    pub fn tenant(&self, named: Option<&str>) -> Result<TenantId, Problem> {
        let named = match named {
            Some(named) => {
                let error = |error| Problem::bad_request(format!("{error}")).in_field("tenant");
                Some(named.parse::<TenantId>().map_err(error)?)
            }
            None => None,
        };
        match (named, &self.tenant) {
            (Some(named), Some(own)) if named != *own => Err(Problem::forbidden().in_field("tenant")),
            (Some(named), _) => Ok(named),
            (None, Some(own)) => Ok(own.clone()),
            (None, None) => Err(Problem::bad_request("missing field `tenant`").in_field("tenant")),
        }
    }
}

impl<'a> Request<'a> {
    pub fn parse(body: &'a [u8], defaults: &Defaults) -> Result<Self, Problem> {
        let document: Document<'a> = read_json(body)?;
        let tenant = defaults.tenant(document.tenant.as_deref())?;
        let own_hops = document.own_hops.or(defaults.own_hops).unwrap_or(0);
        if own_hops > MAX_OWN_HOPS {
            return Err(Problem::bad_request(format!("at most {MAX_OWN_HOPS}")).in_field("own_hops"));
        }
        let Client { ip, auth, .. } = document.client.unwrap_or_default();
        // the gateway verified it, but the peer chose it: one that is no identity is none
        let client_auth = auth.and_then(|login| login.0.parse().ok());
        let client_ip = match ip {
            Some(ip) => {
                let error = |_| Problem::bad_request("not an IPv4 or IPv6 address").in_field("client.ip");
                Some(ip.parse::<IpAddr>().map_err(error)?)
            }
            None => None,
        };
        let recipients = document.envelope.and_then(|envelope| envelope.to).unwrap_or_default();
        let event = MailEvent {
            tenant,
            connector: document.connector.or(defaults.connector).unwrap_or_default(),
            client_ip,
            client_auth,
            own_hops,
            recipients: recipients.into_iter().map(|recipient| recipient.0).collect(),
            header: document.header.0,
        };
        let event_id = document.event_id.map(|id| id.0);
        Ok(Self { event, event_id, record: document.record.unwrap_or_default() })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    tenant: Option<Cow<'a, str>>,
    event_id: Option<Lossy<'a>>,
    connector: Option<Connector>,
    record: Option<Record>,
    client: Option<Client<'a>>,
    own_hops: Option<u8>,
    envelope: Option<Envelope<'a>>,
    header: HeaderDocument<'a>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Client<'a> {
    #[serde(borrow)]
    ip: Option<Cow<'a, str>>,
    #[serde(rename = "helo")]
    _helo: Option<Lossy<'a>>,
    /// A verified login, or a name out of a verified certificate.
    auth: Option<Lossy<'a>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope<'a> {
    #[serde(borrow, rename = "from")]
    _from: Option<Lossy<'a>>,
    to: Option<Vec<Lossy<'a>>>,
}

/// A string that a sender wrote: what is not UTF-8, escaped halves of surrogate pairs included, is replaced.
struct Lossy<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Lossy<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = match Octets::deserialize(deserializer)?.0 {
            Cow::Borrowed(octets) => String::from_utf8_lossy(octets),
            Cow::Owned(octets) => Cow::Owned(match String::from_utf8(octets) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        };
        Ok(Self(text))
    }
}

/// A JSON string as octets.
struct Octets<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Octets<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OctetsVisitor;
        impl<'de> Visitor<'de> for OctetsVisitor {
            type Value = Octets<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_borrowed_bytes<E>(self, octets: &'de [u8]) -> Result<Octets<'de>, E> {
                Ok(Octets(Cow::Borrowed(octets)))
            }

            fn visit_bytes<E>(self, octets: &[u8]) -> Result<Octets<'de>, E> {
                Ok(Octets(Cow::Owned(octets.to_vec())))
            }
        }
        deserializer.deserialize_bytes(OctetsVisitor)
    }
}

/// The header: one string of lines, or an array of name and value pairs.
struct HeaderDocument<'a>(Header<'a>);

impl<'de: 'a, 'a> Deserialize<'de> for HeaderDocument<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = HeaderDocument<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the header as a string, or an array of name and value pairs")
            }

            fn visit_borrowed_bytes<E>(self, octets: &'de [u8]) -> Result<Self::Value, E> {
                Ok(HeaderDocument(Header::Block(Cow::Borrowed(octets))))
            }

            fn visit_bytes<E>(self, octets: &[u8]) -> Result<Self::Value, E> {
                Ok(HeaderDocument(Header::Block(Cow::Owned(octets.to_vec()))))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                let mut pairs = Vec::new();
                while let Some((name, value)) = list.next_element::<(Octets<'de>, Octets<'de>)>()? {
                    pairs.push((name.0, value.0));
                }
                Ok(HeaderDocument(Header::Pairs(pairs)))
            }
        }
        deserializer.deserialize_bytes(HeaderVisitor)
    }
}

/// What the answer says beside the decision.
#[derive(Clone, Copy, Debug, Default)]
pub struct Circumstances {
    /// Something of ours failed, and the answer is accept for that.
    pub degraded: bool,
    /// The observation is written down.
    pub recorded: bool,
}

/// Octets that nearly all answers have room in.
const ANSWER_BYTES: usize = 1_536;

/// The answer as JSON.
pub fn answer(decision: &Decision<'_>, circumstances: Circumstances) -> Vec<u8> {
    let mut answer = Vec::with_capacity(ANSWER_BYTES);
    match serde_json::to_writer(&mut answer, &AnswerDocument::new(decision, circumstances)) {
        Ok(()) => answer,
        Err(_) => Vec::new(),
    }
}

#[derive(Serialize)]
struct AnswerDocument<'a> {
    action: &'static str,
    reply: Option<ReplyDocument<'a>>,
    retry_after: Option<i64>,
    server: Option<ServerDocument<'a>>,
    standing: StandingDocument,
    stage: Option<StageDocument>,
    mode: Option<&'static str>,
    would: &'static str,
    paused_until: Option<Written<Timestamp>>,
    exempt_until: Option<Written<Timestamp>>,
    degraded: bool,
    recorded: bool,
    evidence: Option<EvidenceDocument>,
    why: Written<Why<'a>>,
}

impl<'a> AnswerDocument<'a> {
    fn new(decision: &'a Decision<'_>, circumstances: Circumstances) -> Self {
        Self {
            action: decision.action.as_str(),
            reply: decision.reply.as_ref().map(|reply| ReplyDocument {
                code: reply.code,
                enhanced: reply.enhanced,
                text: &reply.text,
            }),
            retry_after: decision.retry_after,
            server: decision.server.as_ref().map(ServerDocument::new),
            standing: StandingDocument::new(decision.state),
            stage: decision.stage.map(StageDocument::new),
            mode: decision.mode.map(|mode| mode.as_str()),
            would: decision.would.as_str(),
            paused_until: decision.paused_until.map(Written),
            exempt_until: decision.exempt_until.map(Written),
            degraded: circumstances.degraded,
            recorded: circumstances.recorded,
            evidence: decision.evidence.map(EvidenceDocument::new),
            why: Written(decision.why),
        }
    }
}

#[derive(Serialize)]
struct ReplyDocument<'a> {
    code: u16,
    enhanced: &'static str,
    text: &'a str,
}

#[derive(Serialize)]
struct ServerDocument<'a> {
    id: &'a str,
    name: &'a str,
    build: Option<Written<tidegate_engine::Build>>,
    product: Option<&'a str>,
    cu: Option<&'a str>,
    su: Option<&'a str>,
}

impl<'a> ServerDocument<'a> {
    fn new(server: &NamedServer<'a>) -> Self {
        let CatalogNames { product, cu, su, .. } = server.names();
        Self { id: server.id.as_str(), name: server.name, build: server.build().map(Written), product, cu, su }
    }
}

/// A standing as answers and reports show it.
#[derive(Serialize)]
pub struct StandingDocument {
    state: &'static str,
    reason: &'static str,
    required: Option<Written<tidegate_engine::Build>>,
    behind_days: Option<i64>,
}

impl StandingDocument {
    pub fn new(state: MessageStanding) -> Self {
        let failing = state.failing();
        Self {
            state: state.as_str(),
            reason: state.reason(),
            required: failing.and_then(|failing| failing.required).map(Written),
            behind_days: failing.and_then(|failing| failing.behind_days),
        }
    }
}

/// A stage as answers and reports show it.
#[derive(Serialize)]
pub struct StageDocument {
    number: u8,
    since: Written<Timestamp>,
    throttle_minutes: u8,
    block_minutes: u8,
    next: Option<NextStageDocument>,
}

#[derive(Serialize)]
struct NextStageDocument {
    number: u8,
    at: Option<Written<Timestamp>>,
    throttle_minutes: u8,
    block_minutes: u8,
}

impl StageDocument {
    pub fn new(stage: Stage) -> Self {
        let next = |next: NextStage| NextStageDocument {
            number: next.number,
            at: next.at.map(Written),
            throttle_minutes: next.minutes.throttle(),
            block_minutes: next.minutes.block(),
        };
        Self {
            number: stage.number,
            since: Written(stage.since),
            throttle_minutes: stage.minutes.throttle(),
            block_minutes: stage.minutes.block(),
            next: stage.next.map(next),
        }
    }
}

/// What applies of a stage, as reports show it.
#[derive(Serialize)]
pub struct EffectDocument {
    throttle_minutes: u8,
    block_minutes: u8,
    obstacle: Option<&'static str>,
}

impl EffectDocument {
    pub fn new(effect: StageEffect) -> Self {
        let StageEffect { minutes, obstacle } = effect;
        Self {
            throttle_minutes: minutes.throttle(),
            block_minutes: minutes.block(),
            obstacle: obstacle.map(|obstacle| obstacle.as_str()),
        }
    }
}

/// The evidence as answers show it.
#[derive(Serialize)]
pub struct EvidenceDocument {
    field: usize,
    component: &'static str,
    text: String,
}

impl EvidenceDocument {
    pub fn new(evidence: &Evidence<'_>) -> Self {
        Self { field: evidence.field, component: evidence.component.as_str(), text: evidence.text() }
    }
}

/// A value in JSON as people read it: times as RFC 3339, where storage keeps seconds.
#[derive(Clone, Copy, Debug)]
pub struct Written<T>(pub T);

impl<T: fmt::Display> Serialize for Written<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(body: &str) -> (u16, String, String) {
        let problem = Request::parse(body.as_bytes(), &Defaults::default()).unwrap_err();
        (problem.status, problem.field.unwrap_or_default(), problem.detail)
    }

    #[test]
    fn a_whole_request_is_read() {
        let body = br#"{"tenant":"contoso","event_id":"4ABC","connector":"on_premises","record":"sync",
            "client":{"ip":"203.0.113.7","helo":"ex01"},"own_hops":1,
            "envelope":{"from":"a@b","to":["c@d","e@f"]},"header":"Received: by x\r\n"}"#;
        let request = Request::parse(body, &Defaults::default()).unwrap();
        assert_eq!((request.event_id.as_deref(), request.record), (Some("4ABC"), Record::Sync));
        assert_eq!(request.event.connector, Connector::OnPremises);
        assert_eq!(request.event.client_ip, "203.0.113.7".parse().ok());
        assert_eq!(request.event.recipients, ["c@d", "e@f"]);
        assert_eq!(request.event.header.received().count(), 1);
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        let request =
            Request::parse(br#"{"tenant":"contoso","header":[["Received","by x"],["A","b"]]}"#, &Defaults::default())
                .unwrap();
        assert_eq!((request.event.connector, request.record), (Connector::Internet, Record::Async));
        assert_eq!((request.event.own_hops, request.event.client_ip), (0, None));
        assert_eq!(request.event.header.fields().count(), 2);
    }

    #[test]
    fn a_key_says_what_its_gateway_leaves_out() {
        let tenant = "contoso".parse().ok();
        let defaults = Defaults { tenant, connector: Some(Connector::Partner), own_hops: Some(2) };
        let parse = |body: &'static str| Request::parse(body.as_bytes(), &defaults);
        let bare = parse(r#"{"header":""}"#).unwrap().event;
        assert_eq!((bare.tenant.as_str(), bare.connector, bare.own_hops), ("contoso", Connector::Partner, 2));
        let own = parse(r#"{"header":"","tenant":"contoso","connector":"internet","own_hops":0}"#).unwrap().event;
        assert_eq!((own.connector, own.own_hops), (Connector::Internet, 0));
        let other = parse(r#"{"header":"","tenant":"fabrikam"}"#).unwrap_err();
        assert_eq!((other.status, other.field.as_deref()), (403, Some("tenant")));
    }

    #[test]
    fn the_callers_fault_names_the_member() {
        let cases = [
            (r#"{"header":""}"#, "tenant"),
            (r#"{"tenant":"contoso"}"#, "header"),
            (r#"{"tenant":"Contoso","header":""}"#, "tenant"),
            (r#"{"tenant":5,"header":""}"#, "tenant"),
            (r#"{"tenant":"a","header":5}"#, "header"),
            (r#"{"tenant":"a","header":[["a"]]}"#, "header[0]"),
            (r#"{"tenant":"a","header":"","own_hops":17}"#, "own_hops"),
            (r#"{"tenant":"a","header":"","own_hops":-1}"#, "own_hops"),
            (r#"{"tenant":"a","header":"","connector":"x25"}"#, "connector"),
            (r#"{"tenant":"a","header":"","record":"later"}"#, "record"),
            (r#"{"tenant":"a","header":"","client":{"ip":"ten"}}"#, "client.ip"),
            (r#"{"tenant":"a","header":"","client":{"ip":7}}"#, "client.ip"),
            (r#"{"tenant":"a","header":"","client":{"port":7}}"#, "client.port"),
            (r#"{"tenant":"a","header":"","envelope":{"to":[1]}}"#, "envelope.to[0]"),
            (r#"{"tenant":"a","header":"","conector":"internet"}"#, "conector"),
            (r#"{"tenant":"a","header":"","tenant":"b"}"#, "tenant"),
            (r#"{"tenant":"a","header":"","connector":null,"record":5}"#, "record"),
            (r#"{"tenant":"a","header":"","connector":5}"#, "connector"),
            (r#"{"tenant":"\ud800","header":""}"#, "tenant"),
        ];
        for (body, field) in cases {
            let (status, found, detail) = problem(body);
            assert_eq!((status, found.as_str()), (400, field), "{body}: {detail}");
        }
        for malformed in ["", "{", "\"x", "nul", "[", "{\"tenant\":}", r#"{"tenant":"a","header":""} x"#] {
            assert!(problem(malformed).2.starts_with("malformed JSON"), "{malformed}");
        }
        for other in ["[]", r#"["a",null,null,null,null,null,null,""]"#, "5"] {
            assert_eq!(problem(other).2, "a JSON object is expected", "{other}");
        }
    }

    #[test]
    fn little_of_what_the_caller_wrote_goes_back() {
        let (_, field, detail) = problem(&format!(r#"{{"{}":1}}"#, "ä".repeat(100_000)));
        assert!(field.len() + detail.len() < 2_000);
    }

    #[test]
    fn no_byte_that_a_sender_wrote_is_an_error() {
        let mut body = br#"{"tenant":"a","envelope":{"from":"\ud800","to":["x\udfffy@z","#.to_vec();
        body.extend_from_slice(
            b"\"\xff\xfe\"]},\"client\":{\"helo\":\"\xc3\"},\"header\":\"Received: by \xff\\u0000\\ud800 \\r\\n\"}",
        );
        let request = Request::parse(&body, &Defaults::default()).unwrap();
        assert_eq!(request.event.recipients.len(), 2);
        assert_eq!(request.event.header.received().count(), 1);
    }
}
