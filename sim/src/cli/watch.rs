//! Long work on a terminal: a bar with rate and time left, and Ctrl-C, which ends a run in good order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use indicatif::{ProgressBar, ProgressStyle};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use xiangyue_sim::observer::Observer;
use xiangyue_sim::scheduler::Micros;

use super::Failure;

/// Steps of the bar for one run.
const STEPS: u64 = 1000;

/// Whether a person has said stop. A second Ctrl-C ends the process at once.
#[derive(Debug, Clone)]
pub(super) struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Takes Ctrl-C from now on.
    pub(super) fn on_interrupt() -> Result<Stop, Failure> {
        let asked = Arc::new(AtomicBool::new(false));
        let register = |signal| {
            flag::register_conditional_default(signal, Arc::clone(&asked))
                .and_then(|_| flag::register(signal, Arc::clone(&asked)))
        };
        // A batch system says it with SIGTERM.
        match register(SIGINT).and_then(|_| register(SIGTERM)) {
            Ok(_) => Ok(Stop(asked)),
            Err(error) => Err(Failure(format!("Ctrl-C cannot be taken: {error}"))),
        }
    }

    /// Whether to stop.
    pub(super) fn is_asked(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// Shows how far a command is, on a terminal only.
#[derive(Debug)]
pub(super) struct Progress {
    bar: ProgressBar,
    stop: Stop,
    done: u64,
}

impl Progress {
    /// A bar for so many runs.
    pub(super) fn new(runs: u64, stop: Stop) -> Progress {
        let bar = ProgressBar::new(runs * STEPS);
        let template = "{bar:30} {percent:>3} %  {msg}  {elapsed} gone, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        Progress { bar, stop, done: 0 }
    }

    /// The next run begins; it is called so.
    pub(super) fn begin(&self, what: String) {
        self.bar.set_message(what);
    }

    /// A run is done.
    pub(super) fn end(&mut self) {
        self.done += 1;
        self.bar.set_position(self.done * STEPS);
    }

    /// A line above the bar.
    pub(super) fn say(&self, line: &str) {
        self.bar.suspend(|| eprintln!("{line}"));
    }

    /// Something that prints while the bar is out of the way.
    pub(super) fn aside(&self, print: impl FnOnce()) {
        self.bar.suspend(print);
    }

    /// Takes the bar away.
    pub(super) fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

impl Observer for Progress {
    fn progress(&mut self, now: Micros, of: Micros) {
        let step = u128::from(now) * u128::from(STEPS) / u128::from(of.max(1));
        self.bar.set_position(self.done * STEPS + u64::try_from(step).unwrap_or(STEPS).min(STEPS));
    }

    fn stop(&self) -> bool {
        self.stop.is_asked()
    }
}
