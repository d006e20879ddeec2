//! The judge: takes the rows of a file one by one and says of each which command it is or all that is wrong with it.

use std::borrow::Cow;
use std::collections::HashMap;

use smol_str::{SmolStr, format_smolstr};
use xiangyue_protocol::forms::{Field, Form, Row, Type};
use xiangyue_protocol::{Amend, Code, Command, Date, OrgCode, Refusal};

use super::columns::Column;
use super::layout::Layout;
use super::raw::RowBuf;
use super::{Names, Parsed, ParsedRow, Problem, Raw, Sort, citizen, limits, rows, value};

/// The rows of a form that count as a record's latest, of a village's document or of the node's own: two or more when
/// they were written apart.
pub type Known<'a> = dyn Fn(&'static Form, Option<&OrgCode>, &str) -> Result<Vec<Row>, Refusal> + 'a;

/// What rows are judged against.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The day of the import; bounds dates of what has happened.
    pub today: Date,
    /// Turns citizen ids into pseudonyms; must stay the same for a village, or one person becomes two.
    pub key: &'a [u8; 32],
    /// How rows may name organisations.
    pub names: &'a Names,
    /// For rows of forms.
    pub put: Put<'a>,
}

/// How rows of forms are to be entered.
#[derive(Clone, Copy)]
pub struct Put<'a> {
    /// What to do when a row is there that says something else.
    pub amend: Amend,
    /// Whether the records are withdrawn.
    pub withdraw: bool,
    /// The village, clerk and reason of rows that do not name theirs.
    pub village: Option<&'a OrgCode>,
    /// Code of the clerk.
    pub by: &'a str,
    /// Why.
    pub why: &'a str,
    /// What is there, for corrections: columns that are left out stay as they are.
    pub known: &'a Known<'a>,
}

impl Put<'_> {
    /// Enters rows that are new.
    pub const NEW: Put<'static> =
        Put { amend: Amend::No, withdraw: false, village: None, by: "", why: "", known: &|_, _, _| Ok(Vec::new()) };

    /// Whether it is about rows that are there.
    pub(super) fn corrects(&self) -> bool {
        self.withdraw || self.amend != Amend::No
    }
}

impl<'a> Context<'a> {
    /// For rows that are new.
    pub fn new(today: Date, key: &'a [u8; 32], names: &'a Names) -> Context<'a> {
        Context { today, key, names, put: Put::NEW }
    }
}

/// One file's judge.
pub(super) struct Judge<'a> {
    named: Option<Sort>,
    layout: Option<Layout>,
    context: Context<'a>,
    rows: Vec<ParsedRow>,
    /// Where each key was first seen.
    seen: HashMap<SmolStr, usize>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(sort: Option<Sort>, context: &Context<'a>) -> Judge<'a> {
        Judge { named: sort, layout: None, context: *context, rows: Vec::new(), seen: HashMap::new() }
    }

    /// Takes the next row: the first that is not blank is the header.
    pub(super) fn row(&mut self, row: &RowBuf) -> Result<(), Refusal> {
        if row.is_blank() {
            return Ok(());
        }
        let Some(layout) = &self.layout else {
            self.layout = Some(Layout::new(row.cells(), self.named, self.context.put.corrects())?);
            return Ok(());
        };
        limits::rows(self.rows.len() + 1)?;
        let result = judged(&self.context, layout, row)
            .and_then(|command| unlike_earlier(&mut self.seen, &self.rows, layout, command));
        let raw = Raw::new(kept(layout, row));
        self.rows.push(ParsedRow { row: row.number, raw, result });
        Ok(())
    }

    /// The judged file.
    ///
    /// # Errors
    /// [`Code::BadHeader`] when there was no header row.
    pub(super) fn finish(self) -> Result<Parsed, Refusal> {
        let layout = self.layout.ok_or_else(|| Refusal::new(Code::BadHeader, "empty file / 空文件"))?;
        Ok(Parsed { sort: layout.sort, headers: layout.headers, rows: self.rows })
    }
}

fn judged(context: &Context<'_>, layout: &Layout, row: &RowBuf) -> Result<Command, Vec<Problem>> {
    let mut fields = Fields { context, layout, row, problems: Vec::new() };
    fields.headless();
    let command = rows::command(&mut fields);
    match command {
        Some(command) if fields.problems.is_empty() => Ok(command),
        _ => Err(fields.problems),
    }
}

/// Judges one row of a form that comes with its own columns, as from the command line.
///
/// # Errors
/// Everything that is wrong with it.
pub fn put(form: &'static Form, cells: &[(String, String)], context: &Context<'_>) -> Result<Command, Vec<Problem>> {
    let whole = |refusal| vec![Problem { column: String::new(), refusal }];
    let headers = cells.iter().map(|(header, _)| header.clone()).collect();
    let layout = Layout::some(headers, Sort::Form(form)).map_err(whole)?;
    let mut row = RowBuf::default();
    for (at, (_, cell)) in cells.iter().enumerate() {
        row.slot(at).map_err(whole)?.push_str(cell);
    }
    judged(context, &layout, &row)
}

/// Refuses a command whose key an earlier row used for something else. The same row twice is the same command.
fn unlike_earlier(
    seen: &mut HashMap<SmolStr, usize>,
    rows: &[ParsedRow],
    layout: &Layout,
    command: Command,
) -> Result<Command, Vec<Problem>> {
    let Some((column, key)) = key(&command) else { return Ok(command) };
    let first = *seen.entry(key.clone()).or_insert(rows.len());
    match rows.get(first) {
        Some(earlier) if earlier.result.as_ref() != Ok(&command) => {
            let detail = format!("{} = row {} / 第 {} 行", value::shown(&key), earlier.row, earlier.row);
            let refusal = Refusal::new(Code::DuplicateInFile, detail);
            Err(vec![Problem { column: layout.header(column), refusal }])
        }
        _ => Ok(command),
    }
}

/// The cells to keep for the refused-rows file. Columns that may carry a citizen id lose anything of its shape;
/// elsewhere only valid ids are hidden, so that a slip number of 18 digits survives.
fn kept<'r>(layout: &'r Layout, row: &'r RowBuf) -> impl Iterator<Item = Cow<'r, str>> {
    let cells = row.cells();
    let count = cells.len().max(layout.headers.len());
    (0..count).map(move |at| {
        let cell = cells.get(at).map_or("", String::as_str);
        match layout.column(at) {
            Some(Column::Account | Column::Of(Field { of: Type::Person, .. })) => citizen::mask_shapes(cell),
            // A slip number that is an id is refused; one that only looks like it is a slip.
            Some(Column::RequestId | Column::Of(Field { of: Type::Code | Type::Key(_) | Type::Org(_), .. })) => {
                citizen::mask_valid(cell)
            }
            _ => citizen::mask_likely(cell),
        }
    })
}

/// What makes two rows of a file the same row, and the column to name when they differ.
fn key(command: &Command) -> Option<(Column, SmolStr)> {
    Some(match command {
        Command::Award(award) => (Column::RequestId, award.request.clone().into()),
        Command::Redeem(redemption) => (Column::RequestId, redemption.request.clone().into()),
        Command::Account { account, .. } => (Column::Account, account.account.clone().into()),
        Command::Rule(rule) => {
            (Column::Rule, format_smolstr!("{}/{}/{}", rule.code, rule.cohort.as_str(), rule.effective_from))
        }
        Command::Item(item) => (Column::Rule, format_smolstr!("{}//{}", item.code, item.effective_from)),
        Command::Put(put) => {
            let village = put.village.as_ref().map_or("", OrgCode::as_str);
            (Column::Of(put.row.form().key().next()?), format_smolstr!("{village}/{}", put.row.key()))
        }
        _ => return None,
    })
}

/// The fields of one row on their way to a command. Every problem is noted, not only the first.
pub(super) struct Fields<'r> {
    /// What they are judged against.
    pub(super) context: &'r Context<'r>,
    layout: &'r Layout,
    row: &'r RowBuf,
    problems: Vec<Problem>,
}

impl<'r> Fields<'r> {
    /// What the row is.
    pub(super) fn sort(&self) -> Sort {
        self.layout.sort
    }

    /// Whether bare day numbers count from 1904.
    pub(super) fn epoch_1904(&self) -> bool {
        self.row.epoch_1904
    }

    /// The trimmed text of a column, empty when the file does not have it.
    pub(super) fn text(&self, column: Column) -> &'r str {
        let cell = self.layout.at(column).and_then(|at| self.row.cells().get(at));
        cell.map_or("", |cell| value::trimmed(cell))
    }

    /// Whether the file has a column.
    pub(super) fn has(&self, column: Column) -> bool {
        self.layout.at(column).is_some()
    }

    /// Notes a problem with the row as a whole.
    pub(super) fn note_row(&mut self, refusal: Refusal) {
        self.problems.push(Problem { column: String::new(), refusal });
    }

    /// Notes a problem.
    pub(super) fn note(&mut self, column: Column, refusal: Refusal) {
        self.problems.push(Problem { column: self.layout.header(column), refusal });
    }

    /// A value that must be there; none, and a problem, when it is not or is bad.
    pub(super) fn need<T>(&mut self, column: Column, parse: impl FnOnce(&'r str) -> Result<T, Refusal>) -> Option<T> {
        if self.text(column).is_empty() {
            self.note(column, Refusal::new(Code::MissingValue, column.en()));
            return None;
        }
        self.may(column, parse).flatten()
    }

    /// A value that may be left out; none, and a problem, when it is bad.
    pub(super) fn may<T>(
        &mut self,
        column: Column,
        parse: impl FnOnce(&'r str) -> Result<T, Refusal>,
    ) -> Option<Option<T>> {
        let text = self.text(column);
        if text.is_empty() {
            return Some(None);
        }
        let parsed = match text {
            value::NO_RESULT => Err(Refusal::new(Code::NoResult, text)),
            _ if value::is_error(text) => Err(value::refuse(Code::BadValue, text)),
            _ => parse(text),
        };
        parsed.map(Some).map_err(|refusal| self.note(column, refusal)).ok()
    }

    /// Notes cells that stand under no header: what they mean cannot be known.
    fn headless(&mut self) {
        for (at, cell) in self.row.cells().iter().enumerate() {
            let header = self.layout.headers.get(at).map_or("", String::as_str);
            if header.is_empty() && !value::trimmed(cell).is_empty() {
                let refusal = value::refuse_with(Code::BadValue, cell, "no header / 没有表头");
                self.problems.push(Problem { column: format!("#{}", at + 1), refusal });
            }
        }
    }
}
