//! Turns the facts under `data/` into tables, so that the engine embeds neither a CSV nor a TOML parser and parses
//! nothing when it starts. Beside them the same facts as JSON, by which tests hold the tables to what the engine asks of
//! any other catalog and baseline.
#![allow(clippy::expect_used, reason = "a build script stops the build with the file's name")]

use std::fmt::{Display, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::{Map, Value, json};

const BASELINES: [&str; 3] = ["exploited", "microsoft", "strict"];

fn main() {
    let data = Path::new(&env::var("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("../../data");
    let catalog = json!({
        "products": products(&data.join("products.toml")),
        "releases": releases(&data.join("exchange-builds.csv")),
        "exchange_online_hosts": hosts(&data.join("exchange-online-hosts.txt")),
    });
    let baselines = BASELINES.map(|name| baseline(&data.join("baselines").join(format!("{name}.toml"))));
    let out = PathBuf::from(env::var("OUT_DIR").expect("cargo sets it"));
    let write = |name: &str, text: &str| fs::write(out.join(name), text).expect("cannot write what was generated");
    write("catalog.json", &catalog.to_string());
    for (name, baseline) in BASELINES.iter().zip(&baselines) {
        write(&format!("{name}.json"), &baseline.to_string());
    }
    write("catalog.rs", &catalog_tables(&catalog));
    write("baselines.rs", &baseline_tables(&baselines));
}

fn products(path: &Path) -> Value {
    let kept = ["name", "builds", "cumulative_updates", "superseded_after_days", "end_of_support", "wave"];
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
    let kept = ["cu", "su", "release_date", "build", "extended_support_end", "kind", "stamped", "product"];
    let mut rows: Vec<Map<String, Value>> = reader
        .records()
        .map(|record| {
            let record = record.unwrap_or_else(|error| stop(path, error));
            let cells = columns.iter().zip(record.iter());
            let cells = cells.filter(|(name, value)| kept.contains(name) && !value.is_empty());
            // where it was seen is for people, that it was for the engine
            let value = |name: &str, value: &str| if name == "stamped" { json!(true) } else { json!(value) };
            cells.map(|(name, cell)| (name.to_owned(), value(name, cell))).collect()
        })
        .collect();
    // by number, so that the engine has nothing left to sort
    rows.sort_by_key(|row| build_number(&row["build"]));
    rows.into_iter().map(Value::Object).collect()
}

fn hosts(path: &Path) -> Value {
    read(path).lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
}

fn catalog_tables(catalog: &Value) -> String {
    let products = items(&catalog["products"]).map(|product| {
        let builds = items(&product["builds"]).map(build).collect::<Vec<_>>().join("..");
        let name = text(&product["name"]);
        format!(
            "Product {{ name: Cow::Borrowed({name}), key: fnv1a({name}.as_bytes()), cumulative_updates: {}, \
             superseded_after_days: {}, end_of_support: {}, wave: {}, builds: {builds} }}",
            product["cumulative_updates"] == true,
            optional(&product["superseded_after_days"], Value::to_string),
            optional(&product["end_of_support"], date),
            optional(&product["wave"], date),
        )
    });
    let releases = items(&catalog["releases"]).map(|release| {
        format!(
            "Release {{ build: {}, date: {}, cu: Cow::Borrowed({}), su: Cow::Borrowed({}), kind: {}, stamped: {}, \
             extended_support_end: {} }}",
            build(&release["build"]),
            date(&release["release_date"]),
            text(&release["cu"]),
            text(&release["su"]),
            kind(&release["kind"]),
            release["stamped"] == true,
            optional(&release["extended_support_end"], date),
        )
    });
    let numbers = items(&catalog["releases"]).map(|release| build_number(&release["build"]).to_string());
    let hosts = items(&catalog["exchange_online_hosts"]).map(|host| format!("Cow::Borrowed({})", text(host)));
    table("PRODUCTS", "Product", products)
        + &table("RELEASES", "Release", releases)
        + &table("NUMBERS", "u64", numbers)
        + &table("EXCHANGE_ONLINE_HOSTS", "Cow<'static, str>", hosts)
}

/// Each list has a name of its own: what is borrowed has to be a static.
fn baseline_tables(baselines: &[Value]) -> String {
    let mut tables = String::new();
    let presets: Vec<String> = baselines
        .iter()
        .enumerate()
        .map(|(index, baseline)| {
            let editions: Vec<String> = items(&baseline["edition"])
                .enumerate()
                .map(|(edition_index, edition)| {
                    let list = format!("PRODUCTS_OF_{index}_{edition_index}");
                    let products = edition["products"].as_object().into_iter().flatten().enumerate();
                    let products: Vec<String> = products
                        .map(|(product_index, (product, requirement))| {
                            let minimums = format!("MINIMUMS_OF_{index}_{edition_index}_{product_index}");
                            let requirement = requirement_of(requirement, &minimums, &mut tables);
                            let product = text(&json!(product));
                            format!(
                                "ProductRequirement {{ product: Cow::Borrowed({product}), \
                                 key: fnv1a({product}.as_bytes()), requirement: {requirement} }}"
                            )
                        })
                        .collect();
                    tables += &table(&list, "ProductRequirement", products.into_iter());
                    format!(
                        "BaselineEdition {{ effective: {}, unsupported_after_end_of_support: {}, \
                         products: Requirements(Cow::Borrowed(&{list})) }}",
                        date(&edition["effective"]),
                        edition["unsupported_after_end_of_support"] == true,
                    )
                })
                .collect();
            let list = format!("EDITIONS_OF_{index}");
            tables += &table(&list, "BaselineEdition", editions.into_iter());
            let name = text(&baseline["name"]);
            format!("Baseline {{ name: Cow::Borrowed({name}), editions: Cow::Borrowed(&{list}) }}")
        })
        .collect();
    tables + &table("BASELINES", "Baseline", presets.into_iter())
}

fn requirement_of(requirement: &Value, minimums: &str, tables: &mut String) -> String {
    if let Some(days) = requirement.get("max_lag_days") {
        return format!("Requirement::MaxLagDays({days})");
    }
    if let Some(builds) = requirement.get("minimum") {
        *tables += &table(minimums, "Build", items(builds).map(build));
        return format!("Requirement::Minimum(Cow::Borrowed(&{minimums}))");
    }
    "Requirement::Unsupported".to_owned()
}

fn table(name: &str, item: &str, items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.collect();
    let mut table = format!("static {name}: [{item}; {}] = [\n", items.len());
    for item in items {
        writeln!(table, "    {item},").expect("writing into a string cannot fail");
    }
    table + "];\n"
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn optional(value: &Value, write: impl Fn(&Value) -> String) -> String {
    if value.is_null() { "None".to_owned() } else { format!("Some({})", write(value)) }
}

fn text(value: &Value) -> String {
    format!("{:?}", value.as_str().unwrap_or_default())
}

fn parts(build: &Value) -> [u16; 4] {
    let mut parts = [0; 4];
    let texts = build.as_str().unwrap_or_default().split('.');
    for (part, text) in parts.iter_mut().zip(texts) {
        *part = text.parse().unwrap_or_else(|error| stop(Path::new("data"), format!("{build}: {error}")));
    }
    parts
}

fn build(value: &Value) -> String {
    let [major, minor, build, revision] = parts(value);
    format!("Build::new({major}, {minor}, {build}, {revision})")
}

fn build_number(value: &Value) -> u64 {
    parts(value).into_iter().fold(0, |number, part| number << 16 | u64::from(part))
}

fn date(value: &Value) -> String {
    let number = |text: &str| text.trim_start_matches('0').to_owned();
    let numbers: Vec<String> = value.as_str().unwrap_or_default().split('-').map(number).collect();
    // of a month, the last day: the later one counts fewer days against a server
    let function = if numbers.len() == 3 { "new" } else { "last_of_month" };
    format!("Date::or_max(Date::{function}({}))", numbers.join(", "))
}

fn kind(value: &Value) -> String {
    let word = value.as_str().unwrap_or_default();
    let (first, rest) = word.split_at_checked(1).unwrap_or_else(|| stop(Path::new("data"), "a row without a kind"));
    format!("ReleaseKind::{}{rest}", first.to_uppercase())
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
