//! Imports run one way: between the crates of the workspace, and between the modules of the engine. What decides is pure:
//! no clock, no I/O, no JavaScript.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::report::{Fault, Report};
use crate::source::{Import, Source};
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
/// Where the modules of the engine are declared, layer by layer, lowest first.
const ENGINE: &str = "crates/engine/src";

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
    lint_modules(root, &mut faults);
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

/// Which module imports which, with the first place where it does.
type Imports = BTreeMap<String, BTreeMap<String, Place>>;

#[derive(Clone)]
struct Place {
    file: String,
    line: usize,
}

fn lint_modules(root: &Path, faults: &mut Vec<Fault>) {
    let layers = layers(&mut Report::open(root, &format!("{ENGINE}/lib.rs"), faults));
    let mut modules = Imports::new();
    // within a folder, a module's own files
    let mut below: BTreeMap<String, Imports> = BTreeMap::new();
    for file in rust_files(root, ENGINE, faults) {
        let path: Vec<&str> = file.trim_start_matches(ENGINE).trim_matches('/').split('/').collect();
        let (module, part) = match path.as_slice() {
            [module] => (module.trim_end_matches(".rs"), None),
            [module, part] => (*module, Some(part.trim_end_matches(".rs"))),
            _ => {
                faults.push(Fault { file, line: 0, message: "a module of a module's module".into() });
                continue;
            }
        };
        if module == "lib" {
            continue;
        }
        let mut report = Report::open(root, &file, faults);
        let Some(source) = Source::read(&mut report) else { continue };
        if !layers.contains_key(module) {
            report.line(0, format!("`{module}` stands in no layer of lib.rs"));
        }
        for Import { name, line } in source.below("crate") {
            if !layers.contains_key(&name) {
                report.line(line, format!("`crate::{name}` is no module: name the one in which it stands"));
            } else if name != module {
                let place = Place { file: file.clone(), line };
                modules.entry(module.into()).or_default().entry(name).or_insert(place);
            }
        }
        for Import { name, line } in source.below("super") {
            match part {
                Some(part) if name != part => {
                    let place = Place { file: file.clone(), line };
                    let parts = below.entry(module.into()).or_default();
                    parts.entry(part.into()).or_default().entry(name).or_insert(place);
                }
                Some(_) => {}
                None => report.line(line, format!("`super::{name}`: write `crate::{name}`")),
            }
        }
    }
    lint_order(&mut modules, &layers, faults);
    lint_circles(&modules, faults);
    for parts in below.values() {
        lint_circles(parts, faults);
    }
}

/// The layer of each module: their declarations stand in paragraphs, one for each layer.
fn layers(report: &mut Report<'_>) -> BTreeMap<String, usize> {
    let mut layers = BTreeMap::new();
    let mut layer = 0;
    for (index, line) in report.text.clone().lines().enumerate() {
        if line.trim().is_empty() {
            layer += 1;
        }
        let Some(module) = line.strip_prefix("mod ").and_then(|rest| rest.strip_suffix(';')) else { continue };
        if layers.insert(module.to_owned(), layer).is_some() {
            report.line(index + 1, format!("`{module}` stands in two layers"));
        }
    }
    if layers.is_empty() {
        report.line(0, "declares no module");
    }
    layers
}

/// Names the imports from a higher layer, and leaves the others.
fn lint_order(modules: &mut Imports, layers: &BTreeMap<String, usize>, faults: &mut Vec<Fault>) {
    for (module, imports) in modules {
        imports.retain(|imported, Place { file, line }| {
            let runs_back = layers.get(imported) > layers.get(module);
            if runs_back {
                let message = format!("imports run one way: `{imported}` is of a higher layer than `{module}`");
                faults.push(Fault { file: file.clone(), line: *line, message });
            }
            !runs_back
        });
    }
}

/// An import from where an import leads back.
fn lint_circles(modules: &Imports, faults: &mut Vec<Fault>) {
    for (module, imports) in modules {
        for (imported, Place { file, line }) in imports {
            if reaches(modules, imported, module) {
                let message = format!("imports run one way: `{imported}` leads back to `{module}`");
                faults.push(Fault { file: file.clone(), line: *line, message });
            }
        }
    }
}

fn reaches(modules: &Imports, from: &str, to: &str) -> bool {
    let (mut seen, mut left) = (BTreeSet::new(), vec![from]);
    while let Some(module) = left.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            left.extend(modules.get(module).into_iter().flat_map(|imports| imports.keys().map(String::as_str)));
        }
    }
    false
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
