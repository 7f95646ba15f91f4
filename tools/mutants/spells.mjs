// Faults in what is remembered of a server, in its spells, and in what the edge is told of them.

export default [
  {
    file: "shown.rs",
    first: ["properties"],
    faults: [
      [
        "a stored lane counts as an update",
        "if lane_only { Self::Lane(build) } else { Self::Update(build) }",
        "if lane_only { Self::Update(build) } else { Self::Update(build) }",
      ],
    ],
  },
  {
    file: "witness.rs",
    first: ["life", "lib", "properties"],
    faults: [
      ["a build counts for six days", "BUILD_SECONDS: i64 = 7 * DAY", "BUILD_SECONDS: i64 = 6 * DAY"],
      ["a build counts for eight days", "BUILD_SECONDS: i64 = 7 * DAY", "BUILD_SECONDS: i64 = 8 * DAY"],
      ["a message counts for 34 days", "WITNESS_SECONDS: i64 = 35 * DAY", "WITNESS_SECONDS: i64 = 34 * DAY"],
      ["a message counts for 36 days", "WITNESS_SECONDS: i64 = 35 * DAY", "WITNESS_SECONDS: i64 = 36 * DAY"],
      ["the last seven messages count", "MAX_MESSAGES: usize = 8", "MAX_MESSAGES: usize = 7"],
      ["the last nine messages count", "MAX_MESSAGES: usize = 8", "MAX_MESSAGES: usize = 9"],
      [
        "a retry pushes another message out",
        "if self.messages.iter().all(|known| known.fingerprint != sighting.fingerprint) {",
        "{",
      ],
      [
        "messages count in the order in which they are heard",
        "order::insert(&mut self.messages, SeenMessage { seen, fingerprint: sighting.fingerprint }, |m| m.seen.at);",
        "self.messages.push(SeenMessage { seen, fingerprint: sighting.fingerprint });",
      ],
      [
        "the oldest build makes room, not the worst",
        "(rules.assess(seen.shown(), sighting.at).is_current(), seen.build);",
        "seen.at;",
      ],
      [
        "the lowest build makes room, not the worst",
        "(rules.assess(seen.shown(), sighting.at).is_current(), seen.build);",
        "seen.build;",
      ],
      [
        "the highest number is the best build",
        "judged.max_by_key(|best| (best.standing.is_current(), best.build))",
        "judged.max_by_key(|best| best.build)",
      ],
      [
        "one stale component condemns",
        "judged.max_by_key(|best| (best.standing.is_current(), best.build))",
        "judged.max_by_key(|best| (best.standing.is_out_of_date(), best.build))",
      ],
      [
        "a failure is better than a higher number of which nothing is known",
        "judged.max_by_key(|best| (best.standing.is_current(), best.build))",
        "judged.max_by_key(|best| (best.standing.is_current(), best.standing.is_out_of_date(), best.build))",
      ],
      [
        "doubt is the best that there is",
        "judged.max_by_key(|best| (best.standing.is_current(), best.build))",
        "judged.max_by_key(|best| (!best.standing.is_out_of_date(), best.build))",
      ],
      [
        "a late message makes its build an old one",
        "Some(known) => builds.remove(known).at.max(seen.at),",
        "Some(known) => { builds.remove(known); seen.at }",
      ],
      [
        "what a late message needs of builds is forgotten",
        "<= BUILD_SECONDS + LATE_SECONDS",
        "<= BUILD_SECONDS",
      ],
      [
        "what a late message needs of messages is forgotten",
        "<= WITNESS_SECONDS + LATE_SECONDS",
        "<= WITNESS_SECONDS",
      ],
      [
        "nothing stands for a name of which nothing counts any more",
        ".filter(|_| self.lately(now).next().is_none())",
        ".filter(|_| false)",
      ],
      [
        "a machine that takes over makes its mates forgotten",
        "        self.remember_node(sighting.node, seen);\n",
        `        let last = self.nodes.iter().max_by_key(|known| known.last_seen).map(|known| known.node);
        if last.is_some_and(|last| last != sighting.node) {
            self.builds.clear();
            self.messages.clear();
        }
        self.remember_node(sighting.node, seen);
`,
      ],
    ],
  },
  {
    file: "spell.rs",
    first: ["life", "lib", "properties"],
    faults: [
      [
        "waves are ignored",
        "start: wave.map(|wave| wave.max(spell.detected_at)),",
        "start: wave.map(|_| spell.detected_at).or(Some(spell.detected_at)),",
      ],
      ["who waited for a wave has no notice", "notice.max(spell.open_until)", "notice.min(spell.open_until)"],
      ["silence takes 61 days", "SILENCE_SECONDS: i64 = 60 * DAY", "SILENCE_SECONDS: i64 = 61 * DAY"],
      ["silence takes 59 days", "SILENCE_SECONDS: i64 = 60 * DAY", "SILENCE_SECONDS: i64 = 59 * DAY"],
      ["reach lasts 36 days", "REACH_SECONDS: i64 = 35 * DAY", "REACH_SECONDS: i64 = 36 * DAY"],
      ["reach lasts 34 days", "REACH_SECONDS: i64 = 35 * DAY", "REACH_SECONDS: i64 = 34 * DAY"],
      [
        "a suspended spell ends in silence",
        "self.suspended_since.is_none().then(|| self.last_out_of_date.plus(SILENCE_SECONDS))",
        "Some(self.last_out_of_date.plus(SILENCE_SECONDS))",
      ],
      [
        "the time of a suspension counts",
        "self.held = self.held.saturating_add((clock.running(now) - clock.running(since)).max(0));",
        "let _ = (clock, since);",
      ],
      [
        "the end of a suspension brings no notice",
        "            self.give_notice(now);\n        }",
        "        }",
      ],
      [
        "the end of a suspension is no word of its server",
        "self.last_out_of_date = self.last_out_of_date.max(now);\n            self.give",
        "self.give",
      ],
    ],
  },
  {
    file: "record.rs",
    first: ["life", "lib", "properties"],
    faults: [
      [
        "a spell resumes 31 days after the patch",
        "RESUMES_AFTER_PATCH_SECONDS: i64 = 30 * DAY",
        "RESUMES_AFTER_PATCH_SECONDS: i64 = 31 * DAY",
      ],
      [
        "a spell resumes 181 days after its last message",
        "RESUMES_AFTER_SILENCE_SECONDS: i64 = 180 * DAY",
        "RESUMES_AFTER_SILENCE_SECONDS: i64 = 181 * DAY",
      ],
      [
        "a retry is a second witness",
        "            Some(witness) if witness.fingerprint == sighting.fingerprint => return None,\n",
        "",
      ],
      [
        "two witnesses may lie any time apart",
        "Some(witness) if at.since(witness.at).unsigned_abs() <= WITNESS_SECONDS.unsigned_abs() => witness,",
        "Some(witness) if at >= witness.at => witness,",
      ],
      [
        "a straggler pushes a first witness out",
        "            Some(witness) if at < witness.at => return None,\n",
        "",
      ],
      [
        "a spell starts at its second message",
        "let (first, second) = (witness.at.min(at), witness.at.max(at));",
        "let (first, second) = (at, witness.at.max(at));",
      ],
      [
        "a spell starts before what it fails applied",
        "Spell::begin(rules.failing_since(sighting.shown, first, second))",
        "Spell::begin(first)",
      ],
      ["the second witness brings no notice", "        spell.give_notice(second);\n", ""],
      ["notice counts from the first witness", "spell.give_notice(second);", "spell.give_notice(first);"],
      ["notice counts from the witness heard last", "spell.give_notice(second);", "spell.give_notice(at);"],
      [
        "silence counts from the witness heard last",
        "spell.last_out_of_date = second;",
        "spell.last_out_of_date = at;",
      ],
      [
        "a late message shortens the time until silence",
        "spell.last_out_of_date = spell.last_out_of_date.max(at);\n            None",
        "spell.last_out_of_date = at;\n            None",
      ],
      [
        "an acceptable stamp does not forget a witness",
        "        self.witness = None;\n        let mut spell = self.spell.take()?;",
        "        let mut spell = self.spell.take()?;",
      ],
      [
        "a message condemns a name whose best build meets the requirement",
        "self.best(rules, at).filter(|best| best.standing.is_out_of_date())?",
        "self.best(rules, at)?",
      ],
      [
        "the number that the store contradicts is remembered",
        "=> Shown::Update(other),",
        "=> { let _ = other; sighting.shown }",
      ],
      ["time counts in which a name may be acceptable", "self.suspend_in_doubt(sighting, rules);", ""],
      [
        "time does not count in which one message shows nothing",
        ".is_some_and(|best| !best.standing.is_out_of_date());",
        ".is_some();",
      ],
      [
        "the number that the store contradicts accuses",
        "let message = rules.assess_message(&rules.look_up(sighting.shown), sighting.other_component, sighting.at);",
        "let message = rules.assess(sighting.shown, sighting.at);",
      ],
      ["every relapse resumes, however late", "first.since(ended.at) > within || ", ""],
      [
        "a spell resumes whatever the name shows",
        " || !self.shows.lately(second).all(|(seen, _)| fails(seen.shown()))",
        " || { let _ = fails; false }",
      ],
      [
        "a spell resumes if one build fails what was failed",
        "self.shows.lately(second).all(|(seen, _)| fails(seen.shown()))",
        "self.shows.lately(second).any(|(seen, _)| fails(seen.shown()))",
      ],
      [
        "after silence a spell resumes within 30 days alone",
        "SpellEnd::Silent => RESUMES_AFTER_SILENCE_SECONDS",
        "SpellEnd::Silent => RESUMES_AFTER_PATCH_SECONDS",
      ],
      [
        "after the patch a spell resumes within 180 days",
        "SpellEnd::Patched => RESUMES_AFTER_PATCH_SECONDS",
        "SpellEnd::Patched => RESUMES_AFTER_SILENCE_SECONDS",
      ],
      [
        "the time between patch and relapse counts",
        "held: ended.spell.held.saturating_add(gap), last_in_reach: None",
        "held: ended.spell.held.min(gap), last_in_reach: None",
      ],
      ["what resumes was in reach all the time", "last_in_reach: None, ..ended.spell", "..ended.spell"],
      [
        "what was silent for long resumes as if it had ended then",
        "let (at, failed) = (spell.last_out_of_date, self.failed.take());",
        "let (at, failed) = (now, self.failed.take());",
      ],
      [
        "a requirement that is taken back ends a spell",
        "if self.is_spared(sighting.shown, rules, sighting.at) {",
        "if false {",
      ],
      [
        "a patched server's spell is suspended",
        "!self.failed.as_ref().is_none_or(met)",
        "{ let _ = met; true }",
      ],
      ["no message ends a suspension", "            spell.end_suspension(build, rules, at);\n", ""],
      [
        "a message suspends a spell before its last one",
        "spell.suspended_since.get_or_insert(sighting.at.max(spell.last_out_of_date));",
        "spell.suspended_since.get_or_insert(sighting.at);",
      ],
      [
        "the clock of a suspended spell that is patched has run on",
        "spell.let_go_on(build, rules, at);\n        }\n        self.ended",
        "let _ = build;\n        }\n        self.ended",
      ],
      [
        "what is failed is what the message failed, not the best build",
        "self.failed = rules.failed_requirement(shown, at);",
        "self.failed = rules.failed_requirement(sighting.shown, at);\n        let _ = shown;",
      ],
      [
        "mail in reach after 35 days without has no notice",
        "if !spell.is_in_reach(at) {",
        "if spell.last_in_reach.is_none() {",
      ],
      [
        "the first mail in reach has no notice",
        "if !spell.is_in_reach(at) {",
        "if spell.last_in_reach.is_some() && !spell.is_in_reach(at) {",
      ],
      ["all mail is in reach", ".filter(|_| sighting.in_reach)", ""],
      [
        "a late message in reach takes reach back",
        "spell.last_in_reach = spell.last_in_reach.max(Some(at));",
        "spell.last_in_reach = Some(at);",
      ],
      [
        "a patch that is heard late ends the clock before its last message",
        "let at = sighting.at.max(spell.last_out_of_date);\n        if",
        "let at = sighting.at;\n        if",
      ],
      [
        "a clock is older than its server's first message",
        "Spell::begin(rules.failing_since(sighting.shown, first, second))",
        "Spell::begin(rules.failing_since(sighting.shown, Timestamp(0), second))",
      ],
    ],
  },
  {
    file: "phase.rs",
    first: ["lib", "life", "properties"],
    faults: [
      [
        "the edge forgets a build within its last day",
        "until.plus(DAY - 1).start_of_day()",
        "until.start_of_day()",
      ],
      [
        "of a build shown twice the edge knows one time",
        "known.until = known.until.max(until)",
        "known.until = known.until.min(until)",
      ],
      [
        "what is held is not published",
        "(spell.detected_at, spell.held, spell.open_until) != (old.detected_at, old.held, old.open_until)",
        "(spell.detected_at, spell.open_until) != (old.detected_at, old.open_until)",
      ],
      [
        "a suspension is not published",
        "                    || spell.suspended_since.is_some() != old.suspended_since.is_some()\n",
        "",
      ],
      ["a better build is not published", "                    || self.builds != published.builds\n", ""],
      [
        "the edge hears nothing of silence",
        ".filter(|spell| spell.silent_at().is_none_or(|silent_at| now < silent_at))",
        ".filter(|_| now.0 != i64::MIN)",
      ],
      [
        "the edge judges by the record alone",
        "self.lately(now).filter_map(judge).chain([in_hand])",
        "self.lately(now).filter_map(judge)",
      ],
      [
        "at the edge a build counts for ever",
        ".filter(move |known| now <= known.until)",
        ".filter(move |_| now.0 != i64::MIN)",
      ],
    ],
  },
  {
    file: "notice.rs",
    first: ["life", "lib", "properties"],
    faults: [
      [
        "a change is strict at once",
        "        spell.held = spell.held.max(held);\n",
        "        let _ = held;\n",
      ],
      [
        "a wave that is moved takes its notice along",
        "if meets.start.is_some() && met.open_until > meets.open_until.max(now) {",
        "if false {",
      ],
      [
        "of two products of one name the clock of one is held",
        "for build in builds {",
        "for build in builds.into_iter().take(1) {",
      ],
      [
        "the wait for a wave is stopped by the change itself",
        "self.frozen_before.overlap(now, start)",
        "self.clock.freezes.overlap(now, start)",
      ],
      [
        "what comes within reach by a change has no notice",
        "change.brings_into_reach() && !spell.is_in_reach(now)",
        "false && change.brings_into_reach()",
      ],
      [
        "what was in reach lately has notice again",
        "change.brings_into_reach() && !spell.is_in_reach(now)",
        "change.brings_into_reach()",
      ],
      [
        "a mode brings mail within reach, and nothing else does",
        "policy.mode == Mode::Enforce && policy.reaches(self.way)",
        "policy.mode == Mode::Enforce",
      ],
      [
        "a way brings mail within reach, and no mode does",
        "policy.mode == Mode::Enforce && policy.reaches(self.way)",
        "policy.mode >= Mode::Off && policy.reaches(self.way)",
      ],
      [
        "what is required again goes on without notice",
        "spell.end_suspension(best.build, &after, now),",
        "{}",
      ],
      [
        "what is taken back goes on counting until a message",
        "            spell.suspended_since.get_or_insert(now);\n",
        "",
      ],
      [
        "the wait for a wave counts time that stands still",
        "Some(start.since(now).max(0) - self.frozen_before.overlap(now, start))",
        "Some(start.since(now).max(0))",
      ],
      [
        "a spell that waits for its wave meets closed minutes",
        "let is_closed = counted >= 0 && self.clock.has_started(now);",
        "let is_closed = counted >= 0;",
      ],
      [
        "a spell with held time meets closed minutes",
        "let is_closed = counted >= 0 && self.clock.has_started(now);",
        "let is_closed = self.clock.has_started(now);",
      ],
      [
        "of a stage without end less than seven days are left",
        ".map_or(0, |rung| end - rung.start).max(NOTICE_SECONDS)",
        ".map_or(0, |rung| end - rung.start)",
      ],
      ["of a stage without end nothing is left", "left.unwrap_or(length)", "left.unwrap_or(length.min(0))"],
      [
        "a wave to come is held back",
        ".saturating_add(wait);\n    new.clock",
        ".saturating_add(wait.min(0));\n    new.clock",
      ],
      [
        "the first stage of the new ladder is the one that is no stricter",
        ".take_while(|rung| !rung.minutes.is_stricter_than(minutes)).last()",
        ".find(|rung| !rung.minutes.is_stricter_than(minutes))",
      ],
    ],
  },
];
