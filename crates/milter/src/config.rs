//! The configuration file, and the key beside it.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use hyper::Uri;
use serde::{Deserialize, Deserializer};
use tidegate_engine::{Connector, TenantId};
use tidegate_engine::{Network, canonical_address};

use crate::log::Level;
use crate::question::Origin;

/// Where the key is looked for, in this order: this variable, `key_file`, the credential `key` of systemd.
pub const KEY_VARIABLE: &str = "TIDEGATE_KEY";
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";
const MAX_KEY: usize = 512;
/// As many as the API takes.
const MAX_OWN_HOPS: u8 = 16;
/// A daemon that is to stop waits a little longer for what is under way.
const MAX_TIMEOUT_MS: u64 = 9_000;

/// The file, as gateways/milter/tidegate-milter.toml describes it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub listen: Listen,
    pub policy: Option<Listen>,
    #[serde(default = "socket_mode", deserialize_with = "octal")]
    pub socket_mode: u32,
    pub url: Endpoint,
    pub key_file: Option<PathBuf>,
    pub ca_file: Option<PathBuf>,
    #[serde(default, deserialize_with = "tenant")]
    pub tenant: Option<String>,
    pub connector: Option<Connector>,
    #[serde(default)]
    pub own_hops: u8,
    #[serde(default = "timeout_ms")]
    pub timeout_ms: u64,
    #[serde(default)]
    pub fail: Fail,
    #[serde(default)]
    pub ask: Ask,
    #[serde(default = "yes")]
    pub skip_authenticated: bool,
    #[serde(default)]
    pub client: Vec<ClientRule>,
    pub metrics: Option<SocketAddr>,
    #[serde(default)]
    pub log: Level,
    #[serde(default = "max_connections")]
    pub max_connections: usize,
}

/// Where the mail server connects to, in Postfix's notation: `unix:PATH` or `inet:HOST:PORT`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Listen {
    Unix(PathBuf),
    Inet(String),
}

/// Tidegate's address: `https://HOST[:PORT]`, and `http://` on this machine alone, since the key goes along.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Endpoint {
    pub tls: bool,
    pub host: String,
    pub port: u16,
    /// As the header `Host` has it.
    pub authority: String,
    /// What comes before each path, without a slash at its end.
    pub base: String,
}

/// What becomes of a message that Tidegate gives no answer about.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Fail {
    #[default]
    Accept,
    Tempfail,
}

/// Which messages Tidegate is asked about.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
pub enum Ask {
    /// Those with a `Received` field by an on-premises Exchange server. The answer to others is accept.
    #[default]
    Exchange,
    All,
}

/// SMTP clients by their addresses, and what holds for them. The first rule that names a client counts.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRule {
    networks: Vec<Clients>,
    #[serde(default)]
    skip: bool,
    #[serde(default, deserialize_with = "tenant")]
    tenant: Option<String>,
    connector: Option<Connector>,
    own_hops: Option<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Clients {
    Network(Network),
    Loopback,
    Private,
}

/// What holds for one SMTP client.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Route {
    Skip,
    Ask(Origin),
}

impl Config {
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = read_file(path)?;
        text.parse().map_err(|error: ConfigError| ConfigError(format!("{}: {error}", path.display())))
    }

    pub fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout_ms)
    }

    /// What holds for the client. One without an address, on a UNIX socket, is of this machine.
    pub fn route(&self, client: Option<IpAddr>, authenticated: bool) -> Route {
        if authenticated && self.skip_authenticated {
            return Route::Skip;
        }
        let own = || Origin { tenant: self.tenant.clone(), connector: self.connector, own_hops: self.own_hops };
        match self.client.iter().find(|rule| rule.networks.iter().any(|clients| clients.contain(client))) {
            Some(rule) if rule.skip => Route::Skip,
            Some(rule) => {
                let own = own();
                let tenant = rule.tenant.clone().or(own.tenant);
                let own_hops = rule.own_hops.unwrap_or(own.own_hops);
                Route::Ask(Origin { tenant, connector: rule.connector.or(own.connector), own_hops })
            }
            None => Route::Ask(own()),
        }
    }

    /// The key, from `variable` (what [`KEY_VARIABLE`] holds) or a file.
    pub fn key(&self, variable: Option<String>) -> Result<String, ConfigError> {
        let credential = || Some(Path::new(&std::env::var_os(CREDENTIALS_VARIABLE)?).join("key"));
        let key = match (variable, self.key_file.clone().or_else(credential)) {
            (Some(key), _) => key,
            (None, Some(path)) => read_file(&path)?,
            (None, None) => {
                return Err(ConfigError(format!("no key: set `key_file`, or {KEY_VARIABLE} in the environment")));
            }
        };
        let key = key.trim();
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|octet| octet.is_ascii_graphic()) {
            return Err(ConfigError("the key is not one line of printable ASCII".to_owned()));
        }
        Ok(key.to_owned())
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |what: &str| Err(ConfigError(what.to_owned()));
        if !(100..=MAX_TIMEOUT_MS).contains(&self.timeout_ms) {
            return wrong("`timeout_ms` must be 100 to 9000");
        }
        if !(1..=100_000).contains(&self.max_connections) {
            return wrong("`max_connections` must be 1 to 100000");
        }
        let says_more =
            |rule: &ClientRule| rule.tenant.is_some() || rule.connector.is_some() || rule.own_hops.is_some();
        if self.client.iter().any(|rule| rule.skip && says_more(rule)) {
            return wrong("a `client` that is skipped has neither `tenant` nor `connector` nor `own_hops`");
        }
        let asked = self.client.iter().filter(|rule| !rule.skip);
        let mut origins = asked
            .map(|rule| (rule.own_hops.unwrap_or(self.own_hops), rule.connector.or(self.connector)))
            .chain([(self.own_hops, self.connector)]);
        if origins.clone().any(|(own_hops, _)| own_hops > MAX_OWN_HOPS) {
            return wrong("`own_hops` must be 0 to 16");
        }
        // elsewhere the client's address is part of a server's id, and behind a proxy it would be the proxy's for all
        if origins.any(|(own_hops, connector)| own_hops > 0 && connector != Some(Connector::OnPremises)) {
            return wrong("`own_hops` needs `connector = \"on_premises\"`: the client is a proxy there");
        }
        Ok(())
    }
}

impl FromStr for Config {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, ConfigError> {
        let config: Self = toml::from_str(text).map_err(|error| ConfigError(error.to_string()))?;
        config.check()?;
        Ok(config)
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    std::fs::read_to_string(path).map_err(|error| ConfigError(format!("{}: {error}", path.display())))
}

fn timeout_ms() -> u64 {
    2_500
}

fn max_connections() -> usize {
    500
}

fn socket_mode() -> u32 {
    0o660
}

fn yes() -> bool {
    true
}

fn octal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let text = String::deserialize(deserializer)?;
    let mode = u32::from_str_radix(&text, 8).ok().filter(|mode| *mode <= 0o777);
    mode.ok_or_else(|| serde::de::Error::custom("not a mode such as \"0660\""))
}

fn tenant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Some(TenantId::deserialize(deserializer)?.to_string()))
}

impl Clients {
    fn contain(self, client: Option<IpAddr>) -> bool {
        match (self, client.map(canonical_address)) {
            (Self::Network(network), Some(address)) => network.contains(address),
            (Self::Loopback, Some(address)) => address.is_loopback(),
            (Self::Loopback, None) => true,
            (Self::Private, Some(IpAddr::V4(address))) => address.is_private() || address.is_link_local(),
            (Self::Private, Some(IpAddr::V6(address))) => address.is_unique_local() || address.is_unicast_link_local(),
            (Self::Network(_) | Self::Private, None) => false,
        }
    }
}

impl<'de> Deserialize<'de> for Clients {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "loopback" => Ok(Self::Loopback),
            "private" => Ok(Self::Private),
            network => network.parse().map(Self::Network).map_err(|_| {
                serde::de::Error::custom("not a network such as \"192.0.2.0/24\", nor \"loopback\" or \"private\"")
            }),
        }
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let wrong = || serde::de::Error::custom("neither \"inet:HOST:PORT\" nor \"unix:/PATH\"");
        match text.split_once(':').ok_or_else(wrong)? {
            ("unix" | "local", path) if path.starts_with('/') => Ok(Self::Unix(path.into())),
            ("inet", address)
                if address
                    .rsplit_once(':')
                    .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok()) =>
            {
                Ok(Self::Inet(address.to_owned()))
            }
            _ => Err(wrong()),
        }
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Inet(address) => write!(f, "inet:{address}"),
        }
    }
}

impl FromStr for Endpoint {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let uri: Uri = text.parse().map_err(|_| "not a URL")?;
        let tls = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err("neither https:// nor http://"),
        };
        let authority = uri.authority().map(ToString::to_string).unwrap_or_default();
        if authority.contains('@') || uri.query().is_some() {
            return Err("a URL has neither a user nor a query here");
        }
        let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']').to_owned();
        let local = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        if !tls && !local {
            return Err("http:// is for this machine alone: the key would go over the network in the clear");
        }
        let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
        let base = uri.path().trim_end_matches('/').to_owned();
        Ok(Self { tls, host, port, authority, base })
    }
}

impl<'de> Deserialize<'de> for Endpoint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// What is wrong with the configuration, for whoever wrote it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ConfigError(pub String);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: &str = "listen = 'inet:127.0.0.1:8894'\nurl = 'https://tidegate.example.net'\n";

    fn config(more: &str) -> Result<Config, String> {
        format!("{LEAST}{more}").parse().map_err(|error: ConfigError| error.0)
    }

    fn ip(text: &str) -> Option<IpAddr> {
        text.parse().ok()
    }

    #[test]
    fn two_lines_are_enough() {
        let config = config("").unwrap();
        assert_eq!(
            (config.timeout(), config.fail, config.ask),
            (Duration::from_millis(2_500), Fail::Accept, Ask::Exchange)
        );
        assert_eq!((config.socket_mode, config.skip_authenticated, config.log), (0o660, true, Level::Info));
        assert_eq!(config.route(ip("127.0.0.1"), false), Route::Ask(Origin::default()));
        assert_eq!(config.route(ip("192.0.2.1"), true), Route::Skip);
    }

    #[test]
    fn the_delivered_example_is_one() {
        let example = include_str!("../../../gateways/milter/tidegate-milter.toml");
        let whole: String =
            example.lines().map(|line| format!("{}\n", line.strip_prefix("#| ").unwrap_or(line))).collect();
        for text in [example, &whole] {
            text.parse::<Config>().unwrap_or_else(|error| panic!("{error}\n{text}"));
        }
        assert_ne!(example, whole);
    }

    #[test]
    fn clients_are_told_apart_by_address() {
        let config = config(
            "tenant = 'own'\nconnector = 'on_premises'\n\
             [[client]]\nnetworks = ['loopback']\nskip = true\n\
             [[client]]\nnetworks = ['203.0.113.0/24', '2001:db8::/32']\ntenant = 'contoso'\n\
             [[client]]\nnetworks = ['private']\nconnector = 'partner'\n",
        )
        .unwrap();
        let origin = |tenant: &str, connector| {
            Route::Ask(Origin { tenant: Some(tenant.to_owned()), connector: Some(connector), own_hops: 0 })
        };
        for local in [ip("127.0.0.1"), ip("::1"), ip("::ffff:127.0.0.1"), None] {
            assert_eq!(config.route(local, false), Route::Skip);
        }
        assert_eq!(config.route(ip("203.0.113.9"), false), origin("contoso", Connector::OnPremises));
        assert_eq!(config.route(ip("2001:db8::9"), false), origin("contoso", Connector::OnPremises));
        assert_eq!(config.route(ip("10.1.2.3"), false), origin("own", Connector::Partner));
        assert_eq!(config.route(ip("198.51.100.1"), false), origin("own", Connector::OnPremises));
    }

    #[test]
    fn behind_a_proxy_fields_of_ones_own_are_passed_over() {
        let hops = |config: &Config, client| match config.route(ip(client), false) {
            Route::Ask(origin) => origin.own_hops,
            Route::Skip => u8::MAX,
        };
        let all = config("connector = 'on_premises'\nown_hops = 2").unwrap();
        assert_eq!(hops(&all, "127.0.0.1"), 2);
        let some = "[[client]]\nnetworks = ['loopback']\nconnector = 'on_premises'\nown_hops = 1";
        let some = config(some).unwrap();
        assert_eq!((hops(&some, "127.0.0.1"), hops(&some, "192.0.2.1")), (1, 0));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let cases = [
            ("tenant = 'Contoso'", "not a tenant id"),
            ("timeout = 3", "unknown field `timeout`"),
            ("timeout_ms = 5", "`timeout_ms` must be"),
            ("fail = 'open'", "unknown variant `open`"),
            ("socket_mode = '999'", "not a mode"),
            ("[[client]]\nnetworks = ['here']", "not a network"),
            ("[[client]]\nnetworks = []\nskip = true\ntenant = 'a'", "neither `tenant` nor"),
            ("max_connections = 0", "`max_connections` must be"),
            ("own_hops = 1", "`own_hops` needs"),
            ("own_hops = 1\nconnector = 'internet'", "`own_hops` needs"),
            ("own_hops = 17\nconnector = 'on_premises'", "`own_hops` must be"),
            ("own_hops = -1", "own_hops"),
            ("[[client]]\nnetworks = []\nown_hops = 1", "`own_hops` needs"),
            ("[[client]]\nnetworks = []\nskip = true\nown_hops = 1", "nor `own_hops`"),
            (
                "own_hops = 1\nconnector = 'on_premises'\n[[client]]\nnetworks = []\nconnector = 'partner'",
                "`own_hops` needs",
            ),
        ];
        for (more, expected) in cases {
            let error = config(more).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn the_key_travels_in_the_clear_on_this_machine_alone() {
        let endpoint: Endpoint = "https://tidegate.example.net/base/".parse().unwrap();
        assert_eq!((endpoint.tls, endpoint.host.as_str(), endpoint.port), (true, "tidegate.example.net", 443));
        assert_eq!((endpoint.base.as_str(), endpoint.authority.as_str()), ("/base", "tidegate.example.net"));
        let local: Endpoint = "http://[::1]:8787".parse().unwrap();
        assert_eq!((local.tls, local.host.as_str(), local.port, local.base.as_str()), (false, "::1", 8787, ""));
        for wrong in ["", "x", "ftp://a", "http://10.0.0.1", "http://localhost.example", "https://u:p@x", "https://x?y"]
        {
            assert!(wrong.parse::<Endpoint>().is_err(), "{wrong}");
        }
        for wrong in ["inet:127.0.0.1", "inet::8894", "unix:run/x", "/run/x", "8894"] {
            assert!(format!("listen = '{wrong}'\nurl = 'https://x'").parse::<Config>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_one_printable_line() {
        let config = config("").unwrap();
        assert_eq!(config.key(Some("tg_1_x\n".into())).as_deref(), Ok("tg_1_x"));
        for wrong in ["", "\n", "a b", "a\nb", "\u{e9}", &"x".repeat(513)] {
            assert!(config.key(Some(wrong.into())).is_err(), "{wrong}");
        }
    }
}
