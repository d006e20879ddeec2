//! Which charts a set of runs gives, and what stands in each. Called by `plot`.
//!
//! What was varied goes on the horizontal axis, or tells the lines apart. A chart whose figures the runs do not have
//! is left out, with the reason.

mod against;
mod spreads;
mod unit;
mod varied;

use super::chart::{Chart, Layer};
use super::palette::MOST_LAYERS;
use crate::figures::cells::{Cell, Run};
use crate::observer::Sample;

/// What is left of one run's files for drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// Parameters, seed, summary.
    pub run: Run,
    /// At each rank of [`crate::figures::spread::ranks`], milliseconds until the last reader had a segment.
    pub convergence: Vec<Option<u64>>,
    /// The same until a reader had it, over all readers.
    pub delivery: Vec<Option<u64>>,
    /// The samples, by time.
    pub samples: Vec<Sample>,
}

/// The charts of a set of runs, and those that they cannot give.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Gallery {
    /// In the order of [`charts`].
    pub charts: Vec<Chart>,
    /// Name and reason.
    pub left_out: Vec<(String, String)>,
}

/// Every chart that the runs give. `x` names the parameter for the horizontal axis; without it, the first that
/// varies, a number before a name.
pub fn charts(title: &str, runs: &[Measured], x: Option<&str>) -> Gallery {
    let cells = crate::figures::cells::cells(runs.iter().map(|measured| measured.run.clone()).collect());
    let mut gallery = Gallery::default();
    let scene = Scene { title, runs, cells: &cells, varied: varied::Varied::new(&cells, x) };
    spreads::add(&scene, &mut gallery);
    against::add(&scene, &mut gallery);
    gallery
}

/// What all charts are made from.
struct Scene<'a> {
    title: &'a str,
    runs: &'a [Measured],
    cells: &'a [Cell],
    varied: Option<varied::Varied>,
}

impl Scene<'_> {
    /// The measured runs of a cell.
    fn of_cell(&self, cell: &Cell) -> Vec<&Measured> {
        self.runs.iter().filter(|measured| measured.run.parameters == cell.parameters).collect()
    }

    /// The cells that get a line of their own, named, and what to add to the note: all, if they can be told apart;
    /// else those at the middle value of what is on the horizontal axis elsewhere.
    fn lines(&self) -> (Vec<(String, &Cell)>, String) {
        let all = || (self.cells.iter().map(|cell| (cell.label(None), cell)).collect(), String::new());
        let Some(varied) = self.varied.as_ref().filter(|_| self.cells.len() > MOST_LAYERS) else { return all() };
        let rows = varied.rows(self.cells);
        let Some((place, cell)) = rows.first().and_then(|(_, row)| row.get(row.len() / 2)) else { return all() };
        let value = cell.parameter(&varied.name).map(crate::figures::cells::text).unwrap_or_default();
        let here = |cell: &&Cell| varied.place(cell).is_some_and(|at| at.total_cmp(place).is_eq());
        let lines = self.cells.iter().filter(here).map(|cell| (cell.label(Some(&varied.name)), cell));
        (lines.collect(), format!("; all at {} = {value}", varied.name))
    }

    /// How many seeds there are to a cell, and what the intervals are.
    fn note(&self) -> String {
        let seeds = self.cells.iter().map(|cell| cell.runs.len());
        match (seeds.clone().min().unwrap_or(0), seeds.max().unwrap_or(0)) {
            (_, 0 | 1) => format!("{}; one seed, so no interval", self.title),
            (least, most) if least == most => format!("{}; mean of {most} seeds with 95 % confidence", self.title),
            (least, most) => format!("{}; mean of {least} to {most} seeds with 95 % confidence", self.title),
        }
    }
}

impl Gallery {
    /// Takes a chart that has something to show; says why of one that has not.
    fn take(&mut self, mut chart: Chart, why_empty: &str) {
        chart.layers.retain(|layer| !layer.points.is_empty());
        if chart.layers.is_empty() {
            self.left_out.push((chart.name, why_empty.to_owned()));
            return;
        }
        let all = chart.layers.len();
        if all > MOST_LAYERS {
            chart.layers.truncate(MOST_LAYERS);
            chart.note = format!("{}; the first {MOST_LAYERS} of {all} lines", chart.note);
        }
        if let [Layer { name, .. }] = chart.layers.as_mut_slice() {
            name.clear();
        }
        self.charts.push(chart);
    }
}
