//! The small file beside an engine that says what the engine should hold, and under which note of the caller's.
//!
//! It is the judge of the engine, so it is replaced only as a whole (new file, sync, rename, folder sync) and only
//! after the engine's own files have been synced.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::seal::Sum;

const MAGIC: &[u8; 4] = b"XYN1";
/// Magic, count, root, length of the note.
const FIXED: usize = 4 + 8 + 16 + 4;
const HASH: usize = 32;
/// Larger files than this are not read at all.
const LARGEST: u64 = 1 << 20;

/// What an engine should hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) sum: Sum,
    pub(super) text: Vec<u8>,
}

impl Note {
    /// Reads the note; `None` when there is none or it is damaged.
    pub(super) fn read(path: &Path) -> io::Result<Option<Note>> {
        match fs::metadata(path) {
            Ok(found) if found.len() <= LARGEST => Ok(Note::parse(&fs::read(path)?)),
            Ok(_) => Ok(None),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    /// Puts this note in the place of the one before, durably.
    pub(super) fn write(&self, path: &Path) -> io::Result<()> {
        let fresh = path.with_extension("new");
        let mut file = File::create(&fresh)?;
        file.write_all(&self.bytes()?)?;
        file.sync_all()?;
        fs::rename(&fresh, path)?;
        sync_parent(path)
    }

    fn parse(bytes: &[u8]) -> Option<Note> {
        let (body, hash) = bytes.split_at_checked(bytes.len().checked_sub(HASH)?)?;
        if blake3::hash(body).as_bytes() != hash || body.len() < FIXED || &body[..4] != MAGIC {
            return None;
        }
        let (fixed, text) = body.split_at(FIXED);
        let count = u64::from_le_bytes(fixed[4..12].try_into().ok()?);
        let root = fixed[12..28].try_into().ok()?;
        let length = u32::from_le_bytes(fixed[28..32].try_into().ok()?);
        (text.len() == length as usize).then(|| Note { sum: Sum { count, root }, text: text.to_vec() })
    }

    fn bytes(&self) -> io::Result<Vec<u8>> {
        let too_long = || io::Error::new(io::ErrorKind::InvalidInput, "note too long");
        let length = u32::try_from(self.text.len()).map_err(|_| too_long())?;
        let mut bytes = Vec::with_capacity(FIXED + self.text.len() + HASH);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.sum.count.to_le_bytes());
        bytes.extend_from_slice(&self.sum.root);
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&self.text);
        let hash = blake3::hash(&bytes);
        bytes.extend_from_slice(hash.as_bytes());
        if bytes.len() as u64 > LARGEST { Err(too_long()) } else { Ok(bytes) }
    }
}

/// Removes the note durably; nothing happens when there is none.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Ok(()) => sync_parent(path),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(e),
    }
}

/// Makes the name of a path durable.
pub(super) fn sync_parent(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(parent) => File::open(parent)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_comes_back_and_a_damaged_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("index.note");
        assert_eq!(Note::read(&path).unwrap(), None);
        let note = Note { sum: Sum { count: 3, root: [7; 16] }, text: b"file 2 at 99".to_vec() };
        note.write(&path).unwrap();
        assert_eq!(Note::read(&path).unwrap(), Some(note));

        let whole = fs::read(&path).unwrap();
        for length in 0..whole.len() {
            fs::write(&path, &whole[..length]).unwrap();
            assert_eq!(Note::read(&path).unwrap(), None, "cut to {length}");
        }
        for byte in 0..whole.len() {
            let mut bad = whole.clone();
            bad[byte] ^= 4;
            fs::write(&path, bad).unwrap();
            assert_eq!(Note::read(&path).unwrap(), None, "byte {byte}");
        }
        remove(&path).unwrap();
        remove(&path).unwrap();
    }
}
