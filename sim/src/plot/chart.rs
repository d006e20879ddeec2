//! What a chart shows, without saying how it looks.

/// A chart.
#[derive(Debug, Clone, PartialEq)]
pub struct Chart {
    /// The name of its files, without an ending.
    pub name: String,
    /// What it is about.
    pub title: String,
    /// One line under the title: what was repeated, what the bands are.
    pub note: String,
    /// Horizontal.
    pub x: Axis,
    /// Vertical.
    pub y: Axis,
    /// What is drawn, in the order of the legend.
    pub layers: Vec<Layer>,
}

/// An axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What it measures, with the unit.
    pub label: String,
    /// How values become places.
    pub scale: Scale,
}

/// How values become places on an axis.
#[derive(Debug, Clone, PartialEq)]
pub enum Scale {
    /// Evenly, from zero.
    Linear,
    /// By their logarithm; what is not above zero cannot be shown.
    Log,
    /// A place for each name; values are 0 for the first, 1 for the second and so on.
    Names(Vec<String>),
    /// A share: from 0 to 1, shown in percent.
    Share,
}

/// One kind of thing, with one entry in the legend.
#[derive(Debug, Clone, PartialEq)]
pub struct Layer {
    /// For the legend; empty for none.
    pub name: String,
    /// How it is drawn.
    pub style: Style,
    /// Its points, by ascending `x` (for a line) or `y` (for steps).
    pub points: Vec<Point>,
}

/// How a layer is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// A line with a marker at each point, intervals as bars through the markers.
    Marked,
    /// A line without markers, intervals as a band.
    Curve,
    /// A line in steps, as of a distribution, intervals as a band.
    Steps,
    /// Markers alone.
    Dots,
    /// Bars from zero with intervals; on an axis of names.
    Bars,
}

/// A point.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Along the horizontal axis.
    pub x: f64,
    /// Along the vertical axis.
    pub y: f64,
    /// The interval along the horizontal axis.
    pub x_range: Option<(f64, f64)>,
    /// The interval along the vertical axis.
    pub y_range: Option<(f64, f64)>,
}

impl Point {
    /// A point without intervals.
    pub fn new(x: f64, y: f64) -> Point {
        Point { x, y, x_range: None, y_range: None }
    }
}
