//! Wakes the engine when its replica wants to be: announcements, requests and automatic grants wait for a while.
//!
//! The engine's thread waits for requests; this thread waits for the time, and then is a request like any other.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::time::Duration;

use tokio::sync::mpsc::WeakSender;
use xiangyue_protocol::{Code, Millis, Refusal};

use super::handle::Request;

/// The longest wait before looking again: a clock that is set does not put anything off by more.
const LONGEST: Duration = Duration::from_secs(60);

/// Where the engine says when it wants to be woken.
#[derive(Debug)]
pub(super) struct Timer {
    waits: Sender<Option<Duration>>,
    set: Option<Millis>,
}

impl Timer {
    /// Starts the thread. It ends with the engine.
    ///
    /// # Errors
    /// [`Code::Disk`] when the machine gives no thread.
    pub(super) fn start(requests: WeakSender<Request>) -> Result<Timer, Refusal> {
        let (waits, told) = mpsc::channel();
        let run = move || {
            let mut wait: Option<Duration> = None;
            loop {
                let next = match wait {
                    Some(wait) => told.recv_timeout(wait),
                    None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                match next {
                    Ok(next) => wait = next,
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        wait = None;
                        let Some(requests) = requests.upgrade() else { return };
                        if requests.blocking_send(Request::Wake).is_err() {
                            return;
                        }
                    }
                }
            }
        };
        std::thread::Builder::new()
            .name("timer".to_owned())
            .spawn(run)
            .map_err(|error| Refusal::new(Code::Disk, error))?;
        Ok(Timer { waits, set: None })
    }

    /// The replica wants to be woken at `due`; it is `now`.
    pub(super) fn set(&mut self, now: Millis, due: Option<Millis>) {
        if self.set == due {
            return;
        }
        self.set = due;
        let wait = due.map(|due| Duration::from_millis(due.0.saturating_sub(now.0)).min(LONGEST));
        // The thread is gone only when the node is stopping.
        let _ = self.waits.send(wait);
    }

    /// The engine cannot do now what it was woken for: it is woken again after the longest wait.
    pub(super) fn postpone(&mut self) {
        // The thread is gone only when the node is stopping.
        let _ = self.waits.send(Some(LONGEST));
    }

    /// The engine was woken: what was set is over.
    pub(super) fn rang(&mut self) {
        self.set = None;
    }
}
