//! Base64 (RFC 4648), as far as it goes: line ends are passed over, and the first octet that belongs to neither of its
//! two alphabets ends it.

/// Decodes what can be decoded; the incomplete group at the end gives the octets that are complete.
pub fn decode(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut held) = (0u32, 0u32);
    for octet in text {
        let value = match octet {
            b'A'..=b'Z' => octet - b'A',
            b'a'..=b'z' => octet - b'a' + 26,
            b'0'..=b'9' => octet - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'\r' | b'\n' => continue,
            _ => break,
        };
        bits = bits << 6 | u32::from(value);
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn the_examples_of_the_standard() {
        let examples =
            [("", ""), ("Zg==", "f"), ("Zm8=", "fo"), ("Zm9v", "foo"), ("Zm9vYg==", "foob"), ("Zm9vYmFy", "foobar")];
        for (text, decoded) in examples {
            assert_eq!(decode(text.as_bytes()), decoded.as_bytes());
        }
        assert_eq!(decode(b"_-8="), decode(b"/+8="));
    }

    #[test]
    fn what_is_cut_or_malformed_gives_what_came_before() {
        assert_eq!(decode(b"Zm9v\r\nYm"), b"foob");
        assert_eq!(decode(b"Zm9v!Zm9v"), b"foo");
    }
}
