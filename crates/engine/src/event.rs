//! The mail event: one inbound message as a gateway describes it.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::header::Header;

/// How many `Received` fields a gateway may say it added itself.
pub const MAX_OWN_HOPS: u8 = 16;

/// One inbound message as a gateway describes it. The envelope and the header are what the sender wrote.
#[derive(Clone, Debug)]
pub struct MailEvent<'a> {
    /// Whose server it is said to be.
    pub tenant: TenantId,
    /// How the server connects.
    pub connector: Connector,
    /// The peer that hands the message to the gateway.
    pub client_ip: Option<IpAddr>,
    /// As whom the gateway knows the peer: a verified login, or a name out of a verified certificate.
    pub client_auth: Option<Login>,
    /// `Received` fields at the top that the asking gateway added itself, at most [`MAX_OWN_HOPS`].
    pub own_hops: u8,
    /// The envelope's recipients, as the RCPT commands gave them.
    pub recipients: Vec<Cow<'a, str>>,
    /// The message's header.
    pub header: Header<'a>,
}

/// An organisation whose servers hand mail to the operator: `[a-z0-9][a-z0-9._-]{0,62}`.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct TenantId(String);

impl TenantId {
    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for TenantId {
    type Err = InvalidTenantId;

    fn from_str(text: &str) -> Result<Self, InvalidTenantId> {
        let [first, rest @ ..] = text.as_bytes() else {
            return Err(InvalidTenantId);
        };
        let plain = |octet: &u8| octet.is_ascii_lowercase() || octet.is_ascii_digit();
        let valid = plain(first) && rest.len() <= 62 && rest.iter().all(|octet| plain(octet) || b"._-".contains(octet));
        valid.then(|| Self(text.to_owned())).ok_or(InvalidTenantId)
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// The text is no [`TenantId`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidTenantId;

impl fmt::Display for InvalidTenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a tenant id: 1 to 63 of `a-z`, `0-9`, `.`, `_`, `-`, beginning with a letter or digit")
    }
}

impl std::error::Error for InvalidTenantId {}

/// Characters of a login that are told apart.
pub(crate) const MAX_LOGIN: usize = 128;

/// A verified login, or a name out of a verified certificate, in lower case: `[a-z0-9._@+=-]{1,128}`, and no address.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Login(String);

impl Login {
    /// In lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = InvalidLogin;

    fn from_str(text: &str) -> Result<Self, InvalidLogin> {
        let valid = |octet: u8| octet.is_ascii_alphanumeric() || b"._@+=-".contains(&octet);
        let is_login = (1..=MAX_LOGIN).contains(&text.len()) && text.bytes().all(valid);
        // an address would be another server's identity
        if !is_login || text.parse::<IpAddr>().is_ok() {
            return Err(InvalidLogin);
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// The text is no [`Login`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidLogin;

impl fmt::Display for InvalidLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a login: 1 to 128 of `a-z`, `0-9`, `.`, `_`, `@`, `+`, `=`, `-`, and no address")
    }
}

impl std::error::Error for InvalidLogin {}

/// How the server connects. Nobody vouches for the names of servers that come over `partner` and `internet`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Connector {
    /// A connector of the tenant's own servers: it vouches for their names.
    OnPremises,
    /// A connector of another organisation.
    Partner,
    /// No connector: anybody.
    #[default]
    Internet,
}

impl Connector {
    /// As policies and events write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnPremises => "on_premises",
            Self::Partner => "partner",
            Self::Internet => "internet",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tenant_ids_are_safe_as_keys_and_paths() {
        for valid in ["contoso", "0", "a.b_c-d", &"a".repeat(63)] {
            assert_eq!(valid.parse::<TenantId>().map(|id| id.to_string()), Ok(valid.to_owned()));
        }
        for wrong in ["", ".a", "-a", "Contoso", "a/b", "a b", "a\0", "ä", &"a".repeat(64)] {
            assert_eq!(wrong.parse::<TenantId>(), Err(InvalidTenantId), "{wrong}");
        }
    }
}
