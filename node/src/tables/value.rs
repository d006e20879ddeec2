//! Single values: how people write codes, numbers and dates in tables, and the one form each is kept in.

use std::borrow::Cow;
use std::fmt;

use xiangyue_protocol::{Code, Date, Refusal};

use super::citizen;

/// Days between the epochs of a workbook that counts from 1904 and one that counts from 1900.
const EPOCH_1904: i32 = 1462;
/// The earliest year taken for real: anything before is a typing error.
const FIRST_YEAR: i16 = 1900;

/// The text without white space and invisible marks around it.
pub(crate) fn trimmed(text: &str) -> &str {
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '\u{200b}'..='\u{200f}'))
}

/// The half-width form of a full-width character.
pub(crate) fn half(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    }
}

/// The trimmed text in half-width characters.
pub(crate) fn half_width(text: &str) -> Cow<'_, str> {
    let text = trimmed(text);
    if text.is_ascii() || text.chars().all(|c| half(c) == c) {
        return Cow::Borrowed(text);
    }
    Cow::Owned(text.chars().map(half).collect())
}

/// A cell's text for people: short, on one line, citizen ids masked.
pub(crate) fn shown(text: &str) -> String {
    const CHARS: usize = 40;
    let mut out: String = citizen::mask_shapes(trimmed(text))
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(CHARS + 1)
        .collect();
    if let Some((cut, _)) = out.char_indices().nth(CHARS) {
        out.truncate(cut);
        out.push('…');
    }
    out
}

/// A refusal about a cell.
pub(crate) fn refuse(code: Code, text: &str) -> Refusal {
    Refusal::new(code, shown(text))
}

/// A refusal about a cell, with a hint.
pub(crate) fn refuse_with(code: Code, text: &str, hint: impl fmt::Display) -> Refusal {
    Refusal::new(code, format_args!("{} ({hint})", shown(text)))
}

/// A whole number: digits in either width, `1,000`, `5.0`; none for anything else.
pub(crate) fn number(text: &str) -> Option<i64> {
    let text = half_width(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    if !fraction.bytes().all(|b| b == b'0') {
        return None;
    }
    if !whole.contains(',') {
        return whole.parse().ok();
    }
    let mut groups = whole.split(',');
    let first = groups.next()?;
    let grouped = (1..=3).contains(&first.len()) && groups.all(|group| group.len() == 3);
    let digits = whole.bytes().all(|b| b == b',' || b.is_ascii_digit());
    if grouped && digits { whole.replace(',', "").parse().ok() } else { None }
}

/// Whether a spreadsheet has turned a long number into `1.1E+17` and lost its digits.
pub(crate) fn is_mangled(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['E', 'e']) else { return false };
    let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    match mantissa.split_once('.') {
        Some((whole, fraction)) => whole.len() == 1 && digits(whole) && digits(fraction) && digits(exponent),
        None => mantissa.len() == 1 && digits(mantissa) && text.contains('+') && digits(exponent),
    }
}

/// Stands for a formula that was stored without its result.
pub(crate) const NO_RESULT: &str = "=…";

/// Whether the cell holds a spreadsheet's error instead of a value.
pub(crate) fn is_error(text: &str) -> bool {
    const ERRORS: [&str; 8] = ["#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#GETTING_DATA"];
    text.starts_with('#') && ERRORS.contains(&text)
}

/// A date as people write it: `2021-01-05`, `2021/1/5`, `2021.1.5`, `2021年1月5日`, `20210105`, each in either width
/// and with or without a time after it, or the bare day number of a spreadsheet.
///
/// # Errors
/// [`Code::BadDate`] for anything else, an impossible date, or one before 1900.
pub(crate) fn date(text: &str, epoch_1904: bool) -> Result<Date, Refusal> {
    let folded = half_width(text);
    parts(&folded)
        .and_then(|(year, month, day)| Date::new(year, month, day).ok())
        .or_else(|| serial(&folded, epoch_1904))
        .filter(|date| date.year() >= FIRST_YEAR)
        .ok_or_else(|| refuse(Code::BadDate, text))
}

fn parts(text: &str) -> Option<(i16, i8, i8)> {
    if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
        return Some((text[..4].parse().ok()?, text[4..6].parse().ok()?, text[6..].parse().ok()?));
    }
    let (year, rest) = split_number(text, 4)?;
    let (mark, rest) = split_char(rest)?;
    let (month, rest) = split_number(rest, 2)?;
    let (second, rest) = split_char(rest)?;
    let (day, rest) = split_number(rest, 2)?;
    let rest = match (mark, second) {
        ('-' | '/' | '.', same) if same == mark => rest,
        ('年', '月') => rest.strip_prefix('日').unwrap_or(rest),
        _ => return None,
    };
    let whole_day = rest.is_empty() || (rest.starts_with(['T', ' ']) && is_time(rest[1..].trim_start()));
    (whole_day && year >= 1000).then_some((year, i8::try_from(month).ok()?, i8::try_from(day).ok()?))
}

fn split_number(text: &str, most: usize) -> Option<(i16, &str)> {
    let digits = text.bytes().take(most).take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

fn split_char(text: &str) -> Option<(char, &str)> {
    let mut chars = text.chars();
    Some((chars.next()?, chars.as_str()))
}

fn is_time(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b':' || b == b'.')
}

/// Day numbers from 1927 to 2064: five digits, so that no year or slip number is taken for one.
fn serial(text: &str, epoch_1904: bool) -> Option<Date> {
    let days: i32 = text.parse().ok().filter(|days| (10_000..=60_000).contains(days))?;
    let days = if epoch_1904 { days + EPOCH_1904 } else { days };
    from_serial(days)
}

/// The date of a spreadsheet's day number in the 1900 system; the numbers before the 29th of February 1900 that
/// spreadsheets believe in are not dates of ours.
pub(crate) fn from_serial(days: i32) -> Option<Date> {
    if days <= 60 {
        return None;
    }
    let span = jiff::Span::new().try_days(days).ok()?;
    Date::constant(1899, 12, 30).checked_add(span).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_understood_as_people_write_them() {
        for text in [
            "2021-01-05",
            "2021-1-5",
            "2021/1/5",
            "2021/01/05",
            "2021.1.5",
            "2021年1月5日",
            "2021年01月05",
            "20210105",
            "２０２１－０１－０５",
            "２０２１／１／５",
            " 2021-01-05 ",
            "2021-01-05 00:00:00",
            "2021-01-05T08:30:00.000",
            "2021/1/5 8:30",
            "44201",
        ] {
            assert_eq!(date(text, false).unwrap().to_string(), "2021-01-05", "{text}");
        }
        assert_eq!(date("42739", true).unwrap().to_string(), "2021-01-05");
    }

    #[test]
    fn other_dates_are_refused() {
        for text in [
            "2021-02-29",
            "2021-13-01",
            "21-01-05",
            "5/1/2021",
            "2021-01/05",
            "2021-01-05x",
            "1021-01-05",
            "2021",
            "202101",
            "0",
            "-44201",
            "昨天",
            "2021年1月",
        ] {
            assert_eq!(date(text, false).expect_err(text).code(), Code::BadDate);
        }
    }

    #[test]
    fn numbers_are_whole() {
        for (text, value) in [
            ("5", 5),
            (" 12 ", 12),
            ("5.0", 5),
            ("5.", 5),
            ("１２", 12),
            ("1,000", 1000),
            ("-3", -3),
            ("１，２００", 1200),
        ] {
            assert_eq!(number(text), Some(value), "{text}");
        }
        for text in ["", "5.5", "1,00", ",5", "1e3", "five", "5 6", "99999999999999999999", "1,0000"] {
            assert_eq!(number(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_that_a_spreadsheet_mangled_are_told_from_codes() {
        for text in ["1.1E+11", "1.10105194912310E+17", "1E+12", "2.5e17"] {
            assert!(is_mangled(text), "{text}");
        }
        for text in ["E12", "1E2", "12E+4", "A1.5E+3", "110105", "EE", "1.E+5x"] {
            assert!(!is_mangled(text), "{text}");
        }
    }

    #[test]
    fn what_is_shown_is_short_and_masked() {
        assert_eq!(shown("  11010519491231002X "), "110105********2X");
        assert_eq!(shown("a\nb"), "a\u{fffd}b");
        assert_eq!(shown(&"长".repeat(50)).chars().count(), 41);
    }
}
