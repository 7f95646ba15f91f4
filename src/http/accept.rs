//! Which of two forms a caller would rather have.

use super::text::number;

/// Whether `Accept` asks for CSV rather than for JSON, the two that there are (RFC 9110, section 12.5.1): each has the
/// weight of the range that names it most closely. Of two that are as welcome the one that is named first, else JSON; and
/// JSON where neither is.
pub fn prefers_csv(accept: &str) -> bool {
    let accept = accept.to_ascii_lowercase();
    let ranges: Vec<MediaRange<'_>> = accept.split(',').filter_map(MediaRange::read).collect();
    let of = |names: [&str; 3]| {
        let named = names.iter().find_map(|name| ranges.iter().position(|range| range.name == *name));
        let weight = named.and_then(|at| ranges.get(at)).map_or(0, |range| range.weight);
        let is_exact = named.is_some_and(|at| ranges.get(at).is_some_and(|range| range.name == names[0]));
        (weight, named.filter(|_| is_exact).unwrap_or(usize::MAX))
    };
    let (csv, named_at) = of(["text/csv", "text/*", "*/*"]);
    let (json, json_named_at) = of(["application/json", "application/*", "*/*"]);
    csv > json || (csv == json && csv > 0 && named_at < json_named_at)
}

/// What an `Accept` field names.
struct MediaRange<'a> {
    name: &'a str,
    /// In thousandths.
    weight: u16,
}

impl<'a> MediaRange<'a> {
    /// `None` for what is none, or whose weight is none.
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().filter(|name| !name.is_empty())?;
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        Some(Self { name, weight: weight.map_or(Some(1_000), thousandths)? })
    }
}

/// A weight: 0 to 1 with three digits behind the point at most (RFC 9110, section 12.4.2).
fn thousandths(weight: &str) -> Option<u16> {
    let (whole, part) = weight.split_once('.').unwrap_or((weight, ""));
    let is_part = part.len() <= 3 && part.bytes().all(|octet| octet.is_ascii_digit());
    let whole: u16 = number(whole).filter(|whole| *whole <= 1 && is_part)?;
    let part: u16 = format!("{part:0<3}").parse().ok()?;
    Some(whole * 1_000 + part).filter(|weight| *weight <= 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn csv_is_given_to_who_prefers_it() {
        for accept in [
            "text/csv",
            "text/csv, application/json",
            "text/*",
            "text/csv, */*",
            "TEXT/CSV;header=present;q=0.9",
            "application/json;q=0.5, text/csv;q=0.501",
            "text/csv;q=1.000, application/json;q=1",
            "application/json;q=0, */*",
        ] {
            assert!(prefers_csv(accept), "{accept}");
        }
        for accept in [
            "",
            "*/*",
            "text/csv;q=0",
            "application/json, text/csv",
            "text/csv;q=0, */*;q=0.1",
            "application/xml",
            "text/csv;q=2",
            "text/csv;q=0.9, application/json",
            "text/*;q=0.3, text/csv;q=0, application/*;q=0.1",
        ] {
            assert!(!prefers_csv(accept), "{accept}");
        }
    }
}
