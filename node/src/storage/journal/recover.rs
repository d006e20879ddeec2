//! What happens when a journal is opened: headers are checked and mended, records scanned, the torn tail cut back.
//!
//! The order matters. The salt is found before any record is judged, damage is told from a torn tail by whether a
//! whole record follows, and every file that was scanned is synced before it is served: a record that the previous
//! process wrote but never synced may still be in memory only, and must not be sent on before it is on the disk.

use std::path::Path;
use std::sync::Arc;

use xiangyue_protocol::{Code, Refusal};

use super::frame::{FILE_HEADER, FRAME_HEADER, FrameKey, HEADER_BYTES, Header, file_name, file_number};
use super::reader::read_frame;
use super::scan::{Found, Scanner};
use super::{Access, Disk, DiskFile, Position, create_file};
use crate::storage::disk_error;

/// The file that holds a header alone: a second copy of the salt, away from the first.
const ANCHOR: u32 = 0;

/// What opening a journal found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Whole records scanned. Records before `verified_up_to` are not counted.
    pub records: u64,
    /// The last whole record there is, as far as it was scanned or given.
    pub last: Option<Position>,
    /// Stretches that hold no whole record, in the part that was scanned; `len` counts the bytes after the first 24.
    /// Some of them may have been parts of a group that was never synced.
    pub damaged: Vec<Position>,
    /// The tail cut off the last file.
    pub cut: Option<Cut>,
    /// Numbers of files whose header was written anew; 0 is the anchor.
    pub mended_headers: Vec<u32>,
    /// Numbers of files that should be there and are not.
    pub missing_files: Vec<u32>,
    /// Whether `verified_up_to` was given and fitted; otherwise everything was scanned.
    pub resumed: bool,
    /// Bytes read to find whole records.
    pub scanned_bytes: u64,
}

impl Recovery {
    /// Whether every byte of every record scanned was as it had been written.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty() && self.cut.is_none() && self.mended_headers.is_empty() && self.missing_files.is_empty()
    }
}

/// A tail that was cut off: an append that never came to its end, or records damaged at the very end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Number of the file.
    pub file: u32,
    /// Length of the file after the cut.
    pub offset: u64,
    /// Bytes taken away.
    pub bytes: u64,
}

/// An opened journal's parts.
pub(super) struct Opened {
    pub(super) salt: u64,
    pub(super) files: Vec<u32>,
    pub(super) file: Arc<dyn DiskFile>,
    pub(super) end: u64,
    pub(super) recovery: Recovery,
}

/// Brings the journal in `dir` into a state that can be appended to.
pub(super) fn recover(disk: &dyn Disk, dir: &Path, verified: Option<Position>) -> Result<Opened, Refusal> {
    disk.create_dir(dir).map_err(|e| disk_error("journal folder", &e))?;
    let mut recovery = Recovery::default();
    let mut files = Files::list(disk, dir)?;
    let salt = files.salt()?;
    files.mend(salt, &mut recovery)?;

    let key = FrameKey::new(salt);
    let start = verified.filter(|&position| files.holds(position, &key));
    recovery.resumed = start.is_some();
    recovery.last = start;
    for index in 0..files.found.len() {
        files.scan(index, &key, start, &mut recovery)?;
    }

    let Some(last) = files.found.last() else { return Err(Refusal::new(Code::Corrupt, "journal without files")) };
    let end = last.length;
    let file = last.file.clone();
    Ok(Opened { salt, files: files.found.iter().map(|f| f.number).collect(), file, end, recovery })
}

/// One file as it was found.
struct FoundFile {
    number: u32,
    file: Arc<dyn DiskFile>,
    length: u64,
    header: Header,
}

/// The journal's files: the anchor apart, the others ascending.
struct Files<'d> {
    disk: &'d dyn Disk,
    dir: &'d Path,
    anchor: Option<FoundFile>,
    found: Vec<FoundFile>,
}

impl<'d> Files<'d> {
    fn list(disk: &'d dyn Disk, dir: &'d Path) -> Result<Self, Refusal> {
        let names = disk.list(dir).map_err(|e| disk_error("journal folder", &e))?;
        let mut numbers: Vec<u32> = names.iter().filter_map(|name| file_number(name)).collect();
        numbers.sort_unstable();
        let mut files = Files { disk, dir, anchor: None, found: Vec::new() };
        for number in numbers {
            let file = open_file(disk, dir, number)?;
            if number == ANCHOR {
                files.anchor = Some(file);
            } else {
                files.found.push(file);
            }
        }
        Ok(files)
    }

    fn all(&self) -> impl Iterator<Item = &FoundFile> {
        self.anchor.iter().chain(&self.found)
    }

    /// The salt that every readable header carries; a new one for a journal that holds nothing yet.
    fn salt(&self) -> Result<u64, Refusal> {
        let mut known = None;
        for file in self.all() {
            let Header::Good { number, salt } = file.header else { continue };
            if number != file.number || known.is_some_and(|k| k != salt) {
                let what =
                    format_args!("{} is a file of another journal, or renamed", file_name(file.number)).to_string();
                return Err(Refusal::new(Code::Corrupt, what));
            }
            known = Some(salt);
        }
        match known {
            Some(salt) => Ok(salt),
            // Power was cut while the journal was being made: nothing can have been appended.
            None if self.all().all(|f| f.length <= FILE_HEADER) => {
                self.disk.salt().map_err(|e| disk_error("random number", &e))
            }
            None => Err(Refusal::new(Code::Corrupt, "no header of the journal can be read")),
        }
    }

    /// Writes what headers and files are missing. The anchor comes first: once a record exists, so does its salt's copy.
    fn mend(&mut self, salt: u64, recovery: &mut Recovery) -> Result<(), Refusal> {
        let fresh = self.found.is_empty();
        match &self.anchor {
            Some(anchor) if matches!(anchor.header, Header::Good { .. }) => {}
            _ => {
                create_file(self.disk, self.dir, ANCHOR, salt).map_err(|e| disk_error("journal anchor", &e))?;
                if !fresh {
                    recovery.mended_headers.push(ANCHOR);
                }
            }
        }
        for file in self.found.iter_mut().filter(|f| f.header == Header::Damaged) {
            file.file
                .write_all_at(&Header::bytes(file.number, salt), 0)
                .map_err(|e| disk_error("journal header", &e))?;
            file.file.sync().map_err(|e| disk_error("journal header", &e))?;
            file.length = file.length.max(FILE_HEADER);
            recovery.mended_headers.push(file.number);
        }
        if fresh {
            create_file(self.disk, self.dir, 1, salt).map_err(|e| disk_error("journal file", &e))?;
            self.found.push(open_file(self.disk, self.dir, 1)?);
        }
        // A file whose name was not durable yet may come back after a power cut; from here on it is.
        self.disk.sync_dir(self.dir).map_err(|e| disk_error("journal folder", &e))?;
        let last = self.found.last().map_or(1, |f| f.number);
        recovery.missing_files =
            (1..last).filter(|n| self.found.binary_search_by_key(n, |f| f.number).is_err()).collect();
        Ok(())
    }

    /// Whether a whole record of exactly this length lies at `position`.
    fn holds(&self, position: Position, key: &FrameKey) -> bool {
        let Ok(index) = self.found.binary_search_by_key(&position.file, |f| f.number) else { return false };
        let found = &self.found[index];
        position.end() <= found.length && read_frame(found.file.as_ref(), key, position).is_ok()
    }

    /// Scans one file, from `start` on when it lies in this file, and cuts the torn tail of the last.
    fn scan(
        &mut self,
        index: usize,
        key: &FrameKey,
        start: Option<Position>,
        recovery: &mut Recovery,
    ) -> Result<(), Refusal> {
        let is_last = index + 1 == self.found.len();
        let found = &mut self.found[index];
        let from = match start {
            Some(start) if found.number < start.file => return Ok(()),
            Some(start) if found.number == start.file => start.end(),
            _ => FILE_HEADER,
        };
        let mut scanner = Scanner::new(found.file.clone(), key.clone(), from, found.length);
        // Damage is only damage once something whole follows it; until then it may be the torn tail.
        let mut doubtful: Vec<(u64, u64)> = Vec::new();
        let tail = loop {
            match scanner.next().map_err(|e| disk_error("journal file", &e))? {
                Found::Record { offset, payload } => {
                    recovery.damaged.extend(doubtful.drain(..).map(|(from, until)| stretch(found.number, from, until)));
                    recovery.records += 1;
                    let len = u32::try_from(payload.len()).unwrap_or(u32::MAX);
                    recovery.last = Some(Position { file: found.number, offset, len });
                }
                Found::Damaged { offset, until } => doubtful.push((offset, until)),
                Found::Torn { offset } => {
                    doubtful.push((offset, found.length));
                    break doubtful;
                }
                Found::End => break doubtful,
            }
        };
        recovery.scanned_bytes += found.length.saturating_sub(from);
        if let (true, Some(&(offset, _))) = (is_last, tail.first()) {
            found.file.cut(offset).map_err(|e| disk_error("journal file", &e))?;
            recovery.cut = Some(Cut { file: found.number, offset, bytes: found.length - offset });
            found.length = offset;
        } else {
            recovery.damaged.extend(tail.into_iter().map(|(from, until)| stretch(found.number, from, until)));
        }
        found.file.sync().map_err(|e| disk_error("journal file", &e))
    }
}

fn open_file(disk: &dyn Disk, dir: &Path, number: u32) -> Result<FoundFile, Refusal> {
    let name = file_name(number);
    let failed = |e| disk_error(&name, &e);
    let file = disk.open(&dir.join(&name), Access::ReadWrite).map_err(failed)?;
    let length = file.length().map_err(failed)?;
    let mut bytes = [0; HEADER_BYTES];
    let header = if length < FILE_HEADER {
        Header::Damaged
    } else {
        file.read_exact_at(&mut bytes, 0).map_err(failed)?;
        Header::parse(&bytes)
    };
    match header {
        Header::Newer(version) => Err(Refusal::new(Code::NewerData, format_args!("{name}: format {version}"))),
        _ => Ok(FoundFile { number, file, length, header }),
    }
}

fn stretch(file: u32, from: u64, until: u64) -> Position {
    let len = u32::try_from((until - from).saturating_sub(FRAME_HEADER as u64)).unwrap_or(u32::MAX);
    Position { file, offset: from, len }
}
