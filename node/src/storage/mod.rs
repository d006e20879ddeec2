//! What a node keeps on disk: the journal of records and the index over it, both of opaque bytes.
//!
//! The driver calls it: it appends what the replica wants made durable, syncs once for a group, and only then lets the
//! replica's messages go out. The index answers lookups and can be deleted at any time; it is rebuilt from the journal.
//!
//! Nothing here knows documents, segments or people; it moves bytes and says whether they are whole.
//! `docs/storage.md` draws the formats and states the recovery rules.

use std::io;

use xiangyue_protocol::{Code, Refusal};

mod disk;
#[cfg(test)]
mod faulty;
pub mod index;
pub mod journal;
mod lock;
mod private;
#[cfg(test)]
mod tests;

pub use disk::{Access, Disk, DiskFile, RealDisk};
pub use index::{Index, NoIndex, SledIndex, SledOptions};
pub use journal::{Journal, Options as JournalOptions, Position, Reader, Recovery};
pub use lock::{DataLock, LOCK_FILE};

/// Name of the journal's folder in a data folder. Where it is, a node has been.
pub const JOURNAL_FOLDER: &str = "journal";

/// Bytes free for us and bytes in all on the disk that holds `dir`; zeros when it does not say.
pub fn disk_space(dir: &std::path::Path) -> (u64, u64) {
    rustix::fs::statvfs(dir).map_or((0, 0), |facts| {
        (facts.f_bavail.saturating_mul(facts.f_frsize), facts.f_blocks.saturating_mul(facts.f_frsize))
    })
}

/// An I/O error as a refusal. `what` names the file by its role, never by a person.
fn disk_error(what: &str, error: &io::Error) -> Refusal {
    let code = if is_full(error) { Code::DiskFull } else { Code::Disk };
    Refusal::new(code, format_args!("{what}: {error}"))
}

/// Whether the error means that there is no room, which passes when somebody makes room.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
