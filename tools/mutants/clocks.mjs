// Faults in clocks, ladders, the minutes of the hour and what keeps them open.

export default [
  {
    file: "ladder.rs",
    first: ["lib", "life"],
    faults: [
      ["a stage begins a second late", "stage.start <= elapsed", "stage.start < elapsed"],
      ["stages are numbered off by one", "u8::try_from(index + 1)", "u8::try_from(index + 2)"],
      [
        "a stage may be milder than the one before",
        "one.minutes.is_stricter_than(next.minutes)",
        "false && one.minutes.is_stricter_than(next.minutes)",
      ],
      [
        "to reject what was deferred is no stricter",
        "self.block > other.block || self.block + self.throttle",
        "self.block + self.throttle",
      ],
      [
        "to close more minutes is no stricter",
        "self.block > other.block || self.block + self.throttle > other.block + other.throttle",
        "self.block > other.block",
      ],
    ],
  },
  {
    file: "clock.rs",
    first: ["lib", "life", "properties"],
    faults: [
      [
        "the overlap of two pauses counts twice",
        "Some(last) if last.until.is_none_or(|until| freeze.from <= until) => {",
        "Some(last) if last.until.is_none() => {",
      ],
      ["what is held counts", "self.running(now).saturating_sub(self.held)", "self.running(now)"],
      [
        "of exemption and pause only one freezes",
        "Cow::Owned(self.0.iter().chain(&other.0).copied().collect::<Vec<_>>().into())",
        "Cow::Borrowed(self)",
      ],
      [
        "a clock goes on in a freeze without end",
        "freeze.until.unwrap_or(to)",
        "freeze.until.unwrap_or(freeze.from)",
      ],
      [
        "a suspended clock runs",
        "        let now = self.stopped_at.map_or(now, |stopped| stopped.min(now));\n",
        "",
      ],
      [
        "a suspended clock is said to reach its next stage",
        "Some(at.plus(left)).filter(|at| self.stopped_at.is_none_or(|stopped| *at <= stopped))",
        "Some(at.plus(left))",
      ],
      ["notice keeps nothing open", " || now < self.open_until ||", " ||"],
      ["held time keeps nothing open", " || self.elapsed(now) < 0", ""],
      ["a wave to come keeps nothing open", "!self.has_started(now) || now <", "now <"],
      [
        "minutes are said to close before notice is over",
        "Some(self.reaches(0)?.max(self.open_until))",
        "self.reaches(0)",
      ],
    ],
  },
  {
    file: "progress.rs",
    first: ["lib", "properties", "life"],
    faults: [
      ["the ceiling does not hold", "self.rules.policy.mode.min(self.ceiling)", "self.rules.policy.mode"],
      [
        "what is kept open is closed",
        "minutes: if keeps_open { ClosedMinutes::default() } else { rung.minutes },",
        "minutes: rung.minutes,",
      ],
      [
        "a next stage within the notice is said to close at once",
        "!rung.minutes.is_open() && at.is_some_and(|at| at < clock.open_until)",
        "!rung.minutes.is_open() && at.is_none()",
      ],
      [
        "the schedule knows no notice",
        "from => from.map(|from| from.max(clock.open_until)),",
        "from => from,",
      ],
      ["the schedule has stages that are over", "(!is_over).then_some(", "(!is_over || is_over).then_some("],
    ],
  },
  {
    file: "obstacle.rs",
    first: ["life", "lib"],
    faults: [
      [
        "a paused tenant's mail is rejected",
        "= context.paused_until {",
        "= context.paused_until.filter(|_| false) {",
      ],
      [
        "an exempt server's mail is rejected",
        "= context.exempt_until {",
        "= context.exempt_until.filter(|_| false) {",
      ],
      [
        "mail behind a relay is rejected",
        "behind_relay && !context.rules.policy.enforce_behind_relays",
        "behind_relay && context.rules.policy.enforce_behind_relays",
      ],
      [
        "mail that could not be refused until now is",
        "(!in_reach).then_some(",
        "(!in_reach && in_reach).then_some(",
      ],
      [
        "mail out of the scope is rejected",
        "!context.rules.policy.scope.contains(&connector)",
        "false && !context.rules.policy.scope.contains(&connector)",
      ],
      [
        "mail to postmaster is rejected",
        "} else if is_always_accepted() {",
        "} else if false && is_always_accepted() {",
      ],
      ["reports reject", "context.mode() != Mode::Enforce", "context.mode() == Mode::Off"],
    ],
  },
  {
    file: "decision.rs",
    first: ["life", "lib", "properties"],
    faults: [
      [
        "what waited in a queue is rejected",
        "if action == Action::Reject && is_old { Action::Defer }",
        "if action == Action::Reject && is_old { Action::Reject }",
      ],
      ["a queue is two hours old", "QUEUED_SECONDS: i64 = HOUR", "QUEUED_SECONDS: i64 = 2 * HOUR"],
      [
        "an hour is over an hour",
        "now.since(stamped_at) > QUEUED_SECONDS",
        "now.since(stamped_at) >= QUEUED_SECONDS",
      ],
      [
        "a suspended spell condemns at an edge that has not heard of the change",
        "if spell.suspended_since.is_some() {",
        "if false {",
      ],
      [
        "a better build of the name does not free it",
        "Some(best) => return Some(Obstacle::BetterBuild(best.build)),",
        "Some(_) => {}",
      ],
      ["one witness is enough", "return Some(Obstacle::OneWitness);\n    };", "return None;\n    };"],
      [
        "a raised requirement gives no grace",
        ".any(|shown| rules.has_grace(&shown, now)).then_some(",
        ".any(|_| false).then_some(",
      ],
      [
        "of a name's builds only the one in hand has grace",
        "others.chain([*shown]).any(",
        "others.filter(|_| false).chain([*shown]).any(",
      ],
      [
        "the number that the store contradicts condemns",
        "rules.assess_message(&shown, server.other_component, now)",
        "rules.assess(server.shown, now)",
      ],
      ["a spell is always in reach", "spell.is_some_and(|spell| spell.is_in_reach(now))", "spell.is_some()"],
      [
        "what is accepted is told to retry",
        "retry_after.filter(|_| action != Action::Accept)",
        "retry_after",
      ],
    ],
  },
  {
    file: "enforcement.rs",
    first: ["lib", "life"],
    faults: [
      ["time out of enforce counts", "out.push(Freeze { from: now, until: None })", "out.clear()"],
      ["time below the ceiling counts", "|since| ceiling.from_on(since)", "|_| Freezes::default()"],
      [
        "the ceiling stops the clocks of those who never enforced",
        "self.enforced_since.map_or_else(Freezes::default, |since| ceiling.from_on(since))",
        "ceiling.clone()",
      ],
      [
        "a baseline counts from before its tenant had it",
        "if keeps_baseline { self.baseline_since } else { now }",
        "self.baseline_since",
      ],
      [
        "every change of policy is one of the baseline",
        "if keeps_baseline { self.baseline_since } else { now }",
        "now",
      ],
      ["a former baseline is forgotten at once", "if !keeps_baseline {", "if false {"],
      [
        "a former baseline is forgotten with the next change",
        "former.retain(|known| now.since(known.until) <= NOTICE_SECONDS);",
        "former.clear();",
      ],
      [
        "of former baselines the last is kept",
        "MAX_FORMER_BASELINES: usize = 8",
        "MAX_FORMER_BASELINES: usize = 1",
      ],
    ],
  },
  {
    file: "window.rs",
    first: ["lib", "properties"],
    faults: [
      [
        "throttling comes before blocking",
        "if position < minutes.block() {\n        Action::Reject\n    } else if position < minutes.block() + minutes.throttle() {\n        Action::Defer",
        "if position < minutes.throttle() {\n        Action::Defer\n    } else if position < minutes.block() + minutes.throttle() {\n        Action::Reject",
      ],
      ["the window moves the other way", "+ i64::from(offset)) % 60", "+ 60 - i64::from(offset)) % 60"],
      ["tenant and server are hashed without a border", 'as_bytes()), b"\\0")', 'as_bytes()), b"")'],
      [
        "retry_after is a minute short",
        "then(|| i64::from(closed - position) * MINUTE",
        "then(|| i64::from(closed - position - 1) * MINUTE",
      ],
    ],
  },
  {
    file: "pause.rs",
    first: ["lib"],
    faults: [
      [
        "a day that two pauses touch costs two",
        "let mut days = BTreeSet::new();",
        "let mut days = Vec::new();",
      ],
      [
        "a pause that ends at midnight touches the new day",
        "until.plus(-1).date().days_since(first)",
        "until.date().days_since(first)",
      ],
      ["a lowered budget takes what was granted", "after > budget && after > before", "after > budget"],
      [
        "pauses may overlap",
        "other.id != pause.id && other.from.max",
        "other.id == pause.id && other.from.max",
      ],
    ],
  },
];
