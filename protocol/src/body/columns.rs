//! The columns of a body as bytes: one behind the other as they are, or each with its length and, if that is shorter,
//! deflated.

use super::{INFLATED_BYTES, bad};
use crate::error::Refusal;
use crate::wire::{Reader, put_uint};

/// Bodies below this are not worth compressing.
const COMPRESS_FROM: usize = 512;
/// Columns below this are not worth compressing.
const DEFLATE_FROM: usize = 16;

/// Joins columns; the flag says whether they are compressed.
pub(super) fn pack_all(columns: &[Vec<u8>]) -> (Vec<u8>, bool) {
    let plain = columns.concat();
    if plain.len() < COMPRESS_FROM {
        return (plain, false);
    }
    let mut packed = Vec::with_capacity(plain.len() / 2);
    let mut encoder = flate2::Compress::new(flate2::Compression::new(9), false);
    for column in columns {
        put_uint(&mut packed, column.len() as u64);
        match deflate(&mut encoder, column) {
            Some(deflated) => {
                put_uint(&mut packed, deflated.len() as u64);
                packed.extend_from_slice(&deflated);
            }
            None => {
                put_uint(&mut packed, 0);
                packed.extend_from_slice(column);
            }
        }
    }
    if packed.len() < plain.len() { (packed, true) } else { (plain, false) }
}

/// A raw deflate stream of the column, if it is shorter.
fn deflate(encoder: &mut flate2::Compress, column: &[u8]) -> Option<Vec<u8>> {
    if column.len() < DEFLATE_FROM {
        return None;
    }
    encoder.reset();
    // A buffer that the stream does not fit is a stream that is not shorter.
    let mut deflated = vec![0; column.len() - 1];
    let status = encoder.compress(column, &mut deflated, flate2::FlushCompress::Finish);
    deflated.truncate(usize::try_from(encoder.total_out()).ok()?);
    matches!(status, Ok(flate2::Status::StreamEnd)).then_some(deflated)
}

/// Columns being read, in order.
pub(super) struct Columns<'a> {
    rest: Reader<'a>,
    /// The decoder, if columns are compressed.
    decoder: Option<flate2::Decompress>,
    /// Bytes that the columns to come may have.
    budget: usize,
}

impl<'a> Columns<'a> {
    pub(super) fn new(body: &'a [u8], compressed: bool) -> Columns<'a> {
        let decoder = compressed.then(|| flate2::Decompress::new(false));
        Columns { rest: Reader::new(body), decoder, budget: INFLATED_BYTES }
    }

    /// Reads the next column, which must end where `read` ends.
    pub(super) fn read<T>(&mut self, read: impl FnOnce(&mut Reader<'_>) -> Result<T, Refusal>) -> Result<T, Refusal> {
        let Some(decoder) = &mut self.decoder else { return read(&mut self.rest) };
        let len = self.rest.len(self.budget)?;
        self.budget -= len;
        let packed = self.rest.len(INFLATED_BYTES)?;
        let inflated;
        let column = if packed == 0 {
            self.rest.take(len)?
        } else {
            inflated = inflate(decoder, self.rest.take(packed)?, len)?;
            &inflated
        };
        let mut column = Reader::new(column);
        let value = read(&mut column)?;
        if column.is_empty() { Ok(value) } else { Err(bad("bytes behind a column")) }
    }

    /// Ends reading: nothing may be left.
    pub(super) fn finish(self) -> Result<(), Refusal> {
        if self.rest.is_empty() { Ok(()) } else { Err(bad("bytes behind the columns")) }
    }
}

/// Inflates to exactly `len` bytes, using every byte of `packed`.
fn inflate(decoder: &mut flate2::Decompress, packed: &[u8], len: usize) -> Result<Vec<u8>, Refusal> {
    decoder.reset(false);
    let mut plain = vec![0; len];
    let status = decoder.decompress(packed, &mut plain, flate2::FlushDecompress::Finish);
    let all = decoder.total_out() == len as u64 && decoder.total_in() == packed.len() as u64;
    match status {
        Ok(flate2::Status::StreamEnd) if all => Ok(plain),
        _ => Err(bad("a column does not inflate to what it states")),
    }
}
