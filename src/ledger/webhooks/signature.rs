//! How deliveries are signed: Standard Webhooks, version 1 (HMAC-SHA256).

use std::fmt::Write;

use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The value of `webhook-signature` for a body sent under that id and timestamp.
pub fn sign(key: &[u8], id: &str, timestamp: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("v1,{}", to_base64(&mac.finalize().into_bytes())))
}

/// The id of a tenant's notification: the same whenever and wherever it is delivered. Without a full stop, which parts
/// the signed text.
pub fn message_id(tenant: &str, number: i64, at: i64) -> String {
    let hash = Sha256::digest(format!("{tenant}\0{number}\0{at}"));
    let mut id = "msg_".to_owned();
    id.extend(to_hex(&hash).chars().take(32));
    id
}

/// RFC 4648, section 4, with padding.
pub fn to_base64(bytes: &[u8]) -> String {
    let digit = |value: u32| {
        char::from(match value & 63 {
            value @ 0..26 => b'A' + value as u8,
            value @ 26..52 => b'a' + (value - 26) as u8,
            value @ 52..62 => b'0' + (value - 52) as u8,
            62 => b'+',
            _ => b'/',
        })
    };
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for group in bytes.chunks(3) {
        let octet = |at: usize| u32::from(group.get(at).copied().unwrap_or(0));
        let bits = octet(0) << 16 | octet(1) << 8 | octet(2);
        for (at, shift) in [18, 12, 6, 0].into_iter().enumerate() {
            text.push(if at <= group.len() { digit(bits >> shift) } else { '=' });
        }
    }
    text
}

pub fn to_hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for octet in bytes {
        // writing into a string cannot fail
        let _ = write!(text, "{octet:02x}");
    }
    text
}

pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2).map(std::str::from_utf8);
    digits.map(|digits| u8::from_str_radix(digits.ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_as_its_standard_has_it() {
        let cases =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")];
        for (plain, coded) in cases {
            assert_eq!(to_base64(plain.as_bytes()), coded);
        }
        assert_eq!(to_base64(&[0xfb, 0xff, 0xbf, 0x00]), "+/+/AA==");
    }

    #[test]
    fn the_standards_own_example_is_signed_so() {
        // from the Standard Webhooks specification: secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
        let key = [
            0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c, 0xf6, 0x48,
            0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
        ];
        assert_eq!(to_base64(&key), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn ids_tell_tenants_and_notifications_apart_and_hold_no_full_stop() {
        let id = message_id("contoso.example", 7, 1_790_842_508);
        assert_eq!((id.len(), id.contains('.')), (36, false));
        assert_eq!(id, message_id("contoso.example", 7, 1_790_842_508));
        assert_ne!(id, message_id("contoso.example", 8, 1_790_842_508));
        assert_eq!(from_hex(&to_hex(&[0, 9, 255])), Some(vec![0, 9, 255]));
    }
}
