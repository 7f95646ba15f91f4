//! Log lines on standard error: one JSON object each, printable ASCII whatever a sender wrote.

use std::fmt::{self, Write as _};
use std::io::Write as _;

use serde::Deserialize;
use tidegate_engine::Timestamp;

/// Characters of one value.
const MAX_VALUE: usize = 400;

/// How much is told. Each level tells what those before it do.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, Ord, PartialEq, PartialOrd)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    Warn,
    /// Deferred and rejected messages.
    #[default]
    Info,
    /// Every message.
    Debug,
}

impl Level {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// A member of a line. `None` is left out.
pub type Member<'a> = (&'static str, Option<&'a dyn fmt::Display>);

#[derive(Clone, Copy, Debug)]
pub struct Log {
    pub level: Level,
}

impl Log {
    /// Writes one line; nobody can be told where that fails.
    pub fn tell(self, level: Level, event: &str, members: &[Member<'_>]) {
        if level <= self.level {
            let line = line(now(), level, event, members);
            let _ = std::io::stderr().lock().write_all(line.as_bytes());
        }
    }
}

fn line(now: Timestamp, level: Level, event: &str, members: &[Member<'_>]) -> String {
    let mut line = format!("{{\"time\":\"{now}\",\"level\":\"{}\",\"event\":\"{event}\"", level.as_str());
    for (name, value) in members {
        if let Some(value) = value {
            let _ = write!(line, ",\"{name}\":\"");
            let _ = write!(Escaped { line: &mut line, left: MAX_VALUE }, "{value}");
            line.push('"');
        }
    }
    line.push_str("}\n");
    line
}

/// The inside of a JSON string: whatever is not printable ASCII is written by its number.
struct Escaped<'a> {
    line: &'a mut String,
    left: usize,
}

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for char in text.chars() {
            self.left = self.left.checked_sub(1).ok_or(fmt::Error)?;
            match char {
                '"' | '\\' => self.line.extend(['\\', char]),
                ' '..='~' => self.line.push(char),
                other => {
                    for unit in other.encode_utf16(&mut [0; 2]) {
                        write!(self.line, "\\u{unit:04x}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

#[allow(clippy::disallowed_methods, reason = "a log line has the time of its writing")]
fn now() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_stays_within_its_string() {
        let hostile = "a\"\\\r\n\u{1b}[2J\u{9b}\u{202e}\u{1f4a9}";
        let line = line(Timestamp(0), Level::Warn, "decision", &[("helo", Some(&hostile)), ("none", None)]);
        assert_eq!(
            line,
            "{\"time\":\"1970-01-01T00:00:00Z\",\"level\":\"warn\",\"event\":\"decision\",\
             \"helo\":\"a\\\"\\\\\\u000d\\u000a\\u001b[2J\\u009b\\u202e\\ud83d\\udca9\"}\n"
        );
        let read: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["helo"], hostile);
    }

    #[test]
    fn long_text_is_cut() {
        let long = line(Timestamp(0), Level::Info, "x", &[("helo", Some(&"h".repeat(10_000)))]);
        assert!(long.len() < 600 && long.ends_with("h\"}\n"));
    }
}
