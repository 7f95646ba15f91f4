//! The `Received` field on which a finding rests, as it is shown and told from others.

use std::ops::Range;

use crate::fnv::fnv1a;
use crate::received::{Component, Hop};

/// Octets of evidence text that are kept.
pub const MAX_EVIDENCE_BYTES: usize = 2_048;

/// The `Received` field on which a finding rests.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Evidence<'a> {
    /// Counted from 0, the newest, before anything is skipped.
    pub field: usize,
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

    /// The whole field, unfolded, without its `for` clause.
    pub fn field_text(&self) -> String {
        self.unfold(0..self.value.len())
    }

    /// [`Self::field_text`], and where in it, in octets, [`Self::text`] stands.
    pub fn marked(&self) -> (String, Range<usize>) {
        let mut text = Unfolded::default();
        self.unfold_into(0..self.telling.start, &mut text);
        let before = text.end_with_blank();
        self.unfold_into(self.telling.clone(), &mut text);
        let end = text.out.len();
        self.unfold_into(self.telling.end..self.value.len(), &mut text);
        (text.out, before.min(end)..end)
    }

    fn unfold(&self, part: Range<usize>) -> String {
        let mut text = Unfolded::default();
        self.unfold_into(part, &mut text);
        text.out
    }

    fn unfold_into(&self, part: Range<usize>, text: &mut Unfolded) {
        let before = part.start..self.recipient.start.clamp(part.start, part.end);
        let behind = self.recipient.end.clamp(part.start, part.end)..part.end;
        for piece in [before, behind].into_iter().filter_map(|range| self.value.get(range)) {
            text.push(piece);
        }
    }

    /// Tells one message from another: a retry of the same message carries the same field. FNV-1a 64.
    pub fn fingerprint(&self) -> u64 {
        fnv1a(self.value)
    }
}

/// White space folded into single blanks, other controls and bytes that are not UTF-8 replaced, cut to the bound.
#[derive(Debug, Default)]
struct Unfolded {
    out: String,
    /// White space was read that is written once something follows.
    blank: bool,
    full: bool,
}

impl Unfolded {
    fn push(&mut self, piece: &[u8]) {
        for c in chars(piece) {
            if self.full {
                return;
            }
            if c.is_ascii_whitespace() {
                self.blank = !self.out.is_empty();
                continue;
            }
            let c = if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
            if self.end_with_blank() + c.len_utf8() > MAX_EVIDENCE_BYTES {
                self.full = true;
                return;
            }
            if std::mem::take(&mut self.blank) {
                self.out.push(' ');
            }
            self.out.push(c);
        }
    }

    /// Where the next character will stand.
    fn end_with_blank(&self) -> usize {
        self.out.len() + usize::from(self.blank)
    }
}

fn chars(bytes: &[u8]) -> impl Iterator<Item = char> {
    bytes.utf8_chunks().flat_map(|chunk| {
        let invalid = (!chunk.invalid().is_empty()).then_some(char::REPLACEMENT_CHARACTER);
        chunk.valid().chars().chain(invalid)
    })
}

/// Where a recipient may stand in a field whose clauses cannot be told apart: from the word `for` to the date.
fn find_recipient(value: &[u8]) -> Range<usize> {
    let ends_word =
        |octet: Option<&u8>| octet.is_none_or(|octet| !octet.is_ascii_alphanumeric() && !b".-_".contains(octet));
    let found = value.windows(3).enumerate().find(|(at, word)| {
        let before = at.checked_sub(1).and_then(|before| value.get(before));
        word.eq_ignore_ascii_case(b"for") && ends_word(before) && ends_word(value.get(at + 3))
    });
    let Some((start, _)) = found else { return 0..0 };
    let date = value.iter().rposition(|octet| *octet == b';').filter(|date| *date > start);
    start..date.unwrap_or(value.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::received::parse;

    #[test]
    fn a_retry_has_the_same_fingerprint_and_another_message_has_not() {
        let fingerprint = |value: &'static str| {
            Evidence::of_hop(0, value.as_bytes(), &parse(value.as_bytes()).unwrap()).fingerprint()
        };
        let first = "from a by b with mapi id 15.1.2507.6; Mon, 7 Sep 2026 10:00:00 +0000";
        let second = "from a by b with mapi id 15.1.2507.6; Mon, 7 Sep 2026 10:00:01 +0000";
        assert_eq!(fingerprint(first), fingerprint(first));
        assert_ne!(fingerprint(first), fingerprint(second));
    }
}
