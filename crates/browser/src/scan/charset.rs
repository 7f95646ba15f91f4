//! The encoding of text that comes in chunks, by its byte order mark.

use std::borrow::Cow;

/// The text comes out as octets: UTF-16, in which Windows likes to save, as UTF-8; whatever else as it is.
#[derive(Debug, Default)]
pub enum Charset {
    #[default]
    Octets,
    Utf16 {
        big_endian: bool,
        /// Half a unit, or half a pair of surrogates
        left: Vec<u8>,
    },
}

impl Charset {
    /// That of a text which begins with `head`, and how many octets the mark has.
    pub fn of(head: &[u8]) -> (Self, usize) {
        let utf16 = |big_endian| (Self::Utf16 { big_endian, left: Vec::new() }, 2);
        match head {
            [0xff, 0xfe, ..] => utf16(false),
            [0xfe, 0xff, ..] => utf16(true),
            [0xef, 0xbb, 0xbf, ..] => (Self::Octets, 3),
            _ => (Self::Octets, 0),
        }
    }

    pub fn decode<'a>(&mut self, octets: &'a [u8]) -> Cow<'a, [u8]> {
        let Self::Utf16 { big_endian, left } = self else { return octets.into() };
        left.extend_from_slice(octets);
        let unit = |pair: &[u8; 2]| if *big_endian { u16::from_be_bytes(*pair) } else { u16::from_le_bytes(*pair) };
        let (pairs, _) = left.as_chunks();
        // its other half comes next
        let open = pairs.last().is_some_and(|pair| (0xd800..0xdc00).contains(&unit(pair)));
        let whole = pairs.get(..pairs.len() - usize::from(open)).unwrap_or_default();
        let units: Vec<u16> = whole.iter().map(unit).collect();
        let text = String::from_utf16_lossy(&units);
        *left = left.split_off(2 * whole.len());
        text.into_bytes().into()
    }
}
