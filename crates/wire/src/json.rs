//! Reads JSON of which only the beginning may be there, and holds nothing that nobody asked for.
//!
//! Adapters read the first part of long requests: what was told until the text ends counts, whatever is of another type
//! than expected is passed over. What the reader is given is not checked for being JSON as a whole.

use std::borrow::Cow;

/// The text ended or is no JSON here; what was read until now counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Ended;

pub(crate) type Read<T> = Result<T, Ended>;

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) const fn new(text: &'a [u8]) -> Self {
        Self { rest: text }
    }

    /// Hands the name of each member of an object over; `each` has to read its value. Anything else is passed over.
    pub(crate) fn members(&mut self, each: &mut dyn FnMut(&[u8], &mut Self) -> Read<()>) -> Read<()> {
        if self.peek()? != b'{' {
            return self.skip();
        }
        self.advance(1);
        loop {
            match self.peek()? {
                b'}' => {
                    self.advance(1);
                    return Ok(());
                }
                b',' => self.advance(1),
                b'"' => {
                    let (name, whole) = self.string()?;
                    if !whole || self.peek()? != b':' {
                        return Err(Ended);
                    }
                    self.advance(1);
                    each(&name, self)?;
                }
                _ => return Err(Ended),
            }
        }
    }

    /// Calls `each` for each item of an array; it has to read it. Anything else is passed over.
    pub(crate) fn items(&mut self, each: &mut dyn FnMut(&mut Self) -> Read<()>) -> Read<()> {
        if self.peek()? != b'[' {
            return self.skip();
        }
        self.advance(1);
        loop {
            match self.peek()? {
                b']' => {
                    self.advance(1);
                    return Ok(());
                }
                b',' => self.advance(1),
                _ => each(self)?,
            }
        }
    }

    /// Whether the next value is an array.
    pub(crate) fn is_array(&mut self) -> Read<bool> {
        self.peek().map(|octet| octet == b'[')
    }

    /// A string; `None` for anything else, which is passed over.
    pub(crate) fn text(&mut self) -> Read<Option<Cow<'a, [u8]>>> {
        match self.cut_text()? {
            Some((text, true)) => Ok(Some(text)),
            Some((_, false)) => Err(Ended),
            None => Ok(None),
        }
    }

    /// As [`Self::text`], with bytes that are not UTF-8 replaced.
    pub(crate) fn lossy(&mut self) -> Read<Option<Cow<'a, str>>> {
        Ok(self.text()?.map(|text| match text {
            Cow::Borrowed(text) => String::from_utf8_lossy(text),
            Cow::Owned(text) => Cow::Owned(String::from_utf8_lossy(&text).into_owned()),
        }))
    }

    /// A string that may be cut, and whether it is whole; `None` for anything else, which is passed over.
    pub(crate) fn cut_text(&mut self) -> Read<Option<(Cow<'a, [u8]>, bool)>> {
        match self.peek()? {
            b'"' => self.string().map(Some),
            _ => self.skip().map(|()| None),
        }
    }

    /// Passes one value over.
    pub(crate) fn skip(&mut self) -> Read<()> {
        let mut depth = 0usize;
        loop {
            match self.peek()? {
                b'"' => self.skip_string()?,
                b'{' | b'[' => {
                    depth += 1;
                    self.advance(1);
                }
                b'}' | b']' => {
                    depth = depth.checked_sub(1).ok_or(Ended)?;
                    self.advance(1);
                }
                b',' | b':' if depth > 0 => self.advance(1),
                b',' | b':' => return Err(Ended),
                _ => {
                    let end = self.rest.iter().position(|octet| b",:]} \t\r\n\"".contains(octet)).ok_or(Ended)?;
                    self.advance(end);
                }
            }
            if depth == 0 {
                return Ok(());
            }
        }
    }

    /// The next octet that is no blank.
    fn peek(&mut self) -> Read<u8> {
        self.rest = self.rest.trim_ascii_start();
        self.rest.first().copied().ok_or(Ended)
    }

    fn advance(&mut self, octets: usize) {
        self.rest = self.rest.get(octets..).unwrap_or_default();
    }

    fn skip_string(&mut self) -> Read<()> {
        self.advance(1);
        loop {
            let end = self.rest.iter().position(|octet| matches!(octet, b'"' | b'\\')).ok_or(Ended)?;
            let is_quote = self.rest.get(end) == Some(&b'"');
            self.advance(if is_quote { end + 1 } else { end + 2 });
            if is_quote {
                return Ok(());
            }
        }
    }

    /// The string that begins here, decoded, and whether it is whole.
    fn string(&mut self) -> Read<(Cow<'a, [u8]>, bool)> {
        self.advance(1);
        let mut decoded: Option<Vec<u8>> = None;
        loop {
            let Some(end) = self.rest.iter().position(|octet| matches!(octet, b'"' | b'\\')) else {
                let rest = std::mem::take(&mut self.rest);
                let text = match decoded {
                    None => Cow::Borrowed(rest),
                    Some(mut text) => {
                        text.extend_from_slice(rest);
                        Cow::Owned(text)
                    }
                };
                return Ok((text, false));
            };
            let piece = self.rest.get(..end).unwrap_or_default();
            let is_quote = self.rest.get(end) == Some(&b'"');
            self.advance(end + 1);
            match (&mut decoded, is_quote) {
                (None, true) => return Ok((Cow::Borrowed(piece), true)),
                (None, false) => decoded = Some(piece.to_vec()),
                (Some(text), _) => text.extend_from_slice(piece),
            }
            if let Some(text) = &mut decoded {
                if is_quote {
                    return Ok((Cow::Owned(std::mem::take(text)), true));
                }
                if !self.escaped(text) {
                    self.rest = &[];
                    return Ok((Cow::Owned(std::mem::take(text)), false));
                }
            }
        }
    }

    /// Decodes what follows a backslash; `false` where it is cut. Halves of surrogate pairs are replaced.
    fn escaped(&mut self, text: &mut Vec<u8>) -> bool {
        let Some(octet) = self.rest.first().copied() else {
            return false;
        };
        self.advance(1);
        let plain = match octet {
            b'b' => 8,
            b'f' => 12,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let Some(first) = self.hex() else { return false };
                let mut code = first;
                if (0xd800..0xdc00).contains(&first) && self.rest.starts_with(b"\\u") {
                    let before = self.rest;
                    self.advance(2);
                    match self.hex() {
                        Some(second @ 0xdc00..0xe000) => code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00),
                        Some(_) => self.rest = before,
                        None => return false,
                    }
                }
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                text.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                return true;
            }
            octet => octet,
        };
        text.push(plain);
        true
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        self.advance(4);
        let code = digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?));
        Some(code.unwrap_or(0xfffd))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All strings at `path`, where the names are members and `*` is each item of an array.
    fn strings(text: &str, path: &[&str]) -> (Vec<String>, Read<()>) {
        fn walk(reader: &mut Reader<'_>, path: &[&str], found: &mut Vec<String>) -> Read<()> {
            match path {
                [] => {
                    found.extend(reader.lossy()?.map(String::from));
                    Ok(())
                }
                ["*", rest @ ..] => reader.items(&mut |reader| walk(reader, rest, found)),
                [name, rest @ ..] => reader.members(&mut |member, reader| {
                    if member == name.as_bytes() { walk(reader, rest, found) } else { reader.skip() }
                }),
            }
        }
        let mut found = Vec::new();
        let end = walk(&mut Reader::new(text.as_bytes()), path, &mut found);
        (found, end)
    }

    #[test]
    fn what_is_asked_for_is_found_and_the_rest_passed_over() {
        let text = r#" { "x" : {"a":[1,{"b":"}\"]"}],"c":null} , "n":-1.5e3,"a":[["k","v\n\u00e4\ud83d\ude00\ud800\/"],{},["l","w"]] , "z":true} "#;
        assert_eq!(strings(text, &["a", "*", "*"]).0, ["k", "v\nä😀\u{fffd}/", "l", "w"]);
        assert_eq!(strings(text, &["x", "c"]), (vec![], Ok(())));
        assert_eq!(strings(text, &["n", "y"]), (vec![], Ok(())));
        assert_eq!(strings(text, &["x", "a", "*", "b"]).0, ["}\"]"]);
    }

    #[test]
    fn what_was_read_before_the_end_counts_wherever_that_is() {
        let text = r#"{"a":["one","tw\u00f6","three"],"b":{"c":[1,2]}}"#;
        for end in 0..text.len() {
            let (Some(cut), whole) = (text.get(..end), ["one", "twö", "three"]) else { continue };
            let (found, ended) = strings(cut, &["a", "*"]);
            assert_eq!(found, whole[..found.len()], "{cut}");
            assert!(ended.is_err(), "{cut}");
        }
        assert_eq!(strings(text, &["a", "*"]).1, Ok(()));
        let mut reader = Reader::new(b"\"half of it");
        assert_eq!(reader.cut_text(), Ok(Some((Cow::Borrowed(&b"half of it"[..]), false))));
    }

    #[test]
    fn no_text_keeps_the_reader_busy_for_ever() {
        for text in [
            "", "]", "}", ",", ":", "[,", "{,", "{\"a\"", "{\"a\":}", "{]", "[}", "nul", "\\", "\"\\", "\"\\u12",
            "{:1}",
        ] {
            let mut reader = Reader::new(text.as_bytes());
            let _ = reader.items(&mut |reader| reader.skip());
            let _ = reader.members(&mut |_, reader| reader.skip());
        }
        let deep = "[".repeat(1_000_000);
        assert_eq!(Reader::new(deep.as_bytes()).skip(), Err(Ended));
    }
}
