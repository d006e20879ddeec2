//! Small files of a data folder: written whole, durably, or not at all.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use xiangyue_protocol::{Code, Refusal};

use crate::storage::is_full;

/// A file of a data folder that is there to be given up: each start writes a few small files, such as the node's next
/// life, and must be able to on a disk that has no byte free.
const SPARE_FILE: &str = "spare";
/// Several times what these files take, in blocks of any usual size.
const SPARE_BYTES: usize = 64 << 10;

/// Makes the spare file of a data folder, where it is missing and there is room.
pub(crate) fn keep_spare(data: &Path) {
    let path = data.join(SPARE_FILE);
    if fs::metadata(&path).is_ok_and(|facts| facts.len() == SPARE_BYTES as u64) {
        return;
    }
    // A file system that compresses must not make nothing of it.
    let mut bytes = vec![0; SPARE_BYTES];
    blake3::Hasher::new().finalize_xof().fill(&mut bytes);
    let written = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&path);
    if written.and_then(|mut file| file.write_all(&bytes)).is_err() {
        // Half of it would be taken for nothing. Without it the node works as long as there is room.
        let _ = fs::remove_file(&path);
    }
}

fn disk(path: &Path, error: &std::io::Error) -> Refusal {
    let code = if is_full(error) { Code::DiskFull } else { Code::Disk };
    Refusal::new(code, format_args!("{}: {error}", path.display()))
}

/// Writes a file: beside its place, synced, then moved there, and the move synced too.
///
/// # Errors
/// [`Code::Disk`], [`Code::DiskFull`]; the old file, if any, then stands as it was.
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
    let mut written = write();
    if let (Err(error), Some(folder)) = (&written, path.parent())
        && is_full(error)
        && fs::remove_file(folder.join(SPARE_FILE)).is_ok()
    {
        written = write();
        // The file that was replaced has made room again.
        keep_spare(folder);
    }
    written.map_err(|error| disk(path, &error))
}

/// Reads a file of at most `max` bytes; none if it does not exist.
///
/// # Errors
/// [`Code::Disk`]; [`Code::KeptFile`] when it is larger.
pub(crate) fn read_small(path: &Path, max: u64) -> Result<Option<Vec<u8>>, Refusal> {
    match fs::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(disk(path, &error)),
        Ok(facts) if facts.len() > max => return Err(Refusal::new(Code::KeptFile, path.display())),
        Ok(_) => {}
    }
    fs::read(path).map(Some).map_err(|error| disk(path, &error))
}
