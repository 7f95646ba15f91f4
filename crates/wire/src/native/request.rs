//! The body of [`POST /v1/decide`](super) as JSON.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use tidegate_engine::{Connector, Header};

use super::{Record, block};
use crate::problem::{Problem, read_json};
use crate::scanner::Scanner;

#[derive(Debug, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Document<'a> {
    #[serde(borrow)]
    pub(super) tenant: Option<Cow<'a, str>>,
    pub(super) event_id: Option<Lossy<'a>>,
    pub(super) connector: Option<Connector>,
    pub(super) record: Option<Record>,
    pub(super) client: Option<Client<'a>>,
    pub(super) own_hops: Option<u8>,
    pub(super) envelope: Option<Envelope<'a>>,
    pub(super) header: HeaderDocument<'a>,
}

#[derive(Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Client<'a> {
    #[serde(borrow)]
    pub(super) ip: Option<Cow<'a, str>>,
    /// Nobody asks for it: it only has to be a string.
    #[serde(rename = "helo")]
    _helo: Option<Octets<'a>>,
    /// A verified login, or a name out of a verified certificate.
    pub(super) auth: Option<Lossy<'a>>,
}

#[derive(Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(deny_unknown_fields)]
pub(super) struct Envelope<'a> {
    /// Nobody asks for it: it only has to be a string.
    #[serde(borrow, rename = "from")]
    _from: Option<Octets<'a>>,
    pub(super) to: Option<Vec<Lossy<'a>>>,
}

impl<'a> Document<'a> {
    /// Reads a body. Nearly all are as gateways write them; another one, right or wrong, is read by rules that can tell.
    pub(super) fn read(body: &'a [u8]) -> Result<Self, Problem> {
        Self::scan(body).map_or_else(|| read_json(body), Ok)
    }

    /// As [`Self::read`]; `None` for a body that another reader has to take or refuse.
    fn scan(body: &'a [u8]) -> Option<Self> {
        let mut scanner = Scanner::new(body);
        let (mut tenant, mut event_id, mut connector, mut record) = (None, None, None, None);
        let (mut client, mut own_hops, mut envelope, mut header) = (None, None, None, None);
        scanner.members(|name, scanner| match name {
            b"tenant" => once(&mut tenant, Cow::Borrowed(scanner.plain()?)),
            b"event_id" => once(&mut event_id, Lossy::scan(scanner)?),
            b"connector" => {
                let name = scanner.plain_octets()?;
                let all = [Connector::OnPremises, Connector::Partner, Connector::Internet];
                once(&mut connector, all.into_iter().find(|connector| connector.as_str().as_bytes() == name)?)
            }
            b"record" => {
                let when = match scanner.plain_octets()? {
                    b"async" => Record::Async,
                    b"sync" => Record::Sync,
                    _ => return None,
                };
                once(&mut record, when)
            }
            b"client" => once(&mut client, Client::scan(scanner)?),
            b"own_hops" => once(&mut own_hops, scanner.small_number()?),
            b"envelope" => once(&mut envelope, Envelope::scan(scanner)?),
            b"header" => once(&mut header, HeaderDocument::scan(scanner)?),
            _ => None,
        })?;
        let header = header.filter(|_| scanner.ends())?;
        Some(Self { tenant, event_id, connector, record, client, own_hops, envelope, header })
    }
}

impl<'a> Client<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut client = Self::default();
        scanner.members(|name, scanner| match name {
            b"ip" => once(&mut client.ip, Cow::Borrowed(scanner.plain()?)),
            b"helo" => once(&mut client._helo, Octets(scanner.octets()?)),
            b"auth" => once(&mut client.auth, Lossy::scan(scanner)?),
            _ => None,
        })?;
        Some(client)
    }
}

impl<'a> Envelope<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        let mut envelope = Self::default();
        scanner.members(|name, scanner| match name {
            b"from" => once(&mut envelope._from, Octets(scanner.octets()?)),
            b"to" => {
                let mut recipients = Vec::new();
                scanner.items(|scanner| {
                    recipients.push(Lossy::scan(scanner)?);
                    Some(())
                })?;
                once(&mut envelope.to, recipients)
            }
            _ => None,
        })?;
        Some(envelope)
    }
}

impl<'a> Lossy<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        Some(Octets(scanner.octets()?).into())
    }
}

impl<'a> HeaderDocument<'a> {
    fn scan(scanner: &mut Scanner<'a>) -> Option<Self> {
        if !scanner.is_array() {
            return block::scan(scanner).map(Self);
        }
        let mut pairs = Vec::new();
        scanner.items(|scanner| {
            scanner.take(b'[')?;
            let name = scanner.octets()?;
            scanner.take(b',')?;
            pairs.push((name, scanner.octets()?));
            scanner.take(b']')
        })?;
        Some(Self(Header::Pairs(pairs)))
    }
}

/// Keeps the value of a member; `None` if it had one.
fn once<T>(member: &mut Option<T>, value: T) -> Option<()> {
    member.replace(value).is_none().then_some(())
}

/// A string that a sender wrote: what is not UTF-8, escaped halves of surrogate pairs included, is replaced.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Lossy<'a>(pub(super) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Lossy<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Octets::deserialize(deserializer).map(Self::from)
    }
}

impl<'a> From<Octets<'a>> for Lossy<'a> {
    fn from(octets: Octets<'a>) -> Self {
        Self(match octets.0 {
            Cow::Borrowed(octets) => match std::str::from_utf8(octets) {
                Ok(text) => Cow::Borrowed(text),
                Err(_) => String::from_utf8_lossy(octets),
            },
            Cow::Owned(octets) => Cow::Owned(match String::from_utf8(octets) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }),
        })
    }
}

/// A JSON string as octets.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Octets<'a>(pub(super) Cow<'a, [u8]>);

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
#[derive(Debug, Eq, PartialEq)]
pub(super) struct HeaderDocument<'a>(pub(super) Header<'a>);

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

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    /// All members, escapes of all kinds, white space wherever it may stand.
    const WHOLE: &str = concat!(
        "\t{ \"tenant\" :\"contoso\",\r\n",
        r#""event_id":"4Aä😀","connector":"partner","record":"sync","#,
        r#""client":{"ip":"::1","helo":"\"\\\/\b\f","auth":"a@b"},"own_hops": 16 ,"#,
        r#""envelope":{"from":"","to":["c@d" , "ä"]},"header":"A: b\r\n\tc\r\n\t"} "#,
    );

    /// Whether the scanner takes it; if it does, it takes it as the full reader.
    fn is_scanned(body: &[u8]) -> bool {
        let scanned = Document::scan(body);
        if let Some(scanned) = &scanned {
            let read = read_json::<Document<'_>>(body);
            assert_eq!(read.as_ref(), Ok(scanned), "{}", String::from_utf8_lossy(body));
        }
        scanned.is_some()
    }

    #[test]
    fn what_gateways_write_is_scanned() {
        for body in [
            WHOLE,
            r#"{"header":""}"#,
            r#"{"header":[]}"#,
            r#"{"header":[["Received"," by x\r\n y"],["A","b\n"]],"client":{},"envelope":{"to":[]},"own_hops":0}"#,
            r#"{"header":"no line ends","tenant":"a","connector":"on_premises","record":"async"}"#,
        ] {
            assert!(is_scanned(body.as_bytes()), "{body}");
        }
        assert!(is_scanned(b"{\"header\":\"\x00\x1f\xff\xc3\n\",\"event_id\":\"\xff\\n\"}"), "octets of any kind");
    }

    #[test]
    fn what_gateways_do_not_write_is_left_to_the_full_reader() {
        for body in [
            "",
            "[]",
            "5",
            r#"["a",null,null,null,null,null,null,""]"#,
            r#"{"tenant":"a"}"#,
            r#"{"header":"a","header":"b"}"#,
            r#"{"header":"","client":{"ip":"::1","ip":"::1"}}"#,
            r#"{"header":"","envelope":{"to":[],"to":[]}}"#,
            r#"{"header":"","tenant":null}"#,
            r#"{"header":"","other":1}"#,
            r#"{"header":"","client":{"other":1}}"#,
            r#"{"header":"","client":[]}"#,
            r#"{"header":"","own_hops":256}"#,
            r#"{"header":"","own_hops":-0}"#,
            r#"{"header":"","own_hops":01}"#,
            r#"{"header":"","own_hops":1.0}"#,
            r#"{"header":"","own_hops":1e0}"#,
            r#"{"header":"","own_hops":}"#,
            r#"{"header":"","connector":"x25"}"#,
            r#"{"header":"","connector":{"partner":null}}"#,
            r#"{"header":"","tenant":"a\u0062"}"#,
            r#"{"he\u0061der":""}"#,
            r#"{"header":"\u0041"}"#,
            r#"{"header":"\ud800"}"#,
            r#"{"header":"\udc00\ud800"}"#,
            r#"{"header":"\ud800\u0041"}"#,
            r#"{"header":"\ud800x"}"#,
            r#"{"header":"\u12g4"}"#,
            r#"{"header":"\x"}"#,
            r#"{"header":"","event_id":7}"#,
            r#"{"header":[["a"]]}"#,
            r#"{"header":[["a","b","c"]]}"#,
            r#"{"header":[["a","b"],]}"#,
            r#"{"header":"",}"#,
            r#"{"header":"" "tenant":"a"}"#,
            r#"{,"header":""}"#,
            r#"{"header":""} x"#,
            r#"{"header":""}}"#,
            "\u{c}{\"header\":\"\"}",
            "\u{feff}{\"header\":\"\"}",
            "{\"header\":\"\",\"tenant\":\"a\nb\"}",
        ] {
            assert!(!is_scanned(body.as_bytes()), "{body}");
        }
        let deep = format!(r#"{{"header":{}"#, "[".repeat(100_000));
        assert!(!is_scanned(deep.as_bytes()) && read_json::<Document<'_>>(deep.as_bytes()).is_err());
    }

    #[test]
    fn a_body_cut_or_bent_at_any_octet_is_read_as_the_full_reader_reads_it() {
        let whole = WHOLE.as_bytes();
        let end = WHOLE.trim_end().len();
        for at in 0..whole.len() {
            assert_eq!(is_scanned(&whole[..at]), at >= end, "{at}");
            is_scanned(&[&whole[..at], &whole[at + 1..]].concat());
            is_scanned(&[&whole[..=at], &whole[at..]].concat());
            for octet in *b"\"\\{}[],: 0a-u\n\x00\x1f\x7f\x80\xc3\xff" {
                is_scanned(&[&whole[..at], &[octet], &whole[at + 1..]].concat());
                is_scanned(&[&whole[..at], &[octet], &whole[at..]].concat());
            }
        }
    }

    #[test]
    fn a_header_of_many_folded_fields_takes_no_more_room_than_its_text() {
        let pair = r#"["Received"," by a\r\n b"],"#;
        let body = format!(r#"{{"header":[{}["A","b"]]}}"#, pair.repeat(2_000));
        let Header::Pairs(pairs) = Document::scan(body.as_bytes()).unwrap().header.0 else { panic!("no pairs") };
        let room = pairs.iter().map(|(_, value)| match value {
            Cow::Borrowed(_) => 0,
            Cow::Owned(value) => value.capacity(),
        });
        assert_eq!(pairs.len(), 2_001);
        assert!((1..body.len()).contains(&room.sum()));
    }

    #[test]
    fn a_string_of_quotes_and_backslashes_ends_where_the_full_reader_ends_it() {
        for backslashes in 0..40 {
            for behind in ["", "a", "\\\"", "\\n\\\\", "\"", "\",\"tenant\":\"b"] {
                is_scanned(format!("{{\"header\":\"x{}\"{behind}\"}}", "\\".repeat(backslashes)).as_bytes());
            }
        }
        // each quote is escaped, and none of their backslashes is counted again and again
        for inner in [r#"\""#, r"\\", r#"\\\""#] {
            let body = format!(r#"{{"header":"{}"}}"#, inner.repeat(250_000));
            assert!(is_scanned(body.as_bytes()));
        }
    }

    fn text() -> impl Strategy<Value = String> {
        let pieces =
            vec!["a", "b", " ", r"\r\n", r"\n", r#"\""#, r"\\", r"\u0041", r"\ud83d", r"\ude00", r"\u", "ä", "\n"];
        let pieces = vec(select(pieces), 0..6).prop_map(|pieces| pieces.concat());
        prop_oneof![pieces, "(partner|on_premises|sync|contoso|::1)"].prop_map(|text| format!("\"{text}\""))
    }

    fn value() -> impl Strategy<Value = String> {
        let number = select(vec!["0", "16", "255", "256", "00", "-1", "1.5", "1e2", "99999999999999999999"]);
        let leaf = prop_oneof![4 => text(), 1 => number.prop_map(String::from), 1 => "(null|true|fals)"];
        leaf.prop_recursive(3, 12, 4, |value| {
            let list = vec(value.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(",")));
            let pair = (text(), text()).prop_map(|(name, value)| format!("[{name} ,{value}]"));
            let pairs = vec(pair, 0..3).prop_map(|pairs| format!("[{}]", pairs.join(",")));
            prop_oneof![list, pairs, vec((member(), value), 0..4).prop_map(object)]
        })
    }

    fn member() -> impl Strategy<Value = &'static str> {
        let first = select(vec!["tenant", "event_id", "connector", "record", "client", "own_hops", "envelope"]);
        let inner = select(vec!["ip", "helo", "auth", "from", "to", "other", ""]);
        prop_oneof![3 => first, 2 => Just("header"), 2 => inner]
    }

    fn object(members: Vec<(&str, String)>) -> String {
        let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\" :{value}")).collect();
        format!("{{{}}}", members.join(" ,"))
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 5_000, ..ProptestConfig::default() })]

        #[test]
        fn any_document_is_read_as_the_full_reader_reads_it(members in vec((member(), value()), 0..5)) {
            is_scanned(object(members).as_bytes());
        }

        #[test]
        fn any_header_is_read_as_the_full_reader_reads_it(octets in vec(any::<u8>(), 0..60), text in ".{0,40}") {
            let body = format!(r#"{{"tenant":"a","header":{}}}"#, serde_json::to_string(&text)?);
            let has_code = text.chars().any(|c| c < ' ' && !"\u{8}\u{c}\n\r\t".contains(c));
            prop_assert_eq!(is_scanned(body.as_bytes()), !has_code);
            is_scanned(&[b"{\"header\":\"", octets.as_slice(), b"\"}"].concat());
        }
    }
}
