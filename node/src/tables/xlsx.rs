//! XLSX: the first visible sheet as rows of text, whatever type its cells have.

use std::fmt::Write as _;
use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use xiangyue_protocol::{Code, Refusal};

use super::raw::RowBuf;
use super::{guard, value};

/// From here on a spreadsheet has rounded the last digits away: it keeps fifteen.
const EXACT_BELOW: f64 = 1e15;

/// Calls `visit` with every row that has a cell.
///
/// # Errors
/// [`Code::BadFile`] when it is not a sound workbook, [`Code::FileTooLarge`] beyond the limits; what `visit` refuses.
pub(super) fn each_row(bytes: &[u8], visit: &mut dyn FnMut(&RowBuf) -> Result<(), Refusal>) -> Result<(), Refusal> {
    // The readers are not ours and the bytes are anyone's: a slip in them must cost the file, not the node.
    catch_unwind(AssertUnwindSafe(|| {
        guard::check(bytes)?;
        sheet(bytes, visit)
    }))
    .unwrap_or_else(|_| Err(Refusal::new(Code::BadFile, "workbook")))
}

fn sheet(bytes: &[u8], visit: &mut dyn FnMut(&RowBuf) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let bad = |error| Refusal::new(Code::BadFile, error);
    let mut book: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).map_err(bad)?;
    let first = book
        .sheets_metadata()
        .iter()
        .find(|sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible)
        .map(|sheet| sheet.name.clone());
    let name = first.ok_or_else(|| Refusal::new(Code::BadFile, "no sheet / 没有工作表"))?;
    let mut row = RowBuf::default();
    row.epoch_1904 = book.has_1904_epoch();
    let mut cells = book.worksheet_cells_reader(&name).map_err(bad)?;
    while let Some(cell) = cells.next_cell_with_formula_metadata().map_err(bad)? {
        let (at, column) = cell.pos;
        let number = at.saturating_add(1);
        // Programs other than spreadsheets write formulas and leave their results to whoever opens the file.
        let without_result = cell.formula.is_some() && cell.value == DataRef::Empty;
        if cell.value == DataRef::Empty && !without_result {
            continue;
        }
        if number != row.number {
            if row.number > 0 {
                visit(&row)?;
            }
            row.restart(number);
        }
        let slot = row.slot(column as usize)?;
        if without_result { slot.push_str(value::NO_RESULT) } else { render(&cell.value, slot) }
    }
    if row.number > 0 { visit(&row) } else { Ok(()) }
}

/// Writes a cell as people would type it.
fn render(cell: &DataRef<'_>, out: &mut String) {
    // Writing to a text cannot fail.
    let _ = match cell {
        DataRef::Empty => Ok(()),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => out.write_str(text),
        DataRef::SharedString(text) => out.write_str(text),
        DataRef::Int(number) => write!(out, "{number}"),
        DataRef::Float(number) => render_number(*number, out),
        DataRef::Bool(truth) => out.write_str(if *truth { "TRUE" } else { "FALSE" }),
        DataRef::Error(error) => write!(out, "{error}"),
        DataRef::DateTime(moment) => {
            let (year, month, day, hour, minute, second, _) = moment.to_ymd_hms_milli();
            if moment.is_duration() || moment.as_f64() < 1.0 {
                render_number(moment.as_f64(), out)
            } else if (hour, minute, second) == (0, 0, 0) {
                write!(out, "{year:04}-{month:02}-{day:02}")
            } else {
                write!(out, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
            }
        }
    };
}

/// Writes a number with the fifteen digits that a spreadsheet shows: whole ones without a point, and those whose
/// last digits are lost in scientific form, which no code or number of ours may have.
fn render_number(number: f64, out: &mut String) -> std::fmt::Result {
    if !number.is_finite() {
        return out.write_str("#NUM!");
    }
    if number.fract() != 0.0 {
        let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
        return write!(out, "{rounded}");
    }
    if number.abs() < EXACT_BELOW { write!(out, "{number:.0}") } else { mangled(number, out) }
}

fn mangled(number: f64, out: &mut String) -> std::fmt::Result {
    let text = format!("{number:.14E}").replace('E', "E+");
    debug_assert!(number < 0.0 || value::is_mangled(&text));
    out.write_str(&text)
}

#[cfg(test)]
mod tests {
    use calamine::{ExcelDateTime, ExcelDateTimeType};

    use super::*;

    fn rendered(cell: &DataRef<'_>) -> String {
        let mut out = String::new();
        render(cell, &mut out);
        out
    }

    #[test]
    fn numbers_come_out_as_typed() {
        for (number, text) in [
            (5.0, "5"),
            (-3.0, "-3"),
            (110_112_119_201.0, "110112119201"),
            (999_999_999_999_999.0, "999999999999999"),
            (0.1 + 0.2, "0.3"),
            (2.999_999_999_999_999_6, "3"),
            (2.5, "2.5"),
        ] {
            assert_eq!(rendered(&DataRef::Float(number)), text);
        }
    }

    #[test]
    fn numbers_too_long_to_be_exact_come_out_mangled_on_purpose() {
        let text = rendered(&DataRef::Float(110_105_194_912_310_021.0));
        assert_eq!(text, "1.10105194912310E+17");
        assert!(value::is_mangled(&text));
    }

    #[test]
    fn dates_come_out_as_dates() {
        let moment = |serial| DataRef::DateTime(ExcelDateTime::new(serial, ExcelDateTimeType::DateTime, false));
        assert_eq!(rendered(&moment(44201.0)), "2021-01-05");
        assert_eq!(rendered(&moment(44201.5)), "2021-01-05 12:00:00");
        assert_eq!(rendered(&DataRef::DateTimeIso("2021-01-05".into())), "2021-01-05");
    }
}
