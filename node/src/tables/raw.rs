//! A row of text on its way in, and the compact copy of it that is kept for the refused-rows file.

use std::fmt;

use super::limits;
use xiangyue_protocol::{Code, Refusal};

/// Separates the cells of a kept row; cells themselves cannot hold it.
const CELL_END: char = '\u{1f}';

/// The cells of a row as the file has them, citizen ids masked.
#[derive(Clone, PartialEq, Eq)]
pub struct Raw(Box<str>);

impl Raw {
    /// Keeps these cells.
    pub(super) fn new<'c>(cells: impl Iterator<Item = std::borrow::Cow<'c, str>>) -> Raw {
        let mut text = String::with_capacity(96);
        for (at, cell) in cells.enumerate() {
            if at > 0 {
                text.push(CELL_END);
            }
            if cell.contains(CELL_END) {
                text.push_str(&cell.replace(CELL_END, "\u{fffd}"));
            } else {
                text.push_str(&cell);
            }
        }
        Raw(text.into_boxed_str())
    }

    /// The cells in the order of the file's columns.
    pub fn cells(&self) -> impl Iterator<Item = &str> {
        self.0.split(CELL_END)
    }
}

impl fmt::Debug for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.cells()).finish()
    }
}

/// One row being read. Its buffers are reused from row to row.
#[derive(Debug, Default)]
pub(super) struct RowBuf {
    /// Number as a spreadsheet shows it.
    pub(super) number: u32,
    /// Whether bare numbers in date columns count days from 1904 (old Mac workbooks).
    pub(super) epoch_1904: bool,
    cells: Vec<String>,
    used: usize,
}

impl RowBuf {
    /// Starts over as row `number`.
    pub(super) fn restart(&mut self, number: u32) {
        self.number = number;
        self.used = 0;
    }

    /// The cell at `column`, emptied for writing; those before it that were not written are empty.
    pub(super) fn slot(&mut self, column: usize) -> Result<&mut String, Refusal> {
        if column >= limits::COLUMNS {
            return Err(Refusal::new(Code::FileTooLarge, format_args!("> {} columns", limits::COLUMNS)));
        }
        while self.used <= column {
            if self.used == self.cells.len() {
                self.cells.push(String::new());
            }
            self.cells[self.used].clear();
            self.used += 1;
        }
        Ok(&mut self.cells[column])
    }

    /// The cells read so far.
    pub(super) fn cells(&self) -> &[String] {
        &self.cells[..self.used]
    }

    /// Whether all cells are blank.
    pub(super) fn is_blank(&self) -> bool {
        self.cells().iter().all(|cell| super::value::trimmed(cell).is_empty())
    }
}
