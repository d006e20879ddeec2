//! Links between nodes, as a plan describes them.

use serde::{Deserialize, Serialize};

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

impl LinkClass {
    /// A latency.
    pub fn latency(&self, rng: &mut Rng) -> Micros {
        let latency = rng.between(self.latency.0, self.latency.1);
        if rng.chance(self.loss_permille) { self.latency.1 * 10 } else { latency }
    }
}
