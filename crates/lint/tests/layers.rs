//! Imports of the workspace run one way; and each import that is planted into a copy of it to run back is named, with its
//! file and line.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where it fails")]

use std::fs;
use std::path::{Path, PathBuf};

use tidegate_lint::lint_sources;

const ENGINE: &str = "crates/engine/src";

/// A line that is put below a file of the workspace, and what has to be said of it; nothing where it is right.
struct Planted {
    file: &'static str,
    line: &'static str,
    message: &'static str,
}

const fn planted(file: &'static str, line: &'static str, message: &'static str) -> Planted {
    Planted { file, line, message }
}

const PLANTED: [Planted; 33] = [
    planted("engine/src/time.rs", "use crate::decision::Decision;", "`decision` is of a higher layer than `time`"),
    planted("engine/src/build.rs", "fn f(_: crate::rules::Rules<'_>) {}", "`rules` is of a higher layer than `build`"),
    planted(
        "engine/src/catalog/release.rs",
        "use crate::{time::Date, policy::{Facts, Mode}};",
        "`policy` is of a higher layer than `catalog`",
    ),
    planted("engine/src/rules.rs", "use crate::spell::Spell;", "`spell` leads back to `rules`"),
    planted("engine/src/spell.rs", "use crate::notice::hold;", "`notice` leads back to `spell`"),
    planted("engine/src/fnv.rs", "use crate::network::{self, Network}; use crate::fnv;", ""),
    planted("engine/src/received/lexer.rs", "use super::clauses::Clauses;", "`clauses` leads back to `lexer`"),
    planted("engine/src/time.rs", "use crate::Decision;", "`crate::Decision` is no module"),
    planted("engine/src/time.rs", "use super::decision::Decision;", "write `crate::decision`"),
    planted("engine/src/time.rs", "use std::time::Duration;", "`time`: no clock"),
    planted("engine/src/decision.rs", "use std::{fmt, time::{Duration, SystemTime}};", "`SystemTime`: no clock"),
    planted("engine/src/received/lexer.rs", "fn f() { let _ = js_sys::Date::now(); }", "`js_sys`: no clock"),
    planted("wire/src/json.rs", "use std::fs::File;", "`fs`: no clock"),
    planted("engine/src/time.rs", "// use crate::decision::Decision; std::time", ""),
    planted("engine/src/time.rs", "const A: &str = \"crate::decision std::time js_sys\";", ""),
    planted(
        "engine/src/time.rs",
        "#[cfg(test)] mod planted { use crate::decision::Decision; use std::time::Instant; }",
        "",
    ),
    planted("engine/src/time.rs", "#[cfg(test)] use crate::decision; use crate::policy::Policy;", "`policy` is of"),
    planted("src/access.rs", "use crate::store::KeyRecord;", "`store` is of a higher layer than `access`"),
    planted("src/platform.rs", "use crate::{http, api::Caller};", "`api` is of a higher layer than `platform`"),
    planted("src/store/kv.rs", "fn f(_: crate::operator::Call) {}", "`operator` is of a higher layer than `store`"),
    planted("src/http.rs", "use crate::Ledger;", "`crate::Ledger` is no module"),
    planted(
        "src/operator/trail.rs",
        "use crate::ledger::{protocol::{Batch, Item}, Call};",
        "`ledger` is known to `operator` by its protocol alone",
    ),
    planted(
        "src/ledger/admission.rs",
        "fn f(_: crate::operator::Told) {}",
        "`operator` is known to `ledger` by its protocol alone",
    ),
    planted(
        "src/ledger/protocol.rs",
        "use super::bounds::Bound;",
        "`ledger` is of a higher layer than `ledger::protocol`",
    ),
    planted("src/ledger/servers.rs", "use super::upkeep::save;", "`upkeep` leads back to `servers`"),
    planted("src/ledger/site.rs", "use crate::ledger::place::Place;", "`place` leads back to `site`"),
    planted("src/ledger/webhooks/masked.rs", "use super::refusals::is_gone;", "`refusals` leads back to `masked`"),
    planted("src/api/changes.rs", "use super::tenants::route;", "`tenants` leads back to `changes`"),
    planted("src/api/auth.rs", "fn f(_: crate::api::caller::Caller<'_>) {}", "`caller` leads back to `auth`"),
    planted("src/operator/trail.rs", "use super::keys::revoke_all;", "`keys` leads back to `trail`"),
    planted(
        "src/metrics.rs",
        "fn f(_: crate::observations::Receipt) {}",
        "`observations` is of a higher layer than `metrics`",
    ),
    planted("src/operator/tenants.rs", "use crate::ledger::{protocol::{Batch, Item}, protocol};", ""),
    planted("src/ledger/policies.rs", "use super::{policies::current, site}; use crate::ledger::site::Site;", ""),
];

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A copy of what is checked, in a folder of its own.
fn copy(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("tidegate-layers-{name}-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    fs::copy(workspace().join("Cargo.toml"), folder.join("Cargo.toml")).unwrap();
    copy_folder(&workspace().join("src"), &folder.join("src"));
    for name in ["engine", "stored", "wire", "browser", "milter", "lint"] {
        let (from, to) = (workspace().join("crates").join(name), folder.join("crates").join(name));
        copy_folder(&from.join("src"), &to.join("src"));
        fs::copy(from.join("Cargo.toml"), to.join("Cargo.toml")).unwrap();
    }
    folder
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.path().is_dir() {
            copy_folder(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn faults(folder: &Path) -> Vec<String> {
    lint_sources(folder).iter().map(ToString::to_string).collect()
}

#[test]
fn imports_run_one_way() {
    let faults = faults(&workspace());
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// Puts the lines into a copy of the workspace. What is said of each, and all that is said.
fn plant<'a>(name: &str, planted: impl Iterator<Item = &'a Planted> + Clone) -> (Vec<Vec<String>>, Vec<String>) {
    let folder = copy(name);
    let mut starts = Vec::new();
    for Planted { file, line, .. } in planted.clone() {
        let file = if file.starts_with("src/") { (*file).to_owned() } else { format!("crates/{file}") };
        let path = folder.join(&file);
        let sound = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{}\n{line}\n", sound.trim_end())).unwrap();
        starts.push(format!("{file}:{}: ", sound.trim_end().lines().count() + 1));
    }
    let found = faults(&folder);
    fs::remove_dir_all(&folder).unwrap();
    let said = starts.iter().map(|start| found.iter().filter(|fault| fault.starts_with(start)).cloned().collect());
    (said.collect(), found)
}

#[test]
fn an_import_that_runs_back_is_named_with_its_line() {
    let wrong = PLANTED.iter().filter(|planted| !planted.message.is_empty());
    let (said, found) = plant("wrong", wrong.clone());
    for (Planted { file, line, message }, said) in wrong.zip(said) {
        let is_named = said.iter().any(|fault| fault.contains(message));
        assert!(is_named, "{file}, `{line}`: `{message}` was expected in\n{}", found.join("\n"));
    }
}

#[test]
fn what_is_no_import_or_runs_down_is_let_be() {
    let (_, found) = plant("right", PLANTED.iter().filter(|planted| planted.message.is_empty()));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn a_module_belongs_to_one_layer() {
    let folder = copy("modules");
    fs::write(folder.join(ENGINE).join("stray.rs"), "//! Planted.\n").unwrap();
    let found = faults(&folder);
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(found, ["crates/engine/src/stray.rs:0: `stray` stands in no layer of lib.rs"]);
}

#[test]
fn the_engine_depends_on_no_other_crate_and_wire_on_the_engine_alone() {
    let folder = copy("crates");
    let depend = |name: &str, dependency: &str| {
        let path = folder.join(format!("crates/{name}/Cargo.toml"));
        let sound = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{sound}\n{dependency}\n")).unwrap();
        let line = sound.lines().count() + 3;
        (format!("crates/{name}/Cargo.toml:{line}: imports run one way: "), path, sound)
    };
    for (name, dependency, other) in [
        ("engine", "[target.'cfg(unix)'.dependencies]\ntidegate-wire.workspace = true", "tidegate-wire"),
        (
            "wire",
            "[target.'cfg(unix)'.dev-dependencies]\ntidegate-milter = { path = \"../milter\" }",
            "tidegate-milter",
        ),
    ] {
        let (start, path, sound) = depend(name, dependency);
        assert_eq!(faults(&folder), [format!("{start}`{other}` is not for this crate")]);
        fs::write(&path, sound).unwrap();
    }
    fs::remove_dir_all(&folder).unwrap();
}
