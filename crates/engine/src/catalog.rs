//! The catalog: every known release, the products they belong to, and the hosts of Exchange Online.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;

use crate::build::{Build, Lane};
use crate::order;
use crate::time::{Date, ReleaseDate};

pub const MAX_PRODUCTS: usize = 200;
/// Ordering them is quadratic where they come in the wrong order.
pub const MAX_RELEASES: usize = 5_000;
pub const MAX_EXCHANGE_ONLINE_HOSTS: usize = 200;
/// Octets of a product's name, of a cumulative or security update's, or of a host's.
pub const MAX_NAME: usize = 253;

/// The catalog that is built in, as JSON. A constant would be there once for each use.
pub static BUILT_IN: &str = include_str!(concat!(env!("OUT_DIR"), "/catalog.json"));

/// Known releases and products, checked when it is made.
#[derive(Clone, Debug)]
pub struct Catalog {
    /// By first build; ranges do not overlap.
    products: Vec<Product>,
    /// By build; no build twice.
    releases: Vec<Release>,
    /// Lower case, without leading or trailing dot.
    exchange_online_hosts: Vec<String>,
}

/// One line of products, such as Exchange Server 2016.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Product {
    pub name: String,
    /// Each lane is a cumulative update. Older products count update rollups in the third part instead.
    pub cumulative_updates: bool,
    pub end_of_support: Option<Date>,
    /// From when on the product is enforced by default; `None`: reported only.
    pub wave: Option<Date>,
    builds: Range<Build>,
}

impl Product {
    /// Whether there are builds of both.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.builds.start < other.builds.end && other.builds.start < self.builds.end
    }
}

/// One row of the catalog.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Release {
    pub build: Build,
    pub date: Date,
    pub cu: String,
    /// Empty for the cumulative update or service pack itself.
    pub su: String,
    /// Last day of the extended support under which the release came out.
    pub extended_support_end: Option<Date>,
}

impl Release {
    /// Hotfix updates (`HU`) bring no security fix of their own, so that being behind one is not being behind.
    pub fn is_security_update(&self) -> bool {
        self.su.contains("SU")
    }
}

/// What the catalog knows of a build.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    pub product: &'a Product,
    /// The row it stands for: its own, or the next lower one.
    pub release: Option<&'a Release>,
    /// Its place relative to the rows.
    pub place: Place,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// In a known lane, at or above its first row.
    InLane,
    /// In a known lane, below its first row: the lane is certain, the update is not.
    BelowLane,
    /// Newer than all that is known of its lane, or its lane newer than all that is known of its product.
    Ahead,
    /// In no known lane, between or below known ones.
    UnknownLane,
}

impl Catalog {
    /// The catalog built in at compile time from `data/`.
    pub fn built_in() -> Result<Self, CatalogError> {
        Self::from_json(BUILT_IN)
    }

    pub fn from_json(json: &str) -> Result<Self, CatalogError> {
        let document: CatalogDocument = serde_json::from_slice(json.as_bytes())
            .map_err(|error| CatalogFault::Json(error.to_string()).within(String::new()))?;
        document.try_into()
    }

    pub fn products(&self) -> &[Product] {
        &self.products
    }

    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// The row that came out last.
    pub fn newest_release(&self) -> Option<&Release> {
        self.releases.iter().max_by_key(|release| release.date)
    }

    pub fn product(&self, build: Build) -> Option<&Product> {
        let after = self.products.partition_point(|product| product.builds.start <= build);
        let product = self.products.get(after.checked_sub(1)?)?;
        product.builds.contains(&build).then_some(product)
    }

    pub fn product_named(&self, name: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.name == name)
    }

    /// The row of exactly this build.
    pub fn release(&self, build: Build) -> Option<&Release> {
        let index = self.releases.binary_search_by_key(&build, |release| release.build).ok()?;
        self.releases.get(index)
    }

    /// The rows of one lane, oldest first.
    pub fn lane(&self, lane: Lane) -> &[Release] {
        self.between(lane.with_revision(0), lane.with_revision(u16::MAX))
    }

    pub fn releases_of(&self, product: &Product) -> &[Release] {
        let from = self.releases.partition_point(|release| release.build < product.builds.start);
        let to = self.releases.partition_point(|release| release.build < product.builds.end);
        self.releases.get(from..to).unwrap_or_default()
    }

    /// `None` for a build of no known product.
    pub fn look_up(&self, build: Build) -> Option<Known<'_>> {
        let product = self.product(build)?;
        let lane = self.lane(build.lane());
        let at_or_below = |rows: &'_ [Release]| rows.partition_point(|release| release.build <= build).checked_sub(1);
        if let (Some(first), Some(last)) = (lane.first(), lane.last()) {
            let release = at_or_below(lane).and_then(|index| lane.get(index));
            let place = match release {
                None => Place::BelowLane,
                Some(_) if build > last.build => Place::Ahead,
                Some(_) => Place::InLane,
            };
            return Some(Known { product, release: release.or(Some(first)), place });
        }
        let rows = self.releases_of(product);
        let newest = rows.last().is_none_or(|last| build.lane() > last.build.lane());
        // rows of another minor version are another service pack or product altogether
        let nearest = at_or_below(rows).and_then(|index| rows.get(index));
        let nearest = nearest.filter(|row| !product.cumulative_updates && row.build.minor == build.minor);
        Some(Known { product, release: nearest, place: if newest { Place::Ahead } else { Place::UnknownLane } })
    }

    /// Whether `host` is Exchange Online's: equal to or below one of its names, by labels, case and final dot ignored.
    pub fn is_exchange_online_host(&self, host: &[u8]) -> bool {
        self.exchange_online_hosts.iter().any(|suffix| is_at_or_below(host, suffix.as_bytes()))
    }

    fn between(&self, first: Build, last: Build) -> &[Release] {
        let from = self.releases.partition_point(|release| release.build < first);
        let to = self.releases.partition_point(|release| release.build <= last);
        self.releases.get(from..to).unwrap_or_default()
    }
}

/// Whether `host` equals `suffix` or lies below it at a label border.
pub(crate) fn is_at_or_below(host: &[u8], suffix: &[u8]) -> bool {
    let host = host.strip_suffix(b".").unwrap_or(host);
    let Some(border) = host.len().checked_sub(suffix.len()) else {
        return false;
    };
    let Some((above, end)) = host.split_at_checked(border) else {
        return false;
    };
    end.eq_ignore_ascii_case(suffix) && (above.is_empty() || above.ends_with(b"."))
}

/// A catalog as it is stored and sent.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogDocument {
    products: Vec<ProductDocument>,
    releases: Vec<ReleaseDocument>,
    exchange_online_hosts: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ProductDocument {
    name: String,
    builds: [String; 2],
    #[serde(default)]
    cumulative_updates: bool,
    end_of_support: Option<Date>,
    wave: Option<Date>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ReleaseDocument {
    product: String,
    #[serde(default)]
    cu: String,
    #[serde(default)]
    su: String,
    release_date: ReleaseDate,
    build: String,
    extended_support_end: Option<Date>,
}

impl TryFrom<CatalogDocument> for Catalog {
    type Error = CatalogError;

    fn try_from(document: CatalogDocument) -> Result<Self, CatalogError> {
        let CatalogDocument { products, releases, exchange_online_hosts } = document;
        for (field, count, most) in [
            ("products", products.len(), MAX_PRODUCTS),
            ("releases", releases.len(), MAX_RELEASES),
            ("exchange_online_hosts", exchange_online_hosts.len(), MAX_EXCHANGE_ONLINE_HOSTS),
        ] {
            if count > most {
                return Err(CatalogFault::TooMany(most).within(field.to_owned()));
            }
        }
        let products = in_order(products)?;
        let mut hosts = Vec::with_capacity(exchange_online_hosts.len());
        for (index, host) in exchange_online_hosts.iter().enumerate() {
            let field = || format!("exchange_online_hosts[{index}]");
            short(host, field)?;
            let host = host.trim_matches('.').to_ascii_lowercase();
            // no name would stand for every host
            if host.is_empty() {
                return Err(CatalogFault::NoHost.within(field()));
            }
            hosts.push(host);
        }
        let mut catalog = Self { products, releases: Vec::new(), exchange_online_hosts: hosts };
        // with their places in the document
        let mut rows = Vec::with_capacity(releases.len());
        for (index, row) in releases.into_iter().enumerate() {
            let field = |member: &str| format!("releases[{index}].{member}");
            for (member, text) in [("product", &row.product), ("cu", &row.cu), ("su", &row.su)] {
                short(text, || field(member))?;
            }
            let build = build(&row.build, || field("build"))?;
            if catalog.product(build).is_none_or(|product| product.name != row.product) {
                return Err(CatalogFault::WrongProduct(build, row.product).within(field("product")));
            }
            let extended_support_end = row.extended_support_end;
            let release = Release { build, date: row.release_date.0, cu: row.cu, su: row.su, extended_support_end };
            order::insert(&mut rows, (index, release), |(_, release)| release.build);
        }
        for ((_, one), (index, next)) in rows.iter().zip(rows.iter().skip(1)) {
            if one.build == next.build {
                return Err(CatalogFault::BuildTwice(one.build).within(format!("releases[{index}].build")));
            }
            if one.build.lane() == next.build.lane() && one.date > next.date {
                let fault = CatalogFault::DatesFall(one.build, next.build);
                return Err(fault.within(format!("releases[{index}].release_date")));
            }
        }
        catalog.releases = rows.into_iter().map(|(_, release)| release).collect();
        Ok(catalog)
    }
}

/// The products by their first builds.
fn in_order(documents: Vec<ProductDocument>) -> Result<Vec<Product>, CatalogError> {
    let mut products = Vec::with_capacity(documents.len());
    for (index, document) in documents.into_iter().enumerate() {
        let field = |member: &str| format!("products[{index}].{member}");
        short(&document.name, || field("name"))?;
        let [from, to] = document.builds;
        let from = build(&from, || field("builds[0]"))?;
        let to = build(&to, || field("builds[1]"))?;
        if from >= to {
            return Err(CatalogFault::EmptyProduct(document.name).within(field("builds")));
        }
        let product = Product {
            name: document.name,
            cumulative_updates: document.cumulative_updates,
            end_of_support: document.end_of_support,
            wave: document.wave,
            builds: from..to,
        };
        order::insert(&mut products, (index, product), |(_, product)| product.builds.start);
    }
    for ((_, one), (index, next)) in products.iter().zip(products.iter().skip(1)) {
        if one.builds.end > next.builds.start {
            let fault = CatalogFault::ProductsOverlap(one.name.clone(), next.name.clone());
            return Err(fault.within(format!("products[{index}].builds")));
        }
    }
    Ok(products.into_iter().map(|(_, product)| product).collect())
}

fn build(text: &str, field: impl FnOnce() -> String) -> Result<Build, CatalogError> {
    Build::parse_padded(text).map_err(|_| CatalogFault::Build(text.chars().take(MAX_NAME).collect()).within(field()))
}

fn short(text: &str, field: impl FnOnce() -> String) -> Result<(), CatalogError> {
    if text.len() > MAX_NAME { Err(CatalogFault::TooLong.within(field())) } else { Ok(()) }
}

/// What is wrong with a catalog, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CatalogError {
    /// The member, such as `releases[17].build`; empty where it is the whole.
    pub field: String,
    pub fault: CatalogFault,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum CatalogFault {
    Json(String),
    TooMany(usize),
    TooLong,
    NoHost,
    Build(String),
    BuildTwice(Build),
    DatesFall(Build, Build),
    EmptyProduct(String),
    ProductsOverlap(String, String),
    WrongProduct(Build, String),
}

impl CatalogFault {
    const fn within(self, field: String) -> CatalogError {
        CatalogError { field, fault: self }
    }
}

impl fmt::Display for CatalogFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Json(error) => write!(f, "malformed catalog: {error}"),
            Self::TooMany(most) => write!(f, "at most {most} entries"),
            Self::TooLong => write!(f, "at most {MAX_NAME} octets"),
            Self::NoHost => f.write_str("a host's name is needed"),
            Self::Build(text) => write!(f, "`{text}` is no build"),
            Self::BuildTwice(build) => write!(f, "build `{build}` stands twice"),
            Self::DatesFall(older, newer) => write!(f, "`{older}` was released after `{newer}` of the same lane"),
            Self::EmptyProduct(name) => write!(f, "product `{name}` has no builds"),
            Self::ProductsOverlap(one, other) => write!(f, "products `{one}` and `{other}` overlap"),
            Self::WrongProduct(build, name) => write!(f, "build `{build}` does not belong to product `{name}`"),
        }
    }
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.field.is_empty() { self.fault.fmt(f) } else { write!(f, "`{}`: {}", self.field, self.fault) }
    }
}

impl std::error::Error for CatalogError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_its_place_among_the_rows() {
        let catalog = Catalog::built_in().unwrap();
        let place = |build: &str| catalog.look_up(build.parse().unwrap()).map(|known| known.place);
        let cases = [
            ("15.1.2507.6", Some(Place::InLane)),
            ("15.1.2507.7", Some(Place::InLane)),
            ("15.1.2507.5", Some(Place::BelowLane)),
            ("15.1.2507.65535", Some(Place::Ahead)),
            ("15.1.2508.0", Some(Place::Ahead)),
            ("15.1.2506.0", Some(Place::UnknownLane)),
            ("15.1.0.0", Some(Place::UnknownLane)),
            ("15.2.2562.17", Some(Place::InLane)),
            ("15.2.2561.17", Some(Place::Ahead)),
            ("15.3.0.0", None),
            ("15.20.1.1", None),
            ("7.0.1.1", None),
        ];
        for (build, expected) in cases {
            assert_eq!(place(build), expected, "{build}");
        }
    }

    #[test]
    fn hosts_match_at_label_borders() {
        let matches = |host: &str, suffix: &str| is_at_or_below(host.as_bytes(), suffix.as_bytes());
        assert!(matches("a.b.example", "b.example") && matches("B.Example.", "b.example"));
        assert!(!matches("ab.example", "b.example") && !matches("b.example.x", "b.example"));
        assert!(!matches("example", "b.example") && !matches("", "b.example") && !matches(".", "b.example"));
        assert!(!matches("b.example..", "b.example"));
    }

    #[test]
    fn what_is_wrong_is_named_by_its_place_in_the_document() {
        let release =
            |build: &str, date: &str| format!(r#"{{"product":"P","release_date":"{date}","build":"{build}"}}"#);
        let catalog = |products: &str, releases: &[String], host: &str| {
            let releases = releases.join(",");
            let json = format!(
                r#"{{"products":[{products}],"releases":[{releases}],"exchange_online_hosts":["a.example","{host}"]}}"#
            );
            Catalog::from_json(&json).map(|_| ()).map_err(|error| error.field)
        };
        let product = r#"{"name":"P","builds":["15.1.0.0","15.2.0.0"]}"#;
        let (one, other) = (release("15.1.1.2", "2026-02-01"), release("15.1.1.1", "2026-01-01"));
        assert_eq!(catalog(product, &[one.clone(), other.clone()], "b"), Ok(()));
        let fault = |releases: &[String]| catalog(product, releases, "b");
        assert_eq!(fault(&[one.clone(), release("15.1.x", "2026-01-01")]), Err("releases[1].build".into()));
        assert_eq!(fault(&[one.clone(), release("15.3.1.1", "2026-01-01")]), Err("releases[1].product".into()));
        assert_eq!(fault(&[one.clone(), one.clone()]), Err("releases[1].build".into()));
        assert_eq!(fault(&[one, release("15.1.1.1", "2026-03-01")]), Err("releases[0].release_date".into()));
        let empty = r#"{"name":"P","builds":["15.2.0.0","15.1.0.0"]}"#;
        assert_eq!(catalog(empty, &[], "b"), Err("products[0].builds".into()));
        assert_eq!(catalog(product, &[], "."), Err("exchange_online_hosts[1]".into()));
        assert_eq!(catalog(product, &vec![other; MAX_RELEASES + 1], "b"), Err("releases".into()));
    }
}
