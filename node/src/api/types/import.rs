//! `POST /import`: files as people keep them, checked row by row.
//!
//! The body is the files' bytes one after the other; the query names them. All files of one request are one unit:
//! a later file may refer to what an earlier one brings, and all-or-nothing covers them together. The answer is
//! lines of JSON, each an [`ImportEvent`]: any number of `progress`, then one `report` or `error`.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Refusal};

use super::{ApiError, Mode};
use crate::tables::Sort;

/// One file of an import.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilePart {
    /// Its name, for the report; the ending tells CSV from XLSX.
    pub name: String,
    /// What its rows are; found from the header row when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<Sort>,
    /// How many bytes of the body are its; the last file may leave it out and takes the rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
}

/// The query of an import: `mode=dry_run&files=[{"name":"a.csv","kind":"accounts","bytes":120}]`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportQuery {
    /// What to do with bad rows.
    #[serde(default)]
    pub mode: Mode,
    /// JSON list of [`FilePart`].
    pub files: String,
    /// Whether rows of forms that differ from what is there become the next version of it.
    #[serde(default)]
    pub amend: bool,
    /// Why they are corrected, for rows that do not say it.
    #[serde(default)]
    pub why: String,
}

impl ImportQuery {
    /// The query for these files.
    pub fn new(mode: Mode, files: &[FilePart]) -> ImportQuery {
        let files = serde_json::to_string(files).unwrap_or_default();
        ImportQuery { mode, files, amend: false, why: String::new() }
    }

    /// Gives each file its bytes of the body.
    ///
    /// # Errors
    /// [`Code::BadFile`] when the list cannot be read or the lengths do not add up to the body.
    pub fn split<'b>(&self, mut body: &'b [u8]) -> Result<Vec<(FilePart, &'b [u8])>, Refusal> {
        let files: Vec<FilePart> =
            serde_json::from_str(&self.files).map_err(|error| Refusal::new(Code::BadFile, error))?;
        let wrong = || Refusal::new(Code::BadFile, "lengths do not add up to the body");
        let last = files.len().checked_sub(1).ok_or_else(|| Refusal::new(Code::MissingValue, "files"))?;
        let mut parts = Vec::with_capacity(files.len());
        for (at, file) in files.into_iter().enumerate() {
            let bytes = match file.bytes {
                Some(bytes) => usize::try_from(bytes).map_err(|_| wrong())?,
                None if at == last => body.len(),
                None => return Err(wrong()),
            };
            let (part, rest) = body.split_at_checked(bytes).ok_or_else(wrong)?;
            parts.push((file, part));
            body = rest;
        }
        if body.is_empty() { Ok(parts) } else { Err(wrong()) }
    }
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportEvent {
    /// How far it is.
    Progress(ImportProgress),
    /// Finished: the last line.
    Report(ImportReport),
    /// Failed as a whole: the last line.
    Error(ApiError),
}

/// How far an import is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportProgress {
    /// What is being done.
    pub stage: ImportStage,
    /// Rows done in this stage.
    pub done: u64,
    /// Rows in this stage; zero while unknown.
    pub total: u64,
}

/// Stages of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ImportStage {
    /// Rows are read from the files.
    Reading,
    /// Rows are checked.
    Checking,
    /// Rows are written.
    Writing,
}

/// What an import did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportReport {
    /// The mode that was asked for.
    pub mode: Mode,
    /// Whether anything was, or on a dry run would be, written: false when bad rows stopped it.
    pub accepted: bool,
    /// Per file, in the order of the request.
    pub files: Vec<FileReport>,
    /// The first problems, at most 10,000, by file and row.
    pub problems: Vec<Problem>,
    /// How many problems there are in all.
    pub problems_total: u64,
}

/// Counts of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileReport {
    /// Its name.
    pub name: String,
    /// What its rows are.
    pub kind: Option<Sort>,
    /// Rows without the header.
    pub rows: u64,
    /// Rows that are good and new.
    pub new: u64,
    /// Of them, awards that wait for a second person.
    #[serde(default)]
    pub waiting: u64,
    /// Rows that had been imported before.
    pub already: u64,
    /// Rows with a problem.
    pub bad: u64,
    /// In mode `skip_bad`: the refused rows as CSV text with the file's header, starting with a byte order mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_csv: Option<String>,
}

/// One thing wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// The file's name.
    pub file: String,
    /// Row as a spreadsheet numbers it, the header being 1; 0 when it is about the whole file.
    pub row: u64,
    /// The column's header as the file spells it; empty when it is about the whole row.
    pub column: String,
    /// The stable code.
    pub code: String,
    /// The value or key at fault.
    pub detail: String,
    /// What is wrong, in Chinese.
    pub reason_zh: String,
    /// What is wrong, in English.
    pub reason_en: String,
    /// What to do, in Chinese.
    pub advice_zh: String,
    /// What to do, in English.
    pub advice_en: String,
}

impl Problem {
    /// A refusal at a place in a file.
    pub fn new(file: impl Into<String>, row: u64, column: impl Into<String>, refusal: &Refusal) -> Problem {
        let code = refusal.code();
        Problem {
            file: file.into(),
            row,
            column: column.into(),
            code: code.as_str().to_owned(),
            detail: refusal.detail().to_owned(),
            reason_zh: code.zh().to_owned(),
            reason_en: code.en().to_owned(),
            advice_zh: code.zh_advice().to_owned(),
            advice_en: code.en_advice().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, bytes: Option<u64>) -> FilePart {
        FilePart { name: name.to_owned(), kind: None, bytes }
    }

    #[test]
    fn the_body_is_cut_by_the_named_lengths() {
        let query = ImportQuery::new(Mode::DryRun, &[part("账户.csv", Some(2)), part("b.csv", None)]);
        let parts = query.split(b"aabbb").unwrap();
        assert_eq!(parts[0].1, b"aa");
        assert_eq!((parts[1].0.name.as_str(), parts[1].1), ("b.csv", &b"bbb"[..]));
    }

    #[test]
    fn lengths_that_do_not_fit_are_refused() {
        for files in [vec![part("a", Some(9))], vec![part("a", Some(1))], vec![part("a", None), part("b", None)]] {
            let refusal = ImportQuery::new(Mode::DryRun, &files).split(b"aabbb").unwrap_err();
            assert_eq!(refusal.code(), Code::BadFile, "{files:?}");
        }
        assert_eq!(ImportQuery::new(Mode::DryRun, &[]).split(b"").unwrap_err().code(), Code::MissingValue);
    }
}
