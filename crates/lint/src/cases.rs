//! `cases/*.toml` and `other-mail-servers.jsonl`.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};
use toml::de::DeValue;

use crate::report::Report;
use crate::tables::{self, Table};
use crate::values;

const FINDINGS: [&str; 6] = ["server", "exchange_online", "legacy_smtp", "not_exchange", "unreadable", "no_hop"];

/// What a case may state; `messages.toml` names a file in place of a header.
const MEMBERS: [&str; 10] =
    ["name", "why", "source", "connector", "client_ip", "own_hops", "trusted_relays", "header", "file", "yields"];
const YIELDS: [&str; 15] = [
    "finding",
    "behind_relay",
    "field",
    "component",
    "id",
    "build",
    "shown",
    "peers",
    "state",
    "servers",
    "messages",
    "exchange_online_hops",
    "handed_over_by",
    "or_finding",
    "or_told",
];

pub fn lint(report: &mut Report<'_>, folder: &Path) {
    let text = report.text.clone();
    let Some(file) = tables::parse(&text, report) else {
        return;
    };
    let file = Table::of(&file);
    file.only(&["case"], report);
    let cases = file.tables("case");
    if cases.is_empty() {
        report.line(1, "no case");
    }
    let mut names = BTreeSet::new();
    for case in &cases {
        case.only(&MEMBERS, report);
        if let Some(name) = case.text("name", report)
            && !names.insert(name)
        {
            report.at(&case.span, format!("case `{name}` stands twice"));
        }
        case.text("source", report);
        header(case, report, folder);
        match case.table("yields") {
            Some(yields) => lint_yields(&yields, report),
            None => report.at(&case.span, "the case does not say what it yields"),
        }
    }
}

fn header(case: &Table<'_, '_>, report: &mut Report<'_>, folder: &Path) {
    match (case.get("header"), case.get("file")) {
        (Some(_), None) => {
            let Some(header) = case.text("header", report) else {
                return;
            };
            if !header.lines().any(|line| line.to_ascii_lowercase().starts_with("received:")) {
                report.at(&case.span, "the header has no Received field");
            }
            if let Some(local) = values::personal_address(header) {
                report.at(&case.span, format!("the address of `{local}` is personal: replace it"));
            }
        }
        (None, Some(_)) => {
            if let Some(file) = case.text("file", report)
                && !folder.join("cases").join(file).is_file()
            {
                report.at(&case.span, format!("there is no file cases/{file}"));
            }
        }
        _ => report.at(&case.span, "a case has either a header or a file"),
    }
}

fn lint_yields(yields: &Table<'_, '_>, report: &mut Report<'_>) {
    yields.only(&YIELDS, report);
    if let Some(finding) = yields.get("finding").map(|finding| finding.get_ref()) {
        let word = finding.as_str().unwrap_or_default();
        if !FINDINGS.contains(&word) {
            report.at(&yields.span, format!("finding `{word}` is none of {}", FINDINGS.join(", ")));
        }
    } else if yields.get("servers").is_none() {
        report.at(&yields.span, "`finding` is missing");
    }
    if let Some(build) = yields.get("build") {
        let text = build.get_ref().as_str().unwrap_or_default();
        if values::Build::parse(text).is_none() {
            report.at(&build.span(), format!("`{text}` is no build"));
        }
    }
    for server in yields.tables("servers") {
        server.only(&["by", "build"], report);
        server.text("by", report);
    }
    if let Some(peers) = yields.get("peers")
        && !matches!(peers.get_ref(), DeValue::Array(_))
    {
        report.at(&peers.span(), "`peers` is no list of addresses");
    }
}

/// One JSON object a line.
pub fn lint_other_servers(report: &mut Report<'_>) {
    let text = report.text.clone();
    for (index, line) in text.lines().enumerate() {
        let row: Map<String, Value> = match serde_json::from_str(line) {
            Ok(row) => row,
            Err(error) => {
                report.line(index + 1, format!("no JSON object: {error}"));
                continue;
            }
        };
        for member in ["product", "field", "header", "source", "observed", "enforceable"] {
            if row.get(member).and_then(Value::as_str).is_none_or(|text| text.trim().is_empty()) {
                report.line(index + 1, format!("`{member}` is missing or no text"));
            }
        }
        let observed = row.get("observed").and_then(Value::as_str).unwrap_or_default();
        if !observed.is_empty() && values::day(observed).is_none() {
            report.line(index + 1, format!("observed `{observed}` is no day"));
        }
        if let Some(local) = values::personal_address(row.get("header").and_then(Value::as_str).unwrap_or_default()) {
            report.line(index + 1, format!("the address of `{local}` is personal: replace it"));
        }
    }
}
