//! Who may do what. Checked before the body is read.

use tidegate_wire::problem::Problem;

use crate::config::Config;
use crate::http::Request;

/// Lets the admin key pass.
pub fn admin(config: &Config, request: &Request) -> Result<(), Problem> {
    let key = request.authorization.as_deref().and_then(bearer);
    match (key, &config.admin_key) {
        (Some(presented), Some(admin)) if admin.matches(presented) => Ok(()),
        _ => Err(Problem::unauthorized()),
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750, section 2.1); the scheme's case is ignored.
fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}
