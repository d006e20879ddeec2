//! The index on sled 0.34.7, which is fast and small but must not be believed.
//!
//! Known of this version, from its source and from damaging its files: `flush` ends in `sync_file_range`, which is no promise of durability; a
//! truncated file opens without an error and with rows missing; a flipped bit can lose rows silently or panic. Hence:
//! rows are sealed, their sum is kept outside, sled's files are synced here before the sum is replaced, opening reads
//! every row and compares, and every call into sled catches its panics. A state that does not compare is set aside and
//! an empty index takes its place.
//!
//! sled is written to at a checkpoint and at no other time. So a process that dies between two checkpoints, which is
//! nearly always, finds the index as the last note describes it.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use xiangyue_protocol::{Code, Refusal};

use super::note::{self, Note};
use super::seal::{Part, Sum, part_key, parts};
use super::{Change, Index, Visit};
use crate::storage::disk_error;

/// Damaged folders kept for whoever wants to look at them.
const KEPT_ASIDE: usize = 2;

/// How sled is run.
#[derive(Clone, Copy, Debug)]
pub struct SledOptions {
    /// Bytes of sled's page cache. Its own default is 1 GiB.
    pub cache_bytes: u64,
    /// Whether to let files grow for the sake of speed.
    pub high_throughput: bool,
    /// How long to wait for whoever still has the files open.
    pub patience: Duration,
}

impl Default for SledOptions {
    fn default() -> Self {
        SledOptions { cache_bytes: 8 << 20, high_throughput: false, patience: Duration::from_secs(10) }
    }
}

/// An index kept by sled in a folder, with its note in a file beside it.
pub struct SledIndex {
    dir: PathBuf,
    note_path: PathBuf,
    db: sled::Db,
    sum: Sum,
    note: Option<Vec<u8>>,
    /// Changes since the last checkpoint.
    unsaved: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
    unsaved_bytes: usize,
    rebuilt: Option<String>,
    /// A checkpoint failed half-way: the sum no longer says what sled holds.
    broken: bool,
}

impl SledIndex {
    /// Opens the index in the folder `dir`, creating it when there is none. `dir.note` lies beside it.
    ///
    /// Every row is read and compared with the note. When they differ, the folder becomes `dir.damaged-<n>` and
    /// an empty index is returned; [`SledIndex::rebuilt`] says why.
    ///
    /// # Errors
    /// [`Code::Disk`] when not even an empty index can be made, or when another holder does not let go of the files.
    pub fn open(dir: &Path, options: SledOptions) -> Result<SledIndex, Refusal> {
        let note_path = dir.with_extension("note");
        let note = Note::read(&note_path).map_err(|e| disk_error("index note", &e))?;
        let exists = dir.exists();
        if !exists && note.is_none() {
            return SledIndex::empty(dir, note_path, options, None);
        }
        wait_for_lock(dir, options.patience).map_err(|e| disk_error("index", &e))?;
        let why = match note {
            None => "without a readable note".to_owned(),
            Some(_) if !exists => "folder missing".to_owned(),
            Some(note) => match open_verified(dir, options, note.sum) {
                Ok(db) => return Ok(SledIndex::with(dir, note_path, db, note.sum, Some(note.text), None)),
                Err(why) => why,
            },
        };
        // The note goes last: should power fail in between, it finds no folder and ends here again.
        set_aside(dir).map_err(|e| disk_error("damaged index", &e))?;
        note::remove(&note_path).map_err(|e| disk_error("index note", &e))?;
        SledIndex::empty(dir, note_path, options, Some(why))
    }

    /// Why the index was found unusable and starts empty; `None` when it was whole or there was none.
    pub fn rebuilt(&self) -> Option<&str> {
        self.rebuilt.as_deref()
    }

    fn empty(dir: &Path, note_path: PathBuf, options: SledOptions, why: Option<String>) -> Result<Self, Refusal> {
        let db = guarded(|| config(dir, options).open())
            .map_err(|e| Refusal::new(Code::Disk, format_args!("index: {e}")))?;
        Ok(SledIndex::with(dir, note_path, db, Sum::default(), None, why))
    }

    fn with(
        dir: &Path,
        note_path: PathBuf,
        db: sled::Db,
        sum: Sum,
        note: Option<Vec<u8>>,
        rebuilt: Option<String>,
    ) -> SledIndex {
        let (unsaved, unsaved_bytes, broken) = (BTreeMap::new(), 0, false);
        SledIndex { dir: dir.to_owned(), note_path, db, sum, note, unsaved, unsaved_bytes, rebuilt, broken }
    }

    /// Reads a row from sled, all parts of it.
    fn stored(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        let head_key = part_key(key, 0);
        match call(|| self.db.get(&head_key))? {
            Some(sealed) => self.joined(key, &head_key, &sealed).map(Some),
            None => Ok(None),
        }
    }

    /// Puts a value together, beginning with its first part.
    fn joined(&self, key: &[u8], head_key: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Refusal> {
        let head = Part::open(head_key, sealed).ok_or_else(damaged)?;
        let mut value = head.bytes.to_vec();
        for number in 1..head.parts() {
            let part_key = part_key(key, number);
            let sealed = call(|| self.db.get(&part_key))?.ok_or_else(damaged)?;
            let part = Part::open(&part_key, &sealed).ok_or_else(damaged)?;
            value.extend_from_slice(part.bytes);
        }
        if value.len() == head.total as usize { Ok(value) } else { Err(damaged()) }
    }

    /// Takes a row out of sled, and out of the sum.
    fn take_out(&mut self, key: &[u8]) -> Result<(), Refusal> {
        let mut number = 0;
        let mut count = 1;
        while number < count {
            let stored_key = part_key(key, number);
            match call(|| self.db.remove(&stored_key))? {
                Some(sealed) => {
                    let part = Part::open(&stored_key, &sealed).ok_or_else(damaged)?;
                    self.sum.remove(&part);
                    count = part.parts();
                }
                None if number == 0 => return Ok(()),
                None => return Err(damaged()),
            }
            number += 1;
        }
        Ok(())
    }

    fn put_in(&mut self, key: &[u8], value: &[u8]) -> Result<(), Refusal> {
        let parts = parts(key, value).ok_or_else(|| Refusal::new(Code::TooLarge, "index value"))?;
        for (stored_key, sealed) in parts {
            let part = Part::open(&stored_key, &sealed).ok_or_else(damaged)?;
            self.sum.add(&part);
            call(|| self.db.insert(&stored_key, sealed.as_slice()))?;
        }
        Ok(())
    }

    /// Moves the changes into sled and syncs sled's files.
    fn save(&mut self) -> Result<(), Refusal> {
        for (key, value) in std::mem::take(&mut self.unsaved) {
            let moved = self.take_out(&key).and_then(|()| match &value {
                Some(value) => self.put_in(&key, value),
                None => Ok(()),
            });
            // Kept readable from memory when sled failed on it.
            if let Err(refusal) = moved {
                self.unsaved.insert(key, value);
                return Err(refusal);
            }
        }
        call(|| self.db.flush())?;
        sync_tree(&self.dir).map_err(|e| disk_error("index", &e))
    }
}

impl Index for SledIndex {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Refusal> {
        match self.unsaved.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.stored(key),
        }
    }

    fn put_batch(&mut self, changes: &[Change<'_>]) {
        for (key, value) in changes {
            self.unsaved_bytes += key.len() + value.map_or(0, <[u8]>::len);
            if let Some(Some(before)) = self.unsaved.insert(key.to_vec(), value.map(<[u8]>::to_vec)) {
                self.unsaved_bytes = self.unsaved_bytes.saturating_sub(key.len() + before.len());
            }
        }
    }

    fn scan(&self, prefix: &[u8], visit: &mut Visit<'_>) -> Result<(), Refusal> {
        let mut stored = self.db.scan_prefix(part_key(prefix, 0));
        let mut unsaved = self.unsaved.range(prefix.to_vec()..).take_while(|(k, _)| k.starts_with(prefix)).peekable();
        loop {
            let next = call(|| stored.next().transpose())?;
            // Unsaved rows up to the stored one's key come first, and one of the same key replaces it.
            let mut replaced = false;
            while let Some((key, value)) =
                unsaved.next_if(|(key, _)| next.as_ref().is_none_or(|(head, _)| key.as_slice() <= &head[1..]))
            {
                replaced = next.as_ref().is_some_and(|(head, _)| key.as_slice() == &head[1..]);
                if let Some(value) = value {
                    visit(key, value)?;
                }
            }
            match next {
                Some((head, sealed)) if !replaced => visit(&head[1..], &self.joined(&head[1..], &head, &sealed)?)?,
                Some(_) => {}
                None => return Ok(()),
            }
        }
    }

    fn checkpoint(&mut self, text: &[u8]) -> Result<(), Refusal> {
        if self.broken {
            return Err(Refusal::new(Code::Corrupt, "index: an earlier checkpoint failed"));
        }
        self.broken = true;
        self.save()?;
        self.unsaved_bytes = 0;
        let note = Note { sum: self.sum, text: text.to_vec() };
        note.write(&self.note_path).map_err(|e| disk_error("index note", &e))?;
        self.note = Some(note.text);
        self.broken = false;
        Ok(())
    }

    fn note(&self) -> Option<&[u8]> {
        self.note.as_deref()
    }

    fn unsaved_bytes(&self) -> usize {
        self.unsaved_bytes
    }
}

impl std::fmt::Debug for SledIndex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledIndex").field("dir", &self.dir).field("sum", &self.sum).finish_non_exhaustive()
    }
}

fn config(dir: &Path, options: SledOptions) -> sled::Config {
    sled::Config::new()
        .path(dir)
        .cache_capacity(options.cache_bytes)
        .mode(if options.high_throughput { sled::Mode::HighThroughput } else { sled::Mode::LowSpace })
        .flush_every_ms(None)
}

/// Waits until nobody holds sled's lock. A database that was just dropped in this process may hold it for a moment:
/// threads of sled's own keep the file open until their last task is done. Files in use are not damaged files.
fn wait_for_lock(dir: &Path, patience: Duration) -> io::Result<()> {
    let file = match File::open(dir.join("db")) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    let began = Instant::now();
    loop {
        match file.try_lock() {
            // Closing the file gives the lock back, for sled to take.
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if began.elapsed() < patience => thread::sleep(Duration::from_millis(5)),
            Err(e) => return Err(e.into()),
        }
    }
}

/// Opens sled and reads every part it holds. The error is the reason for the log.
fn open_verified(dir: &Path, options: SledOptions, expected: Sum) -> Result<sled::Db, String> {
    guarded(|| {
        let db = config(dir, options).open()?;
        let mut sum = Sum::default();
        for row in db.iter() {
            let (key, sealed) = row?;
            match Part::open(&key, &sealed) {
                Some(part) => sum.add(&part),
                None => return Ok(Err("a row with a broken seal".to_owned())),
            }
        }
        Ok(if sum == expected { Ok(db) } else { Err(format!("{} rows, not the {} noted", sum.count, expected.count)) })
    })?
}

/// Calls sled and turns its panics into errors.
///
/// Asserting unwind safety is right because nothing sled has touched is used after a panic: while opening, the
/// database is dropped and its folder set aside; later, the refusal tells the driver to throw the index away.
fn guarded<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(error.to_string()),
        Err(_) => Err("sled panicked".to_owned()),
    }
}

fn call<T>(work: impl FnOnce() -> sled::Result<T>) -> Result<T, Refusal> {
    guarded(work).map_err(|e| Refusal::new(Code::Corrupt, format_args!("index: {e}")))
}

fn damaged() -> Refusal {
    Refusal::new(Code::Corrupt, "index: a row is not what was written")
}

/// Syncs every file below a folder, and the folders.
fn sync_tree(dir: &Path) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            sync_tree(&entry.path())?;
        } else {
            match File::open(entry.path()) {
                Ok(file) => file.sync_all()?,
                // sled removes old snapshots from a thread of its own.
                Err(e) if e.kind() == io::ErrorKind::NotFound => {}
                Err(e) => return Err(e),
            }
        }
    }
    File::open(dir)?.sync_all()
}

/// Renames a folder to the next free `<name>.damaged-<n>` and removes all but the latest of those.
fn set_aside(dir: &Path) -> io::Result<()> {
    let (Some(parent), Some(name)) = (dir.parent(), dir.file_name().and_then(|n| n.to_str())) else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "index folder without a name"));
    };
    if !dir.exists() {
        return Ok(());
    }
    let stem = format!("{name}.damaged-");
    let mut kept: Vec<u64> = Vec::new();
    for entry in fs::read_dir(parent)? {
        let number: Option<u64> = entry?.file_name().to_str().and_then(|n| n.strip_prefix(&stem)?.parse().ok());
        kept.extend(number);
    }
    kept.sort_unstable();
    let next = kept.last().map_or(1, |n| n + 1);
    while kept.len() >= KEPT_ASIDE {
        fs::remove_dir_all(parent.join(format!("{stem}{}", kept.remove(0))))?;
    }
    fs::rename(dir, parent.join(format!("{stem}{next}")))?;
    note::sync_parent(dir)
}
