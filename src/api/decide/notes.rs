//! What is told of a message beside its decision: what of it cannot be believed, and mail that is not recorded.

use tidegate_engine::{MailEvent, Mode, Timestamp};

use super::known::Known;
use super::site::Site;
use crate::ledger::{Unbelieved, What};
use crate::observations;
use crate::operator;
use crate::unbelieved::{self, Claims};

/// Counts what of a message is not believed, and has those told whom it concerns.
pub fn note_unbelieved(site: &Site<'_>, event: &MailEvent<'_>, known: &Known<'_>, now: Timestamp) {
    let Known { recognition, facts, policy, control, .. } = known;
    let ledger = || site.ledger_of(&event.tenant);
    if let Some(Claims { messages, disbelieved }) = unbelieved::claims(site.actor, recognition.own_hops) {
        let actor = site.actor.to_owned();
        if site.is_bound {
            let what = What::OwnHops { actor };
            let seen = Unbelieved { what, messages, disbelieved, last_at: now, evidence: None };
            observations::note_later(site.context, &event.tenant, seen, ledger);
        } else {
            let operator = operator::of(site.access.env, site.actor, site.circumstances);
            let call = operator::Call::OwnHops { actor, messages, disbelieved };
            // what cannot be told is told with later ones
            site.context.wait_until(async move {
                let _ = operator.call::<bool>(&call, operator::DEADLINE).await;
            });
        }
    }
    let Some(policy) = policy.as_ref().filter(|policy| site.records(event, policy)) else { return };
    let mode = policy.enforcement.policy.mode.min(control.ceiling(site.config.mode_ceiling));
    if mode != Mode::Off
        && recognition.server().is_none()
        && let Some(seen) = unbelieved::of_tenant(event, recognition, &facts.catalog, now)
    {
        observations::note_later(site.context, &event.tenant, seen, ledger);
    }
}

/// Tells the ledger of mail that is not recorded, where Postfix's policy service refuses by addresses.
pub fn note_stranger(site: &Site<'_>, event: &MailEvent<'_>, now: Timestamp) {
    if site.refuses_at_rcpt {
        observations::note_stranger(site.context, event, now, || site.ledger_of(&event.tenant));
    }
}
