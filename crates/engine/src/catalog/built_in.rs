//! The built-in catalog as tables: the build script writes them from `data/`. Nothing is parsed at run time, and a catalog
//! that borrows them allocates nothing. Tests hold them to the checks of any other.

use std::borrow::Cow;

use super::{Catalog, Product, Release, ReleaseKind};
use crate::build::Build;
use crate::fnv::fnv1a;
use crate::time::Date;

include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

impl Catalog {
    /// The catalog built in at compile time from `data/`. It allocates nothing.
    pub const fn built_in() -> Self {
        Self {
            products: Cow::Borrowed(&PRODUCTS),
            releases: Cow::Borrowed(&RELEASES),
            numbers: Cow::Borrowed(&NUMBERS),
            exchange_online_hosts: Cow::Borrowed(&EXCHANGE_ONLINE_HOSTS),
        }
    }
}
