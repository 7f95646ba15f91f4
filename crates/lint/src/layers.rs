//! Imports run one way: between the crates of the workspace, and between the modules of the engine and of the worker. What
//! decides is pure: no clock, no I/O, no JavaScript.

use std::fs;
use std::path::Path;

use crate::modules;
use crate::report::{Fault, Report};
use crate::source::Source;
use crate::tables;

/// Each crate, by the folder of its manifest, and the crates of the workspace on which it may depend.
const CRATES: [(&str, &[&str]); 7] = [
    ("crates/engine", &[]),
    ("crates/wire", &["tidegate-engine"]),
    ("crates/browser", &["tidegate-engine", "tidegate-wire"]),
    ("crates/milter", &["tidegate-engine", "tidegate-wire"]),
    ("crates/stored", &["tidegate-wire"]),
    ("crates/lint", &[]),
    (".", &["tidegate-engine", "tidegate-stored", "tidegate-wire"]),
];
/// Crates that have no clock, no I/O and no JavaScript.
const PURE: [&str; 3] = ["crates/engine/src", "crates/stored/src", "crates/wire/src"];
/// What of the standard library a pure crate leaves alone.
const IMPURE_STD: [&str; 7] = ["env", "fs", "io", "os", "process", "thread", "time"];
/// What a pure crate never names, whatever it is reached by.
const IMPURE_NAMES: [&str; 9] =
    ["SystemTime", "Instant", "Utc", "Local", "TcpStream", "UdpSocket", "js_sys", "wasm_bindgen", "web_sys"];
/// Where modules are declared layer by layer, lowest first.
const LAYERED: [&str; 2] = ["crates/engine/src", "src"];

/// What is wrong in the workspace at `root`, by file and line.
pub fn lint(root: &Path) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (folder, allowed) in CRATES {
        lint_dependencies(&mut Report::open(root, &format!("{folder}/Cargo.toml"), &mut faults), allowed);
    }
    for folder in PURE {
        for file in rust_files(root, folder, &mut faults) {
            lint_purity(&mut Report::open(root, &file, &mut faults));
        }
    }
    for folder in LAYERED {
        let files = rust_files(root, folder, &mut faults);
        modules::lint(root, folder, &files, &mut faults);
    }
    faults.sort();
    faults.dedup();
    faults
}

fn lint_dependencies(report: &mut Report<'_>, allowed: &[&str]) {
    let text = report.text.clone();
    let Some(manifest) = tables::parse(&text, report) else { return };
    let manifest = tables::Table::of(&manifest);
    let targets = manifest.table("target").into_iter().flat_map(|targets| targets.each());
    for table in [manifest].into_iter().chain(targets) {
        for kind in ["dependencies", "dev-dependencies", "build-dependencies"] {
            let Some(dependencies) = table.table(kind) else { continue };
            for name in dependencies.members.keys() {
                let own = name.get_ref();
                if own.starts_with("tidegate") && !allowed.contains(&own.as_ref()) {
                    report.at(&name.span(), format!("imports run one way: `{own}` is not for this crate"));
                }
            }
        }
    }
}

fn lint_purity(report: &mut Report<'_>) {
    let Some(source) = Source::read(report) else { return };
    let std = source.below("std").into_iter().filter(|import| IMPURE_STD.contains(&import.name.as_str()));
    let named = source.names().filter(|import| IMPURE_NAMES.contains(&import.name.as_str()));
    for import in std.chain(named) {
        report.line(import.line, format!("`{}`: no clock, no I/O and no JavaScript in here", import.name));
    }
}

/// The sources below a folder, in order.
fn rust_files(root: &Path, folder: &str, faults: &mut Vec<Fault>) -> Vec<String> {
    let mut files = Vec::new();
    match fs::read_dir(root.join(folder)) {
        Ok(entries) => {
            for entry in entries.flatten() {
                let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
                if entry.path().is_dir() {
                    files.extend(rust_files(root, &name, faults));
                } else if name.ends_with(".rs") {
                    files.push(name);
                }
            }
        }
        Err(error) => faults.push(Fault { file: folder.into(), line: 0, message: format!("cannot be read: {error}") }),
    }
    files.sort();
    files
}
