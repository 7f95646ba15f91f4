//! Tables of a TOML file, read member by member, so that each fault has its line.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::report::Report;
use crate::values;

/// The whole file; `None` (and a fault) where it is no TOML.
pub fn parse<'i>(text: &'i str, report: &mut Report<'_>) -> Option<Spanned<DeTable<'i>>> {
    match DeTable::parse(text) {
        Ok(table) => Some(table),
        Err(error) => {
            report.at(&error.span().unwrap_or_default(), format!("no TOML: {}", error.message()));
            None
        }
    }
}

/// A table and where it begins.
#[derive(Clone)]
pub struct Table<'a, 'i> {
    pub members: &'a DeTable<'i>,
    pub span: Range<usize>,
}

impl<'a, 'i> Table<'a, 'i> {
    pub fn of(table: &'a Spanned<DeTable<'i>>) -> Self {
        Self { members: table.get_ref(), span: table.span() }
    }

    pub fn get(&self, name: &str) -> Option<&'a Spanned<DeValue<'i>>> {
        self.members.get(name)
    }

    /// The tables of an array of tables, none where there is none.
    pub fn tables(&self, name: &str) -> Vec<Self> {
        let items = self.get(name).and_then(|value| value.get_ref().as_array());
        let table = |value: &'a Spanned<DeValue<'i>>| {
            value.get_ref().as_table().map(|members| Self { members, span: value.span() })
        };
        items.into_iter().flat_map(|items| items.iter()).filter_map(table).collect()
    }

    /// The tables that it has as members.
    pub fn each(&self) -> Vec<Self> {
        self.members.keys().filter_map(|name| self.table(name.get_ref())).collect()
    }

    pub fn table(&self, name: &str) -> Option<Self> {
        let value = self.get(name)?;
        Some(Self { members: value.get_ref().as_table()?, span: value.span() })
    }

    /// A text that is not empty; a fault where there is none.
    pub fn text(&self, name: &str, report: &mut Report<'_>) -> Option<&'a str> {
        let text = self.get(name).and_then(|value| value.get_ref().as_str()).filter(|text| !text.trim().is_empty());
        if text.is_none() {
            report.at(&self.span, format!("`{name}` is missing or no text"));
        }
        text
    }

    /// A day without a time; a fault for anything else, and where it is missing though `needed`.
    pub fn day(&self, name: &str, needed: bool, report: &mut Report<'_>) -> Option<chrono::NaiveDate> {
        let Some(value) = self.get(name) else {
            if needed {
                report.at(&self.span, format!("`{name}` is missing"));
            }
            return None;
        };
        let day = match value.get_ref() {
            DeValue::Datetime(date) => values::day(&date.to_string()),
            _ => None,
        };
        if day.is_none() {
            report.at(&value.span(), format!("`{name}` is no day such as 2026-09-08"));
        }
        day
    }

    /// A whole number from 1 to `most`.
    pub fn number(&self, name: &str, most: u32, report: &mut Report<'_>) -> Option<u32> {
        let value = self.get(name)?;
        let number = match value.get_ref() {
            DeValue::Integer(number) => values::digits(number.as_str()).filter(|number| (1..=most).contains(number)),
            _ => None,
        };
        if number.is_none() {
            report.at(&value.span(), format!("`{name}` is no number from 1 to {most}"));
        }
        number
    }

    pub fn flag(&self, name: &str, report: &mut Report<'_>) -> bool {
        match self.get(name).map(|value| (value.get_ref(), value.span())) {
            None => false,
            Some((DeValue::Boolean(flag), _)) => *flag,
            Some((_, span)) => {
                report.at(&span, format!("`{name}` is neither true nor false"));
                false
            }
        }
    }

    pub fn only(&self, allowed: &[&str], report: &mut Report<'_>) {
        for name in self.members.keys().filter(|name| !allowed.contains(&name.get_ref().as_ref())) {
            report
                .at(&name.span(), format!("`{}` is no member here; there are {}", name.get_ref(), allowed.join(", ")));
        }
    }
}
