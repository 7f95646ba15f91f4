//! Who may do what: roles, and the principal that a request's key stands for. Plain rules; keys are verified in `api`.

use serde::{Deserialize, Serialize};
use tidegate_engine::event::TenantId;
use tidegate_engine::policy::{Policy, Right};
use tidegate_wire::problem::Problem;

use crate::store::GatewaySettings;

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Asks for decisions.
    Gateway,
    /// Reads a tenant.
    Viewer,
    /// Reads and changes a tenant.
    Operator,
    /// Everything, for all tenants.
    Admin,
}

impl Role {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub struct Principal {
    /// As the audit trail names it: `admin`, or `key:` and the key's id.
    pub actor: String,
    pub role: Role,
    /// The one tenant that it is bound to; `None`: all.
    pub tenant: Option<TenantId>,
    pub gateway: GatewaySettings,
}

impl Principal {
    /// The holder of the secret `ADMIN_KEY`.
    pub fn admin() -> Self {
        Self { actor: "admin".to_owned(), role: Role::Admin, tenant: None, gateway: GatewaySettings::default() }
    }

    pub fn is_admin(&self) -> bool {
        self.role == Role::Admin
    }

    /// May ask for decisions.
    pub fn decides(&self) -> Result<(), Problem> {
        allow(matches!(self.role, Role::Gateway | Role::Admin))
    }

    /// May read what belongs to no tenant in particular.
    pub fn reads(&self) -> Result<(), Problem> {
        allow(self.role != Role::Gateway)
    }

    /// May read `tenant`. The same answer whether or not there is such a tenant.
    pub fn reads_tenant(&self, tenant: &TenantId) -> Result<(), Problem> {
        self.reads()?;
        allow(self.tenant.as_ref().is_none_or(|own| own == tenant))
    }

    /// May change `tenant`, as far as its policy leaves it to its operators.
    pub fn changes_tenant(&self, tenant: &TenantId) -> Result<(), Problem> {
        self.reads_tenant(tenant)?;
        allow(matches!(self.role, Role::Operator | Role::Admin))
    }

    /// May change what belongs to all tenants.
    pub fn administers(&self) -> Result<(), Problem> {
        allow(self.is_admin())
    }

    /// May make a tenant's server be forgotten: no tenant's own operator, whose servers it would spare.
    pub fn deletes_servers(&self) -> Result<(), Problem> {
        allow(matches!(self.role, Role::Operator | Role::Admin) && self.tenant.is_none())
    }

    /// Whether what the tenant's policy has to delegate to its own operators is open to this one.
    pub fn needs(&self, right: Right) -> Option<Right> {
        self.tenant.as_ref().map(|_| right)
    }

    /// May make a key of that role, bound to that tenant.
    pub fn makes_key(&self, role: Role, tenant: Option<&TenantId>) -> Result<(), Problem> {
        let above = role == Role::Admin && !self.is_admin();
        let outside = self.tenant.is_some() && self.tenant.as_ref() != tenant;
        allow(matches!(self.role, Role::Operator | Role::Admin) && !above && !outside)
    }
}

/// A change by a tenant's own operator, as the tenant's policy has to allow it. Checked where the policy lies.
pub fn delegated(needed: Option<Right>, policy: &Policy) -> Result<(), Problem> {
    allow(needed.is_none_or(|right| policy.delegated.contains(&right)))
}

fn allow(allowed: bool) -> Result<(), Problem> {
    if allowed { Ok(()) } else { Err(Problem::forbidden()) }
}
