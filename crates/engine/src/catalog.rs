//! The catalog: every known release, the products they belong to, and the hosts of Exchange Online.
//!
//! A look-up is one binary search over the builds as numbers; all else that is asked of a build are the few rows next
//! to it. The built-in catalog borrows static tables, another one ([`CatalogDocument`]) owns its own.

mod built_in;
mod document;
mod release;

use std::borrow::Cow;

pub use document::{CatalogDocument, CatalogError, CatalogFault};
pub use release::{Product, Release, ReleaseKind};

use crate::build::{Build, Lane};

/// Products that a catalog has at most.
pub const MAX_PRODUCTS: usize = 200;
/// Releases that a catalog has at most. Ordering them is quadratic where they come in the wrong order.
pub const MAX_RELEASES: usize = 5_000;
/// Families of hosts that a catalog has at most.
pub const MAX_EXCHANGE_ONLINE_HOSTS: usize = 200;
/// Days that `superseded_after_days` is at most.
pub const MAX_SUPERSEDED_AFTER_DAYS: u32 = 3_650;
/// Octets of a product's name, of a cumulative or security update's, or of a host's.
pub const MAX_CATALOG_NAME_BYTES: usize = 253;

/// Known releases and products, checked when it is made.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Catalog {
    /// By first build; ranges do not overlap.
    products: Cow<'static, [Product]>,
    /// By build; no build twice; in a lane, dates do not fall.
    releases: Cow<'static, [Release]>,
    /// The builds of `releases` as numbers, close together for the search.
    numbers: Cow<'static, [u64]>,
    /// Lower case, without leading or trailing dot.
    exchange_online_hosts: Cow<'static, [Cow<'static, str>]>,
}

/// What the catalog knows of a build.
#[derive(Clone, Copy, Debug)]
pub struct KnownBuild<'a> {
    /// The build that was looked up.
    pub build: Build,
    /// The product to which it belongs.
    pub product: &'a Product,
    /// The row it stands for: its own, or the next lower one of its lane; below the first row of its lane, that.
    pub release: Option<&'a Release>,
    /// Its place relative to the rows.
    pub place: CatalogPlace,
    /// All rows above the build, of whatever lane.
    above: &'a [Release],
}

/// Where a build stands relative to the rows of the catalog.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CatalogPlace {
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
    /// The products by their first builds.
    pub fn products(&self) -> &[Product] {
        &self.products
    }

    /// The rows by build.
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// The row that came out last; of two on one day that of the higher build. Its date is the catalog's age: of what
    /// came out later it knows nothing. `None` if there is no row.
    pub fn newest_release(&self) -> Option<&Release> {
        self.releases.iter().max_by_key(|release| release.date)
    }

    /// The product whose range has this build.
    pub fn product(&self, build: Build) -> Option<&Product> {
        // from the newest on, which nearly all mail is of
        let product = self.products.iter().rfind(|product| product.builds.start <= build)?;
        (build < product.builds.end).then_some(product)
    }

    /// The product of this name.
    pub fn product_named(&self, name: &str) -> Option<&Product> {
        self.products.iter().find(|product| product.name == name)
    }

    /// The row of exactly this build.
    pub fn release(&self, build: Build) -> Option<&Release> {
        let index = self.numbers.binary_search(&build.number()).ok()?;
        self.releases.get(index)
    }

    /// The rows of one lane, oldest first.
    pub fn lane(&self, lane: Lane) -> &[Release] {
        self.between(lane.with_revision(0), lane.with_revision(u16::MAX))
    }

    /// The rows of one product, by build.
    pub fn releases_of(&self, product: &Product) -> &[Release] {
        let below = |build: Build| self.numbers.partition_point(|number| *number < build.number());
        let (from, to) = (below(product.builds.start), below(product.builds.end));
        self.releases.get(from..to).unwrap_or_default()
    }

    /// The row that a requirement of `required` is tested by: the newest row of its lane, at or below it, whose number was
    /// seen stamped. `None` if none was: then the requirement cannot be tested, and no build fails it.
    pub fn obliging(&self, required: Build) -> Option<&Release> {
        self.between(required.lane().with_revision(0), required).iter().rfind(|row| row.stamped)
    }

    /// What is known of a build. `None` for a build of no known product.
    pub fn look_up(&self, build: Build) -> Option<KnownBuild<'_>> {
        let product = self.product(build)?;
        let (below, above) = self.releases.split_at_checked(self.above(build))?;
        let (lane, below) = (build.lane(), below.last());
        let next = above.first().filter(|next| next.build < product.builds.end);
        let is_last_of_lane = next.is_none_or(|next| next.build.lane() != lane);
        let (release, place) = match (below.filter(|below| below.build.lane() == lane), next) {
            (Some(own), _) if is_last_of_lane && own.build < build => (Some(own), CatalogPlace::Ahead),
            (Some(own), _) => (Some(own), CatalogPlace::InLane),
            (None, Some(first)) if !is_last_of_lane => (Some(first), CatalogPlace::BelowLane),
            (None, next) => {
                // rows of another minor version are another service pack or product altogether
                let is_near = |below: &&Release| {
                    !product.cumulative_updates && product.has(below) && below.build.minor == build.minor
                };
                (below.filter(is_near), if next.is_none() { CatalogPlace::Ahead } else { CatalogPlace::UnknownLane })
            }
        };
        Some(KnownBuild { build, product, release, place, above })
    }

    /// Whether `host` is Exchange Online's: equal to or below one of its names, by labels, case and final dot ignored.
    pub fn is_exchange_online_host(&self, host: &[u8]) -> bool {
        self.exchange_online_hosts.iter().any(|suffix| is_at_or_below(host, suffix.as_bytes()))
    }

    /// How many rows are not above this build.
    fn above(&self, build: Build) -> usize {
        let number = build.number();
        self.numbers.partition_point(|other| *other <= number)
    }

    fn between(&self, first: Build, last: Build) -> &[Release] {
        let from = self.numbers.partition_point(|number| *number < first.number());
        self.releases.get(from..self.above(last)).unwrap_or_default()
    }
}

impl<'a> KnownBuild<'a> {
    /// The rows of its lane above the build, oldest first.
    pub fn newer(&self) -> impl Iterator<Item = &'a Release> + use<'a> {
        let lane = self.build.lane();
        self.above.iter().take_while(move |row| row.build.lane() == lane)
    }

    /// The cumulative updates that succeed the lane, lowest first, without those of whose lane no row was seen stamped: a
    /// server on which one is installed may go on stamping the number of the one before.
    pub(crate) fn successors(&self) -> impl Iterator<Item = &'a Release> + use<'a> {
        let (lane, above, end) = (self.build.lane(), self.above, self.product.builds.end);
        let rows = above.iter().take_while(move |row| row.build < end).enumerate();
        let is_stamped = move |index: usize, lane: Lane| {
            let rows = above.iter().skip(index).take_while(|row| row.build.lane() == lane);
            rows.clone().any(|row| row.stamped)
        };
        rows.filter(move |(index, row)| {
            let own = row.build.lane();
            own != lane && row.kind == ReleaseKind::Cu && is_stamped(*index, own)
        })
        .map(|(_, row)| row)
    }

    /// Whether the row it stands for is of its own lane.
    pub(crate) fn is_in_lane(&self) -> bool {
        self.release.is_some_and(|release| release.build.lane() == self.build.lane())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_has_its_place_among_the_rows() {
        let catalog = Catalog::built_in();
        let place = |build: &str| catalog.look_up(build.parse().unwrap()).map(|known| known.place);
        let cases = [
            ("15.1.2507.6", Some(CatalogPlace::InLane)),
            ("15.1.2507.7", Some(CatalogPlace::InLane)),
            ("15.1.2507.5", Some(CatalogPlace::BelowLane)),
            ("15.1.2507.65535", Some(CatalogPlace::Ahead)),
            ("15.1.2508.0", Some(CatalogPlace::Ahead)),
            ("15.1.2506.0", Some(CatalogPlace::UnknownLane)),
            ("15.1.0.0", Some(CatalogPlace::UnknownLane)),
            ("15.2.2562.17", Some(CatalogPlace::InLane)),
            ("15.2.2561.17", Some(CatalogPlace::Ahead)),
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
}
