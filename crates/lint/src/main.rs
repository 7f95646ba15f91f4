//! `tidegate-lint FOLDER` checks the facts in a folder such as `data/`. Exit code 1 if something is wrong.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let folder = std::env::args().nth(1).unwrap_or_else(|| "data".into());
    let faults = tidegate_lint::lint(Path::new(&folder));
    for fault in &faults {
        eprintln!("{fault}");
    }
    if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
