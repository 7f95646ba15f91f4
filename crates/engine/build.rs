//! Turns the facts under `data/` into one JSON document, so that the engine embeds neither a CSV nor a TOML parser.
//! Nothing is judged here: the engine parses the document into its own types, and tests hold those to their invariants.
#![allow(clippy::expect_used, reason = "a build script stops the build with the file's name")]

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Value, json};

fn main() {
    let data = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../data");
    let document = json!({
        "products": products(&data.join("products.toml")),
        "releases": releases(&data.join("exchange-builds.csv")),
        "exchange_online_hosts": hosts(&data.join("exchange-online-hosts.txt")),
    });
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    fs::write(out.join("catalog.json"), document.to_string()).expect("cannot write catalog.json");
    for name in ["exploited", "microsoft", "strict"] {
        let path = data.join("baselines").join(format!("{name}.toml"));
        fs::write(out.join(format!("{name}.json")), baseline(&path).to_string()).expect("cannot write a baseline");
    }
}

fn products(path: &Path) -> Value {
    let kept = ["name", "builds", "cumulative_updates", "end_of_support", "wave"];
    let mut products = toml_as_json(path).get("product").cloned().unwrap_or(Value::Null);
    for product in products.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        product.retain(|member, _| kept.contains(&member.as_str()));
    }
    products
}

/// Its editions written out: with what they inherit, and without their sources.
fn baseline(path: &Path) -> Value {
    let mut baseline = toml_as_json(path);
    let mut before = Map::new();
    let editions = baseline.get_mut("edition").and_then(Value::as_array_mut);
    for edition in editions.into_iter().flatten().filter_map(Value::as_object_mut) {
        edition.remove("source");
        let inherits = edition.remove("inherits") == Some(json!(true));
        if let Some(products) = edition.get_mut("products").and_then(Value::as_object_mut) {
            let named = std::mem::take(products);
            products.extend(before.into_iter().filter(|_| inherits));
            products.extend(named);
            before = products.clone();
        }
    }
    baseline
}

fn releases(path: &Path) -> Value {
    let text = read(path);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = reader.headers().unwrap_or_else(|error| stop(path, error)).clone();
    let kept = ["cu", "su", "release_date", "build", "extended_support_end", "product"];
    let mut rows: Vec<Map<String, Value>> = reader
        .records()
        .map(|record| {
            let record = record.unwrap_or_else(|error| stop(path, error));
            let cells = columns.iter().zip(record.iter());
            let cells = cells.filter(|(name, value)| kept.contains(name) && !value.is_empty());
            cells.map(|(name, value)| (name.to_owned(), json!(value))).collect()
        })
        .collect();
    // by number, so that the engine has nothing left to sort
    rows.sort_by_key(|row| {
        let build = row.get("build").and_then(Value::as_str).unwrap_or_default();
        build.split('.').map(|part| part.parse().unwrap_or(0)).collect::<Vec<u64>>()
    });
    rows.into_iter().map(Value::Object).collect()
}

fn hosts(path: &Path) -> Value {
    read(path).lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn toml_as_json(path: &Path) -> Value {
    let table: toml::Table = read(path).parse().unwrap_or_else(|error| stop(path, error));
    from_toml(toml::Value::Table(table))
}

fn from_toml(value: toml::Value) -> Value {
    match value {
        toml::Value::Datetime(date) => json!(date.to_string()),
        toml::Value::Array(items) => items.into_iter().map(from_toml).collect(),
        toml::Value::Table(table) => {
            Value::Object(table.into_iter().map(|(key, value)| (key, from_toml(value))).collect::<Map<_, _>>())
        }
        toml::Value::String(text) => json!(text),
        toml::Value::Integer(number) => json!(number),
        toml::Value::Float(number) => json!(number),
        toml::Value::Boolean(flag) => json!(flag),
    }
}

fn read(path: &Path) -> String {
    println!("cargo::rerun-if-changed={}", path.display());
    fs::read_to_string(path).unwrap_or_else(|error| stop(path, error))
}

fn stop(path: &Path, error: impl Display) -> ! {
    println!("cargo::error={}: {error}", path.display());
    std::process::exit(1)
}
