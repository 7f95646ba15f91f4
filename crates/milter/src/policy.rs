//! Postfix's access policy delegation: requests of `name=value` lines that end with an empty one, answered `action=…`.
//!
//! No header is seen there, so nothing can be decided: Tidegate reports, and defers an address where the key asks for it
//! and every machine there would be refused. Of a request the client's address and the recipient leave the machine.

use std::net::IpAddr;

use bytes::{Buf, BytesMut};

use crate::protocol::SmtpReply;

/// Octets of one request; Postfix's own have about 1 KiB.
const MAX_REQUEST: usize = 64 * 1024;

/// What Postfix says of a client.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Request {
    pub client_ip: Option<IpAddr>,
    pub authenticated: bool,
    /// The recipient, in states that have exactly one.
    pub recipient: String,
}

/// What Postfix is to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Action {
    /// Goes on with the next restriction.
    Dunno,
    Reply(SmtpReply),
}

/// A request that goes on and on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TooLong;

/// Takes a whole request from the front of what was read.
pub fn split_request(read: &mut BytesMut) -> Result<Option<Request>, TooLong> {
    let mut request = Request::default();
    let mut at = 0;
    while let Some(length) = read.get(at..).and_then(|rest| rest.iter().position(|octet| *octet == b'\n')) {
        let line = read.get(at..at + length).unwrap_or_default();
        at += length + 1;
        if at > MAX_REQUEST {
            return Err(TooLong);
        }
        if line.is_empty() {
            read.advance(at);
            return Ok(Some(request));
        }
        request.take(&String::from_utf8_lossy(line));
    }
    if read.len() > MAX_REQUEST { Err(TooLong) } else { Ok(None) }
}

impl Request {
    fn take(&mut self, line: &str) {
        match line.split_once('=') {
            Some(("client_address", value)) => self.client_ip = value.parse().ok(),
            Some(("recipient", value)) => value.clone_into(&mut self.recipient),
            Some(("sasl_username", value)) => self.authenticated = !value.is_empty(),
            _ => {}
        }
    }

    /// The body of the question; `None` where there is nothing to ask by.
    pub fn question(&self) -> Option<Vec<u8>> {
        let address = self.client_ip?;
        Some(format!("client_address={address}\nrecipient={}\n\n", self.recipient).into_bytes())
    }
}

/// Reads Tidegate's answer. `None`: it is none.
pub fn read(answer: &[u8]) -> Option<Action> {
    let action = std::str::from_utf8(answer).ok()?.strip_prefix("action=")?.strip_suffix("\n\n")?;
    if action == "DUNNO" {
        return Some(Action::Dunno);
    }
    let (code, rest) = action.split_once(' ')?;
    let (enhanced, text) = rest.split_once(' ')?;
    SmtpReply::new(code.parse().ok()?, enhanced, text).map(Action::Reply)
}

impl Action {
    pub fn write(&self, out: &mut Vec<u8>) {
        let action = match self {
            Self::Dunno => "DUNNO",
            Self::Reply(reply) => reply.as_str(),
        };
        out.extend_from_slice(format!("action={action}\n\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use tidegate_wire::postfix;

    use super::*;

    const RCPT: &[u8] = b"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=2001:db8::7\n\
        sender=a@contoso.com\nrecipient=b=c@gw.test\nsasl_username=\n\n";

    #[test]
    fn a_request_is_read_however_it_comes() {
        let expected =
            Request { client_ip: "2001:db8::7".parse().ok(), recipient: "b=c@gw.test".into(), authenticated: false };
        let mut read = BytesMut::new();
        for (at, octet) in RCPT.iter().enumerate() {
            assert_eq!(split_request(&mut read), Ok(None), "{at}");
            read.extend_from_slice(&[*octet]);
        }
        read.extend_from_slice(b"client_address=unknown\nsasl_username=bob\n\nx=");
        assert_eq!(split_request(&mut read), Ok(Some(expected)));
        let next = split_request(&mut read).unwrap().unwrap();
        assert_eq!((next.question(), next.authenticated), (None, true));
        assert_eq!(split_request(&mut read), Ok(None));
        assert_eq!(read.as_ref(), b"x=");
    }

    #[test]
    fn a_request_without_end_is_refused() {
        for unit in [&b"x"[..], b"a=b\n"] {
            let mut read = BytesMut::from(unit.repeat(MAX_REQUEST + 1).as_slice());
            assert_eq!(split_request(&mut read), Err(TooLong));
        }
    }

    #[test]
    fn the_worker_reads_what_is_asked_and_its_answers_are_read() {
        let request = split_request(&mut BytesMut::from(RCPT)).unwrap().unwrap();
        let question = request.question().unwrap();
        let client = postfix::request(&question);
        assert_eq!((client.address, client.recipient.as_deref()), (request.client_ip, Some("b=c@gw.test")));
        let reply = tidegate_engine::Reply { code: 450, enhanced: "4.7.230", text: "Out of date".into() };
        let mut out = Vec::new();
        for (reply, expected) in
            [(None, &b"action=DUNNO\n\n"[..]), (Some(&reply), b"action=450 4.7.230 Out of date\n\n")]
        {
            out.clear();
            read(&postfix::answer(reply, client.form)).unwrap().write(&mut out);
            assert_eq!(out, expected);
        }
    }

    #[test]
    fn an_answer_that_is_none_is_refused() {
        for wrong in [
            "",
            "DUNNO",
            "action=DUNNO",
            "action=OK\n\n",
            "action=HOLD x y\n\n",
            "action=200 2.0.0 x\n\n",
            "action=450 5.7.230 x\n\n",
            "action=450 4.7.230\n\n",
        ] {
            assert_eq!(read(wrong.as_bytes()), None, "{wrong}");
        }
        let two = read(b"action=450 4.7.230 one\naction=OK\n\n").unwrap();
        let mut out = Vec::new();
        two.write(&mut out);
        assert_eq!(out, b"action=450 4.7.230 one action=OK\n\n");
    }
}
