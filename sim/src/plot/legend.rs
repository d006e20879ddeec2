//! The legend: rows between the note and the frame, where it can hide nothing.

use plotters::prelude::DrawingBackend;

use super::canvas::{Page, Side, Trouble, Type, text_width};
use super::chart::{Chart, Style};
use super::layers::{dashed, mark};
use super::palette::{INK, look};

const ROW: f64 = 13.0;
const SAMPLE: f64 = 26.0;
const TEXT: Type = Type { size: 9.0, bold: false, colour: INK, upwards: false };

/// Entries with their places.
pub(super) struct Legend<'a> {
    entries: Vec<(usize, &'a str, Style, (f64, f64))>,
    rows: f64,
}

impl<'a> Legend<'a> {
    /// Sets the names of a chart's layers into rows of a width.
    pub(super) fn new(chart: &'a Chart, width: f64) -> Legend<'a> {
        let named = chart.layers.iter().enumerate().filter(|(_, layer)| !layer.name.is_empty());
        let (mut x, mut row) = (0.0, 0.0);
        let mut entries = Vec::new();
        for (position, layer) in named {
            let needs = SAMPLE + 5.0 + text_width(&layer.name, TEXT.size) + 16.0;
            if x > 0.0 && x + needs > width + 16.0 {
                (x, row) = (0.0, row + 1.0);
            }
            entries.push((position, layer.name.as_str(), layer.style, (x, row * ROW)));
            x += needs;
        }
        let rows = if entries.is_empty() { 0.0 } else { row + 1.0 };
        Legend { entries, rows }
    }

    /// In points.
    pub(super) fn height(&self) -> f64 {
        self.rows * ROW + 4.0
    }

    /// Draws it; `at` is the left end of the first row's middle line.
    pub(super) fn paint<DB: DrawingBackend>(&self, page: &Page<'_, DB>, at: (f64, f64)) -> Result<(), Trouble> {
        for (position, name, style, (right, down)) in &self.entries {
            let (x, y) = (at.0 + right, at.1 + down);
            let look = look(*position);
            let middle = (x + SAMPLE / 2.0, y);
            match style {
                Style::Bars => page.block((x + 8.0, y - 4.0), (x + SAMPLE - 2.0, y + 4.0), look.colour, 1.0)?,
                Style::Dots => mark(page, middle, look, 3.0)?,
                Style::Curve | Style::Steps => dashed(page, &[(x, y), (x + SAMPLE, y)], look)?,
                Style::Marked => {
                    dashed(page, &[(x, y), (x + SAMPLE, y)], look)?;
                    mark(page, middle, look, 3.0)?;
                }
            }
            page.text(name, (x + SAMPLE + 5.0, y), Side::Left, TEXT)?;
        }
        Ok(())
    }
}
