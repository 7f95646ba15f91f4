//! What one call to a ledger works with.

use std::borrow::Cow;

use tidegate_engine::Freezes;
use tidegate_engine::Mode;
use tidegate_engine::Rules;
use tidegate_engine::TenantId;
use tidegate_engine::Timestamp;

use crate::common::Common;
use crate::durable::audit::Act;
use crate::durable::sql::SqlError;
use crate::store::PolicyRecord;

/// Whose ledger this is, what all tenants have in common, who asks, and when.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    pub tenant: &'a TenantId,
    pub common: &'a Common,
    pub actor: &'a str,
    pub now: Timestamp,
}

impl<'a> Site<'a> {
    pub const fn act(&self) -> Act<'a> {
        Act { actor: self.actor, at: self.now }
    }

    /// The rules of the tenant as `policy` has them.
    pub fn judge(&self, policy: &'a PolicyRecord) -> Judge<'a> {
        Judge { common: self.common, policy, frozen: policy.enforcement.frozen(&self.common.control.freezes) }
    }
}

/// By what a tenant's servers are judged.
#[derive(Clone, Debug)]
pub struct Judge<'a> {
    common: &'a Common,
    pub policy: &'a PolicyRecord,
    /// When the clocks of all its servers stand still.
    pub frozen: Cow<'a, Freezes>,
}

impl Judge<'_> {
    /// The mode in effect, as far as the operator-wide ceiling is known here.
    pub fn mode(&self) -> Mode {
        self.policy.enforcement.policy.mode.min(self.ceiling())
    }

    /// The operator-wide ceiling, as far as it is known here.
    pub fn ceiling(&self) -> Mode {
        self.common.control.ceiling(Mode::Enforce)
    }

    /// The rules for a server that is frozen at these times: [`Self::frozen_with`] its exemptions.
    pub fn rules<'b>(&'b self, frozen: &'b Freezes) -> Result<Rules<'b>, SqlError> {
        let missing = || SqlError::Failed("the policy's baseline is not there".to_owned());
        self.policy.enforcement.rules(&self.common.facts, frozen).ok_or_else(missing)
    }

    /// When the clock of a server with these exemptions stands still.
    pub fn frozen_with<'b>(&'b self, exemptions: &'b Freezes) -> Cow<'b, Freezes> {
        self.frozen.union(exemptions)
    }
}
