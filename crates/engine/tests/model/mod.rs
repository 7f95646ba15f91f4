//! The rules once more, in plain Rust: simple, slow, and written from their description alone. Nothing is kept but what
//! happened to one tenant with one server; all that can be asked is worked out from that whole history each time.
//!
//! Of the engine only plain data is used: times, dates, builds, and what a message shows.

pub(crate) mod hour;
pub(crate) mod pauses;
pub(crate) mod standing;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use hour::{Closed, Fate};
use pauses::Pause;
use serde_json::{Value, json};
use standing::{Baseline, Product, Standing};
use tidegate_engine::build::Build;
use tidegate_engine::shown::Shown;
use tidegate_engine::time::{DAY, Date, HOUR, Timestamp};

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

    /// After how many seconds a server first loses mail.
    fn first_closed(&self) -> Option<i64> {
        let mut begins = 0;
        for row in &self.ladder {
            if row.closed.any() {
                return Some(begins);
            }
            begins += i64::from(row.minutes?) * 60;
        }
        None
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Message {
    pub(crate) at: Timestamp,
    pub(crate) node: usize,
    pub(crate) shown: Shown,
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
    /// The last message that was out of date.
    pub(crate) last: Timestamp,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
enum End {
    Patched { at: Timestamp, by: Build },
    Silent,
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
    messages: Vec<Message>,
    /// The last message came through a relay.
    relayed: bool,
    /// Those that accuse the server since it was last cleared.
    witnesses: Vec<Message>,
    spells: Vec<Spell>,
    /// Judgements repeat.
    judged: RefCell<HashMap<Judged, Standing>>,
}

/// Under which policy, what was shown, and on which day.
type Judged = (usize, [u16; 5], Date);

/// Where a spell stood with a product right before a change of policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stood {
    build: Build,
    place: Place,
}

/// Where a clock stands: what is closed, and for how long it has yet to run until that changes (`None`: it does not).
#[derive(Clone, Copy, Debug)]
struct Place {
    closed: Closed,
    left: Option<i64>,
    /// The number of the stage that follows.
    next: usize,
}

/// A spell's clock under the newest policy.
struct Clock<'a> {
    world: &'a World,
    start: Option<Timestamp>,
    withheld: i64,
}

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
            relayed: false,
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
        self.messages.last().copied()
    }

    pub(crate) fn running_spell(&self) -> Option<Spell> {
        self.spells.last().copied().filter(|spell| spell.end.is_none())
    }

    // --- standing ---

    /// By the policy in force now, for the day of `at`.
    pub(crate) fn judge(&self, shown: Shown, at: Timestamp) -> Standing {
        let (Shown::Update(build) | Shown::Lane(build)) = shown else { return Standing::Unknown };
        let lane_only = u16::from(matches!(shown, Shown::Lane(_)));
        let seen = [build.major, build.minor, build.build, build.revision, lane_only];
        let judge = || self.policy().baseline.judge(shown, at.date());
        *self.judged.borrow_mut().entry((self.policies.len(), seen, at.date())).or_insert_with(judge)
    }

    /// What a node showed in the 24 hours up to its newest message that shows a build.
    fn lately_shown(&self, node: usize) -> Vec<Message> {
        let shows = |message: &&Message| matches!(message.shown, Shown::Update(_) | Shown::Lane(_));
        let of_node: Vec<_> = self.messages.iter().filter(|message| message.node == node).filter(shows).collect();
        let newest = of_node.iter().map(|message| message.at).max();
        of_node.into_iter().copied().filter(|message| newest.unwrap().since(message.at) <= 24 * HOUR).collect()
    }

    /// The standing of a node's best build.
    fn judge_node(&self, node: usize, at: Timestamp) -> Option<Standing> {
        let standings: Vec<_> = self.lately_shown(node).iter().map(|message| self.judge(message.shown, at)).collect();
        let best_first = [Standing::Current, Standing::OutOfDate, Standing::Unknown];
        best_first.into_iter().find(|standing| standings.contains(standing))
    }

    /// A server is out of date while any of its nodes is.
    pub(crate) fn judge_server(&self, at: Timestamp) -> Option<Standing> {
        let last_seen = |node: usize| self.lately_shown(node).iter().map(|message| message.at).max();
        let seen: Vec<(usize, Timestamp)> = (0..NODES).filter_map(|node| Some((node, last_seen(node)?))).collect();
        let counts =
            |(_, last): &&(usize, Timestamp)| at.since(*last) < WEEK || !seen.iter().any(|(_, other)| other > last);
        let standings: Vec<_> = seen.iter().filter(counts).filter_map(|(node, _)| self.judge_node(*node, at)).collect();
        let worst_first = [Standing::OutOfDate, Standing::Current, Standing::Unknown];
        worst_first.into_iter().find(|standing| standings.contains(standing))
    }

    // --- spells ---

    /// Ends a spell of which nothing was heard for 30 days.
    pub(crate) fn fall_silent(&mut self, now: Timestamp) -> Vec<(Turn, Timestamp)> {
        match self.spells.last_mut() {
            Some(spell) if spell.end.is_none() && spell.last.plus(MONTH) <= now => {
                spell.end = Some(End::Silent);
                self.witnesses.clear();
                vec![(Turn::Silent, spell.last.plus(MONTH))]
            }
            _ => Vec::new(),
        }
    }

    pub(crate) fn receive(&mut self, message: Message) -> Vec<(Turn, Timestamp)> {
        self.messages.push(message);
        self.relayed = message.relayed;
        let standing = self.judge(message.shown, message.at);
        if standing == Standing::OutOfDate && self.judge_node(message.node, message.at) == Some(Standing::OutOfDate) {
            return self.accuse(message);
        }
        if standing == Standing::Current && self.judge_server(message.at) != Some(Standing::OutOfDate) {
            self.witnesses.clear();
            if let Some(spell) = self.spells.last_mut().filter(|spell| spell.end.is_none()) {
                // messages come a little out of order: it was still seen to run by then
                let at = message.at.max(spell.last);
                spell.end = Some(End::Patched { at, by: build_of(message.shown) });
                return vec![(Turn::Patched, at)];
            }
        }
        Vec::new()
    }

    fn accuse(&mut self, message: Message) -> Vec<(Turn, Timestamp)> {
        if let Some(spell) = self.spells.last_mut().filter(|spell| spell.end.is_none()) {
            spell.last = spell.last.max(message.at);
            return Vec::new();
        }
        if self.witnesses.iter().any(|witness| witness.evidence == message.evidence) {
            return Vec::new(); // a retry is the same message
        }
        let near = self.witnesses.iter().filter(|witness| witness.at.since(message.at).abs() <= WEEK);
        let Some(other) = near.max_by_key(|witness| witness.at).copied() else {
            self.witnesses.push(message);
            return Vec::new();
        };
        self.witnesses.clear();
        let (first, last) = (message.at.min(other.at), message.at.max(other.at));
        let resumed = self.resumed(first, message.shown);
        let kind = if resumed.is_some() { Turn::Resumed } else { Turn::Detected };
        let (detected, held) = resumed.unwrap_or((first, 0));
        self.spells.push(Spell { detected, held, last, end: None });
        vec![(kind, first)]
    }

    /// Whether a relapse that began at `first` goes on with the last spell: since when and held how long that is then.
    fn resumed(&self, first: Timestamp, shown: Shown) -> Option<(Timestamp, i64)> {
        let spell = self.spells.last()?;
        let Some(End::Patched { at, by }) = spell.end else { return None };
        let build = build_of(shown);
        // what ended the spell was acceptable then, and so was everything above it
        let was_acceptable =
            (build.major, build.minor, build.build) == (by.major, by.minor, by.build) && build.revision >= by.revision;
        let failed = self.judge(shown, at) == Standing::OutOfDate && !was_acceptable;
        if first.since(at) > MONTH || !failed || self.changed_since(at) {
            return None;
        }
        let clock = self.clock(spell, build);
        let gap = clock.ran_for(first) - clock.ran_for(at);
        Some((spell.detected, if gap > 0 { clock.withheld + gap } else { spell.held }))
    }

    /// Whether the policy has changed what a spell meets, so that nobody was told what a relapse would resume to.
    fn changed_since(&self, at: Timestamp) -> bool {
        let differs = |one: &Policy, other: &Policy| {
            (one.mode, &one.ladder, &one.waves, &one.baseline, one.in_scope, one.behind_relays)
                != (other.mode, &other.ladder, &other.waves, &other.baseline, other.in_scope, other.behind_relays)
        };
        self.policies.windows(2).any(|pair| pair[1].0 > at && differs(&pair[0].1, &pair[1].1))
    }

    // --- the clock ---

    fn clock(&self, spell: &Spell, build: Build) -> Clock<'_> {
        let wave = Product::of(build).and_then(|product| self.policy().wave(product));
        // who waited for the wave has a week from there to the first throttle
        let notice = match (wave, self.policy().first_closed()) {
            (Some(wave), Some(first)) if spell.detected < wave => WEEK - first,
            _ => 0,
        };
        Clock { world: self, start: wave.map(|wave| wave.max(spell.detected)), withheld: spell.held.max(notice) }
    }

    /// Whether clocks stand still at that moment, by all that is known now.
    fn is_frozen(&self, at: Timestamp) -> bool {
        let paused = self.pauses.iter().any(|pause| pause.covers(at));
        let exempt = self.exemptions.iter().any(|(from, until)| *from <= at && at < *until);
        let first_enforced = self.policies.iter().find(|(_, policy)| policy.mode == Mode::Enforce);
        let enforced_once = first_enforced.is_some_and(|(since, _)| *since <= at);
        let mode = self.policies.iter().rfind(|(since, _)| *since <= at).map(|(_, policy)| policy.mode);
        let ceiling = self.ceilings.iter().rfind(|(since, _)| *since <= at).map(|(_, mode)| *mode);
        let out = mode < Some(Mode::Enforce) || ceiling < Some(Mode::Enforce);
        paused || exempt || (enforced_once && out)
    }

    /// The moments after `start` at which clocks may stop or go on.
    fn turns(&self, start: Timestamp) -> Vec<Timestamp> {
        let mut turns = Vec::new();
        turns.extend(self.policies.iter().map(|(since, _)| *since));
        turns.extend(self.ceilings.iter().map(|(since, _)| *since));
        turns.extend(self.pauses.iter().flat_map(|pause| [pause.from(), pause.until()]));
        turns.extend(self.exemptions.iter().flat_map(|(from, until)| [*from, *until]));
        turns.retain(|turn| *turn > start);
        turns.sort();
        turns.dedup();
        turns
    }

    /// What lies ahead and can change an answer by itself.
    pub(crate) fn ahead(&self, now: Timestamp) -> Vec<Timestamp> {
        let mut ahead = self.turns(now);
        if let Some(spell) = self.running_spell() {
            ahead.push(spell.last.plus(MONTH));
            for build in self.lately_seen() {
                let clock = self.clock(&spell, build);
                ahead.extend(clock.start);
                ahead.extend(self.stage(&spell, build, now).next.and_then(|next| next.at));
            }
        }
        ahead.retain(|at| *at > now);
        ahead.sort();
        ahead.dedup();
        ahead
    }

    fn lately_seen(&self) -> Vec<Build> {
        (0..NODES).flat_map(|node| self.lately_shown(node)).map(|message| build_of(message.shown)).collect()
    }

    fn stage(&self, spell: &Spell, build: Build, now: Timestamp) -> Stage {
        let clock = self.clock(spell, build);
        let policy = self.policy();
        let (number, begins) = policy.stage_after(clock.counted(now));
        let row = policy.ladder[number - 1];
        let since = if number == 1 { spell.detected } else { clock.when(begins).unwrap() };
        if !clock.counts(now) && row.closed.any() {
            // what the first stage closes is still to come
            let next = Next { number, at: clock.when(0), closed: row.closed };
            return Stage { number, since, closed: Closed::NEVER, next: Some(next) };
        }
        let next = row.minutes.map(|minutes| Next {
            number: number + 1,
            at: clock.when(begins + i64::from(minutes) * 60),
            closed: policy.ladder[number].closed,
        });
        Stage { number, since, closed: row.closed, next }
    }

    // --- answers ---

    pub(crate) fn decide(&self, look: Look) -> Answer {
        let Look { now, node, shown, .. } = look;
        let standing = self.judge(shown, now);
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
        let running = self.running_spell().filter(|spell| now < spell.last.plus(MONTH));
        // before there is a spell, the one that would begin now
        let spell = running.unwrap_or(Spell { detected: now, held: 0, last: now, end: None });
        let stage = self.stage(&spell, build, now);
        let wave_has_come = self.clock(&spell, build).start.is_some_and(|start| start <= now);
        let two_witnesses = running.is_some() && self.judge_node(node, now) == Some(Standing::OutOfDate);
        let mut would = Fate::Accept;
        if self.policy().in_scope && two_witnesses && wave_has_come && !look.to_postmaster {
            would = hour::fate(stage.closed, &self.tenant, &self.server, now);
        }
        let frozen = paused_until.is_some() || exempt_until.is_some();
        let spared = look.behind_relay && !self.policy().behind_relays;
        let enforced = mode == Mode::Enforce && !frozen && !spared;
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

    // --- no surprise ---

    /// Where the running spell stands, for each build that lately was seen.
    pub(crate) fn stands(&self, now: Timestamp) -> Vec<Stood> {
        let Some(spell) = self.running_spell() else { return Vec::new() };
        let stood = |build| Stood { build, place: self.place(&spell, build, now) };
        self.lately_seen().into_iter().map(stood).collect()
    }

    /// Changes the policy. `hold` does what the change asks of a running spell and tells the `held` that follows. That
    /// number is taken as it is once it has shown that it keeps the promise: how much more than needed a server
    /// is spared is no rule. But nothing is held without need.
    pub(crate) fn change_policy(
        &mut self,
        policy: Policy,
        now: Timestamp,
        hold: impl FnOnce() -> Option<i64>,
    ) -> Result<(), String> {
        let spell = self.running_spell();
        let met_enforcement = spell.is_some_and(|spell| self.met_enforcement(&spell, now));
        let newly_reached = !self.policy().reaches(self.relayed) && policy.reaches(self.relayed);
        let mut before = Vec::new();
        for stood in self.stands(now) {
            // where the wave had not come, enforcement is new all the same
            let wave = Product::of(stood.build).and_then(|product| self.policy().wave(product));
            let was_enforced = met_enforcement && !newly_reached && wave.is_some_and(|wave| wave <= now);
            before.push((stood, was_enforced));
        }
        let enforcing = policy.mode == Mode::Enforce;
        self.policies.push((now, policy));
        let held = hold();
        let Some(spell) = spell else { return Ok(()) };
        let held = held.ok_or("a change of policy ended a spell")?;
        let raised = Spell { held, ..spell };
        self.spells.last_mut().unwrap().held = held;
        if held < spell.held {
            return Err(format!("held falls from {} to {held}", spell.held));
        }
        let mut needed = false;
        for &(stood, was_enforced) in &before {
            if was_enforced {
                let (was, is) = (stood.place, self.place(&raised, stood.build, now));
                if is.closed.is_stricter_than(was.closed) {
                    return Err(format!("{} at once: {was:?} becomes {is:?}", stood.build));
                }
                if self.place(&spell, stood.build, now).closed.is_stricter_than(was.closed) {
                    needed = true;
                    // as long as it would have been so, or as long as the last milder stage lasts
                    let milder = self.policy().ladder.iter().take_while(|row| !row.closed.is_stricter_than(was.closed));
                    let milder =
                        milder.last().map_or(Some(WEEK), |row| row.minutes.map(|minutes| i64::from(minutes) * 60));
                    let promised = [was.left, milder].into_iter().flatten().min();
                    let lasts = self.lasts(&is, was.closed);
                    if lasts.is_some_and(|lasts| promised.is_some_and(|promised| lasts < promised)) {
                        return Err(format!("{} too soon: {was:?} becomes {is:?}", stood.build));
                    }
                }
            } else if enforcing || met_enforcement {
                // what the clock has yet to run, which may stand still until enforcement goes on
                let left = |spell: &Spell| {
                    let clock = self.clock(spell, stood.build);
                    // a product whose wave is to come is enforced later
                    clock.start.filter(|start| *start <= now)?;
                    Some(self.policy().first_closed()? + clock.withheld - clock.ran_for(now))
                };
                if let Some(left) = left(&raised).filter(|left| *left < WEEK) {
                    return Err(format!("{} meets its first throttle {left} s away, less than a week", stood.build));
                }
                let counting = self.clock(&spell, stood.build);
                let first = self.policy().first_closed();
                needed |= first.is_some_and(|first| counting.ran_for(now) > first + counting.withheld - WEEK);
            }
        }
        if held > spell.held && !needed {
            let is: Vec<_> = self.stands(now);
            return Err(format!("held rises from {} to {held} without need: {before:?} becomes {is:?}", spell.held));
        }
        Ok(())
    }

    /// Whether the tenant was in enforce at some time since the spell began.
    fn met_enforcement(&self, spell: &Spell, now: Timestamp) -> bool {
        let ends = self.policies.iter().skip(1).map(|(since, _)| *since).chain([now]);
        let enforced = |((since, policy), until): (&(Timestamp, Policy), Timestamp)| {
            policy.mode == Mode::Enforce && spell.detected.max(*since) < until
        };
        self.policies.iter().zip(ends).any(enforced)
    }

    /// How long the clock has to run from there until a stage is stricter than that.
    fn lasts(&self, place: &Place, than: Closed) -> Option<i64> {
        let mut seconds = place.left?;
        for row in self.policy().ladder.iter().skip(place.next - 1) {
            if row.closed.is_stricter_than(than) {
                return Some(seconds);
            }
            seconds += i64::from(row.minutes?) * 60;
        }
        None
    }

    fn place(&self, spell: &Spell, build: Build, now: Timestamp) -> Place {
        let clock = self.clock(spell, build);
        let (number, begins) = self.policy().stage_after(clock.counted(now));
        let row = self.policy().ladder[number - 1];
        if !clock.counts(now) && row.closed.any() {
            let left = clock.start.map(|_| clock.withheld - clock.ran_for(now));
            return Place { closed: Closed::NEVER, left, next: number };
        }
        let length = row.minutes.map(|minutes| i64::from(minutes) * 60);
        let left = length.map(|length| begins + length + clock.withheld - clock.ran_for(now));
        Place { closed: row.closed, left, next: number + 1 }
    }
}

impl Clock<'_> {
    /// Seconds from the start until `now` in which it ran.
    fn ran_for(&self, now: Timestamp) -> i64 {
        let Some(mut at) = self.start.filter(|start| *start < now) else { return 0 };
        let mut seconds = 0;
        for turn in self.world.turns(at).into_iter().filter(|turn| *turn < now).chain([now]) {
            if !self.world.is_frozen(at) {
                seconds += turn.since(at);
            }
            at = turn;
        }
        seconds
    }

    fn counted(&self, now: Timestamp) -> i64 {
        (self.ran_for(now) - self.withheld).max(0)
    }

    /// Whether time has begun to count.
    fn counts(&self, now: Timestamp) -> bool {
        self.start.is_some_and(|start| start <= now) && self.ran_for(now) >= self.withheld
    }

    /// When so many seconds will have counted, by all that is known now.
    fn when(&self, counted: i64) -> Option<Timestamp> {
        let mut at = self.start?;
        let mut missing = (counted + self.withheld).max(0);
        if missing == 0 {
            return Some(at);
        }
        for turn in self.world.turns(at) {
            if !self.world.is_frozen(at) {
                if missing <= turn.since(at) {
                    return Some(at.plus(missing));
                }
                missing -= turn.since(at);
            }
            at = turn;
        }
        (!self.world.is_frozen(at)).then(|| at.plus(missing))
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
