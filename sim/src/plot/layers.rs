//! How the layers of a chart look within its frame.

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Page, Trouble};
use super::chart::{Chart, Layer, Point, Scale, Style};
use super::draw::Frame;
use super::palette::{INK, Look, Marker, look};

/// Thickness of a layer's line, in points.
pub(super) const LINE: f64 = 1.5;
const OPACITY: f64 = 0.18;

/// Draws the bands first, so that no band hides a line, then all else in the order of the legend.
pub(super) fn paint<DB: DrawingBackend>(page: &Page<'_, DB>, chart: &Chart, frame: &Frame) -> Result<(), Trouble> {
    for (position, layer) in chart.layers.iter().enumerate() {
        if matches!(layer.style, Style::Curve | Style::Steps) {
            let band = band(layer, frame);
            if !band.is_empty() {
                page.fill(&band, look(position).colour, OPACITY)?;
            }
        }
    }
    for (position, layer) in chart.layers.iter().enumerate() {
        let look = look(position);
        match layer.style {
            Style::Bars => paint_bars(page, chart, frame, position)?,
            Style::Dots => paint_dots(page, layer, frame, look)?,
            Style::Marked => paint_marked(page, chart, frame, position)?,
            Style::Curve => dashed(page, &places(layer, frame), look)?,
            Style::Steps => dashed(page, &steps(layer, frame), look)?,
        }
    }
    Ok(())
}

fn places(layer: &Layer, frame: &Frame) -> Vec<(f64, f64)> {
    layer.points.iter().map(|point| (frame.x(point.x), frame.y(point.y))).collect()
}

/// Stairs: the height of a point lasts until the next one.
fn stairs(points: impl Iterator<Item = (f64, f64)>) -> Vec<(f64, f64)> {
    let mut through: Vec<(f64, f64)> = Vec::new();
    for (x, y) in points {
        if let Some((_, height)) = through.last().copied() {
            through.push((x, height));
        }
        through.push((x, y));
    }
    through
}

fn steps(layer: &Layer, frame: &Frame) -> Vec<(f64, f64)> {
    stairs(layer.points.iter().map(|point| (frame.x(point.x), frame.y(point.y))))
}

/// The outline of all intervals: along one edge and back along the other.
fn band(layer: &Layer, frame: &Frame) -> Vec<(f64, f64)> {
    let edge = |upper: bool| {
        let pick = move |range: (f64, f64)| if upper { range.1 } else { range.0 };
        let at = move |point: &Point| match (point.x_range, point.y_range) {
            (Some(range), _) => Some((frame.x(pick(range)), frame.y(point.y))),
            (None, Some(range)) => Some((frame.x(point.x), frame.y(pick(range)))),
            (None, None) => None,
        };
        let points = layer.points.iter().filter_map(at);
        if layer.style == Style::Steps { stairs(points) } else { points.collect() }
    };
    let (mut outline, mut back) = (edge(false), edge(true));
    back.reverse();
    outline.append(&mut back);
    outline
}

fn paint_dots<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    layer: &Layer,
    frame: &Frame,
    look: Look,
) -> Result<(), Trouble> {
    places(layer, frame).into_iter().try_for_each(|at| mark(page, at, look, 2.2))
}

/// Layers stand a little beside each other, so that no interval hides another; no line joins names.
fn paint_marked<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    chart: &Chart,
    frame: &Frame,
    position: usize,
) -> Result<(), Trouble> {
    let (layer, look) = (&chart.layers[position], look(position));
    let names = matches!(chart.x.scale, Scale::Names(_));
    let place = position as f64 - (chart.layers.len() as f64 - 1.0) / 2.0;
    let aside = place * if names { frame.x(0.12) - frame.x(0.0) } else { 2.5 };
    if !names {
        let through: Vec<_> = places(layer, frame).into_iter().map(|(x, y)| (x + aside, y)).collect();
        dashed(page, &through, look)?;
    }
    for point in &layer.points {
        let at = frame.x(point.x) + aside;
        if let Some(range) = point.y_range {
            interval(page, at, (frame.y(range.0), frame.y(range.1)), look.colour)?;
        }
        mark(page, (at, frame.y(point.y)), look, 3.0)?;
    }
    Ok(())
}

fn paint_bars<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    chart: &Chart,
    frame: &Frame,
    position: usize,
) -> Result<(), Trouble> {
    let beside = chart.layers.iter().filter(|layer| layer.style == Style::Bars).count() as f64;
    let width = 0.7 / beside;
    for point in &chart.layers[position].points {
        let left = point.x - 0.35 + width * position as f64;
        let (from, to) = (frame.x(left), frame.x(left + width * 0.94));
        page.block((from, frame.y(point.y)), (to, frame.y(0.0)), look(position).colour, 1.0)?;
        if let Some(range) = point.y_range {
            interval(page, (from + to) / 2.0, (frame.y(range.0), frame.y(range.1)), INK)?;
        }
    }
    Ok(())
}

fn interval<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    at: f64,
    (low, high): (f64, f64),
    colour: RGBColor,
) -> Result<(), Trouble> {
    page.line(&[(at, low), (at, high)], colour, 0.9)?;
    for end in [low, high] {
        page.line(&[(at - 2.5, end), (at + 2.5, end)], colour, 0.9)?;
    }
    Ok(())
}

/// A marker around a place.
pub(super) fn mark<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    (x, y): (f64, f64),
    look: Look,
    radius: f64,
) -> Result<(), Trouble> {
    let r = radius;
    let shape = match look.marker {
        Marker::Circle => return page.disc((x, y), r, look.colour),
        Marker::Square => vec![(x - r, y - r), (x + r, y - r), (x + r, y + r), (x - r, y + r)],
        Marker::Triangle => vec![(x, y - 1.2 * r), (x + 1.1 * r, y + 0.9 * r), (x - 1.1 * r, y + 0.9 * r)],
        Marker::Diamond => vec![(x, y - 1.3 * r), (x + 1.3 * r, y), (x, y + 1.3 * r), (x - 1.3 * r, y)],
        Marker::Cross => {
            page.line(&[(x - r, y - r), (x + r, y + r)], look.colour, 1.4)?;
            return page.line(&[(x - r, y + r), (x + r, y - r)], look.colour, 1.4);
        }
    };
    page.fill(&shape, look.colour, 1.0)
}

/// A line with the layer's dashes; their rhythm runs on around corners.
pub(super) fn dashed<DB: DrawingBackend>(
    page: &Page<'_, DB>,
    through: &[(f64, f64)],
    look: Look,
) -> Result<(), Trouble> {
    if look.dash.is_empty() {
        return if through.len() > 1 { page.line(through, look.colour, LINE) } else { Ok(()) };
    }
    for piece in pieces(through, look.dash) {
        page.line(&piece, look.colour, LINE)?;
    }
    Ok(())
}

/// Cuts a line into its dashes.
fn pieces(through: &[(f64, f64)], dash: &[f64]) -> Vec<Vec<(f64, f64)>> {
    let mut lengths = dash.iter().copied().zip([true, false].into_iter().cycle()).cycle();
    let Some((mut left, mut drawn)) = lengths.next() else { return Vec::new() };
    let mut all = Vec::new();
    let mut piece: Vec<(f64, f64)> = through.first().copied().into_iter().collect();
    for pair in through.windows(2) {
        let [mut from, to] = [pair[0], pair[1]];
        loop {
            let whole = (to.0 - from.0).hypot(to.1 - from.1);
            if whole <= left {
                left -= whole;
                piece.push(to);
                break;
            }
            from = (from.0 + (to.0 - from.0) * left / whole, from.1 + (to.1 - from.1) * left / whole);
            piece.push(from);
            if drawn {
                all.push(std::mem::take(&mut piece));
            }
            piece = vec![from];
            let Some(next) = lengths.next() else { return all };
            (left, drawn) = next;
        }
    }
    if drawn && piece.len() > 1 {
        all.push(piece);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_run_on_around_a_corner() {
        let corner = [(0.0, 0.0), (5.0, 0.0), (5.0, 5.0)];
        let found = pieces(&corner, &[4.0, 2.0]);
        assert_eq!(found, [vec![(0.0, 0.0), (4.0, 0.0)], vec![(5.0, 1.0), (5.0, 5.0)]]);
    }

    #[test]
    fn stairs_keep_their_height_until_the_next_point() {
        let stairs = stairs([(0.0, 1.0), (2.0, 3.0)].into_iter());
        assert_eq!(stairs, [(0.0, 1.0), (2.0, 1.0), (2.0, 3.0)]);
    }
}
