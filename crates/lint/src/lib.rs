//! Checks the facts under `data/` as they are archived, before anything reads them: columns, sources, order, dates, and
//! that what one file names stands in another. It shares no code with the engine, whose own checks it does not repeat.
//!
//! And it checks the sources, where the compiler does not: which way imports run, and that what decides is pure.

mod baselines;
mod cases;
mod layers;
mod modules;
mod products;
mod releases;
mod report;
mod samples;
mod source;
mod tables;
mod values;

use std::path::Path;

pub use layers::lint as lint_sources;
pub use report::Fault;
use report::Report;

/// What is wrong with the facts in `folder`, by file and line.
pub fn lint(folder: &Path) -> Vec<Fault> {
    let mut faults = Vec::new();
    let samples = samples::lint(&mut Report::open(folder, "received-samples.txt", &mut faults));
    let products = products::lint(&mut Report::open(folder, "products.toml", &mut faults));
    let releases =
        releases::lint(&mut Report::open(folder, "exchange-builds.csv", &mut faults), &products, samples.as_slice());
    for product in &products {
        if !releases.iter().any(|release| release.product == product.name) {
            let message = format!("`{}` has no row in exchange-builds.csv", product.name);
            Report::open(folder, "products.toml", &mut faults).line(product.line, message);
        }
    }
    for name in report::files(folder, "baselines", &mut faults) {
        baselines::lint(&mut Report::open(folder, &name, &mut faults), &products, &releases);
    }
    samples::lint_hosts(&mut Report::open(folder, "exchange-online-hosts.txt", &mut faults));
    cases::lint_other_servers(&mut Report::open(folder, "other-mail-servers.jsonl", &mut faults));
    for name in report::files(folder, "cases", &mut faults).into_iter().filter(|name| name.ends_with(".toml")) {
        cases::lint(&mut Report::open(folder, &name, &mut faults), folder);
    }
    faults.sort();
    faults.dedup();
    faults
}
