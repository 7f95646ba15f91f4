//! The header block of a request, of which only the first fields are unescaped at once.

use std::borrow::Cow;

use memchr::{memchr, memchr2_iter};
use tidegate_engine::{Deferred, Header, MAX_FIELDS, Transferred};

use super::request::Octets;
use crate::scanner::{Scanner, WrittenString, unescape};

/// Octets, as they are written, that the first fields have at least: Exchange's own stamps, as a rule.
const FIRST_FIELDS: usize = 512;

/// The block that comes next as a string; `None` for one that is left to the full reader.
pub(super) fn scan<'a>(scanner: &mut Scanner<'a>) -> Option<Header<'a>> {
    let WrittenString { written, has_escapes } = scanner.string()?;
    if !has_escapes {
        return Some(Header::Block(Cow::Borrowed(written)));
    }
    Some(match end_of_first_fields(written).and_then(|end| written.split_at_checked(end)) {
        Some((first, below)) => Header::Deferred(Deferred::new(unescape(first)?, deferred(below))),
        None => Header::Block(Cow::Owned(unescape(written)?)),
    })
}

fn deferred(octets: &[u8]) -> Transferred<'_> {
    // a field has two octets at least, and ends in an escape or in LF itself
    let most_fields = octets.len() / 2 + 1;
    let most_fields =
        if most_fields < MAX_FIELDS { most_fields } else { memchr2_iter(b'\\', b'\n', octets).count() + 1 };
    Transferred { octets, read, most_fields }
}

/// What a part of a string stands for. What has escapes that JSON does not know proves nothing, and stays as it is.
fn read(written: &[u8]) -> Vec<u8> {
    let read_whole = || {
        let quoted = [b"\"", written, b"\""].concat();
        serde_json::from_slice::<Octets<'_>>(&quoted).ok().map(|octets| octets.0.into_owned())
    };
    unescape(written).or_else(read_whole).unwrap_or_else(|| written.to_vec())
}

/// Where the field ends in which the first [`FIRST_FIELDS`] octets do, if there is more: behind an escaped LF that no
/// blank or tab follows.
fn end_of_first_fields(written: &[u8]) -> Option<usize> {
    let mut from = FIRST_FIELDS;
    loop {
        let at = from + memchr(b'\\', written.get(from..)?)?;
        // behind a backslash, one begins no escape
        if written.get(at.checked_sub(1)?) == Some(&b'\\') {
            return None;
        }
        from = at + 2;
        let ends_line = written.get(at + 1) == Some(&b'n');
        // what a code stands for may be a blank
        let may_be_folded = matches!(written.get(from..)?, [] | [b' ' | b'\t', ..] | [b'\\', b't' | b'u', ..]);
        if ends_line && !may_be_folded {
            return Some(from);
        }
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use tidegate_engine::{Catalog, Component, Connector, MAX_FIELD_BYTES, MailEvent, recognise, traces};

    use super::*;

    const STAMP: &str = r"Received: from a (10.0.0.1) by ex01 (10.0.0.2) with Microsoft SMTP Server id 15.1.2507.6;\r\n Mon, 7 Sep 2026 10:00:00 +0000\r\n";

    fn scanned(written: &str) -> Option<Header<'_>> {
        // the octets outlive the scanner
        let quoted = Box::leak(format!("\"{written}\"").into_boxed_str());
        scan(&mut Scanner::new(quoted.as_bytes()))
    }

    fn whole(written: &str) -> Header<'static> {
        let text: String = serde_json::from_str(&format!("\"{written}\"")).unwrap();
        Header::Block(Cow::Owned(text.into_bytes()))
    }

    fn check(written: &str) -> Result<(), TestCaseError> {
        let (Some(scanned), whole) = (scanned(written), whole(written)) else { return Ok(()) };
        prop_assert!(scanned.fields().eq(whole.fields()), "{}", written);
        prop_assert_eq!(scanned.has_unread_fields(), whole.has_unread_fields());
        prop_assert_eq!(scanned.has_cut_field(), whole.has_cut_field());
        prop_assert_eq!(scanned, whole);
        Ok(())
    }

    fn is_deferred(written: &str) -> bool {
        matches!(scanned(written), Some(Header::Deferred(_)))
    }

    proptest! {
        #[test]
        fn a_header_reads_the_same_however_much_of_it_is_unescaped_at_once(
            length in 0..3usize,
            pieces in vec(r#"[A-Z]?[a-z]{0,30}|: |\\r\\n|\\n|\\r|\\t|\\\\|\\"|\\/|\\b| |\\u00e4|\\u0020|\\u0009|\\u000a|\\ud83d\\ude00|ä"#, 0..200),
        ) {
            let written = format!("{}{}", STAMP.repeat(length * 2), pieces.concat());
            check(&written)?;
        }
    }

    #[test]
    fn what_follows_the_first_fields_is_read_when_it_is_reached() {
        let long = STAMP.repeat(20);
        assert!(is_deferred(&long));
        check(&long).unwrap();
        assert_eq!(scanned(&long).unwrap().received().count(), 20);
        assert!(!is_deferred(&STAMP.repeat(2)) && !is_deferred(&"x".repeat(2_000)));
    }

    #[test]
    fn fields_beyond_the_bounds_are_told_of_a_header_that_is_read_in_parts() {
        let cases = [
            format!("{}{}", STAMP.repeat(5), r"A:1\r\n".repeat(994)),
            format!("{}{}", STAMP.repeat(5), r"A:1\r\n".repeat(996)),
            format!("{}A: {}\\r\\n", STAMP.repeat(5), "x".repeat(MAX_FIELD_BYTES)),
            format!("{}\\r\\n{}", STAMP.repeat(5), r"A:1\r\n".repeat(2_000)),
        ];
        for case in &cases {
            assert!(is_deferred(case));
            check(case).unwrap();
        }
        assert!(!scanned(&cases[0]).unwrap().has_unread_fields() && scanned(&cases[1]).unwrap().has_unread_fields());
    }

    /// Some gateways escape as no JSON does; the message is not to wait for that.
    #[test]
    fn an_escape_that_json_does_not_know_below_the_first_fields_delays_no_message() {
        let written = format!("{}{STAMP}Subject: a\\x41\\'b\\r\\n", STAMP.repeat(5));
        let header = scanned(&written).unwrap();
        let event = MailEvent {
            tenant: "contoso".parse().unwrap(),
            connector: Connector::OnPremises,
            client_ip: None,
            client_auth: None,
            own_hops: 0,
            recipients: Vec::new(),
            header,
        };
        let catalog = Catalog::built_in();
        let recognition = recognise(&event, &[], &catalog);
        assert_eq!(recognition.server().map(|server| server.id.as_str()), Some("ex01"));
        let hops: Vec<_> = traces(&event.header, &catalog).map(|trace| trace.hop.map(|hop| hop.component)).collect();
        assert!(
            matches!(hops[..], [.., Ok(Component::Smtp), Err(_)]),
            "what cannot be unescaped proves nothing: {hops:?}"
        );
    }
}
