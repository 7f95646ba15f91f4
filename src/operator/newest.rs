//! The newest row of a catalog, and its age.

use serde::Serialize;
use tidegate_engine::{Date, Release};

/// As the API shows it.
#[derive(Debug, Serialize)]
pub struct NewestRelease {
    build: String,
    release_date: Date,
    age_days: i64,
}

impl NewestRelease {
    pub fn new(release: &Release, today: Date) -> Self {
        let build = release.build.to_string();
        Self { build, release_date: release.date, age_days: age_days(release.date, today) }
    }
}

/// Of a row that came out on `date`; one of tomorrow is 0 days old.
pub fn age_days(date: Date, today: Date) -> i64 {
    today.days_since(date).max(0)
}
