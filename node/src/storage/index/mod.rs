//! The index: rows of key and value that make lookups fast and that can be rebuilt from the journal at any time.
//!
//! The driver calls it. Changes are held in memory until [`Index::checkpoint`], which makes them durable together with
//! a note of the caller's, such as the last journal position they cover. So what is on the disk is always the state at
//! one note, and after any stop the caller replays the journal from there.
//!
//! An index never serves a part as the whole: on opening it is either exactly the rows of its note, or empty and
//! without a note. [`MemoryIndex`] is the reference that tests and measurements compare with.

use std::collections::BTreeMap;
use std::fmt;

use xiangyue_protocol::Refusal;

mod note;
mod seal;
mod sled_index;

pub use sled_index::{SledIndex, SledOptions};

/// A change of one row: the new value, or `None` to remove it.
pub type Change<'a> = (&'a [u8], Option<&'a [u8]>);

/// Called with each row of a scan; an error ends the scan and is passed on.
pub type Visit<'a> = dyn FnMut(&[u8], &[u8]) -> Result<(), Refusal> + 'a;

/// An ordered map of bytes to bytes that remembers the note it was last saved with.
pub trait Index: fmt::Debug + Send {
    /// The value of a key, changes since the last checkpoint included.
    ///
    /// # Errors
    /// [`xiangyue_protocol::Code::Corrupt`] when the stored row is not the one that was written: throw the index away
    /// and rebuild it. [`xiangyue_protocol::Code::Disk`] when it cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Refusal>;

    /// Changes rows, in memory; the last change of a key counts.
    fn put_batch(&mut self, changes: &[Change<'_>]);

    /// Visits all rows whose key begins with `prefix`, in order of their keys.
    ///
    /// # Errors
    /// As [`Index::get`], and whatever the visitor returns.
    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Refusal>;

    /// Makes all changes durable under a note. After an error what is on the disk counts as lost and the next opening
    /// starts empty; the index in memory stays right.
    ///
    /// # Errors
    /// [`xiangyue_protocol::Code::Disk`], [`xiangyue_protocol::Code::DiskFull`] or
    /// [`xiangyue_protocol::Code::Corrupt`].
    fn checkpoint(&mut self, note: &[u8]) -> Result<(), Refusal>;

    /// The note of the last checkpoint; `None` when the index starts empty and everything is to be replayed.
    fn note(&self) -> Option<&[u8]>;

    /// Bytes of changes held in memory since the last checkpoint. The caller bounds them by checkpoints.
    fn unsaved_bytes(&self) -> usize;
}

/// No index, for a disk that has no room for one: nothing is kept, and the next start reads the journal through.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoIndex;

impl Index for NoIndex {
    fn get(&self, _key: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(None)
    }

    fn put_batch(&mut self, _changes: &[Change<'_>]) {}

    fn scan(&self, _prefix: &[u8], _visit: &mut Visit<'_>) -> Result<(), Refusal> {
        Ok(())
    }

    fn checkpoint(&mut self, _note: &[u8]) -> Result<(), Refusal> {
        Ok(())
    }

    fn note(&self) -> Option<&[u8]> {
        None
    }

    fn unsaved_bytes(&self) -> usize {
        0
    }
}

/// An index in memory alone.
#[derive(Debug, Default)]
pub struct MemoryIndex {
    rows: BTreeMap<Vec<u8>, Vec<u8>>,
    note: Option<Vec<u8>>,
}

impl Index for MemoryIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        Ok(self.rows.get(key).cloned())
    }

    fn put_batch(&mut self, changes: &[Change<'_>]) {
        for (key, value) in changes {
            match value {
                Some(value) => self.rows.insert(key.to_vec(), value.to_vec()),
                None => self.rows.remove(*key),
            };
        }
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Refusal> {
        self.rows
            .range(prefix.to_vec()..)
            .take_while(|(key, _)| key.starts_with(prefix))
            .try_for_each(|(key, value)| visit(key, value))
    }

    fn checkpoint(&mut self, note: &[u8]) -> Result<(), Refusal> {
        self.note = Some(note.to_vec());
        Ok(())
    }

    fn note(&self) -> Option<&[u8]> {
        self.note.as_deref()
    }

    fn unsaved_bytes(&self) -> usize {
        0
    }
}
