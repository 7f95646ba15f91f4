//! Ids of keys.

use tidegate_engine::TenantId;

/// Hexadecimal digits that an id ends with.
const ID_DIGITS: usize = 12;

/// The id of a key that is made: one that is bound to a tenant leads to it by itself. `digits`: 12 hexadecimal ones that
/// nobody has drawn before.
pub fn new_id(tenant: Option<&TenantId>, digits: &str) -> String {
    tenant.map_or_else(|| digits.to_owned(), |tenant| format!("{tenant}.{digits}"))
}

/// To which tenant an id leads by itself. Those of keys that the release before made lead to none, nor do those of keys
/// that are bound to none.
pub fn tenant_of(id: &str) -> Option<TenantId> {
    let (tenant, digits) = id.rsplit_once('.')?;
    let is_ours = digits.len() == ID_DIGITS && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    tenant.parse().ok().filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_leads_to_its_tenant_and_one_of_the_release_before_to_none() {
        for tenant in ["contoso", "a.b-c_d", "9", "0442f2dec67f"] {
            let tenant: TenantId = tenant.parse().unwrap();
            let id = new_id(Some(&tenant), "0442f2dec67f");
            assert_eq!(tenant_of(&id), Some(tenant), "{id}");
        }
        for id in [
            "0442f2dec67f",
            "",
            ".",
            "contoso.",
            ".0442f2dec67f",
            "contoso.0442f2dec67",
            "contoso.0442f2dec67g",
            "A.0442f2dec67f",
        ] {
            assert_eq!(tenant_of(id), None, "{id}");
        }
        assert_eq!(new_id(None, "0442f2dec67f"), "0442f2dec67f");
    }
}
