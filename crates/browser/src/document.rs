//! What comes out: shapes that several answers share. Those of the wire are its own.

use serde::Serialize;
use tidegate_engine::Build;
use tidegate_engine::Catalog;
use tidegate_engine::CatalogNames;
use tidegate_engine::Evidence;
use tidegate_engine::ScheduledStage;
use tidegate_engine::Shown;
use tidegate_engine::Timestamp;
use tidegate_wire::native::Written;

pub type Time = Written<Timestamp>;

/// A build with its names.
#[derive(Serialize)]
pub struct Release {
    build: Option<Build>,
    product: Option<String>,
    cu: Option<String>,
    su: Option<String>,
}

impl Release {
    pub fn new(catalog: &Catalog, shown: Shown) -> Self {
        Self::of_build(catalog, shown, shown.build())
    }

    /// With the number that was stamped, be it that of a component that lags.
    pub fn stamped(catalog: &Catalog, shown: Shown) -> Self {
        Self::of_build(catalog, shown, shown.stamped())
    }

    pub fn without_names(self) -> Self {
        Self { product: None, cu: None, su: None, ..self }
    }

    fn of_build(catalog: &Catalog, shown: Shown, build: Option<Build>) -> Self {
        let CatalogNames { product, cu, su, .. } = CatalogNames::new(catalog, shown);
        Self { build, product: product.map(str::to_owned), cu: cu.map(str::to_owned), su: su.map(str::to_owned) }
    }
}

#[derive(Serialize)]
pub struct ScheduledStageDocument {
    number: u8,
    from: Option<Time>,
    until: Option<Time>,
    throttle_minutes: u8,
    block_minutes: u8,
}

impl From<ScheduledStage> for ScheduledStageDocument {
    fn from(stage: ScheduledStage) -> Self {
        Self {
            number: stage.number,
            from: stage.from.map(Written),
            until: stage.until.map(Written),
            throttle_minutes: stage.minutes.throttle(),
            block_minutes: stage.minutes.block(),
        }
    }
}

/// A field's text with the part that tells.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Marked {
    pub text: String,
    /// In UTF-16 units, as JavaScript counts.
    pub telling: [usize; 2],
}

impl Marked {
    pub fn new(evidence: &Evidence<'_>) -> Self {
        let (text, telling) = evidence.marked();
        let units = |end: usize| text.get(..end).map_or(0, |before| before.encode_utf16().count());
        let telling = [units(telling.start), units(telling.end)];
        Self { text, telling }
    }
}
