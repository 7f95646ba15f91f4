// Faults in what is required of a build, when, and how it stands.

export default [
  {
    file: "rules.rs",
    first: ["lib", "life"],
    faults: [
      ["notice is six days", "NOTICE_SECONDS: i64 = 7 * DAY", "NOTICE_SECONDS: i64 = 6 * DAY"],
      ["a new requirement gives no grace", "let from = now.plus(-NOTICE_SECONDS);", "let from = now;"],
      [
        "grace lasts a second more",
        "let from = now.plus(-NOTICE_SECONDS);",
        "let from = now.plus(-NOTICE_SECONDS - 1);",
      ],
      [
        "a former baseline gives no grace",
        "for former in self.former {",
        "for former in self.former.iter().take(0) {",
      ],
      ["a former baseline that is gone gives no grace", "was.is_none_or(met)", "was.is_some_and(met)"],
      [
        "a baseline gives grace for a time in which it was not the tenant's",
        "from: from.max(self.baseline_since)",
        "from",
      ],
      [
        "a former baseline gives grace for a time before it was the tenant's",
        "InForce { baseline, from: from.max(since), until }",
        "InForce { baseline, from, until }",
      ],
      [
        "a former baseline gives grace for ever",
        "if from < until && was.is_none_or(met) {",
        "if was.is_none_or(met) {",
      ],
      [
        "of the editions of seven days the first gives grace",
        "is_met(from) || starts.filter(|start| from < *start && *start < until).any(is_met)",
        "is_met(from) || starts.filter(|start| from < *start && *start < until).any(|_| false)",
      ],
      [
        "an edition gives grace that came after its baseline was the tenant's",
        ".filter(|start| from < *start && *start < until)",
        ".filter(|start| from < *start)",
      ],
      ["a spell starts before its tenant's baseline", "first.max(self.baseline_since.min(at))", "first"],
      [
        "a spell starts after its second witness",
        "first.max(self.baseline_since.min(at))",
        "first.max(self.baseline_since)",
      ],
      [
        "a spell starts before the day from which its requirement applied",
        "if !self.assess(shown, midnight.plus(-1)).is_out_of_date() {",
        "if false {",
      ],
      [
        "a spell starts no earlier than the day of its second witness",
        "if !self.assess(shown, midnight.plus(-1)).is_out_of_date() {",
        "{",
      ],
      [
        "the store's number does not contradict the transport's",
        "standing.is_out_of_date() && other_component.is_some_and(disagrees)",
        "standing.is_out_of_date() && other_component.is_some_and(disagrees) && false",
      ],
      [
        "any number of the store contradicts the transport's",
        "standing.is_out_of_date() && other_component.is_some_and(disagrees)",
        "standing.is_out_of_date() && other_component.is_some() | other_component.is_some_and(disagrees)",
      ],
      [
        "the store's number makes what is acceptable doubtful",
        "standing.is_out_of_date() && other_component.is_some_and(disagrees)",
        "other_component.is_some_and(disagrees)",
      ],
    ],
  },
  {
    file: "baseline/standing.rs",
    first: ["catalog", "standings"],
    faults: [
      [
        "a row obliges whose number nobody saw",
        "obliging.any(|row| row.stamped)",
        "obliging.next().is_some()",
      ],
      [
        "an update obliges whose number nobody saw",
        "is_stamped |= row.stamped;",
        "is_stamped |= true | row.stamped;",
      ],
      ["a lag counts hotfixes", "if row.kind == ReleaseKind::Su {", "{"],
      [
        "a lag is full a day late",
        "take_while(|row| row.date <= since)",
        "take_while(|row| row.date < since)",
      ],
      [
        "a cumulative update obliges whose numbers nobody saw",
        "reachable.any(|minimum| self.catalog.obliging(*minimum).is_some())",
        "reachable.next().is_some()",
      ],
      [
        "a cumulative update can be taken back",
        ".filter(|minimum| minimum.lane() >= lane)",
        ".filter(|_| lane >= lane)",
      ],
      [
        "a lane without its update level is behind",
        "(true, true) => Standing::Unknown(UnknownReason::UpdateLevelNotShown),",
        "(true, true) => self.failing(OutOfDateReason::BehindOnUpdates, Some(required)),",
      ],
      [
        "what is ahead of the catalog is judged",
        "_ if self.known.place == CatalogPlace::Ahead",
        "_ if false",
      ],
      [
        "what lies in no known lane is judged",
        "            _ if self.known.place == CatalogPlace::UnknownLane => Standing::Unknown(UnknownReason::UnknownLane),\n",
        "",
      ],
      [
        "support ends a day early",
        "end_of_support.is_some_and(|end| self.day > end)",
        "end_of_support.is_some_and(|end| self.day >= end)",
      ],
      [
        "a superseded cumulative update stays supported",
        "if ended { None } else { self.supported_successor() }",
        "if ended { None } else { self.supported_successor().filter(|_| false) }",
      ],
      [
        "a superseded cumulative update is supported a day more",
        "successor.date.plus_days(days) <= self.day",
        "successor.date.plus_days(days) < self.day",
      ],
      [
        "a cumulative update is to be installed that is superseded itself",
        ".take_while(supersedes).last()",
        ".take_while(supersedes).next()",
      ],
      [
        "what lies in no known lane is superseded",
        "self.known.product.superseded_after_days.filter(|_| self.known.is_in_lane())?",
        "self.known.product.superseded_after_days?",
      ],
      [
        "the baseline's minimum of a superseding lane is not required",
        "required.max(successor)",
        "required.min(successor)",
      ],
      [
        "extended support ends with support",
        "if !self.is_lane && self.known.release.is_some_and(is_extended) {",
        "if false {",
      ],
      [
        "a lane is under extended support",
        "if !self.is_lane && self.known.release.is_some_and(is_extended) {",
        "if self.known.release.is_some_and(is_extended) {",
      ],
      [
        "there is no doubt about extended support",
        "_ if self.may_be_extended() => Support::Doubtful,",
        "_ if false => Support::Doubtful,",
      ],
      [
        "there is doubt about numbers that were seen to move",
        ".take_while(|row| self.is_lane || !row.stamped)",
        ".take_while(|_| true)",
      ],
      [
        "an update that is to come is under extended support",
        "row.date <= self.day && is_extended(row)",
        "is_extended(row)",
      ],
      [
        "the catalog knows all that came out after it",
        "ends.max().is_some_and(|end| self.catalog.newest_release().is_some_and(|newest| newest.date < end))",
        "ends.max().is_some_and(|_| false)",
      ],
      [
        "doubt about support frees",
        "Standing::Current(_) => Standing::Unknown(UnknownReason::ExtendedSupportNotShown),",
        "Standing::Current(pass) => Standing::Current(pass),",
      ],
    ],
  },
  {
    file: "baseline/failed.rs",
    first: ["catalog", "life"],
    faults: [
      [
        "another product fails what was failed",
        ".is_none_or(|standing| standing.is_current())",
        ".is_some_and(|standing| standing.is_current())",
      ],
      [
        "another product is measured by what was failed",
        "            Ok(case) if Some(case.known.product) != catalog.product(self.build) => None,\n",
        "",
      ],
      [
        "what failed for want of support is met by anything",
        "unsupported_after_end_of_support: edition.unsupported_after_end_of_support,",
        "unsupported_after_end_of_support: false,",
      ],
      [
        "doubt fails what was failed",
        ".is_some_and(|standing| standing.is_out_of_date())",
        ".is_some_and(|standing| !standing.is_current())",
      ],
    ],
  },
  {
    file: "catalog.rs",
    first: ["catalog", "standings"],
    faults: [
      [
        "a cumulative update whose numbers nobody saw succeeds another",
        "row.kind == ReleaseKind::Cu && is_stamped(*index, own)",
        "row.kind == ReleaseKind::Cu && (true || is_stamped(*index, own))",
      ],
      [
        "an update succeeds a cumulative update",
        "own != lane && row.kind == ReleaseKind::Cu && is_stamped",
        "own != lane && is_stamped",
      ],
      [
        "a minimum goes down to a row that nobody saw",
        ".iter().rfind(|row| row.stamped)",
        ".iter().next_back()",
      ],
      [
        "the last row of a lane is ahead of the catalog",
        "is_last_of_lane && own.build < build",
        "is_last_of_lane && own.build <= build",
      ],
      [
        "who ends like Exchange Online is Exchange Online",
        '(above.is_empty() || above.ends_with(b"."))',
        "(above.is_empty() || !above.is_empty())",
      ],
    ],
  },
];
