//! Colours, dashes and markers that tell layers apart, also for the colour-blind and in grey print.
//!
//! The colours are those of Okabe and Ito (Color Universal Design, 2008) without the yellow, which is lost on
//! white paper. Neighbours differ in lightness, and each has a dash and a marker of its own besides.

use plotters::style::RGBColor;

/// What tells one layer from another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// The colour.
    pub(super) colour: RGBColor,
    /// Lengths of dash and gap in points, in turn; empty for an unbroken line.
    pub(super) dash: &'static [f64],
    /// The marker.
    pub(super) marker: Marker,
}

/// The shape at a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
    Cross,
}

const LOOKS: [Look; 7] = [
    Look { colour: RGBColor(0, 114, 178), dash: &[], marker: Marker::Circle },
    Look { colour: RGBColor(230, 159, 0), dash: &[7.0, 3.0], marker: Marker::Square },
    Look { colour: RGBColor(0, 0, 0), dash: &[2.0, 2.5], marker: Marker::Triangle },
    Look { colour: RGBColor(86, 180, 233), dash: &[10.0, 3.0, 2.0, 3.0], marker: Marker::Diamond },
    Look { colour: RGBColor(213, 94, 0), dash: &[4.0, 2.0], marker: Marker::Cross },
    Look { colour: RGBColor(204, 121, 167), dash: &[12.0, 4.0], marker: Marker::Circle },
    Look { colour: RGBColor(0, 158, 115), dash: &[1.5, 1.5], marker: Marker::Square },
];

/// How many layers can be told apart in one chart.
pub(super) const MOST_LAYERS: usize = LOOKS.len();

/// The look of a layer by its position.
pub(super) fn look(position: usize) -> Look {
    LOOKS[position % LOOKS.len()]
}

/// Text and axes.
pub(super) const INK: RGBColor = RGBColor(34, 34, 34);
/// Lesser text.
pub(super) const PALE_INK: RGBColor = RGBColor(96, 96, 96);
/// Lines of the grid.
pub(super) const GRID: RGBColor = RGBColor(224, 224, 224);
