//! The event queue: virtual time, and the order of what happens at the same moment.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;

use serde::{Deserialize, Serialize};

use crate::rng::Rng;

/// Virtual microseconds since the start of a run.
pub type Micros = u64;

/// One virtual second.
pub const SECOND: Micros = 1_000_000;
/// One virtual millisecond.
pub const MILLI: Micros = 1_000;

/// A rhythm: on for `on` of each `period`, from `phase` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Duty {
    /// From one start to the next.
    pub period: Micros,
    /// How long it is on in each.
    pub on: Micros,
    /// When the first one starts.
    pub phase: Micros,
    /// How much later than that each start may be.
    pub jitter: Micros,
}

impl Duty {
    /// When it next comes on, at `now` or later, and how long it then stays.
    pub fn next(&self, now: Micros, rng: &mut Rng) -> (Micros, Micros) {
        let period = self.period.max(1);
        let turns = now.saturating_sub(self.phase).div_ceil(period);
        let late = rng.between(0, self.jitter);
        (self.phase.saturating_add(turns.saturating_mul(period)).saturating_add(late), self.on)
    }

    /// Whether it is on, not counting jitter.
    pub fn is_on(&self, now: Micros) -> bool {
        now >= self.phase && (now - self.phase) % self.period.max(1) < self.on
    }
}

/// Events by time; at one time, in the order in which they were put in.
#[derive(Debug)]
pub struct Scheduler<E> {
    queue: BinaryHeap<Entry<E>>,
    sequence: u64,
    now: Micros,
}

#[derive(Debug)]
struct Entry<E> {
    key: Reverse<(Micros, u64)>,
    event: E,
}

impl<E> PartialEq for Entry<E> {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl<E> Eq for Entry<E> {}

impl<E> PartialOrd for Entry<E> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Entry<E> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl<E> Default for Scheduler<E> {
    fn default() -> Self {
        Scheduler { queue: BinaryHeap::new(), sequence: 0, now: 0 }
    }
}

impl<E> Scheduler<E> {
    /// The time of the event taken last.
    pub fn now(&self) -> Micros {
        self.now
    }

    /// Puts an event at `time`, or now if that is past.
    pub fn at(&mut self, time: Micros, event: E) {
        self.sequence += 1;
        self.queue.push(Entry { key: Reverse((time.max(self.now), self.sequence)), event });
    }

    /// Puts an event `delay` from now.
    pub fn after(&mut self, delay: Micros, event: E) {
        self.at(self.now.saturating_add(delay), event);
    }

    /// Takes the next event and moves the time to it.
    pub fn take(&mut self) -> Option<(Micros, u64, E)> {
        let Entry { key: Reverse((time, sequence)), event } = self.queue.pop()?;
        self.now = time;
        Some((time, sequence, event))
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Micros> {
        self.queue.peek().map(|entry| entry.key.0.0)
    }

    /// All that are still to come, in no order.
    pub fn pending(&self) -> impl Iterator<Item = &E> {
        self.queue.iter().map(|entry| &entry.event)
    }

    /// How many are still to come.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether nothing is to come.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_moment_keep_their_order_and_time_never_goes_back() {
        let mut scheduler = Scheduler::default();
        scheduler.at(20, 'c');
        scheduler.at(10, 'a');
        scheduler.at(10, 'b');
        assert_eq!(scheduler.take(), Some((10, 2, 'a')));
        scheduler.at(5, 'x');
        let rest: Vec<_> = std::iter::from_fn(|| scheduler.take()).map(|(time, _, event)| (time, event)).collect();
        assert_eq!(rest, [(10, 'b'), (10, 'x'), (20, 'c')]);
    }

    #[test]
    fn a_rhythm_comes_on_at_its_phase_and_every_period_after() {
        let duty = Duty { period: 100, on: 10, phase: 30, jitter: 0 };
        let mut rng = Rng::new(1, "a", "duty");
        assert_eq!([0, 30, 31, 130].map(|now| duty.next(now, &mut rng)), [(30, 10), (30, 10), (130, 10), (130, 10)]);
        assert_eq!([29, 30, 39, 40, 135].map(|now| duty.is_on(now)), [false, true, true, false, true]);
    }
}
