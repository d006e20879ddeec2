//! Rows of forms as files, as a township keeps them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use xiangyue_protocol::forms::{self, Form, Row, Value};
use xiangyue_protocol::{Code, OrgCode, Refusal};

use crate::i18n::Lang;
use crate::tables::{Sort, row_cells, write_csv};

/// Rows in one file.
const ROWS: usize = 100_000;

/// The rows of a place by form, each with its village.
#[derive(Default)]
pub(super) struct Sheets {
    villages: Vec<(OrgCode, String)>,
    rows: BTreeMap<&'static str, Vec<(Option<OrgCode>, Row)>>,
}

impl Sheets {
    /// A place with so many villages under a township, named by number.
    pub(super) fn of(township: &str, count: usize) -> Result<Sheets, Refusal> {
        // Villages' codes usually begin at 201; three digits hold a thousand.
        let first = if count < 800 { 200 } else { 0 };
        let village = |n: usize| Ok((format!("{township}{:03}", first + n).parse()?, format!("第{n:03}村")));
        Ok(Sheets { villages: (1..=count).map(village).collect::<Result<_, Refusal>>()?, rows: BTreeMap::new() })
    }

    pub(super) fn villages(&self) -> &[(OrgCode, String)] {
        &self.villages
    }

    /// The code of a village by its place, from 0.
    pub(super) fn village(&self, at: usize) -> OrgCode {
        self.villages[at].0.clone()
    }

    /// Adds a row of the township's own.
    pub(super) fn own(&mut self, form: &'static Form, values: &[(&'static str, Value)]) -> Result<(), Refusal> {
        self.add(form, None, values)
    }

    /// Adds a row of a village.
    pub(super) fn put(
        &mut self,
        form: &'static Form,
        village: usize,
        values: &[(&'static str, Value)],
    ) -> Result<(), Refusal> {
        let village = self.village(village);
        self.add(form, Some(village), values)
    }

    fn add(
        &mut self,
        form: &'static Form,
        village: Option<OrgCode>,
        values: &[(&'static str, Value)],
    ) -> Result<(), Refusal> {
        let row = Row::new(form, values.iter().cloned())?;
        self.rows.entry(form.name).or_default().push((village, row));
        Ok(())
    }

    /// How many rows there are.
    pub(super) fn rows(&self) -> usize {
        self.rows.values().map(Vec::len).sum()
    }

    /// Writes the rows as CSV, form by form, and hands each file on.
    pub(super) fn write(
        self,
        folder: &Path,
        each: &mut dyn FnMut(&Path, usize) -> Result<(), Refusal>,
    ) -> Result<(), Refusal> {
        std::fs::create_dir_all(folder)
            .map_err(|error| Refusal::new(Code::Disk, format_args!("{}: {error}", folder.display())))?;
        let mut left = self.rows;
        // In the order of the forms: cases come before their steps.
        for form in forms::ALL {
            let Some(rows) = left.remove(form.name) else { continue };
            for (at, part) in rows.chunks(ROWS).enumerate() {
                let path: PathBuf = folder.join(format!("{}-{at}.csv", form.name));
                let cells = part.iter().map(|(village, row)| row_cells(village.as_ref(), row, Lang::Zh));
                write_csv(&path, &Sort::Form(form).headers_zh(), cells)?;
                each(&path, part.len())?;
            }
        }
        Ok(())
    }
}

/// The part of a whole that falls to one of several, so that the parts add up to it.
pub(super) fn share(whole: usize, at: usize, of: usize) -> usize {
    whole * (at + 1) / of - whole * at / of
}

/// A code from a letter and a number.
pub(super) fn code(letter: &str, number: usize) -> Value {
    Value::from(format!("{letter}{number:06}").as_str())
}

/// A number.
pub(super) fn number(number: usize) -> Value {
    Value::from(i64::try_from(number).unwrap_or(i64::MAX))
}

/// A day of 2021 by its number in the year, from 0.
pub(super) fn day(of_year: usize) -> Value {
    let span = jiff::Span::new().days(i64::try_from(of_year % 365).unwrap_or(0));
    let first = jiff::civil::date(2021, 1, 1);
    Value::from(first.checked_add(span).unwrap_or(first))
}
