//! The tallies of all documents, cut as a report wants them.

use std::collections::BTreeMap;

use xiangyue_protocol::forms::{Form, Row};
use xiangyue_protocol::{Month, OrgCode};

use super::Frame;
use crate::registers::{Cell, Counts, Measure, Tally};

/// The tallies with what a report asks of them.
pub(super) struct Gathered<'a> {
    pub(super) frame: &'a Frame,
    counts: &'a Counts,
}

impl<'a> Gathered<'a> {
    pub(super) fn new(frame: &'a Frame, counts: &'a Counts) -> Gathered<'a> {
        Gathered { frame, counts }
    }

    /// The numbers of an organisation's documents in the report's period.
    pub(super) fn of_org(&self, org: &OrgCode, counted: impl Fn(Measure) -> bool) -> Tally {
        let docs = self.counts.iter().filter(|(id, _)| id.org == *org);
        self.sum(docs.flat_map(|(_, counted)| counted.tally.cells()), counted)
    }

    /// The numbers of a class of `of`, and of everything else that has no such classes.
    pub(super) fn of_class(&self, of: &[Measure], class: &str, counted: impl Fn(Measure) -> bool) -> Tally {
        let cells = self.cells().filter(|(cell, _)| of.contains(&cell.measure) && cell.class == class);
        self.sum(cells, counted)
    }

    /// The numbers by month.
    pub(super) fn by_month(&self, counted: impl Fn(Measure) -> bool) -> BTreeMap<Month, Tally> {
        let mut months: BTreeMap<Month, Tally> = BTreeMap::new();
        for (cell, many) in self.cells().filter(|(cell, _)| counted(cell.measure)) {
            if let Some(month) = cell.month.filter(|month| self.frame.month.is_none_or(|of| of == *month)) {
                months.entry(month).or_default().add(cell.clone(), many);
            }
        }
        months
    }

    /// All numbers of one measure, of whatever month.
    pub(super) fn always(&self, measure: Measure) -> impl Iterator<Item = (&'a OrgCode, &'a Cell, i64)> {
        self.told().flat_map(move |(org, tally)| tally.of(measure).map(move |(cell, many)| (org, cell, many)))
    }

    fn told(&self) -> impl Iterator<Item = (&'a OrgCode, &'a Tally)> {
        let orgs = &self.frame.orgs;
        self.counts
            .iter()
            .filter(move |(id, _)| orgs.contains_key(&id.org))
            .map(|(id, counted)| (&id.org, &*counted.tally))
    }

    fn cells(&self) -> impl Iterator<Item = (&'a Cell, i64)> {
        self.told().flat_map(|(_, tally)| tally.cells())
    }

    fn sum<'c>(&self, cells: impl Iterator<Item = (&'c Cell, i64)>, counted: impl Fn(Measure) -> bool) -> Tally {
        let mut tally = Tally::default();
        for (cell, many) in cells.filter(|(cell, _)| counted(cell.measure) && in_period(cell, self.frame.month)) {
            tally.add(cell.clone(), many);
        }
        tally
    }

    /// A number that the township sets, as of today.
    pub(super) fn setting(&self, name: &str) -> i64 {
        self.frame.provisions.setting(name, self.frame.today)
    }

    /// The rows of a form in the township's own documents.
    pub(super) fn township_rows(&self, form: &'static Form) -> impl Iterator<Item = &'a Row> {
        self.counts.values().filter_map(|counted| counted.rows.as_deref()).flat_map(move |rows| rows.of(form))
    }
}

/// Whether a number belongs to a period. What stands until it is changed belongs to every one.
fn in_period(cell: &Cell, month: Option<Month>) -> bool {
    match (cell.month, month) {
        (Some(of), Some(month)) => of == month,
        _ => true,
    }
}
