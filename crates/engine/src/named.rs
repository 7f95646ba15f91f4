//! What the catalog calls that which a server shows of its build.

use crate::build::Build;
use crate::catalog::{Catalog, CatalogPlace};
use crate::identity::ServerId;
use crate::looked_up::LookedUp;
use crate::recognition::ConnectingServer;
use crate::shown::Shown;
use crate::time::Date;

/// What the catalog calls that which a server shows of its build.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CatalogNames<'a> {
    /// The product; `None` if no product has the build.
    pub product: Option<&'a str>,
    /// The cumulative update or service pack, such as `CU23`.
    pub cu: Option<&'a str>,
    /// The update, such as `Oct25SU`; `None` for the cumulative update itself, and where it is not shown.
    pub su: Option<&'a str>,
    /// When the build, or the row that it stands for, was released.
    pub released: Option<Date>,
}

impl<'a> CatalogNames<'a> {
    /// The names of what is shown, as far as the catalog knows them.
    pub fn new(catalog: &'a Catalog, shown: Shown) -> Self {
        Self::of(&LookedUp::new(catalog, shown))
    }

    fn of(looked_up: &LookedUp<'a>) -> Self {
        let LookedUp { shown, known: Some(known), .. } = *looked_up else { return Self::default() };
        // a component that lags tells the product, but neither the update nor the cumulative update
        let release = known.release.filter(|_| shown.build().is_some());
        // without cumulative updates, the lane itself is the update
        let above_lane = known.place != CatalogPlace::BelowLane && matches!(shown, Shown::Update(_));
        let update = release.filter(|_| above_lane || !known.product.cumulative_updates);
        let text = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Self {
            product: Some(&known.product.name),
            cu: release.and_then(|release| text(&release.cu)),
            su: update.and_then(|release| text(&release.su)),
            // what is newer than all rows came out later than any of them
            released: update.filter(|_| known.place == CatalogPlace::InLane).map(|release| release.date),
        }
    }
}

/// The connecting server as the answer names it.
#[derive(Clone, Copy, Debug)]
pub struct NamedServer<'a> {
    /// By what it is told from others of its tenant.
    pub id: &'a ServerId,
    /// The BY host as stamped.
    pub name: &'a str,
    shown: LookedUp<'a>,
}

impl<'a> NamedServer<'a> {
    /// `shown`: what `server` shows, looked up.
    pub(crate) const fn new(server: &'a ConnectingServer<'a>, shown: LookedUp<'a>) -> Self {
        Self { id: &server.id, name: server.name, shown }
    }

    /// The build that the message shows; `None` where it shows none, or only its product.
    pub const fn build(&self) -> Option<Build> {
        self.shown.shown.build()
    }

    /// What the catalog calls it.
    pub fn names(&self) -> CatalogNames<'a> {
        CatalogNames::of(&self.shown)
    }

    /// The build, if the catalog has no row of it.
    pub(crate) fn unlisted_build(&self) -> Option<Build> {
        let row = self.shown.known.and_then(|known| known.release);
        self.build().filter(|build| row.is_none_or(|row| row.build != *build))
    }
}
