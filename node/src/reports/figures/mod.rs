//! Reports over rows of forms: each is a table that says what its rows are and what its columns count.

mod bulletin;
mod column;
mod gathered;
mod safety;
mod tables;

use std::collections::BTreeMap;

use smol_str::SmolStr;
use xiangyue_protocol::forms::Word;
use xiangyue_protocol::provisions::Provisions;
use xiangyue_protocol::{Date, Level, Month, OrgCode};

use self::column::Column;
use self::gathered::Gathered;
use super::table::{Body, text, text_column};
use crate::api::types::{ReportCell, ReportName};
use crate::i18n::Lang;
use crate::registers::{Counts, Measure, Tally};

/// What such a report is made from, beside its documents.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    /// The organisations that it tells of, by code, with their names: the township itself first.
    pub(crate) orgs: BTreeMap<OrgCode, SmolStr>,
    /// Today.
    pub(crate) today: Date,
    /// One month; all of time when there is none.
    pub(crate) month: Option<Month>,
    /// Language of words in cells.
    pub(crate) lang: Lang,
    /// What the township sets.
    pub(crate) provisions: Provisions,
}

/// A report as a table.
struct Table {
    name: ReportName,
    rows: By,
    columns: &'static [Column],
    note: Option<(&'static str, &'static str)>,
}

/// What a row of a report is.
#[derive(Clone, Copy)]
enum By {
    /// A village, with the township's own below.
    Village,
    /// A class of these measures, by the words of a form's column.
    Class(&'static [Measure], fn() -> &'static [Word], &'static str, &'static str),
    /// A month.
    Month,
}

/// Makes a report over rows of forms; none if `name` is not one.
pub(super) fn make(name: ReportName, frame: &Frame, counts: &Counts) -> Option<Body> {
    let gathered = Gathered::new(frame, counts);
    match name {
        ReportName::Safety => return Some(safety::safety(&gathered)),
        ReportName::Bulletin => return Some(bulletin::bulletin(frame, counts)),
        ReportName::Closings => return Some(bulletin::closings(counts)),
        _ => {}
    }
    let table = tables::ALL.iter().find(|table| table.name == name)?;
    let body = match table.rows {
        By::Village => by_village(table, &gathered),
        By::Class(of, words, zh, en) => by_class(table, &gathered, of, words(), (zh, en)),
        By::Month => by_month(table, &gathered),
    };
    Some(match table.note {
        Some((zh, en)) => body.noted(zh, en),
        None => body,
    })
}

/// Whether a report is made from rows of forms.
pub(super) fn has(name: ReportName) -> bool {
    matches!(name, ReportName::Safety | ReportName::Bulletin | ReportName::Closings)
        || tables::ALL.iter().any(|table| table.name == name)
}

fn by_village(table: &Table, gathered: &Gathered<'_>) -> Body {
    let head = vec![text_column("village", "村", "village"), text_column("code", "代码", "code")];
    let rows = gathered.frame.orgs.iter().filter_map(|(org, name)| {
        let tally = gathered.of_org(org, table.measures());
        // The township has a row of its own only for what no village holds.
        let shown = org.level() == Level::Village || tally.cells().next().is_some();
        shown.then(|| (vec![text(name.clone()), text(org.as_str())], tally))
    });
    table.body(head, rows.collect(), gathered)
}

fn by_class(
    table: &Table,
    gathered: &Gathered<'_>,
    of: &[Measure],
    words: &[Word],
    (zh, en): (&'static str, &'static str),
) -> Body {
    let rows = words.iter().map(|word| {
        let tally = gathered.of_class(of, word.name, table.measures());
        (vec![text(gathered.frame.lang.pick(word.zh, word.name))], tally)
    });
    table.body(vec![text_column("class", zh, en)], rows.collect(), gathered)
}

fn by_month(table: &Table, gathered: &Gathered<'_>) -> Body {
    let rows = gathered.by_month(table.measures()).into_iter();
    let rows = rows.map(|(month, tally)| (vec![text(month.to_string())], tally));
    table.body(vec![text_column("month", "月份", "month")], rows.collect(), gathered)
}

impl Table {
    /// What its columns count.
    fn measures(&self) -> impl Fn(Measure) -> bool + '_ {
        |measure| self.columns.iter().any(|column| column.counts(measure))
    }

    fn body(
        &self,
        head: Vec<crate::api::types::ReportColumn>,
        rows: Vec<(Vec<ReportCell>, Tally)>,
        gathered: &Gathered<'_>,
    ) -> Body {
        let cells = |tally: &Tally| self.columns.iter().map(|column| column.cell(tally, gathered)).collect::<Vec<_>>();
        let mut whole = Tally::default();
        for (_, tally) in &rows {
            whole.merge(tally);
        }
        let blank = head.iter().map(|_| ReportCell::Empty(()));
        let total = blank.chain(cells(&whole)).collect();
        let columns = head.into_iter().chain(self.columns.iter().map(Column::head)).collect();
        let rows = rows.into_iter().map(|(mut row, tally)| {
            row.extend(cells(&tally));
            row
        });
        Body { total, ..Body::new(columns, rows.collect()) }
    }
}
