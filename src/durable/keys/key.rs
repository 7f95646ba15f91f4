//! A key, as it is stored, told and shown.

use serde::{Deserialize, Serialize};
use tidegate_engine::{Date, Network, TenantId, Timestamp};
use tidegate_stored::Document;
use tidegate_wire::native::Written;

use crate::access::Role;
use crate::durable::audit::{Act, Note};
use crate::durable::sql::{SqlError, to_text};
use crate::store::{GatewaySettings, KeyRecord, Validity};

/// A key to be made. Its secret stays where it was drawn.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct NewKey {
    /// Of the whole key, in hexadecimal.
    pub hash: String,
    pub id: String,
    pub role: Role,
    pub tenant: Option<TenantId>,
    pub name: String,
    pub gateway: Option<GatewaySettings>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Timestamp>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub networks: Option<Vec<Network>>,
}

impl NewKey {
    /// What KV holds of it.
    pub fn record(&self) -> KeyRecord {
        KeyRecord {
            id: self.id.clone(),
            role: self.role,
            tenant: self.tenant.clone(),
            name: Some(self.name.clone()),
            gateway: self.gateway,
            validity: Validity { expires_at: self.expires_at, networks: self.networks.clone() },
        }
    }
}

/// A key to be revoked.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RevokeKey {
    pub id: String,
    /// The one tenant that the caller is bound to.
    pub bound_to: Option<TenantId>,
    /// Whether the caller may revoke an admin's key.
    pub as_admin: bool,
}

/// A key that was used on that day.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct KeyUse {
    pub id: String,
    pub day: Date,
}

/// A key as its row has it, and as objects tell each other of it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Key {
    /// Of the row that it was read from.
    #[serde(default)]
    pub(super) number: i64,
    pub id: String,
    pub hash: String,
    pub(super) role: Role,
    pub tenant: Option<TenantId>,
    pub(super) name: String,
    pub(super) gateway: Option<Document<GatewaySettings>>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) networks: Option<Vec<Network>>,
    pub(super) created_at: Timestamp,
    pub(super) created_by: String,
    pub(super) last_used_on: Option<Date>,
}

impl Key {
    pub(super) fn new(new: NewKey, act: Act<'_>) -> Self {
        Self {
            number: 0,
            id: new.id,
            hash: new.hash,
            role: new.role,
            tenant: new.tenant,
            name: new.name,
            gateway: new.gateway.map(Document::new),
            expires_at: new.expires_at,
            networks: new.networks,
            created_at: act.at,
            created_by: act.actor.to_owned(),
            last_used_on: None,
        }
    }

    /// As the API shows it.
    pub fn shown(&self) -> Shown<'_> {
        Shown {
            id: &self.id,
            role: self.role,
            tenant: self.tenant.as_ref(),
            name: &self.name,
            gateway: self.gateway.clone().map(Document::into_value),
            expires_at: self.expires_at.map(Written),
            networks: self.networks.as_deref(),
            created_at: Written(self.created_at),
            created_by: &self.created_by,
            last_used_on: self.last_used_on,
        }
    }

    /// What an entry of a trail has to say: that it was made, or revoked.
    pub fn note(&self, act: Act<'_>, action: &str, entry: (Option<String>, Option<String>)) -> Note {
        let (before, after) = entry;
        Note {
            // an id is drawn once, and made or revoked once
            id: format!("{action}/{}", self.id),
            at: act.at,
            actor: act.actor.to_owned(),
            action: action.to_owned(),
            subject: self.id.clone(),
            before,
            after,
        }
    }

    /// What KV holds of it.
    pub(super) fn record(&self) -> KeyRecord {
        KeyRecord {
            id: self.id.clone(),
            role: self.role,
            tenant: self.tenant.clone(),
            name: Some(self.name.clone()),
            gateway: self.gateway.clone().map(Document::into_value),
            validity: Validity { expires_at: self.expires_at, networks: self.networks.clone() },
        }
    }

    /// What listings of KV show beside its name.
    pub(super) fn metadata(&self) -> Result<String, SqlError> {
        to_text(&Metadata { id: self.id.clone(), at: self.created_at })
    }
}

/// A key as the API shows it.
#[derive(Serialize)]
pub struct Shown<'a> {
    id: &'a str,
    role: Role,
    tenant: Option<&'a TenantId>,
    name: &'a str,
    gateway: Option<GatewaySettings>,
    expires_at: Option<Written<Timestamp>>,
    networks: Option<&'a [Network]>,
    created_at: Written<Timestamp>,
    created_by: &'a str,
    last_used_on: Option<Date>,
}

/// What listings of KV show beside a key's name.
#[derive(Deserialize, Serialize)]
struct Metadata {
    id: String,
    at: Timestamp,
}

/// When a key was made, by its metadata; 67205e3 wrote none.
pub fn made_at(metadata: Option<&str>) -> Option<Timestamp> {
    serde_json::from_str(metadata?).ok().map(|Metadata { at, .. }| at)
}
