//! Pauses of a tenant: kept, published with the policy, announced before they end.
//!
//! A pause only ever slows clocks down, and its early end takes back what was only planned: what was published before
//! says nothing too strict, so that no phase has to be published anew.

use serde::{Deserialize, Serialize};
use tidegate_engine::Mode;
use tidegate_engine::{Date, Timestamp};
use tidegate_engine::{Pause, PauseError, Pauses};
use tidegate_stored::Document;
use tidegate_wire::native::Written;
use tidegate_wire::problem::Problem;

use super::alerts::{next_warning, warning_due};
use super::notifications::{self, Notification};
use super::protocol::Changed;
use super::site::Site;
use super::{judged, policies, texts, upkeep};
use crate::durable::audit;
use crate::durable::lists::{Page, Range};
use crate::durable::sql::{Change, Sql, SqlError, to_text, values};

/// One page, newest first, and what this year and the next have left.
#[derive(Serialize)]
pub struct PausePage {
    items: Vec<Shown>,
    next: Option<String>,
    budget: Budget,
}

#[derive(Serialize)]
struct Budget {
    days_per_year: u16,
    years: [Year; 2],
}

#[derive(Serialize)]
struct Year {
    year: i32,
    used: u16,
    left: u16,
}

pub fn page(sql: &Sql, site: &Site<'_>, range: &Range) -> Result<PausePage, SqlError> {
    let rows = format!("{ROW} WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
    let Page { items, next } = Page::newest_records(sql, &rows, range, |row: &Row| row.id)?;
    let items = items.into_iter().map(|row| Shown::new(row, site.now)).collect();
    let days_per_year = policies::current(sql)?.enforcement.policy.pause_days_per_year;
    let pauses = load(sql)?;
    let year = |year| {
        let used = pauses.used(year);
        Year { year, used, left: days_per_year.saturating_sub(used) }
    };
    let this = site.now.date().year();
    Ok(PausePage { items, next, budget: Budget { days_per_year, years: [year(this), year(this + 1)] } })
}

pub fn create(
    sql: &Sql,
    site: &Site<'_>,
    (days, starts_on): (i64, Option<Date>),
    reason: &str,
) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let id = change.number("SELECT IFNULL(MAX(id), 0) + 1 FROM pause", Vec::new())?.unwrap_or(1);
        let days = u16::try_from(days).unwrap_or(0);
        let changed = change_all(change, site, "starts_on", |pauses, budget| {
            let pause = pauses.create(u64::try_from(id).unwrap_or(0), days, starts_on, budget, site.now)?;
            let insert = "INSERT INTO pause (id, reason, created_at, created_by, pause) VALUES (?1, ?2, ?3, ?4, '{}')";
            Ok((pause, insert, values![id, reason, site.now.0, site.actor]))
        })?;
        audit::write(change, site.act(), "pause.create", &id.to_string(), (None, changed.shown.clone()))?;
        Ok(changed)
    })
}

/// Gives a pause another number of days.
pub fn change(sql: &Sql, site: &Site<'_>, id: u64, days: i64) -> Result<Changed, SqlError> {
    let days = u16::try_from(days).unwrap_or(0);
    again(sql, site, id, "pause.change", |pauses, budget| pauses.change(id, days, budget, site.now))
}

/// Ends a pause now.
pub fn end(sql: &Sql, site: &Site<'_>, id: u64) -> Result<Changed, SqlError> {
    let ended = again(sql, site, id, "pause.end", |pauses, _| pauses.end(id, site.now))?;
    Ok(Changed { shown: None, ..ended })
}

#[derive(Deserialize)]
struct Due {
    notify_at: Timestamp,
    pause: Document<Pause>,
}

/// Announces the ends of pauses.
pub fn do_due(sql: &Sql, site: &Site<'_>) -> Result<(), SqlError> {
    let due = "SELECT notify_at, pause FROM pause WHERE notify_at <= ?1 ORDER BY notify_at";
    let due = sql.records::<Due>(due, values![site.now.0])?;
    if due.is_empty() {
        return Ok(());
    }
    sql.change(|change| {
        let policy = policies::current(change)?;
        let is_off = site.judge(&policy).mode() == Mode::Off;
        for Due { notify_at, pause } in due {
            let until = pause.until();
            if let Some((at, which)) = warning_due(notify_at, until, site.now).filter(|_| !is_off) {
                let kind = if which == 0 { "pause.ends_in_7_days" } else { "pause.ends_in_1_day" };
                let text = texts::ends("The pause of enforcement", until);
                notifications::write(change, &Notification { at, kind, server: None, text })?;
            }
            set_notify_at(change, pause.id, next_warning(until, site.now))?;
        }
        Ok(())
    })
}

/// Changes one pause that is there.
fn again(
    sql: &Sql,
    site: &Site<'_>,
    id: u64,
    action: &str,
    how: impl FnOnce(&mut Pauses, u16) -> Result<Pause, PauseError>,
) -> Result<Changed, SqlError> {
    sql.change(|change| {
        let before = one(change, id, site.now)?;
        let changed = change_all(change, site, "days", |pauses, budget| {
            Ok((how(pauses, budget)?, "UPDATE pause SET notify_at = NULL WHERE id = ?1", values![number(id)]))
        })?;
        audit::write(change, site.act(), action, &id.to_string(), (before, changed.shown.clone()))?;
        Ok(changed)
    })
}

/// Changes pauses by `how`, which names the one concerned and the statement that makes room for it, and publishes them.
/// `member`: what has it overlap another one.
fn change_all(
    change: &Change<'_>,
    site: &Site<'_>,
    member: &str,
    how: impl FnOnce(&mut Pauses, u16) -> Result<(Pause, &'static str, Vec<worker::SqlStorageValue>), PauseError>,
) -> Result<Changed, SqlError> {
    let mut policy = policies::editable(change)?;
    let mut pauses = load(change)?;
    let budget = policy.enforcement.policy.pause_days_per_year;
    let (pause, statement, values) = how(&mut pauses, budget).map_err(|error| problem(error, member))?;
    change.run(statement, values)?;
    let kept = change.record::<Kept>("SELECT pause FROM pause WHERE id = ?1", values![number(pause.id)]);
    let document = kept.ok().flatten().map_or_else(|| Document::new(pause), |kept| kept.pause.with(pause));
    change.run("UPDATE pause SET pause = ?2 WHERE id = ?1", values![number(pause.id), to_text(&document)?])?;
    let warned_from = if pause.ended_at.is_some() { pause.until() } else { site.now.max(pause.from) };
    set_notify_at(change, pause.id, next_warning(pause.until(), warned_from))?;
    policy.enforcement.pauses = pauses.freezes().bounded(site.now);
    policy.rev += 1;
    policies::save(change, site, &policy)?;
    let policy = policies::current(change)?;
    upkeep::reassess(change, site, &policy)?;
    judged::set(change, site, policy.rev)?;
    let shown = one(change, pause.id, site.now)?;
    Ok(Changed { policy: Some(Box::new(policy)), shown, ..Changed::default() })
}

fn set_notify_at(change: &Change<'_>, id: u64, at: Option<Timestamp>) -> Result<(), SqlError> {
    change.run("UPDATE pause SET notify_at = ?2 WHERE id = ?1", values![number(id), at.map(|at| at.0)])
}

/// What is stored of a pause for the clocks.
#[derive(Deserialize)]
struct Kept {
    pause: Document<Pause>,
}

fn load(sql: &Sql) -> Result<Pauses, SqlError> {
    let pauses = sql.records::<Kept>("SELECT pause FROM pause ORDER BY id", Vec::new())?;
    Ok(pauses.into_iter().map(|kept| kept.pause.into_value()).collect::<Vec<_>>().into())
}

/// A pause as the API shows it.
fn one(sql: &Sql, id: u64, now: Timestamp) -> Result<Option<String>, SqlError> {
    let row = sql.record(&format!("{ROW} WHERE id = ?1"), values![number(id)])?;
    row.map(|row| to_text(&Shown::new(row, now))).transpose()
}

#[derive(Deserialize)]
struct Row {
    id: i64,
    reason: String,
    created_at: Timestamp,
    created_by: String,
    pause: Document<Pause>,
}

const ROW: &str = "SELECT id, reason, created_at, created_by, pause FROM pause";

/// A pause as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: Written<i64>,
    reason: String,
    days: u16,
    first_day: Date,
    last_day: Date,
    from: Written<Timestamp>,
    until: Written<Timestamp>,
    state: &'static str,
    created_at: Written<Timestamp>,
    created_by: String,
    ended_at: Option<Written<Timestamp>>,
}

impl Shown {
    fn new(row: Row, now: Timestamp) -> Self {
        let Row { id, reason, created_at, created_by, pause } = row;
        Self {
            id: Written(id),
            reason,
            days: pause.days(),
            first_day: pause.first_day(),
            last_day: pause.last_day(),
            from: Written(pause.from),
            until: Written(pause.until()),
            state: pause.state(now).as_str(),
            created_at: Written(created_at),
            created_by,
            ended_at: pause.ended_at.map(Written),
        }
    }
}

fn number(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

fn problem(error: PauseError, member: &str) -> Problem {
    let detail = error.to_string();
    match error {
        PauseError::Days | PauseError::EndsInPast | PauseError::OverBudget { .. } | PauseError::TooMany(_) => {
            Problem::unprocessable(detail).in_field("days")
        }
        PauseError::StartsInPast | PauseError::StartsTooLate => Problem::unprocessable(detail).in_field("starts_on"),
        PauseError::Overlaps(_) => Problem::conflict(detail).in_field(member),
        PauseError::Ended => Problem::conflict(detail),
        PauseError::Unknown => Problem::not_found(detail),
    }
}
