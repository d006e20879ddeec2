//! The open body of a segment: Automerge changes without their containers, compressed as one.
//!
//! Automerge's own decoders inflate without a cap and trust run lengths, so nothing foreign reaches them before
//! this module has bounded it: one inflate with a cap, uncompressed changes only, and for each change a walk
//! over its header that admits only the columns that flat records use and counts its operations.

use automerge::Change;
use sha2::{Digest, Sha256};

use crate::error::{Code, Refusal};
use crate::id::Actor;
use crate::segment::OPS;
use crate::wire::{Reader, put_run, put_uint};

/// Bytes of a body once inflated.
pub(crate) const INFLATED_BYTES: usize = 4 << 20;
/// Changes in one segment.
pub(crate) const CHANGES: usize = 4096;
/// Operations in one change: 1,000 records of 32 fields and their maps.
const OPERATIONS: u64 = 33_000;
/// Heads that one change may name.
const DEPS: u64 = 64;
/// Bodies below this are not worth compressing.
const COMPRESS_FROM: usize = 512;

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;

/// The bytes of a change behind its chunk header.
fn content(change: &Change) -> Result<&[u8], Refusal> {
    let mut reader = Reader::new(change.raw_bytes());
    reader.take(MAGIC.len() + 4 + 1)?;
    let content = reader.run(INFLATED_BYTES)?;
    Ok(content)
}

/// Packs changes; the flag says whether the result is compressed.
pub(crate) fn pack(changes: &[Change]) -> Result<(Vec<u8>, bool), Refusal> {
    let mut plain = Vec::new();
    for change in changes {
        put_run(&mut plain, content(change)?);
    }
    if plain.len() > INFLATED_BYTES || changes.len() > CHANGES {
        return Err(Refusal::new(Code::TooLarge, format_args!("{} bytes in {} changes", plain.len(), changes.len())));
    }
    if plain.len() < COMPRESS_FROM {
        return Ok((plain, false));
    }
    let mut packed = Vec::new();
    put_uint(&mut packed, plain.len() as u64);
    let mut encoder = flate2::write::DeflateEncoder::new(packed, flate2::Compression::new(9));
    let done = std::io::Write::write_all(&mut encoder, &plain).and_then(|()| encoder.finish());
    match done {
        Ok(packed) if packed.len() < plain.len() => Ok((packed, true)),
        _ => Ok((plain, false)),
    }
}

/// Inflates a packed body, never beyond its stated length nor the cap.
pub(crate) fn inflate(body: &[u8]) -> Result<Vec<u8>, Refusal> {
    let mut reader = Reader::new(body);
    let stated = reader.len(INFLATED_BYTES)?;
    let mut plain = vec![0; stated];
    let mut decoder = flate2::Decompress::new(false);
    let status = decoder.decompress(reader.rest(), &mut plain, flate2::FlushDecompress::Finish);
    let all = decoder.total_out() == stated as u64 && decoder.total_in() == reader.rest().len() as u64;
    match status {
        Ok(flate2::Status::StreamEnd) if all => Ok(plain),
        _ => Err(Refusal::new(Code::BadSegment, format_args!("does not inflate to {stated} bytes"))),
    }
}

/// Reads the changes of a plain body, each bounded before Automerge sees it.
pub(crate) fn unpack(plain: &[u8]) -> Result<Vec<Change>, Refusal> {
    let mut reader = Reader::new(plain);
    let mut changes = Vec::new();
    while !reader.is_empty() {
        if changes.len() == CHANGES {
            return Err(Refusal::new(Code::TooLarge, format_args!("more than {CHANGES} changes")));
        }
        let content = reader.run(INFLATED_BYTES)?;
        bound_change(content)?;
        let chunk = wrap(content);
        let change = Change::from_bytes(chunk).map_err(|error| Refusal::new(Code::BadSegment, error))?;
        changes.push(change);
    }
    Ok(changes)
}

/// Puts the chunk header back: magic, checksum, type, length. The checksum starts the SHA-256 that names the change.
fn wrap(content: &[u8]) -> Vec<u8> {
    let mut typed = Vec::with_capacity(content.len() + 16);
    typed.push(CHANGE_CHUNK);
    put_run(&mut typed, content);
    let checksum = Sha256::digest(&typed);
    let mut chunk = Vec::with_capacity(typed.len() + 8);
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&checksum[..4]);
    chunk.extend_from_slice(&typed);
    chunk
}

/// Admits a change only if it has the columns of flat records and a bounded number of operations.
///
/// Layout: deps, actor, seq, start op, time, message, other actors, column specifications, columns
/// (Automerge binary format, "change chunk").
fn bound_change(content: &[u8]) -> Result<(), Refusal> {
    let refuse = |what| Err(Refusal::new(Code::TooDeep, what));
    let mut reader = Reader::new(content);
    let deps = reader.uint()?;
    if deps > DEPS {
        return Err(Refusal::new(Code::TooLarge, format_args!("{deps} dependencies")));
    }
    for _ in 0..deps {
        reader.array::<32>()?;
    }
    if Actor::from_bytes(reader.run(64)?).is_none() {
        return Err(Refusal::new(Code::BadSegment, "actor is not a node's"));
    }
    reader.uint()?;
    reader.uint()?;
    reader.int()?;
    reader.run(0)?;
    if reader.uint()? != 0 {
        return refuse("refers to another actor's operations");
    }
    let count = reader.len(16)?;
    let mut columns = Vec::with_capacity(count);
    for _ in 0..count {
        columns.push((reader.uint()?, reader.len(INFLATED_BYTES)?));
    }
    if columns.windows(2).any(|pair| pair[0].0 >= pair[1].0) {
        return refuse("columns out of order");
    }
    for (spec, len) in columns {
        let data = reader.take(len)?;
        match spec {
            // The object that is written to: Automerge panics on an actor out of its list or a number over 32 bits.
            0x01 => bound_runs(data, |actor| actor.is_none_or(|actor| actor == 0))?,
            0x02 => bound_runs(data, |number| number.is_none_or(|number| number <= OPS))?,
            // Key text, insert flags, value lengths and bytes: read once per operation.
            0x15 | 0x34 | 0x56 | 0x57 => {}
            // Actions: make a map, set a field. And no operation may have predecessors.
            0x42 => bound_runs(data, |action| matches!(action, Some(0 | 1)))?,
            0x70 => bound_runs(data, |preds| preds == Some(0))?,
            _ => return refuse("a column that flat records do not use"),
        }
    }
    if reader.is_empty() { Ok(()) } else { refuse("bytes behind the columns") }
}

/// Walks a run-length column of numbers or nothings: at most [`OPERATIONS`] rows, each admitted.
fn bound_runs(column: &[u8], admit: impl Fn(Option<u64>) -> bool) -> Result<(), Refusal> {
    let mut reader = Reader::new(column);
    let mut rows = 0u64;
    while !reader.is_empty() {
        let run = reader.int()?;
        let (repeat, literals) = match run {
            0 => (reader.uint()?, 0),
            1.. => (run.unsigned_abs(), 1),
            _ => (1, run.unsigned_abs()),
        };
        rows = rows.saturating_add(repeat.saturating_mul(literals.max(1)));
        if rows > OPERATIONS {
            return Err(Refusal::new(Code::TooLarge, format_args!("more than {OPERATIONS} operations in a change")));
        }
        let mut admitted = literals > 0 || admit(None);
        for _ in 0..literals {
            admitted &= admit(Some(reader.uint()?));
        }
        if !admitted {
            return Err(Refusal::new(Code::TooDeep, "does more than write new flat records"));
        }
    }
    Ok(())
}
