//! Writes JSON, octet for octet as `serde_json` does, from documents of structs, options, texts, integers and booleans:
//! all that an answer consists of. Most of an answer is text without anything to escape, which is looked through
//! eight octets at a time and copied whole.

use std::fmt::{self, Write};

use serde::ser::{Error, Impossible, Serialize, SerializeStruct, Serializer};

/// The value is of a kind that no answer has.
#[derive(Debug)]
pub(crate) struct Unsupported;

/// Appends `value` to `out`.
///
/// # Errors
/// A value in it is of another kind than the module names, or one that cannot be displayed.
pub(crate) fn write_json(out: &mut Vec<u8>, value: &impl Serialize) -> Result<(), Unsupported> {
    value.serialize(&mut Writer { out })
}

struct Writer<'a> {
    out: &'a mut Vec<u8>,
}

impl Writer<'_> {
    fn text(&mut self, text: &str) {
        self.out.push(b'"');
        self.escaped(text);
        self.out.push(b'"');
    }

    fn escaped(&mut self, text: &str) {
        if is_plain(text.as_bytes()) {
            return self.out.extend_from_slice(text.as_bytes());
        }
        for octet in text.bytes() {
            match octet {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                8 => self.out.extend_from_slice(b"\\b"),
                12 => self.out.extend_from_slice(b"\\f"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                0..0x20 => {
                    let digit = |half: u8| half + if half < 10 { b'0' } else { b'a' - 10 };
                    self.out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(octet >> 4), digit(octet & 0xf)]);
                }
                _ => self.out.push(octet),
            }
        }
    }

    fn integer(&mut self, value: impl itoa::Integer) {
        self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
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

/// What is displayed goes into the text piece by piece.
impl Write for Writer<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.escaped(text);
        Ok(())
    }
}

type No = Impossible<(), Unsupported>;

impl<'a, 'b> Serializer for &'a mut Writer<'b> {
    type Ok = ();
    type Error = Unsupported;
    type SerializeSeq = No;
    type SerializeTuple = No;
    type SerializeTupleStruct = No;
    type SerializeTupleVariant = No;
    type SerializeMap = No;
    type SerializeStruct = Members<'a, 'b>;
    type SerializeStructVariant = No;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a, 'b>, Unsupported> {
        Ok(Members { writer: self, is_first: true })
    }

    fn serialize_str(self, value: &str) -> Result<(), Unsupported> {
        self.text(value);
        Ok(())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        self.out.push(b'"');
        write!(self, "{value}").map_err(|_| Unsupported)?;
        self.out.push(b'"');
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unsupported> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unsupported> {
        value.serialize(self)
    }

    fn serialize_bool(self, value: bool) -> Result<(), Unsupported> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i64(self, value: i64) -> Result<(), Unsupported> {
        self.integer(value);
        Ok(())
    }

    fn serialize_u64(self, value: u64) -> Result<(), Unsupported> {
        self.integer(value);
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), Unsupported> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), Unsupported> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), Unsupported> {
        self.serialize_i64(value.into())
    }

    fn serialize_u8(self, value: u8) -> Result<(), Unsupported> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), Unsupported> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), Unsupported> {
        self.serialize_u64(value.into())
    }

    fn serialize_f32(self, _: f32) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_f64(self, _: f64) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_char(self, _: char) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_unit(self) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, _: &T) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<No, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple(self, _: usize) -> Result<No, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<No, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_tuple_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<No, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_map(self, _: Option<usize>) -> Result<No, Unsupported> {
        Err(Unsupported)
    }

    fn serialize_struct_variant(self, _: &'static str, _: u32, _: &'static str, _: usize) -> Result<No, Unsupported> {
        Err(Unsupported)
    }
}

/// The members of an object that is open.
struct Members<'a, 'b> {
    writer: &'a mut Writer<'b>,
    is_first: bool,
}

impl SerializeStruct for Members<'_, '_> {
    type Ok = ();
    type Error = Unsupported;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Unsupported> {
        // a field's name has nothing to escape
        self.writer.out.extend_from_slice(if std::mem::take(&mut self.is_first) { b"{\"" } else { b",\"" });
        self.writer.out.extend_from_slice(name.as_bytes());
        self.writer.out.extend_from_slice(b"\":");
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Unsupported> {
        self.writer.out.push(b'}');
        Ok(())
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that answers do not have")
    }
}

impl std::error::Error for Unsupported {}

impl Error for Unsupported {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

#[cfg(test)]
#[cfg(not(target_arch = "wasm32"))]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    /// A text that is displayed piece by piece.
    #[derive(Debug)]
    struct Pieces(Vec<String>);

    impl fmt::Display for Pieces {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.iter().try_for_each(|piece| f.write_str(piece))
        }
    }

    impl Serialize for Pieces {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    #[derive(Debug, serde::Serialize)]
    struct Document {
        text: String,
        pieces: Pieces,
        numbers: Option<Numbers>,
        flag: Option<bool>,
        nothing: Option<&'static str>,
    }

    #[derive(Debug, serde::Serialize)]
    struct Numbers {
        signed: i64,
        small: i16,
        unsigned: u64,
        octet: u8,
    }

    fn check(value: &(impl Serialize + fmt::Debug)) {
        let mut out = b"[".to_vec();
        write_json(&mut out, value).unwrap();
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

    #[test]
    fn what_answers_do_not_have_is_refused() {
        assert!(write_json(&mut Vec::new(), &[1, 2]).is_err() && write_json(&mut Vec::new(), &1.5).is_err());
        assert!(write_json(&mut Vec::new(), &Some((1, "a"))).is_err() && write_json(&mut Vec::new(), &'c').is_err());
    }

    proptest! {
        #[test]
        fn any_document_is_written_as_serde_json_writes_it(
            text in any::<String>(),
            pieces in vec("(\"|\\\\|[\\x00-\\x7f]|ä|.){0,20}", 0..4),
            numbers in option::of(any::<(i64, i16, u64, u8)>()),
            flag in option::of(any::<bool>()),
        ) {
            let numbers = numbers.map(|(signed, small, unsigned, octet)| Numbers { signed, small, unsigned, octet });
            check(&Document { text, pieces: Pieces(pieces), numbers, flag, nothing: None });
        }
    }
}
