//! `POST /v1/decide/batch`: a body of many events, taken apart. What is wrong inside one event is that event's matter.

use crate::problem::Problem;

/// Events of one request.
pub const MAX_EVENTS: usize = 256;

/// How events are put together, in the request and in its answer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// A JSON array.
    Array,
    /// One JSON value a line.
    Lines,
}

#[derive(Debug)]
pub struct Batch<'a> {
    pub form: Form,
    /// Each as it was sent, at most [`MAX_EVENTS`].
    pub events: Vec<&'a [u8]>,
}

impl<'a> Batch<'a> {
    /// `is_lines`: the caller says so; else it is told by the first octet.
    pub fn split(body: &'a [u8], is_lines: bool) -> Result<Self, Problem> {
        let trimmed = body.trim_ascii();
        match trimmed.first() {
            _ if is_lines => Self::lines(trimmed),
            Some(b'{') => Self::lines(trimmed),
            Some(b'[') => Ok(Self { form: Form::Array, events: elements(trimmed)? }),
            _ => Err(Problem::bad_request("a JSON array is expected, or one JSON object a line")),
        }
    }

    fn lines(body: &'a [u8]) -> Result<Self, Problem> {
        let mut events = Vec::new();
        for line in body.split(|octet| *octet == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
            push(&mut events, line)?;
        }
        Ok(Self { form: Form::Lines, events })
    }
}

/// The elements of a JSON array. Only strings and brackets are looked at, so that a fault inside an element stays there.
fn elements(array: &[u8]) -> Result<Vec<&[u8]>, Problem> {
    let malformed = || Problem::bad_request("malformed JSON: the array does not end, or something follows it");
    let mut events = Vec::new();
    let (mut depth, mut start, mut in_string, mut escaped) = (0_usize, 1, false, false);
    for (at, octet) in array.iter().enumerate() {
        if in_string {
            match octet {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match octet {
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.checked_sub(1).ok_or_else(malformed)?,
            _ => {}
        }
        let ends = depth == 0;
        if ends || depth == 1 && *octet == b',' {
            let element = array.get(start..at).unwrap_or_default().trim_ascii();
            let is_empty_array = ends && events.is_empty() && element.is_empty();
            if !is_empty_array {
                push(&mut events, element)?;
            }
            start = at + 1;
        }
        if ends {
            return if start == array.len() && *octet == b']' { Ok(events) } else { Err(malformed()) };
        }
    }
    Err(malformed())
}

fn push<'a>(events: &mut Vec<&'a [u8]>, event: &'a [u8]) -> Result<(), Problem> {
    if events.len() >= MAX_EVENTS {
        return Err(Problem::unprocessable(format!("at most {MAX_EVENTS} events")));
    }
    events.push(event);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(body: &str, is_lines: bool) -> Result<(Form, Vec<String>), u16> {
        let text = |event: &&[u8]| String::from_utf8_lossy(event).into_owned();
        let batch = Batch::split(body.as_bytes(), is_lines).map_err(|problem| problem.status)?;
        Ok((batch.form, batch.events.iter().map(text).collect()))
    }

    #[test]
    fn an_array_is_taken_apart_at_its_commas_alone() {
        let (form, events) = split(r#" [ {"a":[1,2],"b":"],}\"[,"} , 5,{"c":{}}, [] ,"x\\"]"#, false).unwrap();
        assert_eq!(form, Form::Array);
        assert_eq!(events, [r#"{"a":[1,2],"b":"],}\"[,"}"#, "5", r#"{"c":{}}"#, "[]", r#""x\\""#]);
        assert_eq!(split("[]", false), Ok((Form::Array, vec![])));
        assert_eq!(split("[ \n ]", false), Ok((Form::Array, vec![])));
        assert_eq!(split("[,1]", false), Ok((Form::Array, vec![String::new(), "1".into()])));
    }

    #[test]
    fn lines_are_told_by_the_type_or_the_first_octet() {
        let expected = Ok((Form::Lines, vec!["{\"a\":1}".to_owned(), "{}".to_owned()]));
        assert_eq!(split("{\"a\":1}\r\n\n{}\n", false), expected);
        assert_eq!(split("\n{\"a\":1}\n{}", true), expected);
        assert_eq!(split("[1]\n5", true), Ok((Form::Lines, vec!["[1]".into(), "5".into()])));
        assert_eq!(split("", true), Ok((Form::Lines, vec![])));
    }

    #[test]
    fn what_is_no_batch_is_refused() {
        for body in ["", "5", "[{", "[1", "[1]]", "[1] [2]", "[\"a]", "[1}", "\"x\""] {
            assert_eq!(split(body, false), Err(400), "{body}");
        }
        let many = format!("[{}]", vec!["{}"; MAX_EVENTS + 1].join(","));
        assert_eq!(split(&many, false), Err(422));
        assert_eq!(split(&"{}\n".repeat(MAX_EVENTS + 1), false), Err(422));
        assert_eq!(split(&"{}\n".repeat(MAX_EVENTS), false).map(|(_, events)| events.len()), Ok(MAX_EVENTS));
    }
}
