//! The time that certificates are judged by.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use xiangyue_protocol::Millis;

/// The later of the system clock and a floor, the last time known to be past.
///
/// A board without a battery boots in 1970. The floor is raised to the newest time found in the journal at start,
/// and to a token's time of issue while enrolling. A clock that is still behind judges a certificate from its first
/// day; one that runs ahead sees certificates expire early, and the way out of that is to set the clock.
pub struct Clock {
    source: fn() -> Millis,
    floor: AtomicU64,
}

impl Clock {
    /// The system clock, not before `floor`.
    pub fn system(floor: Millis) -> Clock {
        Clock::with_source(system_millis, floor)
    }

    /// Another source of time, not before `floor`.
    pub fn with_source(source: fn() -> Millis, floor: Millis) -> Clock {
        Clock { source, floor: AtomicU64::new(floor.0) }
    }

    /// Raises the floor; an earlier time changes nothing.
    pub fn raise(&self, floor: Millis) {
        self.floor.fetch_max(floor.0, Ordering::Relaxed);
    }

    /// The time.
    pub fn now(&self) -> Millis {
        Millis((self.source)().0.max(self.floor.load(Ordering::Relaxed)))
    }
}

fn system_millis() -> Millis {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// For rustls, which counts whole seconds.
pub(super) fn unix_time(now: Millis) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(now.0))
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("floor", &self.floor).finish_non_exhaustive()
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_in_1970_reads_the_floor() {
        let clock = Clock::with_source(|| Millis(5_000), Millis(100));
        assert_eq!(clock.now(), Millis(5_000));
        clock.raise(Millis(9_000));
        clock.raise(Millis(7_000));
        assert_eq!(clock.now(), Millis(9_000));
    }
}
