//! What a message shows of its server's build, and what the catalog knows of that.

use crate::catalog::{Catalog, KnownBuild};
use crate::shown::Shown;

/// What a message shows of its server's build, looked up in a catalog once for all that is asked of it.
#[derive(Clone, Copy, Debug)]
pub struct LookedUp<'a> {
    /// What was looked up.
    pub shown: Shown,
    /// Where.
    pub catalog: &'a Catalog,
    /// What is known of the number that is stamped; `None` where none is, and for one of no known product.
    pub known: Option<KnownBuild<'a>>,
}

impl<'a> LookedUp<'a> {
    /// Looks the number up that is stamped.
    pub fn new(catalog: &'a Catalog, shown: Shown) -> Self {
        Self { shown, catalog, known: shown.stamped().and_then(|build| catalog.look_up(build)) }
    }
}
