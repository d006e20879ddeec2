//! A run as lanes: a line to each node, time from left to right, frames as strokes from sender to receiver.
//!
//! Made from a trace. A frame's end is found by order: links are ordered streams, so the next frame of the same kind
//! that arrives from a sender is the oldest one still on its way; those before it were lost, and so is all that is on
//! its way when the sender notices that the connection is gone.

use std::collections::{BTreeMap, VecDeque};

use plotters::prelude::DrawingBackend;
use plotters::style::RGBColor;

use super::canvas::{Page, Picture, Side, Trouble, Type, text_width};
use super::palette::{INK, PALE_INK};
use super::ticks;
use crate::scheduler::{Micros, SECOND};

const WIDTH: f64 = 900.0;
const TOP: f64 = 62.0;
const BOTTOM: f64 = 34.0;
const SMALL: Type = Type { size: 8.0, bold: false, colour: INK, upwards: false };
const NOTE: Type = Type { size: 8.5, bold: false, colour: PALE_INK, upwards: false };
const CUT: RGBColor = RGBColor(230, 159, 0);
const DOWN: RGBColor = RGBColor(110, 110, 110);
const DATA: RGBColor = RGBColor(0, 114, 178);
const TALK: RGBColor = RGBColor(170, 170, 170);
const LOST: RGBColor = RGBColor(213, 94, 0);
/// More strokes than this make a blot, not a picture.
pub const MOST_STROKES: usize = 6000;
/// More lanes than this do not fit a page.
pub const MOST_LANES: usize = 60;

/// One event of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// When.
    pub at: Micros,
    /// At which lane.
    pub lane: usize,
    /// What: `send`, `arrive`, `gone`, `acknowledged`, `refused`, `crash`, `start`; others are not drawn.
    pub kind: String,
    /// The other lane.
    pub peer: Option<usize>,
    /// What it was about.
    pub detail: String,
}

/// A stretch of time on some lanes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Which lanes.
    pub lanes: Vec<usize>,
    /// From when.
    pub from: Micros,
    /// Until when.
    pub to: Micros,
}

/// The picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lanes {
    title: String,
    names: Vec<String>,
    from: Micros,
    to: Micros,
    cuts: Vec<Span>,
    downs: Vec<Span>,
    strokes: Vec<Stroke>,
    marks: Vec<(usize, Micros, bool)>,
    only_data: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stroke {
    from: (usize, Micros),
    /// The receiver, and when it arrived; none if it was lost.
    to: (usize, Option<Micros>),
    data: bool,
}

impl Lanes {
    /// The picture of the events between two times, of nodes called `names`; `cuts` are shaded.
    pub fn new(title: &str, names: Vec<String>, window: (Micros, Micros), cuts: Vec<Span>, events: &[Event]) -> Lanes {
        let (from, to) = (window.0, window.1.max(window.0 + 1));
        let mut strokes = strokes(events);
        strokes.retain(|stroke| stroke.from.1 <= to && stroke.to.1.unwrap_or(stroke.from.1) >= from);
        // Data first: the talk around it is left out where both would not be seen.
        let only_data = strokes.len() > MOST_STROKES;
        strokes.retain(|stroke| stroke.data || !only_data);
        let inside = |event: &&Event| (from..=to).contains(&event.at);
        let mark = |event: &Event| match event.kind.as_str() {
            "acknowledged" => Some((event.lane, event.at, true)),
            "refused" => Some((event.lane, event.at, false)),
            _ => None,
        };
        let marks = events.iter().filter(inside).filter_map(mark).collect();
        Lanes { title: title.to_owned(), names, from, to, cuts, downs: downs(events, to), strokes, marks, only_data }
    }

    /// How many frames are drawn, and how many of them were lost.
    pub fn frames(&self) -> (usize, usize) {
        (self.strokes.len(), self.strokes.iter().filter(|stroke| stroke.to.1.is_none()).count())
    }

    fn left(&self) -> f64 {
        let widest = self.names.iter().map(|name| text_width(name, SMALL.size)).fold(0.0, f64::max);
        20.0 + widest.min(140.0)
    }

    fn pitch(&self) -> f64 {
        match self.names.len() {
            0..=12 => 26.0,
            13..=30 => 18.0,
            _ => 12.0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "times are drawn, not counted")]
    fn x(&self, at: Micros) -> f64 {
        let at = at.clamp(self.from, self.to);
        let share = (at - self.from) as f64 / (self.to - self.from) as f64;
        self.left() + share * (WIDTH - 14.0 - self.left())
    }

    fn y(&self, lane: usize) -> f64 {
        TOP + (lane as f64 + 0.5) * self.pitch()
    }

    fn paint_spans<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble> {
        let half = self.pitch() / 2.0;
        let all = self.cuts.iter().map(|span| (span, CUT, half, 0.25));
        for (span, colour, half, opacity) in all.chain(self.downs.iter().map(|span| (span, DOWN, half * 0.6, 0.55))) {
            if span.to < self.from || span.from > self.to {
                continue;
            }
            for lane in &span.lanes {
                let (from, to) = ((self.x(span.from), self.y(*lane) - half), (self.x(span.to), self.y(*lane) + half));
                page.block(from, to, colour, opacity)?;
            }
        }
        Ok(())
    }

    fn paint_stroke<DB: DrawingBackend>(&self, page: &Page<'_, DB>, stroke: &Stroke) -> Result<(), Trouble> {
        let from = (self.x(stroke.from.1), self.y(stroke.from.0));
        let Some(arrived) = stroke.to.1 else {
            // Lost: a stub towards the receiver, with a cross at its end.
            let down = if stroke.to.0 > stroke.from.0 { 1.0 } else { -1.0 };
            let (x, y) = (from.0 + 2.0, from.1 + down * self.pitch() * 0.4);
            page.line(&[from, (x, y)], LOST, 0.5)?;
            page.line(&[(x - 1.5, y - 1.5), (x + 1.5, y + 1.5)], LOST, 0.5)?;
            return page.line(&[(x - 1.5, y + 1.5), (x + 1.5, y - 1.5)], LOST, 0.5);
        };
        let to = (self.x(arrived), self.y(stroke.to.0));
        if stroke.data { page.line(&[from, to], DATA, 0.6) } else { page.line(&[from, to], TALK, 0.35) }
    }

    #[expect(clippy::cast_precision_loss, reason = "times are drawn, not counted")]
    fn paint_times<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble> {
        let bottom = TOP + self.names.len() as f64 * self.pitch();
        let (from, to) = (self.from as f64 / SECOND as f64, self.to as f64 / SECOND as f64);
        let (unit, size) = [("d", 86_400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)]
            .into_iter()
            .find(|(_, size)| to - from >= 3.0 * size)
            .unwrap_or(("s", 1.0));
        for mark in ticks::linear(from / size, to / size, 10).marks {
            let share = (mark * size - from) / (to - from);
            if !(0.0..=1.0).contains(&share) {
                continue;
            }
            let x = self.left() + share * (WIDTH - 14.0 - self.left());
            page.line(&[(x, bottom), (x, bottom + 3.0)], INK, 0.6)?;
            page.text(&ticks::number(mark), (x, bottom + 10.0), Side::Middle, SMALL)?;
        }
        let middle = (self.left() + WIDTH) / 2.0;
        page.text(&format!("virtual time ({unit})"), (middle, bottom + 23.0), Side::Middle, SMALL)
    }

    /// What the colours mean, in one row.
    fn paint_legend<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble> {
        let y = 48.0;
        let mut x = 12.0;
        let mut entry = |paint: &dyn Fn(f64) -> Result<(), Trouble>, name: &str| {
            paint(x)?;
            page.text(name, (x + 20.0, y), Side::Left, SMALL)?;
            x += 20.0 + text_width(name, SMALL.size) + 16.0;
            Ok::<(), Trouble>(())
        };
        entry(&|x| page.line(&[(x, y + 3.0), (x + 15.0, y - 3.0)], DATA, 0.9), "a segment")?;
        if !self.only_data {
            entry(&|x| page.line(&[(x, y + 3.0), (x + 15.0, y - 3.0)], TALK, 0.7), "another frame")?;
        }
        entry(&|x| cross(page, (x + 8.0, y), LOST), "lost on the way")?;
        entry(&|x| page.disc((x + 8.0, y), 1.8, INK), "acknowledged")?;
        entry(&|x| refusal(page, (x + 8.0, y)), "refused")?;
        entry(&|x| page.block((x, y - 4.0), (x + 15.0, y + 4.0), CUT, 0.25), "cut off")?;
        entry(&|x| page.block((x, y - 3.0), (x + 15.0, y + 3.0), DOWN, 0.55), "without power")
    }
}

impl Picture for Lanes {
    fn size(&self) -> (f64, f64) {
        (WIDTH, TOP + self.names.len() as f64 * self.pitch() + BOTTOM)
    }

    fn paint<DB: DrawingBackend>(&self, page: &Page<'_, DB>) -> Result<(), Trouble> {
        page.text(&self.title, (12.0, 15.0), Side::Left, Type { size: 12.0, bold: true, ..SMALL })?;
        let (frames, lost) = self.frames();
        let what = if self.only_data { "frames with a segment" } else { "frames" };
        page.text(&format!("{frames} {what}, {lost} of them lost"), (12.0, 31.0), Side::Left, NOTE)?;
        self.paint_legend(page)?;
        self.paint_spans(page)?;
        for (lane, name) in self.names.iter().enumerate() {
            let y = self.y(lane);
            page.line(&[(self.left(), y), (WIDTH - 14.0, y)], PALE_INK, 0.4)?;
            page.text(name, (self.left() - 6.0, y), Side::Right, SMALL)?;
        }
        self.strokes.iter().try_for_each(|stroke| self.paint_stroke(page, stroke))?;
        for (lane, at, good) in &self.marks {
            let place = (self.x(*at), self.y(*lane));
            if *good { page.disc(place, 1.4, INK)? } else { refusal(page, place)? }
        }
        self.paint_times(page)
    }
}

fn cross<DB: DrawingBackend>(page: &Page<'_, DB>, (x, y): (f64, f64), colour: RGBColor) -> Result<(), Trouble> {
    page.line(&[(x - 2.0, y - 2.0), (x + 2.0, y + 2.0)], colour, 0.7)?;
    page.line(&[(x - 2.0, y + 2.0), (x + 2.0, y - 2.0)], colour, 0.7)
}

fn refusal<DB: DrawingBackend>(page: &Page<'_, DB>, (x, y): (f64, f64)) -> Result<(), Trouble> {
    page.fill(&[(x, y - 2.4), (x + 2.4, y), (x, y + 2.4), (x - 2.4, y)], LOST, 1.0)
}

/// Pairs what was sent with what arrived.
fn strokes(events: &[Event]) -> Vec<Stroke> {
    let mut on_way: BTreeMap<(usize, usize), VecDeque<(Micros, &str)>> = BTreeMap::new();
    let mut strokes = Vec::new();
    let lost = |from: usize, to: usize, at: Micros, detail: &str| Stroke {
        from: (from, at),
        to: (to, None),
        data: is_data(detail),
    };
    for event in events {
        let Some(peer) = event.peer else { continue };
        match event.kind.as_str() {
            "send" => on_way.entry((event.lane, peer)).or_default().push_back((event.at, &event.detail)),
            "arrive" => {
                let queue = on_way.entry((peer, event.lane)).or_default();
                while let Some((sent, detail)) = queue.pop_front() {
                    if detail == event.detail {
                        let (from, to) = ((peer, sent), (event.lane, Some(event.at)));
                        strokes.push(Stroke { from, to, data: is_data(detail) });
                        break;
                    }
                    strokes.push(lost(peer, event.lane, sent, detail));
                }
            }
            // What was on its way from here then is lost: what is sent from now on goes over another connection.
            "gone" => {
                let queue = on_way.remove(&(event.lane, peer)).unwrap_or_default();
                strokes.extend(queue.iter().map(|(at, detail)| lost(event.lane, peer, *at, detail)));
            }
            _ => {}
        }
    }
    for ((from, to), queue) in &on_way {
        strokes.extend(queue.iter().map(|(at, detail)| lost(*from, *to, *at, detail)));
    }
    strokes
}

fn is_data(detail: &str) -> bool {
    detail.contains("segment")
}

/// From each crash to the next start.
fn downs(events: &[Event], end: Micros) -> Vec<Span> {
    let mut since: BTreeMap<usize, Micros> = BTreeMap::new();
    let mut spans = Vec::new();
    for event in events {
        match event.kind.as_str() {
            "crash" => {
                since.entry(event.lane).or_insert(event.at);
            }
            "start" => {
                if let Some(from) = since.remove(&event.lane) {
                    spans.push(Span { lanes: vec![event.lane], from, to: event.at });
                }
            }
            _ => {}
        }
    }
    spans.extend(since.into_iter().map(|(lane, from)| Span { lanes: vec![lane], from, to: end }));
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(at: Micros, lane: usize, kind: &str, peer: usize, detail: &str) -> Event {
        Event { at, lane, kind: kind.to_owned(), peer: Some(peer), detail: detail.to_owned() }
    }

    #[test]
    fn arrivals_find_their_sends_and_what_was_passed_over_is_lost() {
        let events = [
            event(1, 0, "send", 1, "hello"),
            event(2, 0, "send", 1, "a segment"),
            event(3, 0, "send", 1, "a confirmation"),
            event(9, 1, "arrive", 0, "hello"),
            event(12, 1, "arrive", 0, "a confirmation"),
            event(14, 1, "send", 0, "a segment"),
        ];
        let found = strokes(&events);
        let ends: Vec<_> = found.iter().map(|stroke| (stroke.from, stroke.to.1, stroke.data)).collect();
        let expected =
            [((0, 1), Some(9), false), ((0, 2), None, true), ((0, 3), Some(12), false), ((1, 14), None, true)];
        assert_eq!(ends, expected);
        let lanes = Lanes::new("t", vec!["a".to_owned(), "b".to_owned()], (0, 20), Vec::new(), &events);
        assert_eq!(lanes.frames(), (4, 2));
    }

    #[test]
    fn a_node_is_down_from_its_crash_to_its_start() {
        let events = [event(5, 1, "crash", 1, ""), event(8, 1, "start", 1, ""), event(9, 0, "crash", 0, "")];
        let span = |lane, from, to| Span { lanes: vec![lane], from, to };
        assert_eq!(downs(&events, 20), [span(1, 5, 8), span(0, 9, 20)]);
    }
}
