//! Automerge documents, built from their segments when a person wants to see or take one.

use automerge::{Automerge, Change};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::segment::{Header, Sealed};
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

/// Hands out the records of a document with their authors, without building the document.
///
/// # Errors
/// Of the disk; [`Code::BadSegment`] when a stored segment does not open.
pub fn each_record(engine: &Handle, id: &DocId, each: &mut dyn FnMut(NodeId, &Record)) -> Result<(), Refusal> {
    read(engine, id, &mut |bytes| {
        let segment = Sealed::parse(bytes.into())?.from_journal().open()?;
        segment.records.iter().flatten().for_each(|record| each(segment.header.actor.node, record));
        Ok(())
    })
}

/// The document itself.
///
/// # Errors
/// Of the disk; [`Code::Corrupt`] when Automerge refuses the changes.
pub fn load(engine: &Handle, id: &DocId) -> Result<Automerge, Refusal> {
    let mut changes: Vec<Change> = Vec::new();
    read(engine, id, &mut |bytes| {
        changes.extend(Sealed::parse(bytes.into())?.from_journal().changes()?);
        Ok(())
    })?;
    let mut document = Automerge::new();
    document.apply_changes(changes).map_err(|error| Refusal::new(Code::Corrupt, format_args!("{id}: {error}")))?;
    Ok(document)
}
