//! The SMTP reply that goes with a defer or a reject.
//!
//! Everything in it is printable ASCII without `%` and `|`, which mail servers expand or split at, and short enough
//! for one reply line (RFC 5321, section 4.5.3.1.5).

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::action::Action;

/// Octets of a reply's text at most, codes not counted.
pub const MAX_REPLY_BYTES: usize = 400;
const MAX_NAME: usize = 100;
const MAX_URL: usize = 200;

/// A reply: `450 4.7.230 text` or `550 5.7.230 text`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Reply {
    /// 450 or 550.
    pub code: u16,
    /// RFC 3463; the detail 230 is the one that Exchange Online uses.
    pub enhanced: &'static str,
    /// Printable ASCII without `%` and `|`, at most [`MAX_REPLY_BYTES`].
    pub text: String,
}

/// What a template may name. But for the server's name, which a sender wrote, all is printable as it comes: texts of a
/// policy are checked when it is read, the rest are numbers and times of ours.
#[derive(Clone, Copy)]
pub(crate) struct ReplyValues<'a> {
    pub operator: &'a str,
    pub help_url: Option<&'a str>,
    /// Throttle minutes in a defer, block minutes in a reject.
    pub minutes: u8,
    pub server: &'a str,
    pub build: &'a dyn fmt::Display,
    pub required: &'a dyn fmt::Display,
    pub stage: u8,
    pub next_change: &'a dyn fmt::Display,
    pub retry_after: &'a dyn fmt::Display,
}

impl Reply {
    /// `None` for an accept, which needs no reply.
    pub(crate) fn new(action: Action, template: &ReplyTemplate, values: &ReplyValues<'_>) -> Option<Self> {
        let (code, enhanced) = codes(action)?;
        let default =
            if action == Action::Reject { ReplyTemplate::default_block } else { ReplyTemplate::default_throttle };
        let text = template.fill(values);
        // all of it spoke of an address that is not there
        let text = if text.bytes().all(|octet| octet == b' ') { default().fill(values) } else { text };
        Some(Self { code, enhanced, text })
    }

    /// A reply that was given before. `None` for an accept, and for a text that no reply of ours has.
    pub fn repeated(action: Action, text: &str) -> Option<Self> {
        let (code, enhanced) = codes(action)?;
        printable(text, MAX_REPLY_BYTES).ok()?;
        Some(Self { code, enhanced, text: text.to_owned() })
    }
}

const fn codes(action: Action) -> Option<(u16, &'static str)> {
    match action {
        Action::Accept => None,
        Action::Defer => Some((450, "4.7.230")),
        Action::Reject => Some((550, "5.7.230")),
    }
}

/// The text of a reply with `{placeholders}`.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ReplyTemplate {
    text: String,
    /// The whole of the text.
    parts: Vec<Part>,
}

/// Text, and what is put behind it.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Part {
    text: Range<usize>,
    /// Where the full stop stands behind which the placeholder's sentence begins; the text's start where there is none.
    sentence: usize,
    placeholder: Option<Placeholder>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Placeholder {
    Operator,
    HelpUrl,
    Minutes,
    Server,
    Build,
    Required,
    Stage,
    NextChange,
    RetryAfter,
}

impl Placeholder {
    const ALL: [Self; 9] = [
        Self::Operator,
        Self::HelpUrl,
        Self::Minutes,
        Self::Server,
        Self::Build,
        Self::Required,
        Self::Stage,
        Self::NextChange,
        Self::RetryAfter,
    ];

    /// As templates write it, in braces.
    const fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::HelpUrl => "help_url",
            Self::Minutes => "n",
            Self::Server => "server",
            Self::Build => "build",
            Self::Required => "required",
            Self::Stage => "stage",
            Self::NextChange => "next_change",
            Self::RetryAfter => "retry_after",
        }
    }
}

impl ReplyTemplate {
    /// The text of a 450 where the policy has none.
    pub fn default_throttle() -> Self {
        Self::read(
            "Connecting Exchange server version is out-of-date; connection to {operator} throttled for {n} mins/hr. \
              For more information see {help_url}"
                .to_owned(),
        )
    }

    /// The text of a 550 where the policy has none.
    pub fn default_block() -> Self {
        Self::read(
            "Connecting Exchange server version is out-of-date; connection to {operator} blocked for {n} mins/hr. \
              For more information see {help_url}"
                .to_owned(),
        )
    }

    /// Braces that enclose no name of a placeholder are text.
    fn read(text: String) -> Self {
        let (mut parts, mut from) = (Vec::new(), 0);
        for (opens, _) in text.match_indices('{') {
            let name = text.get(opens + 1..).and_then(|behind| behind.split_once('}')).map(|(name, _)| name);
            let named = |placeholder: &Placeholder| name == Some(placeholder.as_str());
            if let Some(placeholder) = Placeholder::ALL.into_iter().find(named) {
                let stop = text.get(from..opens).and_then(|before| before.rfind(". "));
                let sentence = stop.map_or(from, |stop| from + stop);
                parts.push(Part { text: from..opens, sentence, placeholder: Some(placeholder) });
                from = opens + placeholder.as_str().len() + "{}".len();
            }
        }
        parts.push(Part { text: from..text.len(), sentence: from, placeholder: None });
        Self { text, parts }
    }

    fn text(&self, range: Range<usize>) -> &str {
        self.text.get(range).unwrap_or_default()
    }

    fn fill(&self, values: &ReplyValues<'_>) -> String {
        use fmt::Write;
        let mut out = String::with_capacity(self.text.len() + 64);
        let mut ended = false;
        for part in &self.parts {
            // a sentence that ends in an address that is not there is left out
            let lacks_url = part.placeholder == Some(Placeholder::HelpUrl) && values.help_url.is_none();
            let text = self.text(part.text.start..if lacks_url { part.sentence } else { part.text.end });
            let text = text.strip_prefix('.').filter(|_| ended).unwrap_or(text);
            ended = lacks_url && !text.is_empty();
            out.push_str(text);
            let Some(placeholder) = part.placeholder else { continue };
            // writing into a string cannot fail
            let _ = match placeholder {
                Placeholder::Operator => out.write_str(values.operator),
                Placeholder::HelpUrl => out.write_str(values.help_url.unwrap_or(if ended { "." } else { "" })),
                Placeholder::Minutes => {
                    push_number(&mut out, values.minutes);
                    Ok(())
                }
                Placeholder::Server => {
                    out.extend(values.server.bytes().filter(|octet| is_printable(*octet)).map(char::from));
                    Ok(())
                }
                Placeholder::Build => write!(out, "{}", values.build),
                Placeholder::Required => write!(out, "{}", values.required),
                Placeholder::Stage => write!(out, "{}", values.stage),
                Placeholder::NextChange => write!(out, "{}", values.next_change),
                Placeholder::RetryAfter => write!(out, "{}", values.retry_after),
            };
        }
        out.truncate(out.floor_char_boundary(MAX_REPLY_BYTES));
        out
    }
}

/// Appends the digits of a number: every reply has one, and `write!` is slow at it.
fn push_number(out: &mut String, number: u8) {
    let digits = [(100, number / 100), (10, number / 10 % 10), (0, number % 10)];
    out.extend(digits.iter().filter(|(from, _)| number >= *from).map(|(_, digit)| char::from(b'0' + digit)));
}

impl TryFrom<String> for ReplyTemplate {
    type Error = ReplyError;

    fn try_from(text: String) -> Result<Self, ReplyError> {
        printable(&text, MAX_REPLY_BYTES)?;
        let template = Self::read(text);
        let has_brace = template.parts.iter().any(|part| template.text(part.text.clone()).contains(['{', '}']));
        if has_brace { Err(ReplyError::Placeholder) } else { Ok(template) }
    }
}

impl From<ReplyTemplate> for String {
    fn from(template: ReplyTemplate) -> Self {
        template.text
    }
}

/// How replies name the operator.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct OperatorName(String);

impl OperatorName {
    /// As policies write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for OperatorName {
    fn default() -> Self {
        Self("this mail service".to_owned())
    }
}

impl TryFrom<String> for OperatorName {
    type Error = ReplyError;

    fn try_from(text: String) -> Result<Self, ReplyError> {
        printable(&text, MAX_NAME).map(|()| Self(text))
    }
}

impl From<OperatorName> for String {
    fn from(name: OperatorName) -> Self {
        name.0
    }
}

/// Where an administrator finds more: an `https` or `http` address.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct HelpUrl(String);

impl HelpUrl {
    /// As policies write it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for HelpUrl {
    type Error = ReplyError;

    fn try_from(text: String) -> Result<Self, ReplyError> {
        printable(&text, MAX_URL)?;
        let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
        if host.is_none_or(str::is_empty) || text.contains(' ') { Err(ReplyError::Url) } else { Ok(Self(text)) }
    }
}

impl From<HelpUrl> for String {
    fn from(url: HelpUrl) -> Self {
        url.0
    }
}

/// What is wrong with a text that goes into replies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ReplyError {
    /// It is empty, longer than so many octets, or has characters that are not allowed.
    Text(usize),
    /// A brace that belongs to no placeholder.
    Placeholder,
    /// No `http` or `https` address.
    Url,
}

impl fmt::Display for ReplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(most) => write!(f, "needs 1 to {most} printable ASCII characters without `%` and `|`"),
            Self::Placeholder => {
                f.write_str("braces enclose one of:")?;
                Placeholder::ALL.iter().try_for_each(|placeholder| write!(f, " {{{}}}", placeholder.as_str()))
            }
            Self::Url => f.write_str("not an address that begins with `https://` or `http://`"),
        }
    }
}

impl std::error::Error for ReplyError {}

fn printable(text: &str, most: usize) -> Result<(), ReplyError> {
    let valid = (1..=most).contains(&text.len()) && text.bytes().all(is_printable);
    if valid { Ok(()) } else { Err(ReplyError::Text(most)) }
}

const fn is_printable(octet: u8) -> bool {
    matches!(octet, b' '..=b'~') & (octet != b'%') & (octet != b'|')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values<'a>(server: &'a str, help_url: Option<&'a str>) -> ReplyValues<'a> {
        ReplyValues {
            operator: "Example Mail",
            help_url,
            minutes: 5,
            server,
            build: &"15.1.2507.39",
            required: &"15.1.2507.61",
            stage: 2,
            next_change: &"2026-10-10T08:15:08Z",
            retry_after: &240,
        }
    }

    fn fill(template: &str, values: &ReplyValues<'_>) -> String {
        ReplyTemplate::try_from(template.to_owned()).unwrap().fill(values)
    }

    #[test]
    fn a_number_is_written_in_its_digits() {
        for number in 0..=u8::MAX {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn the_default_texts_are_the_originals() {
        let reply =
            Reply::new(Action::Defer, &ReplyTemplate::default_throttle(), &values("x", Some("https://help.example/")));
        let reply = reply.unwrap();
        assert_eq!((reply.code, reply.enhanced), (450, "4.7.230"));
        assert_eq!(
            reply.text,
            "Connecting Exchange server version is out-of-date; connection to Example Mail throttled for 5 mins/hr. \
             For more information see https://help.example/"
        );
        let reply = Reply::new(Action::Reject, &ReplyTemplate::default_block(), &values("x", None)).unwrap();
        assert_eq!((reply.code, reply.enhanced), (550, "5.7.230"));
        assert_eq!(
            reply.text,
            "Connecting Exchange server version is out-of-date; connection to Example Mail blocked for 5 mins/hr."
        );
        assert_eq!(Reply::new(Action::Accept, &ReplyTemplate::default_block(), &values("x", None)), None);
        assert!(
            ReplyTemplate::try_from(ReplyTemplate::default_block().text).is_ok()
                && ReplyTemplate::try_from(ReplyTemplate::default_throttle().text).is_ok()
        );
    }

    #[test]
    fn every_placeholder_is_filled() {
        let template = "{operator}/{help_url}/{n}/{server}/{build}/{required}/{stage}/{next_change}/{retry_after}.";
        let filled = "Example Mail/https://h.example/5/ex01/15.1.2507.39/15.1.2507.61/2/2026-10-10T08:15:08Z/240.";
        assert_eq!(fill(template, &values("ex01", Some("https://h.example"))), filled);
    }

    #[test]
    fn a_sentence_with_an_address_that_is_not_there_is_left_out() {
        let text = |template: &str| {
            let template = ReplyTemplate::try_from(template.to_owned()).unwrap();
            Reply::new(Action::Reject, &template, &values("ex01", None)).unwrap().text
        };
        assert_eq!(text("Blocked. See {help_url}. Ask {operator}."), "Blocked. Ask Example Mail.");
        assert_eq!(text("{server} is blocked. See {help_url}"), "ex01 is blocked.");
        for nothing_left in ["See {help_url}", "{help_url}", " "] {
            assert!(
                text(nothing_left).starts_with("Connecting Exchange server version is out-of-date"),
                "{nothing_left}"
            );
        }
    }

    #[test]
    fn nothing_that_a_sender_wrote_breaks_the_reply_line() {
        let text = fill("by {server}!", &values("a\r\n250 ok%{n}|\u{7f}\0é", None));
        assert_eq!(text, "by a250 ok{n}!");
        let long = "x".repeat(1_000);
        assert_eq!(fill("{server}{server}", &values(&long, None)).len(), MAX_REPLY_BYTES);
    }

    #[test]
    fn only_a_text_that_could_be_ours_is_repeated() {
        let repeated = |action, text: &str| Reply::repeated(action, text).map(|reply| (reply.code, reply.enhanced));
        assert_eq!(repeated(Action::Defer, "later"), Some((450, "4.7.230")));
        assert_eq!(repeated(Action::Reject, "never"), Some((550, "5.7.230")));
        assert_eq!(repeated(Action::Accept, "come in"), None);
        for other in ["", "a\r\n250 ok", "100%", &"x".repeat(401)] {
            assert_eq!(repeated(Action::Reject, other), None, "{other}");
        }
    }

    #[test]
    fn templates_that_mail_servers_would_mangle_are_refused() {
        for wrong in ["", "100%", "a|b", "line\nbreak", "ä", "{who}", "{n", "n}", "{{n}}", "{}", &"x".repeat(401)] {
            assert!(ReplyTemplate::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        for wrong in ["", "help.example", "https://", "ftp://x", "https://a b", "javascript:alert(1)"] {
            assert!(HelpUrl::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }
}
