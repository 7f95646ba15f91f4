//! Whether KV has all API keys, so that one that it has not is wrong: what is said, and what witnesses that KV is still the
//! one of which it is said.

use serde::{Deserialize, Serialize};
use tidegate_engine::{TenantId, Timestamp};

use super::families::{Family, Kept, Rank, Record};

/// Only as long as spares KV a flood of wrong keys: the namespace may have been emptied meanwhile.
const SPARING: Kept = Kept { fresh: 2_000, stale: 2_000 };

/// `control/laid`: whether KV has all API keys, so that one that it has not is wrong.
#[derive(Clone, Copy, Debug)]
pub struct LaidKey;

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct LaidRecord {
    pub rev: u64,
    /// The deployment whose keys they are, by an id that no other one has.
    pub of: String,
    /// From then on nobody goes by what KV was before it had them all; none: it has not.
    #[serde(default)]
    pub from: Option<Timestamp>,
    /// But for those of these tenants.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<TenantId>,
    /// The round by which they were laid; it counts where [`RoundRecord`] names the same.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub round: String,
}

impl LaidRecord {
    /// Whether a key is wrong that KV has not, which has `round`. `tenant`: to which the key's id leads, if to any.
    pub fn has_all(&self, round: Option<&RoundRecord>, tenant: Option<&TenantId>, now: Timestamp) -> bool {
        let is_laid = self.from.is_some_and(|from| from <= now) && self.is_of(round);
        is_laid && (self.without.is_empty() || tenant.is_some_and(|tenant| !self.without.contains(tenant)))
    }

    /// Whether KV, which has `round`, is still what it was when the keys were laid.
    pub fn is_of(&self, round: Option<&RoundRecord>) -> bool {
        round.is_some_and(|round| !self.round.is_empty() && round.id == self.round)
    }
}

impl Family for LaidKey {
    type Record = LaidRecord;
    const KEPT: Kept = SPARING;
    const RANK: Rank = Rank::Brake;

    fn key(&self) -> String {
        "control/laid".to_owned()
    }
}

impl Record for LaidRecord {
    fn rev(&self) -> u64 {
        self.rev
    }
}

/// `control/round`: the witness of a round in which all keys are laid anew. It is put before the first of them and never
/// again: where it is, nothing was emptied since, however [`LaidKey`] came there.
#[derive(Clone, Copy, Debug)]
pub struct RoundKey;

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct RoundRecord {
    /// That of [`LaidRecord`] when the round began.
    pub rev: u64,
    /// Drawn anew for each.
    pub id: String,
}

impl Family for RoundKey {
    type Record = RoundRecord;
    const KEPT: Kept = SPARING;
    const RANK: Rank = Rank::Brake;

    fn key(&self) -> String {
        "control/round".to_owned()
    }
}

impl Record for RoundRecord {
    fn rev(&self) -> u64 {
        self.rev
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_kv_has_not_is_wrong_only_where_it_has_all_others_of_its_tenant() {
        let [contoso, fabrikam]: [TenantId; 2] = ["contoso", "fabrikam"].map(|id| id.parse().unwrap());
        let round = RoundRecord { rev: 1, id: "a".to_owned() };
        let laid = LaidRecord { from: Some(Timestamp(100)), round: round.id.clone(), ..LaidRecord::default() };
        assert!(
            laid.has_all(Some(&round), Some(&contoso), Timestamp(100))
                && laid.has_all(Some(&round), None, Timestamp(100))
        );
        assert!(!laid.has_all(Some(&round), Some(&contoso), Timestamp(99)), "edges may still go by what KV was");
        assert!(!LaidRecord::default().has_all(Some(&round), None, Timestamp(i64::MAX)));
        let other = RoundRecord { rev: 1, id: "b".to_owned() };
        for none in [None, Some(&other)] {
            assert!(!laid.has_all(none, None, Timestamp(100)), "it was emptied or exchanged since");
        }
        let before = LaidRecord { round: String::new(), ..laid.clone() };
        assert!(!before.has_all(Some(&RoundRecord::default()), None, Timestamp(100)));
        let but_one = LaidRecord { without: vec![contoso.clone()], ..laid };
        assert!(
            !but_one.has_all(Some(&round), Some(&contoso), Timestamp(100))
                && but_one.has_all(Some(&round), Some(&fabrikam), Timestamp(100))
        );
        assert!(!but_one.has_all(Some(&round), None, Timestamp(100)), "it may be of that tenant");
    }
}
