//! What a line of a message or a mailbox is.

const LF: u8 = b'\n';
const CR: u8 = b'\r';
/// Octets of a `From ` line that are looked at.
const MAX_ENVELOPE: usize = 256;
/// Octets of a field's name, and of the blanks below it, in text that was copied.
const MAX_NAME: usize = 77;
const MAX_BLANKS: usize = 8;
/// Octets of a comment that follows a date.
const MAX_COMMENT: usize = 40;

/// Names behind whose colon no blank need stand.
const KNOWN: [&[u8]; 11] = [
    b"received",
    b"from",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"return-path",
    b"delivered-to",
    b"reply-to",
    b"mime-version",
];
const KNOWN_FAMILIES: [&[u8]; 5] = [b"x-", b"arc-", b"content-", b"dkim-", b"authentication-"];

/// A line that begins a message in a mailbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Envelope {
    /// `From `, a sender and a date
    Dated,
    /// `From ` alone
    Bare,
    /// The first line of a patch by `git format-patch`, of which a body may be full
    Git,
    /// Four times ^A
    Mmdf,
    /// `From ` and perhaps prose
    Other,
}

impl Envelope {
    pub fn of(line: &[u8]) -> Option<Self> {
        if line == [1; 4] {
            return Some(Self::Mmdf);
        }
        let rest = line.strip_prefix(b"From")?;
        if !matches!(rest.first(), None | Some(b' ')) {
            return None;
        }
        let text = rest.get(..MAX_ENVELOPE).unwrap_or(rest).trim_ascii();
        let is_year =
            |part: &[u8]| matches!(part, [b'1', b'9', rest @ ..] | [b'2', b'0', rest @ ..] if are_digits(rest));
        Some(match text {
            [] => Self::Bare,
            _ if is_git(text) => Self::Git,
            _ if text.windows(4).any(ends_in_time) && text.windows(4).any(is_year) => Self::Dated,
            _ => Self::Other,
        })
    }
}

/// `1:05`, be that hours and minutes or minutes and seconds.
fn ends_in_time(text: &[u8]) -> bool {
    matches!(text, [.., a, b':', b, c] if are_digits(&[*a, *b, *c]))
}

fn are_digits(octets: &[u8]) -> bool {
    octets.iter().all(u8::is_ascii_digit)
}

fn is_git(text: &[u8]) -> bool {
    let digits = text.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
    (40..=64).contains(&digits) && text.get(digits..).is_some_and(|rest| rest.starts_with(b" Mon Sep 17 00:00:00 2001"))
}

/// Whether it is a `From ` line as bodies quote them.
pub fn is_quoted_envelope(line: &[u8]) -> bool {
    line.strip_prefix(b">").is_some_and(|line| Envelope::of(line).is_some())
}

/// Whether it begins with a field's name and a colon (RFC 5322, section 2.2; blanks before the colon are obsolete).
pub fn is_field(line: &[u8]) -> bool {
    let Some(colon) = line.iter().position(|octet| *octet == b':') else { return false };
    let name = without_blanks(line.get(..colon).unwrap_or_default());
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

/// Whether it certainly begins a field in text that was copied, and does not go on with one whose blanks were lost:
/// `11:10:51 -0400` and `fe80::1) with …` do not.
pub fn begins_field(line: &[u8]) -> bool {
    let start = line.get(..=MAX_NAME + MAX_BLANKS).unwrap_or(line);
    let Some(colon) = start.iter().position(|octet| *octet == b':') else { return false };
    let written = line.get(..colon).unwrap_or_default();
    let name = without_blanks(written);
    let is_word = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'-' | b'_');
    name.first().is_some_and(u8::is_ascii_alphabetic)
        && name.iter().all(is_word)
        && name.len() <= MAX_NAME
        && (matches!(line.get(colon + 1), None | Some(b' ' | b'\t')) || name == written && is_known(name))
}

fn is_known(name: &[u8]) -> bool {
    let in_family = |family: &&[u8]| name.len() > family.len() && begins_with(name, family);
    KNOWN.iter().any(|known| known.eq_ignore_ascii_case(name)) || KNOWN_FAMILIES.iter().any(in_family)
}

pub fn is_received(line: &[u8]) -> bool {
    let rest = line.get("received".len()..).unwrap_or_default();
    begins_with(line, b"received") && rest.trim_ascii_start().starts_with(b":")
}

/// Whether a text has its date at its end, with which a `Received` field ends.
pub fn is_dated(text: &[u8]) -> bool {
    let text = without_blanks(text);
    let text = match text.strip_suffix(b")") {
        Some(inside) => match inside.iter().rposition(|octet| matches!(octet, b'(' | b')')) {
            Some(start) if inside.get(start) == Some(&b'(') && inside.len() - start <= MAX_COMMENT => {
                inside.get(..start).unwrap_or_default()
            }
            _ => return false,
        },
        None => text,
    };
    let text = without_blanks(text);
    let zone = text.rsplit(|octet| is_blank(*octet)).next().unwrap_or_default();
    let is_zone = match zone {
        [b'+' | b'-', digits @ ..] => digits.len() == 4 && are_digits(digits),
        letters => (2..=5).contains(&letters.len()) && letters.iter().all(u8::is_ascii_uppercase),
    };
    let time = without_blanks(text.get(..text.len() - zone.len()).unwrap_or_default());
    is_zone && ends_in_time(time)
}

pub fn begins_with(line: &[u8], text: &[u8]) -> bool {
    line.get(..text.len()).is_some_and(|start| start.eq_ignore_ascii_case(text))
}

pub fn is_blank(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t')
}

fn without_blanks(text: &[u8]) -> &[u8] {
    let end = text.iter().rposition(|octet| !is_blank(*octet)).map_or(0, |last| last + 1);
    text.get(..end).unwrap_or_default()
}

/// The octet that ends the lines of what begins with `head`. Before LF, CR belongs to the end.
pub fn line_end(head: &[u8]) -> u8 {
    if head.contains(&LF) { LF } else { CR }
}

pub fn without_returns(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|octet| *octet != CR).map_or(0, |last| last + 1);
    line.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_goes_on_with_a_field_is_not_taken_for_another_one() {
        for line in ["Received: x", "received:from", "Subject :\tx", "X-A:b", "ARC-Seal:i=1", "Odd_Name: x", "To:"] {
            assert!(begins_field(line.as_bytes()), "{line}");
        }
        for line in ["11:10:51 -0400", "fe80::1) with", "Odd:x", "X-:b", "(a: b", "from a by b", ": x", "a b: c", ""] {
            assert!(!begins_field(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_field_has_its_date_only_where_it_ends_in_one() {
        for text in ["1:10 +0000", "; 6 Nov 2026 11:10:51 -0400 (EDT) ", "11:10:51\tGMT", "1:10 +0000(x)"] {
            assert!(is_dated(text.as_bytes()), "{text}");
        }
        for text in ["", ")", "11:10:51", "11:10:51 +000", "1:10 +0000 x", "1:1 GMT", "1:10 +0000 (a) b)", "x GMT"] {
            assert!(!is_dated(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn from_lines_are_told_apart() {
        let git = "From 1f2e3d4c5b6a79880123456789abcdef01234567 Mon Sep 17 00:00:00 2001";
        for (line, envelope) in [
            ("From a@example.com Fri Nov  6 11:10:51 2026", Some(Envelope::Dated)),
            ("From", Some(Envelope::Bare)),
            ("From - ", Some(Envelope::Other)),
            ("From here on 12:30", Some(Envelope::Other)),
            (git, Some(Envelope::Git)),
            ("\x01\x01\x01\x01", Some(Envelope::Mmdf)),
            ("Fromage", None),
            ("From: a", None),
        ] {
            assert_eq!(Envelope::of(line.as_bytes()), envelope, "{line}");
        }
    }
}
