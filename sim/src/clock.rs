//! What a node's clock shows, beside true time.

use serde::Serialize;
use xiangyue_protocol::Millis;

use crate::scheduler::Micros;

/// How far a node's system clock is from true time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
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
}
