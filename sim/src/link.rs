//! Links: ordered streams that break. What is in flight when one breaks is lost; each end learns of it later.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::replica::PeerId;

use crate::rng::Rng;
use crate::scheduler::{Duty, MILLI, Micros, SECOND};

/// How links of one class behave.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LinkClass {
    /// What it is called in tables.
    pub name: String,
    /// Shortest and longest one-way latency, in microseconds.
    pub latency: (Micros, Micros),
    /// How often of a thousand a frame is lost and sent again: it then takes ten times the longest latency.
    pub loss_permille: u64,
    /// Bytes a second in each direction; none when it does not matter.
    pub bandwidth: Option<u64>,
    /// Shortest and longest time until an end learns of a break.
    pub notice: (Micros, Micros),
    /// Shortest and longest wait before dialling again.
    pub redial: (Micros, Micros),
    /// When the link is there at all, such as a courier's weekly visit; always if none.
    pub duty: Option<Duty>,
    /// Frames and runs of stored segments that may be on their way towards one end; a peer that is further behind is
    /// disconnected.
    pub queue: usize,
}

impl Default for LinkClass {
    fn default() -> Self {
        LinkClass {
            name: "ordinary".to_owned(),
            latency: (5 * MILLI, 60 * MILLI),
            loss_permille: 10,
            bandwidth: Some(250_000),
            notice: (10 * MILLI, 3 * SECOND),
            redial: (100 * MILLI, 4 * SECOND),
            duty: None,
            queue: 16_384,
        }
    }
}

/// Which nodes a link joins, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinkSpec {
    /// The node that dials: the other cannot, as if behind a NAT.
    pub dials: usize,
    /// The node that answers.
    pub answers: usize,
    /// Its class, by position in the plan.
    pub class: usize,
    /// The cell whose capacity it shares, by position in the plan.
    pub cell: Option<usize>,
    /// What distance adds to the one-way latency.
    pub extra: Micros,
}

impl LinkSpec {
    /// A link of the first class.
    pub fn new(dials: usize, answers: usize) -> LinkSpec {
        LinkSpec { dials, answers, class: 0, cell: None, extra: 0 }
    }
}

/// Capacity that several links share: what they send at once queues up.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// What it is called in tables.
    pub name: String,
    /// Bytes a second, both directions together.
    pub bandwidth: u64,
}

/// One connection over a link, or what is left of it.
#[derive(Debug)]
pub struct Conn {
    /// The link that it runs over.
    pub link: usize,
    /// The nodes at its ends: who dialled, who answered.
    pub nodes: [usize; 2],
    /// What each end calls it.
    pub peers: [PeerId; 2],
    /// False once it has broken.
    pub alive: bool,
    /// Whether what is sent towards each end gets there.
    pub carries: [bool; 2],
    /// Ends that have been told that it is up.
    pub up: [bool; 2],
    /// Ends that have heard from the other.
    pub heard: [bool; 2],
    /// Ends that have been told that it is gone.
    pub noticed: [bool; 2],
    /// Things that wait or are on their way towards each end: frames, and runs of stored segments.
    pub in_flight: [usize; 2],
    /// Arrivals towards each end that are still to come.
    pub queued: [usize; 2],
    /// Counts breaks, so that nothing sent before one arrives after it.
    pub era: u32,
    /// When the last frame sent towards each end arrives: nothing overtakes it.
    last_arrival: [Micros; 2],
    /// When the line towards each end is free again.
    free_at: [Micros; 2],
}

impl Conn {
    /// A connection that is up at its ends at these times.
    pub fn new(link: usize, nodes: [usize; 2], peers: [PeerId; 2], up_at: [Micros; 2]) -> Conn {
        Conn {
            link,
            nodes,
            peers,
            alive: true,
            carries: [true; 2],
            up: [false; 2],
            heard: [false; 2],
            noticed: [false; 2],
            in_flight: [0; 2],
            queued: [0; 2],
            era: 0,
            last_arrival: up_at,
            free_at: [0; 2],
        }
    }

    /// Up once more as if it had never been away, with nothing on its way: what a driver must not do.
    pub fn revive(&mut self, up_at: [Micros; 2]) {
        let era = self.era + 1;
        *self = Conn { up: [true; 2], era, ..Conn::new(self.link, self.nodes, self.peers, up_at) };
    }

    /// Whether what is sent now towards an end waits for long: it is not only on its way, its reader is behind.
    pub fn is_backed_up(&self, now: Micros, to: usize) -> bool {
        self.free_at[to] > now + SECOND
    }

    /// When a frame of so many bytes, sent now towards an end, arrives there. `cell_free_at` is when the shared
    /// cell has sent what others gave it.
    pub fn arrival(
        &mut self,
        now: Micros,
        to: usize,
        bytes: u64,
        (class, extra): (&LinkClass, Micros),
        cell: Option<(&Cell, &mut Micros)>,
        rng: &mut Rng,
    ) -> Micros {
        let busy = class.bandwidth.map_or(0, |rate| bytes.saturating_mul(SECOND) / rate.max(1));
        let mut sent = self.free_at[to].max(now) + busy;
        if let Some((cell, free_at)) = cell {
            sent = sent.max((*free_at).max(now) + bytes.saturating_mul(SECOND) / cell.bandwidth.max(1));
            *free_at = sent;
        }
        self.free_at[to] = sent;
        let arrival = (sent + class.latency(rng) + extra).max(self.last_arrival[to] + 1);
        self.last_arrival[to] = arrival;
        arrival
    }
}

impl LinkClass {
    /// A latency.
    pub fn latency(&self, rng: &mut Rng) -> Micros {
        let latency = rng.between(self.latency.0, self.latency.1);
        if rng.chance(self.loss_permille) { self.latency.1 * 10 } else { latency }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_overtakes_on_one_stream() {
        let mut rng = Rng::new(1, "link", "latency");
        let params = LinkClass { loss_permille: 200, ..LinkClass::default() };
        let mut conn = Conn::new(0, [0, 1], [PeerId(0), PeerId(1)], [5, 5]);
        let arrivals: Vec<Micros> =
            (0..200).map(|now| conn.arrival(now, 1, 100, (&params, 0), None, &mut rng)).collect();
        assert!(arrivals.is_sorted_by(|a, b| a < b), "{arrivals:?}");
    }

    #[test]
    fn links_of_one_cell_wait_for_each_other() {
        let mut rng = Rng::new(1, "link", "latency");
        let params = LinkClass { latency: (0, 0), loss_permille: 0, bandwidth: None, ..LinkClass::default() };
        let (cell, mut free_at) = (Cell { name: "2G".into(), bandwidth: 100 }, 0);
        let mut arrive = |link| {
            let mut conn = Conn::new(link, [0, 1], [PeerId(0), PeerId(1)], [0, 0]);
            conn.arrival(0, 1, 50, (&params, 7), Some((&cell, &mut free_at)), &mut rng)
        };
        assert_eq!([arrive(0), arrive(1), arrive(2)], [SECOND / 2 + 7, SECOND + 7, SECOND * 3 / 2 + 7]);
    }
}
