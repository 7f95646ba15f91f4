//! Writes JSON, octet for octet as `serde_json` does, from documents of texts, integers, booleans, options and each other:
//! all that an answer consists of. A document is declared once, by [`json_document`]: what stands around each of its
//! values is put together when it is compiled. Most texts have nothing to escape: they are looked through eight octets at
//! a time and copied whole.

use std::fmt::{self, Display, Write};

use serde::Serialize;

/// A value of an answer.
pub(crate) trait WriteJson {
    /// Appends the value to `out`.
    fn write_json(&self, out: &mut Vec<u8>);
}

/// Declares a struct that [`WriteJson`] and `serde` write alike: an object of its fields in their order.
macro_rules! json_document {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $name:ident $(<$lifetime:lifetime>)? {
            $first:ident: $first_type:ty,
            $($next:ident: $next_type:ty,)*
        }
    ) => {
        $(#[$attribute])*
        #[derive(serde::Serialize)]
        $visibility struct $name $(<$lifetime>)? {
            $first: $first_type,
            $($next: $next_type,)*
        }

        impl $(<$lifetime>)? $crate::writer::WriteJson for $name $(<$lifetime>)? {
            fn write_json(&self, out: &mut Vec<u8>) {
                // the name of a field has nothing to escape
                out.extend_from_slice(concat!("{\"", stringify!($first), "\":").as_bytes());
                self.$first.write_json(out);
                $(
                    out.extend_from_slice(concat!(",\"", stringify!($next), "\":").as_bytes());
                    self.$next.write_json(out);
                )*
                out.push(b'}');
            }
        }
    };
}
pub(crate) use json_document;

/// Appends what `value` displays, as a text.
pub(crate) fn write_displayed(out: &mut Vec<u8>, value: &impl Display) {
    out.push(b'"');
    let start = out.len();
    // writing into memory cannot fail
    let _ = write!(Pieces(out), "{value}");
    // what is written in pieces is looked through as a whole
    if !out.get(start..).is_some_and(is_plain) {
        let text = out.split_off(start);
        write_escaped(out, &text);
    }
    out.push(b'"');
}

/// One of our own words, of printable ASCII in which nothing has to be escaped.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub(crate) struct Word(pub(crate) &'static str);

impl WriteJson for Word {
    fn write_json(&self, out: &mut Vec<u8>) {
        debug_assert!(is_plain(self.0.as_bytes()), "{self:?}");
        out.push(b'"');
        out.extend_from_slice(self.0.as_bytes());
        out.push(b'"');
    }
}

impl WriteJson for str {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.push(b'"');
        if is_plain(self.as_bytes()) {
            out.extend_from_slice(self.as_bytes());
        } else {
            write_escaped(out, self.as_bytes());
        }
        out.push(b'"');
    }
}

impl WriteJson for String {
    fn write_json(&self, out: &mut Vec<u8>) {
        self.as_str().write_json(out);
    }
}

impl<T: WriteJson + ?Sized> WriteJson for &T {
    fn write_json(&self, out: &mut Vec<u8>) {
        (**self).write_json(out);
    }
}

impl<T: WriteJson> WriteJson for Option<T> {
    fn write_json(&self, out: &mut Vec<u8>) {
        match self {
            Some(value) => value.write_json(out),
            None => out.extend_from_slice(b"null"),
        }
    }
}

impl WriteJson for bool {
    fn write_json(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

macro_rules! write_integers {
    ($($integer:ty),*) => {
        $(impl WriteJson for $integer {
            fn write_json(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        })*
    };
}
write_integers!(u8, u16, usize, i64);

/// Appends what is displayed, as it is.
struct Pieces<'a>(&'a mut Vec<u8>);

impl Write for Pieces<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes());
        Ok(())
    }
}

fn write_escaped(out: &mut Vec<u8>, text: &[u8]) {
    for octet in text.iter().copied() {
        match octet {
            b'"' => out.extend_from_slice(b"\\\""),
            b'\\' => out.extend_from_slice(b"\\\\"),
            8 => out.extend_from_slice(b"\\b"),
            12 => out.extend_from_slice(b"\\f"),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => {
                let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(octet >> 4), digit(octet & 0xf)]);
            }
            _ => out.push(octet),
        }
    }
}

/// Whether nothing in it has to be escaped.
fn is_plain(text: &[u8]) -> bool {
    let is_plain_octet = |octet: &u8| !matches!(octet, 0..0x20 | b'"' | b'\\');
    let (words, _) = text.as_chunks();
    match text.last_chunk() {
        Some(last) => words.iter().chain([last]).all(|word| is_plain_word(*word)),
        None => text.iter().all(is_plain_octet),
    }
}

/// The same of eight octets at once: to subtract sets an octet's highest bit where it is below what is subtracted and
/// had not that bit itself. What an octet borrows from the next one can only tell of that one wrongly if its own is set.
fn is_plain_word(octets: [u8; 8]) -> bool {
    const EACH: u64 = u64::MAX / 255;
    let word = u64::from_le_bytes(octets);
    let has_below = |word: u64, bound: u8| word.wrapping_sub(EACH * u64::from(bound)) & !word;
    let is_one_of = |octet: u8| has_below(word ^ (EACH * u64::from(octet)), 1);
    (has_below(word, 0x20) | is_one_of(b'"') | is_one_of(b'\\')) & (EACH << 7) == 0
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use serde::ser::Serializer;

    use super::*;

    /// A text that is displayed piece by piece.
    #[derive(Debug)]
    struct Displayed(Vec<String>);

    impl WriteJson for Displayed {
        fn write_json(&self, out: &mut Vec<u8>) {
            write_displayed(out, self);
        }
    }

    impl fmt::Display for Displayed {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|piece| f.write_str(piece))
        }
    }

    impl Serialize for Displayed {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    json_document! {
        #[derive(Debug)]
        struct Document<'a> {
            text: &'a str,
            pieces: Displayed,
            numbers: Option<Numbers>,
            flag: Option<bool>,
            word: Option<Word>,
        }
    }

    json_document! {
        #[derive(Debug)]
        struct Numbers {
            signed: i64,
            small: u16,
            size: usize,
            octet: u8,
        }
    }

    fn check(value: &(impl WriteJson + Serialize + fmt::Debug)) {
        let mut out = b"[".to_vec();
        value.write_json(&mut out);
        assert_eq!(String::from_utf8(out), Ok(format!("[{}", serde_json::to_string(value).unwrap())), "{value:?}");
    }

    #[test]
    fn every_character_is_escaped_as_serde_json_does_wherever_it_stands() {
        for character in (0..0x180).filter_map(char::from_u32).chain(['\u{2028}', '\u{feff}', '😀']) {
            for length in 0..20 {
                for at in 0..=length {
                    let mut text = "x".repeat(length);
                    text.insert(at, character);
                    check(&text);
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_document_is_written_as_serde_json_writes_it(
            text in any::<String>(),
            pieces in vec("(\"|\\\\|[\\x00-\\x7f]|ä|.){0,20}", 0..4),
            numbers in option::of(any::<(i64, u16, usize, u8)>()),
            flag in option::of(any::<bool>()),
        ) {
            let numbers = numbers.map(|(signed, small, size, octet)| Numbers { signed, small, size, octet });
            check(&Document { text: &text, pieces: Displayed(pieces), numbers, flag, word: flag.map(|_| Word("out_of_date")) });
        }
    }
}
