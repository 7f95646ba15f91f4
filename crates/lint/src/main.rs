//! `tidegate-lint FOLDER` checks the facts and the sources of the workspace in a folder, `.` if none is named. Exit code 1
//! if something is wrong.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let root = std::env::args().nth(1).unwrap_or_else(|| ".".into());
    let facts = tidegate_lint::lint(&Path::new(&root).join("data"));
    for fault in &facts {
        eprintln!("data/{fault}");
    }
    let sources = tidegate_lint::lint_sources(Path::new(&root));
    for fault in &sources {
        eprintln!("{fault}");
    }
    if facts.is_empty() && sources.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
