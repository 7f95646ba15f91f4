//! `products.toml`.

use std::collections::BTreeSet;

use chrono::NaiveDate;

use crate::report::Report;
use crate::tables::{self, Table};
use crate::values::Build;

const MOST_DAYS: u32 = 3_650;

pub struct Product {
    pub name: String,
    pub line: usize,
    pub from: Build,
    pub to: Build,
    pub end_of_support: NaiveDate,
}

impl Product {
    pub fn contains(&self, build: Build) -> bool {
        (self.from..self.to).contains(&build)
    }
}

pub fn lint(report: &mut Report<'_>) -> Vec<Product> {
    let text = report.text.clone();
    let Some(file) = tables::parse(&text, report) else {
        return Vec::new();
    };
    let file = Table::of(&file);
    file.only(&["product"], report);
    let mut products: Vec<Product> = Vec::new();
    let mut names = BTreeSet::new();
    for table in file.tables("product") {
        let Some(product) = product(&table, report) else {
            continue;
        };
        if !names.insert(product.name.clone()) {
            report.line(product.line, format!("product `{}` stands twice", product.name));
        }
        if let Some(before) = products.last().filter(|before| before.to > product.from) {
            report.line(product.line, format!("`{}` overlaps `{}` or stands below it", product.name, before.name));
        }
        products.push(product);
    }
    products
}

fn product(table: &Table<'_, '_>, report: &mut Report<'_>) -> Option<Product> {
    table.only(&["name", "builds", "cumulative_updates", "superseded_after_days", "end_of_support", "wave"], report);
    let name = table.text("name", report)?.to_owned();
    let cumulative_updates = table.flag("cumulative_updates", report);
    let end_of_support = table.day("end_of_support", true, report);
    table.day("wave", false, report);
    let superseded = table.number("superseded_after_days", MOST_DAYS, report);
    if superseded.is_some() && !cumulative_updates {
        report.at(&table.span, format!("`{name}` has no cumulative updates that could be superseded"));
    }
    let bounds = table.get("builds").and_then(|value| value.get_ref().as_array());
    let bounds: Vec<_> = bounds
        .into_iter()
        .flat_map(|bounds| bounds.iter())
        .filter_map(|bound| bound.get_ref().as_str().and_then(Build::parse))
        .collect();
    let [from, to] = *bounds.as_slice() else {
        report.at(&table.span, format!("`builds` of `{name}` are not two build numbers"));
        return None;
    };
    if from >= to {
        report.at(&table.span, format!("`{name}` has no builds: {from} is not below {to}"));
    }
    let line = report.line_of(&table.get("name")?.span());
    Some(Product { name, line, from, to, end_of_support: end_of_support? })
}
