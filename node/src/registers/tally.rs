//! A tally: how much of what, in which month, of which class, in which grid.

use std::collections::BTreeMap;

use smol_str::SmolStr;
use xiangyue_protocol::{Date, Month};

use super::Measure;

/// What one number counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// What is counted.
    pub measure: Measure,
    /// When; none for what stands until it is changed.
    pub month: Option<Month>,
    /// Which sort of it; empty if there is but one.
    pub class: SmolStr,
    /// In which grid; empty if it is not known.
    pub grid: SmolStr,
}

impl Cell {
    /// A count of everything, at all times.
    pub fn of(measure: Measure) -> Cell {
        Cell { measure, month: None, class: SmolStr::default(), grid: SmolStr::default() }
    }

    /// What happened on a day.
    #[must_use]
    pub fn on(self, date: Date) -> Cell {
        Cell { month: Some(Month::of(date)), ..self }
    }

    /// What happened in a month.
    #[must_use]
    pub fn in_month(self, month: Option<Month>) -> Cell {
        Cell { month, ..self }
    }

    /// Of this sort.
    #[must_use]
    pub fn class(self, class: impl Into<SmolStr>) -> Cell {
        Cell { class: class.into(), ..self }
    }

    /// In this grid.
    #[must_use]
    pub fn grid(self, grid: impl Into<SmolStr>) -> Cell {
        Cell { grid: grid.into(), ..self }
    }
}

/// Numbers by what they count. Tallies of documents are added to those of villages, townships and counties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally(BTreeMap<Cell, i64>);

impl Tally {
    /// Adds so many.
    pub fn add(&mut self, cell: Cell, many: impl TryInto<i64>) {
        let many = many.try_into().unwrap_or(i64::MAX);
        if many != 0 {
            let sum = self.0.entry(cell).or_default();
            *sum = sum.saturating_add(many);
        }
    }

    /// Adds one.
    pub fn one(&mut self, cell: Cell) {
        self.add(cell, 1);
    }

    /// Adds another tally.
    pub fn merge(&mut self, other: &Tally) {
        for (cell, many) in &other.0 {
            self.add(cell.clone(), *many);
        }
    }

    /// All numbers.
    pub fn cells(&self) -> impl Iterator<Item = (&Cell, i64)> {
        self.0.iter().map(|(cell, many)| (cell, *many))
    }

    /// The numbers of one measure.
    pub fn of(&self, measure: Measure) -> impl Iterator<Item = (&Cell, i64)> {
        let from = Cell::of(measure);
        self.0.range(from..).take_while(move |(cell, _)| cell.measure == measure).map(|(cell, many)| (cell, *many))
    }
}

/// A number as a class, so that classes stand in the order of their numbers.
pub(crate) fn padded(number: i64) -> SmolStr {
    smol_str::format_smolstr!("{number:05}")
}
