//! A tenant's policy: everything about a decision that an operator can choose, checked when it is read.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

use crate::baseline::{Baseline, Standing};
use crate::bounded::at_most;
use crate::catalog::{Catalog, Product};
use crate::event::Connector;
use crate::ladder::Ladder;
use crate::pause;
use crate::relay::TrustedRelay;
use crate::reply::{HelpUrl, OperatorName, ReplyTemplate};
use crate::shown::Shown;
use crate::time::{Date, Timestamp};

/// Entries that `trusted_relays` has at most.
pub const MAX_TRUSTED_RELAYS: usize = 64;
/// Entries that `always_accept` has at most.
pub const MAX_ALWAYS_ACCEPT: usize = 64;
/// Octets of a local part (RFC 5321, section 4.5.3.1.1).
pub(crate) const MAX_LOCAL_PART: usize = 64;

/// What an operator chose for one tenant. Missing members mean the default, a tenant without a policy has all defaults.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How far decisions go.
    pub mode: Mode,
    /// The connectors whose mail is decided on.
    pub scope: Vec<Connector>,
    /// Which builds are acceptable.
    pub baseline: BaselineChoice,
    /// First day of enforcement by product name, in place of the product's own; `null`: never.
    pub waves: BTreeMap<String, Option<Date>>,
    /// The progressive table.
    pub ladder: Ladder,
    /// Relays of the operator's own behind which the connecting server is looked for; at most [`MAX_TRUSTED_RELAYS`].
    #[serde(deserialize_with = "at_most::<_, _, MAX_TRUSTED_RELAYS>")]
    pub trusted_relays: Vec<TrustedRelay>,
    /// Defer and reject behind trusted relays too, although that fills the relay's queue.
    pub enforce_behind_relays: bool,
    /// Local parts. A message to these alone is always accepted, so that a blocked administrator can write.
    #[serde(deserialize_with = "local_parts")]
    pub always_accept: Vec<String>,
    /// Named in replies.
    pub operator: OperatorName,
    /// Named in replies.
    pub help_url: Option<HelpUrl>,
    /// The texts of the replies.
    pub reply: ReplyTemplates,
    /// What the tenant's own operators may do beside pausing. Set by an admin.
    pub delegated: BTreeSet<DelegatedRight>,
    /// Days of pause that a calendar year has. Set by an admin.
    #[serde(deserialize_with = "days_per_year")]
    pub pause_days_per_year: u16,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            scope: vec![Connector::OnPremises],
            baseline: BaselineChoice::default(),
            waves: BTreeMap::new(),
            ladder: Ladder::default(),
            trusted_relays: Vec::new(),
            enforce_behind_relays: false,
            always_accept: vec!["postmaster".to_owned(), "abuse".to_owned()],
            operator: OperatorName::default(),
            help_url: None,
            reply: ReplyTemplates::default(),
            delegated: BTreeSet::new(),
            pause_days_per_year: pause::DEFAULT_DAYS_PER_YEAR,
        }
    }
}

/// What a policy can leave to the operators of its tenant.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum DelegatedRight {
    /// Exempt servers.
    Exempt,
    /// Change the policy, but for what an admin sets.
    Policy,
}

impl Policy {
    /// Whether a policy can be so from now on: its ladder never goes down, and all that it names is known. What else can
    /// be told without the facts is told when it is read.
    ///
    /// # Errors
    /// The member that is wrong, and why.
    pub fn check(&self, facts: &Facts) -> Result<(), PolicyError> {
        let at = |field, reason| PolicyError { field, reason };
        self.ladder.check().map_err(|error| at("ladder", error.to_string()))?;
        match &self.baseline {
            BaselineChoice::Named(name) if !facts.baselines.contains_key(name) => {
                return Err(at("baseline", format!("there is no baseline `{}`", name.escape_default())));
            }
            BaselineChoice::Named(_) => {}
            BaselineChoice::Own(own) => own.check(&facts.catalog).map_err(|error| at("baseline", error.to_string()))?,
        }
        match self.waves.keys().find(|name| facts.catalog.product_named(name).is_none()) {
            Some(name) => Err(at("waves", format!("`{}` is no product of the catalog", name.escape_default()))),
            None => Ok(()),
        }
    }

    /// From when on `product` is enforced; `None`: never.
    pub fn wave(&self, product: &Product, facts: &Facts) -> Option<Timestamp> {
        match self.waves.get(&*product.name) {
            Some(own) => own.map(Date::start),
            None => facts.wave(product),
        }
    }

    /// Whether mail that comes so can be deferred and rejected, and not only reported.
    pub fn reaches(&self, way: MailRoute) -> bool {
        self.scope.contains(&way.connector) && (!way.relayed || self.enforce_behind_relays)
    }

    /// Whether a message to these recipients is accepted whatever its server.
    pub fn accepts_always<'a>(&self, mut recipients: impl Iterator<Item = &'a str> + Clone) -> bool {
        let listed = |recipient: &str| {
            // some gateways hand over the path of the RCPT command as it is
            let recipient = recipient.trim().trim_start_matches('<').trim_end_matches('>');
            // with a source route in front, which is to be ignored (RFC 5321, section 4.1.1.3)
            let mailbox = match recipient.strip_prefix('@') {
                Some(route) => route.split_once(':').map_or(recipient, |(_route, mailbox)| mailbox),
                None => recipient,
            };
            let local = mailbox.rsplit_once('@').map_or(mailbox, |(local, _domain)| local);
            // quoted it is the same mailbox (section 4.1.2)
            let local = local.strip_prefix('"').and_then(|local| local.strip_suffix('"')).unwrap_or(local);
            self.always_accept.iter().any(|part| part.eq_ignore_ascii_case(local))
        };
        recipients.clone().next().is_some() && recipients.all(listed)
    }
}

/// How a server's mail comes in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MailRoute {
    /// How the server connects.
    pub connector: Connector,
    /// Through a trusted relay.
    pub relayed: bool,
}

/// How far a tenant's decisions go.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Accept and record nothing.
    Off,
    /// Decide and record, always accept.
    #[default]
    Report,
    /// Decide, record, and answer what was decided.
    Enforce,
}

impl Mode {
    /// As policies write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Enforce => "enforce",
        }
    }
}

/// A baseline by name, or the tenant's own.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum BaselineChoice {
    /// One of [`Facts::baselines`].
    Named(String),
    /// One that only this tenant has.
    Own(Baseline),
}

/// A baseline that a tenant had.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FormerBaseline {
    /// Which one it was.
    pub baseline: BaselineChoice,
    /// When another one took its place.
    pub until: Timestamp,
}

impl Default for BaselineChoice {
    fn default() -> Self {
        Self::Named("microsoft".to_owned())
    }
}

impl<'de> Deserialize<'de> for BaselineChoice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = BaselineChoice;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a baseline or a baseline")
            }

            fn visit_str<E>(self, name: &str) -> Result<BaselineChoice, E> {
                Ok(BaselineChoice::Named(name.to_owned()))
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<BaselineChoice, A::Error> {
                Baseline::deserialize(serde::de::value::MapAccessDeserializer::new(map)).map(BaselineChoice::Own)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// The texts of the two replies, without their codes.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReplyTemplates {
    /// Of a 450.
    pub throttle: ReplyTemplate,
    /// Of a 550.
    pub block: ReplyTemplate,
}

impl Default for ReplyTemplates {
    fn default() -> Self {
        Self { throttle: ReplyTemplate::default_throttle(), block: ReplyTemplate::default_block() }
    }
}

/// What decisions rest on beside the policy: the catalog and the baselines by name.
#[derive(Clone, Debug)]
pub struct Facts {
    /// What is known of releases and products.
    pub catalog: Catalog,
    /// Which policies may name.
    pub baselines: BTreeMap<String, Baseline>,
    /// Products, by name, whose waves count no earlier than then: [`Self::brought_forward_by`].
    pub brought_forward: BTreeMap<String, Timestamp>,
}

impl Facts {
    /// Those built in at compile time: nothing is parsed, and only the names are allocated.
    pub fn built_in() -> Self {
        let named = |baseline: Baseline| (baseline.name().to_owned(), baseline);
        Self {
            catalog: Catalog::built_in(),
            baselines: Baseline::built_in().map(named).collect(),
            brought_forward: BTreeMap::new(),
        }
    }

    /// From when on `product` is enforced where the policy says nothing else; `None`: never.
    pub fn wave(&self, product: &Product) -> Option<Timestamp> {
        let wave = product.wave?.start();
        Some(self.brought_forward.get(&*product.name).map_or(wave, |since| wave.max(*since)))
    }

    /// The `brought_forward` of facts whose catalog becomes `next` at `now`. A wave that it moves to a day gone by, or
    /// that it gives to a product which had none, counts from this change on: else spells that were only reported until
    /// now would be far up the ladder at once.
    pub fn brought_forward_by(&self, next: &Catalog, now: Timestamp) -> BTreeMap<String, Timestamp> {
        // products are told by their builds: a name may be another one
        let since = |product: &Product| {
            let wave = product.wave?.start();
            let known = self.catalog.products().iter().filter(|known| known.overlaps(product));
            let enforced = known.map(|known| self.wave(known).map_or(now, |wave| wave.min(now))).max()?;
            (enforced > wave).then(|| (product.name.clone().into_owned(), enforced))
        };
        next.products().iter().filter_map(since).collect()
    }

    /// The baseline that a policy chose; `None` if it names one that is not there.
    pub fn baseline<'a>(&'a self, policy: &'a Policy) -> Option<&'a Baseline> {
        self.chosen(&policy.baseline)
    }

    pub(crate) fn chosen<'a>(&'a self, choice: &'a BaselineChoice) -> Option<&'a Baseline> {
        match choice {
            BaselineChoice::Named(name) => self.baselines.get(name),
            BaselineChoice::Own(own) => Some(own),
        }
    }

    /// How a server stands that shows this build, under `policy`; `None` where its baseline is not there.
    pub fn assess(&self, policy: &Policy, shown: Shown, day: Date) -> Option<Standing> {
        Some(self.baseline(policy)?.assess(&self.catalog, shown, day))
    }
}

/// What is wrong with a policy, and in which member.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("`{field}`: {reason}")]
pub struct PolicyError {
    /// The member.
    pub field: &'static str,
    /// What is wrong with it, for whoever wrote it.
    pub reason: String,
}

fn days_per_year<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u16, D::Error> {
    let days = u16::deserialize(deserializer)?;
    if days > pause::MAX_DAYS {
        return Err(serde::de::Error::custom(format_args!("at most {} days", pause::MAX_DAYS)));
    }
    Ok(days)
}

fn local_parts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    let parts: Vec<String> = at_most::<_, _, MAX_ALWAYS_ACCEPT>(deserializer)?;
    let valid = |part: &String| {
        (1..=MAX_LOCAL_PART).contains(&part.len())
            && part.bytes().all(|octet| octet.is_ascii_graphic() && octet != b'@')
    };
    if !parts.iter().all(valid) {
        return Err(serde::de::Error::custom("local parts are 1 to 64 printable characters without `@`"));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Policy, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default_and_what_is_written_reads_back() {
        let policy = read("{}").unwrap();
        assert_eq!(policy, Policy::default());
        assert_eq!((policy.mode, policy.scope.as_slice()), (Mode::Report, &[Connector::OnPremises][..]));
        let json = r#"{"mode":"enforce","scope":["on_premises","partner"],"baseline":"strict","waves":{"Exchange Server SE":"2027-01-01",
            "Exchange Server 2016":null},"ladder":[{"minutes":90,"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":0,"block_minutes":60}],
            "trusted_relays":[{"host":"relay.example","networks":["10.0.0.0/8"]}],"enforce_behind_relays":true,"always_accept":["help"],
            "operator":"Example","help_url":"https://help.example","reply":{"block":"no"}}"#;
        let policy = read(json).unwrap();
        assert_eq!(read(&serde_json::to_string(&policy).unwrap()), Ok(policy.clone()));
        assert_eq!(policy.check(&Facts::built_in()), Ok(()));
        let own = read(r#"{"baseline":{"name":"own","editions":[{"effective":"2026-01-01","products":{}}]}}"#).unwrap();
        assert_eq!(read(&serde_json::to_string(&own).unwrap()), Ok(own));
    }

    #[test]
    fn what_is_wrong_is_refused_with_a_reason() {
        let facts = Facts::built_in();
        let many = |item: &str, count: usize| vec![item; count].join(",");
        let relays = many(r#"{"host":"a","networks":[]}"#, 65);
        let cases = [
            (r#"{"mode":"on"}"#.to_owned(), "unknown variant `on`"),
            (r#"{"modes":"off"}"#.into(), "unknown field `modes`"),
            (r#"{"scope":"partner"}"#.into(), "invalid type"),
            (r#"{"baseline":7}"#.into(), "the name of a baseline or a baseline"),
            (r#"{"baseline":{"name":"x"}}"#.into(), "missing field `editions`"),
            (r#"{"baseline":"lenient"}"#.into(), "`baseline`: there is no baseline `lenient`"),
            (r#"{"waves":{"Exchange 2016":null}}"#.into(), "`waves`: `Exchange 2016` is no product"),
            (r#"{"waves":{"Exchange Server 2016":"soon"}}"#.into(), "not a date"),
            (r#"{"ladder":[]}"#.into(), "a ladder has 1 to 32 stages"),
            (
                r#"{"ladder":[{"days":1,"throttle_minutes":5,"block_minutes":0},{"throttle_minutes":0,"block_minutes":0}]}"#.into(),
                "`ladder`: stage 2: neither `block_minutes` nor both",
            ),
            (format!(r#"{{"trusted_relays":[{relays}]}}"#), "at most 64 entries"),
            (r#"{"trusted_relays":[{"host":"","networks":[]}]}"#.into(), "not a host name"),
            (r#"{"trusted_relays":[{"host":"a","networks":["10/8"]}]}"#.into(), "not a network"),
            (r#"{"always_accept":["a@b"]}"#.into(), "local parts"),
            (r#"{"operator":"50%"}"#.into(), "needs 1 to 100 printable"),
            (r#"{"reply":{"throttle":"{who}"}}"#.into(), "braces enclose one of"),
        ];
        for (json, expected) in cases {
            let found = read(&json).and_then(|policy| policy.check(&facts).map_err(|error| error.to_string()));
            let error = found.expect_err(expected);
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn mail_to_the_operators_own_boxes_alone_is_always_accepted() {
        let accepts = |recipients: &[&str]| Policy::default().accepts_always(recipients.iter().copied());
        assert!(accepts(&["PostMaster@example.org"]) && accepts(&["<abuse@a>", "postmaster"]));
        assert!(accepts(&["\"postmaster\"@a", "<@relay.a,@relay.b:Abuse@a>"]));
        assert!(!accepts(&["\"ben@postmaster\"@a"]) && !accepts(&["@postmaster:ben@a"]));
        assert!(!accepts(&[]) && !accepts(&["abuse@a", "ben@a"]) && !accepts(&["x@abuse"]) && !accepts(&["abuse+x@a"]));
    }

    #[test]
    fn a_policy_can_move_a_wave_or_call_it_off() {
        let facts = Facts::built_in();
        let policy = read(r#"{"waves":{"Exchange Server 2016":null,"Exchange Server SE":"2027-01-01"}}"#).unwrap();
        let wave =
            |name| policy.wave(facts.catalog.product_named(name).unwrap(), &facts).map(|at| at.date().to_string());
        assert_eq!(wave("Exchange Server 2016"), None);
        assert_eq!(wave("Exchange Server SE"), Some("2027-01-01".into()));
        assert_eq!(wave("Exchange Server 2019"), Some("2024-03-01".into()));
    }

    #[test]
    fn a_wave_that_a_catalog_brings_forward_counts_from_then_on() {
        const SE: &str = "Exchange Server SE";
        let mut facts = Facts::built_in();
        let with_wave = |wave: &str| {
            let mut catalog: serde_json::Value =
                serde_json::to_value(crate::catalog::CatalogDocument::from(&Catalog::built_in())).unwrap();
            let products = catalog["products"].as_array_mut().unwrap();
            products.iter_mut().find(|product| product["name"] == SE).unwrap()["wave"] = wave.into();
            Catalog::from_json(&catalog.to_string()).unwrap()
        };
        let now: Timestamp = "2027-02-01T12:00:00Z".parse().unwrap();
        assert_eq!(facts.brought_forward_by(&facts.catalog, now), BTreeMap::new());
        assert_eq!(facts.brought_forward_by(&with_wave("2027-06-01"), now), BTreeMap::new(), "it is still to come");
        let mut put = |wave: &str, now: Timestamp| {
            let catalog = with_wave(wave);
            facts.brought_forward = facts.brought_forward_by(&catalog, now);
            facts.catalog = catalog;
            facts.wave(facts.catalog.product_named(SE).unwrap())
        };
        assert_eq!(put("2026-01-01", now), Some(now));
        let later = now.plus(1_000);
        assert_eq!(put("2025-01-01", later), Some(now), "it was enforced already");
        assert_eq!(put("2027-03-01", later), Some("2027-03-01T00:00:00Z".parse().unwrap()));
        assert_eq!(put("2025-01-01", later), Some(later), "which was called off");
    }
}
