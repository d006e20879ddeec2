//! The body of a segment: what its changes write, as columns. `docs/segment.md` draws the bytes.
//!
//! A body holds records and nothing else: where a change stands follows from the header and from the change before, and
//! the change's own bytes, with their hash, are made anew from the records ([`crate::change`]). So a thousand changes of
//! one record each cost little more than one change of a thousand. Nothing foreign reaches a decoder but this one,
//! which has a bound for every number that it reads before it allocates.

use crate::change::{ChangeId, ChangeMeta, Position};
use crate::error::{Code, Refusal};
use crate::record::{Record, limits};
use crate::segment::{Header, OPS};
use crate::wire::{put_int, put_uint};

mod columns;
mod records;

use columns::{Columns, pack_all};

/// Bytes of a body once inflated, and of the texts that it spells.
pub(crate) const INFLATED_BYTES: usize = 4 << 20;
/// Changes in one segment.
pub(crate) const CHANGES: usize = 4096;
/// Operations in one segment: four changes of 1,000 records of 32 fields and their maps.
pub(crate) const OPERATIONS: u64 = 132_000;
/// Heads that one change may name.
const DEPS: usize = 64;

/// The changes of a segment and what each writes.
type Changes = (Vec<ChangeMeta>, Vec<Vec<Record>>);

fn bad(what: &str) -> Refusal {
    Refusal::new(Code::BadSegment, what)
}

fn too_large(what: &str) -> Refusal {
    Refusal::new(Code::TooLarge, what)
}

/// Packs changes; the flag says whether the result is compressed. `prev` is the change before the first, if any.
///
/// # Errors
/// [`Code::TooLarge`] when a reader would refuse the size, [`Code::TooDeep`] for a value that is no plain scalar.
pub(crate) fn pack(
    header: &Header,
    prev: Option<&ChangeId>,
    changes: &[ChangeMeta],
    records: &[Vec<Record>],
) -> Result<(Vec<u8>, bool), Refusal> {
    let operations: u64 = records.iter().flatten().map(Record::ops).sum();
    if changes.len() > CHANGES || operations > OPERATIONS || records.iter().any(|list| list.len() > limits::RECORDS) {
        return Err(too_large("changes, records or operations of a segment"));
    }
    let [mut counts, mut hashes, mut gaps, mut times, mut sizes] = <[Vec<u8>; 5]>::default();
    let mut before = prev.copied();
    let (mut max_op, mut time) = (0, header.hlc.millis().seconds());
    for (change, records) in changes.iter().zip(records) {
        let gap = change.start_op.checked_sub(max_op + 1).filter(|_| before.is_none_or(|id| change.deps.contains(&id)));
        let gap = gap.ok_or_else(|| bad("a change that does not follow its predecessor"))?;
        let others = change.deps.iter().filter(|dep| Some(**dep) != before);
        put_uint(&mut counts, others.clone().count() as u64);
        others.for_each(|dep| hashes.extend_from_slice(dep));
        put_uint(&mut gaps, gap);
        put_int(&mut times, change.time.wrapping_sub(time));
        put_uint(&mut sizes, records.len() as u64);
        (before, max_op, time) = (Some(change.id), change.max_op, change.time);
    }
    let mut columns = vec![counts, hashes, gaps, times, sizes];
    records::pack(records.iter().flatten(), &mut columns)?;
    let plain: usize = columns.iter().map(Vec::len).sum();
    if plain > INFLATED_BYTES {
        return Err(too_large("body"));
    }
    Ok(pack_all(&columns))
}

/// Reads the changes that the header announces.
///
/// # Errors
/// [`Code::BadSegment`], [`Code::TooLarge`], [`Code::TooDeep`], all the sender's fault.
pub(crate) fn unpack(
    body: &[u8],
    compressed: bool,
    header: &Header,
    prev: Option<ChangeId>,
) -> Result<Changes, Refusal> {
    let mut columns = Columns::new(body, compressed);
    let count = usize::try_from(header.last - header.first + 1).ok().filter(|count| *count <= CHANGES);
    let count = count.ok_or_else(|| too_large("changes"))?;
    let counts = columns.read(|column| (0..count).map(|_| column.len(DEPS)).collect::<Result<Vec<_>, _>>())?;
    let others = columns.read(|column| {
        let mut others = |count: &usize| (0..*count).map(|_| column.array()).collect::<Result<Vec<ChangeId>, _>>();
        counts.iter().map(&mut others).collect::<Result<Vec<_>, _>>()
    })?;
    let gaps = columns.read(|column| (0..count).map(|_| column.uint()).collect::<Result<Vec<_>, _>>())?;
    let times = columns.read(|column| (0..count).map(|_| column.int()).collect::<Result<Vec<_>, _>>())?;
    let sizes =
        columns.read(|column| (0..count).map(|_| column.len(limits::RECORDS)).collect::<Result<Vec<_>, _>>())?;
    let mut flat = records::unpack(&mut columns, sizes.iter().sum())?.into_iter();
    columns.finish()?;

    let mut changes: Vec<ChangeMeta> = Vec::with_capacity(count);
    let mut records = Vec::with_capacity(count);
    let (mut before, mut next_op, mut time) = (prev, 1u64, header.hlc.millis().seconds());
    for ((((mut deps, gap), later), size), seq) in
        others.into_iter().zip(gaps).zip(times).zip(sizes).zip(header.first..)
    {
        deps.extend(before);
        deps.sort_unstable();
        if deps.len() > DEPS || deps.windows(2).any(|pair| pair[0] == pair[1]) {
            return Err(bad("dependencies"));
        }
        let written: Vec<Record> = flat.by_ref().take(size).collect();
        let start_op =
            next_op.checked_add(gap).filter(|start| *start <= OPS).ok_or_else(|| bad("operation numbers"))?;
        time = time.wrapping_add(later);
        let change = ChangeMeta::new(Position { actor: header.actor, seq, start_op, deps, time }, &written);
        if written.is_empty() || change.max_op > OPS {
            return Err(bad("a change that writes nothing, or operation numbers"));
        }
        (before, next_op) = (Some(change.id), change.max_op + 1);
        changes.push(change);
        records.push(written);
    }
    Ok((changes, records))
}
