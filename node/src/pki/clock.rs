//! The time that certificates are judged by.

use std::fmt;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use xiangyue_protocol::Millis;

/// The later of the system clock and a floor: the last time known to be past, and what has passed since that was known.
/// The floor moves on with a clock that nobody sets; one that stood still would stop every timer of a node whose time
/// had once been ahead.
///
/// A board without a battery boots in 1970. The floor is raised to the newest time found in the journal at start,
/// and to a token's time of issue while enrolling. A clock that is still behind judges a certificate from its first
/// day; one that runs ahead sees certificates expire early, and the way out of that is to set the clock.
pub struct Clock {
    source: fn() -> Millis,
    steady: fn() -> Millis,
    /// How far the floor is ahead of the steady clock, in milliseconds.
    lead: AtomicI64,
}

impl Clock {
    /// The system clock, not before `floor`.
    pub fn system(floor: Millis) -> Clock {
        Clock::with_source(system_millis, floor)
    }

    /// Another source of time, not before `floor`.
    pub fn with_source(source: fn() -> Millis, floor: Millis) -> Clock {
        Clock::with_sources(source, steady_millis, floor)
    }

    fn with_sources(source: fn() -> Millis, steady: fn() -> Millis, floor: Millis) -> Clock {
        let clock = Clock { source, steady, lead: AtomicI64::new(i64::MIN) };
        clock.raise(floor);
        clock
    }

    /// Raises the floor; an earlier time changes nothing.
    pub fn raise(&self, floor: Millis) {
        self.lead.fetch_max(signed(floor).saturating_sub(signed((self.steady)())), Ordering::Relaxed);
    }

    /// The time.
    pub fn now(&self) -> Millis {
        let floor = self.lead.load(Ordering::Relaxed).saturating_add(signed((self.steady)()));
        (self.source)().max(Millis(u64::try_from(floor).unwrap_or(0)))
    }
}

fn system_millis() -> Millis {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since this process first asked.
fn steady_millis() -> Millis {
    static FIRST: LazyLock<Instant> = LazyLock::new(Instant::now);
    Millis(u64::try_from(FIRST.elapsed().as_millis()).unwrap_or(u64::MAX))
}

fn signed(time: Millis) -> i64 {
    i64::try_from(time.0).unwrap_or(i64::MAX)
}

/// For rustls, which counts whole seconds.
pub(super) fn unix_time(now: Millis) -> UnixTime {
    UnixTime::since_unix_epoch(Duration::from_millis(now.0))
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Clock").field("lead", &self.lead).finish_non_exhaustive()
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

    static PASSED: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);

    #[test]
    fn a_clock_in_1970_reads_the_floor_and_moves_on_from_there() {
        let steady = || Millis(PASSED.load(Ordering::Relaxed));
        let clock = Clock::with_sources(|| Millis(5_000), steady, Millis(100));
        assert_eq!(clock.now(), Millis(5_000));
        clock.raise(Millis(9_000));
        clock.raise(Millis(7_000));
        assert_eq!(clock.now(), Millis(9_000));
        PASSED.store(250, Ordering::Relaxed);
        assert_eq!(clock.now(), Millis(9_250));
        clock.raise(Millis(9_100));
        assert_eq!(clock.now(), Millis(9_250));
    }
}
