//! Small files of a data folder: written whole, durably, or not at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use xiangyue_protocol::{Code, Refusal};

fn disk(path: &Path, error: &std::io::Error) -> Refusal {
    Refusal::new(Code::Disk, format_args!("{}: {error}", path.display()))
}

/// Writes a file: beside its place, synced, then moved there, and the move synced too.
///
/// # Errors
/// [`Code::Disk`]; the old file, if any, then stands as it was.
pub(crate) fn write_atomic(path: &Path, bytes: &[u8], mode: u32) -> Result<(), Refusal> {
    let fresh = path.with_extension("new");
    let write = || {
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&fresh)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|error| disk(path, &error))
}

/// Reads a file of at most `max` bytes; none if it does not exist.
///
/// # Errors
/// [`Code::Disk`]; [`Code::Corrupt`] when it is larger.
pub(crate) fn read_small(path: &Path, max: u64) -> Result<Option<Vec<u8>>, Refusal> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(path, &error)),
        Ok(facts) if facts.len() > max => return Err(Refusal::new(Code::Corrupt, path.display())),
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(|error| disk(path, &error))
}
