//! `baselines/*.toml`.

use std::collections::BTreeSet;

use chrono::NaiveDate;
use toml::Spanned;
use toml::de::DeValue;

use crate::products::Product;
use crate::releases::Release;
use crate::report::Report;
use crate::tables::{self, Table};
use crate::values::{self, Build};

const MOST_DAYS: u32 = 3_650;

/// The baseline whose editions rest on CISA's catalog, and name where.
const EXPLOITED: &str = "exploited";

struct Edition<'a> {
    effective: Option<NaiveDate>,
    products: &'a [Product],
    releases: &'a [Release],
}

pub fn lint(report: &mut Report<'_>, products: &[Product], releases: &[Release]) {
    let text = report.text.clone();
    let Some(file) = tables::parse(&text, report) else {
        return;
    };
    let file = Table::of(&file);
    file.only(&["name", "edition"], report);
    let name = file.text("name", report).unwrap_or_default();
    if name != report.stem() {
        report.line(1, format!("the baseline is called `{name}`, its file is not"));
    }
    let editions = file.tables("edition");
    if editions.is_empty() {
        report.line(1, "no edition");
    }
    let mut before = None;
    for (index, table) in editions.iter().enumerate() {
        table.only(&["effective", "source", "inherits", "unsupported_after_end_of_support", "products"], report);
        let effective = table.day("effective", true, report);
        if let (Some(before), Some(effective)) = (before, effective)
            && effective <= before
        {
            report.at(&table.span, format!("the edition of {effective} stands below that of {before}"));
        }
        before = effective.or(before);
        if let Some(source) = table.text("source", report)
            && name == EXPLOITED
            && !names_a_hole(source)
        {
            report.at(&table.span, "the source names no hole such as CVE-2026-42897, CISA KEV 2026-05-15");
        }
        if table.flag("inherits", report) && index == 0 {
            report.at(&table.span, "the first edition has none to inherit from");
        }
        table.flag("unsupported_after_end_of_support", report);
        let edition = Edition { effective, products, releases };
        match table.table("products") {
            Some(required) => edition.lint(&required, report),
            None => report.at(&table.span, "the edition has no products"),
        }
    }
}

fn names_a_hole(source: &str) -> bool {
    let hole = source.split([' ', ',', ';', ':']).any(|word| {
        let number = word.strip_prefix("CVE-").and_then(|rest| rest.split_once('-'));
        number.is_some_and(|(year, number)| values::digits(year).is_some() && values::digits(number).is_some())
    });
    let listed = source.split("CISA KEV ").skip(1).all(|rest| rest.get(..10).and_then(values::day).is_some());
    hole && listed && source.contains("CISA KEV ")
}

impl Edition<'_> {
    fn lint(&self, required: &Table<'_, '_>, report: &mut Report<'_>) {
        for (name, requirement) in required.members {
            let Some(product) = self.products.iter().find(|product| product.name == *name.get_ref()) else {
                report.at(&name.span(), format!("`{}` is no product of products.toml", name.get_ref()));
                continue;
            };
            match requirement.get_ref() {
                DeValue::String(word) if word == "unsupported" => {}
                DeValue::Table(members) => {
                    let table = Table { members, span: requirement.span() };
                    table.only(&["minimum", "max_lag_days"], report);
                    if members.len() != 1 {
                        report.at(&requirement.span(), format!("`{}` needs exactly one requirement", product.name));
                    }
                    table.number("max_lag_days", MOST_DAYS, report);
                    if let Some(minimum) = table.get("minimum") {
                        self.minimum(product, minimum, report);
                    }
                }
                _ => report.at(
                    &requirement.span(),
                    format!("`{}` is neither \"unsupported\", a minimum nor max_lag_days", product.name),
                ),
            }
        }
    }

    fn minimum(&self, product: &Product, minimum: &Spanned<DeValue<'_>>, report: &mut Report<'_>) {
        let builds = minimum.get_ref().as_array().map(|builds| builds.iter().collect::<Vec<_>>()).unwrap_or_default();
        if builds.is_empty() {
            report.at(&minimum.span(), format!("the minimum of `{}` names no build", product.name));
        }
        let mut lanes = BTreeSet::new();
        for value in builds {
            let text = value.get_ref().as_str().unwrap_or_default();
            let row = Build::parse(text).and_then(|build| self.releases.iter().find(|release| release.build == build));
            let Some(row) = row.filter(|row| row.product == product.name) else {
                report.at(&value.span(), format!("`{text}` is no row of `{}` in exchange-builds.csv", product.name));
                continue;
            };
            if !lanes.insert(row.build.lane()) {
                report.at(&value.span(), format!("{text} is a second minimum of its cumulative update"));
            }
            if self.effective.is_some_and(|effective| effective < row.date.first) {
                report.at(&value.span(), format!("{text} is required before its release"));
            }
        }
    }
}
