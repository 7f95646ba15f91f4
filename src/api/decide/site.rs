//! Where decisions are made.

use tidegate_engine::{MailEvent, TenantId};
use tidegate_wire::native::Defaults;
use worker::Context;

use crate::access::Principal;
use crate::config::Config;
use crate::durable::client::{Circumstances, Client};
use crate::ledger;
use crate::store::{Access, PolicyRecord};

/// Where a decision is made.
pub struct Site<'a> {
    pub config: &'a Config,
    pub context: &'a Context,
    pub actor: &'a str,
    /// The asking key is bound to the tenant of its events.
    pub is_bound: bool,
    /// The asking key has Postfix's policy service refuse.
    pub refuses_at_rcpt: bool,
    pub circumstances: Circumstances,
    pub access: Access<'a>,
}

impl Site<'_> {
    pub fn ledger_of(&self, tenant: &TenantId) -> Client {
        ledger::of(self.access.env, tenant, self.actor, self.circumstances)
    }

    /// Whether mail of this tenant and connector is written down.
    pub fn records(&self, event: &MailEvent<'_>, policy: &PolicyRecord) -> bool {
        let known_tenant = policy.rev > 0 || self.config.auto_tenants;
        known_tenant && policy.enforcement.policy.scope.contains(&event.connector)
    }
}

pub fn defaults(principal: &Principal) -> Defaults {
    let Principal { tenant, gateway, .. } = principal;
    Defaults { tenant: tenant.clone(), connector: gateway.connector, own_hops: gateway.own_hops }
}
