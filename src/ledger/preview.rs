//! What putting a policy would do to each server at this moment. Nothing is written: the change is drafted as
//! [`super::policy_changes::put`] makes it, and left at that.

use serde::Serialize;
use tidegate_engine::Policy;
use tidegate_engine::ServerId;
use tidegate_wire::native::{EffectDocument, StageDocument, StandingDocument};

use super::place::Place;
use super::policy_changes::{Draft, MAX_SHOWN, hold_one};
use super::protocol::Proposal;
use super::servers::{self, Server};
use super::site::Site;
use crate::durable::sql::{Sql, SqlError, values};

#[derive(Serialize)]
pub struct Preview {
    /// As it would be stored.
    policy: Policy,
    counts: Counts,
    /// Those that would stand otherwise than they do, by id.
    servers: Vec<ServerPreview>,
}

#[derive(Serialize)]
struct Counts {
    servers: i64,
    changed: usize,
}

#[derive(Serialize)]
struct ServerPreview {
    id: ServerId,
    name: String,
    build: Option<String>,
    product: Option<String>,
    before: PlaceDocument,
    after: PlaceDocument,
    /// The change would hold its clock back.
    held: bool,
}

#[derive(Serialize)]
struct PlaceDocument {
    standing: Option<StandingDocument>,
    stage: Option<StageDocument>,
    effect: Option<EffectDocument>,
}

impl PlaceDocument {
    fn new(place: &Place) -> Self {
        Self {
            standing: place.state.map(StandingDocument::new),
            stage: place.stage.map(StageDocument::new),
            effect: place.effect.map(EffectDocument::new),
        }
    }
}

pub fn of(sql: &Sql, site: &Site<'_>, proposal: Proposal) -> Result<Preview, SqlError> {
    let draft = Draft::new(sql, site, proposal)?;
    let judges = draft.judges(site);
    let (before, after) = &judges;
    let (mut changed, mut shown) = (0, Vec::new());
    let mut compare = |mut server: Server| {
        let was = Place::of(&server, before, site.now)?;
        let held = hold_one(&mut server, &judges, site.now)?;
        let will_be = Place::of(&server, after, site.now)?;
        if !held && (was.state, was.stage, was.effect) == (will_be.state, will_be.stage, will_be.effect) {
            return Ok(());
        }
        changed += 1;
        if shown.len() < MAX_SHOWN {
            shown.push(ServerPreview {
                before: PlaceDocument::new(&was),
                after: PlaceDocument::new(&will_be),
                held,
                id: server.id,
                name: server.name,
                build: will_be.build,
                product: will_be.product,
            });
        }
        Ok(())
    };
    let (old, new) = (&draft.old.enforcement.policy, &draft.new.enforcement.policy);
    if old.baseline == new.baseline {
        // without a spell there is but the standing
        servers::each_in_spell(sql, &mut compare)?;
    } else {
        servers::each(sql, &mut compare)?;
    }
    let servers = sql.number("SELECT SUM(servers) FROM standing", values![])?.unwrap_or(0);
    Ok(Preview { policy: draft.new.enforcement.policy, counts: Counts { servers, changed }, servers: shown })
}
