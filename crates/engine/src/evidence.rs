//! The `Received` field on which a finding rests, as it is shown and told from others.

use std::fmt::{self, Write};
use std::ops::Range;

use crate::fnv::{FNV_START, fnv1a_from};
use crate::order::order_by_key;
use crate::received::{Component, Hop, recipient_comments};

/// Octets of evidence text that are kept.
pub const MAX_EVIDENCE_BYTES: usize = 2_048;

/// The `Received` field on which a finding rests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence<'a> {
    /// Counted from 0, the newest, before anything is skipped.
    pub field: usize,
    /// Who stamped the field; `other` where it cannot be read.
    pub component: Component,
    value: &'a [u8],
    telling: Range<usize>,
    recipient: Range<usize>,
}

impl<'a> Evidence<'a> {
    pub(crate) fn of_hop(field: usize, value: &'a [u8], hop: &Hop<'a>) -> Self {
        Self { field, component: hop.component, value, telling: hop.telling.clone(), recipient: hop.recipient.clone() }
    }

    pub(crate) fn of_unreadable(field: usize, value: &'a [u8]) -> Self {
        Self { field, component: Component::Other, value, telling: 0..value.len(), recipient: find_recipient(value) }
    }

    /// The clauses that tell, from `by` to the build, unfolded; the whole field where none could be told. At most
    /// [`MAX_EVIDENCE_BYTES`].
    pub const fn telling(&self) -> Telling<'_> {
        Telling(self)
    }

    /// [`Self::telling`] as a text.
    pub fn text(&self) -> String {
        self.unfold(self.telling.clone())
    }

    /// The whole field, unfolded, without the recipient.
    pub fn field_text(&self) -> String {
        self.unfold(0..self.value.len())
    }

    /// [`Self::field_text`], and where in it, in octets, [`Self::text`] stands.
    pub fn marked(&self) -> (String, Range<usize>) {
        let hidden = self.hidden();
        let mut out = String::with_capacity(self.value.len().min(MAX_EVIDENCE_BYTES));
        let mut text = Unfolded::new(&mut out);
        // writing into a string cannot fail
        let _ = text.push_without(&hidden, self.value, 0..self.telling.start);
        let before = text.end_with_blank();
        let _ = text.push_without(&hidden, self.value, self.telling.clone());
        let end = text.length;
        let _ = text.push_without(&hidden, self.value, self.telling.end..self.value.len());
        (out, before.min(end)..end)
    }

    fn unfold(&self, part: Range<usize>) -> String {
        let mut out = String::with_capacity(part.len().min(MAX_EVIDENCE_BYTES));
        // writing into a string cannot fail
        let _ = Unfolded::new(&mut out).push_without(&self.hidden(), self.value, part);
        out
    }

    /// The parts that name a recipient: the `for` clause, and comments as some servers write in its place.
    fn hidden(&self) -> Vec<Range<usize>> {
        let clause = Some(self.recipient.clone()).filter(|clause| !clause.is_empty());
        // what is of Exchange's grammar has neither
        if !matches!(self.component, Component::Other | Component::Legacy) {
            return clause.into_iter().collect();
        }
        // within the clause or beside it, as tokens do not overlap
        let beside = |comment: &Range<usize>| {
            clause.as_ref().is_none_or(|clause| comment.end <= clause.start || comment.start >= clause.end)
        };
        order_by_key(recipient_comments(self.value).filter(beside).chain(clause.clone()), |part| part.start)
    }

    /// Tells one message from another: a retry of the same message carries the same field, whichever gateway hands it
    /// over. FNV-1a 64 of the field as it reads unfolded: white space is one blank, none at its ends.
    pub fn fingerprint(&self) -> u64 {
        let words = self.value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
        words.enumerate().fold(FNV_START, |hash, (index, word)| {
            let hash = if index == 0 { hash } else { fnv1a_from(hash, b" ") };
            fnv1a_from(hash, word)
        })
    }
}

/// What of a field's text tells, for who writes it into something longer.
#[derive(Clone, Copy, Debug)]
pub struct Telling<'a>(&'a Evidence<'a>);

impl fmt::Display for Telling<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(evidence) = self;
        Unfolded::new(f).push_without(&evidence.hidden(), evidence.value, evidence.telling.clone())
    }
}

/// White space folded into single blanks, other controls and bytes that are not UTF-8 replaced, cut to the bound.
struct Unfolded<'a> {
    out: &'a mut dyn Write,
    /// Octets written.
    length: usize,
    /// White space was read that is written once something follows.
    blank: bool,
    full: bool,
}

impl<'a> Unfolded<'a> {
    fn new(out: &'a mut dyn Write) -> Self {
        Self { out, length: 0, blank: false, full: false }
    }

    /// Adds `part` of `value` without what `hidden`, which is in order, takes out of it.
    fn push_without(&mut self, hidden: &[Range<usize>], value: &[u8], part: Range<usize>) -> fmt::Result {
        let mut from = part.start;
        for taken in hidden {
            let start = taken.start.clamp(from, part.end.max(from));
            self.push(value.get(from..start).unwrap_or_default())?;
            from = taken.end.clamp(start, part.end.max(start));
        }
        self.push(value.get(from..part.end).unwrap_or_default())
    }

    fn push(&mut self, mut piece: &[u8]) -> fmt::Result {
        while !piece.is_empty() && !self.full {
            let (run, rest) = piece.split_at_checked(plain_run(piece)).unwrap_or((piece, b""));
            // ASCII is UTF-8
            self.push_run(std::str::from_utf8(run).unwrap_or_default())?;
            let other = rest.iter().position(u8::is_ascii_graphic).unwrap_or(rest.len());
            let (other, rest) = rest.split_at_checked(other).unwrap_or((rest, b""));
            chars(other).try_for_each(|c| self.push_char(c))?;
            piece = rest;
        }
        Ok(())
    }

    fn push_run(&mut self, run: &str) -> fmt::Result {
        if run.is_empty() || self.full {
            return Ok(());
        }
        self.write_blank()?;
        let room = MAX_EVIDENCE_BYTES.saturating_sub(self.length);
        self.full = run.len() > room;
        self.write(run.get(..room).unwrap_or(run))
    }

    fn push_char(&mut self, c: char) -> fmt::Result {
        if self.full {
            return Ok(());
        }
        if c.is_ascii_whitespace() {
            self.blank = self.length > 0;
            return Ok(());
        }
        let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        if self.end_with_blank() + c.len_utf8() > MAX_EVIDENCE_BYTES {
            self.full = true;
            return Ok(());
        }
        self.write_blank()?;
        self.write(c.encode_utf8(&mut [0; 4]))
    }

    fn write_blank(&mut self) -> fmt::Result {
        let is_due = std::mem::take(&mut self.blank) && self.length < MAX_EVIDENCE_BYTES;
        if is_due { self.write(" ") } else { Ok(()) }
    }

    fn write(&mut self, text: &str) -> fmt::Result {
        self.length += text.len();
        self.out.write_str(text)
    }

    /// Where the next character will stand.
    fn end_with_blank(&self) -> usize {
        self.length + usize::from(self.blank)
    }
}

/// Octets at the start that stay as they are: graphic ASCII, and single blanks between.
fn plain_run(text: &[u8]) -> usize {
    let Some(next) = text.get(1..).filter(|_| text.first() != Some(&b' ')) else { return 0 };
    let is_graphic = |octet: u8| matches!(octet, b'!'..=b'~');
    let stays = |octet: &u8, next: &u8| is_graphic(*octet) | ((*octet == b' ') & is_graphic(*next));
    // without a branch in it this compares vectors
    let all_stay = |octets: &[u8; 16], next: &[u8; 16]| {
        octets.iter().zip(next).fold(true, |all, (octet, next)| all & stays(octet, next))
    };
    let (vectors, next_vectors) = (text.as_chunks().0, next.as_chunks().0);
    let begins = 16 * vectors.iter().zip(next_vectors).take_while(|(octets, next)| all_stay(octets, next)).count();
    let behind = text.get(begins..).unwrap_or_default();
    let followers = next.get(begins..).unwrap_or_default().iter().chain([&b' ']);
    begins + behind.iter().zip(followers).take_while(|(octet, next)| stays(octet, next)).count()
}

fn chars(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(invalid)
    })
}

/// Where a recipient may stand in a field whose clauses cannot be told apart: from the first word `for` or
/// `envelope-to` to the date.
fn find_recipient(value: &[u8]) -> Range<usize> {
    let in_word =
        |octet: Option<&u8>| octet.is_some_and(|octet| octet.is_ascii_alphanumeric() || b".-_".contains(octet));
    let first = |word: &[u8]| {
        let mut windows = value.windows(word.len()).enumerate();
        let found = windows.find(|(at, found)| {
            let before = at.checked_sub(1).and_then(|before| value.get(before));
            found.eq_ignore_ascii_case(word) && !in_word(before) && !in_word(value.get(at + word.len()))
        });
        found.map(|(at, _)| at)
    };
    let Some(start) = [first(b"for"), first(b"envelope-to")].into_iter().flatten().min() else { return 0..0 };
    let date = value.iter().rposition(|octet| *octet == b';').filter(|date| *date > start);
    start..date.unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::received::parse_received;

    const FIELD: &str = "from a (10.0.0.1) by b (10.0.0.2) with\r\n Microsoft SMTP Server id 15.1.2507.6; Mon, 7 Sep 2026 10:00:00 +0000";

    fn of(value: &str) -> Evidence<'_> {
        parse_received(value.as_bytes()).map_or_else(
            |_| Evidence::of_unreadable(0, value.as_bytes()),
            |hop| Evidence::of_hop(0, value.as_bytes(), &hop),
        )
    }

    #[test]
    fn a_retry_has_the_same_fingerprint_and_another_message_has_not() {
        assert_eq!(of(FIELD).fingerprint(), of(FIELD).fingerprint());
        assert_ne!(of(FIELD).fingerprint(), of(&FIELD.replace("10:00:00", "10:00:01")).fingerprint());
    }

    #[test]
    fn a_message_by_two_gateways_is_one_however_they_fold_its_field() {
        let forms = [
            format!(" {FIELD}"),
            FIELD.replace("\r\n", "\n"),
            FIELD.replace("\r\n", ""),
            format!("{}\r\n", FIELD.replace(' ', "\r\n\t")),
        ];
        for form in &forms {
            assert_eq!(of(form).fingerprint(), of(FIELD).fingerprint(), "{form:?}");
        }
    }

    #[test]
    fn evidence_names_no_recipient_however_it_is_written() {
        let values = [
            "from a by b (Postfix) with ESMTP id 1 for <anna@x>; Mon",
            "from a by b (Postfix) with ESMTP id 1 (for anna@x) (envelope-from <ben@y>); Mon",
            "from a (for <anna@x>) by b with ESMTP (envelope-to anna@x) for anna@x (for anna@x); Mon",
            "from a (open by b with ESMTP (for anna@x); Mon",
            "from a ) by b with ESMTP (envelope-to anna@x); Mon",
        ];
        for value in values {
            let evidence = of(value);
            for text in [evidence.text(), evidence.field_text(), evidence.marked().0] {
                assert!(!text.contains("anna"), "{text}");
            }
            assert!(evidence.field_text().ends_with("; Mon"), "{}", evidence.field_text());
        }
    }

    #[test]
    fn runs_of_plain_text_read_as_character_by_character() {
        let octets = b"ab  \r\n\t\0\xc3\xa4\xff";
        for number in 0..octets.len().pow(5) {
            let text: Vec<_> = (0..5).map(|place| octets[number / octets.len().pow(place) % octets.len()]).collect();
            // wherever it stands in what is looked at as a vector
            let text = [&b"with single blanks between"[..number % 27], &text, b" and more behind it"].concat();
            let (mut run_text, mut character_text) = (String::new(), String::new());
            let (mut runs, mut characters) = (Unfolded::new(&mut run_text), Unfolded::new(&mut character_text));
            runs.push(&text).unwrap();
            chars(&text).try_for_each(|c| characters.push_char(c)).unwrap();
            assert_eq!((runs.length, runs.blank), (characters.length, characters.blank), "{text:?}");
            assert_eq!(run_text, character_text, "{text:?}");
        }
    }
}
