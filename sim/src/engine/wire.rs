//! What a connection is carried by, as the engine sees it.
//!
//! The engine opens, sends, breaks and closes; a wire says what came of it as [`Told`], and asks with
//! [`Road::later`] to be reminded by a [`Signal`]. A wire knows no node and no rule of the protocol.

use std::collections::BTreeSet;
use std::fmt;

use xiangyue_protocol::Refusal;
use xiangyue_protocol::replica::PeerId;

use super::Event;
use crate::link::{Cell, LinkClass};
use crate::node::Parcel;
use crate::plan::{Fault, Way};
use crate::rng::Rng;
use crate::scheduler::{Micros, SECOND, Scheduler};
use crate::stats::Stats;
use crate::trace::Trace;

/// Carries frames between the two ends of one connection, in order, until it breaks. Ends are 0, which dialled,
/// and 1, which answered.
pub(super) trait Wire: fmt::Debug {
    /// Begins to connect.
    fn open(&mut self, road: &mut Road<'_>);
    /// Connects once more as if it had never been away, with nothing on its way: what a driver must not do.
    fn reopen(&mut self, road: &mut Road<'_>);
    /// Whether what is sent towards an end is on its way there at all.
    fn takes(&self, to: usize) -> bool;
    /// Things that wait or are on their way towards an end: frames, and runs of stored segments.
    fn in_flight(&self, to: usize) -> usize;
    /// Whether what is sent now towards an end waits for long: it is not only on its way, its reader is behind.
    fn is_backed_up(&self, now: Micros, to: usize) -> bool;
    /// Takes something for an end.
    fn send(&mut self, road: &mut Road<'_>, to: usize, load: Load);
    /// What was asked for with [`Road::later`] has come.
    fn signal(&mut self, road: &mut Road<'_>, side: usize, signal: Signal);
    /// Whether nobody waits for such a signal: what it was to bring is lost.
    fn is_lost(&self, side: usize, signal: &Signal) -> bool;
    /// The way of this connection is gone for good, and nobody tells its ends.
    fn breaks(&mut self, road: &mut Road<'_>);
    /// A cut begins or the link goes away; what is sent towards these ends gets there all the same.
    fn cut(&mut self, road: &mut Road<'_>, carries: [bool; 2]);
    /// An end closes it.
    fn close(&mut self, road: &mut Road<'_>, by: usize);
    /// The power went at an end.
    fn forget(&mut self, road: &mut Road<'_>, side: usize);
    /// Both ends have let go of it: nobody waits for what is still to come.
    fn discard(&mut self, road: &mut Road<'_>);
    /// Whether an end takes it for a connection that it would have to close.
    fn is_held_by(&self, side: usize) -> bool;
    /// Whether something is under way that no event but the plan's clock's stands for.
    fn is_busy(&self) -> bool;
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) parcel: Parcel,
    /// As a frame.
    pub(super) bytes: u64,
    /// Whether it counts among what is in flight.
    pub(super) waits: bool,
}

/// What a wire has to tell.
#[derive(Debug)]
pub(super) enum Told {
    /// An end may send.
    Up(usize),
    /// Something came to an end.
    Arrived(usize, Parcel),
    /// What came to an end is no frame.
    Garbled(usize, Refusal),
    /// An end has found out that the connection is gone.
    Gone(usize),
    /// The connection is lost, whether or not its ends know; it may be dialled anew.
    Broke,
}

/// What a wire wants to be reminded of.
#[derive(Debug)]
pub(super) enum Signal {
    Up,
    Arrive { era: u32, parcel: Parcel, waits: bool },
    Gone,
    // Of QUIC.
    Datagram(Vec<u8>),
    Wake,
    Read,
    GiveUp,
}

impl Signal {
    /// For the trace.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Signal::Up => "up",
            Signal::Arrive { .. } => "arrive",
            Signal::Gone => "gone",
            Signal::Datagram(_) => "datagram arrives",
            Signal::Wake => "wire wakes",
            Signal::Read => "wire reads",
            Signal::GiveUp => "wire gives up",
        }
    }

    /// Whether it comes although nothing is left to do: QUIC keeps its connections alive.
    pub(super) fn is_background(&self) -> bool {
        matches!(self, Signal::Datagram(_) | Signal::Wake | Signal::Read | Signal::GiveUp)
    }
}

/// One connection over a link, or what is left of it.
#[derive(Debug)]
pub(super) struct Conn {
    /// The link that it runs over.
    pub(super) link: usize,
    /// The nodes at its ends: who dialled, who answered.
    pub(super) nodes: [usize; 2],
    /// What each end calls it.
    pub(super) peers: [PeerId; 2],
    /// False once it has broken.
    pub(super) alive: bool,
    /// Ends that have been told that it is up.
    pub(super) up: [bool; 2],
    /// Ends that have heard from the other.
    pub(super) heard: [bool; 2],
    /// Ends that have been told that it is gone.
    pub(super) noticed: [bool; 2],
    /// Ends that the other has turned away, since two of them run; they hear of it when they notice.
    pub(super) turned_away: [bool; 2],
    /// What carries it.
    pub(super) wire: Box<dyn Wire>,
}

impl Conn {
    pub(super) fn new(link: usize, nodes: [usize; 2], peers: [PeerId; 2], wire: Box<dyn Wire>) -> Conn {
        let none = [false; 2];
        Conn { link, nodes, peers, alive: true, up: none, heard: none, noticed: none, turned_away: none, wire }
    }
}

/// The faults under way that have to do with wires.
#[derive(Debug, Clone, Copy)]
pub(super) struct Troubles<'a> {
    pub(super) faults: &'a [(Micros, Fault)],
    pub(super) active: &'a BTreeSet<usize>,
    pub(super) flapped: &'a BTreeSet<usize>,
}

impl Troubles<'_> {
    /// Whether frames from one node to another are stopped by a cut.
    pub(super) fn cut(self, from: usize, to: usize) -> bool {
        let cuts = self.active.iter().filter_map(|at| match &self.faults[*at].1 {
            Fault::Cut { island, way, .. } => Some((island, *way)),
            Fault::Flap { island, .. } if self.flapped.contains(at) => Some((island, Way::Both)),
            _ => None,
        });
        let mut cuts = cuts;
        cuts.any(|(island, way)| match (island.contains(&from), island.contains(&to)) {
            (true, false) => way != Way::Into,
            (false, true) => way != Way::OutOf,
            _ => false,
        })
    }

    /// How many times slower than its line a node reads.
    fn slow(self, reader: usize) -> u64 {
        let slow = |at: &usize| matches!(self.faults[*at].1, Fault::SlowPeer { node, .. } if node == reader);
        if self.active.iter().any(slow) { SLOWER } else { 1 }
    }
}

/// How much slower a slow peer reads than its line is.
const SLOWER: u64 = 2_000;

/// What a wire runs over, as it is now, and the engine's ear.
pub(super) struct Road<'a> {
    pub(super) conn: u64,
    pub(super) nodes: [usize; 2],
    pub(super) class: &'a LinkClass,
    /// What distance adds to the latency.
    pub(super) extra: Micros,
    /// The cell that it shares, and when that has sent what it was given.
    pub(super) cell: Option<(&'a Cell, &'a mut Micros)>,
    /// Whether the link is there at all.
    pub(super) there: bool,
    /// Whether the nodes at the ends have power.
    pub(super) runs: [bool; 2],
    pub(super) troubles: Troubles<'a>,
    pub(super) rng: &'a mut Rng,
    pub(super) stats: &'a mut Stats,
    pub(super) trace: &'a mut Trace,
    pub(super) queue: &'a mut Scheduler<Event>,
    /// Events in the queue that nobody waits for.
    pub(super) background: &'a mut usize,
    pub(super) told: &'a mut Vec<Told>,
}

impl Road<'_> {
    pub(super) fn now(&self) -> Micros {
        self.queue.now()
    }

    /// Reminds the wire of something at an end.
    pub(super) fn later(&mut self, at: Micros, side: usize, signal: Signal) {
        *self.background += usize::from(signal.is_background());
        self.queue.at(at, Event::Wire { conn: self.conn, side, signal });
    }

    /// A one-way latency.
    pub(super) fn latency(&mut self) -> Micros {
        self.class.latency(self.rng) + self.extra
    }

    /// How many times slower than its line an end reads.
    pub(super) fn slow(&self, side: usize) -> u64 {
        self.troubles.slow(self.nodes[side])
    }

    /// Whether something that is on its way to an end gets on.
    pub(super) fn leads(&self, to: usize) -> bool {
        self.there && !self.troubles.cut(self.nodes[1 - to], self.nodes[to])
    }

    /// How long something would wait now for a line that is free from `free_at` on, and for the cell.
    pub(super) fn backlog(&self, free_at: Micros) -> Micros {
        let cell = self.cell.as_ref().map_or(0, |(_, free_at)| **free_at);
        free_at.max(cell).saturating_sub(self.now())
    }

    /// Enters the length of a datagram in the trace; its bytes are encrypted under keys that no seed gives.
    pub(super) fn note_datagram(&mut self, from: usize, bytes: usize) {
        self.trace.note(self.queue.now(), self.nodes[from], "datagram", &(bytes as u64).to_be_bytes());
    }

    /// When a line that is free from `free_at` on, and the cell, will have sent so many bytes.
    pub(super) fn sent(&mut self, free_at: &mut Micros, bytes: u64) -> Micros {
        let now = self.now();
        let busy = self.class.bandwidth.map_or(0, |rate| bytes.saturating_mul(SECOND) / rate.max(1));
        let mut sent = (*free_at).max(now) + busy;
        if let Some((cell, free_at)) = &mut self.cell {
            sent = sent.max((**free_at).max(now) + bytes.saturating_mul(SECOND) / cell.bandwidth.max(1));
            **free_at = sent;
        }
        *free_at = sent;
        sent
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// What a road leads through, for tests of wires.
    #[derive(Debug)]
    pub(in super::super) struct World {
        pub(in super::super) class: LinkClass,
        pub(in super::super) queue: Scheduler<Event>,
        pub(in super::super) told: Vec<Told>,
        pub(in super::super) background: usize,
        pub(in super::super) there: bool,
        faults: Vec<(Micros, Fault)>,
        active: BTreeSet<usize>,
        flapped: BTreeSet<usize>,
        rng: Rng,
        stats: Stats,
        trace: Trace,
    }

    impl World {
        pub(in super::super) fn new(class: LinkClass) -> World {
            World {
                class,
                queue: Scheduler::default(),
                told: Vec::new(),
                background: 0,
                there: true,
                faults: Vec::new(),
                active: BTreeSet::new(),
                flapped: BTreeSet::new(),
                rng: Rng::new(1, "link", "wire"),
                stats: Stats::default(),
                trace: Trace::default(),
            }
        }

        /// Nothing gets to an end from now on.
        pub(in super::super) fn cut_towards(&mut self, end: usize) {
            let cut = Fault::Cut { island: BTreeSet::from([end]), way: Way::Into, lasts: Micros::MAX, till: false };
            self.active.insert(self.faults.len());
            self.faults.push((0, cut));
        }

        pub(in super::super) fn road(&mut self) -> Road<'_> {
            Road {
                conn: 0,
                nodes: [0, 1],
                class: &self.class,
                extra: 0,
                cell: None,
                there: self.there,
                runs: [true; 2],
                troubles: Troubles { faults: &self.faults, active: &self.active, flapped: &self.flapped },
                rng: &mut self.rng,
                stats: &mut self.stats,
                trace: &mut self.trace,
                queue: &mut self.queue,
                background: &mut self.background,
                told: &mut self.told,
            }
        }
    }
}
