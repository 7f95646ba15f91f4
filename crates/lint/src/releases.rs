//! `exchange-builds.csv`.

use std::collections::BTreeMap;

use csv::StringRecord;

use crate::products::Product;
use crate::report::Report;
use crate::samples::Sample;
use crate::values::{self, Build, ReleaseDate};

const COLUMNS: [&str; 10] =
    ["product", "cu", "su", "release_date", "build", "extended_support_end", "kind", "stamped", "source", "notes"];

pub struct Release {
    pub product: String,
    pub build: Build,
    pub date: ReleaseDate,
}

/// The cells of a row.
struct Row<'a> {
    line: usize,
    product: &'a str,
    cu: &'a str,
    su: &'a str,
    release_date: &'a str,
    build: &'a str,
    extended_support_end: &'a str,
    kind: &'a str,
    stamped: &'a str,
    source: &'a str,
}

pub fn lint(report: &mut Report<'_>, products: &[Product], samples: &[Sample]) -> Vec<Release> {
    let text = report.text.clone();
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = reader.records();
    if !records.next().is_some_and(|header| header.is_ok_and(|header| header.iter().eq(COLUMNS))) {
        report.line(1, format!("the columns are not {}", COLUMNS.join(",")));
        return Vec::new();
    }
    let mut releases: Vec<Release> = Vec::new();
    let mut seen = BTreeMap::new();
    for record in records {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                report.line(0, format!("no CSV: {error}"));
                continue;
            }
        };
        let line = record.position().map_or(0, |position| usize::try_from(position.line()).unwrap_or(0));
        let Some(row) = cells(&record, line) else {
            report.line(line, format!("{} cells, not {}", record.len(), COLUMNS.len()));
            continue;
        };
        let Some(release) = check(&row, products, samples, report) else {
            continue;
        };
        if let Some(first) = seen.insert(release.build, line) {
            report.line(line, format!("build {} stands twice, first in line {first}", row.build));
        } else if let Some(before) = releases.last() {
            in_order(&row, &release, before, report);
        }
        releases.push(release);
    }
    releases
}

fn cells(record: &StringRecord, line: usize) -> Option<Row<'_>> {
    let cells: Vec<_> = record.iter().collect();
    let [product, cu, su, release_date, build, extended_support_end, kind, stamped, source, _notes] = *cells else {
        return None;
    };
    Some(Row { line, product, cu, su, release_date, build, extended_support_end, kind, stamped, source })
}

fn check(row: &Row<'_>, products: &[Product], samples: &[Sample], report: &mut Report<'_>) -> Option<Release> {
    let Row { line, build: number, .. } = *row;
    if row.source.trim().is_empty() {
        report.line(line, format!("{number} has no source"));
    }
    if row.cu.is_empty() {
        report.line(line, format!("{number} has no name in the column cu"));
    }
    if let Err(expected) = kind(row) {
        report.line(line, format!("kind `{}` does not fit `{} {}`: {expected}", row.kind, row.cu, row.su));
    }
    let product = products.iter().find(|product| product.name == row.product);
    if product.is_none() {
        report.line(line, format!("`{}` is no product of products.toml", row.product));
    }
    let date = ReleaseDate::parse(row.release_date);
    if date.is_none() {
        report.line(line, format!("release date `{}` is neither a day nor a month", row.release_date));
    }
    let build = Build::parse(number).filter(|_| number.matches('.').count() >= 2);
    let Some(build) = build else {
        report.line(line, format!("`{number}` is no build of three or four numbers"));
        return None;
    };
    let date = date?;
    if let Some(product) = product {
        if !product.contains(build) {
            report.line(line, format!("{number} lies outside the builds of `{}`", product.name));
        }
        extended_support(row, product, date, report);
    }
    stamped(row, date, samples, report);
    Some(Release { product: row.product.into(), build, date })
}

/// Whether the kind is a word of the list, and the one that the names say.
fn kind(row: &Row<'_>) -> Result<(), &'static str> {
    let name = row.su.split_once('U').map_or(row.su, |(name, _)| name);
    let update = |letter| name.len() == 6 && name.ends_with(letter);
    let (fits, expected) = match row.kind {
        "preview" => (row.su.is_empty() && row.cu == "Preview", "a preview has cu Preview and no su"),
        "rtm" => (row.su.is_empty() && row.cu == "RTM", "an rtm has cu RTM and no su"),
        "cu" => (row.su.is_empty() && row.cu.starts_with("CU"), "a cu has a cu such as CU23 and no su"),
        "sp" => (row.su.is_empty() && row.cu.starts_with("SP"), "an sp has a cu such as SP3 and no su"),
        "su" => (update('S'), "an su has a su such as Oct25SU"),
        "hu" => (update('H'), "an hu has a su such as Apr24HU"),
        "ru" => (row.su.starts_with("RU") || row.su.starts_with("post-SP"), "an ru has a su such as RU30 or post-SP2"),
        _ => (false, "it is none of preview, rtm, cu, sp, ru, su, hu"),
    };
    if fits { Ok(()) } else { Err(expected) }
}

fn extended_support(row: &Row<'_>, product: &Product, date: ReleaseDate, report: &mut Report<'_>) {
    if row.extended_support_end.is_empty() {
        return;
    }
    match values::day(row.extended_support_end) {
        None => report.line(row.line, format!("extended support's end `{}` is no day", row.extended_support_end)),
        Some(end) if end < date.last => {
            report.line(row.line, format!("{} came out after the end of its extended support", row.build));
        }
        Some(_) if date.first <= product.end_of_support => {
            report.line(row.line, format!("{} came out before extended support began", row.build));
        }
        Some(_) => {}
    }
}

/// Where the number was seen in a `Received` field of the SMTP component: a repository's file, a block of the samples, or
/// a list with date and host.
fn stamped(row: &Row<'_>, date: ReleaseDate, samples: &[Sample], report: &mut Report<'_>) {
    let Row { line, build, stamped, .. } = *row;
    if stamped.is_empty() {
        return;
    }
    if let Some(number) = stamped.strip_prefix("received-samples.txt n ") {
        let shows = |sample: &&Sample| sample.number == number && sample.builds.iter().any(|shown| shown == build);
        if samples.iter().find(shows).is_none() {
            report.line(line, format!("{build} is not stamped in block {number} of received-samples.txt"));
        }
        return;
    }
    if let Some((repository, rest)) = stamped.split_once('@')
        && let Some((commit, path)) = rest.split_once(':')
    {
        let hex = commit.len() >= 12 && commit.bytes().all(|octet| octet.is_ascii_hexdigit());
        if repository.matches('/').count() == 1 && hex && !path.is_empty() {
            return;
        }
    }
    let seen = stamped.split(' ').find_map(values::day);
    match seen.filter(|_| stamped.contains(" by ")) {
        Some(seen) if seen < date.first => {
            report.line(line, format!("{build} cannot have been stamped on {seen}, before its release"));
        }
        Some(_) => {}
        None => report.line(
            line,
            format!(
                "`{stamped}` is neither owner/repository@commit:path, received-samples.txt n N, nor LIST DAY by HOST"
            ),
        ),
    }
}

fn in_order(row: &Row<'_>, release: &Release, before: &Release, report: &mut Report<'_>) {
    if release.build < before.build {
        report.line(row.line, format!("{} stands below {}: rows rise by number", release.build, before.build));
    } else if release.build.lane() == before.build.lane() && release.date.last < before.date.first {
        report.line(row.line, format!("{} came out before {}, which is lower", release.build, before.build));
    }
}
