//! What requests write down: numbers, and octets that are percent-encoded.

use std::str::FromStr;

/// `None` for what is not UTF-8 when decoded.
pub fn percent_decode(text: &str) -> Option<String> {
    percent_encoding::percent_decode_str(text).decode_utf8().ok().map(|text| text.into_owned())
}

/// A number as it is written here: no sign, no zeros before it. So each has one spelling, as addresses and tags need it.
pub fn number<T: FromStr>(text: &str) -> Option<T> {
    let is_plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_spelling() {
        assert_eq!(["0", "7", "120"].map(number::<u32>), [Some(0), Some(7), Some(120)]);
        for wrong in ["", "+1", "-1", "01", "00", " 1", "1.0", "4294967296"] {
            assert_eq!(number::<u32>(wrong), None, "{wrong}");
        }
    }
}
