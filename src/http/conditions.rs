//! Changes that are made only of a revision that the caller knows.

use tidegate_wire::problem::Problem;

use super::request::Request;
use super::text::number;

/// An `ETag` is a revision.
pub fn etag(rev: u64) -> String {
    format!("\"{rev}\"")
}

/// The revisions of which `If-Match` asks for any; `None`: whatever it is (RFC 9110, section 13.1.1). A weak tag matches
/// none, nor does one that is no revision.
pub fn if_match(request: &Request) -> Result<Option<IfMatch>, Problem> {
    request.header("if-match").map_or(Ok(None), |tags| revisions(&tags))
}

/// Most tags that are read of one field.
const MAX_TAGS: usize = 32;

/// A condition that something is of one of these revisions.
#[derive(Debug, Eq, PartialEq)]
pub struct IfMatch {
    pub first: u64,
    pub others: Vec<u64>,
}

fn revisions(tags: &str) -> Result<Option<IfMatch>, Problem> {
    if tags.trim() == "*" {
        return Ok(None);
    }
    // a comma within a tag splits it into parts that are none
    let revisions = tags.split(',').take(MAX_TAGS).map(str::trim);
    let mut revisions = revisions.filter_map(|tag| number(tag.strip_prefix('"')?.strip_suffix('"')?));
    let first = revisions.next().ok_or_else(Problem::precondition_failed)?;
    Ok(Some(IfMatch { first, others: revisions.collect() }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_conditional_on_any_of_the_tags_that_are_listed() {
        let read = |tags| revisions(tags).ok().flatten().map(|IfMatch { first, others }| (first, others));
        assert_eq!(read(r#""7""#), Some((7, vec![])));
        assert_eq!(read(r#""99", "1""#), Some((99, vec![1])));
        assert_eq!(read(r#", W/"1" ,"x,y", "3","#), Some((3, vec![])));
        assert_eq!(revisions("*"), Ok(None));
        for none in ["", "7", r#"W/"7""#, r#""+7""#, r#""a""#, r#""7"#] {
            assert_eq!(revisions(none).map_err(|problem| problem.status), Err(412), "{none}");
        }
    }
}
