//! Imports between the modules of a crate run one way: down the layers in which `lib.rs` declares them, and in no circle;
//! nor do the parts of a module import each other in one. A module that is an object of its own has a `protocol`, which lies
//! below it: others of its layer know it by that alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::report::{Fault, Report};
use crate::source::{Import, Source};

/// The submodule of what a module says to others of its layer.
const PROTOCOL: &str = "protocol";

/// Which module imports which, with the first place where it does.
type Imports = BTreeMap<String, BTreeMap<String, Place>>;
/// The layer of each module, from below.
type Layers = BTreeMap<String, usize>;

#[derive(Clone)]
struct Place {
    file: String,
    line: usize,
}

/// What the files below a folder import of each other.
#[derive(Default)]
struct Found {
    modules: Imports,
    /// By folder, its own files and folders.
    parts: BTreeMap<String, Imports>,
}

/// Names what is wrong with the imports of `files`, which lie below `folder`.
pub fn lint(root: &Path, folder: &str, files: &[String], faults: &mut Vec<Fault>) {
    let declared = layers(&mut Report::open(root, &format!("{folder}/lib.rs"), faults));
    let paths: Vec<(&String, Vec<&str>)> = files.iter().map(|file| (file, names(folder, file))).collect();
    let layers = with_protocols(declared, &paths);
    let mut found = Found::default();
    for (file, path) in &paths {
        if path.as_slice() != ["lib"] {
            found.take_in(&mut Report::open(root, file, faults), file, path, &layers);
        }
    }
    lint_order(&mut found.modules, &layers, faults);
    lint_circles(&found.modules, faults);
    for parts in found.parts.values() {
        lint_circles(parts, faults);
    }
}

impl Found {
    fn take_in(&mut self, report: &mut Report<'_>, file: &str, place: &[&str], layers: &Layers) {
        let Some(source) = Source::read(report) else { return };
        let Some(module) = place.first().copied() else { return };
        if !layers.contains_key(module) {
            report.line(0, format!("`{module}` stands in no layer of lib.rs"));
        }
        let own = protocol_of(place.first().copied(), place.get(1).copied(), layers).unwrap_or_else(|| module.into());
        for path in source.paths("crate") {
            let Import { name, line } = path.first;
            let imported = protocol_of(Some(&name), path.second.as_deref(), layers).unwrap_or_else(|| name.clone());
            if !layers.contains_key(&name) {
                report.line(line, format!("`crate::{name}` is no module: name the one in which it stands"));
            } else if name != module {
                add(&mut self.modules, &own, imported, Place { file: file.into(), line });
            } else if let ([_, part, ..], Some(second)) = (place, path.second)
                && second != *part
            {
                let parts = self.parts.entry(name).or_default();
                add(parts, part, second, Place { file: file.into(), line });
            }
        }
        for Import { name, line } in source.below("super") {
            match place {
                [module, PROTOCOL] => {
                    add(&mut self.modules, &own, (*module).to_owned(), Place { file: file.into(), line });
                }
                [folders @ .., part] if !folders.is_empty() && name != *part => {
                    let parts = self.parts.entry(folders.join("/")).or_default();
                    add(parts, part, name, Place { file: file.into(), line });
                }
                [_] => report.line(line, format!("`super::{name}`: write `crate::{name}`")),
                _ => {}
            }
        }
    }
}

fn add(imports: &mut Imports, module: &str, imported: String, place: Place) {
    imports.entry(module.into()).or_default().entry(imported).or_insert(place);
}

/// The modules in which a file stands, the last one being its own.
fn names<'a>(folder: &str, file: &'a str) -> Vec<&'a str> {
    file.trim_start_matches(folder).trim_start_matches('/').trim_end_matches(".rs").split('/').collect()
}

/// The protocol that a path leads to.
fn protocol_of(module: Option<&str>, part: Option<&str>, layers: &Layers) -> Option<String> {
    let name = format!("{}::{}", module?, part?);
    layers.contains_key(&name).then_some(name)
}

/// The layer of each module: their declarations stand in paragraphs, one for each layer.
fn layers(report: &mut Report<'_>) -> Layers {
    let mut layers = Layers::new();
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

/// The same with a layer for protocols below each.
fn with_protocols(declared: Layers, paths: &[(&String, Vec<&str>)]) -> Layers {
    let mut layers: Layers = declared.into_iter().map(|(module, layer)| (module, 2 * layer + 1)).collect();
    for (_, path) in paths {
        if let [module, PROTOCOL] = path.as_slice()
            && let Some(layer) = layers.get(*module).copied()
        {
            layers.insert(format!("{module}::{PROTOCOL}"), layer - 1);
        }
    }
    layers
}

/// Names the imports from a higher layer and past a protocol, and leaves the others.
fn lint_order(modules: &mut Imports, layers: &Layers, faults: &mut Vec<Fault>) {
    for (module, imports) in modules {
        let layer = layers.get(module);
        imports.retain(|imported, Place { file, line }| {
            let has_protocol = layers.contains_key(&format!("{imported}::{PROTOCOL}"));
            let message = if layers.get(imported) > layer {
                format!("imports run one way: `{imported}` is of a higher layer than `{module}`")
            } else if has_protocol && layers.get(imported) == layer {
                format!("`{imported}` is known to `{module}` by its protocol alone")
            } else {
                return true;
            };
            faults.push(Fault { file: file.clone(), line: *line, message });
            false
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
