//! `POST /gateways/postfix`: Postfix's access policy delegation, form-encoded as HTTP bridges send it, or as it is.
//!
//! No header is visible there, so nothing is judged: the answer is `DUNNO`, or a defer where the worker was asked for it
//! and knows every machine at the address. Postfix puts a text of its own before ours; the sender sees, at RCPT,
//! `450 4.7.230 <RECIPIENT>: Recipient address rejected: TEXT`.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode;
use tidegate_engine::Reply;

use crate::gateway::address;

/// Attributes that are looked at.
const MAX_ATTRIBUTES: usize = 100;

/// What Postfix says of a client.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Client<'a> {
    pub address: Option<IpAddr>,
    /// The recipient, in states that have exactly one.
    pub recipient: Option<Cow<'a, str>>,
    /// In which form the answer goes back.
    pub form: Form,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Form {
    /// `name=value&…`; the answer is the action alone.
    #[default]
    Encoded,
    /// Lines as Postfix itself writes them; the answer is `action=…` and an empty line.
    Lines,
}

pub fn request(body: &[u8]) -> Client<'_> {
    // lines wherever there is a line: some clients name a form's media type whatever they send
    let form = if body.contains(&b'\n') { Form::Lines } else { Form::Encoded };
    let separator = if form == Form::Encoded { b'&' } else { b'\n' };
    let mut client = Client { form, ..Client::default() };
    for attribute in body.split(|octet| *octet == separator).take(MAX_ATTRIBUTES) {
        let Some(at) = attribute.iter().position(|octet| *octet == b'=') else { continue };
        let (name, value) = attribute.split_at(at);
        let value = value.get(1..).unwrap_or_default();
        let value = match form {
            Form::Encoded => decoded(value),
            Form::Lines => String::from_utf8_lossy(value.strip_suffix(b"\r").unwrap_or(value)),
        };
        match name {
            b"client_address" => client.address = address(&value),
            b"recipient" => client.recipient = Some(value).filter(|recipient| !recipient.is_empty()),
            _ => {}
        }
    }
    client
}

/// What Postfix is to do: give that reply, or go on.
pub fn answer(reply: Option<&Reply>, form: Form) -> Vec<u8> {
    let action =
        reply.map_or_else(|| "DUNNO".to_owned(), |reply| format!("{} {} {}", reply.code, reply.enhanced, reply.text));
    match form {
        Form::Encoded => action.into_bytes(),
        Form::Lines => format!("action={action}\n\n").into_bytes(),
    }
}

/// A value of a form (WHATWG URL, application/x-www-form-urlencoded): `+` is a blank, `%41` an octet. What is no UTF-8 is
/// replaced.
fn decoded(value: &[u8]) -> Cow<'_, str> {
    if !value.contains(&b'+') {
        return lossy(percent_decode(value).into());
    }
    let blanks: Vec<u8> = value.iter().map(|octet| if *octet == b'+' { b' ' } else { *octet }).collect();
    Cow::Owned(lossy(percent_decode(&blanks).into()).into_owned())
}

fn lossy(octets: Cow<'_, [u8]>) -> Cow<'_, str> {
    match octets {
        Cow::Borrowed(octets) => String::from_utf8_lossy(octets),
        Cow::Owned(octets) => Cow::Owned(String::from_utf8_lossy(&octets).into_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Client<'_> {
        request(body.as_bytes())
    }

    #[test]
    fn attributes_are_read_in_both_forms() {
        let body = "request=smtpd_access_policy&client_address=2001%3Adb8%3A%3A7&sender=&recipient=a%2Bb%40c.example";
        let expected =
            |form| Client { address: "2001:db8::7".parse().ok(), recipient: Some("a+b@c.example".into()), form };
        assert_eq!(read(body), expected(Form::Encoded));
        let body = "request=smtpd_access_policy\r\nclient_address=2001:db8::7\nsender=\nrecipient=a+b@c.example\n\n";
        assert_eq!(read(body), expected(Form::Lines));
        for nothing in ["", "\n", "=", "&&&", "client_address", "client_address=unknown", "recipient=%", "\u{0}"] {
            assert_eq!(read(nothing).address, None, "{nothing}");
        }
        assert_eq!(read("recipient=%zz%4").recipient.as_deref(), Some("%zz%4"));
        assert_eq!(read("recipient=a%+5b%2B+c").recipient.as_deref(), Some("a% 5b+ c"), "a sign is no digit");
    }

    #[test]
    fn the_answer_has_the_form_of_the_request() {
        let reply = Reply { code: 450, enhanced: "4.7.230", text: "TEXT".into() };
        assert_eq!(answer(Some(&reply), Form::Encoded), b"450 4.7.230 TEXT");
        assert_eq!(answer(Some(&reply), Form::Lines), b"action=450 4.7.230 TEXT\n\n");
        assert_eq!(answer(None, Form::Encoded), b"DUNNO");
        assert_eq!(answer(None, Form::Lines), b"action=DUNNO\n\n");
    }
}
