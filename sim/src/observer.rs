//! What a run tells whoever watches it, as it happens. Files are written by the command line, never from here.
//!
//! Watching changes nothing: a run has the same trace with and without an observer.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::DocId;

use crate::scheduler::Micros;

/// Something that happened at a node, for a trace and for drawings.
#[derive(Debug, Clone, Serialize)]
pub struct TraceEvent {
    /// When.
    pub at: Micros,
    /// Where, by position in the plan.
    pub node: usize,
    /// What: send, arrive, append, acknowledged, refused, crash, start and the like.
    pub kind: &'static str,
    /// The other node, where there is one.
    pub peer: Option<usize>,
    /// What it was about: a frame's name, a document, a slip's number, a refusal's code.
    pub detail: Cow<'static, str>,
}

/// A segment reached a reader's journal for the first time.
#[derive(Debug, Clone, Serialize)]
pub struct Delivery {
    /// Of which document.
    pub doc: DocId,
    /// Who wrote it, by position in the plan.
    pub author: usize,
    /// The number of its last change.
    pub last: u64,
    /// When its author had put it into its journal.
    pub written: Micros,
    /// Who has it now, by position in the plan.
    pub node: usize,
    /// Since when.
    pub arrived: Micros,
    /// Over how many links it came.
    pub hops: u32,
    /// Its bytes.
    pub bytes: u64,
}

/// The state of all nodes at one moment; counts are since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// When.
    #[serde(rename = "at_us")]
    pub at: Micros,
    /// Nodes that are on.
    pub up: u64,
    /// Connections that are up at both ends.
    pub links_up: u64,
    /// Pairs of a reader and a document.
    pub pairs: u64,
    /// How long ago, in virtual milliseconds, the oldest segment was written that a pair lacks, 0 if it lacks
    /// none: the median over all pairs.
    #[serde(rename = "behind_p50_ms")]
    pub behind_p50: u64,
    /// The same: what 90 % of the pairs do not exceed.
    #[serde(rename = "behind_p90_ms")]
    pub behind_p90: u64,
    /// The same: what 99 % of the pairs do not exceed.
    #[serde(rename = "behind_p99_ms")]
    pub behind_p99: u64,
    /// The same: the largest.
    #[serde(rename = "behind_max_ms")]
    pub behind_max: u64,
    /// Appends that are not synced.
    pub unsynced: u64,
    /// Frames on their way.
    pub in_flight: u64,
    /// Frames sent.
    pub frames: u64,
    /// Frames sent that carried a segment.
    pub sends: u64,
    /// Bytes sent.
    pub bytes_sent: u64,
    /// Changes written.
    pub changes: u64,
    /// Entries acknowledged.
    pub acknowledged: u64,
    /// Redemptions and grants refused because the rights lay elsewhere.
    pub refused_for_rights: u64,
    /// Segments accepted from peers.
    pub received: u64,
    /// Segments that arrived although they were there.
    pub redundant: u64,
}

/// Watches a run.
pub trait Observer {
    /// Whether [`Observer::event`] shall be called: describing every event has its price.
    fn wants_events(&self) -> bool {
        false
    }

    /// Whether [`Observer::delivery`] shall be called.
    fn wants_deliveries(&self) -> bool {
        false
    }

    /// Something happened.
    fn event(&mut self, _event: &TraceEvent) {}

    /// A segment arrived.
    fn delivery(&mut self, _delivery: &Delivery) {}

    /// A sample was due.
    fn sample(&mut self, _sample: &Sample) {}

    /// Virtual time has come to `now`, of at most `of`. Called about a thousand times in a run.
    fn progress(&mut self, _now: Micros, _of: Micros) {}

    /// Whether the run shall end now, with what it has.
    fn stop(&self) -> bool {
        false
    }
}

/// What an observer shall be told at the end of the present step.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) wants_events: bool,
    pub(crate) wants_deliveries: bool,
    pub(crate) events: Vec<TraceEvent>,
    pub(crate) deliveries: Vec<Delivery>,
    pub(crate) samples: Vec<Sample>,
}

impl Told {
    /// Nothing yet, and only what this observer wants.
    pub(crate) fn to(watch: &dyn Observer) -> Told {
        let (wants_events, wants_deliveries) = (watch.wants_events(), watch.wants_deliveries());
        Told { wants_events, wants_deliveries, ..Told::default() }
    }

    /// Notes that something happened, if anybody wants to know; only then is it described.
    pub(crate) fn event(
        &mut self,
        at: Micros,
        node: usize,
        kind: &'static str,
        peer: Option<usize>,
        detail: impl FnOnce() -> Cow<'static, str>,
    ) {
        if self.wants_events {
            self.events.push(TraceEvent { at, node, kind, peer, detail: detail() });
        }
    }

    /// Tells what was noted.
    pub(crate) fn pass_on(&mut self, watch: &mut dyn Observer) {
        self.events.drain(..).for_each(|event| watch.event(&event));
        self.deliveries.drain(..).for_each(|delivery| watch.delivery(&delivery));
        self.samples.drain(..).for_each(|sample| watch.sample(&sample));
    }
}

/// Nobody watches.
impl Observer for () {}
