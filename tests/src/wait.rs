//! Waiting for what must come true by itself.

use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(30);

/// Waits until `done`, at most `seconds`; returns how long it took.
pub fn wait_until(what: &str, seconds: u64, mut done: impl FnMut() -> bool) -> Duration {
    wait_until_ok(what, seconds, || if done() { Ok(()) } else { Err("not yet".to_owned()) })
}

/// Waits until there is no objection, at most `seconds`; panics with the last objection.
pub fn wait_until_ok(what: &str, seconds: u64, mut objection: impl FnMut() -> Result<(), String>) -> Duration {
    let began = Instant::now();
    loop {
        let Err(why) = objection() else { return began.elapsed() };
        assert!(began.elapsed() < Duration::from_secs(seconds), "{what}: not within {seconds} s: {why}");
        std::thread::sleep(LOOK_EVERY);
    }
}
