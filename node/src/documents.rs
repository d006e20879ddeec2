//! Automerge documents, built from their segments when a person wants to see or take one.

use std::collections::{BTreeMap, BTreeSet};

use automerge::{Automerge, Change};
use smol_str::SmolStr;
use xiangyue_protocol::forms::Rows;
use xiangyue_protocol::schema::{Entry, RequestId};
use xiangyue_protocol::segment::{Header, Sealed};
use xiangyue_protocol::summary::Slip;
use xiangyue_protocol::{Code, DocId, NodeId, Refusal};

use crate::engine::Handle;

/// A segment of a document as it stands in the journal.
#[derive(Clone, Debug)]
pub struct StoredSegment {
    /// What it says of itself.
    pub header: Header,
    /// Its length.
    pub bytes: u64,
    /// Its BLAKE3 hash.
    pub hash: blake3::Hash,
}

fn read(engine: &Handle, id: &DocId, each: &mut dyn FnMut(Vec<u8>) -> Result<(), Refusal>) -> Result<(), Refusal> {
    for position in engine.segments().of_doc(id) {
        each(engine.reader().read(position)?)?;
    }
    Ok(())
}

/// The segments of a document, by actor and number.
///
/// # Errors
/// Of the disk.
pub fn segments(engine: &Handle, id: &DocId) -> Result<Vec<StoredSegment>, Refusal> {
    let mut rows = Vec::new();
    read(engine, id, &mut |bytes| {
        let (length, hash) = (bytes.len() as u64, blake3::hash(&bytes));
        rows.push(StoredSegment { header: Sealed::parse(bytes.into())?.header, bytes: length, hash });
        Ok(())
    })?;
    Ok(rows)
}

/// What tells one entry from every other of its document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    request: RequestId,
    author: NodeId,
    content: u64,
}

impl Mark {
    /// The mark of an entry that a summary remembers under this number.
    pub fn new(request: &RequestId, slip: &Slip) -> Mark {
        Mark { request: request.clone(), author: slip.author, content: slip.content }
    }
}

/// The whole entries of a ledger or counter that have these marks, with what summaries do not keep.
///
/// # Errors
/// Of the disk; [`Code::BadSegment`] when a stored segment does not open.
pub fn entries(engine: &Handle, id: &DocId, wanted: &BTreeSet<Mark>) -> Result<BTreeMap<Mark, Entry>, Refusal> {
    let mut found = BTreeMap::new();
    if wanted.is_empty() {
        return Ok(found);
    }
    read(engine, id, &mut |bytes| {
        let segment = Sealed::parse(bytes.into())?.from_journal().open()?;
        for entry in segment.records.iter().flatten().filter_map(Entry::from_record) {
            let mark = Mark::new(entry.request(), &Slip::of(&entry, segment.header.actor.node));
            if wanted.contains(&mark) {
                // Two lives of a node may have written one entry twice, or two people approved it apart: it is one.
                let kept = found.entry(mark).or_insert_with(|| entry.clone());
                if approver(&entry) < approver(kept) {
                    *kept = entry;
                }
            }
        }
        Ok(())
    })?;
    Ok(found)
}

/// Who approved an award.
pub fn approver(entry: &Entry) -> Option<&SmolStr> {
    match entry {
        Entry::Award(award) => award.approval.as_ref().map(|approval| &approval.by),
        _ => None,
    }
}

/// The rows of forms in a document.
///
/// # Errors
/// Of the disk; [`Code::BadSegment`] when a stored segment does not open.
pub fn rows(engine: &Handle, id: &DocId) -> Result<Rows, Refusal> {
    let mut rows = Rows::default();
    read(engine, id, &mut |bytes| {
        let segment = Sealed::parse(bytes.into())?.from_journal().open()?;
        let header = &segment.header;
        for record in segment.records.iter().flatten() {
            rows.enter(id, record, header.actor.node, header.hlc.millis());
        }
        Ok(())
    })?;
    Ok(rows)
}

/// The document itself.
///
/// # Errors
/// Of the disk; [`Code::Corrupt`] when Automerge refuses the changes.
pub fn load(engine: &Handle, id: &DocId) -> Result<Automerge, Refusal> {
    let mut changes: Vec<Change> = Vec::new();
    read(engine, id, &mut |bytes| {
        changes.extend(Sealed::parse(bytes.into())?.from_journal().open()?.to_automerge()?);
        Ok(())
    })?;
    let mut document = Automerge::new();
    document.apply_changes(changes).map_err(|error| Refusal::new(Code::Corrupt, format_args!("{id}: {error}")))?;
    Ok(document)
}
