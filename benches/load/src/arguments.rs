//! The command line.

use std::net::SocketAddr;
use std::time::Duration;

pub const USAGE: &str = "usage: load --to 127.0.0.1:PORT --path /PATH --body FILE [--header 'NAME: VALUE']... \
[--connections 16] [--seconds 5] [--warmup 1] [--expect TEXT]... [--vary DIGITS]";

pub struct Arguments {
    pub to: SocketAddr,
    pub path: String,
    pub body: Vec<u8>,
    pub headers: Vec<String>,
    pub connections: usize,
    pub measured: Duration,
    pub warmup: Duration,
    /// Every answer must contain each of these.
    pub expect: Vec<Vec<u8>>,
    /// The first place in the body where this stands carries a running number instead, of the same length.
    pub vary: Option<String>,
}

impl Arguments {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut to, mut path, mut body) = (None, None, None);
        let mut arguments = Self {
            to: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: String::new(),
            body: Vec::new(),
            headers: Vec::new(),
            connections: 16,
            measured: Duration::from_secs(5),
            warmup: Duration::from_secs(1),
            expect: Vec::new(),
            vary: None,
        };
        while let Some(option) = words.next() {
            let value = words.next().ok_or_else(|| format!("{option} needs a value\n{USAGE}"))?;
            match option.as_str() {
                "--to" => to = Some(value.parse().map_err(|error| format!("--to {value}: {error}"))?),
                "--path" => path = Some(value),
                "--body" => body = Some(std::fs::read(&value).map_err(|error| format!("--body {value}: {error}"))?),
                "--header" => arguments.headers.push(value),
                "--connections" => arguments.connections = number(&option, &value)?,
                "--seconds" => arguments.measured = Duration::from_secs_f64(number(&option, &value)?),
                "--warmup" => arguments.warmup = Duration::from_secs_f64(number(&option, &value)?),
                "--expect" => arguments.expect.push(value.into_bytes()),
                "--vary" => arguments.vary = Some(value),
                _ => return Err(format!("unknown option {option}\n{USAGE}")),
            }
        }
        arguments.to = to.ok_or(USAGE)?;
        arguments.path = path.ok_or(USAGE)?;
        arguments.body = body.ok_or(USAGE)?;
        Ok(arguments)
    }
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value.parse().map_err(|_| format!("{option} {value}: not a number"))
}
