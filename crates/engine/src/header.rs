//! A message's header as fields, newest first: raw lines or name and value pairs, within fixed bounds.
//!
//! The header is what a sender wrote, so there is no error here: a line that is no field is passed over, and what lies
//! beyond the bounds is left unread and said so.

mod deferred;

use std::borrow::Cow;

use memchr::{memchr_iter, memchr2};

pub use deferred::{Deferred, Transferred};

/// Fields that are read; the rest of the header is ignored.
pub const MAX_FIELDS: usize = 1_000;
/// Octets of one field that are read; the rest of it is ignored.
pub const MAX_FIELD_BYTES: usize = 64 * 1024;

/// The header as a gateway hands it over. Bytes, since it need not be UTF-8.
#[derive(Clone, Debug)]
pub enum Header<'a> {
    /// Lines as they went over the wire, ending with the first empty line or the end (RFC 5322, section 2.2). A line
    /// ends with LF; a CR before it is dropped.
    Block(Cow<'a, [u8]>),
    /// Such a block of which only the first fields are read yet.
    Deferred(Deferred<'a>),
    /// Names and values in order of appearance.
    Pairs(Vec<HeaderPair<'a>>),
}

/// A field's name and value.
pub type HeaderPair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

impl Header<'_> {
    /// The fields, newest first, at most [`MAX_FIELDS`].
    pub fn fields(&self) -> HeaderFields<'_> {
        let source = match self {
            Self::Block(bytes) => Source::Block { rest: bytes, below: None },
            Self::Deferred(block) => Source::Block { rest: block.first_fields(), below: Some(block) },
            Self::Pairs(pairs) => Source::Pairs(pairs.iter()),
        };
        HeaderFields { source, left: MAX_FIELDS }
    }

    /// The `Received` fields, newest first.
    pub fn received(&self) -> impl Iterator<Item = HeaderField<'_>> + Clone {
        self.fields().filter(|field| is_received(field.name))
    }

    /// Whether there are more than [`MAX_FIELDS`] fields, so that some were not looked at.
    pub fn has_unread_fields(&self) -> bool {
        // every field but the last ends a line: counting those is much faster than reading fields
        let most = match self {
            Self::Block(bytes) => line_ends(bytes),
            Self::Deferred(block) => line_ends(block.first_fields()).saturating_add(block.most_fields_below()),
            Self::Pairs(pairs) => pairs.len(),
        };
        if most < MAX_FIELDS {
            return false;
        }
        let mut fields = self.fields();
        while fields.next().is_some() {}
        fields.source_has_more()
    }

    /// Whether a field is longer than [`MAX_FIELD_BYTES`], so that its end was not looked at.
    pub fn has_cut_field(&self) -> bool {
        let may_have = match self {
            Self::Block(bytes) => bytes.len() > MAX_FIELD_BYTES,
            Self::Deferred(block) => block.most_octets() > MAX_FIELD_BYTES,
            Self::Pairs(_) => true,
        };
        may_have && self.fields().any(|field| field.cut)
    }
}

/// What is written, whether it is read yet or not.
impl PartialEq for Header<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Pairs(own), Self::Pairs(others)) => own == others,
            (Self::Pairs(_), _) | (_, Self::Pairs(_)) => false,
            (own, other) => own.octets().eq(other.octets()),
        }
    }
}

impl Eq for Header<'_> {}

impl Header<'_> {
    /// All octets of a block, none of pairs.
    fn octets(&self) -> impl Iterator<Item = &u8> {
        let (first, below): (&[u8], &[u8]) = match self {
            Self::Block(bytes) => (bytes, &[]),
            Self::Deferred(block) => (block.first_fields(), block.below()),
            Self::Pairs(_) => (&[], &[]),
        };
        first.iter().chain(below)
    }
}

/// One field. `value` may still be folded.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct HeaderField<'a> {
    /// In front of the colon, as written; empty for a line without one.
    pub name: &'a [u8],
    /// Behind the colon, at most [`MAX_FIELD_BYTES`].
    pub value: &'a [u8],
    /// The field is longer than [`MAX_FIELD_BYTES`] and `value` is its beginning.
    pub cut: bool,
}

/// Yields at most [`MAX_FIELDS`] fields.
#[derive(Clone, Debug)]
pub struct HeaderFields<'a> {
    source: Source<'a>,
    left: usize,
}

#[derive(Clone, Debug)]
enum Source<'a> {
    Block { rest: &'a [u8], below: Option<&'a Deferred<'a>> },
    Pairs(std::slice::Iter<'a, HeaderPair<'a>>),
}

impl HeaderFields<'_> {
    fn source_has_more(&self) -> bool {
        match &self.source {
            Source::Block { rest: [], below: Some(block) } => !ends_header(block.below()),
            Source::Block { rest, .. } => !ends_header(rest),
            Source::Pairs(pairs) => pairs.len() > 0,
        }
    }
}

impl<'a> Iterator for HeaderFields<'a> {
    type Item = HeaderField<'a>;

    fn next(&mut self) -> Option<HeaderField<'a>> {
        self.left = self.left.checked_sub(1)?;
        let field = match &mut self.source {
            Source::Block { rest, below } => {
                if let Some(block) = below.take_if(|_| rest.is_empty()) {
                    *rest = block.below();
                }
                next_line_field(rest)
            }
            Source::Pairs(pairs) => pairs.next().map(|(name, value)| cut(name, value)),
        };
        if field.is_none() {
            self.left = 0;
        }
        field
    }
}

/// Whether the field's name is `Received`, whatever its case. What differs from a small letter by the bit of its case
/// alone is that letter, so that all octets are compared at once.
fn is_received(name: &[u8]) -> bool {
    const CASE: u64 = u64::from_le_bytes([0x20; 8]);
    <[u8; 8]>::try_from(name).is_ok_and(|name| u64::from_le_bytes(name) | CASE == u64::from_le_bytes(*b"received"))
}

fn line_ends(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes).count()
}

/// Whether no field follows: at the empty line, or where there is nothing more.
const fn ends_header(rest: &[u8]) -> bool {
    matches!(rest, [] | [b'\n', ..] | [b'\r', b'\n', ..])
}

/// Takes one line and the continuation lines below it. A line without a colon is a field without a name.
fn next_line_field<'a>(rest: &mut &'a [u8]) -> Option<HeaderField<'a>> {
    if ends_header(rest) {
        return None;
    }
    let end = end_of_field(rest);
    let (field, below) = rest.split_at_checked(end)?;
    *rest = below;
    let field = field.strip_suffix(b"\n").unwrap_or(field);
    let field = field.strip_suffix(b"\r").unwrap_or(field);
    let read = field.get(..MAX_FIELD_BYTES).unwrap_or(field);
    let colon = memchr2(b':', b'\n', read).filter(|at| read.get(*at) == Some(&b':'));
    let (name, value) = match colon.and_then(|colon| read.split_at_checked(colon)) {
        Some((name, value)) => (name.trim_ascii_end(), value.get(1..).unwrap_or_default()),
        None => (&[][..], read),
    };
    Some(HeaderField { name, value, cut: read.len() < field.len() })
}

/// The octet behind the field's last line: the first LF that no blank or tab follows.
fn end_of_field(bytes: &[u8]) -> usize {
    memchr_iter(b'\n', bytes)
        .map(|newline| newline + 1)
        .find(|from| !matches!(bytes.get(*from), Some(b' ' | b'\t')))
        .unwrap_or(bytes.len())
}

fn cut<'a>(name: &'a [u8], value: &'a [u8]) -> HeaderField<'a> {
    let read = value.get(..MAX_FIELD_BYTES).unwrap_or(value);
    HeaderField { name: name.trim_ascii_end(), value: read, cut: read.len() < value.len() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(block: &str) -> Vec<(String, String)> {
        let header = Header::Block(block.as_bytes().into());
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        header.fields().map(|field| (text(field.name), text(field.value))).collect()
    }

    #[test]
    fn a_field_keeps_its_folded_lines_and_the_empty_line_ends_the_header() {
        let expected = vec![("A".into(), " 1\r\n\t2".into()), ("b".into(), "3".into())];
        assert_eq!(fields("A: 1\r\n\t2\r\nb :3\r\n\r\nC: 4\r\n"), expected);
        assert_eq!(fields("A: 1\n\t2\nb:3\n\nC: 4\n").len(), 2);
        assert_eq!(fields("\r\nA: 1\r\n"), []);
        assert_eq!(fields(""), []);
    }

    #[test]
    fn a_line_that_is_no_field_hides_nothing_below_it() {
        let found = fields("From a@b Mon\r\n continued: x\r\nReceived: by c\r\nno colon");
        assert_eq!(found.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["", "Received", ""]);
    }

    #[test]
    fn bounds_end_the_reading_and_are_told() {
        let many = "A: 1\r\n".repeat(MAX_FIELDS);
        assert!(!Header::Block(format!("{many}\r\nbody").as_bytes().into()).has_unread_fields());
        let header = Header::Block(format!("{many}Received: by x\r\n").into_bytes().into());
        assert_eq!(header.fields().count(), MAX_FIELDS);
        assert_eq!(header.received().count(), 0);
        assert!(header.has_unread_fields());

        let long = format!("Received: {}\r\nB: 1\r\n", "x".repeat(1024 * 1024));
        let header = Header::Block(long.as_bytes().into());
        let first = header.fields().next().unwrap();
        assert!(first.cut && first.value.len() < MAX_FIELD_BYTES);
        assert_eq!(header.fields().count(), 2);
    }

    #[test]
    fn received_is_told_whatever_its_case_and_by_no_other_octets() {
        for at in 0..8 {
            for octet in 0..=255 {
                let mut name = *b"reCeIVED";
                name[at] = octet;
                assert_eq!(is_received(&name), name.eq_ignore_ascii_case(b"received"), "{name:?}");
            }
        }
        assert!(!is_received(b"") && !is_received(b"receive") && !is_received(b"received "));
    }

    #[test]
    fn pairs_read_like_lines() {
        let header = Header::Pairs(vec![(b"RECEIVED"[..].into(), b" by x"[..].into())]);
        assert_eq!(header.received().next().map(|field| field.value), Some(&b" by x"[..]));
        assert!(!header.has_unread_fields());
    }
}
