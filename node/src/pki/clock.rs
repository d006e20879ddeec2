//! The time that people are told, that entries are dated by and certificates judged by; and the time that passes.

use std::fmt;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;
use xiangyue_protocol::Millis;

/// The township's clock once it has been heard; until then the later of the system clock and a floor: the last time
/// known to be past, and what has passed since that was known.
///
/// A board without a battery boots in 1970. The floor is raised to the newest time found in the journal at start,
/// and to a token's time of issue while enrolling. A clock that is still behind judges a certificate from its first
/// day. A clock that runs ahead leaves a floor in the future behind; the township's word puts that right.
pub struct Clock {
    source: fn() -> Millis,
    /// What has passed, by a clock that nobody sets.
    passed: fn() -> Millis,
    state: Mutex<State>,
}

/// How far times are ahead of what has passed, in milliseconds.
struct State {
    floor: i64,
    steady: i64,
    /// The township's clock is so far ahead of the steady time.
    township: Option<i64>,
}

impl Clock {
    /// The system clock, not before `floor`.
    pub fn system(floor: Millis) -> Clock {
        Clock::with_source(system_millis, floor)
    }

    /// Another source of time, not before `floor`.
    pub fn with_source(source: fn() -> Millis, floor: Millis) -> Clock {
        Clock::with_sources(source, passed_millis, floor)
    }

    fn with_sources(source: fn() -> Millis, passed: fn() -> Millis, floor: Millis) -> Clock {
        let state = Mutex::new(State { floor: i64::MIN, steady: i64::MIN, township: None });
        let clock = Clock { source, passed, state };
        clock.raise(floor);
        clock
    }

    /// Raises the floor; an earlier time changes nothing.
    pub fn raise(&self, floor: Millis) {
        let lead = signed(floor).saturating_sub(signed((self.passed)()));
        let mut state = self.state();
        state.floor = state.floor.max(lead);
    }

    /// Tells how far the township's clock is ahead of [`Clock::steady`], in milliseconds.
    pub fn agree(&self, skew: i64) {
        // Up to here it has followed the system clock.
        self.steady();
        self.state().township = Some(skew);
    }

    /// The time.
    pub fn now(&self) -> Millis {
        let steady = self.steady();
        let state = self.state();
        match state.township {
            Some(skew) => Millis(steady.0.saturating_add_signed(skew)),
            None => (self.source)().max(self.after(state.floor)),
        }
    }

    /// A time that never goes back, for what happens after a while: it follows the system clock forward until the
    /// township has been heard, and from then on only what passes.
    pub fn steady(&self) -> Millis {
        let mut state = self.state();
        state.steady = state.steady.max(state.floor);
        if state.township.is_none() {
            state.steady = state.steady.max(signed((self.source)()).saturating_sub(signed((self.passed)())));
        }
        self.after(state.steady)
    }

    /// The machine's clock minus [`Clock::now`], in milliseconds: above zero when it is ahead.
    pub fn machine_skew(&self) -> i64 {
        signed((self.source)()).saturating_sub(signed(self.now()))
    }

    fn after(&self, lead: i64) -> Millis {
        Millis(u64::try_from(lead.saturating_add(signed((self.passed)()))).unwrap_or(0))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn system_millis() -> Millis {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
}

/// Milliseconds since this process first asked.
fn passed_millis() -> Millis {
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
        f.debug_struct("Clock").field("floor", &self.state().floor).finish_non_exhaustive()
    }
}

impl TimeProvider for Clock {
    fn current_time(&self) -> Option<UnixTime> {
        Some(unix_time(self.now()))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const DAY: u64 = 86_400_000;

    static PASSED: AtomicU64 = AtomicU64::new(0);

    fn still() -> Millis {
        Millis(0)
    }

    #[test]
    fn a_clock_in_1970_reads_the_floor_and_moves_on_from_there() {
        let passed = || Millis(PASSED.load(Ordering::Relaxed));
        let clock = Clock::with_sources(|| Millis(5_000), passed, Millis(100));
        assert_eq!(clock.now(), Millis(5_000));
        clock.raise(Millis(9_000));
        clock.raise(Millis(7_000));
        assert_eq!(clock.now(), Millis(9_000));
        PASSED.store(250, Ordering::Relaxed);
        assert_eq!(clock.now(), Millis(9_250));
        clock.raise(Millis(9_100));
        assert_eq!((clock.now(), clock.steady()), (Millis(9_250), Millis(9_250)));
    }

    #[test]
    fn the_township_puts_a_floor_in_the_future_right_and_the_steady_time_does_not_go_back() {
        let clock = Clock::with_sources(|| Millis(100 * DAY), still, Millis(160 * DAY));
        assert_eq!(clock.now(), Millis(160 * DAY), "nothing yet tells it from a clock that was set back");
        clock.agree(-60 * DAY.cast_signed());
        assert_eq!((clock.now(), clock.steady()), (Millis(100 * DAY), Millis(160 * DAY)));
        assert_eq!(clock.machine_skew(), 0, "the machine's clock was right");
    }

    #[test]
    fn a_machine_whose_clock_is_ahead_is_told_so_once_the_township_is_heard() {
        let clock = Clock::with_sources(|| Millis(160 * DAY), still, Millis(0));
        assert_eq!(clock.machine_skew(), 0);
        clock.agree(-60 * DAY.cast_signed());
        assert_eq!((clock.now(), clock.machine_skew()), (Millis(100 * DAY), 60 * DAY.cast_signed()));
    }

    #[test]
    fn a_clock_that_is_set_forward_after_the_township_was_heard_moves_nothing() {
        static SYSTEM: AtomicU64 = AtomicU64::new(0);
        let clock = Clock::with_sources(|| Millis(SYSTEM.load(Ordering::Relaxed)), still, Millis(86 * DAY));
        clock.agree(14 * DAY.cast_signed());
        assert_eq!(clock.now(), Millis(100 * DAY));
        SYSTEM.store(100 * DAY, Ordering::Relaxed);
        assert_eq!((clock.now(), clock.machine_skew()), (Millis(100 * DAY), 0));
    }
}
