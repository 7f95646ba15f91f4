//! Addresses of webhooks as they are shown to those who may not post there: path and query can be a secret.

use serde::{Deserialize, Serialize};

use crate::durable::audit;
use crate::durable::lists::{Page, Range};
use crate::durable::sql::{Sql, SqlError, from_text, to_raw, to_text};

/// Scheme and host of an address in the runtime's own form; of its path it shows that there is one.
pub fn masked(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
    format!("{scheme}://{host}/…")
}

/// A webhook as the audit trail has it.
#[derive(Deserialize, Serialize)]
struct Entry {
    id: String,
    url: String,
}

/// As JSON.
pub fn entry(id: &str, url: &str) -> Result<String, SqlError> {
    to_text(&Entry { id: id.to_owned(), url: masked(url) })
}

/// One page of the tenant's audit trail. Entries of releases before have whole addresses: they are shown without.
pub fn trail(sql: &Sql, range: &Range) -> Result<Page<audit::Entry>, SqlError> {
    let mut page = audit::page(sql, range)?;
    // others have other members in `before` and `after`
    for entry in page.items.iter_mut().filter(|entry| entry.action.starts_with("webhook.")) {
        for side in [&mut entry.before, &mut entry.after].into_iter().flatten() {
            if let Ok(Entry { id, url }) = from_text(side.get()) {
                *side = to_raw(&Entry { id, url: masked(&url) })?;
            }
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_all_that_shows() {
        for (url, shown) in [
            ("https://hooks.example.com/services/T0/B0/secret", "https://hooks.example.com/…"),
            ("https://hooks.example.com:8443/?key=secret", "https://hooks.example.com:8443/…"),
            ("https://[2606:4700::1111]/", "https://[2606:4700::1111]/…"),
            ("https://hooks.example.com/…", "https://hooks.example.com/…"),
        ] {
            assert_eq!(masked(url), shown);
        }
    }
}
