//! `POST /v1/decide`: Tidegate's own dialect.

mod answer;
mod block;
mod request;

use std::borrow::Cow;
use std::net::IpAddr;

use serde::Deserialize;
use tidegate_engine::{Connector, MAX_OWN_HOPS, MailEvent, TenantId};

pub use self::answer::{Circumstances, EffectDocument, StageDocument, StandingDocument, Written, answer};
use self::request::{Client, Document};
use crate::problem::Problem;

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
        let document = Document::read(body)?;
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
