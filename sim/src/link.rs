//! Links: ordered streams that break. What is in flight when one breaks is lost; each end learns of it later.

use serde::Serialize;
use xiangyue_protocol::replica::PeerId;

use crate::rng::Rng;
use crate::scheduler::{Duty, MILLI, Micros, SECOND};

/// How links of one class behave.
#[derive(Debug, Clone, Serialize)]
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
        }
    }
}

/// Which nodes a link joins, and how.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
    /// Ends that have been told that it is up.
    pub up: [bool; 2],
    /// Ends that have heard from the other.
    pub heard: [bool; 2],
    /// Ends that have been told that it is gone.
    pub noticed: [bool; 2],
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
            up: [false; 2],
            heard: [false; 2],
            noticed: [false; 2],
            last_arrival: up_at,
            free_at: [0; 2],
        }
    }

    /// The end at which this node calls it so.
    pub fn side_of(&self, node: usize, peer: PeerId) -> Option<usize> {
        (0..2).find(|side| self.nodes[*side] == node && self.peers[*side] == peer)
    }

    /// When a frame of so many bytes, sent now towards an end, arrives there.
    pub fn arrival(&mut self, now: Micros, to: usize, bytes: u64, params: &LinkClass, rng: &mut Rng) -> Micros {
        let busy = params.bandwidth.map_or(0, |rate| bytes * SECOND / rate.max(1));
        let sent = self.free_at[to].max(now) + busy;
        self.free_at[to] = sent;
        let arrival = (sent + params.latency(rng)).max(self.last_arrival[to] + 1);
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
        let arrivals: Vec<Micros> = (0..200).map(|now| conn.arrival(now, 1, 100, &params, &mut rng)).collect();
        assert!(arrivals.is_sorted_by(|a, b| a < b), "{arrivals:?}");
    }
}
