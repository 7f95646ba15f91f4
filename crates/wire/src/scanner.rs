//! Reads JSON as gateways write it, in one pass, and nothing else of JSON. Whatever it does not take, a full reader has
//! to: this one never tells what is wrong. What it takes, it takes as `serde_json` does.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2};

/// `None` from any of its methods: not as gateways write it.
pub(crate) struct Scanner<'a> {
    rest: &'a [u8],
}

impl<'a> Scanner<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Hands the name of each member of an object over; `each` has to read its value.
    pub(crate) fn members(&mut self, mut each: impl FnMut(&[u8], &mut Self) -> Option<()>) -> Option<()> {
        self.take(b'{')?;
        if self.take(b'}').is_some() {
            return Some(());
        }
        loop {
            let name = self.plain_octets()?;
            self.take(b':')?;
            each(name, self)?;
            if self.take(b',').is_none() {
                return self.take(b'}');
            }
        }
    }

    /// Calls `each` for each item of an array; it has to read it.
    pub(crate) fn items(&mut self, mut each: impl FnMut(&mut Self) -> Option<()>) -> Option<()> {
        self.take(b'[')?;
        if self.take(b']').is_some() {
            return Some(());
        }
        loop {
            each(self)?;
            if self.take(b',').is_none() {
                return self.take(b']');
            }
        }
    }

    /// Steps over white space, and over `octet` if it stands behind that.
    pub(crate) fn take(&mut self, octet: u8) -> Option<()> {
        self.rest = self.after_blanks().strip_prefix(&[octet])?;
        Some(())
    }

    /// Whether an array comes next.
    pub(crate) fn is_array(&self) -> bool {
        self.after_blanks().first() == Some(&b'[')
    }

    /// Whether nothing but white space is left.
    pub(crate) fn ends(&self) -> bool {
        self.after_blanks().is_empty()
    }

    /// A string of printable ASCII without escapes.
    pub(crate) fn plain(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.plain_octets()?).ok()
    }

    /// A string, whatever octets it has. Characters written as their codes are left to the full reader: in a header, which
    /// is nearly always ASCII, there is none.
    pub(crate) fn octets(&mut self) -> Option<Cow<'a, [u8]>> {
        let text = self.string()?;
        if text.has_escapes { unescape(text.written).map(Cow::Owned) } else { Some(Cow::Borrowed(text.written)) }
    }

    /// A string as it is written.
    pub(crate) fn string(&mut self) -> Option<WrittenString<'a>> {
        self.take(b'"')?;
        let special = memchr2(b'"', b'\\', self.rest)?;
        let has_escapes = self.rest.get(special) == Some(&b'\\');
        let end = if has_escapes { end_of_string(self.rest)? } else { special };
        let (written, behind) = self.rest.split_at_checked(end)?;
        self.rest = behind.strip_prefix(b"\"")?;
        Some(WrittenString { written, has_escapes })
    }

    /// A number up to 255 in digits.
    pub(crate) fn small_number(&mut self) -> Option<u8> {
        let rest = self.after_blanks();
        let length = rest.iter().position(|octet| !octet.is_ascii_digit())?;
        let (digits, behind) = rest.split_at_checked(length)?;
        self.rest = behind;
        let is_canonical = digits.len() == 1 || !digits.starts_with(b"0");
        std::str::from_utf8(digits).ok().filter(|_| is_canonical)?.parse().ok()
    }

    /// The same as octets.
    pub(crate) fn plain_octets(&mut self) -> Option<&'a [u8]> {
        self.take(b'"')?;
        let is_other = |octet: &u8| !matches!(octet, b' '..=b'~') || matches!(octet, b'"' | b'\\');
        let (text, behind) = self.rest.split_at_checked(self.rest.iter().position(is_other)?)?;
        self.rest = behind.strip_prefix(b"\"")?;
        Some(text)
    }

    fn after_blanks(&self) -> &'a [u8] {
        let mut rest = self.rest;
        while let [b' ' | b'\t' | b'\r' | b'\n', behind @ ..] = rest {
            rest = behind;
        }
        rest
    }
}

/// A string between its quotes.
pub(crate) struct WrittenString<'a> {
    pub(crate) written: &'a [u8],
    pub(crate) has_escapes: bool,
}

/// Where the quote stands that ends a string: the first one in front of which the backslashes are even in number.
fn end_of_string(text: &[u8]) -> Option<usize> {
    // no backslash counts for two quotes, so that each octet is looked at twice at most
    memchr_iter(b'"', text).find(|quote| {
        let before = text.get(..*quote).unwrap_or_default();
        before.iter().rev().take_while(|octet| **octet == b'\\').count() % 2 == 0
    })
}

/// What a string stands for, which is no longer than it is written; `None` where it has an escape that is left to the
/// full reader. The room taken is by what this string needs: a header of pairs has thousands of them.
pub(crate) fn unescape(mut written: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::with_capacity(written.len());
    loop {
        let plain = memchr(b'\\', written).unwrap_or(written.len());
        text.extend_from_slice(written.get(..plain)?);
        written = written.get(plain..)?;
        written = match written {
            [] => return Some(text),
            // the end of a line, and where one is folded: nearly all escapes of a header
            [b'\\', b'r', b'\\', b'n', b'\\', b't', behind @ ..] => {
                text.extend_from_slice(b"\r\n\t");
                behind
            }
            [b'\\', b'r', b'\\', b'n', behind @ ..] => {
                text.extend_from_slice(b"\r\n");
                behind
            }
            [_backslash, escape, behind @ ..] => {
                text.push(stands_for(*escape)?);
                behind
            }
            [_backslash] => return None,
        };
    }
}

/// What an escape of one character stands for.
const fn stands_for(escape: u8) -> Option<u8> {
    Some(match escape {
        b'"' | b'\\' | b'/' => escape,
        b'b' => 8,
        b'f' => 12,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        _ => return None,
    })
}
