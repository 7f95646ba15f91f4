//! MTA Hooks, draft-01 of the IETF: discovery, registration, hook, deregistration. The server's own, earlier dialect is
//! [`crate::stalwart`].
//!
//! A registration is stored nowhere: its id says when it was made and when it ends, signed, so that every isolate can
//! tell one of ours. It cannot be withdrawn for that; a client that has deregistered asks no more, and its key can be
//! revoked. The client's `Received` field is not on top. The sender sees `450 4.7.230 TEXT` and `550 5.7.230 TEXT`.

use std::borrow::Cow;

use subtle::ConstantTimeEq;
use tidegate_engine::Decision;
use tidegate_engine::Timestamp;
use tidegate_engine::{Header, MAX_FIELDS};

use crate::base64;
use crate::gateway::{Asked, Parts, Prefix, header_of_decoded};
use crate::json::{Read, Reader};
use crate::native::{Circumstances, Defaults, Request};
use crate::problem::Problem;
use crate::rspamd::quoted;
use crate::stalwart::{client, queue, recipients};

/// The request's id, stable across retries.
pub const FIELDS: &[&str] = &["x-mta-hooks-request-id"];
/// The header field that names the registration.
pub const REGISTRATION_FIELD: &str = "x-mta-hooks-registration";
/// Where discovery sends clients to register.
pub const REGISTRATIONS: &str = "/gateways/mta-hooks/registrations";

const OWN_HOPS: u8 = 0;
const HOOK: &str = "/gateways/mta-hooks/hook";
/// What clients may send. Those that leave the choice to us are asked for no message contents.
const PROPERTIES: [(&str, Asks); 10] = [
    ("/stage", Asks::Always),
    ("/action", Asks::Always),
    ("/timestamp", Asks::IfOffered),
    ("/protocol", Asks::Always),
    ("/queue", Asks::Always),
    ("/envelope", Asks::Always),
    ("/client", Asks::Always),
    ("/message/headers", Asks::Always),
    ("/message", Asks::IfOffered),
    ("/rawMessage", Asks::IfOffered),
];

#[derive(Clone, Copy, Eq, PartialEq)]
enum Asks {
    Always,
    IfOffered,
}

/// `GET /.well-known/mta-hooks`.
pub fn discovery() -> Vec<u8> {
    let properties = list(&mut PROPERTIES.iter().map(|(name, _)| *name));
    format!(
        r#"{{"version":"1.0","endpoints":{{"registration":"{REGISTRATIONS}","deregistration":"{REGISTRATIONS}/{{registration_id}}"}},"serialization":["json"],"capabilities":{{"inbound":{{"stages":["data"],"actions":["accept","reject"],"fetchProperties":{properties},"updateProperties":["/action","/response"]}},"outbound":null}},"limits":{{"maxMessageSize":104857600,"timeoutMs":5000}},"extensions":{{}}}}"#
    )
    .into_bytes()
}

/// What is refused, as the draft has it: an HTTP status, and a code in the body.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Refusal {
    pub status: u16,
    code: &'static str,
    message: &'static str,
}

impl Refusal {
    pub const NOT_FOUND: Self =
        Self { status: 404, code: "REGISTRATION_NOT_FOUND", message: "there is no such registration: register again" };
    const MALFORMED: Self = Self { status: 400, code: "MALFORMED_REQUEST", message: "a JSON object is expected" };
    const SERIALIZATION: Self =
        Self { status: 422, code: "UNSUPPORTED_SERIALIZATION", message: "only the serialization `json` is spoken" };
    const STAGE: Self =
        Self { status: 422, code: "UNSUPPORTED_STAGE", message: "only the inbound stage `data` is served" };
    const EXPIRED: Self = Self { status: 422, code: "INVALID_EXPIRY", message: "`expiresAt` is no time to come" };

    pub fn of(problem: &Problem) -> (u16, Vec<u8>) {
        let code = match problem.status {
            401 => "UNAUTHORIZED",
            403 => "FORBIDDEN",
            _ => "BAD_REQUEST",
        };
        (problem.status, error(code, &problem.detail))
    }

    pub fn body(self) -> Vec<u8> {
        error(self.code, self.message)
    }
}

fn error(code: &str, message: &str) -> Vec<u8> {
    format!(r#"{{"error":{{"code":"{code}","message":{}}}}}"#, quoted(message)).into_bytes()
}

/// What a client asks for when it registers, as far as it matters here.
#[derive(Debug, Eq, PartialEq)]
pub struct Wanted {
    properties: Vec<&'static str>,
    expires_at: Option<Timestamp>,
}

impl Wanted {
    pub fn parse(body: Prefix<'_>, now: Timestamp) -> Result<Self, Refusal> {
        let (mut speaks_json, mut has_data, mut expires) = (true, false, None);
        let mut offered: Option<Vec<Cow<'_, str>>> = None;
        let mut reader = Reader::new(body.bytes.trim_ascii_start());
        if !body.is_whole || !body.bytes.trim_ascii_start().starts_with(b"{") {
            return Err(Refusal::MALFORMED);
        }
        let read = reader.members(&mut |name, reader| match name {
            b"serialization" => {
                let names = one_or_more(reader)?;
                speaks_json = names.is_empty() || names.iter().any(|name| name == "json");
                Ok(())
            }
            b"expiresAt" => {
                expires = reader.lossy()?;
                Ok(())
            }
            b"inbound" => reader.members(&mut |name, reader| match name {
                b"stages" => {
                    has_data = one_or_more(reader)?.iter().any(|stage| stage == "data");
                    Ok(())
                }
                b"properties" => {
                    offered = Some(one_or_more(reader)?).filter(|offered| !offered.is_empty());
                    Ok(())
                }
                _ => reader.skip(),
            }),
            _ => reader.skip(),
        });
        if read.is_err() {
            return Err(Refusal::MALFORMED);
        }
        if !speaks_json {
            return Err(Refusal::SERIALIZATION);
        }
        if !has_data {
            return Err(Refusal::STAGE);
        }
        let expires_at = match expires {
            None => None,
            Some(text) => Some(text.parse().ok().filter(|at| *at > now).ok_or(Refusal::EXPIRED)?),
        };
        let wants = |(name, asks): &(&'static str, Asks)| match &offered {
            Some(offered) => offered.iter().any(|offered| offered == name),
            None => *asks == Asks::Always,
        };
        let properties = PROPERTIES.iter().filter(|property| wants(property)).map(|(name, _)| *name).collect();
        Ok(Self { properties, expires_at })
    }

    /// The answer, with its `Location`.
    pub fn accept(&self, now: Timestamp, sign: Sign<'_>) -> (String, Vec<u8>) {
        let id = Registration { created_at: now, expires_at: self.expires_at }.id(sign);
        let location = format!("{REGISTRATIONS}/{id}");
        let expires = self.expires_at.map_or_else(|| "null".to_owned(), |at| format!("\"{at}\""));
        let properties = list(&mut self.properties.iter().copied());
        let body = format!(
            r#"{{"registrationId":"{id}","status":"active","createdAt":"{now}","expiresAt":{expires},"hookEndpoint":"{HOOK}","negotiated":{{"serialization":"json","inbound":{{"stages":["data"],"properties":{properties}}},"outbound":null}},"endpoints":{{"deregistration":"{location}","status":"{location}/status"}}}}"#
        );
        (location, body.into_bytes())
    }
}

/// A string or an array of strings.
fn one_or_more<'a>(reader: &mut Reader<'a>) -> Read<Vec<Cow<'a, str>>> {
    const MAX: usize = 100;
    let mut texts = Vec::new();
    if reader.is_array()? {
        reader.items(&mut |reader| {
            let text = reader.lossy()?;
            texts.extend(text.filter(|_| texts.len() < MAX));
            Ok(())
        })?;
    } else {
        texts.extend(reader.lossy()?);
    }
    Ok(texts)
}

/// Makes the signature of a text: hexadecimal, by a secret that only who registered and we have.
pub type Sign<'a> = &'a dyn Fn(&str) -> String;

/// A registration as its id tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Registration {
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
}

impl Registration {
    fn id(self, sign: Sign<'_>) -> String {
        let expires = self.expires_at.map_or(0, |at| at.0);
        let told = format!("1-{}-{expires}", self.created_at.0);
        let signature = sign(&told);
        format!("{told}-{signature}")
    }

    /// Only one of ours that has not expired, made with the secret that `sign` has.
    pub fn verify(id: &str, now: Timestamp, sign: Sign<'_>) -> Result<Self, Refusal> {
        let mut parts = id.splitn(4, '-').skip(1);
        let mut number = || parts.next()?.parse::<i64>().ok();
        let (Some(created), Some(expires)) = (number(), number()) else {
            return Err(Refusal::NOT_FOUND);
        };
        let expires_at = Some(Timestamp(expires)).filter(|at| at.0 != 0);
        let registration = Self { created_at: Timestamp(created), expires_at };
        let is_live = expires_at.is_none_or(|at| now < at);
        // in constant time: how long the comparison takes must not tell how much of a forged signature is right
        let is_ours = bool::from(registration.id(sign).as_bytes().ct_eq(id.as_bytes()));
        if is_live && is_ours { Ok(registration) } else { Err(Refusal::NOT_FOUND) }
    }

    /// `GET …/status`.
    pub fn status(self, id: &str) -> Vec<u8> {
        let expires = self.expires_at.map_or_else(|| "null".to_owned(), |at| format!("\"{at}\""));
        let created = self.created_at;
        format!(
            r#"{{"registrationId":{},"status":"active","createdAt":"{created}","expiresAt":{expires}}}"#,
            quoted(id)
        )
        .into_bytes()
    }
}

/// The mail event of a hook's request, from what was read of it.
pub fn request<'a>(asked: &Asked<'a>, defaults: &Defaults) -> Result<Request<'a>, Problem> {
    let mut parts = Parts::default();
    let (mut pairs, mut raw) = (Vec::new(), None);
    let mut reader = Reader::new(asked.body.bytes);
    // what could be read before the end is what there is
    let _ = reader.members(&mut |name, reader| match name {
        b"client" => client(&mut parts, reader),
        b"queue" => queue(&mut parts, reader),
        b"envelope" => reader.members(&mut |name, reader| match name {
            b"to" => recipients(&mut parts, reader),
            _ => reader.skip(),
        }),
        b"message" => reader.members(&mut |name, reader| match name {
            b"headers" => reader.items(&mut |reader| {
                let (mut name, mut value) = (None, None);
                reader.members(&mut |member, reader| {
                    match member {
                        b"name" => name = reader.text()?,
                        b"value" => value = reader.text()?,
                        _ => reader.skip()?,
                    }
                    Ok(())
                })?;
                if pairs.len() <= MAX_FIELDS {
                    pairs.extend(name.zip(value));
                }
                Ok(())
            }),
            _ => reader.skip(),
        }),
        b"rawMessage" => {
            raw = reader.cut_text()?;
            Ok(())
        }
        _ => reader.skip(),
    });
    parts.header = match raw {
        Some((encoded, is_whole)) if pairs.is_empty() => Some(header_of_decoded(base64::decode(&encoded), is_whole)),
        _ => Some(Header::Pairs(pairs)),
    };
    let request_id = asked.field(0);
    if !request_id.is_empty() {
        parts.id = Some(request_id.into());
    }
    parts.request(OWN_HOPS, defaults)
}

/// No change for an accept: the client's own default action may be another hook's.
pub fn answer(decision: &Decision<'_>, _: Circumstances) -> Vec<u8> {
    match &decision.reply {
        None => b"{}".to_vec(),
        Some(reply) => format!(
            r#"{{"set":[{{"path":"/action","value":"reject"}},{{"path":"/response","value":{{"code":{},"enhancedCode":"{}","message":{}}}}}]}}"#,
            reply.code,
            reply.enhanced,
            quoted(&reply.text)
        )
        .into_bytes(),
    }
}

/// A JSON array of names that need no escapes.
fn list(names: &mut dyn Iterator<Item = &str>) -> String {
    let mut list = String::from("[");
    for name in names {
        if list.len() > 1 {
            list.push(',');
        }
        list.push('"');
        list.push_str(name);
        list.push('"');
    }
    list.push(']');
    list
}
