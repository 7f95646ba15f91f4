//! What the gateways' own dialects have in common.

use std::borrow::Cow;
use std::net::IpAddr;

use tidegate_engine::Header;
use tidegate_engine::parse_address;
use tidegate_engine::{MAX_OWN_HOPS, MailEvent};

use crate::native::{Defaults, Record, Request};
use crate::problem::Problem;

/// Octets of a body that an adapter reads. What lies behind is neither read nor awaited.
pub const MAX_PREFIX: usize = 256 * 1024;

/// The beginning of a body.
#[derive(Clone, Copy, Debug)]
pub struct Prefix<'a> {
    pub bytes: &'a [u8],
    /// Nothing lies behind.
    pub is_whole: bool,
}

/// A request as an adapter reads it.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The values of the header fields that the dialect names, in that order; empty where one is missing.
    pub fields: &'a [String],
    pub body: Prefix<'a>,
}

impl<'a> Asked<'a> {
    pub(crate) fn field(&self, index: usize) -> &'a str {
        self.fields.get(index).map_or("", String::as_str)
    }
}

/// What a gateway says of one message.
#[derive(Debug, Default)]
pub(crate) struct Parts<'a> {
    pub client_ip: Option<IpAddr>,
    pub recipients: Vec<Cow<'a, str>>,
    pub header: Option<Header<'a>>,
    /// By which a repeated request is known.
    pub id: Option<Cow<'a, str>>,
}

impl<'a> Parts<'a> {
    /// The event, with what the key says of its gateway. `own_hops`: what the dialect's gateways put on top, unless the
    /// key says otherwise.
    pub(crate) fn request(self, own_hops: u8, defaults: &Defaults) -> Result<Request<'a>, Problem> {
        let event = MailEvent {
            tenant: defaults.tenant(None)?,
            connector: defaults.connector.unwrap_or_default(),
            client_ip: self.client_ip,
            client_auth: None,
            own_hops: defaults.own_hops.unwrap_or(own_hops).min(MAX_OWN_HOPS),
            recipients: self.recipients,
            header: self.header.unwrap_or(Header::Block(Cow::Borrowed(&[]))),
        };
        Ok(Request { event, event_id: self.id.filter(|id| !id.is_empty()), record: Record::Async })
    }
}

/// An address in any of the forms that gateways write: in brackets, with a port, with a tag.
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    parse_address(text.as_bytes())
}

/// The header at the beginning of a message. A field that the message's end may cut is left out: half of a build
/// number is another number.
pub(crate) fn header_of(message: Prefix<'_>) -> Header<'_> {
    Header::Block(Cow::Borrowed(whole_fields(message)))
}

/// As [`header_of`], of a message that had to be decoded.
pub(crate) fn header_of_decoded<'a>(message: Vec<u8>, is_whole: bool) -> Header<'a> {
    let length = whole_fields(Prefix { bytes: &message, is_whole }).len();
    let mut header = message;
    header.truncate(length);
    Header::Block(Cow::Owned(header))
}

/// The header's lines without the empty one that ends it, and without the last field if that may go on.
fn whole_fields(message: Prefix<'_>) -> &[u8] {
    let bytes = message.bytes;
    let (mut at, mut field) = (0, 0);
    while let Some(line) = bytes.get(at..).filter(|line| !line.is_empty()) {
        match line {
            [b'\n', ..] | [b'\r', b'\n', ..] => return bytes.get(..at).unwrap_or(bytes),
            [b' ' | b'\t', ..] => {}
            _ => field = at,
        }
        match line.iter().position(|octet| *octet == b'\n') {
            Some(end) => at += end + 1,
            None => break,
        }
    }
    if message.is_whole { bytes } else { bytes.get(..field).unwrap_or(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(bytes: &[u8], is_whole: bool) -> usize {
        let counted = header_of(Prefix { bytes, is_whole }).fields().count();
        assert_eq!(header_of_decoded(bytes.to_vec(), is_whole).fields().count(), counted);
        counted
    }

    #[test]
    fn a_field_that_was_cut_is_left_out() {
        let header = b"A: 1\r\nReceived: by x with Microsoft\r\n SMTP Server id 15.1.2507.6";
        assert_eq!((fields(header, false), fields(header, true)), (1, 2));
        // the next line may be its continuation
        assert_eq!(fields(b"A: 1\nB: 2\n", false), 1);
        assert_eq!(fields(b"A: 1\r\nB: 2\r\n\r\nbo", false), 2);
        assert_eq!(fields(b"A: 1\nB: 2\n\n", false), 2);
        for nothing in [&b""[..], b"A: 1", b"\r\nbody", b" x"] {
            assert_eq!(fields(nothing, false), 0);
        }
    }

    #[test]
    fn addresses_come_with_ports_and_brackets() {
        for text in ["203.0.113.7", "203.0.113.7:59172", "[203.0.113.7]", "IPv6:::ffff:203.0.113.7"] {
            assert_eq!(address(text), "203.0.113.7".parse().ok(), "{text}");
        }
        assert_eq!(address("[2001:db8::7]:25"), "2001:db8::7".parse().ok());
        assert_eq!(address("unknown"), None);
    }
}
