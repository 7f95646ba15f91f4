//! `received-samples.txt` and `exchange-online-hosts.txt`.

use std::collections::BTreeSet;

use crate::report::Report;
use crate::values;

const KINDS: [&str; 7] = ["onprem", "onprem-nobuild", "onprem-legacy", "component-trap", "exo", "other", "synthetic"];

/// One block.
pub struct Sample {
    pub number: String,
    /// In the short form, as its `id` clauses show them.
    pub builds: Vec<String>,
}

/// The block that is being read.
#[derive(Default)]
struct Block {
    line: usize,
    number: Option<String>,
    kind: Option<String>,
    source: bool,
    yields: bool,
    header: String,
}

/// The preamble is a block without header.
pub fn lint(report: &mut Report<'_>) -> Vec<Sample> {
    let text = report.text.clone();
    let mut samples: Vec<Sample> = Vec::new();
    let mut block = Block { line: 1, ..Block::default() };
    let mut first = true;
    for (index, line) in text.lines().enumerate().chain([(text.lines().count(), "-----")]) {
        if line == "-----" {
            if !first && (block.number.is_some() || !block.header.is_empty()) {
                end(&block, &mut samples, report);
            }
            first = false;
            block = Block { line: index + 2, ..Block::default() };
            continue;
        }
        if first {
            continue;
        }
        match line.strip_prefix("# ").and_then(|note| note.split_once(": ")) {
            Some(("n", number)) => block.number = Some(number.into()),
            Some(("kind", kind)) => block.kind = Some(kind.into()),
            Some(("source", source)) => block.source = !source.is_empty(),
            Some(("yields", yields)) => block.yields = yields.contains("finding="),
            _ if line.starts_with('#') => {}
            _ => {
                if let Some(local) = values::personal_address(line) {
                    report.line(index + 1, format!("the address of `{local}` is personal: replace it"));
                }
                block.header.push_str(line);
                block.header.push('\n');
            }
        }
    }
    samples
}

fn end(block: &Block, samples: &mut Vec<Sample>, report: &mut Report<'_>) {
    let line = block.line;
    let number = block.number.clone().unwrap_or_default();
    let place = values::digits(&number);
    if place.is_none() {
        report.line(line, "the block has no number (# n:)");
    } else if samples.last().and_then(|before| values::digits(&before.number)) >= place {
        report.line(line, format!("block {number} stands below a higher number"));
    }
    match &block.kind {
        Some(kind) if KINDS.contains(&kind.as_str()) => {}
        kind => {
            let kind = kind.as_deref().unwrap_or_default();
            report.line(line, format!("kind `{kind}` is none of {}", KINDS.join(", ")));
        }
    }
    if !block.source {
        report.line(line, format!("block {number} has no source"));
    }
    if !block.yields {
        report.line(line, format!("block {number} does not say what it yields"));
    }
    let words: Vec<_> = block.header.split_ascii_whitespace().collect();
    let ids = words.iter().zip(words.iter().skip(1)).filter(|(word, _)| **word == "id");
    let builds = ids.map(|(_, build)| build.trim_end_matches(';').to_owned()).collect();
    samples.push(Sample { number, builds });
}

/// One host family a line, in order.
pub fn lint_hosts(report: &mut Report<'_>) {
    let text = report.text.clone();
    let mut seen = BTreeSet::new();
    let mut before = "";
    for (index, host) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        if !values::is_host(host) {
            report.line(index + 1, format!("`{host}` is no host in lower case"));
        }
        if !seen.insert(host) {
            report.line(index + 1, format!("host `{host}` stands twice"));
        } else if host < before {
            report.line(index + 1, format!("host `{host}` stands below `{before}`: they rise"));
        }
        before = host;
    }
}
