//! A page that is drawn once and comes out as SVG or PNG. Lengths are points: 1/72 inch on paper.
//!
//! The only file that knows the drawing library. The font is DejaVu Sans, built in, so that no picture depends on
//! what a machine has installed; an SVG names `sans-serif` and takes the viewer's.

use std::fmt;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Rectangle, Text};
use plotters::prelude::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, FontTransform, RGBColor, ShapeStyle, TextStyle, WHITE};

/// Units of the canvas per point.
const SCALE: u32 = 6;
/// How many units of the canvas become one pixel of a PNG, each way.
const SHRINK: u32 = 2;
/// The bitmap backend centres the font's line, whose middle is higher than that of its letters.
const BITMAP_SINK: f64 = 0.13;
/// What the font goes by.
const FONT: &str = "sans-serif";

/// Something that can be drawn.
pub trait Picture {
    /// Width and height in points.
    fn size(&self) -> (f64, f64);
    /// Draws it.
    ///
    /// # Errors
    /// If the library cannot draw something.
    fn paint<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble>;
}

/// A picture could not be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble(String);

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a picture could not be drawn: {}", self.0)
    }
}

impl std::error::Error for Trouble {}

fn trouble(error: impl fmt::Display) -> Trouble {
    Trouble(error.to_string())
}

/// The picture as SVG.
///
/// # Errors
/// If the library cannot draw something.
pub fn svg(picture: &impl Picture) -> Result<String, Trouble> {
    fonts()?;
    let (width, height) = canvas_size(picture);
    let mut text = String::new();
    {
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(trouble)?;
        picture.paint(&Page { area: &area, sink: 0.0 })?;
        area.present().map_err(trouble)?;
    }
    // The canvas is fine, the page is not: shown at its size in points.
    let (large, small) = (size_of(width, height), size_of(width / SCALE, height / SCALE));
    Ok(text.replacen(&large, &small, 1))
}

fn size_of(width: u32, height: u32) -> String {
    format!("<svg width=\"{width}\" height=\"{height}\"")
}

/// The picture as PNG, three pixels to a point.
///
/// # Errors
/// If the library cannot draw or encode something.
pub fn png(picture: &impl Picture) -> Result<Vec<u8>, Trouble> {
    fonts()?;
    let (width, height) = canvas_size(picture);
    let mut canvas = vec![0; width as usize * height as usize * 3];
    {
        let area = BitMapBackend::with_buffer(&mut canvas, (width, height)).into_drawing_area();
        area.fill(&WHITE).map_err(trouble)?;
        picture.paint(&Page { area: &area, sink: BITMAP_SINK })?;
        area.present().map_err(trouble)?;
    }
    let small = shrink(&canvas, width as usize * 3);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width / SHRINK, height / SHRINK);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    // 216 pixels to an inch, in pixels per metre: programs then show it as large as the SVG.
    let density = Some(png::PixelDimensions { xppu: 8504, yppu: 8504, unit: png::Unit::Meter });
    encoder.set_pixel_dims(density);
    let mut writer = encoder.write_header().map_err(trouble)?;
    writer.write_image_data(&small).map_err(trouble)?;
    writer.finish().map_err(trouble)?;
    Ok(bytes)
}

/// Averages squares of pixels.
fn shrink(canvas: &[u8], stride: usize) -> Vec<u8> {
    let side = SHRINK as usize;
    let mut small = Vec::with_capacity(canvas.len() / side / side);
    for rows in canvas.chunks_exact(stride * side) {
        for column in 0..stride / 3 / side {
            for colour in 0..3 {
                let square = (0..side * side)
                    .filter_map(|n| rows.get(n / side * stride + (column * side + n % side) * 3 + colour));
                let sum: u32 = square.map(|value| u32::from(*value)).sum();
                small.push(u8::try_from(sum / (SHRINK * SHRINK)).unwrap_or(u8::MAX));
            }
        }
    }
    small
}

/// The size in units of the canvas, a whole number of points.
fn canvas_size(picture: &impl Picture) -> (u32, u32) {
    let (width, height) = picture.size();
    let whole = |points: f64| units(points.ceil().clamp(1.0, 5000.0)).unsigned_abs();
    (whole(width), whole(height))
}

/// Points as units of the canvas.
#[expect(clippy::cast_possible_truncation, reason = "places on a page, and nothing lies farther away than the clamp")]
fn units(points: f64) -> i32 {
    (points * f64::from(SCALE)).round().clamp(-1e6, 1e6) as i32
}

fn unit_pair((x, y): (f64, f64)) -> (i32, i32) {
    (units(x), units(y))
}

/// Makes the built-in font known to the library, once.
fn fonts() -> Result<(), Trouble> {
    static KNOWN: OnceLock<bool> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let regular = plotters::style::register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        let bold = plotters::style::register_font(FONT, FontStyle::Bold, dejavu::sans::bold());
        regular.is_ok() && bold.is_ok()
    });
    if *known { Ok(()) } else { Err(Trouble("the built-in font cannot be read".to_owned())) }
}

/// Where a text stands beside its place, horizontally.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The text begins there.
    Left,
    /// Its middle is there.
    Middle,
    /// It ends there.
    Right,
}

/// How a text looks.
#[derive(Debug, Clone, Copy)]
pub struct Type {
    /// Points.
    pub size: f64,
    /// Bold.
    pub bold: bool,
    /// Colour.
    pub colour: RGBColor,
    /// Written upwards.
    pub upwards: bool,
}

impl Type {
    fn font(&self) -> FontDesc<'static> {
        let style = if self.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::SansSerif, f64::from(units(self.size)), style);
        if self.upwards { font.transform(FontTransform::Rotate270) } else { font }
    }
}

/// A page to draw on; the origin is its upper left corner.
pub struct Page<'a, DB: DrawingBackend> {
    area: &'a DrawingArea<DB, Shift>,
    /// How much lower a text must stand to be in the middle, in sizes of its letters.
    sink: f64,
}

impl<DB: DrawingBackend> Page<'_, DB> {
    /// A line through places, `width` points thick.
    ///
    /// # Errors
    /// As all that draws: if the library cannot.
    pub fn line(&self, through: &[(f64, f64)], colour: RGBColor, width: f64) -> Result<(), Trouble> {
        let places: Vec<_> = through.iter().copied().map(unit_pair).collect();
        let style = ShapeStyle::from(colour).stroke_width(units(width).unsigned_abs().max(1));
        self.area.draw(&PathElement::new(places, style)).map_err(trouble)
    }

    /// A filled outline; `opacity` from 0 to 1.
    ///
    /// # Errors
    /// As [`Page::line`].
    pub fn fill(&self, outline: &[(f64, f64)], colour: RGBColor, opacity: f64) -> Result<(), Trouble> {
        let places: Vec<_> = outline.iter().copied().map(unit_pair).collect();
        self.area.draw(&Polygon::new(places, colour.mix(opacity).filled())).map_err(trouble)
    }

    /// A filled rectangle between two corners.
    ///
    /// # Errors
    /// As [`Page::line`].
    pub fn block(&self, from: (f64, f64), to: (f64, f64), colour: RGBColor, opacity: f64) -> Result<(), Trouble> {
        let corners = [unit_pair(from), unit_pair(to)];
        self.area.draw(&Rectangle::new(corners, colour.mix(opacity).filled())).map_err(trouble)
    }

    /// A filled circle.
    ///
    /// # Errors
    /// As [`Page::line`].
    pub fn disc(&self, centre: (f64, f64), radius: f64, colour: RGBColor) -> Result<(), Trouble> {
        self.area.draw(&Circle::new(unit_pair(centre), units(radius), colour.filled())).map_err(trouble)
    }

    /// A text whose middle line is at the height of `at`.
    ///
    /// # Errors
    /// As [`Page::line`].
    pub fn text(&self, text: &str, at: (f64, f64), side: Side, kind: Type) -> Result<(), Trouble> {
        let horizontal = match side {
            Side::Left => HPos::Left,
            Side::Middle => HPos::Center,
            Side::Right => HPos::Right,
        };
        let style = TextStyle::from(kind.font()).color(&kind.colour).pos(Pos::new(horizontal, VPos::Center));
        let sink = self.sink * kind.size;
        let at = if kind.upwards { (at.0 + sink, at.1) } else { (at.0, at.1 + sink) };
        self.area.draw(&Text::new(text.to_owned(), unit_pair(at), style)).map_err(trouble)
    }
}

/// How long a text is, in points.
pub fn text_width(text: &str, size: f64) -> f64 {
    let kind = Type { size, bold: false, colour: super::palette::INK, upwards: false };
    let measured = fonts().ok().and_then(|()| kind.font().box_size(text).ok());
    measured.map_or(0.0, |(width, _)| f64::from(width) / f64::from(SCALE))
}
