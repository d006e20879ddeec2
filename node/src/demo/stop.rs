//! Ending the demo early: a signal is noted, the demo stops where it is, and its nodes and folder go with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use xiangyue_protocol::{Code, Refusal};

/// The signal that has come, or 0. Of the process, as signals are.
static STOPPED: AtomicU8 = AtomicU8::new(0);

/// How often somebody who waits looks whether a signal has come.
const LOOK: Duration = Duration::from_millis(100);

/// Notes Ctrl-C, a request to end and a closed terminal from now on, instead of dying of them.
///
/// # Errors
/// [`Code::NotReady`] when signals cannot be had.
pub(super) fn listen() -> Result<(), Refusal> {
    let failed = |error: std::io::Error| Refusal::new(Code::NotReady, format_args!("signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
    let of = |kind| {
        let _context = runtime.enter();
        signal(kind).map_err(failed)
    };
    let signals = [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()];
    let mut signals = signals.into_iter().map(of).collect::<Result<Vec<_>, _>>()?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            if let [interrupt, terminate, hangup] = signals.as_mut_slice() {
                let signal = tokio::select! {
                    _ = interrupt.recv() => 2,
                    _ = terminate.recv() => 15,
                    _ = hangup.recv() => 1,
                };
                STOPPED.store(signal, Ordering::Relaxed);
            }
            // Further signals change nothing: the end is on its way.
            std::future::pending::<()>().await;
        });
    });
    Ok(())
}

/// Fails once a signal has come. Everything that waits or goes on in steps asks this.
///
/// # Errors
/// [`Code::NotRunning`].
pub(super) fn check() -> Result<(), Refusal> {
    match STOPPED.load(Ordering::Relaxed) {
        0 => Ok(()),
        _ => Err(Refusal::new(Code::NotRunning, "demo")),
    }
}

/// The number of the signal that ended the demo, asked once it has failed. A terminal sends Ctrl-C to all processes at
/// once: a node's end may be seen a moment before the signal is noted here.
pub fn stopped_by() -> Option<u8> {
    std::thread::sleep(LOOK);
    Some(STOPPED.load(Ordering::Relaxed)).filter(|signal| *signal != 0)
}

/// Waits for a signal.
pub(super) fn wait() {
    while check().is_ok() {
        std::thread::sleep(LOOK);
    }
}

/// The folder of one demo, removed when it is over, however it ended.
pub(super) struct Scratch(PathBuf);

impl Scratch {
    const PREFIX: &str = "xiangyue-demo-";

    /// A folder below `parent`, named after this process. What demos that were killed have left there is removed.
    ///
    /// # Errors
    /// [`Code::Disk`].
    pub(super) fn new(parent: &Path) -> Result<Scratch, Refusal> {
        remove_leftovers(parent);
        let folder = parent.join(format!("{}{}", Scratch::PREFIX, std::process::id()));
        let failed = |error: std::io::Error| Refusal::new(Code::Disk, format_args!("{}: {error}", folder.display()));
        std::fs::create_dir_all(&folder).map_err(failed)?;
        Ok(Scratch(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A node that was killed with its terminal may still be writing; what is left then goes at the next start.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Removes folders of demos whose process is gone.
fn remove_leftovers(parent: &Path) {
    let Ok(entries) = std::fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let id = name.to_str().and_then(|name| name.strip_prefix(Scratch::PREFIX)?.parse().ok());
        let Some(id) = id.and_then(rustix::process::Pid::from_raw) else { continue };
        if rustix::process::test_kill_process(id) == Err(rustix::io::Errno::SRCH) {
            // Somebody else's folder, or one that cannot be removed, is not worth a message in a demo.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}
