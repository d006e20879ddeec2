//! Reads one journal file from front to back, in large steps, and tells whole records from damage.
//!
//! Recovery and replay both go through it, so that they cannot disagree about what is a record.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::frame::{FRAME_HEADER, FrameKey};
use crate::storage::DiskFile;

/// Bytes read at once: large enough to keep a disk busy, small enough for a village's machine.
const WINDOW: usize = 1 << 20;

/// What lies at the scanner's place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// A whole record; [`Scanner::payload`] gives its bytes.
    Record { offset: u64, payload: Range<usize> },
    /// Bytes that are no record, up to the next thing worth looking at.
    Damaged { offset: u64, until: u64 },
    /// From here on nothing whole follows.
    Torn { offset: u64 },
    /// The end, reached exactly after a record.
    End,
}

/// A forward reader over `start..end` of one file.
pub(super) struct Scanner {
    file: Arc<dyn DiskFile>,
    key: FrameKey,
    window: Vec<u8>,
    /// Offset in the file of the window's first byte.
    base: u64,
    /// Place in the window.
    at: usize,
    end: u64,
}

impl Scanner {
    /// A scanner that starts at a frame's first byte.
    pub(super) fn new(file: Arc<dyn DiskFile>, key: FrameKey, start: u64, end: u64) -> Self {
        Scanner { file, key, window: Vec::new(), base: start, at: 0, end }
    }

    /// The bytes of the record found last.
    pub(super) fn payload(&self, range: &Range<usize>) -> &[u8] {
        &self.window[range.clone()]
    }

    /// Steps over the next thing in the file.
    pub(super) fn next(&mut self) -> io::Result<Found> {
        let offset = self.offset();
        if offset >= self.end {
            return Ok(Found::End);
        }
        if !self.fill(FRAME_HEADER)? {
            return Ok(Found::Torn { offset });
        }
        let Some(size) = self.plausible_frame() else { return self.search(offset) };
        // The length carries its own keyed check: a frame that reaches past the end was being written.
        if !self.fill(size)? {
            return Ok(Found::Torn { offset });
        }
        let frame = self.at..self.at + size;
        let whole = self.key.payload_is_whole(&self.window[frame.clone()]);
        self.at = frame.end;
        if whole {
            Ok(Found::Record { offset, payload: frame.start + FRAME_HEADER..frame.end })
        } else {
            Ok(Found::Damaged { offset, until: self.offset() })
        }
    }

    /// Looks, byte by byte, for the next whole frame after an unreadable length at `from`.
    fn search(&mut self, from: u64) -> io::Result<Found> {
        loop {
            self.at += 1;
            if !self.fill(FRAME_HEADER)? {
                return Ok(Found::Torn { offset: from });
            }
            let Some(size) = self.plausible_frame() else { continue };
            if self.fill(size)? && self.key.payload_is_whole(&self.window[self.at..self.at + size]) {
                return Ok(Found::Damaged { offset: from, until: self.offset() });
            }
        }
    }

    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }

    /// Size of the frame at the scanner's place, header included, when its length is plausible.
    fn plausible_frame(&self) -> Option<usize> {
        let length = self.key.plausible_length(&self.window[self.at..self.at + 8])?;
        Some(FRAME_HEADER + length as usize)
    }

    /// Makes `size` bytes available from the scanner's place; `false` when the end comes first.
    fn fill(&mut self, size: usize) -> io::Result<bool> {
        if self.window.len() - self.at >= size {
            return Ok(true);
        }
        if self.end - self.offset() < size as u64 {
            return Ok(false);
        }
        self.window.drain(..self.at);
        self.base += self.at as u64;
        self.at = 0;
        let held = self.window.len();
        let left = usize::try_from(self.end - self.base).unwrap_or(usize::MAX);
        self.window.resize(left.min(size.max(WINDOW)), 0);
        self.file.read_exact_at(&mut self.window[held..], self.base + held as u64)?;
        Ok(true)
    }
}
