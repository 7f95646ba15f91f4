//! The facts that are built in, as tables: the build script writes them from `data/`. Nothing is parsed at run time, and
//! a catalog or a baseline that borrows them allocates nothing. Tests hold them to the checks of any other.

use std::borrow::Cow;

use crate::baseline::{Baseline, Edition, ProductRequirement, Requirement, Requirements};
use crate::build::Build;
use crate::catalog::{Product, Release, ReleaseKind};
use crate::fnv::fnv1a;
use crate::time::Date;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// A day that is none is far in the future, and caught by the test that compares the tables to their JSON.
const fn day(year: i32, month: u32, day: u32) -> Date {
    match Date::new(year, month, day) {
        Some(date) => date,
        None => Date::MAX,
    }
}

/// Of a release of which only the month is known: [`ReleaseDate`](crate::time::ReleaseDate).
const fn month(year: i32, month: u32) -> Date {
    match Date::last_of_month(year, month) {
        Some(date) => date,
        None => Date::MAX,
    }
}
