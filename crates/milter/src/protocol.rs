//! The milter protocol (version 6, down to 2) as bytes: what the mail server sends and what it is answered.
//!
//! A packet is a length of four octets, a command octet and its data. Numbers are big-endian, texts end with NUL.
//! Nothing here waits, keeps state or fails but for a packet that no mail server would send.

use std::fmt;
use std::net::IpAddr;

use bytes::{Buf, BufMut, BytesMut};

/// The newest version that is spoken; an older one of the mail server's wins.
pub const VERSION: u32 = 6;
/// Before it the flags that are needed did not exist.
const OLDEST_VERSION: u32 = 2;
/// Octets of one packet, command included. Mail servers send 64 KiB of a body at once, and Postfix whole fields.
pub const MAX_PACKET: usize = 1024 * 1024;
/// Octets of a reply line, codes included (RFC 5321, section 4.5.3.1.5: 512 with CR LF).
const MAX_REPLY: usize = 510;

/// What a filter may ask of the mail server when the connection begins.
pub mod action {
    /// To choose the macros it is sent.
    pub const SET_MACROS: u32 = 0x100;
}

/// How mail server and filter talk, agreed when the connection begins: `NO_*` is not sent at all, `NR_*` is not
/// answered.
pub mod step {
    pub const NO_BODY: u32 = 0x10;
    pub const NR_HEADER: u32 = 0x80;
    pub const NO_UNKNOWN: u32 = 0x100;
    pub const NO_DATA: u32 = 0x200;
    pub const NR_CONNECT: u32 = 0x1000;
    pub const NR_HELO: u32 = 0x2000;
    pub const NR_MAIL: u32 = 0x4000;
    pub const NR_RECIPIENT: u32 = 0x8000;
    /// Values of header fields come as they are, and not without the blank behind the colon.
    pub const LEADING_SPACE: u32 = 0x10_0000;
    /// All that serves here. The end of the header is answered: with the decision.
    pub const WANTED: u32 =
        NO_BODY | NR_HEADER | NO_UNKNOWN | NO_DATA | NR_CONNECT | NR_HELO | NR_MAIL | NR_RECIPIENT | LEADING_SPACE;
}

/// The macros that are read, by the numbers that the protocol gives to the commands they come with.
const MACROS: [(u32, &str); 3] = [(0, "{client_addr}"), (2, "i {auth_authen}"), (6, "i")];

/// Takes one packet, without its length, from what was read. `None`: more has to be read first.
pub fn split_packet(read: &mut BytesMut) -> Result<Option<BytesMut>, ProtocolError> {
    let Some(length) = read.first_chunk().map(|length| u32::from_be_bytes(*length)) else {
        return Ok(None);
    };
    let length = usize::try_from(length).ok().filter(|length| (1..=MAX_PACKET).contains(length));
    let length = length.ok_or(ProtocolError::Length)?;
    if read.len() < 4 + length {
        return Ok(None);
    }
    read.advance(4);
    Ok(Some(read.split_to(length)))
}

/// What the mail server tells. Texts are what it, or the SMTP client, wrote.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Command<'a> {
    Negotiate(Offer),
    /// Names with values, for the command that follows.
    Macros(Macros<'a>),
    /// A new SMTP client; the address of one that has none of its own is `None`.
    Connect(Option<IpAddr>),
    Helo(&'a [u8]),
    /// The sender as MAIL has it, mostly in angle brackets.
    Mail(&'a [u8]),
    Recipient(&'a [u8]),
    Data,
    /// The value may be folded: lines end with LF.
    Header(&'a [u8], &'a [u8]),
    EndOfHeader,
    Body,
    EndOfMessage,
    /// This message is over, the SMTP session is not.
    Abort,
    Quit,
    /// The SMTP session is over; another one follows on this connection.
    QuitNewConnection,
    /// An SMTP command that the mail server does not know.
    UnknownSmtp,
    /// A command that is not known here.
    Other(u8),
}

/// What the mail server can do.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Offer {
    pub version: u32,
    pub actions: u32,
    pub steps: u32,
}

impl<'a> Command<'a> {
    /// Reads a packet. Only negotiation can fail; elsewhere what is missing is empty.
    pub fn parse(packet: &'a [u8]) -> Result<Self, ProtocolError> {
        let (command, data) = packet.split_first().ok_or(ProtocolError::Length)?;
        Ok(match command {
            b'O' => Self::Negotiate(Offer::parse(data)?),
            b'D' => Self::Macros(Macros { rest: data.get(1..).unwrap_or_default() }),
            b'C' => Self::Connect(address(data)),
            b'H' => Self::Helo(text(data).0),
            b'M' => Self::Mail(text(data).0),
            b'R' => Self::Recipient(text(data).0),
            b'T' => Self::Data,
            b'L' => {
                let (name, rest) = text(data);
                Self::Header(name, text(rest).0)
            }
            b'N' => Self::EndOfHeader,
            b'B' => Self::Body,
            b'E' => Self::EndOfMessage,
            b'A' => Self::Abort,
            b'Q' => Self::Quit,
            b'K' => Self::QuitNewConnection,
            b'U' => Self::UnknownSmtp,
            other => Self::Other(*other),
        })
    }
}

impl Offer {
    fn parse(mut data: &[u8]) -> Result<Self, ProtocolError> {
        let mut number = || data.try_get_u32().map_err(|_| ProtocolError::Negotiation);
        let offer = Self { version: number()?, actions: number()?, steps: number()? };
        if offer.version < OLDEST_VERSION { Err(ProtocolError::Negotiation) } else { Ok(offer) }
    }

    /// The part of it that is made use of.
    #[must_use]
    pub fn agreed(self) -> Self {
        Self {
            version: self.version.min(VERSION),
            actions: self.actions & action::SET_MACROS,
            steps: self.steps & step::WANTED,
        }
    }
}

/// The address in host name NUL, family, port and address NUL; Sendmail writes `IPv6:` before one of version 6.
fn address(data: &[u8]) -> Option<IpAddr> {
    let (_host, rest) = text(data);
    let (b'4' | b'6', rest) = rest.split_first()? else { return None };
    parse_address(text(rest.get(2..)?).0)
}

/// An address as mail servers write it.
pub fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let tagged = text.get(..5).is_some_and(|tag| tag.eq_ignore_ascii_case("ipv6:"));
    let text = if tagged { text.get(5..)? } else { text };
    Some(tidegate_engine::canonical_address(text.parse().ok()?))
}

/// A text up to its NUL, and what follows; without a NUL it is all text.
fn text(data: &[u8]) -> (&[u8], &[u8]) {
    match data.iter().position(|octet| *octet == 0).and_then(|nul| data.split_at_checked(nul)) {
        Some((text, rest)) => (text, rest.get(1..).unwrap_or_default()),
        None => (data, &[]),
    }
}

/// Names and values of macros.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Macros<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Macros<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let (name, rest) = text(self.rest);
        let (value, rest) = text(rest);
        self.rest = rest;
        Some((name, value))
    }
}

/// What the mail server is answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reply {
    Negotiated(Offer),
    /// On with this message.
    Continue,
    /// Nothing more needs to be told of this message.
    Accept,
    /// What the SMTP client is answered.
    Smtp(SmtpReply),
}

impl Reply {
    /// Appends the reply's packet.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Negotiated(agreed) => {
                let mut data = Vec::new();
                data.put_u32(agreed.version);
                data.put_u32(agreed.actions);
                data.put_u32(agreed.steps);
                if agreed.actions & action::SET_MACROS != 0 {
                    for (stage, names) in MACROS {
                        data.put_u32(stage);
                        data.extend_from_slice(names.as_bytes());
                        data.push(0);
                    }
                }
                write_packet(out, b'O', &data);
            }
            Self::Continue => write_packet(out, b'c', &[]),
            Self::Accept => write_packet(out, b'a', &[]),
            Self::Smtp(reply) => {
                // Sendmail takes the text for a format, and Postfix follows suit
                let mut data = reply.0.replace('%', "%%").into_bytes();
                data.push(0);
                write_packet(out, b'y', &data);
            }
        }
    }
}

fn write_packet(out: &mut Vec<u8>, command: u8, data: &[u8]) {
    // no reply comes near the bound of the length
    out.put_u32(u32::try_from(data.len() + 1).unwrap_or(u32::MAX));
    out.push(command);
    out.extend_from_slice(data);
}

/// A reply line such as `450 4.7.230 Try later`: one line of printable ASCII, of class 4 or 5.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SmtpReply(String);

impl SmtpReply {
    /// What is not printable ASCII in `text` becomes a blank, and what is too long is cut. `None`: a code that is no
    /// three digits of class 4 or 5, or an enhanced code (RFC 3463) that is none of the same class.
    pub fn new(code: u16, enhanced: &str, text: &str) -> Option<Self> {
        let class = match code {
            400..=499 => "4",
            500..=599 => "5",
            _ => return None,
        };
        let mut parts = enhanced.split('.');
        let number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|octet| octet.is_ascii_digit());
        let valid = parts.next() == Some(class) && parts.clone().count() == 2 && parts.all(number);
        let printable = text.chars().map(|char| if matches!(char, ' '..='~') { char } else { ' ' });
        valid.then(|| Self(format!("{code} {enhanced} ").chars().chain(printable).take(MAX_REPLY).collect()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The mail server speaks another protocol, or something else is connected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProtocolError {
    /// A packet without a command, or longer than [`MAX_PACKET`].
    Length,
    /// Too little, or too old.
    Negotiation,
    /// A command before the negotiation.
    Order,
}

impl fmt::Display for ProtocolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a packet of an impossible length",
            Self::Negotiation => "no milter protocol of version 2 or later is offered",
            Self::Order => "a command before the negotiation",
        })
    }
}

impl std::error::Error for ProtocolError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert, proptest};

    use super::*;

    fn written(reply: &Reply) -> Vec<u8> {
        let mut out = Vec::new();
        reply.write(&mut out);
        out
    }

    #[test]
    fn postfix_and_sendmail_are_agreed_with() {
        // as Postfix 3.7 begins
        let offer = b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
        let Ok(Command::Negotiate(offer)) = Command::parse(offer) else { panic!() };
        let answer = written(&Reply::Negotiated(offer.agreed()));
        let macros = b"\0\0\0\0{client_addr}\0\0\0\0\x02i {auth_authen}\0\0\0\0\x06i\0";
        let mut expected = b"\0\0\0\x39O\0\0\0\x06\0\0\x01\0\0\x10\xf3\x90".to_vec();
        expected.extend_from_slice(macros);
        assert_eq!(answer, expected);

        // version 2 knows neither silence nor a choice of macros
        let old = Offer { version: 2, actions: 0x3f, steps: 0x7f };
        assert_eq!(written(&Reply::Negotiated(old.agreed())), b"\0\0\0\x0dO\0\0\0\x02\0\0\0\0\0\0\0\x10");
        let newer = Offer { version: 7, actions: u32::MAX, steps: u32::MAX };
        assert_eq!(newer.agreed(), Offer { version: 6, actions: 0x100, steps: step::WANTED });
        for wrong in [&b"O"[..], b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff", b"O\0\0\0\x01\0\0\x01\xff\0\x1f\xff\xff"] {
            assert_eq!(Command::parse(wrong), Err(ProtocolError::Negotiation));
        }
    }

    #[test]
    fn commands_are_read() {
        let cases: [(&[u8], Command<'_>); 19] = [
            (b"Cmx.test\x004\x30\x39192.0.2.7\0", Command::Connect("192.0.2.7".parse().ok())),
            (b"C[x]\x006\x30\x392001:db8::7\0", Command::Connect("2001:db8::7".parse().ok())),
            (b"C[x]\x006\x30\x39IPv6:2001:db8::7\0", Command::Connect("2001:db8::7".parse().ok())),
            (b"C[x]\x004\x30\x39::ffff:192.0.2.7\0", Command::Connect("192.0.2.7".parse().ok())),
            (b"Clocalhost\0L\0\0/run/x\0", Command::Connect(None)),
            (b"Cunknown\0U", Command::Connect(None)),
            (b"C", Command::Connect(None)),
            (b"Hmx.test\0", Command::Helo(b"mx.test")),
            (b"M<a@b>\0SIZE=5\0", Command::Mail(b"<a@b>")),
            (b"R<c@d>\0NOTIFY=NEVER\0", Command::Recipient(b"<c@d>")),
            (b"LReceived\0 from a\n\tby b\0", Command::Header(b"Received", b" from a\n\tby b")),
            (b"LReceived", Command::Header(b"Received", b"")),
            (b"N", Command::EndOfHeader),
            (b"Bxyz", Command::Body),
            (b"E", Command::EndOfMessage),
            (b"A", Command::Abort),
            (b"Q", Command::Quit),
            (b"K", Command::QuitNewConnection),
            (b"zx", Command::Other(b'z')),
        ];
        for (packet, command) in cases {
            assert_eq!(Command::parse(packet), Ok(command));
        }
        let Ok(Command::Macros(macros)) = Command::parse(b"DMi\x004ABC\0{auth_authen}\0bob\0odd\0") else { panic!() };
        let macros: Vec<_> = macros.collect();
        assert_eq!(macros, [(&b"i"[..], &b"4ABC"[..]), (b"{auth_authen}", b"bob"), (b"odd", b"")]);
    }

    #[test]
    fn packets_are_taken_one_by_one() {
        let mut read = BytesMut::from(&b"\0\0\0\x01N\0\0\0\x03Hab\0\0"[..]);
        assert_eq!(split_packet(&mut read), Ok(Some(BytesMut::from(&b"N"[..]))));
        assert_eq!(split_packet(&mut read), Ok(Some(BytesMut::from(&b"Hab"[..]))));
        assert_eq!(split_packet(&mut read), Ok(None));
        for length in [0u32, 1024 * 1024 + 1, u32::MAX] {
            assert_eq!(split_packet(&mut BytesMut::from(&length.to_be_bytes()[..])), Err(ProtocolError::Length));
        }
        // such as a web browser
        assert_eq!(split_packet(&mut BytesMut::from(&b"GET / HTTP/1.1"[..])), Err(ProtocolError::Length));
    }

    #[test]
    fn replies_are_one_printable_line_of_their_class() {
        let reply = SmtpReply::new(450, "4.7.230", "Now\r\n250 50% of\u{e9}").unwrap();
        assert_eq!(reply.as_str(), "450 4.7.230 Now  250 50% of ");
        assert_eq!(written(&Reply::Smtp(reply)), b"\0\0\0\x1fy450 4.7.230 Now  250 50%% of \0");
        assert_eq!(written(&Reply::Continue), b"\0\0\0\x01c");
        assert_eq!(written(&Reply::Accept), b"\0\0\0\x01a");
        assert_eq!(SmtpReply::new(550, "5.7.230", &"x".repeat(600)).unwrap().as_str().len(), MAX_REPLY);
        for (code, enhanced) in
            [(250, "2.0.0"), (450, "5.7.230"), (550, "5.7"), (550, "5.7.1.1"), (550, "5.a.1"), (4, "4")]
        {
            assert_eq!(SmtpReply::new(code, enhanced, ""), None, "{code} {enhanced}");
        }
    }

    fn packet() -> impl Strategy<Value = Vec<u8>> {
        (prop::sample::select(b"ODCHMRTLNBEAQKUz".to_vec()), prop::collection::vec(any::<u8>(), 0..64)).prop_map(
            |(command, mut data)| {
                data.insert(0, command);
                data
            },
        )
    }

    proptest! {
        #[test]
        fn no_bytes_panic(packet in packet()) {
            if let Ok(Command::Macros(macros)) = Command::parse(&packet) {
                prop_assert!(macros.count() <= packet.len());
            }
        }

        #[test]
        fn any_stream_is_taken_apart_or_refused(stream in prop::collection::vec(any::<u8>(), 0..256)) {
            let mut read = BytesMut::from(&stream[..]);
            let mut taken = 0;
            while let Ok(Some(packet)) = split_packet(&mut read) {
                taken += 4 + packet.len();
                let _ = Command::parse(&packet);
            }
            prop_assert!(taken + read.len() == stream.len());
        }

        #[test]
        fn any_text_makes_one_line(text in ".{0,600}") {
            let reply = SmtpReply::new(550, "5.7.230", &text).unwrap();
            prop_assert!(reply.as_str().len() <= MAX_REPLY && reply.as_str().bytes().all(|octet| (32..127).contains(&octet)));
        }
    }
}
