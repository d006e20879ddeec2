//! The event queue: virtual time, and the order of what happens at the same moment.

use std::collections::BTreeMap;

use serde::Serialize;

/// Virtual microseconds since the start of a run.
pub type Micros = u64;

/// One virtual second.
pub const SECOND: Micros = 1_000_000;
/// One virtual millisecond.
pub const MILLI: Micros = 1_000;

/// A rhythm: on for `on` of each `period`, from `phase` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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

/// Events by time; at one time, in the order in which they were put in.
#[derive(Debug)]
pub struct Scheduler<E> {
    queue: BTreeMap<(Micros, u64), E>,
    sequence: u64,
    now: Micros,
}

impl<E> Default for Scheduler<E> {
    fn default() -> Self {
        Scheduler { queue: BTreeMap::new(), sequence: 0, now: 0 }
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
        self.queue.insert((time.max(self.now), self.sequence), event);
    }

    /// Puts an event `delay` from now.
    pub fn after(&mut self, delay: Micros, event: E) {
        self.at(self.now.saturating_add(delay), event);
    }

    /// Takes the next event and moves the time to it.
    pub fn take(&mut self) -> Option<(Micros, u64, E)> {
        let ((time, sequence), event) = self.queue.pop_first()?;
        self.now = time;
        Some((time, sequence, event))
    }

    /// When the next event is due.
    pub fn next_time(&self) -> Option<Micros> {
        self.queue.first_key_value().map(|((time, _), _)| *time)
    }

    /// What is still to come.
    pub fn waiting(&self) -> impl Iterator<Item = &E> {
        self.queue.values()
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
}
