//! Faults, each with its file and line.

use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::Path;

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Fault {
    /// Relative to the folder that was checked.
    pub file: String,
    /// From 1; 0 for the file as a whole.
    pub line: usize,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// One file under scrutiny.
pub struct Report<'a> {
    file: String,
    /// Empty where the file cannot be read, which is a fault already.
    pub text: String,
    faults: &'a mut Vec<Fault>,
}

impl<'a> Report<'a> {
    pub fn open(folder: &Path, file: &str, faults: &'a mut Vec<Fault>) -> Self {
        let mut report = Self { file: file.into(), text: String::new(), faults };
        match fs::read_to_string(folder.join(file)) {
            Ok(text) => report.text = text,
            Err(error) => report.line(0, format!("cannot be read: {error}")),
        }
        report
    }

    pub fn line(&mut self, line: usize, message: impl Into<String>) {
        self.faults.push(Fault { file: self.file.clone(), line, message: message.into() });
    }

    /// A fault at an offset of the text.
    pub fn at(&mut self, span: &Range<usize>, message: impl Into<String>) {
        let line = self.line_of(span);
        self.line(line, message);
    }

    pub fn line_of(&self, span: &Range<usize>) -> usize {
        let before = self.text.as_bytes().get(..span.start).unwrap_or_default();
        before.iter().filter(|octet| **octet == b'\n').count() + 1
    }

    /// The file's name without folder and ending.
    pub fn stem(&self) -> &str {
        let name = self.file.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }
}

/// The files of a folder below that of the facts, in order.
pub fn files(folder: &Path, below: &str, faults: &mut Vec<Fault>) -> Vec<String> {
    let mut names = Vec::new();
    match fs::read_dir(folder.join(below)) {
        Ok(entries) => {
            let files = entries.flatten().filter(|entry| entry.path().is_file());
            names.extend(files.map(|entry| format!("{below}/{}", entry.file_name().to_string_lossy())));
        }
        Err(error) => {
            faults.push(Fault { file: below.into(), line: 0, message: format!("cannot be read: {error}") });
        }
    }
    names.sort();
    names
}
