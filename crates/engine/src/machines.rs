//! Which machine or message keeps a name free of enforcement. For reports alone: decisions know names.

use crate::baseline::Standing;
use crate::build::Build;
use crate::identity::Node;
use crate::record::ServerRecord;
use crate::rules::Rules;
use crate::time::Timestamp;
use crate::witness::{BUILD_SECONDS, BestBuild, NodeRecord, SeenBuild, best};

/// The one machine, or message, for which a server counts as up to date while others of its name do not.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct KeptFree {
    /// `None` where the machine is not known any more: a message of up to 35 days ago.
    pub node: Option<Node>,
    /// What it showed.
    pub build: Build,
    /// When it last did.
    pub last_seen: Timestamp,
}

impl NodeRecord {
    /// How the best of the machine's newest builds stands.
    pub fn standing(&self, rules: &Rules<'_>, now: Timestamp) -> Option<Standing> {
        best(self.builds.iter().filter_map(|seen| BestBuild::judge(seen.shown(), rules, now))).map(|best| best.standing)
    }
}

impl ServerRecord {
    /// What keeps the server free, if that is one machine or message alone and, of what its name showed in the last 7
    /// days, another machine or something newer is out of date.
    pub fn kept_free_by(&self, rules: &Rules<'_>, now: Timestamp) -> Option<KeptFree> {
        let is_current = |seen: &SeenBuild| rules.assess(seen.shown(), now).is_current();
        let is_out_of_date = |seen: &SeenBuild| rules.assess(seen.shown(), now).is_out_of_date();
        let lately = |at: Timestamp| now.since(at) <= BUILD_SECONDS;
        let newest = self.builds_that_count(now).filter(is_current).max_by_key(|seen| seen.at)?;
        let mut free =
            self.nodes().iter().filter(|node| node.builds.iter().any(|seen| is_current(seen) && lately(seen.at)));
        let (one, another) = (free.next(), free.next());
        if another.is_some() {
            return None;
        }
        let others = self.nodes().iter().filter(|node| one.is_none_or(|one| one.node != node.node));
        let another = others.flat_map(|node| &node.builds).any(|seen| is_out_of_date(seen) && lately(seen.at));
        let newer = self.builds_that_count(now).any(|seen| is_out_of_date(&seen) && seen.at > newest.at);
        let node = one.filter(|one| one.builds.iter().any(|seen| seen.build == newest.build)).map(|one| one.node);
        (another || newer).then_some(KeptFree { node, build: newest.build, last_seen: newest.at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Freezes;
    use crate::policy::{Facts, Policy};
    use crate::shown::Shown;
    use crate::time::DAY;
    use crate::witness::Sighting;

    const PATCHED: &str = "15.1.2507.61";
    const OUTDATED: &str = "15.1.2507.39";
    const DAY_0: i64 = 20_750 * DAY;

    fn day(days: i64) -> Timestamp {
        Timestamp(DAY_0 + days * DAY)
    }

    fn node(last: u8) -> Node {
        Node(Some([10, 0, 0, last].into()))
    }

    /// What keeps a name free at the end of day `now` that showed these builds: day, machine, build.
    fn kept_free(now: i64, shown: &[(i64, u8, &str)]) -> Option<KeptFree> {
        let (facts, policy, freezes) = (Facts::built_in(), Policy::default(), Freezes::default());
        let rules = Rules::new(&facts, &policy, &freezes).unwrap();
        let mut record = ServerRecord::default();
        for (fingerprint, (at, machine, build)) in (0..).zip(shown) {
            let shown = Shown::Update(build.parse().unwrap());
            let sighting = Sighting {
                at: day(*at),
                node: node(*machine),
                shown,
                other_component: None,
                fingerprint,
                in_reach: true,
            };
            record.observe(&sighting, &rules);
        }
        record.kept_free_by(&rules, day(now))
    }

    #[test]
    fn one_patched_machine_keeps_the_name_of_the_others_free() {
        let kept = kept_free(2, &[(0, 1, OUTDATED), (1, 2, PATCHED), (2, 1, OUTDATED)]);
        let expected = KeptFree { node: Some(node(2)), build: PATCHED.parse().unwrap(), last_seen: day(1) };
        assert_eq!(kept, Some(expected));
        assert!(kept_free(1, &[(0, 1, OUTDATED), (1, 2, PATCHED)]).is_some(), "the other one was heard a day before");
    }

    #[test]
    fn a_server_that_was_patched_needs_nobody() {
        assert_eq!(kept_free(1, &[(0, 1, OUTDATED), (1, 1, PATCHED)]), None);
        assert_eq!(kept_free(9, &[(0, 2, OUTDATED), (9, 1, PATCHED)]), None, "the other machine is gone");
        assert_eq!(kept_free(1, &[(0, 1, PATCHED), (1, 2, PATCHED)]), None);
    }

    #[test]
    fn two_patched_machines_are_more_than_one() {
        assert_eq!(kept_free(2, &[(0, 1, PATCHED), (1, 2, PATCHED), (2, 3, OUTDATED)]), None);
    }

    #[test]
    fn one_old_message_keeps_a_machine_free_whose_newer_ones_are_out_of_date() {
        let kept = kept_free(1, &[(0, 1, PATCHED), (1, 1, OUTDATED)]).unwrap();
        assert_eq!((kept.node, kept.last_seen), (Some(node(1)), day(0)));
        let kept = kept_free(20, &[(0, 1, PATCHED), (20, 1, OUTDATED)]).unwrap();
        assert_eq!((kept.node, kept.last_seen), (None, day(0)), "of the machine itself that is too long ago");
    }

    #[test]
    fn nothing_keeps_free_what_is_out_of_date() {
        assert_eq!(kept_free(1, &[(0, 1, OUTDATED), (1, 2, OUTDATED)]), None);
    }
}
