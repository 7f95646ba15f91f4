//! The `Received` field on which a finding rests, as it is shown and told from others.

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

    /// The clauses that tell, from `by` to the build, unfolded; the whole field where none could be told.
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
        let mut text = Unfolded::with_capacity(self.value.len());
        text.push_without(&hidden, self.value, 0..self.telling.start);
        let before = text.end_with_blank();
        text.push_without(&hidden, self.value, self.telling.clone());
        let end = text.out.len();
        text.push_without(&hidden, self.value, self.telling.end..self.value.len());
        (text.out, before.min(end)..end)
    }

    fn unfold(&self, part: Range<usize>) -> String {
        let mut text = Unfolded::with_capacity(part.len());
        text.push_without(&self.hidden(), self.value, part);
        text.out
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

/// White space folded into single blanks, other controls and bytes that are not UTF-8 replaced, cut to the bound.
#[derive(Debug)]
struct Unfolded {
    out: String,
    /// White space was read that is written once something follows.
    blank: bool,
    full: bool,
}

impl Unfolded {
    fn with_capacity(octets: usize) -> Self {
        Self { out: String::with_capacity(octets.min(MAX_EVIDENCE_BYTES)), blank: false, full: false }
    }

    /// Adds `part` of `value` without what `hidden`, which is in order, takes out of it.
    fn push_without(&mut self, hidden: &[Range<usize>], value: &[u8], part: Range<usize>) {
        let mut from = part.start;
        for taken in hidden {
            let start = taken.start.clamp(from, part.end.max(from));
            self.push(value.get(from..start).unwrap_or_default());
            from = taken.end.clamp(start, part.end.max(start));
        }
        self.push(value.get(from..part.end).unwrap_or_default());
    }

    fn push(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() && !self.full {
            let (run, rest) = piece.split_at_checked(plain_run(piece)).unwrap_or((piece, b""));
            // ASCII is UTF-8
            self.push_run(std::str::from_utf8(run).unwrap_or_default());
            let other = rest.iter().position(u8::is_ascii_graphic).unwrap_or(rest.len());
            let (other, rest) = rest.split_at_checked(other).unwrap_or((rest, b""));
            chars(other).for_each(|c| self.push_char(c));
            piece = rest;
        }
    }

    fn push_run(&mut self, run: &str) {
        if run.is_empty() || self.full {
            return;
        }
        self.write_blank();
        let room = MAX_EVIDENCE_BYTES.saturating_sub(self.out.len());
        self.full = self.full || run.len() > room;
        self.out.push_str(run.get(..room).unwrap_or(run));
    }

    fn push_char(&mut self, c: char) {
        if self.full {
            return;
        }
        if c.is_ascii_whitespace() {
            self.blank = !self.out.is_empty();
            return;
        }
        let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
        if self.end_with_blank() + c.len_utf8() > MAX_EVIDENCE_BYTES {
            self.full = true;
            return;
        }
        self.write_blank();
        self.out.push(c);
    }

    fn write_blank(&mut self) {
        if std::mem::take(&mut self.blank) && self.out.len() < MAX_EVIDENCE_BYTES {
            self.out.push(' ');
        }
    }

    /// Where the next character will stand.
    fn end_with_blank(&self) -> usize {
        self.out.len() + usize::from(self.blank)
    }
}

/// Octets at the start that stay as they are: graphic ASCII, and single blanks between.
fn plain_run(text: &[u8]) -> usize {
    let mut end = 0;
    loop {
        let rest = text.get(end..).unwrap_or_default();
        end += rest.iter().position(|octet| !octet.is_ascii_graphic()).unwrap_or(rest.len());
        match text.get(end..) {
            Some([b' ', next, ..]) if end > 0 && next.is_ascii_graphic() => end += 1,
            _ => return end,
        }
    }
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
            let (mut runs, mut characters) = (Unfolded::with_capacity(0), Unfolded::with_capacity(0));
            runs.push(&text);
            chars(&text).for_each(|c| characters.push_char(c));
            assert_eq!((runs.out, runs.blank), (characters.out, characters.blank), "{text:?}");
        }
    }
}
