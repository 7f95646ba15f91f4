//! A catalog as it is stored and sent, and what can be wrong with one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::{
    Catalog, MAX_CATALOG_NAME_BYTES, MAX_EXCHANGE_ONLINE_HOSTS, MAX_PRODUCTS, MAX_RELEASES, MAX_SUPERSEDED_AFTER_DAYS,
    Product, Release, ReleaseKind,
};
use crate::build::Build;
use crate::fnv::fnv1a;
use crate::order;
use crate::time::{Date, ReleaseDate};

/// A catalog as it is stored and sent.
///
/// Catalogs that were stored before rows had `kind` and `stamped` go on to mean what they meant, as far as the rules
/// allow: a row without `kind` has it by the names of its updates; a row without `stamped` has been seen stamped if the
/// built-in catalog says so of the same build. That a number was seen is a fact of the world and not of one catalog. A
/// row of which neither knows obliges nobody; `"stamped": false` says that a number was not seen, whatever is built in.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CatalogDocument {
    products: Vec<ProductDocument>,
    releases: Vec<ReleaseDocument>,
    exchange_online_hosts: Vec<String>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ProductDocument {
    name: String,
    /// From (included) to (excluded).
    builds: [String; 2],
    #[serde(default)]
    cumulative_updates: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    superseded_after_days: Option<u32>,
    end_of_support: Option<Date>,
    wave: Option<Date>,
}

#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct ReleaseDocument {
    product: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    cu: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    su: String,
    release_date: ReleaseDate,
    build: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    extended_support_end: Option<Date>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kind: Option<ReleaseKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    stamped: Option<bool>,
}

impl Catalog {
    /// Reads a [`CatalogDocument`].
    ///
    /// # Errors
    /// The first thing that is wrong, and where.
    pub fn from_json(json: &str) -> Result<Self, CatalogError> {
        let document: CatalogDocument = serde_json::from_slice(json.as_bytes())
            .map_err(|error| CatalogFault::Json(error.to_string()).within(String::new()))?;
        document.try_into()
    }
}

impl From<&Catalog> for CatalogDocument {
    fn from(catalog: &Catalog) -> Self {
        let product = |product: &Product| ProductDocument {
            name: product.name.clone().into_owned(),
            builds: [product.builds.start, product.builds.end].map(|build| build.to_string()),
            cumulative_updates: product.cumulative_updates,
            superseded_after_days: product.superseded_after_days,
            end_of_support: product.end_of_support,
            wave: product.wave,
        };
        let release = |release: &Release| ReleaseDocument {
            product: catalog
                .product(release.build)
                .map(|product| product.name.clone().into_owned())
                .unwrap_or_default(),
            cu: release.cu.clone().into_owned(),
            su: release.su.clone().into_owned(),
            release_date: ReleaseDate(release.date),
            build: release.build.to_string(),
            extended_support_end: release.extended_support_end,
            kind: Some(release.kind),
            // what is not known to have been seen may become known with a later release
            stamped: release.stamped.then_some(true),
        };
        Self {
            products: catalog.products.iter().map(product).collect(),
            releases: catalog.releases.iter().map(release).collect(),
            exchange_online_hosts: catalog.exchange_online_hosts.iter().map(|host| host.clone().into_owned()).collect(),
        }
    }
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
        let mut catalog = Self {
            products: products_in_order(products)?.into(),
            releases: Cow::Borrowed(&[]),
            numbers: Cow::Borrowed(&[]),
            exchange_online_hosts: hosts(exchange_online_hosts)?.into(),
        };
        let releases = releases_in_order(releases, &catalog)?;
        catalog.numbers = releases.iter().map(|release| release.build.number()).collect();
        catalog.releases = releases.into();
        Ok(catalog)
    }
}

fn hosts(names: Vec<String>) -> Result<Vec<Cow<'static, str>>, CatalogError> {
    let mut hosts = Vec::with_capacity(names.len());
    for (index, host) in names.iter().enumerate() {
        let field = || format!("exchange_online_hosts[{index}]");
        short(host, field)?;
        let host = host.trim_matches('.').to_ascii_lowercase();
        // no name would stand for every host
        if host.is_empty() {
            return Err(CatalogFault::NoHost.within(field()));
        }
        hosts.push(host.into());
    }
    Ok(hosts)
}

fn releases_in_order(documents: Vec<ReleaseDocument>, catalog: &Catalog) -> Result<Vec<Release>, CatalogError> {
    let built_in = Catalog::built_in();
    // with their places in the document
    let mut rows = Vec::with_capacity(documents.len());
    for (index, row) in documents.into_iter().enumerate() {
        let field = |member: &str| format!("releases[{index}].{member}");
        for (member, text) in [("product", &row.product), ("cu", &row.cu), ("su", &row.su)] {
            short(text, || field(member))?;
        }
        let build = build(&row.build, || field("build"))?;
        if catalog.product(build).is_none_or(|product| product.name != row.product) {
            return Err(CatalogFault::WrongProduct(build, row.product).within(field("product")));
        }
        let is_known_stamped = || built_in.release(build).is_some_and(|known| known.stamped);
        let release = Release {
            build,
            date: row.release_date.0,
            kind: row.kind.unwrap_or_else(|| ReleaseKind::of_names(&row.cu, &row.su)),
            stamped: row.stamped.unwrap_or_else(is_known_stamped),
            cu: row.cu.into(),
            su: row.su.into(),
            extended_support_end: row.extended_support_end,
        };
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
    Ok(rows.into_iter().map(|(_, release)| release).collect())
}

/// The products by their first builds.
fn products_in_order(documents: Vec<ProductDocument>) -> Result<Vec<Product>, CatalogError> {
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
        if document.superseded_after_days.is_some_and(|days| days > MAX_SUPERSEDED_AFTER_DAYS) {
            return Err(CatalogFault::TooManyDays.within(field("superseded_after_days")));
        }
        let product = Product {
            key: fnv1a(document.name.as_bytes()),
            name: document.name.into(),
            cumulative_updates: document.cumulative_updates,
            superseded_after_days: document.superseded_after_days,
            end_of_support: document.end_of_support,
            wave: document.wave,
            builds: from..to,
        };
        order::insert(&mut products, (index, product), |(_, product)| product.builds.start);
    }
    for ((_, one), (index, next)) in products.iter().zip(products.iter().skip(1)) {
        if one.builds.end > next.builds.start {
            let [one, next] = [one, next].map(|product| product.name.clone().into_owned());
            return Err(CatalogFault::ProductsOverlap(one, next).within(format!("products[{index}].builds")));
        }
    }
    Ok(products.into_iter().map(|(_, product)| product).collect())
}

fn build(text: &str, field: impl FnOnce() -> String) -> Result<Build, CatalogError> {
    Build::parse_padded(text)
        .map_err(|_| CatalogFault::Build(text.chars().take(MAX_CATALOG_NAME_BYTES).collect()).within(field()))
}

fn short(text: &str, field: impl FnOnce() -> String) -> Result<(), CatalogError> {
    if text.len() > MAX_CATALOG_NAME_BYTES { Err(CatalogFault::TooLong.within(field())) } else { Ok(()) }
}

/// What is wrong with a catalog, and where.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{}{fault}", Where(field))]
pub struct CatalogError {
    /// The member, such as `releases[17].build`; empty where it is the whole.
    pub field: String,
    /// What is wrong with it.
    pub fault: CatalogFault,
}

struct Where<'a>(&'a str);

impl std::fmt::Display for Where<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "`{}`: ", self.0) }
    }
}

/// What is wrong with a member of a catalog.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CatalogFault {
    /// It is no JSON, or not of this form.
    #[error("malformed catalog: {0}")]
    Json(String),
    /// A list is longer than this.
    #[error("at most {0} entries")]
    TooMany(usize),
    /// A name is longer than [`MAX_CATALOG_NAME_BYTES`].
    #[error("at most {MAX_CATALOG_NAME_BYTES} octets")]
    TooLong,
    /// A number of days is above [`MAX_SUPERSEDED_AFTER_DAYS`].
    #[error("at most {MAX_SUPERSEDED_AFTER_DAYS} days")]
    TooManyDays,
    /// A host's name is empty, which would stand for every host.
    #[error("a host's name is needed")]
    NoHost,
    /// This is no build number.
    #[error("`{0}` is no build")]
    Build(String),
    /// Two rows have this build.
    #[error("build `{0}` stands twice")]
    BuildTwice(Build),
    /// The first, lower one came out after the second.
    #[error("`{0}` was released after `{1}` of the same lane")]
    DatesFall(Build, Build),
    /// The product ends where it begins, or before.
    #[error("product `{0}` has no builds")]
    EmptyProduct(String),
    /// Two products share builds.
    #[error("products `{0}` and `{1}` overlap")]
    ProductsOverlap(String, String),
    /// The build lies outside the product that its row names.
    #[error("build `{0}` does not belong to product `{1}`")]
    WrongProduct(Build, String),
}

impl CatalogFault {
    const fn within(self, field: String) -> CatalogError {
        CatalogError { field, fault: self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let (one, other) = (release("15.1.1.2", "2026-02-01"), release("15.1.1.1", "2026-01"));
        assert_eq!(catalog(product, &[one.clone(), other.clone()], "b"), Ok(()));
        let fault = |releases: &[String]| catalog(product, releases, "b");
        assert_eq!(fault(&[one.clone(), release("15.1.x", "2026-01-01")]), Err("releases[1].build".into()));
        assert_eq!(fault(&[one.clone(), release("15.3.1.1", "2026-01-01")]), Err("releases[1].product".into()));
        assert_eq!(fault(&[one.clone(), one.clone()]), Err("releases[1].build".into()));
        assert_eq!(fault(&[one, release("15.1.1.1", "2026-03-01")]), Err("releases[0].release_date".into()));
        let empty = r#"{"name":"P","builds":["15.2.0.0","15.1.0.0"]}"#;
        assert_eq!(catalog(empty, &[], "b"), Err("products[0].builds".into()));
        let never = r#"{"name":"P","builds":["15.1.0.0","15.2.0.0"],"superseded_after_days":3651}"#;
        assert_eq!(catalog(never, &[], "b"), Err("products[0].superseded_after_days".into()));
        let month = r#"{"name":"P","builds":["15.1.0.0","15.2.0.0"],"wave":"2026-09"}"#;
        assert_eq!(catalog(month, &[], "b"), Err(String::new()), "a wave is a day");
        assert_eq!(catalog(product, &[], "."), Err("exchange_online_hosts[1]".into()));
        assert_eq!(catalog(product, &vec![other; MAX_RELEASES + 1], "b"), Err("releases".into()));
    }

    #[test]
    fn a_catalog_from_before_goes_on_to_mean_what_it_meant() {
        let stamped = |rows: &str| {
            let json = format!(
                r#"{{"products":[{{"name":"P","builds":["15.2.2562","15.3"]}}],"releases":[{rows}],"exchange_online_hosts":[]}}"#
            );
            let catalog = Catalog::from_json(&json).unwrap();
            catalog.releases().iter().map(|row| (row.stamped, row.kind)).collect::<Vec<_>>()
        };
        let row = |build: &str, rest: &str| {
            format!(
                r#"{{"product":"P","cu":"RTM","su":"Sep26SU","release_date":"2026-09-08","build":"{build}"{rest}}}"#
            )
        };
        let su = ReleaseKind::Su;
        assert_eq!(stamped(&row("15.2.2562.49", "")), [(true, su)], "the built-in catalog knows that it was seen");
        assert_eq!(stamped(&row("15.2.2562.49", r#","stamped":false"#)), [(false, su)]);
        assert_eq!(stamped(&row("15.2.2562.99", "")), [(false, su)], "nobody knows");
        assert_eq!(stamped(&row("15.2.2562.99", r#","stamped":true,"kind":"hu""#)), [(true, ReleaseKind::Hu)]);
    }
}
