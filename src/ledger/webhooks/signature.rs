//! How deliveries are signed: Standard Webhooks, version 1 (HMAC-SHA256).

use data_encoding::{BASE64, HEXLOWER};
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};

/// The value of `webhook-signature` for a body sent under that id and timestamp.
pub fn sign(key: &[u8], id: &str, timestamp: i64, body: &str) -> Option<String> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body.as_bytes());
    Some(format!("v1,{}", BASE64.encode(&mac.finalize().into_bytes())))
}

/// The id of a tenant's notification: the same whenever and wherever it is delivered. Without a full stop, which parts
/// the signed text.
pub fn message_id(tenant: &str, number: i64, at: i64) -> String {
    let hash = Sha256::digest(format!("{tenant}\0{number}\0{at}"));
    let mut id = "msg_".to_owned();
    id.extend(HEXLOWER.encode(&hash).chars().take(32));
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standards_own_example_is_signed_so() {
        // from the Standard Webhooks specification: secret whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
        let key = [
            0x31, 0xf2, 0x90, 0xf6, 0xbf, 0x06, 0x29, 0x8a, 0xab, 0x4f, 0x08, 0xd4, 0x3c, 0x3f, 0x08, 0x2c, 0xf6, 0x48,
            0xa3, 0x62, 0xda, 0x2d, 0xa4, 0xb0,
        ];
        assert_eq!(BASE64.encode(&key), "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let signature = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signature.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    }

    #[test]
    fn ids_tell_tenants_and_notifications_apart_and_hold_no_full_stop() {
        let id = message_id("contoso.example", 7, 1_790_842_508);
        assert_eq!((id.len(), id.contains('.')), (36, false));
        assert_eq!(id, message_id("contoso.example", 7, 1_790_842_508));
        assert_ne!(id, message_id("contoso.example", 8, 1_790_842_508));
    }
}
