//! What one connection of the mail server has told so far, and what each of its commands is answered.

use std::net::IpAddr;

use tidegate_engine::Component;
use tidegate_engine::MAX_FIELDS;

use crate::protocol::{Command, Macros, Offer, ProtocolError, Reply, parse_address, step};

/// Octets of a header that are read, as everywhere in Tidegate; the rest is ignored.
pub const MAX_HEADER: usize = 256 * 1024;
/// Octets of one name or address that are kept: more than RFC 5321 allows.
const MAX_NAME: usize = 512;
/// Octets of all recipients together. Whoever sends to more is not a blocked administrator writing to postmaster: none of
/// them is told, since some alone could pass for all.
const MAX_RECIPIENTS: usize = 32 * 1024;

/// One connection. The mail server tells of one SMTP client after the other on it, and of their messages in turn.
#[derive(Debug, Default)]
pub struct Session {
    agreed: Option<Offer>,
    client: Client,
    told: Option<Told>,
}

#[derive(Clone, Debug, Default)]
struct Client {
    ip: Option<IpAddr>,
    helo: String,
}

/// What is asked about.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Message {
    pub client_ip: Option<IpAddr>,
    pub helo: String,
    pub sender: String,
    pub recipients: Vec<String>,
    /// The mail server's name for the message.
    pub queue_id: Option<String>,
    /// The SMTP client has logged in.
    pub authenticated: bool,
    /// The values of the `Received` fields, newest first. No other field leaves this machine.
    pub received: Vec<String>,
}

/// A message while it is told of.
#[derive(Clone, Debug, Default)]
struct Told {
    message: Message,
    /// Octets of the header so far.
    read: usize,
    fields: usize,
    in_recipients: usize,
    /// MAIL has come; its macros come before it.
    begun: bool,
    decided: bool,
}

/// What is to be done after a command.
#[derive(Debug, Eq, PartialEq)]
pub enum Step {
    /// The mail server expects no answer.
    Silent,
    Reply(Reply),
    /// The mail server waits for the decision.
    Decide(Box<Message>),
    Close,
}

impl Session {
    /// A message has begun and is not decided.
    pub fn in_message(&self) -> bool {
        self.told.as_ref().is_some_and(|told| !told.decided)
    }

    pub fn take(&mut self, packet: &[u8]) -> Result<Step, ProtocolError> {
        let command = Command::parse(packet)?;
        if let Command::Negotiate(offer) = command {
            let agreed = offer.agreed();
            *self = Self { agreed: Some(agreed), ..Self::default() };
            return Ok(Step::Reply(Reply::Negotiated(agreed)));
        }
        let agreed = self.agreed.ok_or(ProtocolError::Order)?;
        let answered = |silent: u32| match agreed.steps & silent {
            0 => Step::Reply(Reply::Continue),
            _ => Step::Silent,
        };
        Ok(match command {
            Command::Negotiate(_) | Command::Other(_) => Step::Silent,
            Command::Macros(macros) => {
                self.take_macros(packet.get(1).copied().unwrap_or(0), macros);
                Step::Silent
            }
            Command::Connect(ip) => {
                // macros come before their command: an address that only they name is kept
                let ip = ip.or(self.client.ip);
                self.client = Client { ip, helo: String::new() };
                answered(step::NR_CONNECT)
            }
            Command::Helo(name) => {
                self.client.helo = bounded(name);
                answered(step::NR_HELO)
            }
            Command::Mail(sender) => {
                self.begin().message.sender = bounded(path(sender));
                answered(step::NR_MAIL)
            }
            Command::Recipient(recipient) => {
                self.told().add_recipient(recipient);
                answered(step::NR_RECIPIENT)
            }
            Command::Header(name, value) => {
                let leading_space = agreed.steps & step::LEADING_SPACE != 0;
                self.told().add_field(name, value, leading_space);
                answered(step::NR_HEADER)
            }
            // where these were agreed to be left out they do not come
            Command::Data | Command::UnknownSmtp | Command::Body => Step::Reply(Reply::Continue),
            Command::EndOfHeader | Command::EndOfMessage => self.decide(),
            Command::Abort => {
                self.told = None;
                Step::Silent
            }
            Command::QuitNewConnection => {
                self.client = Client::default();
                self.told = None;
                Step::Silent
            }
            Command::Quit => Step::Close,
        })
    }

    /// The decision is due once a message: at the end of its header, so that its body is not sent.
    fn decide(&mut self) -> Step {
        let client = self.client.clone();
        let told = self.told();
        if told.decided {
            return Step::Reply(Reply::Accept);
        }
        let told = std::mem::replace(told, Told { decided: true, ..Told::default() });
        Step::Decide(Box::new(Message { client_ip: client.ip, helo: client.helo, ..told.message }))
    }

    /// Not each message ends with a word of it: a new one ends the one before.
    fn begin(&mut self) -> &mut Told {
        let named = self.told.take().filter(|told| !told.begun && !told.decided);
        self.told.insert(Told { begun: true, ..named.unwrap_or_default() })
    }

    fn told(&mut self) -> &mut Told {
        self.told.get_or_insert_default()
    }

    fn take_macros(&mut self, command: u8, macros: Macros<'_>) {
        if command == b'M' {
            self.told = Some(Told::default());
        }
        for (name, value) in macros {
            match name {
                b"i" | b"{i}" if !value.is_empty() => self.told().message.queue_id = Some(bounded(value)),
                b"{auth_authen}" | b"auth_authen" if !value.is_empty() => self.told().message.authenticated = true,
                b"{client_addr}" if command == b'C' => self.client.ip = parse_address(value),
                _ => {}
            }
        }
    }
}

impl Message {
    /// Whether any field looks like one by an on-premises Exchange server, or nearly so, which Tidegate counts. Without
    /// one the answer is accept, whatever Tidegate knows.
    pub fn shows_exchange(&self) -> bool {
        let by_exchange = |value: &String| match tidegate_engine::parse_received(value.as_bytes()) {
            Ok(hop) => hop.component != Component::Other,
            Err(unreadable) => unreadable.is_nearly_exchange(),
        };
        self.received.iter().any(by_exchange)
    }
}

impl Told {
    fn add_recipient(&mut self, recipient: &[u8]) {
        let recipient = path(recipient);
        self.in_recipients = self.in_recipients.saturating_add(recipient.len());
        if self.in_recipients <= MAX_RECIPIENTS {
            self.message.recipients.push(bounded(recipient));
        } else {
            self.message.recipients.clear();
        }
    }

    /// Counts every field and keeps `Received`. A field that crosses the bound is left out, and all below it.
    fn add_field(&mut self, name: &[u8], value: &[u8], leading_space: bool) {
        self.fields = self.fields.saturating_add(1);
        self.read = self.read.saturating_add(name.len()).saturating_add(value.len());
        let within = self.read <= MAX_HEADER && self.fields <= MAX_FIELDS && !self.decided;
        if within && name.eq_ignore_ascii_case(b"received") {
            let value = String::from_utf8_lossy(value);
            self.message.received.push(if leading_space { value.into_owned() } else { format!(" {value}") });
        }
    }
}

/// An address without its angle brackets.
fn path(address: &[u8]) -> &[u8] {
    let address = address.trim_ascii();
    let inner = address.strip_prefix(b"<").and_then(|address| address.strip_suffix(b">"));
    inner.unwrap_or(address)
}

fn bounded(text: &[u8]) -> String {
    String::from_utf8_lossy(text.get(..MAX_NAME).unwrap_or(text)).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{Strategy, any, prop, prop_assert, proptest};

    use super::*;

    const POSTFIX: &[u8] = b"O\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff";
    const EXCHANGE: &[u8] =
        b"LReceived\0 from a (10.0.0.1) by EX01.contoso.com (10.0.0.2) with Microsoft SMTP\n Server id 15.1.2507.39\0";

    fn session(offer: &[u8]) -> Session {
        let mut session = Session::default();
        assert!(matches!(session.take(offer), Ok(Step::Reply(Reply::Negotiated(_)))));
        session
    }

    /// What becomes of commands that must all be met with silence but for the last.
    fn last(session: &mut Session, packets: &[&[u8]]) -> Step {
        let (last, silent) = packets.split_last().unwrap();
        for packet in silent {
            assert_eq!(session.take(packet), Ok(Step::Silent), "{}", packet.escape_ascii());
        }
        session.take(last).unwrap()
    }

    fn decided(step: Step) -> Message {
        let Step::Decide(message) = step else { panic!("{step:?}") };
        *message
    }

    #[test]
    fn a_message_is_asked_about_at_the_end_of_its_header() {
        let mut session = session(POSTFIX);
        let begin: [&[u8]; 10] = [
            b"DC{client_addr}\x00203.0.113.7\0",
            b"Cmx.test\x004\x30\x39203.0.113.7\0",
            b"Hex01.contoso.com\0",
            b"DM{auth_authen}\0\0",
            b"M<a@contoso.com>\0SIZE=5\0",
            b"DR\0",
            b"R<b@example.org>\0",
            b"Rc@example.org\0",
            b"DLi\x004ABC\0",
            EXCHANGE,
        ];
        last(&mut session, &begin);
        assert!(session.in_message());
        let message = decided(last(&mut session, &[b"LSubject\0 secret\0", b"DNi\x004ABC\0", b"N"]));
        assert_eq!(message.client_ip, "203.0.113.7".parse().ok());
        assert_eq!((message.helo.as_str(), message.sender.as_str()), ("ex01.contoso.com", "a@contoso.com"));
        assert_eq!(message.recipients, ["b@example.org", "c@example.org"]);
        assert_eq!((message.queue_id.as_deref(), message.authenticated), (Some("4ABC"), false));
        assert!(message.shows_exchange());
        assert_eq!(message.received.len(), 1);
        assert!(message.received[0].starts_with(" from a") && message.received[0].contains("SMTP\n Server"));
        assert!(!session.in_message());
        // a mail server that goes on all the same
        assert_eq!(session.take(b"E"), Ok(Step::Reply(Reply::Accept)));
    }

    #[test]
    fn nothing_of_one_message_is_left_for_the_next() {
        let mut session = session(POSTFIX);
        let first: [&[u8]; 8] = [
            b"Cmx.test\x004\x30\x39203.0.113.7\0",
            b"Hone\0",
            b"DMi\x001\0{auth_authen}\0bob\0",
            b"M<a@a>\0",
            b"R<a@b>\0",
            EXCHANGE,
            b"A",
            b"DM\0",
        ];
        last(&mut session, &first);
        let second = decided(last(&mut session, &[b"M<>\0", b"R<c@d>\0", b"N"]));
        assert_eq!((second.client_ip, second.helo.as_str()), ("203.0.113.7".parse().ok(), "one"));
        assert_eq!((second.sender.as_str(), second.recipients.as_slice()), ("", &["c@d".to_owned()][..]));
        assert_eq!((second.queue_id, second.authenticated, second.received.len()), (None, false, 0));
        // without an abort between them, and without macros
        let third = decided(last(&mut session, &[b"M<e@f>\0", b"R<x@y>\0", b"M<g@h>\0", b"R<i@j>\0", b"N"]));
        assert_eq!((third.sender.as_str(), third.recipients.len()), ("g@h", 1));
        // another SMTP client on the same connection
        let other = decided(last(&mut session, &[b"K", b"Cx\0U", b"Htwo\0", b"M<a@b>\0", b"N"]));
        assert_eq!((other.client_ip, other.helo.as_str(), other.queue_id), (None, "two", None));
        assert_eq!(session.take(b"Q"), Ok(Step::Close));
    }

    #[test]
    fn an_old_mail_server_is_answered_each_time() {
        let mut session = session(b"O\0\0\0\x02\0\0\0\x3f\0\0\0\x7f");
        let packets: [&[u8]; 6] = [
            b"Cx\x004\0\0IPv6:2001:db8::1\0",
            b"Hx\0",
            b"M<a@b>\0",
            b"R<c@d>\0",
            b"LReceived\0from x by y\0",
            b"Bbody",
        ];
        for packet in packets {
            assert_eq!(session.take(packet), Ok(Step::Reply(Reply::Continue)));
        }
        assert_eq!(session.take(b"DEi\x004ABC\0"), Ok(Step::Silent));
        let message = decided(session.take(b"E").unwrap());
        assert_eq!(message.received, [" from x by y"]);
        assert_eq!(message.queue_id.as_deref(), Some("4ABC"));
        assert!(!message.shows_exchange());
    }

    #[test]
    fn who_has_logged_in_is_known() {
        let mut session = session(POSTFIX);
        let message = decided(last(&mut session, &[b"DMi\x007\0{auth_authen}\0bob\0", b"M<a@b>\0", b"N"]));
        assert!(message.authenticated);
        assert_eq!(message.queue_id.as_deref(), Some("7"));
    }

    #[test]
    fn a_long_header_is_read_up_to_its_bound() {
        let mut session = session(POSTFIX);
        let long = [b"LX-Long\0".as_slice(), &[b'x'; MAX_HEADER - 300]].concat();
        let message = decided(last(&mut session, &[b"M<a@b>\0", EXCHANGE, &long, EXCHANGE, EXCHANGE, b"N"]));
        assert_eq!(message.received.len(), 2);

        let mut packets = vec![&b"M<a@b>\0"[..]];
        packets.extend(std::iter::repeat_n(&b"LA\0b\0"[..], MAX_FIELDS - 1));
        packets.extend([EXCHANGE, EXCHANGE, b"N"]);
        assert_eq!(decided(last(&mut session, &packets)).received.len(), 1);

        let recipient = [b"R<".as_slice(), &[b'r'; 2_000], b">"].concat();
        let mut packets = vec![&b"M<a@b>\0"[..]];
        packets.extend(std::iter::repeat_n(&recipient[..], MAX_RECIPIENTS / 2_000));
        packets.push(b"N");
        let message = decided(last(&mut session, &packets));
        assert_eq!((message.recipients.len(), message.recipients[0].len()), (MAX_RECIPIENTS / 2_000, MAX_NAME));
    }

    #[test]
    fn very_many_postmasters_do_not_hide_another_recipient() {
        let mut session = session(POSTFIX);
        let mut packets = vec![&b"M<a@b>\0"[..]];
        packets.extend(std::iter::repeat_n(&b"R<postmaster@gw.test>"[..], MAX_RECIPIENTS / 18));
        packets.extend([&b"R<b@gw.test>"[..], b"N"]);
        assert_eq!(decided(last(&mut session, &packets)).recipients, Vec::<String>::new());
    }

    #[test]
    fn nothing_is_answered_before_the_negotiation() {
        assert_eq!(Session::default().take(b"M<a@b>\0"), Err(ProtocolError::Order));
        assert_eq!(Session::default().take(b""), Err(ProtocolError::Length));
    }

    fn packets() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let packet = (prop::sample::select(b"DCHMRTLNBEAQKUz".to_vec()), prop::collection::vec(any::<u8>(), 0..32));
        let packet = packet.prop_map(|(command, mut data)| {
            data.insert(0, command);
            data
        });
        prop::collection::vec(packet, 0..64)
    }

    proptest! {
        /// Out of step with the mail server, a later message would get an earlier one's answer.
        #[test]
        fn every_command_has_the_answers_that_were_agreed(packets in packets()) {
            let mut session = session(POSTFIX);
            for packet in packets {
                let step = session.take(&packet).unwrap();
                let answered = matches!(step, Step::Reply(_) | Step::Decide(_));
                prop_assert!(answered == b"NETUB".contains(&packet[0]), "{packet:?}: {step:?}");
            }
        }
    }
}
