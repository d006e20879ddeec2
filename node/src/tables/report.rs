//! The report of an import: what the reader and the replica found, for people, for programs and as a file of the
//! rows that were refused.

use std::fmt::Write as _;
use std::path::Path;

use serde_json::{Value, json};
use unicode_width::UnicodeWidthStr;
use xiangyue_protocol::{Code, Outcome, Refusal};

use super::columns::Column;
use super::{Cell, Judged, Raw, Sort, write};

/// What became of a file.
#[derive(Clone, Debug)]
pub struct Report {
    /// The file's name, for people.
    pub file: String,
    /// What its rows are.
    pub sort: Sort,
    /// Rows without the header and without blank ones.
    pub rows: usize,
    /// Rows that are written, or on a dry run would be.
    pub new: usize,
    /// Of them, awards that wait for a second person.
    pub waiting: usize,
    /// Rows that had been written before.
    pub already: usize,
    /// Rows with a problem.
    pub bad: usize,
    /// Every problem, by row.
    pub problems: Vec<RowProblem>,
    headers: Vec<String>,
    columns: Vec<Option<Column>>,
    refused: Vec<RefusedRow>,
}

/// A problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowProblem {
    /// Row as a spreadsheet numbers it.
    pub row: u32,
    /// The column's header as the file spells it; empty when it is about the whole row.
    pub column: String,
    /// What is wrong.
    pub refusal: Refusal,
}

#[derive(Clone, Debug)]
struct RefusedRow {
    raw: Raw,
    problems: std::ops::Range<usize>,
}

impl Report {
    /// Joins what the reader found with what the replica said to each command of [`super::Parsed::split`], in their order.
    /// Commands beyond the end of `outcomes` were not put to the replica and count as neither new nor bad.
    pub fn new(file: impl Into<String>, judged: &Judged, outcomes: &[Result<Outcome, Refusal>]) -> Report {
        let mut report = Report {
            file: file.into(),
            sort: judged.sort,
            rows: judged.rows.len(),
            new: 0,
            waiting: 0,
            already: 0,
            bad: 0,
            problems: Vec::new(),
            headers: judged.headers.clone(),
            columns: judged.headers.iter().map(|header| judged.sort.column(header)).collect(),
            refused: Vec::new(),
        };
        let mut outcomes = outcomes.iter();
        for row in &judged.rows {
            let start = report.problems.len();
            let problem = |column, refusal: &Refusal| RowProblem { row: row.row, column, refusal: refusal.clone() };
            report.problems.extend(row.problems.iter().map(|p| problem(p.column.clone(), &p.refusal)));
            match if row.problems.is_empty() { outcomes.next() } else { None } {
                Some(Ok(Outcome::New)) => report.new += 1,
                Some(Ok(Outcome::Claimed)) => {
                    report.new += 1;
                    report.waiting += 1;
                }
                Some(Ok(Outcome::Already)) => report.already += 1,
                Some(Err(refusal)) => report.problems.push(problem(report.column_of(refusal.code()), refusal)),
                None => {}
            }
            let problems = start..report.problems.len();
            if !problems.is_empty() {
                report.bad += 1;
                report.refused.push(RefusedRow { raw: row.raw.clone(), problems });
            }
        }
        report
    }

    /// Whether no row has a problem.
    pub fn is_good(&self) -> bool {
        self.bad == 0
    }

    /// The column that the ledger's refusals are about, as the file spells it.
    fn column_of(&self, code: Code) -> String {
        let column = match code {
            Code::UnknownAccount | Code::AccountExists | Code::InsufficientRights => Column::Account,
            Code::UnknownRule => Column::Rule,
            Code::UnknownItem => Column::Item,
            Code::UnknownMerchant => Column::Merchant,
            Code::UnknownVillage => Column::Village,
            Code::BeyondRule | Code::BeyondCap | Code::BelowPrice => Column::Points,
            Code::SamePerson => Column::ApprovedBy,
            Code::UnknownOption | Code::NoConcession => Column::Lines,
            Code::CapBelowPoints => Column::DailyCap,
            Code::FutureDate | Code::BeforeOpening => Column::Date,
            Code::RequestReused => Column::RequestId,
            Code::RowExists | Code::RowChanged | Code::UnknownRow => match self.sort {
                Sort::Form(form) => form.key().next().map_or(Column::Village, Column::Of),
                _ => return String::new(),
            },
            Code::Accusation => match self.sort {
                Sort::Form(form) => form.field("class").map_or(Column::Village, Column::Of),
                _ => return String::new(),
            },
            _ => return String::new(),
        };
        let at = self.columns.iter().position(|found| *found == Some(column));
        at.and_then(|at| self.headers.get(at)).cloned().unwrap_or_default()
    }

    /// The first `most` problems as a table in English.
    pub fn table_en(&self, most: usize) -> String {
        let reason = |refusal: &Refusal| reason(refusal, refusal.code().en(), refusal.code().en_advice());
        let mut text = table(&self.file, ["file", "row", "column", "reason", "what to do"], self.lines(most, reason));
        if self.problems.len() > most {
            let _ = writeln!(text, "and {} more", self.problems.len() - most);
        }
        let _ = writeln!(
            text,
            "{}: {} rows, {} new, {} imported before, {} refused",
            self.file, self.rows, self.new, self.already, self.bad
        );
        text
    }

    /// The first `most` problems as a table in Chinese.
    pub fn table_zh(&self, most: usize) -> String {
        let reason = |refusal: &Refusal| reason(refusal, refusal.code().zh(), refusal.code().zh_advice());
        let mut text = table(&self.file, ["文件", "行", "列", "原因", "处理办法"], self.lines(most, reason));
        if self.problems.len() > most {
            let _ = writeln!(text, "另有 {} 处", self.problems.len() - most);
        }
        let _ = writeln!(
            text,
            "{}：共 {} 行，新增 {}，此前已导入 {}，退回 {}",
            self.file, self.rows, self.new, self.already, self.bad
        );
        text
    }

    fn lines(&self, most: usize, reason: impl Fn(&Refusal) -> [String; 2]) -> Vec<[String; 5]> {
        let line = |problem: &RowProblem| {
            let [reason, advice] = reason(&problem.refusal);
            [self.file.clone(), problem.row.to_string(), problem.column.clone(), reason, advice]
        };
        self.problems.iter().take(most).map(line).collect()
    }

    /// The report as a JSON object: counts, and the problems in both languages.
    pub fn to_json(&self) -> Value {
        let problem = |problem: &RowProblem| {
            let code = problem.refusal.code();
            json!({
                "file": self.file, "row": problem.row, "column": problem.column,
                "code": code.as_str(), "detail": problem.refusal.detail(),
                "reason_zh": code.zh(), "reason_en": code.en(),
                "advice_zh": code.zh_advice(), "advice_en": code.en_advice(),
            })
        };
        json!({
            "file": self.file, "kind": self.sort.as_str(), "rows": self.rows, "new": self.new,
            "waiting": self.waiting, "already": self.already, "bad": self.bad,
            "problems": self.problems.iter().map(problem).collect::<Vec<_>>(),
        })
    }

    /// The refused rows as CSV: the file's own columns and one more that says why. Corrected, it can be imported as
    /// it is. The reasons are in Chinese when the file's header is.
    pub fn refused_csv(&self) -> Vec<u8> {
        let (headers, rows) = self.refused_table();
        write::csv_bytes(&headers, rows)
    }

    /// Writes [`Report::refused_csv`] to a file.
    ///
    /// # Errors
    /// [`Code::Disk`] or [`Code::DiskFull`].
    pub fn write_refused(&self, path: &Path) -> Result<(), Refusal> {
        let (headers, rows) = self.refused_table();
        write::write_csv(path, &headers, rows)
    }

    fn refused_table(&self) -> (Vec<&str>, impl Iterator<Item = Vec<Cell>>) {
        let chinese = self.headers.iter().any(|header| !header.is_ascii());
        // A reason column of an earlier round is replaced, not doubled.
        let own: Vec<usize> = (0..self.headers.len()).filter(|at| self.columns[*at] != Some(Column::Reason)).collect();
        let mut headers: Vec<&str> = own.iter().map(|at| self.headers[*at].as_str()).collect();
        headers.push(if chinese { Column::Reason.zh() } else { Column::Reason.en() });
        let rows = self.refused.iter().map(move |row| {
            let cells: Vec<&str> = row.raw.cells().collect();
            let reasons: Vec<String> = self.problems[row.problems.clone()]
                .iter()
                .map(|problem| {
                    let said = if chinese { problem.refusal.zh() } else { problem.refusal.en() };
                    if problem.column.is_empty() { said } else { format!("{}: {said}", problem.column) }
                })
                .collect();
            let texts = own.iter().map(|at| cells.get(*at).copied().unwrap_or_default());
            texts.map(Cell::text).chain([Cell::text(reasons.join(" | "))]).collect()
        });
        (headers, rows)
    }
}

fn reason(refusal: &Refusal, what: &str, advice: &str) -> [String; 2] {
    [format!("[{}] {what}: {}", refusal.code().as_str(), refusal.detail()), advice.to_owned()]
}

/// Lays lines out in columns; Chinese characters are two wide.
fn table(file: &str, head: [&str; 5], lines: Vec<[String; 5]>) -> String {
    let mut text = String::new();
    if lines.is_empty() {
        return text;
    }
    let mut widths = head.map(UnicodeWidthStr::width_cjk);
    widths[0] = widths[0].max(file.width_cjk());
    for line in &lines {
        for (width, cell) in widths.iter_mut().zip(line) {
            *width = (*width).max(cell.width_cjk());
        }
    }
    for line in std::iter::once(&head.map(str::to_owned)).chain(&lines) {
        for (at, (cell, width)) in line.iter().zip(widths).enumerate() {
            text.push_str(cell);
            if at + 1 < line.len() {
                text.extend(std::iter::repeat_n(' ', width - cell.width_cjk() + 2));
            }
        }
        text.push('\n');
    }
    text
}
