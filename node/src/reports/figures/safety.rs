//! The safety index (平安指数) of every grid in a month, by the township's scheme (article Q11).
//!
//! Each measure starts at 100 and loses what the scheme takes off for each case; the index is the weighted mean. A grid
//! with fewer residents than the floor has a score and no colour: with 30 people one quarrel says little. Raw counts
//! stand beside it for the same reason.

use std::collections::BTreeMap;

use xiangyue_protocol::Month;
use xiangyue_protocol::forms::Row;
use xiangyue_protocol::forms::township::{INDEX_SCHEME, INDEX_WEIGHT};

use super::super::table::{Body, count, decimal_column, number_column, text, text_column};
use super::gathered::Gathered;
use crate::api::types::ReportCell;
use crate::registers::Measure;

/// What the index counts, in the order of its columns.
const COUNTED: [(&str, &str, &str); 5] = [
    ("disputes", "矛盾纠纷", "disputes"),
    ("petitions", "信访", "petitions"),
    ("calls", "12345 热线", "hotline calls"),
    ("cases", "治安刑事案件", "police cases"),
    ("fires", "森林火情", "forest fires"),
];

/// A scheme: the latest version that is in force.
struct Scheme<'a> {
    row: &'a Row,
    weights: Vec<(&'a str, i64, i64)>,
}

/// What is known of one grid.
#[derive(Default)]
struct Grid {
    residents: i64,
    counts: [i64; COUNTED.len()],
    before: [i64; COUNTED.len()],
    year_before: [i64; COUNTED.len()],
}

pub(super) fn safety(gathered: &Gathered<'_>) -> Body {
    let month = gathered.frame.month.unwrap_or_else(|| Month::of(gathered.frame.today));
    let columns = columns();
    let Some(scheme) = scheme(gathered) else {
        return Body::new(columns, Vec::new()).noted(
            "尚未设定平安指数方案：请镇里录入“平安指数方案”和“平安指数权重”。",
            "No scheme is set: the township enters index_scheme and index_weight.",
        );
    };
    let grids = grids(gathered, month);
    let rows = grids.iter().map(|(grid, known)| {
        let score = scheme.score(&known.counts);
        let change = |then: &[i64; COUNTED.len()]| count(score - scheme.score(then));
        let (zh, en) = scheme.colour(score, known.residents);
        let mut row = vec![text(*grid), count(known.residents)];
        row.extend(known.counts.iter().map(|many| count(*many)));
        row.extend([
            count(score),
            text(gathered.frame.lang.pick(zh, en)),
            change(&known.before),
            change(&known.year_before),
        ]);
        row
    });
    let rows: Vec<Vec<ReportCell>> = rows.collect();
    let of = |colour: &str| rows.iter().filter(|row| row[8] == text(colour)).count();
    let lang = gathered.frame.lang;
    let shades = COLOURS.map(|(zh, en)| (zh, en, of(lang.pick(zh, en))));
    let listed = |pick: fn(&(&str, &str, usize)) -> String| shades.iter().map(pick).collect::<Vec<_>>().join("，");
    let number = scheme.row.number("scheme").unwrap_or_default();
    let (zh, en) = (
        format!("{month}，方案 {number}，共 {} 个网格：{}。", rows.len(), listed(|(zh, _, n)| format!("{zh} {n}"))),
        format!("{month}, scheme {number}, {} grids: {}.", rows.len(), listed(|(_, en, n)| format!("{en} {n}"))),
    );
    Body::new(columns, rows).noted(zh, en)
}

/// Colours from best to worst, and none.
const COLOURS: [(&str, &str); 5] =
    [("绿", "green"), ("黄", "yellow"), ("橙", "orange"), ("红", "red"), ("不定色", "none")];

fn columns() -> Vec<crate::api::types::ReportColumn> {
    let mut columns = vec![text_column("grid", "网格编码", "grid"), number_column("residents", "人口", "persons")];
    columns.extend(COUNTED.iter().map(|(key, zh, en)| number_column(key, zh, en)));
    columns.extend([
        decimal_column("score_hundredths", "平安指数", "safety index", 2),
        text_column("colour", "颜色", "colour"),
        decimal_column("month_on_month_hundredths", "环比", "against the month before", 2),
        decimal_column("year_on_year_hundredths", "同比", "against a year before", 2),
    ]);
    columns
}

fn scheme<'a>(gathered: &Gathered<'a>) -> Option<Scheme<'a>> {
    let in_force = gathered.township_rows(&INDEX_SCHEME).filter(|row| row.date("from") <= Some(gathered.frame.today));
    let row = in_force.max_by_key(|row| (row.date("from"), row.number("scheme")))?;
    let weights =
        gathered.township_rows(&INDEX_WEIGHT).filter(|weight| weight.number("scheme") == row.number("scheme"));
    let weights = weights.filter_map(|w| Some((w.text("measure"), w.number("weight")?, w.number("each")?)));
    Some(Scheme { row, weights: weights.collect() })
}

impl Scheme<'_> {
    /// The index in hundredths.
    fn score(&self, counts: &[i64; COUNTED.len()]) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        for (measure, weight, each) in &self.weights {
            let many = COUNTED.iter().position(|(name, ..)| name == measure).map_or(0, |at| counts[at]);
            sum += weight * (100 - each * many).max(0);
            weights += weight;
        }
        if weights == 0 { 10_000 } else { (sum * 200 + weights) / (weights * 2) }
    }

    fn colour(&self, score: i64, residents: i64) -> (&'static str, &'static str) {
        let from = |name: &str| self.row.number(name).unwrap_or_default() * 100;
        if residents < self.row.number("floor").unwrap_or_default() {
            return COLOURS[4];
        }
        match score {
            score if score >= from("green") => COLOURS[0],
            score if score >= from("yellow") => COLOURS[1],
            score if score >= from("orange") => COLOURS[2],
            _ => COLOURS[3],
        }
    }
}

fn grids<'a>(gathered: &Gathered<'a>, month: Month) -> BTreeMap<&'a str, Grid> {
    let mut grids: BTreeMap<&str, Grid> = BTreeMap::new();
    for (_, cell, _) in gathered.always(Measure::GridSizes) {
        grids.entry(cell.grid.as_str()).or_default();
    }
    for (_, cell, many) in gathered.always(Measure::Persons) {
        if let Some(grid) = grids.get_mut(cell.grid.as_str()) {
            grid.residents += many;
        }
    }
    let year_before = (0..12).fold(month, |month, _| month.previous());
    for measure in [Measure::Disputes, Measure::Petitions, Measure::Incidents] {
        for (_, cell, many) in gathered.always(measure) {
            let Some(grid) = grids.get_mut(cell.grid.as_str()) else { continue };
            let at = match (measure, cell.class.as_str()) {
                (Measure::Disputes, _) => 0,
                (Measure::Petitions, _) => 1,
                (_, "call") => 2,
                (_, "fire") => 4,
                _ => 3,
            };
            for (then, counts) in
                [(month, &mut grid.counts), (month.previous(), &mut grid.before), (year_before, &mut grid.year_before)]
            {
                if cell.month == Some(then) {
                    counts[at] += many;
                }
            }
        }
    }
    grids
}
