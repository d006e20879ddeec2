//! Charts of a figure against what was varied: one place to a value, one line to each combination of the rest.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::super::chart::{Axis, Chart, Layer, Point, Scale, Style};
use super::varied::Varied;
use super::{Gallery, Scene, unit};
use crate::figures::cells::Cell;
use crate::figures::estimate::Estimate;
use crate::figures::metric::{BYTES, IDEAL_BYTES, MEMORY, Metric, REDUNDANCY, REFUSED, SENDS, number};

/// Horizons of reliability: their keys in `delivered_within`, and what they are called.
const HORIZONS: [(&str, &str); 4] = [
    ("delivered_within.10s", "10 s"),
    ("delivered_within.60s", "1 min"),
    ("delivered_within.3600s", "1 h"),
    ("delivered_within.86400s", "1 d"),
];
/// The horizon that is shown where lines are taken by something else.
const ONE_HORIZON: usize = 1;
/// Lengths of partitions beyond which neighbouring ones are put together.
const GROUPS_FROM: usize = 24;
/// Groups of lengths.
const GROUPS: u64 = 12;

/// Adds them.
pub(super) fn add(scene: &Scene<'_>, gallery: &mut Gallery) {
    recovery(scene, gallery);
    let Some(varied) = &scene.varied else {
        for name in ["bytes", "sends", "redundancy", "reliability", "refused", "memory"] {
            gallery.left_out.push((name.to_owned(), "nothing was varied; see summary.json".to_owned()));
        }
        return;
    };
    let against = Against { scene, varied };
    gallery.take(against.bytes(), "the runs have no deliveries");
    gallery.take(against.metric("sends", "Sends per change", &SENDS, Scale::Linear), "nothing was sent");
    let redundancy =
        against.metric("redundancy", "Segments received that were there already", &REDUNDANCY, Scale::Share);
    gallery.take(redundancy, "nothing was received");
    gallery.take(against.reliability(), "the runs have no deliveries");
    let refused = against.metric("refused", "Redemptions and grants refused for rights", &REFUSED, Scale::Share);
    gallery.take(refused, "nobody asked to redeem");
    gallery.take(against.memory(), "memory was not measured");
}

struct Against<'a> {
    scene: &'a Scene<'a>,
    varied: &'a Varied,
}

/// A figure of a run.
type Of<'a> = &'a dyn Fn(&Value) -> Option<f64>;

impl Against<'_> {
    /// One point to a cell: the mean over its runs.
    fn points(&self, row: &[(f64, &Cell)], of: Of<'_>) -> Vec<Point> {
        let point = |(place, cell): &(f64, &Cell)| {
            let values: Vec<f64> = cell.runs.iter().filter_map(|run| of(&run.summary)).collect();
            let estimate = Estimate::student(&values)?;
            Some(Point { y_range: estimate.interval, ..Point::new(*place, estimate.mean) })
        };
        row.iter().filter_map(point).collect()
    }

    fn layers(&self, of: Of<'_>) -> Vec<Layer> {
        let layer = |(name, row): (String, Vec<(f64, &Cell)>)| Layer {
            name,
            style: Style::Marked,
            points: self.points(&row, of),
        };
        self.varied.rows(self.scene.cells).into_iter().map(layer).collect()
    }

    /// All cells at a place as one, whatever else was varied.
    fn pooled(&self, name: &str, of: Of<'_>) -> Layer {
        let mut places: Vec<(f64, Vec<f64>)> = Vec::new();
        for cell in self.scene.cells {
            let Some(place) = self.varied.place(cell) else { continue };
            let values = cell.runs.iter().filter_map(|run| of(&run.summary));
            match places.iter_mut().find(|(known, _)| known.total_cmp(&place).is_eq()) {
                Some((_, known)) => known.extend(values),
                None => places.push((place, values.collect())),
            }
        }
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let point = |(place, values): (f64, Vec<f64>)| {
            let estimate = Estimate::student(&values)?;
            Some(Point { y_range: estimate.interval, ..Point::new(place, estimate.mean) })
        };
        Layer { name: name.to_owned(), style: Style::Marked, points: places.into_iter().filter_map(point).collect() }
    }

    fn chart(&self, name: &str, title: &str, y: Axis, layers: Vec<Layer>) -> Chart {
        let (name, title) = (name.to_owned(), title.to_owned());
        let mut chart = Chart { name, title, note: self.scene.note(), x: self.varied.axis.clone(), y, layers };
        // What cannot be below zero, or above all, is not drawn there only because an interval is symmetric.
        let most = if chart.y.scale == Scale::Share { 1.0 } else { f64::INFINITY };
        for point in chart.layers.iter_mut().flat_map(|layer| &mut layer.points) {
            point.y_range = point.y_range.map(|(low, high)| (low.max(0.0), high.min(most)));
        }
        chart
    }

    /// A chart in the unit that fits its values.
    fn in_unit(&self, name: &str, title: &str, label: &str, base: &'static str, mut layers: Vec<Layer>) -> Chart {
        let points = layers.iter().flat_map(|layer| &layer.points);
        let most = points.map(|point| point.y_range.map_or(point.y, |(_, high)| high)).fold(0.0, f64::max);
        let (sign, size) = unit::fitting_metric(base, most);
        for point in layers.iter_mut().flat_map(|layer| &mut layer.points) {
            point.y /= size;
            point.y_range = point.y_range.map(|(low, high)| (low / size, high / size));
        }
        self.chart(name, title, Axis { label: unit::label(label, sign), scale: Scale::Linear }, layers)
    }

    fn metric(&self, name: &str, title: &str, metric: &Metric, scale: Scale) -> Chart {
        let layers = self.layers(&|summary| metric.of(summary));
        self.chart(name, title, Axis { label: metric.title.to_owned(), scale }, layers)
    }

    fn bytes(&self) -> Chart {
        let mut layers = self.layers(&|summary| BYTES.of(summary));
        if let [only] = layers.as_mut_slice() {
            only.name = "sent, all in all".to_owned();
        }
        layers.push(self.pooled("ideal: each reader once", &|summary| IDEAL_BYTES.of(summary)));
        self.in_unit("bytes", "Bytes per change, beside the ideal", "per change", "B", layers)
    }

    /// With lines to spare one for each horizon, else one horizon.
    fn reliability(&self) -> Chart {
        let rows = self.varied.rows(self.scene.cells);
        let axis = |label: &str| Axis { label: label.to_owned(), scale: Scale::Share };
        let title = "Deliveries made in time";
        if rows.len() > 1 {
            let (key, name) = HORIZONS[ONE_HORIZON];
            let layers = self.layers(&|summary| number(summary, key));
            return self.chart("reliability", title, axis(&format!("delivered within {name}")), layers);
        }
        let layer = |(key, name): (&str, &str)| self.pooled(&format!("within {name}"), &|s| number(s, key));
        self.chart("reliability", title, axis("share of deliveries"), HORIZONS.map(layer).into())
    }

    fn memory(&self) -> Chart {
        let per_node = |summary: &Value| Some(MEMORY.of(summary)? / number(summary, "nodes")?.max(1.0));
        self.in_unit("memory", "Memory of the process per node", "most resident, per node", "B", self.layers(&per_node))
    }
}

/// Recovery against the length of the partition: every partition of every run, means where several had one length.
/// Lengths that were drawn from a range are put together with their neighbours.
fn recovery(scene: &Scene<'_>, gallery: &mut Gallery) {
    let other = |cell: &Cell| cell.label(scene.varied.as_ref().map(|varied| varied.name.as_str()));
    let mut rows: Vec<(String, BTreeMap<u64, Vec<f64>>)> = Vec::new();
    for cell in scene.cells {
        let name = other(cell);
        if !rows.iter().any(|(known, _)| *known == name) {
            rows.push((name.clone(), BTreeMap::new()));
        }
        let Some((_, row)) = rows.iter_mut().find(|(known, _)| *known == name) else { continue };
        for (lasts, took) in cell.runs.iter().flat_map(|run| partitions(&run.summary)) {
            row.entry(lasts).or_default().push(took);
        }
    }
    let lengths: BTreeSet<u64> = rows.iter().flat_map(|(_, row)| row.keys().copied()).collect();
    for (_, row) in &mut rows {
        let mut grouped: BTreeMap<u64, Vec<f64>> = BTreeMap::new();
        for (lasts, took) in std::mem::take(row) {
            grouped.entry(group(&lengths, lasts)).or_default().extend(took);
        }
        *row = grouped;
    }
    let all = || rows.iter().flat_map(|(_, row)| row);
    let (x_sign, x_size) = unit::of_time(all().map(|(lasts, _)| millis(*lasts)).fold(0.0, f64::max));
    let (y_sign, y_size) = unit::of_time(all().flat_map(|(_, took)| took).copied().fold(0.0, f64::max));
    let repeated = all().any(|(_, took)| took.len() > 1);
    let points = |row: BTreeMap<u64, Vec<f64>>| -> Vec<Point> {
        let at = |lasts: u64| millis(lasts) / x_size;
        let mean = |(lasts, took): (u64, Vec<f64>)| {
            let estimate = Estimate::bootstrap(&took)?;
            // Nothing has caught up before its partition healed.
            let y_range = estimate.interval.map(|(low, high)| (low.max(0.0) / y_size, high / y_size));
            Some(Point { y_range, ..Point::new(at(lasts), estimate.mean / y_size) })
        };
        if repeated {
            return row.into_iter().filter_map(mean).collect();
        }
        row.into_iter().flat_map(|(l, all)| all.into_iter().map(move |took| Point::new(at(l), took / y_size))).collect()
    };
    let style = if repeated { Style::Marked } else { Style::Dots };
    let layers = rows.into_iter().map(|(name, row)| Layer { name, style, points: points(row) }).collect();
    let note =
        if repeated { scene.note() } else { format!("{}; a point for each partition of each seed", scene.title) };
    let chart = Chart {
        name: "recovery".to_owned(),
        title: "Until a healed partition has caught up".to_owned(),
        note,
        x: Axis { label: unit::label("length of the partition", x_sign), scale: Scale::Linear },
        y: Axis { label: unit::label("time after it healed", y_sign), scale: Scale::Linear },
        layers,
    };
    gallery.take(chart, "no partition held anything back");
}

/// The length that stands for a partition's length: itself if there are few, else the middle of its group.
fn group(lengths: &BTreeSet<u64>, length: u64) -> u64 {
    let (Some(first), Some(last)) = (lengths.first(), lengths.last()) else { return length };
    if lengths.len() <= GROUPS_FROM {
        return length;
    }
    let width = (last - first).div_ceil(GROUPS).max(1);
    first + (length - first) / width * width + width / 2
}

/// Length and recovery of each partition of a run, in milliseconds.
fn partitions(summary: &Value) -> Vec<(u64, f64)> {
    let listed = summary.get("recoveries").and_then(Value::as_array);
    let pair = |entry: &Value| Some((entry.get("lasted_ms")?.as_u64()?, entry.get("took_ms")?.as_f64()?));
    listed.into_iter().flatten().filter_map(pair).collect()
}

#[expect(clippy::cast_precision_loss, reason = "times are drawn, not counted")]
fn millis(value: u64) -> f64 {
    value as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_drawn_from_a_range_are_put_together_and_chosen_ones_are_not() {
        let chosen = BTreeSet::from([60_000, 3_600_000]);
        assert_eq!(group(&chosen, 60_000), 60_000);
        let drawn: BTreeSet<u64> = (0..100).map(|n| 1_000 + n * 37).collect();
        let groups: BTreeSet<u64> = drawn.iter().map(|length| group(&drawn, *length)).collect();
        assert_eq!(groups.len(), 12);
        assert!(drawn.iter().all(|length| group(&drawn, *length).abs_diff(*length) <= 153), "the middle of its group");
    }
}
