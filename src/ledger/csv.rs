//! Tables as CSV (RFC 4180), for spreadsheets: a cell that one would run as a formula gets a leading apostrophe.

use std::fmt::{Display, Write};

/// The media type (RFC 7111).
pub const CONTENT_TYPE: &str = "text/csv; charset=utf-8; header=present";

pub struct Table {
    text: String,
    /// Nothing has been written of the present row.
    at_start: bool,
}

impl Table {
    pub fn new(columns: &[&str]) -> Self {
        let mut table = Self { text: String::new(), at_start: true };
        columns.iter().for_each(|column| table.text(column));
        table.end_row();
        table
    }

    /// A cell with text that others wrote.
    pub fn text(&mut self, cell: &str) {
        self.separate();
        let guarded = guarded(cell);
        if cell.contains(['"', ',', '\r', '\n']) {
            let quoted = guarded.replace('"', "\"\"");
            self.text.extend(["\"", &quoted, "\""]);
        } else {
            self.text.push_str(&guarded);
        }
    }

    /// A cell with a number, a time or the like; empty for `None`.
    pub fn value(&mut self, cell: Option<impl Display>) {
        self.separate();
        if let Some(cell) = cell {
            // writing into a string cannot fail
            let _ = write!(self.text, "{cell}");
        }
    }

    pub fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.at_start = true;
    }

    pub fn into_text(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if !self.at_start {
            self.text.push(',');
        }
        self.at_start = false;
    }
}

/// With an apostrophe before what a spreadsheet would run: at the start, and behind a semicolon or a tab, since where
/// lists are separated by those a cell begins there, quotes or not.
fn guarded(cell: &str) -> String {
    let mut out = String::with_capacity(cell.len());
    let mut at_start = true;
    for character in cell.chars() {
        if at_start && matches!(character, '=' | '+' | '-' | '@' | '\t' | '\r') {
            out.push('\'');
        }
        at_start = matches!(character, ';' | '\t') || at_start && character == ' ' && !out.is_empty();
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_run() {
        let mut table = Table::new(&["a", "b", "c"]);
        for row in
            [["", "x,y", "say \"hi\""], ["=1+1", "-2", "@x"], ["\tx", "+\r\n,", "'="], ["(a;=1)", "b; @c", "d; e=f"]]
        {
            row.iter().for_each(|cell| table.text(cell));
            table.end_row();
        }
        table.value(Some(-2));
        table.value(None::<u8>);
        table.text("ä");
        table.end_row();
        let lines = [
            "a,b,c\r\n",
            ",\"x,y\",\"say \"\"hi\"\"\"\r\n",
            "'=1+1,'-2,'@x\r\n",
            "'\tx,\"'+\r\n,\",'=\r\n",
            "(a;'=1),b; '@c,d; e=f\r\n",
            "-2,,ä\r\n",
        ];
        assert_eq!(table.into_text(), lines.concat());
    }
}
