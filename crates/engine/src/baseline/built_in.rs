//! The built-in baselines as tables: the build script writes them from `data/baselines/`. Nothing is parsed at run time,
//! and a baseline that borrows them allocates nothing. Tests hold them to the checks of any other.

use std::borrow::Cow;

use super::{Baseline, BaselineEdition, ProductRequirement, Requirement, Requirements};
use crate::build::Build;
use crate::fnv::fnv1a;
use crate::time::Date;

include!(concat!(env!("OUT_DIR"), "/baselines.rs"));

impl Baseline {
    /// The presets built in at compile time from `data/baselines/`. They allocate nothing.
    pub fn built_in() -> impl Iterator<Item = Self> {
        BASELINES.iter().cloned()
    }
}
