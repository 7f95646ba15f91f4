//! The rules once more, in plain Rust: simple, slow, and written from their description alone. Nothing is kept but what
//! happened to one tenant with one server; all that can be asked is worked out from that whole history each time.
//!
//! Of the engine only plain data is used: times, dates, builds, and what a message shows.

mod clock;
pub(crate) mod hour;
mod notice;
pub(crate) mod pauses;
pub(crate) mod standing;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use hour::{Closed, Fate};
use pauses::Pause;
use serde_json::{Value, json};
use standing::{Baseline, Product, Standing};
use tidegate_engine::Build;
use tidegate_engine::Shown;
use tidegate_engine::{DAY, Date, HOUR, Timestamp};

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Mode {
    Off,
    Report,
    Enforce,
}

impl Mode {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Report => "report",
            Self::Enforce => "enforce",
        }
    }
}

/// One row of the progressive table; the last one lasts for ever.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) minutes: Option<u32>,
    pub(crate) closed: Closed,
}

#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) mode: Mode,
    pub(crate) ladder: Vec<Row>,
    pub(crate) waves: BTreeMap<Product, Option<Date>>,
    pub(crate) baseline: Baseline,
    /// Whether the server's connector is in the scope.
    pub(crate) in_scope: bool,
    /// Whether relays protect from enforcement no longer.
    pub(crate) behind_relays: bool,
}

impl Policy {
    /// As an operator writes it.
    pub(crate) fn json(&self) -> Value {
        let row = |row: &Row| {
            let mut stage = json!({"throttle_minutes": row.closed.throttle, "block_minutes": row.closed.block});
            match row.minutes {
                Some(minutes) if minutes % 1_440 == 0 => stage["days"] = json!(minutes / 1_440),
                Some(minutes) => stage["minutes"] = json!(minutes),
                None => {}
            }
            stage
        };
        let wave = |(product, date): (&Product, &Option<Date>)| (product.name().to_owned(), json!(date));
        json!({
            "mode": self.mode.name(),
            "ladder": self.ladder.iter().map(row).collect::<Vec<_>>(),
            "waves": Value::Object(self.waves.iter().map(wave).collect()),
            "baseline": self.baseline.json(),
            "scope": if self.in_scope { vec!["internet", "on_premises"] } else { vec!["internet"] },
            "enforce_behind_relays": self.behind_relays,
        })
    }

    /// Whether mail that comes so, through a relay or not, can be lost at all.
    fn reaches(&self, relayed: bool) -> bool {
        self.in_scope && (self.behind_relays || !relayed)
    }

    fn wave(&self, product: Product) -> Option<Timestamp> {
        self.waves.get(&product).copied().unwrap_or(product.wave()).map(Date::start)
    }

    /// Where on the ladder one stands after so many seconds: the number of the stage, from 1, and when it began.
    fn stage_after(&self, seconds: i64) -> (usize, i64) {
        let mut begins = 0;
        for (index, row) in self.ladder.iter().enumerate() {
            match row.minutes {
                Some(minutes) if begins + i64::from(minutes) * 60 <= seconds => begins += i64::from(minutes) * 60,
                _ => return (index + 1, begins),
            }
        }
        unreachable!("the last stage does not end")
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    /// When it arrived.
    pub(crate) at: Timestamp,
    pub(crate) node: usize,
    pub(crate) shown: Shown,
    /// What the server's store stamped beside.
    pub(crate) other_component: Option<Build>,
    /// Stands for the text of the evidence field: a retry carries the same one.
    pub(crate) evidence: u64,
    /// It came through a trusted relay.
    pub(crate) relayed: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Spell {
    pub(crate) detected: Timestamp,
    /// Seconds that shall not count.
    pub(crate) held: i64,
    /// Nothing is closed before.
    pub(crate) open_until: Timestamp,
    /// The last message that was out of date.
    pub(crate) last: Timestamp,
    /// The last of these that could have been refused.
    pub(crate) reached: Option<Timestamp>,
    /// Since when a requirement that was taken back spares it.
    pub(crate) spared: Option<Timestamp>,
    failed: Failed,
    end: Option<End>,
}

/// What was not acceptable, by which policy and when.
#[derive(Clone, Copy, Debug)]
struct Failed {
    shown: Shown,
    policy: usize,
    at: Timestamp,
}

#[derive(Clone, Copy, Debug)]
struct End {
    /// When its clock stopped.
    stopped: Timestamp,
    patched: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stage {
    pub(crate) number: usize,
    pub(crate) since: Timestamp,
    pub(crate) closed: Closed,
    pub(crate) next: Option<Next>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Next {
    pub(crate) number: usize,
    pub(crate) at: Option<Timestamp>,
    pub(crate) closed: Closed,
}

/// A turn in a server's life.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Turn {
    Detected,
    Resumed,
    Patched,
    Silent,
}

/// What is said of one message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Answer {
    pub(crate) standing: Standing,
    pub(crate) mode: Mode,
    pub(crate) stage: Option<Stage>,
    pub(crate) would: Fate,
    pub(crate) action: Fate,
    pub(crate) retry_after: Option<i64>,
    pub(crate) paused_until: Option<Timestamp>,
    pub(crate) exempt_until: Option<Timestamp>,
}

/// A message that is asked about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub(crate) now: Timestamp,
    pub(crate) node: usize,
    pub(crate) shown: Shown,
    pub(crate) other_component: Option<Build>,
    /// Seconds since it was stamped, by its server's clock.
    pub(crate) age: i64,
    /// To the operator's own boxes alone.
    pub(crate) to_postmaster: bool,
    pub(crate) behind_relay: bool,
}

/// One tenant and its server: all that happened, in the order in which it became known.
pub(crate) struct World {
    pub(crate) tenant: String,
    pub(crate) server: String,
    pub(crate) policies: Vec<(Timestamp, Policy)>,
    pub(crate) ceilings: Vec<(Timestamp, Mode)>,
    pub(crate) pauses: Vec<Pause>,
    /// From and until.
    pub(crate) exemptions: Vec<(Timestamp, Timestamp)>,
    /// Those that tell something of the server's build.
    messages: Vec<Message>,
    last_message: Option<Message>,
    /// Those that accuse the server since it was last cleared.
    witnesses: Vec<Message>,
    spells: Vec<Spell>,
    /// Judgements repeat.
    judged: RefCell<HashMap<Judged, Standing>>,
}

/// Under which policy, what was shown, and on which day.
type Judged = (usize, [u16; 5], Date);

const WEEK: i64 = 7 * DAY;
const MONTH: i64 = 30 * DAY;

impl World {
    pub(crate) fn new(tenant: String, server: String, policy: Policy, start: Timestamp) -> Self {
        Self {
            tenant,
            server,
            policies: vec![(start, policy)],
            ceilings: vec![(start, Mode::Enforce)],
            pauses: Vec::new(),
            exemptions: Vec::new(),
            messages: Vec::new(),
            last_message: None,
            witnesses: Vec::new(),
            spells: Vec::new(),
            judged: RefCell::default(),
        }
    }

    pub(crate) fn policy(&self) -> &Policy {
        &self.policies.last().unwrap().1
    }

    /// Whether mail is written down.
    pub(crate) fn records(&self) -> bool {
        self.mode() != Mode::Off && self.policy().in_scope
    }

    /// The mode in force now, under the ceiling.
    pub(crate) fn mode(&self) -> Mode {
        self.policy().mode.min(self.ceilings.last().unwrap().1)
    }

    pub(crate) fn last_message(&self) -> Option<Message> {
        self.last_message
    }

    pub(crate) fn running_spell(&self) -> Option<Spell> {
        self.spells.last().copied().filter(|spell| spell.end.is_none())
    }

    fn running_spell_mut(&mut self) -> Option<&mut Spell> {
        self.spells.last_mut().filter(|spell| spell.end.is_none())
    }

    // --- standing ---

    /// By the policy in force now, for the day of `at`.
    pub(crate) fn judge(&self, shown: Shown, at: Timestamp) -> Standing {
        self.judge_by(self.policies.len() - 1, shown, at)
    }

    fn judge_by(&self, policy: usize, shown: Shown, at: Timestamp) -> Standing {
        let (Shown::Update(build) | Shown::Lane(build)) = shown else { return Standing::Unknown };
        let lane_only = u16::from(matches!(shown, Shown::Lane(_)));
        let seen = [build.major, build.minor, build.build, build.revision, lane_only];
        let judge = || self.policies[policy].1.baseline.judge(shown, at.date());
        *self.judged.borrow_mut().entry((policy, seen, at.date())).or_insert_with(judge)
    }

    /// Whether this was acceptable at some time in the last 7 days.
    fn was_acceptable(&self, shown: Shown, now: Timestamp) -> bool {
        let from = now.plus(-WEEK);
        let start = self.policies[0].0;
        let at_first = |at: Timestamp| Baseline::Microsoft.judge(shown, at.date()) == Standing::Current;
        let dates = Baseline::Microsoft.dates().into_iter().map(Date::start);
        // who has no policy yet has the default
        if from < start && dates.filter(|date| from <= *date && *date < start).chain([from]).any(at_first) {
            return true;
        }
        let ends = self.policies.iter().skip(1).map(|(since, _)| *since).chain([now.plus(1)]);
        self.policies.iter().zip(ends).enumerate().any(|(index, ((since, policy), until))| {
            let dates = policy.baseline.dates().into_iter().map(Date::start);
            let first = from.max(*since);
            let moments = dates.filter(|date| first <= *date).chain([first]).filter(|moment| *moment < until);
            moments.into_iter().any(|at| self.judge_by(index, shown, at) == Standing::Current)
        })
    }

    /// A message whose store stamped what is acceptable, while its transport did not, is no evidence of anything.
    fn judge_message(&self, shown: Shown, other_component: Option<Build>, at: Timestamp) -> Standing {
        let standing = self.judge(shown, at);
        let store = other_component.map(|other_component| self.judge(Shown::Update(other_component), at));
        if (standing, store) == (Standing::OutOfDate, Some(Standing::Current)) { Standing::Unknown } else { standing }
    }

    /// What the name showed in the 7 days up to `now`, and in its last eight messages of 35 days.
    fn lately_shown(&self, now: Timestamp) -> Vec<Shown> {
        let week = self.messages.iter().filter(|message| now.since(message.at) <= WEEK);
        let mut first_of_each: Vec<Message> = Vec::new();
        for message in &self.messages {
            if first_of_each.iter().all(|known| known.evidence != message.evidence) {
                first_of_each.push(*message);
            }
        }
        first_of_each.sort_by_key(|message| message.at);
        let last_eight = first_of_each.iter().rev().take(8).filter(|message| now.since(message.at) <= 35 * DAY);
        week.chain(last_eight).map(|message| message.shown).collect()
    }

    /// That one is acceptable makes all acceptable; else the newest decides, and if nothing is known of it, nothing is
    /// certain.
    fn judge_all(&self, shown: &[Shown], at: Timestamp) -> Option<Standing> {
        let is_acceptable = |shown: &&Shown| self.judge(**shown, at) == Standing::Current;
        let newest = || shown.iter().max_by_key(|shown| build_of(**shown));
        shown.iter().find(is_acceptable).or_else(newest).map(|shown| self.judge(*shown, at))
    }

    /// What stands for the server: what its name lately showed, or the last that was ever known.
    fn stands_for(&self, at: Timestamp) -> Vec<Shown> {
        let lately = self.lately_shown(at);
        if !lately.is_empty() {
            return lately;
        }
        self.messages.iter().max_by_key(|message| message.at).map(|message| message.shown).into_iter().collect()
    }

    pub(crate) fn judge_server(&self, at: Timestamp) -> Option<Standing> {
        self.judge_all(&self.stands_for(at), at)
    }

    /// Of several builds that are acceptable, and of several that are not, the newest.
    fn best(&self, at: Timestamp) -> Option<Shown> {
        let shown = self.stands_for(at);
        shown.into_iter().max_by_key(|shown| (self.judge(*shown, at) == Standing::Current, build_of(*shown)))
    }

    fn best_build(&self, at: Timestamp) -> Option<Build> {
        self.best(at).map(build_of)
    }

    /// Whether this would have met what was failed. Another product's requirement was another one.
    fn meets(&self, failed: Failed, shown: Shown) -> bool {
        Product::of(build_of(shown)) != Product::of(build_of(failed.shown))
            || self.judge_by(failed.policy, shown, failed.at) == Standing::Current
    }

    /// Whether this would have failed too what was failed.
    fn fails(&self, failed: Failed, shown: Shown) -> bool {
        Product::of(build_of(shown)) == Product::of(build_of(failed.shown))
            && self.judge_by(failed.policy, shown, failed.at) == Standing::OutOfDate
    }

    // --- spells ---

    /// Ends a spell of which nothing was heard for 60 days. A time that does not count is no silence.
    pub(crate) fn fall_silent(&mut self, now: Timestamp) -> Vec<(Turn, Timestamp)> {
        let silent = |spell: &&mut Spell| spell.spared.is_none() && spell.last.plus(2 * MONTH) <= now;
        let Some(spell) = self.running_spell_mut().filter(silent) else { return Vec::new() };
        spell.end = Some(End { stopped: spell.last, patched: false });
        let at = spell.last.plus(2 * MONTH);
        self.witnesses.clear();
        vec![(Turn::Silent, at)]
    }

    pub(crate) fn receive(&mut self, message: Message) -> Vec<(Turn, Timestamp)> {
        self.last_message = Some(message);
        let (shown, at) = (message.shown, message.at);
        let standing = self.judge_message(shown, message.other_component, at);
        // where the transport is not believed, the store is
        let shown =
            if standing == self.judge(shown, at) { shown } else { Shown::Update(message.other_component.unwrap()) };
        if matches!(shown, Shown::Update(_) | Shown::Lane(_)) {
            self.messages.push(Message { shown, ..message });
        }
        let server = self.judge_server(at);
        match standing {
            Standing::OutOfDate if server == Some(Standing::OutOfDate) => self.accuse(message),
            Standing::Current => self.acquit(message),
            // for all that is known it is patched
            Standing::Unknown if server.is_some_and(|server| server != Standing::OutOfDate) => {
                if let Some(spell) = self.running_spell_mut() {
                    spell.spared = spell.spared.or(Some(at.max(spell.last)));
                }
                Vec::new()
            }
            _ => Vec::new(),
        }
    }

    fn acquit(&mut self, message: Message) -> Vec<(Turn, Timestamp)> {
        self.witnesses.clear();
        let Some(spell) = self.running_spell() else { return Vec::new() };
        // messages come a little out of order: it was still seen to run by then
        let at = message.at.max(spell.last);
        let is_met = self.meets(spell.failed, message.shown);
        let spell = self.running_spell_mut().unwrap();
        if !is_met {
            spell.spared = spell.spared.or(Some(at));
            return Vec::new();
        }
        self.count_on(at, build_of(message.shown));
        let spell = self.running_spell_mut().unwrap();
        spell.end = Some(End { stopped: at, patched: true });
        vec![(Turn::Patched, at)]
    }

    fn accuse(&mut self, message: Message) -> Vec<(Turn, Timestamp)> {
        let at = message.at;
        let turns = match self.running_spell() {
            Some(_) => {
                self.fail_again(at);
                Vec::new()
            }
            None => match self.begin(message) {
                Some(turn) => vec![turn],
                None => return Vec::new(),
            },
        };
        let in_reach = self.mode() == Mode::Enforce && self.policy().reaches(message.relayed);
        let failed = Failed { shown: self.best(at).unwrap(), policy: self.policies.len() - 1, at };
        let spell = self.running_spell_mut().unwrap();
        spell.last = spell.last.max(at);
        spell.failed = failed;
        if in_reach {
            if spell.reached.is_none_or(|reached| at.since(reached) > 35 * DAY) {
                spell.open_until = spell.open_until.max(at.plus(WEEK));
            }
            spell.reached = spell.reached.max(Some(at));
        }
        turns
    }

    /// What had been taken back is required again: the time meanwhile does not count.
    fn fail_again(&mut self, at: Timestamp) {
        if self.count_on(at, self.best_build(at).unwrap()) {
            let spell = self.running_spell_mut().unwrap();
            spell.last = spell.last.max(at);
            spell.open_until = spell.open_until.max(at.plus(WEEK));
        }
    }

    /// Lets a clock go on that stood still until now.
    fn count_on(&mut self, at: Timestamp, build: Build) -> bool {
        let Some((spell, since)) = self.running_spell().and_then(|spell| Some((spell, spell.spared?))) else {
            return false;
        };
        let clock = self.clock(&Spell { spared: None, ..spell }, build);
        let meanwhile = (clock.ran_for(at) - clock.ran_for(since)).max(0);
        let spell = self.running_spell_mut().unwrap();
        spell.spared = None;
        spell.held += meanwhile;
        true
    }

    fn begin(&mut self, message: Message) -> Option<(Turn, Timestamp)> {
        if self.witnesses.iter().any(|witness| witness.evidence == message.evidence) {
            return None; // a retry is the same message
        }
        let near = self.witnesses.iter().filter(|witness| witness.at.since(message.at).abs() <= 35 * DAY);
        let Some(other) = near.max_by_key(|witness| witness.at).copied() else {
            self.witnesses.push(message);
            return None;
        };
        self.witnesses.clear();
        let (first, second) = (message.at.min(other.at), message.at.max(other.at));
        let resumed = self.resumed(first, second, message.at);
        let turn = if resumed.is_some() { Turn::Resumed } else { Turn::Detected };
        let failed = Failed { shown: message.shown, policy: self.policies.len() - 1, at: message.at };
        let detected = self.required_since(message.shown, first, second);
        let new = Spell {
            detected,
            held: 0,
            open_until: detected,
            last: second,
            reached: None,
            spared: None,
            failed,
            end: None,
        };
        let spell = resumed.unwrap_or(new);
        self.spells.push(Spell { last: second, open_until: spell.open_until.max(second.plus(WEEK)), ..spell });
        Some((turn, first))
    }

    /// From when on, in this time, what failed at its end was required.
    fn required_since(&self, shown: Shown, first: Timestamp, second: Timestamp) -> Timestamp {
        let chosen = self.policies.windows(2).rev().find(|pair| pair[0].1.baseline != pair[1].1.baseline);
        // who has no policy yet has the default
        let (start, initial) = &self.policies[0];
        let begun = if initial.baseline == Baseline::Microsoft { first } else { *start };
        let since = first.max(chosen.map_or(begun, |pair| pair[1].0).min(second));
        let days = (since.date().days_since(Date::new(1970, 1, 1).unwrap()) + 1..).map(|day| Timestamp(day * DAY));
        let lapsed = |midnight: &Timestamp| self.judge(shown, midnight.plus(-1)) != Standing::OutOfDate;
        days.take_while(|midnight| *midnight <= second).filter(lapsed).last().unwrap_or(since)
    }

    /// Whether new witnesses make the last spell go on, and how.
    fn resumed(&self, first: Timestamp, second: Timestamp, now: Timestamp) -> Option<Spell> {
        let spell = self.spells.last()?;
        let End { stopped, patched } = spell.end?;
        let in_time = first.since(stopped) <= if patched { MONTH } else { 180 * DAY };
        let lately = self.lately_shown(second);
        if !in_time || !lately.iter().all(|shown| self.fails(spell.failed, *shown)) {
            return None;
        }
        let clock = self.clock(&Spell { spared: None, ..*spell }, self.best_build(now)?);
        let gap = (clock.ran_for(first) - clock.ran_for(stopped)).max(0);
        Some(Spell { held: spell.held + gap, reached: None, spared: None, end: None, ..*spell })
    }

    // --- answers ---

    pub(crate) fn decide(&self, look: Look) -> Answer {
        let Look { now, shown, .. } = look;
        let standing = self.judge_message(shown, look.other_component, now);
        let mode = self.mode();
        let paused_until = self.paused_until(now);
        let exempt = self.exemptions.iter().find(|(from, until)| *from <= now && now < *until);
        let exempt_until = exempt.map(|(_, until)| *until);
        let accept = Answer {
            standing,
            mode,
            stage: None,
            would: Fate::Accept,
            action: Fate::Accept,
            retry_after: None,
            paused_until,
            exempt_until,
        };
        if standing != Standing::OutOfDate {
            return accept;
        }
        let build = build_of(shown);
        let running = self.running_spell().filter(|spell| spell.spared.is_some() || now < spell.last.plus(2 * MONTH));
        // before there is a spell, the one that would begin now
        let spell = running.unwrap_or(Spell {
            detected: now,
            held: 0,
            open_until: now,
            last: now,
            reached: None,
            spared: None,
            failed: Failed { shown, policy: 0, at: now },
            end: None,
        });
        let stage = self.stage(&spell, build, now);
        let wave_has_come = self.clock(&spell, build).start.is_some_and(|start| start <= now);
        let mut all = self.lately_shown(now);
        all.push(shown);
        let condemned = running.is_some_and(|spell| spell.spared.is_none())
            && self.judge_all(&all, now) == Some(Standing::OutOfDate)
            && !all.iter().any(|shown| self.was_acceptable(*shown, now));
        let mut would = Fate::Accept;
        if self.policy().in_scope && condemned && wave_has_come && !look.to_postmaster {
            would = hour::fate(stage.closed, &self.tenant, &self.server, now);
            if would == Fate::Reject && look.age > HOUR {
                would = Fate::Defer;
            }
        }
        let frozen = paused_until.is_some() || exempt_until.is_some();
        let spared = look.behind_relay && !self.policy().behind_relays;
        let reached = spell.reached.is_some_and(|reached| now.since(reached) <= 35 * DAY);
        let enforced = mode == Mode::Enforce && !frozen && !spared && reached;
        let action = if enforced { would } else { Fate::Accept };
        let retry_after = match action {
            Fate::Accept => None,
            Fate::Defer | Fate::Reject => hour::wait(stage.closed, &self.tenant, &self.server, now),
        };
        Answer { stage: Some(stage), would, action, retry_after, ..accept }
    }

    /// The end of the pause in which `now` lies, and of those that follow without a break.
    fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let mut at = now;
        while let Some(pause) = self.pauses.iter().find(|pause| pause.covers(at)) {
            at = pause.until();
        }
        (at > now).then_some(at)
    }

    /// Why an edge that knows what was published a day ago may accept: it takes what happened last, or what clears, for a
    /// day older or younger than it was.
    pub(crate) fn may_be_spared(&self, now: Timestamp) -> bool {
        let Some(spell) = self.running_spell() else { return true };
        let lapses = spell.last.plus(2 * MONTH - DAY) <= now;
        let leaves = spell.reached.is_none_or(|reached| reached.plus(34 * DAY) <= now);
        let cleared = |message: &Message| {
            let is_acceptable = self.judge(message.shown, now) == Standing::Current;
            now.since(message.at) <= 36 * DAY && (is_acceptable || self.was_acceptable(message.shown, now))
        };
        lapses || leaves || self.messages.iter().any(cleared)
    }
}

/// How many machines stand behind the server's name.
pub(crate) const NODES: usize = 3;

fn build_of(shown: Shown) -> Build {
    match shown {
        Shown::Update(build) | Shown::Lane(build) => build,
        Shown::Product(_) | Shown::Nothing => unreachable!("nothing is judged without a build"),
    }
}
