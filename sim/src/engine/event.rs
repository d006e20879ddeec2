//! What can happen in a run.

use super::wire::Signal;

/// Something that happens at a time.
#[derive(Debug)]
pub(super) enum Event {
    Operate(usize),
    Flush { node: usize, life: u64 },
    Synced { node: usize, life: u64, rows: usize, token: u64 },
    Dial(usize),
    Wire { conn: u64, side: usize, signal: Signal },
    Start { node: usize, life: u64, restored: bool },
    Part(usize),
    GoesOut { node: usize },
    Wake { node: usize },
    // What goes on whether or not anything is left to do.
    Fault(usize),
    FaultEnds(usize),
    CopyStarts(usize),
    Flap(usize),
    Flood { fault: usize, left: u64 },
    Power { node: usize, on: bool },
    LinkDuty { link: usize, on: bool },
    LoadEnds,
    Sample,
}

impl Event {
    /// Whether it comes by the plan's clock alone: when only such are left, everything is at rest.
    pub(super) fn is_background(&self) -> bool {
        matches!(
            self,
            Event::Fault(_)
                | Event::FaultEnds(_)
                | Event::CopyStarts(_)
                | Event::Flap(_)
                | Event::Flood { .. }
                | Event::Power { .. }
                | Event::LinkDuty { .. }
                | Event::LoadEnds
                | Event::Sample
        ) || matches!(self, Event::Wire { signal, .. } if signal.is_background())
    }
}

/// For the trace.
pub(super) fn kind(event: &Event) -> &'static str {
    match event {
        Event::Operate(_) => "operate",
        Event::Flush { .. } => "flush",
        Event::Synced { .. } => "synced",
        Event::Dial(_) => "dial",
        Event::Wire { signal, .. } => signal.kind(),
        Event::Start { .. } => "start",
        Event::Wake { .. } => "wake",
        Event::Fault(_) => "fault",
        Event::FaultEnds(_) => "fault ends",
        Event::CopyStarts(_) => "copy starts",
        Event::Part(_) => "part",
        Event::GoesOut { .. } => "goes out",
        Event::Flap(_) => "flap",
        Event::Flood { .. } => "flood",
        Event::Power { .. } => "power",
        Event::LinkDuty { .. } => "link duty",
        Event::LoadEnds => "load ends",
        Event::Sample => "sample",
    }
}
