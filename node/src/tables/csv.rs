//! CSV: from bytes in UTF-8, GBK or UTF-16 to rows of text.
//!
//! The splitting is our own because a row must carry the number that a spreadsheet shows for it (quoted line breaks
//! and blank lines included), and because a quotation mark that is never closed must be told, not swallowed.

use std::borrow::Cow;

use encoding_rs::{Encoding, GBK};
use xiangyue_protocol::{Code, Refusal};

use super::raw::RowBuf;
use super::write;

/// Separators that are looked for, the first of equals winning.
const SEPARATORS: [&str; 4] = [",", "\t", ";", "，"];

/// Calls `visit` with every row.
///
/// # Errors
/// [`Code::BadFile`] when the bytes are not text or a quotation mark is not closed; what `visit` refuses.
pub(super) fn each_row(bytes: &[u8], visit: &mut dyn FnMut(&RowBuf) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let text = decode(bytes)?;
    let separator = sniff(&text);
    let mut cursor = Cursor { rest: &text, separator };
    let mut row = RowBuf::default();
    let mut number = 0;
    while !cursor.rest.is_empty() {
        number += 1;
        row.restart(number);
        let mut column = 0;
        while let Next::Field = cursor.field(number, row.slot(column)?)? {
            column += 1;
        }
        visit(&row)?;
    }
    Ok(())
}

/// Text from bytes: a byte order mark decides, then UTF-8 if it is that throughout, else GBK.
fn decode(bytes: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    let refuse = |what: &str| Err(Refusal::new(Code::BadFile, what));
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return if broken { refuse(encoding.name()) } else { Ok(text) };
    }
    if bytes.contains(&0) {
        return refuse("not a table / 不是表格文件");
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(Cow::Borrowed(text));
    }
    let (text, broken) = GBK.decode_without_bom_handling(bytes);
    if broken { refuse("neither UTF-8 nor GBK / 既非 UTF-8 也非 GBK") } else { Ok(text) }
}

/// The separator that the first line that is not blank has most of, outside quotation marks.
fn sniff(text: &str) -> &'static str {
    let line = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    let outside: String = line.split('"').step_by(2).collect();
    let count = |separator: &&str| outside.matches(*separator).count();
    let most = SEPARATORS.iter().map(count).max().unwrap_or(0);
    SEPARATORS.into_iter().find(|separator| count(separator) == most).unwrap_or(",")
}

/// What follows a field.
enum Next {
    /// Another field of the row.
    Field,
    /// Another row, or the end.
    Row,
}

struct Cursor<'t> {
    rest: &'t str,
    separator: &'static str,
}

impl Cursor<'_> {
    /// Reads one field into `out`.
    fn field(&mut self, row: u32, out: &mut String) -> Result<Next, Refusal> {
        let start = self.rest;
        if let Some(quoted) = start.strip_prefix('"') {
            self.rest = quoted;
            self.quoted(row, out)?;
        }
        let next = self.plain(out);
        if !start.starts_with('"') {
            plain_text(out);
        }
        Ok(next)
    }

    /// Reads up to the closing quotation mark; a doubled one stands for itself.
    fn quoted(&mut self, row: u32, out: &mut String) -> Result<(), Refusal> {
        loop {
            let Some((inside, rest)) = self.rest.split_once('"') else {
                let what = format_args!("row {row}: quotation mark not closed / 第 {row} 行引号未闭合").to_string();
                return Err(Refusal::new(Code::BadFile, what));
            };
            out.push_str(inside);
            self.rest = rest;
            let Some(rest) = rest.strip_prefix('"') else { break };
            out.push('"');
            self.rest = rest;
        }
        unescape(out);
        Ok(())
    }

    /// Reads up to the next separator or line break.
    fn plain(&mut self, out: &mut String) -> Next {
        let first = self.separator.as_bytes()[0];
        let mut from = 0;
        loop {
            let stop = self.rest.as_bytes()[from..].iter().position(|b| *b == first || *b == b'\n' || *b == b'\r');
            let Some(stop) = stop.map(|stop| stop + from) else {
                out.push_str(self.rest);
                self.rest = "";
                return Next::Row;
            };
            let (head, tail) = (self.rest.get(..stop).unwrap_or_default(), self.rest.get(stop..).unwrap_or_default());
            if let Some(rest) = tail.strip_prefix(self.separator) {
                out.push_str(head);
                self.rest = rest;
                return Next::Field;
            }
            if let Some(rest) = tail.strip_prefix("\r\n").or_else(|| tail.strip_prefix(['\n', '\r'])) {
                out.push_str(head);
                self.rest = rest;
                return Next::Row;
            }
            // The first byte of a full-width comma begins many other characters too.
            from = stop + 1;
        }
    }
}

/// Undoes what spreadsheets do to keep a text a text: `="00123"` stands for `00123`.
fn plain_text(cell: &mut String) {
    if let Some(inner) = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')) {
        *cell = inner.to_owned();
    } else {
        unescape(cell);
    }
}

/// Undoes what our own writer does to keep a text from becoming a formula.
fn unescape(cell: &mut String) {
    if cell.starts_with('\'') && write::is_formula(cell) {
        cell.remove(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(bytes: &[u8]) -> Result<Vec<(u32, Vec<String>)>, Refusal> {
        let mut rows = Vec::new();
        each_row(bytes, &mut |row| {
            rows.push((row.number, row.cells().to_vec()));
            Ok(())
        })?;
        Ok(rows)
    }

    fn row(number: u32, cells: &[&str]) -> (u32, Vec<String>) {
        (number, cells.iter().map(|cell| (*cell).to_owned()).collect())
    }

    #[test]
    fn rows_carry_the_numbers_of_a_spreadsheet() {
        let found = rows(b"a,b\r\n\r\n\"x\r\ny\",2\n3,\"say \"\"hi\"\"\"\r\n").unwrap();
        let expected = [row(1, &["a", "b"]), row(2, &[""]), row(3, &["x\r\ny", "2"]), row(4, &["3", "say \"hi\""])];
        assert_eq!(found, expected);
    }

    #[test]
    fn separators_are_found_from_the_header() {
        for separator in SEPARATORS {
            let text = format!("a{s}b{s}c\n1{s}\"{s}\"{s}3，", s = separator);
            let found = rows(text.as_bytes()).unwrap();
            if separator == "，" {
                assert_eq!(found[1], row(2, &["1", "，", "3", ""]));
            } else {
                assert_eq!(found[1], row(2, &["1", separator, "3，"]));
            }
        }
        assert_eq!(rows("备注，一；二，三\n".as_bytes()).unwrap(), [row(1, &["备注", "一；二", "三"])]);
    }

    #[test]
    fn encodings_are_found_from_the_bytes() {
        let expected = [row(1, &["账户", "村"])];
        let gbk = GBK.encode("账户,村").0;
        assert_eq!(rows("账户,村".as_bytes()).unwrap(), expected);
        assert_eq!(rows("\u{feff}账户,村".as_bytes()).unwrap(), expected);
        assert_eq!(rows(&gbk).unwrap(), expected);
        let utf16: Vec<u8> = "\u{feff}账户,村".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert_eq!(rows(&utf16).unwrap(), expected);
    }

    #[test]
    fn what_is_not_text_is_refused() {
        for bytes in [&b"a,b\0"[..], b"\x81\xff\xff", b"\xef\xbb\xbf\xff\xff"] {
            assert_eq!(rows(bytes).expect_err("bytes").code(), Code::BadFile);
        }
    }

    #[test]
    fn an_open_quotation_mark_is_told_with_its_row() {
        let refusal = rows(b"a,b\n1,\"2\n3,4\n").unwrap_err();
        assert!(refusal.detail().starts_with("row 2:"), "{refusal}");
    }

    #[test]
    fn texts_that_were_guarded_against_formulas_come_back() {
        let found = rows(b"'=1+1,'-5,\"'@x\",'quoted',=\"007\",'\n").unwrap();
        assert_eq!(found, [row(1, &["=1+1", "-5", "@x", "'quoted'", "007", "'"])]);
    }
}
