//! The journal: append-only files of records, the one thing in a data folder that cannot be rebuilt.
//!
//! One writer owns [`Journal`]; any thread reads through a [`Reader`]. `append` buffers, `sync` makes durable: nothing
//! may be acknowledged or sent before the `sync` that covers it has returned. A record is served whole or not at all.
//!
//! An error of a write or of a sync is final for this journal: the kernel may have dropped the very pages it failed
//! to write, so a second sync that succeeds proves nothing. A full disk is different, because it refuses before it
//! takes anything: the group is taken back and the journal stays usable.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Code, Refusal};

mod frame;
mod reader;
mod recover;
mod scan;

pub use frame::{FILE_HEADER, FRAME_HEADER, MAX_PAYLOAD};
pub use reader::{Reader, Replay};
pub use recover::{Cut, Recovery};

use super::disk::{Access, Disk, DiskFile, RealDisk};
use super::{disk_error, is_full};
use frame::{FrameKey, Header, file_name};

/// Where a record lies. Ordered as the records were appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Number of the file.
    pub file: u32,
    /// Offset of the frame's first byte in the file.
    pub offset: u64,
    /// Length of the payload in bytes.
    pub len: u32,
}

impl Position {
    /// Offset of the byte after the frame.
    fn end(&self) -> u64 {
        self.offset.saturating_add(FRAME_HEADER as u64 + u64::from(self.len))
    }
}

/// How a journal is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// A new file is begun when a group would take the current one past this many bytes.
    pub file_bytes: u64,
    /// Bytes of disk left alone, so that the index, the logs and the operator's shell still work on a full disk.
    pub reserve_bytes: u64,
    /// The last record that was found whole and noted elsewhere; recovery hashes only what follows it.
    pub verified_up_to: Option<Position>,
}

impl Default for Options {
    fn default() -> Self {
        Options { file_bytes: 64 << 20, reserve_bytes: 16 << 20, verified_up_to: None }
    }
}

/// The writing end of a journal.
#[derive(Debug)]
pub struct Journal {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    options: Options,
    salt: u64,
    reader: Reader,
    /// Numbers of the files there are, ascending; the last is the one written to.
    files: Vec<u32>,
    file: Arc<dyn DiskFile>,
    /// Offset after the last whole record.
    end: u64,
    unsynced: bool,
    failed: Option<String>,
}

impl Journal {
    /// Opens the journal in `dir` on the machine's file system, creating it when there is none.
    ///
    /// # Errors
    /// [`Code::Corrupt`] when no header can be read or files of several journals are mixed, [`Code::NewerData`],
    /// [`Code::DiskFull`] or [`Code::Disk`]. Damaged records are no error: they are listed in the [`Recovery`].
    pub fn open(dir: &Path, options: Options) -> Result<(Journal, Recovery), Refusal> {
        Journal::open_on(Arc::new(RealDisk), dir, options)
    }

    /// Opens the journal in `dir` of `disk`.
    ///
    /// # Errors
    /// As [`Journal::open`].
    pub fn open_on(disk: Arc<dyn Disk>, dir: &Path, options: Options) -> Result<(Journal, Recovery), Refusal> {
        let opened = recover::recover(disk.as_ref(), dir, options.verified_up_to)?;
        let reader = Reader::new(disk.clone(), dir, FrameKey::new(opened.salt));
        let journal = Journal {
            disk,
            dir: dir.to_owned(),
            options,
            salt: opened.salt,
            reader,
            files: opened.files,
            file: opened.file,
            end: opened.end,
            unsynced: false,
            failed: None,
        };
        Ok((journal, opened.recovery))
    }

    /// Writes a group of records behind each other. They are **not durable** before [`Journal::sync`] has returned.
    ///
    /// # Errors
    /// [`Code::BadValue`] for an empty record and [`Code::TooLarge`] for one over [`MAX_PAYLOAD`], with nothing
    /// written; [`Code::DiskFull`] with nothing written, to be tried again when there is room; [`Code::ReadOnly`] from
    /// the first failed write or sync on, for good.
    pub fn append(&mut self, records: &[&[u8]]) -> Result<Vec<Position>, Refusal> {
        self.usable()?;
        let lengths = records.iter().map(|r| payload_length(r)).collect::<Result<Vec<u32>, Refusal>>()?;
        let size = lengths.iter().map(|&len| FRAME_HEADER as u64 + u64::from(len)).sum();
        self.room_for(size)?;
        if self.end > FILE_HEADER && self.end.saturating_add(size) > self.options.file_bytes {
            self.rotate()?;
        }

        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        let mut positions = Vec::with_capacity(records.len());
        for (record, len) in records.iter().zip(lengths) {
            positions.push(Position { file: self.current(), offset: self.end + bytes.len() as u64, len });
            self.reader.key().encode(record, len, &mut bytes);
        }
        self.write(&bytes)?;
        Ok(positions)
    }

    /// Makes everything appended so far durable: one `fdatasync`, or nothing when nothing was appended.
    ///
    /// # Errors
    /// [`Code::ReadOnly`], for good.
    pub fn sync(&mut self) -> Result<(), Refusal> {
        self.usable()?;
        if self.unsynced {
            self.file.sync().map_err(|e| self.fail("sync", &e))?;
            self.unsynced = false;
        }
        Ok(())
    }

    /// Whether a record of any size would fit now. Asked before anything is counted as written.
    ///
    /// # Errors
    /// [`Code::DiskFull`], and [`Code::ReadOnly`] after a fault.
    pub fn has_room(&self) -> Result<(), Refusal> {
        self.usable()?;
        self.room_for(MAX_PAYLOAD as u64)
    }

    /// Reads a record.
    ///
    /// # Errors
    /// As [`Reader::read`].
    pub fn read(&self, position: Position) -> Result<Vec<u8>, Refusal> {
        self.reader.read(position)
    }

    /// A reading end for another thread; cheap to clone.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// All records appended so far that follow `after`, in order; from the first when `None`.
    pub fn iter_from(&self, after: Option<Position>) -> Replay {
        Replay::new(self.reader.clone(), self.files.clone(), self.end, after)
    }

    /// Whether an earlier disk fault has made the journal read-only.
    pub fn is_read_only(&self) -> bool {
        self.failed.is_some()
    }

    fn current(&self) -> u32 {
        self.files.last().copied().unwrap_or(1)
    }

    fn usable(&self) -> Result<(), Refusal> {
        match &self.failed {
            Some(why) => Err(Refusal::new(Code::ReadOnly, why)),
            None => Ok(()),
        }
    }

    /// Refuses before writing when the reserve would be touched. An unknown amount of room is left to the write.
    fn room_for(&self, size: u64) -> Result<(), Refusal> {
        let wanted = self.options.reserve_bytes.saturating_add(size);
        match self.disk.free_bytes(&self.dir) {
            Ok(free) if free < wanted => {
                Err(Refusal::new(Code::DiskFull, format_args!("{free} bytes free, {wanted} wanted")))
            }
            _ => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Refusal> {
        match self.file.write_all_at(bytes, self.end) {
            Ok(()) => {
                self.end += bytes.len() as u64;
                self.unsynced |= !bytes.is_empty();
                Ok(())
            }
            Err(error) if is_full(&error) => {
                // Part of the group may lie behind the end; the next group must not be followed by its remains.
                self.file.cut(self.end).map_err(|e| self.fail("cut", &e))?;
                self.unsynced = true;
                Err(disk_error("journal append", &error))
            }
            Err(error) => Err(self.fail("write", &error)),
        }
    }

    /// Begins the next file. The old one is synced first, so that only the last file can ever have a torn tail.
    fn rotate(&mut self) -> Result<(), Refusal> {
        self.sync()?;
        let number = self.current().checked_add(1).ok_or_else(|| Refusal::new(Code::Disk, "journal file numbers"))?;
        match create_file(self.disk.as_ref(), &self.dir, number, self.salt) {
            Ok(file) => {
                self.file = file;
                self.files.push(number);
                self.end = FILE_HEADER;
                Ok(())
            }
            // The half-made file is emptied and written again by the next attempt, or by recovery.
            Err(error) if is_full(&error) => Err(disk_error("journal rotation", &error)),
            Err(error) => Err(self.fail("rotation", &error)),
        }
    }

    fn fail(&mut self, what: &str, error: &io::Error) -> Refusal {
        let why = format!("journal {what}: {error}");
        let refusal = Refusal::new(Code::ReadOnly, &why);
        self.failed = Some(why);
        refusal
    }
}

/// Creates file `number` with its header, durable together with its name.
fn create_file(disk: &dyn Disk, dir: &Path, number: u32, salt: u64) -> io::Result<Arc<dyn DiskFile>> {
    let file = disk.create(&dir.join(file_name(number)))?;
    file.write_all_at(&Header::bytes(number, salt), 0)?;
    file.sync()?;
    disk.sync_dir(dir)?;
    Ok(file)
}

fn payload_length(record: &[u8]) -> Result<u32, Refusal> {
    match u32::try_from(record.len()) {
        Ok(0) => Err(Refusal::new(Code::BadValue, "empty journal record")),
        Ok(len) if len <= MAX_PAYLOAD => Ok(len),
        _ => Err(Refusal::new(Code::TooLarge, format_args!("journal record of {} bytes", record.len()))),
    }
}
