//! The variables and secrets of a deployment, read once an isolate.

use std::cell::OnceCell;
use std::rc::Rc;

use tidegate_engine::Mode;
use tidegate_engine::{Connector, TenantId};
use worker::Env;

use crate::hooks;

/// What an admin key should have at least.
const MIN_ADMIN_KEY_BYTES: usize = 32;

/// What a deployment sets.
#[derive(Debug)]
pub struct Config {
    /// The secret `ADMIN_KEY`, the first admin key, and `ADMIN_KEY_NEXT`, which works beside it while the one takes the
    /// other's place. Without them nobody is admin.
    pub admin_keys: Vec<AdminKey>,
    /// `AUTO_TENANTS` is `on`: tenants without a policy are recorded too.
    pub auto_tenants: bool,
    /// `CLIENT_ADDRESS`: the header field in which the platform, or a proxy that nobody gets around, says from where a
    /// call comes: `cloudflare` (the default) or `header:NAME`. `None`: the variable names neither, and it cannot be told.
    pub client_address: Option<String>,
    /// For the `email` event.
    pub email: Email,
    /// `MODE_CEILING`: the ceiling of a deployment of the release before, until it is handed over to `control/mode`.
    pub mode_ceiling: Mode,
}

/// What the `email` event is told by no key.
#[derive(Debug)]
pub struct Email {
    /// `EMAIL_TENANT`: whose mail Email Routing hands over.
    pub tenant: Option<TenantId>,
    /// `EMAIL_CONNECTOR`: how it comes; `internet` where it is not set.
    pub connector: Connector,
    /// `EMAIL_FORWARD_TO`: a verified destination address for what is accepted.
    pub forward_to: Option<String>,
}

impl Config {
    /// Read on first use; variables do not change while an isolate lives. Every entry into an isolate asks for it before
    /// it asks for the time, which a test may have moved.
    pub fn get(env: &Env) -> Rc<Self> {
        thread_local! {
            static CONFIG: OnceCell<Rc<Config>> = const { OnceCell::new() };
        }
        let read = || {
            let config = Self::read(env);
            config.warnings().iter().for_each(|warning| worker::console_warn!("{warning}"));
            Rc::new(config)
        };
        CONFIG.with(|config| config.get_or_init(read).clone())
    }

    /// What the operator should mend before the next release refuses it.
    pub fn warnings(&self) -> Vec<&'static str> {
        let short = self.admin_keys.iter().filter(|key| key.is_short()).map(|key| key.too_short);
        let nowhere = self.client_address.is_none().then_some(
            "CLIENT_ADDRESS is neither cloudflare nor header:NAME: keys that are bound to networks are refused",
        );
        short.chain(nowhere).collect()
    }

    fn read(env: &Env) -> Self {
        let var = |name| env.var(name).ok().map(|value| value.to_string()).filter(|value| !value.is_empty());
        hooks::read(var);
        Self {
            admin_keys: admin_keys(var("ADMIN_KEY"), var("ADMIN_KEY_NEXT")),
            auto_tenants: var("AUTO_TENANTS").as_deref() == Some("on"),
            client_address: client_address(var("CLIENT_ADDRESS").as_deref()),
            email: Email {
                tenant: var("EMAIL_TENANT").and_then(|tenant| tenant.parse().ok()),
                connector: match var("EMAIL_CONNECTOR").as_deref() {
                    Some("on_premises") => Connector::OnPremises,
                    Some("partner") => Connector::Partner,
                    _ => Connector::Internet,
                },
                forward_to: var("EMAIL_FORWARD_TO"),
            },
            mode_ceiling: match var("MODE_CEILING").as_deref() {
                Some("off") => Mode::Off,
                None | Some("enforce") => Mode::Enforce,
                // a ceiling that cannot be read is meant to hold something back
                Some(_) => Mode::Report,
            },
        }
    }
}

/// The header field that `CLIENT_ADDRESS` names. A worker never sees its socket, so that there is no `socket` here.
fn client_address(variable: Option<&str>) -> Option<String> {
    match variable {
        // set by the platform, whatever a caller sends (https://developers.cloudflare.com/fundamentals/reference/http-headers/)
        None | Some("cloudflare") => Some("cf-connecting-ip".to_owned()),
        Some(other) => {
            let is_name = |name: &&str| {
                !name.is_empty() && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_".contains(&octet))
            };
            other.strip_prefix("header:").filter(is_name).map(str::to_owned)
        }
    }
}

/// A secret that shows itself to nobody.
pub struct AdminKey {
    secret: String,
    /// What to warn of where it is.
    too_short: &'static str,
}

/// What `ADMIN_KEY` and `ADMIN_KEY_NEXT` hold.
fn admin_keys(first: Option<String>, next: Option<String>) -> Vec<AdminKey> {
    let of = |secret: Option<String>, too_short| secret.map(|secret| AdminKey { secret, too_short });
    let first = of(first, "ADMIN_KEY is shorter than 32 octets: the next release refuses it");
    let next = of(next, "ADMIN_KEY_NEXT is shorter than 32 octets: the next release refuses it");
    first.into_iter().chain(next).collect()
}

impl AdminKey {
    /// Too short to be safe from being guessed, if a person chose it.
    const fn is_short(&self) -> bool {
        self.secret.len() < MIN_ADMIN_KEY_BYTES
    }

    /// In time that depends on the lengths alone.
    pub fn matches(&self, presented: &str) -> bool {
        use subtle::ConstantTimeEq;
        self.secret.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

impl std::fmt::Debug for AdminKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_callers_addresses_come_from_is_said_by_name_or_cannot_be_told() {
        let field = |variable| client_address(variable);
        assert_eq!(field(None).as_deref(), Some("cf-connecting-ip"));
        assert_eq!(field(Some("cloudflare")).as_deref(), Some("cf-connecting-ip"));
        assert_eq!(field(Some("header:X-Real-IP")).as_deref(), Some("X-Real-IP"));
        for wrong in ["socket", "header:", "header:a b", "X-Real-IP", "Cloudflare"] {
            assert_eq!(field(Some(wrong)), None, "{wrong}");
        }
    }

    #[test]
    fn a_short_secret_is_warned_of_by_its_own_name() {
        let warned = |first: &str, next: Option<&str>| -> Vec<&str> {
            let keys = admin_keys(Some(first.to_owned()), next.map(str::to_owned));
            let short = keys.iter().filter(|key| key.is_short());
            short.filter_map(|key| key.too_short.split(' ').next()).collect()
        };
        let long = "0123456789abcdef0123456789abcdef";
        assert_eq!(warned(long, Some(long)), [""; 0]);
        assert_eq!(warned("short", Some(long)), ["ADMIN_KEY"]);
        assert_eq!(warned(long, Some("short")), ["ADMIN_KEY_NEXT"]);
        assert_eq!(warned("short", Some("shorter")), ["ADMIN_KEY", "ADMIN_KEY_NEXT"]);
    }
}
