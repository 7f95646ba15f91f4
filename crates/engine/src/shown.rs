//! What a message shows of its server's build.

use crate::build::Build;
use crate::catalog::{Catalog, KnownBuild};

/// What a message shows of its server's build.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shown {
    /// A build whose last part orders the updates.
    Update(Build),
    /// A mapi stamp whose last part is 0: the lane is certain, the update level is not.
    Lane(Build),
    /// Stamped by Pickup or ShadowRedundancy, whose numbers lag: good for the product alone.
    Product(Build),
    /// No build, or an unreadable one.
    Nothing,
}

impl Shown {
    /// What a stored build was shown as: builds are stored with a mark where only the lane is certain.
    pub(crate) const fn stored(build: Build, lane_only: bool) -> Self {
        if lane_only { Self::Lane(build) } else { Self::Update(build) }
    }

    /// The number that the server itself can be said to show.
    pub const fn build(self) -> Option<Build> {
        match self {
            Self::Update(build) | Self::Lane(build) => Some(build),
            Self::Product(_) | Self::Nothing => None,
        }
    }

    /// The number from which the product follows.
    pub const fn stamped(self) -> Option<Build> {
        match self {
            Self::Update(build) | Self::Lane(build) | Self::Product(build) => Some(build),
            Self::Nothing => None,
        }
    }
}

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
