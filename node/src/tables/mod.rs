//! Tables: the files that operators keep (CSV and XLSX), read into commands and written from them.
//!
//! The import of the command line, the API and the demo call [`read`] or [`read_bytes`], hand the commands to the
//! replica and join both judgements in a [`Report`]. Everything that a row alone shows is judged here, and all that
//! is wrong with a row is told at once; what needs the ledger (unknown account, points beyond the rule, balance) is
//! not known here. Nothing here writes to a document, reads a clock or keeps a citizen's id.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use xiangyue_protocol::{Code, Command, Refusal};

pub(crate) mod citizen;
mod columns;
mod csv;
mod forms;
mod guard;
mod judge;
mod layout;
mod names;
mod raw;
mod report;
mod rows;
pub(crate) mod value;
mod write;
mod xlsx;

#[cfg(test)]
mod tests;

pub use columns::{Sort, field, form};
pub use forms::{row_cells, shown, value_of};
pub use judge::{Context, Known, Put, put};
pub use names::Names;
pub use raw::Raw;
pub use report::{Report, RowProblem};
pub(crate) use write::decimal;
pub use write::{Blank, Cell, cells, csv_bytes, report_bytes, template_bytes, write_csv, write_xlsx, xlsx_bytes};

/// Limits of one file; beyond them it is refused whole with [`Code::FileTooLarge`].
pub mod limits {
    use xiangyue_protocol::{Code, Refusal};

    /// Bytes of the file itself.
    pub const FILE_BYTES: u64 = 64 << 20;
    /// Rows, the header and blank ones left out; also of all files that are imported as one. What is imported at once
    /// is in memory at once, several times over, and a village's node is a small machine.
    pub const ROWS: usize = 200_000;
    /// Columns.
    pub const COLUMNS: usize = 64;
    /// Bytes that the parts of an XLSX may unpack to, all together.
    pub const UNPACKED_BYTES: u64 = 512 << 20;
    /// Texts that an XLSX may announce in its table of shared strings.
    pub const SHARED_STRINGS: u64 = 8_000_000;

    /// Whether this many rows may be imported at once.
    ///
    /// # Errors
    /// [`Code::FileTooLarge`].
    pub fn rows(count: usize) -> Result<(), Refusal> {
        if count <= ROWS { Ok(()) } else { Err(Refusal::new(Code::FileTooLarge, format_args!("> {ROWS} rows / 行"))) }
    }
}

/// A file after reading.
#[derive(Clone, Debug)]
pub struct Parsed {
    /// What its rows are.
    pub sort: Sort,
    /// The header row as the file has it.
    pub headers: Vec<String>,
    /// Its rows in order, empty ones left out.
    pub rows: Vec<ParsedRow>,
}

impl Parsed {
    /// The commands of the good rows, in the order of the file.
    pub fn commands(&self) -> impl Iterator<Item = &Command> {
        self.rows.iter().filter_map(|row| row.result.as_ref().ok())
    }

    /// Takes the commands out, in the order of the file, and leaves what a report needs: of a large file nothing should
    /// be in memory twice.
    pub fn split(self) -> (Judged, Vec<Command>) {
        let mut commands = Vec::with_capacity(self.rows.len());
        let rows = self.rows.into_iter().map(|ParsedRow { row, raw, result }| {
            let problems = result.map(|command| commands.push(command)).err().unwrap_or_default();
            JudgedRow { row, raw, problems }
        });
        (Judged { sort: self.sort, headers: self.headers, rows: rows.collect() }, commands)
    }
}

/// A file whose commands have gone on.
#[derive(Clone, Debug)]
pub struct Judged {
    /// What its rows are.
    pub sort: Sort,
    /// The header row as the file has it.
    pub headers: Vec<String>,
    /// Its rows in order, empty ones left out.
    pub rows: Vec<JudgedRow>,
}

/// One row whose command, if it had one, has gone on.
#[derive(Clone, Debug)]
pub struct JudgedRow {
    /// As [`ParsedRow::row`].
    pub row: u32,
    /// As [`ParsedRow::raw`].
    pub raw: Raw,
    /// Everything that is wrong with it; nothing when it asks for something.
    pub problems: Vec<Problem>,
}

/// One row after reading.
#[derive(Clone, Debug)]
pub struct ParsedRow {
    /// Its number as a spreadsheet shows it, from 1; the header is usually 1.
    pub row: u32,
    /// Its cells as the file has them, citizen ids masked.
    pub raw: Raw,
    /// What it asks for, or everything that is wrong with it.
    pub result: Result<Command, Vec<Problem>>,
}

/// One thing wrong with a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The column's header as the file spells it; empty when it is about the whole row.
    pub column: String,
    /// What is wrong.
    pub refusal: Refusal,
}

/// Reads a file. What the rows are is found from the header when `sort` does not say it.
///
/// # Errors
/// [`Code::BadFile`], [`Code::FileTooLarge`], [`Code::BadHeader`] or [`Code::SeveralKinds`] when the file as a whole
/// cannot be used. A bad row is not an error: it is in the result.
pub fn read(path: &Path, sort: Option<Sort>, context: &Context<'_>) -> Result<Parsed, Refusal> {
    let unreadable = |error: std::io::Error| Refusal::new(Code::BadFile, format_args!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(limits::FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    read_bytes(&bytes, sort, context)
}

/// As [`read`], from the file's bytes; whether they are CSV or XLSX is seen from the bytes, not from a name.
///
/// # Errors
/// As [`read`].
pub fn read_bytes(bytes: &[u8], sort: Option<Sort>, context: &Context<'_>) -> Result<Parsed, Refusal> {
    if bytes.len() as u64 > limits::FILE_BYTES {
        return Err(Refusal::new(Code::FileTooLarge, format_args!("> {} MiB", limits::FILE_BYTES >> 20)));
    }
    let mut judge = judge::Judge::new(sort, context);
    if bytes.starts_with(b"PK\x03\x04") {
        xlsx::each_row(bytes, &mut |row| judge.row(row))?;
    } else if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return Err(Refusal::new(Code::BadFile, "old .xls, or protected by a password / 旧版 .xls 或有密码保护"));
    } else if bytes.trim_ascii_start().starts_with(b"<") {
        // Some systems export a web page under a spreadsheet's name.
        return Err(Refusal::new(Code::BadFile, "web page or XML, whatever its name says / 实为网页或 XML"));
    } else if bytes.starts_with(b"%PDF") {
        return Err(Refusal::new(Code::BadFile, "PDF"));
    } else {
        csv::each_row(bytes, &mut |row| judge.row(row))?;
    }
    judge.finish()
}
