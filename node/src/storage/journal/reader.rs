//! The reading ends of a journal: single records by position, and all of them in order.
//!
//! Both verify every payload's hash every time: a page can go bad between two reads.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use xiangyue_protocol::{Code, Refusal};

use super::frame::{FILE_HEADER, FRAME_HEADER, FrameKey, MAX_PAYLOAD, file_name, file_number};
use super::scan::{Found, Scanner};
use super::{Access, Disk, DiskFile, Position};
use crate::storage::disk_error;

/// Files kept open for single reads.
const OPEN_FILES: usize = 8;

/// Reads records by position, from any thread.
#[derive(Clone, Debug)]
pub struct Reader(Arc<Shared>);

struct Shared {
    disk: Arc<dyn Disk>,
    dir: PathBuf,
    key: FrameKey,
    /// Open files, the one used last at the end.
    open: Mutex<Vec<(u32, Arc<dyn DiskFile>)>>,
}

impl std::fmt::Debug for Shared {
    // By hand: the key stays out of logs.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("dir", &self.dir).finish_non_exhaustive()
    }
}

impl Reader {
    pub(super) fn new(disk: Arc<dyn Disk>, dir: &Path, key: FrameKey) -> Self {
        Reader(Arc::new(Shared { disk, dir: dir.to_owned(), key, open: Mutex::new(Vec::new()) }))
    }

    /// Reads the record at `position`, appended before; it need not be synced.
    ///
    /// # Errors
    /// [`Code::Corrupt`] when no whole record of that length lies there, [`Code::Disk`] when the file cannot be read.
    pub fn read(&self, position: Position) -> Result<Vec<u8>, Refusal> {
        read_frame(self.file(position.file)?.as_ref(), &self.0.key, position)
    }

    /// Bytes of all the journal's files, headers and damage included.
    ///
    /// # Errors
    /// [`Code::Disk`].
    pub fn bytes(&self) -> Result<u64, Refusal> {
        let Shared { disk, dir, .. } = self.0.as_ref();
        let length = |name: String| disk.open(&dir.join(&name), Access::Read)?.length();
        let names = disk.list(dir).map(|names| names.into_iter().filter(|name| file_number(name).is_some()));
        names.and_then(|names| names.map(length).sum()).map_err(|error| disk_error("journal folder", &error))
    }

    pub(super) fn key(&self) -> &FrameKey {
        &self.0.key
    }

    /// The open file, opened now when it was not.
    pub(super) fn file(&self, number: u32) -> Result<Arc<dyn DiskFile>, Refusal> {
        let mut open = self.0.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = open.iter().position(|(n, _)| *n == number) {
            let entry = open.remove(index);
            let file = entry.1.clone();
            open.push(entry);
            return Ok(file);
        }
        let name = file_name(number);
        let file = self.0.disk.open(&self.0.dir.join(&name), Access::Read).map_err(|e| disk_error(&name, &e))?;
        if open.len() == OPEN_FILES {
            open.remove(0);
        }
        open.push((number, file.clone()));
        Ok(file)
    }
}

/// Reads and verifies one frame; gives its payload.
pub(super) fn read_frame(file: &dyn DiskFile, key: &FrameKey, position: Position) -> Result<Vec<u8>, Refusal> {
    let damaged = || damaged_at(position.file, position.offset);
    // Offsets past i64 are refused by the kernel as a wrong argument; for us no record lies there.
    if position.len > MAX_PAYLOAD || position.offset < FILE_HEADER || i64::try_from(position.end()).is_err() {
        return Err(damaged());
    }
    let mut frame = vec![0; FRAME_HEADER + position.len as usize];
    file.read_exact_at(&mut frame, position.offset).map_err(|e| match e.kind() {
        std::io::ErrorKind::UnexpectedEof => damaged(),
        _ => disk_error(&file_name(position.file), &e),
    })?;
    if key.plausible_length(&frame) != Some(position.len) || !key.payload_is_whole(&frame) {
        return Err(damaged());
    }
    frame.drain(..FRAME_HEADER);
    Ok(frame)
}

/// Reads all records in order, in large steps.
///
/// An item with [`Code::Corrupt`] stands for a damaged stretch or a missing file and the iteration goes on after it;
/// any other error ends it.
pub struct Replay {
    reader: Reader,
    /// Files not begun yet, the next one last.
    files: Vec<u32>,
    last: u32,
    end: u64,
    after: Option<Position>,
    expected: Option<u32>,
    current: Option<(u32, Scanner)>,
}

impl Replay {
    /// A replay of `files`, the last of which counts up to `end`.
    pub(super) fn new(reader: Reader, mut files: Vec<u32>, end: u64, after: Option<Position>) -> Self {
        files.retain(|&n| after.is_none_or(|a| n >= a.file));
        files.reverse();
        let last = files.first().copied().unwrap_or_default();
        let expected = Some(after.map_or(1, |a| a.file));
        Replay { reader, files, last, end, after, expected, current: None }
    }

    /// Opens the next file. Says so when numbers are skipped: rows that should have been there are not.
    fn advance(&mut self) -> Result<Option<(u32, Scanner)>, Refusal> {
        let Some(&number) = self.files.last() else { return Ok(None) };
        if let Some(expected) = self.expected.replace(number)
            && expected < number
        {
            return Err(Refusal::new(
                Code::Corrupt,
                format_args!("journal files {expected} to {} missing", number - 1),
            ));
        }
        self.files.pop();
        self.expected = number.checked_add(1);
        let file = self.reader.file(number)?;
        let end = match number == self.last {
            true => self.end,
            false => file.length().map_err(|e| disk_error(&file_name(number), &e))?,
        };
        let start = match self.after {
            Some(after) if after.file == number => after.end(),
            _ => FILE_HEADER,
        };
        Ok(Some((number, Scanner::new(file, self.reader.key().clone(), start, end))))
    }

    fn step(&mut self) -> Result<Option<(Position, Vec<u8>)>, Refusal> {
        loop {
            let (number, scanner) = match &mut self.current {
                Some((number, scanner)) => (*number, scanner),
                None => match self.advance()? {
                    Some(next) => {
                        let (number, scanner) = self.current.insert(next);
                        (*number, scanner)
                    }
                    None => return Ok(None),
                },
            };
            match scanner.next().map_err(|e| disk_error(&file_name(number), &e))? {
                Found::Record { offset, payload } => {
                    let bytes = scanner.payload(&payload).to_vec();
                    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
                    return Ok(Some((Position { file: number, offset, len }, bytes)));
                }
                Found::Damaged { offset, .. } => return Err(damaged_at(number, offset)),
                Found::Torn { offset } => {
                    self.current = None;
                    return Err(damaged_at(number, offset));
                }
                Found::End => self.current = None,
            }
        }
    }
}

impl Iterator for Replay {
    type Item = Result<(Position, Vec<u8>), Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = self.step().transpose();
        if let Some(Err(refusal)) = &step
            && refusal.code() != Code::Corrupt
        {
            self.current = None;
            self.files.clear();
        }
        step
    }
}

impl std::fmt::Debug for Replay {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replay").field("files", &self.files).field("end", &self.end).finish_non_exhaustive()
    }
}

fn damaged_at(file: u32, offset: u64) -> Refusal {
    Refusal::new(Code::Corrupt, format_args!("{} at {offset}", file_name(file)))
}
