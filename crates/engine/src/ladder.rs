//! The progressive table: how long each stage lasts, and how many minutes of the hour it defers and rejects.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::{DAY, MINUTE};

/// Stages that a ladder has at most.
pub const MAX_STAGES: usize = 32;
/// The longest a stage may last: ten years.
pub(crate) const MAX_STAGE_MINUTES: u32 = 10 * 366 * 24 * 60;

/// 1 to [`MAX_STAGES`] stages, the last one without end.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "Vec<StageDocument>", into = "Vec<StageDocument>")]
pub struct Ladder {
    stages: Vec<LadderStage>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct LadderStage {
    /// Time out of date, in seconds, at which the stage begins.
    start: i64,
    minutes: ClosedMinutes,
}

/// Minutes of the hour that a stage closes: at most 60 together.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ClosedMinutes {
    throttle: u8,
    block: u8,
}

impl ClosedMinutes {
    /// `None` if they are more than 60 together.
    pub const fn new(throttle: u8, block: u8) -> Option<Self> {
        match throttle.checked_add(block) {
            Some(0..=60) => Some(Self { throttle, block }),
            _ => None,
        }
    }

    /// Minutes that defer.
    pub const fn throttle(self) -> u8 {
        self.throttle
    }

    /// Minutes that reject.
    pub const fn block(self) -> u8 {
        self.block
    }

    /// Whether no minute is closed.
    pub const fn is_open(self) -> bool {
        self.throttle == 0 && self.block == 0
    }

    /// Whether a server would lose something by changing from `other` to these.
    pub const fn is_stricter_than(self, other: Self) -> bool {
        self.block > other.block || self.block + self.throttle > other.block + other.throttle
    }
}

/// A stage as seen from a moment on the ladder.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Rung {
    /// Counted from 1.
    pub number: u8,
    /// Minutes of each hour that are closed.
    pub minutes: ClosedMinutes,
    /// Time out of date, in seconds, at which the stage begins.
    pub start: i64,
    /// When the next stage begins; `None` for the last.
    pub end: Option<i64>,
}

impl Ladder {
    /// The rung reached after `elapsed` seconds out of date.
    pub fn at(&self, elapsed: i64) -> Rung {
        let index = self.stages.iter().rposition(|stage| stage.start <= elapsed).unwrap_or(0);
        self.rungs().nth(index).unwrap_or(Rung { number: 1, minutes: ClosedMinutes::default(), start: 0, end: None })
    }

    /// Its stages, the first one first.
    pub fn rungs(&self) -> impl DoubleEndedIterator<Item = Rung> + ExactSizeIterator {
        (0..self.stages.len()).map(|index| {
            let stage =
                self.stages.get(index).copied().unwrap_or(LadderStage { start: 0, minutes: ClosedMinutes::default() });
            let number = u8::try_from(index + 1).unwrap_or(u8::MAX);
            let end = self.stages.get(index + 1).map(|next| next.start);
            Rung { number, minutes: stage.minutes, start: stage.start, end }
        })
    }

    /// How many stages it has: 1 to [`MAX_STAGES`].
    pub fn len(&self) -> usize {
        self.stages.len()
    }

    /// Whether it has no stage, which none is.
    pub fn is_empty(&self) -> bool {
        self.stages.is_empty()
    }

    /// Whether no stage is milder than the one before it. One that is can be read, since it may have been stored before
    /// this was asked for, but no policy can have it any more.
    ///
    /// # Errors
    /// The first stage that is milder than the one before it.
    pub fn check(&self) -> Result<(), LadderError> {
        let falls = |(one, next): &(Rung, Rung)| one.minutes.is_stricter_than(next.minutes);
        match self.rungs().zip(self.rungs().skip(1)).find(falls) {
            Some((_, next)) => Err(LadderError::Falls(next.number)),
            None => Ok(()),
        }
    }

    /// When, on the ladder, a server first loses mail; `None` if no stage closes a minute.
    pub fn first_closed(&self) -> Option<i64> {
        self.stages.iter().find(|stage| !stage.minutes.is_open()).map(|stage| stage.start)
    }
}

impl Default for Ladder {
    /// Exchange Online's: 30 days of report, then every 10 days a step, closed for good on day 90.
    fn default() -> Self {
        let steps =
            [(30, 0, 0), (10, 5, 0), (10, 10, 0), (10, 20, 0), (10, 30, 5), (10, 30, 10), (10, 30, 20), (0, 0, 60)];
        let mut start = 0;
        let stages = steps
            .into_iter()
            .map(|(days, throttle, block)| {
                let stage = LadderStage { start, minutes: ClosedMinutes { throttle, block } };
                start += days * DAY;
                stage
            })
            .collect();
        Self { stages }
    }
}

/// A stage as policies write it: how long it lasts, in `days` or `minutes`, the last one neither.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct StageDocument {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    days: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minutes: Option<u32>,
    throttle_minutes: u8,
    block_minutes: u8,
}

impl TryFrom<Vec<StageDocument>> for Ladder {
    type Error = LadderError;

    fn try_from(documents: Vec<StageDocument>) -> Result<Self, LadderError> {
        if documents.is_empty() || documents.len() > MAX_STAGES {
            return Err(LadderError::Stages(documents.len()));
        }
        let last = documents.len();
        let mut start = 0;
        let mut stages = Vec::with_capacity(documents.len());
        for (number, document) in (1..).zip(&documents) {
            let minutes = ClosedMinutes::new(document.throttle_minutes, document.block_minutes);
            stages.push(LadderStage { start, minutes: minutes.ok_or(LadderError::Hour(number))? });
            let length = match (document.days, document.minutes) {
                (None, None) if number == last => 0,
                (Some(days), None) => days.checked_mul(24 * 60).ok_or(LadderError::Length(number))?,
                (None, Some(minutes)) => minutes,
                (None, None) | (Some(_), Some(_)) => return Err(LadderError::Length(number)),
            };
            match length {
                0 if number == last => {}
                _ if number == last => return Err(LadderError::LastEnds),
                1..=MAX_STAGE_MINUTES => start += i64::from(length) * MINUTE,
                _ => return Err(LadderError::Length(number)),
            }
        }
        Ok(Self { stages })
    }
}

impl From<Ladder> for Vec<StageDocument> {
    fn from(ladder: Ladder) -> Self {
        let document = |rung: Rung| {
            let length = rung.end.map(|end| u32::try_from((end - rung.start) / MINUTE).unwrap_or(u32::MAX));
            let days = length.filter(|minutes| minutes % (24 * 60) == 0).map(|minutes| minutes / (24 * 60));
            StageDocument {
                days,
                minutes: length.filter(|_| days.is_none()),
                throttle_minutes: rung.minutes.throttle,
                block_minutes: rung.minutes.block,
            }
        };
        ladder.rungs().map(document).collect()
    }
}

/// What is wrong with a ladder. Stages count from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LadderError {
    /// It has so many stages: none or too many.
    Stages(usize),
    /// This stage closes more than 60 minutes of an hour.
    Hour(usize),
    /// This stage has no length, two, or one out of bounds.
    Length(usize),
    /// The last stage has a length.
    LastEnds,
    /// This stage is milder than the one before.
    Falls(u8),
}

impl fmt::Display for LadderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stages(count) => write!(f, "a ladder has 1 to {MAX_STAGES} stages, not {count}"),
            Self::Hour(stage) => {
                write!(f, "stage {stage}: `throttle_minutes` and `block_minutes` are at most 60 together")
            }
            Self::Length(stage) => {
                write!(f, "stage {stage}: needs either `days` or `minutes`, one minute or more and ten years at most")
            }
            Self::Falls(stage) => write!(
                f,
                "stage {stage}: neither `block_minutes` nor both kinds of minutes together may be fewer than in the stage before"
            ),
            Self::LastEnds => f.write_str("the last stage has no end: leave out `days` and `minutes`"),
        }
    }
}

impl std::error::Error for LadderError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Ladder, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn the_default_ladder_is_exchange_onlines() {
        let ladder = Ladder::default();
        let rungs: Vec<_> =
            ladder.rungs().map(|rung| (rung.start / DAY, rung.minutes.throttle, rung.minutes.block)).collect();
        let days =
            [(0, 0, 0), (30, 5, 0), (40, 10, 0), (50, 20, 0), (60, 30, 5), (70, 30, 10), (80, 30, 20), (90, 0, 60)];
        assert_eq!(rungs, days);
        assert_eq!(ladder.first_closed(), Some(30 * DAY));
        let text = serde_json::to_string(&ladder).unwrap();
        assert_eq!(read(&text), Ok(ladder));
    }

    #[test]
    fn a_ladder_that_goes_down_again_is_read_but_fails_its_check() {
        let ladder = |rows: &[(u8, u8)]| {
            let last = rows.len() - 1;
            let stage = |(index, (throttle, block)): (usize, &(u8, u8))| {
                let days = if index == last { "" } else { r#""days":1,"# };
                format!(r#"{{{days}"throttle_minutes":{throttle},"block_minutes":{block}}}"#)
            };
            let stages: Vec<_> = rows.iter().enumerate().map(stage).collect();
            read(&format!("[{}]", stages.join(","))).unwrap().check()
        };
        assert_eq!(Ladder::default().check(), Ok(()));
        assert_eq!(ladder(&[(5, 0)]), Ok(()));
        assert_eq!(ladder(&[(60, 0), (0, 60)]), Ok(()), "minutes that defer may come to reject");
        assert_eq!(ladder(&[(5, 5), (5, 5), (4, 6)]), Ok(()));
        assert_eq!(ladder(&[(0, 0), (10, 0), (9, 0)]), Err(LadderError::Falls(3)));
        assert_eq!(ladder(&[(0, 10), (50, 9), (0, 0)]), Err(LadderError::Falls(2)), "fewer that reject");
        assert_eq!(ladder(&[(40, 5), (30, 10), (50, 10)]), Err(LadderError::Falls(2)), "fewer that are closed");
    }

    #[test]
    fn a_stage_begins_at_its_very_second() {
        let ladder = Ladder::default();
        assert_eq!(ladder.at(30 * DAY - 1).number, 1);
        assert_eq!(ladder.at(30 * DAY).number, 2);
        assert_eq!(ladder.at(i64::MAX).number, 8);
        assert_eq!(ladder.at(-5).number, 1);
        assert_eq!(ladder.at(0).end, Some(30 * DAY));
        assert_eq!(ladder.at(90 * DAY).end, None);
    }

    #[test]
    fn a_ladder_that_breaks_its_limits_is_refused_with_the_stage_named() {
        let cases = [
            ("[]", "a ladder has 1 to 32 stages, not 0"),
            (
                r#"[{"days":1,"throttle_minutes":40,"block_minutes":21},{"throttle_minutes":0,"block_minutes":0}]"#,
                "stage 1: `throttle",
            ),
            (
                r#"[{"minutes":0,"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":0,"block_minutes":0}]"#,
                "stage 1: needs",
            ),
            (
                r#"[{"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":0,"block_minutes":0}]"#,
                "stage 1: needs",
            ),
            (
                r#"[{"days":1,"minutes":1,"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":0,"block_minutes":0}]"#,
                "stage 1: needs",
            ),
            (
                r#"[{"days":4000000,"throttle_minutes":0,"block_minutes":0},{"throttle_minutes":0,"block_minutes":0}]"#,
                "stage 1: needs",
            ),
            (r#"[{"days":1,"throttle_minutes":0,"block_minutes":0}]"#, "the last stage has no end"),
            (r#"[{"throttle_minutes":0,"block_minutes":300}]"#, "invalid value"),
            (r#"[{"throttle_minutes":0,"block_minutes":0,"hours":3}]"#, "unknown field"),
        ];
        for (json, expected) in cases {
            let error = read(json).unwrap_err();
            assert!(error.starts_with(expected), "{error}");
        }
        let many = format!(
            "[{}{{\"throttle_minutes\":0,\"block_minutes\":0}}]",
            r#"{"days":1,"throttle_minutes":0,"block_minutes":0},"#.repeat(32)
        );
        assert!(read(&many).is_err());
        assert!(
            read(
                r#"[{"minutes":1,"throttle_minutes":60,"block_minutes":0},{"throttle_minutes":0,"block_minutes":60}]"#
            )
            .is_ok()
        );
    }
}
