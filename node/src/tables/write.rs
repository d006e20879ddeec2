//! Writers: exports, the refused rows of an import, the demo's files. What they write, [`super::read`] reads back.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use rust_xlsxwriter::{DataValidation, DocProperties, ExcelDateTime, Format, Workbook, XlsxError};
use smol_str::SmolStr;
use xiangyue_protocol::schema::line::lines_text;
use xiangyue_protocol::schema::{Account, Award, Item, Points, Redemption, Rule};
use xiangyue_protocol::{Code, Command, Date, OrgCode, Refusal};

use super::rows::ITEM_SEGMENT;
use crate::i18n::Lang;

/// Whether a spreadsheet would take this text for a formula. One that is guarded already counts too, so that taking
/// one apostrophe away always gives the text back.
pub(super) fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@', '\t', '\r'])
}

/// The last line of a sheet.
const LAST_LINE: u32 = 1_048_575;

/// A cell to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// Text, also for codes that look like numbers.
    Text(SmolStr),
    /// A number to calculate with.
    Number(i64),
    /// A number whose last digits, so many, stand behind the point.
    Decimal(i64, u8),
    /// A date.
    Date(Date),
    /// Nothing.
    Empty,
}

impl Cell {
    /// A text cell.
    pub fn text(text: impl AsRef<str>) -> Cell {
        Cell::Text(SmolStr::new(text))
    }

    /// A text cell, empty for no text.
    fn may(text: &str) -> Cell {
        if text.is_empty() { Cell::Empty } else { Cell::text(text) }
    }

    fn points(points: Points) -> Cell {
        Cell::Number(points.0)
    }
}

/// A command as a row under [`super::Sort::headers_en`] or `headers_zh`; none for commands that no file carries.
pub fn cells(command: &Command) -> Option<Vec<Cell>> {
    Some(match command {
        Command::Account { village, account } => account_cells(village, account),
        Command::Award(award) => award_cells(award),
        Command::Redeem(redemption) => redemption_cells(redemption),
        Command::Rule(rule) => rule_cells(rule),
        Command::Item(item) => item_cells(item),
        Command::Put(put) => super::row_cells(put.village.as_ref(), &put.row, Lang::En),
        _ => return None,
    })
}

fn account_cells(village: &OrgCode, account: &Account) -> Vec<Cell> {
    vec![
        Cell::text(account.account.as_str()),
        Cell::text(account.holder.as_str()),
        Cell::text(account.cohort.as_str()),
        Cell::text(village.as_str()),
        Cell::Date(account.opened),
    ]
}

fn award_cells(award: &Award) -> Vec<Cell> {
    vec![
        Cell::text(award.request.as_str()),
        Cell::Date(award.date),
        Cell::text(award.account.as_str()),
        Cell::text(award.rule.as_str()),
        Cell::points(award.points),
        Cell::Text(award.by.clone()),
        Cell::Text(award.memo.clone()),
        award.approval.as_ref().map_or(Cell::Empty, |approval| Cell::Text(approval.by.clone())),
    ]
}

fn redemption_cells(redemption: &Redemption) -> Vec<Cell> {
    vec![
        Cell::text(redemption.request.as_str()),
        Cell::Date(redemption.date),
        Cell::text(redemption.account.as_str()),
        Cell::text(redemption.item.as_str()),
        // What the node is to find by its price list stays empty.
        if redemption.points == Points::ZERO { Cell::Empty } else { Cell::points(redemption.points) },
        redemption.merchant.as_ref().map_or(Cell::Empty, |merchant| Cell::text(merchant.as_str())),
        Cell::may(&lines_text(&redemption.lines)),
    ]
}

fn rule_cells(rule: &Rule) -> Vec<Cell> {
    vec![
        Cell::text(rule.code.as_str()),
        Cell::text(rule.cohort.as_str()),
        Cell::points(rule.points),
        rule.daily_cap.map_or(Cell::Empty, Cell::points),
        Cell::Date(rule.effective_from),
        rule.approve_above.map_or(Cell::Empty, Cell::points),
    ]
}

fn item_cells(item: &Item) -> Vec<Cell> {
    vec![
        Cell::text(item.code.as_str()),
        Cell::text(ITEM_SEGMENT[0]),
        Cell::points(item.price),
        Cell::Empty,
        Cell::Date(item.effective_from),
        Cell::Empty,
    ]
}

/// Writes CSV: UTF-8 with a byte order mark, which spreadsheets need to see Chinese, and no cell a formula.
///
/// # Errors
/// [`Code::Disk`] or [`Code::DiskFull`].
pub fn write_csv<R: AsRef<[Cell]>>(
    path: &Path,
    headers: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<(), Refusal> {
    let mut file = BufWriter::new(File::create(path).map_err(|error| disk(path, &error))?);
    csv_to(&mut file, headers, rows).and_then(|()| file.flush()).map_err(|error| disk(path, &error))
}

/// As [`write_csv`], into memory.
pub fn csv_bytes<R: AsRef<[Cell]>>(headers: &[&str], rows: impl IntoIterator<Item = R>) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to memory does not fail.
    let _ = csv_to(&mut bytes, headers, rows);
    bytes
}

fn csv_to<R: AsRef<[Cell]>>(
    out: &mut impl Write,
    headers: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> io::Result<()> {
    out.write_all("\u{feff}".as_bytes())?;
    let header: Vec<Cell> = headers.iter().map(Cell::text).collect();
    csv_row(out, &header)?;
    rows.into_iter().try_for_each(|row| csv_row(out, row.as_ref()))
}

fn csv_row(out: &mut impl Write, cells: &[Cell]) -> io::Result<()> {
    for (at, cell) in cells.iter().enumerate() {
        if at > 0 {
            out.write_all(b",")?;
        }
        match cell {
            Cell::Text(text) => out.write_all(quoted(text).as_bytes())?,
            Cell::Number(number) => write!(out, "{number}")?,
            Cell::Decimal(number, digits) => out.write_all(decimal(*number, *digits, |n| n.to_string()).as_bytes())?,
            Cell::Date(date) => write!(out, "{date}")?,
            Cell::Empty => {}
        }
    }
    out.write_all(b"\r\n")
}

/// The text as a CSV field that no spreadsheet takes for a formula.
fn quoted(text: &str) -> Cow<'_, str> {
    let guard = if is_formula(text) { "'" } else { "" };
    if text.contains(['"', ',', ';', '\t', '\n', '\r', '，']) {
        return Cow::Owned(format!("\"{guard}{}\"", text.replace('"', "\"\"")));
    }
    if guard.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(format!("{guard}{text}")) }
}

/// Writes a workbook of one sheet: texts as texts, so that no leading zero or long code is lost, dates as dates.
/// The same cells give the same bytes. The sheet is built in memory: no copy of it lies in a temporary folder.
///
/// # Errors
/// [`Code::Disk`], [`Code::DiskFull`], or [`Code::FileTooLarge`] beyond what a sheet holds.
pub fn write_xlsx<R: AsRef<[Cell]>>(
    path: &Path,
    sheet: &str,
    headers: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<(), Refusal> {
    std::fs::write(path, xlsx_bytes(sheet, headers, rows)?).map_err(|error| disk(path, &error))
}

/// As [`write_xlsx`], into memory.
///
/// # Errors
/// [`Code::FileTooLarge`] beyond what a sheet holds.
pub fn xlsx_bytes<R: AsRef<[Cell]>>(
    sheet: &str,
    headers: &[&str],
    rows: impl IntoIterator<Item = R>,
) -> Result<Vec<u8>, Refusal> {
    workbook(sheet, headers, rows, &[], &[]).map_err(|error| Refusal::new(Code::FileTooLarge, error))
}

/// A workbook whose first sheet is the table alone, and whose second says what it is, in pairs of a name and a value.
///
/// # Errors
/// As [`xlsx_bytes`].
pub fn report_bytes<R: AsRef<[Cell]>>(
    sheet: &str,
    headers: &[&str],
    rows: impl IntoIterator<Item = R>,
    about: &[(String, String)],
) -> Result<Vec<u8>, Refusal> {
    workbook(sheet, headers, rows, about, &[]).map_err(|error| Refusal::new(Code::FileTooLarge, error))
}

/// A column of a table to fill in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blank<'t> {
    /// Its header.
    pub header: &'t str,
    /// Whether its cells are formatted as texts, so that no code typed there loses a digit.
    pub text: bool,
    /// The words that a spreadsheet offers there; any when there are none.
    pub words: Vec<&'t str>,
}

/// A workbook to fill in: headers alone, and a second sheet that explains the columns.
///
/// # Errors
/// As [`xlsx_bytes`].
pub fn template_bytes(sheet: &str, blanks: &[Blank<'_>], about: &[(String, String)]) -> Result<Vec<u8>, Refusal> {
    let headers: Vec<&str> = blanks.iter().map(|blank| blank.header).collect();
    let none: [Vec<Cell>; 0] = [];
    workbook(sheet, &headers, none, about, blanks).map_err(|error| Refusal::new(Code::FileTooLarge, error))
}

fn workbook<R: AsRef<[Cell]>>(
    name: &str,
    headers: &[&str],
    rows: impl IntoIterator<Item = R>,
    about: &[(String, String)],
    blanks: &[Blank<'_>],
) -> Result<Vec<u8>, XlsxError> {
    let mut book = Workbook::new();
    let no_moment = ExcelDateTime::from_ymd(2000, 1, 1)?;
    book.set_properties(&DocProperties::new().set_creation_datetime(&no_moment));
    let date_format = Format::new().set_num_format("yyyy-mm-dd");
    let text_format = Format::new().set_num_format("@");
    let sheet = book.add_worksheet();
    sheet.set_name(name)?.set_freeze_panes(1, 0)?;
    for (column, blank) in (0u16..).zip(blanks) {
        if blank.text {
            sheet.set_column_format(column, &text_format)?;
        }
        if !blank.words.is_empty() {
            let offered = DataValidation::new().allow_list_strings(&blank.words)?;
            sheet.add_data_validation(1, column, LAST_LINE, column, &offered)?;
        }
    }
    for (column, header) in (0u16..).zip(headers) {
        sheet.write_string(0, column, *header)?.set_column_width(column, 16)?;
    }
    for (line, row) in (1u32..).zip(rows) {
        for (column, cell) in (0u16..).zip(row.as_ref()) {
            match cell {
                // The format keeps what is typed over the text later a text.
                Cell::Text(text) if !text.is_empty() => {
                    sheet.write_string_with_format(line, column, text.as_str(), &text_format)?;
                }
                Cell::Number(number) => {
                    sheet.write_number(line, column, number_of(*number))?;
                }
                Cell::Date(date) => {
                    sheet.write_datetime_with_format(line, column, moment(*date)?, &date_format)?;
                }
                Cell::Decimal(number, digits) => {
                    let scaled = number_of(*number) / 10_f64.powi(i32::from(*digits));
                    let format = Format::new().set_num_format(format!("0.{}", "0".repeat(usize::from(*digits))));
                    sheet.write_number_with_format(line, column, scaled, &format)?;
                }
                Cell::Text(_) | Cell::Empty => {}
            }
        }
    }
    if !about.is_empty() {
        let sheet = book.add_worksheet();
        sheet.set_name("说明 about")?.set_column_width(0, 16)?.set_column_width(1, 80)?;
        for (line, (name, value)) in (0u32..).zip(about) {
            sheet.write_string(line, 0, name)?.write_string_with_format(line, 1, value, &text_format)?;
        }
    }
    book.save_to_buffer()
}

/// A number of which the last digits, so many, stand behind the point; `whole` writes what stands before it.
pub(crate) fn decimal(number: i64, digits: u8, whole: impl Fn(i64) -> String) -> String {
    if digits == 0 {
        return whole(number);
    }
    let unit = 10_u64.saturating_pow(u32::from(digits));
    let (before, behind) = (number.unsigned_abs() / unit, number.unsigned_abs() % unit);
    let sign = if number < 0 { "-" } else { "" };
    let before = whole(i64::try_from(before).unwrap_or(i64::MAX));
    format!("{sign}{before}.{behind:0width$}", width = usize::from(digits))
}

/// A spreadsheet's numbers have 53 bits; sums of points stay far below.
#[allow(clippy::cast_precision_loss)]
fn number_of(number: i64) -> f64 {
    number as f64
}

fn moment(date: Date) -> Result<ExcelDateTime, XlsxError> {
    ExcelDateTime::from_ymd(date.year().unsigned_abs(), date.month().unsigned_abs(), date.day().unsigned_abs())
}

fn disk(path: &Path, error: &io::Error) -> Refusal {
    let code = if error.kind() == io::ErrorKind::StorageFull { Code::DiskFull } else { Code::Disk };
    Refusal::new(code, format_args!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_are_read_as_yuan() {
        let shown = |fen| decimal(fen, 2, |yuan| yuan.to_string());
        assert_eq!([0, 5, 100, 12_345, -5, -250].map(shown), ["0.00", "0.05", "1.00", "123.45", "-0.05", "-2.50"]);
        assert_eq!(decimal(942, 1, |n| n.to_string()), "94.2");
        assert_eq!(decimal(7, 0, |n| n.to_string()), "7");
    }
}
