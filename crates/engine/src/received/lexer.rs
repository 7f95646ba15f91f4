//! Octets of a `Received` field as blanks, words and bracketed text (RFC 5322, section 3.2). [`Tokens`] reads any
//! field, [`Cursor`] one of which every octet is foreseen.

use std::ops::Range;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Word,
    Comment,
    Quoted,
    Angle,
    Literal,
    Semicolon,
}

/// `text` is what stands between the brackets or quotes, `span` includes them.
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) text: &'a [u8],
    pub(super) span: Range<usize>,
}

/// A bracket or quote that nothing closes, or one that closes nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Unbalanced;

/// The tokens of a field, each octet read once but for comments without an end.
pub(super) struct Tokens<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self { value, at: 0 }
    }

    fn token(&mut self, kind: Kind, end: usize) -> Option<Result<Token<'a>, Unbalanced>> {
        let span = self.at..end;
        self.at = end;
        let inner = match kind {
            Kind::Word | Kind::Semicolon => span.clone(),
            Kind::Comment | Kind::Quoted | Kind::Angle | Kind::Literal => span.start + 1..span.end.saturating_sub(1),
        };
        self.value.get(inner).map(|text| Ok(Token { kind, text, span }))
    }

    fn stop(&mut self) -> Option<Result<Token<'a>, Unbalanced>> {
        self.at = self.value.len();
        Some(Err(Unbalanced))
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<Token<'a>, Unbalanced>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.value.get(self.at..)?;
        self.at += rest.iter().position(|octet| class(*octet) != BLANK)?;
        let rest = self.value.get(self.at..)?;
        let (kind, length) = match rest.first()? {
            b'(' => (Kind::Comment, comment(rest)),
            b'"' => (Kind::Quoted, quoted(rest, b'"')),
            b'[' => (Kind::Literal, quoted(rest, b']')),
            b'<' => (Kind::Angle, memchr::memchr(b'>', rest).map(|end| end + 1)),
            b';' => (Kind::Semicolon, Some(1)),
            b')' | b'>' | b']' => (Kind::Word, None),
            _ => (Kind::Word, Some(word(rest))),
        };
        match length {
            Some(length) => self.token(kind, self.at + length),
            None => self.stop(),
        }
    }
}

/// Octets of the comment that begins here, its brackets included. Comments nest, and a backslash quotes the next octet
/// (RFC 5322, section 3.2.2).
fn comment(text: &[u8]) -> Option<usize> {
    let mut depth = 0u32;
    let mut at = 0;
    while let Some(octet) = text.get(at) {
        at += 1;
        match octet {
            b'(' => depth += 1,
            b')' if depth == 1 => return Some(at),
            b')' => depth -= 1,
            b'\\' => at += 1,
            _ => {}
        }
    }
    None
}

/// Octets of the quoted string or address literal that begins here and that `close` ends.
fn quoted(text: &[u8], close: u8) -> Option<usize> {
    let mut at = 1;
    while let Some(octet) = text.get(at) {
        at += 1;
        match *octet {
            octet if octet == close => return Some(at),
            b'\\' => at += 1,
            _ => {}
        }
    }
    None
}

fn word(text: &[u8]) -> usize {
    text.iter().position(|octet| class(*octet) != WORD).unwrap_or(text.len())
}

/// Reads a field from left to right; what was read is either as foreseen or the reading ends.
pub(super) struct Cursor<'a> {
    value: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) const fn new(value: &'a [u8]) -> Self {
        Self { value, at: 0 }
    }

    pub(super) const fn at(&self) -> usize {
        self.at
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.value.get(self.at..).unwrap_or_default()
    }

    /// Steps over white space, folds included. Whether there was any.
    pub(super) fn blank(&mut self) -> bool {
        let rest = self.rest();
        let length = rest.iter().position(|octet| !is_white(*octet)).unwrap_or(rest.len());
        self.at += length;
        length > 0
    }

    /// Steps over `text` if it stands here.
    pub(super) fn take(&mut self, text: &[u8]) -> bool {
        let found = self.rest().starts_with(text);
        if found {
            self.at += text.len();
        }
        found
    }

    /// Steps over the words `words` and the white space behind each, if they stand here and no word goes on.
    pub(super) fn words(&mut self, words: &[&[u8]]) -> bool {
        let start = self.at;
        for word in words {
            if self.word() != *word {
                self.at = start;
                return false;
            }
            self.blank();
        }
        true
    }

    /// The word here; empty if there is none.
    pub(super) fn word(&mut self) -> &'a [u8] {
        let rest = self.rest();
        let (found, _) = rest.split_at_checked(word(rest)).unwrap_or((rest, b""));
        self.at += found.len();
        found
    }

    /// What stands between the brackets `open` and `close` here, if that holds no bracket and no quote.
    pub(super) fn bracketed(&mut self, open: u8, close: u8) -> Option<&'a [u8]> {
        let inner = self.rest().strip_prefix(&[open])?;
        let length = inner.iter().position(|octet| class(*octet) == SPECIAL)?;
        let (inner, behind) = inner.split_at_checked(length)?;
        if behind.first() != Some(&close) {
            return None;
        }
        self.at += length + 2;
        Some(inner)
    }
}

const WORD: u8 = 0;
const BLANK: u8 = 1;
const SPECIAL: u8 = 2;

/// What each octet is to the readers: of a word, a blank (NUL counts as one), or a bracket, quote or semicolon.
#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler")]
const CLASSES: [u8; 256] = {
    let mut classes = [WORD; 256];
    let mut octet = 0;
    while octet < 256 {
        classes[octet] = match octet as u8 {
            b' ' | b'\t' | b'\r' | b'\n' | 0x0c | 0 => BLANK,
            b'(' | b')' | b'<' | b'>' | b'[' | b']' | b'"' | b';' => SPECIAL,
            _ => WORD,
        };
        octet += 1;
    }
    classes
};

fn class(octet: u8) -> u8 {
    CLASSES.get(usize::from(octet)).copied().unwrap_or(WORD)
}

const fn is_white(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backslash_quotes_what_would_close_a_text_that_a_peer_chose() {
        for text in [r#""a\" by evil""#, r"(a\) by evil)", r"[a\] by evil]"] {
            let tokens: Vec<_> = Tokens::new(text.as_bytes()).map(|token| token.map(|token| token.span)).collect();
            assert_eq!(tokens, [Ok(0..text.len())], "{text}");
        }
    }
}
