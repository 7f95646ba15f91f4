//! What a message shows of its server's build.

use crate::build::Build;

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
