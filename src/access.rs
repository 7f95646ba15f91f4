//! Who may do what: roles, and the principal that a request's key stands for. Plain rules; keys are verified in `api`.

use serde::{Deserialize, Serialize};
use tidegate_engine::{Connector, DelegatedRight, Policy, TenantId};
use tidegate_wire::problem::Problem;

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
    /// Reads `/metrics`, and nothing else.
    Metrics,
}

impl Role {
    /// Whether operators make and revoke keys of this role. A gateway's key is an admin's: who is enforced could end the
    /// enforcement by it, or feed it.
    pub const fn is_handed_out_by_operators(self) -> bool {
        matches!(self, Self::Viewer | Self::Operator)
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
            Self::Metrics => "metrics",
        }
    }
}

/// What a gateway's key says about its gateway, so that its requests need not.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct GatewaySettings {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connector: Option<Connector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub own_hops: Option<u8>,
    /// `/checkv2` carries the verdict in a header to be added, not in its action.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub rspamd_add_headers: bool,
    /// `/gateways/postfix` may defer, and does not only report.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub postfix_refusals: bool,
}

/// Whose request it is.
#[derive(Clone, Debug)]
pub struct Principal {
    /// As the audit trail names it: `admin`, or `key:` and the key's id.
    pub actor: String,
    /// The key's id; the secret `ADMIN_KEY` has none.
    pub id: Option<String>,
    pub name: Option<String>,
    pub role: Role,
    /// The one tenant that it is bound to; `None`: all.
    pub tenant: Option<TenantId>,
    pub gateway: GatewaySettings,
}

impl Principal {
    /// The holder of the secret `ADMIN_KEY`.
    pub fn admin() -> Self {
        let gateway = GatewaySettings::default();
        Self { actor: "admin".to_owned(), id: None, name: None, role: Role::Admin, tenant: None, gateway }
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
        allow(matches!(self.role, Role::Viewer | Role::Operator | Role::Admin))
    }

    /// May read what is counted of all tenants together.
    pub fn reads_metrics(&self) -> Result<(), Problem> {
        allow(matches!(self.role, Role::Metrics | Role::Admin))
    }

    /// May read what says something of all tenants.
    pub fn reads_all(&self) -> Result<(), Problem> {
        self.reads()?;
        allow(self.tenant.is_none())
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
    pub fn needs(&self, right: DelegatedRight) -> Option<DelegatedRight> {
        self.tenant.as_ref().map(|_| right)
    }

    /// May list, make and revoke keys, within its tenant if it is bound to one.
    pub fn handles_keys(&self) -> Result<(), Problem> {
        allow(matches!(self.role, Role::Operator | Role::Admin))
    }

    /// May make a key of that role, bound to that tenant.
    pub fn makes_key(&self, role: Role, tenant: Option<&TenantId>) -> Result<(), Problem> {
        self.handles_keys()?;
        let outside = self.tenant.is_some() && self.tenant.as_ref() != tenant;
        allow((self.is_admin() || role.is_handed_out_by_operators()) && !outside)
    }
}

/// A change by a tenant's own operator, as the tenant's policy has to allow it. Checked where the policy lies.
pub fn delegated(needed: Option<DelegatedRight>, policy: &Policy) -> Result<(), Problem> {
    allow(needed.is_none_or(|right| policy.delegated.contains(&right)))
}

fn allow(allowed: bool) -> Result<(), Problem> {
    if allowed { Ok(()) } else { Err(Problem::forbidden()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROLES: [Role; 5] = [Role::Gateway, Role::Viewer, Role::Operator, Role::Admin, Role::Metrics];

    fn tenant(id: &str) -> TenantId {
        id.parse().unwrap()
    }

    fn holder(role: Role, bound_to: Option<&str>) -> Principal {
        Principal { role, tenant: bound_to.map(tenant), ..Principal::admin() }
    }

    /// Which roles may, of holders for all tenants.
    fn who(may: impl Fn(&Principal) -> Result<(), Problem>) -> Vec<Role> {
        ROLES.into_iter().filter(|role| may(&holder(*role, None)).is_ok()).collect()
    }

    #[test]
    fn each_role_may_what_it_is_for() {
        let own = tenant("contoso");
        assert_eq!(who(Principal::decides), [Role::Gateway, Role::Admin]);
        assert_eq!(who(Principal::reads), [Role::Viewer, Role::Operator, Role::Admin]);
        assert_eq!(who(Principal::reads_all), [Role::Viewer, Role::Operator, Role::Admin]);
        assert_eq!(who(|holder| holder.reads_tenant(&own)), [Role::Viewer, Role::Operator, Role::Admin]);
        assert_eq!(who(|holder| holder.changes_tenant(&own)), [Role::Operator, Role::Admin]);
        assert_eq!(who(Principal::handles_keys), [Role::Operator, Role::Admin]);
        assert_eq!(who(Principal::administers), [Role::Admin]);
        assert_eq!(who(Principal::reads_metrics), [Role::Admin, Role::Metrics]);
    }

    #[test]
    fn a_bound_holder_stays_within_its_tenant() {
        let (own, other) = (tenant("contoso"), tenant("fabrikam"));
        for role in [Role::Viewer, Role::Operator] {
            let holder = holder(role, Some("contoso"));
            assert!(holder.reads_tenant(&own).is_ok() && holder.reads().is_ok());
            assert!(holder.reads_tenant(&other).is_err() && holder.reads_all().is_err());
            assert!(holder.changes_tenant(&other).is_err());
            assert_eq!(holder.needs(DelegatedRight::Policy), Some(DelegatedRight::Policy));
        }
        assert_eq!(holder(Role::Operator, None).needs(DelegatedRight::Policy), None);
    }

    #[test]
    fn nobody_makes_a_key_above_or_outside() {
        let (own, other) = (tenant("contoso"), tenant("fabrikam"));
        let makes = |holder: &Principal, tenant: Option<&TenantId>| -> Vec<Role> {
            ROLES.into_iter().filter(|role| holder.makes_key(*role, tenant).is_ok()).collect()
        };
        let up_to_operator = [Role::Viewer, Role::Operator];
        assert_eq!(makes(&Principal::admin(), None), ROLES);
        assert_eq!(makes(&holder(Role::Operator, None), None), up_to_operator);
        assert_eq!(makes(&holder(Role::Operator, None), Some(&other)), up_to_operator);
        let bound = holder(Role::Operator, Some("contoso"));
        assert_eq!(makes(&bound, Some(&own)), up_to_operator);
        assert!(makes(&bound, Some(&other)).is_empty() && makes(&bound, None).is_empty());
        for role in [Role::Gateway, Role::Viewer, Role::Metrics] {
            assert!(makes(&holder(role, None), None).is_empty(), "{role:?}");
        }
    }

    #[test]
    fn what_is_not_delegated_is_left_to_others() {
        let delegating =
            |rights: &[DelegatedRight]| Policy { delegated: rights.iter().copied().collect(), ..Policy::default() };
        assert!(delegated(Some(DelegatedRight::Policy), &delegating(&[])).is_err());
        assert!(delegated(Some(DelegatedRight::Policy), &delegating(&[DelegatedRight::Exempt])).is_err());
        assert!(delegated(Some(DelegatedRight::Policy), &delegating(&[DelegatedRight::Policy])).is_ok());
        assert!(delegated(None, &delegating(&[])).is_ok());
    }
}
