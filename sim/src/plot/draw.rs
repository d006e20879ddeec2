//! How a chart looks: title and note, legend, then the frame with axes and layers.

use plotters::prelude::DrawingBackend;

use super::canvas::{Page, Picture, Side, Trouble, Type, text_width};
use super::chart::{Axis, Chart, Scale, Style};
use super::layers;
use super::legend::Legend;
use super::palette::{GRID, INK, PALE_INK};
use super::ticks::{self, Ticks};

/// The page of a chart in points: a column and a half of a journal.
const WIDTH: f64 = 500.0;
const HEIGHT: f64 = 330.0;
const MARGIN: f64 = 12.0;
const SMALL: Type = Type { size: 9.0, bold: false, colour: INK, upwards: false };
const NOTE: Type = Type { size: 8.5, bold: false, colour: PALE_INK, upwards: false };
const LABEL: Type = Type { size: 10.0, bold: false, colour: INK, upwards: false };
const TITLE: Type = Type { size: 12.0, bold: true, colour: INK, upwards: false };

impl Picture for Chart {
    fn size(&self) -> (f64, f64) {
        (WIDTH, HEIGHT)
    }

    fn paint<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble> {
        page.text(&self.title, (MARGIN, 16.0), Side::Left, TITLE)?;
        page.text(&self.note, (MARGIN, 31.0), Side::Left, NOTE)?;
        let legend = Legend::new(self, WIDTH - 2.0 * MARGIN);
        legend.paint(page, (MARGIN, 46.0))?;
        let frame = Frame::new(self, 46.0 + legend.height());
        frame.paint_axes(page, self)?;
        layers::paint(page, self, &frame)
    }
}

/// The rectangle of the axes, and how values become places in it.
pub(super) struct Frame {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    x: Ticks,
    y: Ticks,
    log: (bool, bool),
    names: Vec<Vec<String>>,
    upwards: bool,
    /// Room at both ends for markers, in points.
    inset: f64,
}

impl Frame {
    fn new(chart: &Chart, top: f64) -> Frame {
        let y = spread(chart, &chart.y, 5, |point| (point.y, point.y_range));
        let widest = y.marks.iter().map(|mark| width(&written(&chart.y, *mark))).fold(0.0, f64::max);
        let left = MARGIN + 16.0 + widest + 6.0;
        let right = WIDTH - MARGIN - 8.0;
        let mut x = spread(chart, &chart.x, 8, |point| (point.x, point.x_range));
        if chart.x.scale == Scale::Linear && chart.layers.iter().all(|layer| layer.style == Style::Curve) {
            // A course ends where time ends, not at the mark beyond.
            let ends = chart.layers.iter().filter_map(|layer| layer.points.last()).map(|point| point.x);
            x.high = ends.fold(x.low, f64::max).max(x.low + (x.high - x.low) / 100.0);
            x.marks.retain(|mark| *mark <= x.high);
        }
        let slot = (right - left) / (x.high - x.low);
        let marked = chart.layers.iter().any(|layer| matches!(layer.style, Style::Marked | Style::Dots));
        let Scale::Names(names) = &chart.x.scale else {
            let log = (chart.x.scale == Scale::Log, chart.y.scale == Scale::Log);
            let (bottom, inset) = (HEIGHT - 40.0, if marked { 8.0 } else { 0.0 });
            return Frame { left, right, top, bottom, x, y, log, names: Vec::new(), upwards: false, inset };
        };
        let broken: Vec<Vec<String>> = names.iter().map(|name| break_lines(name, slot - 4.0)).collect();
        let upwards = broken.iter().any(|lines| lines.len() > 4 || lines.iter().any(|line| width(line) > slot - 2.0));
        let names = if upwards { names.iter().map(|name| vec![name.clone()]).collect() } else { broken };
        let deep = if upwards {
            names.iter().flatten().map(|name| width(name)).fold(0.0, f64::max)
        } else {
            names.iter().map(|lines| lines.len() as f64 * 11.0).fold(0.0, f64::max)
        };
        let log = (false, chart.y.scale == Scale::Log);
        let bottom = HEIGHT - 30.0 - deep.min(130.0);
        Frame { left, right, top, bottom, x, y, log, names, upwards, inset: 0.0 }
    }

    /// Where a value of the horizontal axis lies, in points.
    pub(super) fn x(&self, value: f64) -> f64 {
        self.left + self.inset + share(&self.x, self.log.0, value) * (self.right - self.left - 2.0 * self.inset)
    }

    /// Where a value of the vertical axis lies, in points.
    pub(super) fn y(&self, value: f64) -> f64 {
        self.bottom - share(&self.y, self.log.1, value) * (self.bottom - self.top)
    }

    fn paint_axes<DB: DrawingBackend>(&self, page: &Page<'_, DB>, chart: &Chart) -> Result<(), Trouble> {
        for mark in &self.y.marks {
            let at = self.y(*mark);
            page.line(&[(self.left, at), (self.right, at)], GRID, 0.5)?;
            page.text(&written(&chart.y, *mark), (self.left - 5.0, at), Side::Right, SMALL)?;
        }
        if self.names.is_empty() {
            self.paint_marks(page, &chart.x)?
        } else {
            self.paint_names(page)?
        }
        page.line(&[(self.left, self.top), (self.left, self.bottom), (self.right, self.bottom)], INK, 0.8)?;
        let middle = (self.left + self.right) / 2.0;
        page.text(&chart.x.label, (middle, HEIGHT - 12.0), Side::Middle, LABEL)?;
        let upwards = Type { upwards: true, ..LABEL };
        page.text(&chart.y.label, (MARGIN + 2.0, (self.top + self.bottom) / 2.0), Side::Middle, upwards)
    }

    fn paint_marks<DB: DrawingBackend>(&self, page: &Page<'_, DB>, axis: &Axis) -> Result<(), Trouble> {
        let mut free_from = f64::NEG_INFINITY;
        for mark in &self.x.marks {
            let (at, text) = (self.x(*mark), written(axis, *mark));
            page.line(&[(at, self.top), (at, self.bottom)], GRID, 0.5)?;
            page.line(&[(at, self.bottom), (at, self.bottom + 3.0)], INK, 0.8)?;
            // A number that would touch the one before is left out; its mark stays.
            let half = width(&text) / 2.0;
            if at - half > free_from {
                page.text(&text, (at, self.bottom + 11.0), Side::Middle, SMALL)?;
                free_from = at + half + 4.0;
            }
        }
        Ok(())
    }

    fn paint_names<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble> {
        let places = (0..).map(f64::from);
        for (lines, place) in self.names.iter().zip(places) {
            let at = self.x(place);
            if self.upwards {
                let name = lines.first().map_or("", String::as_str);
                let kind = Type { upwards: true, ..SMALL };
                page.text(name, (at, self.bottom + 5.0 + width(name) / 2.0), Side::Middle, kind)?;
                continue;
            }
            for (line, down) in lines.iter().zip((0..).map(f64::from)) {
                page.text(line, (at, self.bottom + 11.0 + down * 11.0), Side::Middle, SMALL)?;
            }
        }
        Ok(())
    }
}

fn width(text: &str) -> f64 {
    text_width(text, SMALL.size)
}

/// Where a value lies between the ends, from 0 to 1.
fn share(ticks: &Ticks, log: bool, value: f64) -> f64 {
    let place = |value: f64| if log { value.max(ticks.low).ln() } else { value };
    ((place(value) - place(ticks.low)) / (place(ticks.high) - place(ticks.low))).clamp(0.0, 1.0)
}

/// The stretch of an axis that holds every point and interval.
fn spread(
    chart: &Chart,
    axis: &Axis,
    wanted: u32,
    of: impl Fn(&super::chart::Point) -> (f64, Option<(f64, f64)>),
) -> Ticks {
    let points = chart.layers.iter().flat_map(|layer| &layer.points).map(of);
    let values = points.flat_map(|(value, range)| [Some(value), range.map(|r| r.0), range.map(|r| r.1)]).flatten();
    let shown: Vec<f64> = values.filter(|value| axis.scale != Scale::Log || *value > 0.0).collect();
    let low = shown.iter().copied().fold(f64::INFINITY, f64::min);
    let high = shown.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let bars = chart.layers.iter().any(|layer| layer.style == Style::Bars);
    match &axis.scale {
        Scale::Names(names) => Ticks { low: -0.5, high: names.len() as f64 - 0.5, marks: Vec::new() },
        Scale::Log => ticks::log(low, high, wanted),
        // Where nearly everything arrives, what is missing is what one wants to see; bars must stand on zero.
        Scale::Share if low > 0.6 && !bars => ticks::linear(low, high.min(1.0), wanted),
        Scale::Share => ticks::linear(0.0, high.min(1.0), wanted),
        Scale::Linear => ticks::linear(low.min(0.0), high, wanted),
    }
}

fn written(axis: &Axis, value: f64) -> String {
    if axis.scale == Scale::Share { format!("{} %", ticks::number(value * 100.0)) } else { ticks::number(value) }
}

/// A name over several lines, broken at spaces and hyphens.
fn break_lines(name: &str, room: f64) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in name.split_inclusive([' ', '-']) {
        let line = lines.last().map_or("", String::as_str);
        if !line.is_empty() && width(&format!("{line}{}", word.trim_end())) > room {
            lines.push(word.to_owned());
        } else if let Some(line) = lines.last_mut() {
            line.push_str(word);
        }
    }
    lines.iter().map(|line| line.trim_end().to_owned()).collect()
}
