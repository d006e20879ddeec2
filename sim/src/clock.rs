//! What a node's clock shows, beside true time.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::Millis;

use crate::scheduler::Micros;

/// How far a node's system clock is from true time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClockSpec {
    /// Milliseconds ahead of true time at the start.
    pub offset_ms: i64,
    /// Milliseconds gained in a million.
    pub drift_ppm: i32,
}

impl ClockSpec {
    /// What the clock shows `after` the start of a run, when that was at true time `start`; never before 1970.
    pub fn shows(&self, start: Millis, after: Micros) -> Millis {
        let passed = i128::from(after / 1000);
        let drift = passed * i128::from(self.drift_ppm) / 1_000_000;
        let shown = i128::from(start.0) + passed + drift + i128::from(self.offset_ms);
        Millis(u64::try_from(shown.max(0)).unwrap_or(u64::MAX))
    }
}

/// What a clock that is wrong shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClockFault {
    /// It starts again at 1970, as a board without a battery does.
    Epoch1970,
    /// It is so many milliseconds ahead, or behind.
    Offset(i64),
}

/// A node's clock. As the real node's it is never behind the highest time that was durable when the node started and
/// what has passed since.
#[derive(Debug, Clone)]
pub struct Clock {
    spec: ClockSpec,
    start: Millis,
    wrong: Option<(Micros, ClockFault)>,
    /// The time known to be past when the node started, and when that was.
    floor: Option<(Millis, Micros)>,
}

impl Clock {
    /// A clock of this sort in a run that starts at a true time.
    pub fn new(spec: ClockSpec, start: Millis) -> Clock {
        Clock { spec, start, wrong: None, floor: None }
    }

    /// What the node takes the time to be.
    pub fn shows(&self, now: Micros) -> Millis {
        let shown = match self.wrong {
            None => self.spec.shows(self.start, now),
            Some((since, ClockFault::Epoch1970)) => Millis((now - since) / 1000),
            Some((_, ClockFault::Offset(ahead))) => {
                let offset_ms = self.spec.offset_ms.saturating_add(ahead);
                ClockSpec { offset_ms, ..self.spec }.shows(self.start, now)
            }
        };
        let moved_on = |(floor, since): (Millis, Micros)| Millis(floor.0.saturating_add((now - since) / 1000));
        self.floor.map_or(shown, |floor| shown.max(moved_on(floor)))
    }

    /// It is wrong from now on.
    pub fn goes_wrong(&mut self, now: Micros, fault: ClockFault) {
        self.wrong = Some((now, fault));
    }

    /// It has been set right.
    pub fn goes_right(&mut self) {
        self.wrong = None;
    }

    /// The node has started and knows this time to be past.
    pub fn starts(&mut self, now: Micros, durable: Millis) {
        self.floor = Some((durable, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scheduler::SECOND;

    #[test]
    fn offset_and_drift_add_up_and_nothing_is_before_1970() {
        let clock = ClockSpec { offset_ms: -500, drift_ppm: 100 };
        assert_eq!(clock.shows(Millis(1_000_000), 10_000 * SECOND), Millis(1_000_000 + 10_000_000 + 1000 - 500));
        assert_eq!(ClockSpec { offset_ms: -5000, drift_ppm: 0 }.shows(Millis(1000), 0), Millis(0));
    }

    #[test]
    fn a_clock_that_starts_again_at_1970_is_never_behind_what_was_durable() {
        let mut clock = Clock::new(ClockSpec::default(), Millis(5_000_000));
        clock.goes_wrong(SECOND, ClockFault::Epoch1970);
        assert_eq!(clock.shows(3 * SECOND), Millis(2000));
        clock.starts(3 * SECOND, Millis(4_000_000));
        assert_eq!(clock.shows(3 * SECOND), Millis(4_000_000));
        assert_eq!(clock.shows(5 * SECOND), Millis(4_002_000), "and moves on from there");
        clock.goes_right();
        assert_eq!(clock.shows(3 * SECOND), Millis(5_003_000));
    }
}
