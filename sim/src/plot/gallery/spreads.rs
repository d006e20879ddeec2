//! Charts of distributions and of courses over time, one line to a cell.

use serde_json::Value;

use super::super::chart::{Axis, Chart, Layer, Point, Scale, Style};
use super::{Gallery, Measured, Scene, unit};
use crate::figures::cells::Cell;
use crate::figures::estimate::Estimate;
use crate::figures::metric;
use crate::figures::spread::{self, Course};
use crate::observer::Sample;
use crate::scheduler::SECOND;

/// Adds them.
pub(super) fn add(scene: &Scene<'_>, gallery: &mut Gallery) {
    convergence(scene, gallery);
    staleness(scene, gallery);
    hops(scene, gallery);
}

/// How soon the last reader had a segment; of a single cell also how soon any reader had it.
fn convergence(scene: &Scene<'_>, gallery: &mut Gallery) {
    let curve = |cell: &Cell, of: &dyn Fn(&Measured) -> Vec<Option<u64>>| {
        let runs: Vec<_> = scene.of_cell(cell).into_iter().map(of).collect();
        spread::over_runs(&runs)
    };
    let last = |run: &Measured| run.convergence.clone();
    let (lines, at) = scene.lines();
    let curves: Vec<(String, Vec<(u32, Estimate)>)> = match lines.as_slice() {
        [(_, cell)] => vec![
            ("the last reader".to_owned(), curve(cell, &last)),
            ("each reader".to_owned(), curve(cell, &|run| run.delivery.clone())),
        ],
        lines => lines.iter().map(|(name, cell)| (name.clone(), curve(cell, &last))).collect(),
    };
    // The axis is logarithmic: a unit that suits the middle, not the end.
    let middle = |(_, curve): &(String, Vec<(u32, Estimate)>)| curve.get(curve.len() / 2).map(|(_, e)| e.mean);
    let (sign, size) = unit::of_time(curves.iter().filter_map(middle).fold(0.0, f64::max));
    let point = |(permille, estimate): (u32, Estimate)| Point {
        x_range: estimate.interval.map(|(low, high)| (low / size, high / size)),
        ..Point::new(estimate.mean / size, f64::from(permille) / 1000.0)
    };
    let layers = curves.into_iter().map(|(name, curve)| Layer {
        name,
        style: Style::Steps,
        points: curve.into_iter().map(point).collect(),
    });
    let chart = Chart {
        name: "convergence-cdf".to_owned(),
        title: "How soon a change is everywhere".to_owned(),
        note: scene.note() + &at,
        x: Axis { label: unit::label("time since it was written", sign), scale: Scale::Log },
        y: Axis { label: "share of segments".to_owned(), scale: Scale::Share },
        layers: layers.collect(),
    };
    gallery.take(chart, "no segment came to all its readers");
}

/// How far behind readers are, over time; of a single cell four percentiles, else the 99th of each cell.
fn staleness(scene: &Scene<'_>, gallery: &mut Gallery) {
    type Of = fn(&Sample) -> u64;
    let course = |cell: &Cell, of: Of| {
        let runs: Vec<Course> = scene.of_cell(cell).into_iter().map(|run| course(run, of)).collect();
        spread::over_time(&runs)
    };
    let percentiles: [(&str, Of); 4] =
        [("50 %", |s| s.behind_p50), ("90 %", |s| s.behind_p90), ("99 %", |s| s.behind_p99), ("all", |s| s.behind_max)];
    let (lines, at) = scene.lines();
    let curves: Vec<(String, Vec<(f64, Estimate)>)> = match lines.as_slice() {
        [(_, cell)] => percentiles.map(|(name, of)| (name.to_owned(), course(cell, of))).into(),
        lines => lines.iter().map(|(name, cell)| (name.clone(), course(cell, |s| s.behind_p99))).collect(),
    };
    let values = || curves.iter().flat_map(|(_, curve)| curve);
    let (y_sign, y_size) = unit::of_time(values().map(|(_, e)| e.high()).fold(0.0, f64::max));
    let (x_sign, x_size) = unit::of_time(values().map(|(at, _)| at * 1000.0).fold(0.0, f64::max));
    let point = |(at, estimate): (f64, Estimate)| Point {
        y_range: estimate.interval.map(|(low, high)| (low / y_size, high / y_size)),
        ..Point::new(at * 1000.0 / x_size, estimate.mean / y_size)
    };
    let layers = curves.into_iter().map(|(name, curve)| Layer {
        name,
        style: Style::Curve,
        points: curve.into_iter().map(point).collect(),
    });
    let which = if lines.len() == 1 { "shares of pairs of reader and document" } else { "99th percentile" };
    let chart = Chart {
        name: "staleness".to_owned(),
        title: format!("How far readers are behind ({which})"),
        note: scene.note() + &at,
        x: Axis { label: unit::label("virtual time", x_sign), scale: Scale::Linear },
        y: Axis { label: unit::label("age of the oldest change lacked", y_sign), scale: Scale::Linear },
        layers: layers.collect(),
    };
    gallery.take(chart, "the scenario takes no samples");
}

/// A run that came to rest lacks nothing from then on; another stays as it was at its last sample.
#[expect(clippy::cast_precision_loss, reason = "times are drawn, not counted")]
fn course(run: &Measured, of: fn(&Sample) -> u64) -> Course {
    let points: Vec<(f64, f64)> =
        run.samples.iter().map(|sample| (sample.at as f64 / SECOND as f64, of(sample) as f64)).collect();
    let rests = run.run.summary.get("converged").and_then(Value::as_bool).unwrap_or(false);
    let afterwards = if rests { 0.0 } else { points.last().map_or(0.0, |(_, value)| *value) };
    Course { points, afterwards }
}

/// How many links segments crossed.
fn hops(scene: &Scene<'_>, gallery: &mut Gallery) {
    let (lines, at) = scene.lines();
    let layer = |(name, cell): &(String, &Cell)| {
        let shares: Vec<Vec<f64>> = cell.runs.iter().filter_map(|run| shares(&run.summary)).collect();
        let longest = shares.iter().map(Vec::len).max().unwrap_or(0);
        let at = |hops: usize| {
            let values: Vec<f64> = shares.iter().map(|run| run.get(hops).copied().unwrap_or(0.0)).collect();
            let estimate = Estimate::student(&values)?;
            let inside = |share: f64| share.clamp(0.0, 1.0);
            let y_range = estimate.interval.map(|(low, high)| (inside(low), inside(high)));
            Some(Point { y_range, ..Point::new(hops as f64, estimate.mean) })
        };
        Layer { name: name.clone(), style: Style::Marked, points: (1..longest).filter_map(at).collect() }
    };
    let chart = Chart {
        name: "hops".to_owned(),
        title: "Links that a change crosses to a reader".to_owned(),
        note: scene.note() + &at,
        x: Axis { label: "links crossed".to_owned(), scale: Scale::Linear },
        y: Axis { label: "share of deliveries".to_owned(), scale: Scale::Share },
        layers: lines.iter().map(layer).collect(),
    };
    gallery.take(chart, "nothing was delivered");
}

/// `hops.counts` of a summary as shares of all deliveries, from 0 links on.
fn shares(summary: &Value) -> Option<Vec<f64>> {
    let counts = summary.get("hops")?.get("counts")?.as_array()?;
    let counts: Vec<f64> = counts.iter().filter_map(Value::as_f64).collect();
    let all: f64 = counts.iter().sum();
    (all > 0.0 && metric::HOPS.of(summary).is_some()).then(|| counts.iter().map(|count| count / all).collect())
}
