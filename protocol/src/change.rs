//! Changes: which Automerge change writes given records, byte for byte, and the hash that names it.
//!
//! Automerge names a change by the hash of its bytes, so everybody who computes that hash must arrive at the same
//! bytes. This module fixes them: the columns below, each run-length encoded in the one shortest way, which is also
//! what Automerge 0.12 writes (`tests/records_are_automerge_changes.rs` compares them). Segments carry records, not
//! these bytes: whoever reads a segment makes them anew, and so no foreign change ever reaches Automerge.

use automerge::{Change, ScalarValue};
use sha2::{Digest, Sha256};

use crate::error::{Code, Refusal};
use crate::id::Actor;
use crate::record::Record;
use crate::wire::{put_int, put_run, put_uint};

/// The Automerge hash of a change.
pub type ChangeId = [u8; 32];

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
const CHANGE_CHUNK: u8 = 1;
/// Action of an operation that makes a map.
const MAKE_MAP: u64 = 0;
/// Action of an operation that sets a field.
const SET: u64 = 1;

/// Where a change stands in its document: everything but its content.
#[derive(Clone, Debug, PartialEq)]
pub struct Position {
    /// Who writes.
    pub actor: Actor,
    /// Which change of this actor to this document, from 1.
    pub seq: u64,
    /// Number of its first operation: one more than the largest in the document.
    pub start_op: u64,
    /// The document's heads before it, sorted.
    pub deps: Vec<ChangeId>,
    /// Seconds since 1970.
    pub time: i64,
}

/// What replication needs to know of one change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeMeta {
    /// Its hash.
    pub id: ChangeId,
    /// The heads that it was made on, sorted.
    pub deps: Vec<ChangeId>,
    /// Number of its first operation.
    pub start_op: u64,
    /// Number of its last operation; less than the first if it writes nothing.
    pub max_op: u64,
    /// Seconds since 1970 when it was made, by its author's clock.
    pub time: i64,
}

impl ChangeMeta {
    /// Of the change that writes `records` at `position`.
    pub fn new(position: Position, records: &[Record]) -> ChangeMeta {
        let mut typed = vec![CHANGE_CHUNK];
        put_run(&mut typed, &content(&position, records));
        let Position { start_op, deps, time, .. } = position;
        let operations: u64 = records.iter().map(Record::ops).sum();
        let max_op = start_op.saturating_add(operations).saturating_sub(1);
        ChangeMeta { id: Sha256::digest(&typed).into(), deps, start_op, max_op, time }
    }
}

/// The change itself, for building a document: magic, checksum, type, length, content. The checksum starts the SHA-256
/// that names the change.
///
/// # Errors
/// [`Code::BadSegment`] when Automerge does not take it.
pub fn to_automerge(position: &Position, records: &[Record]) -> Result<Change, Refusal> {
    let mut typed = vec![CHANGE_CHUNK];
    put_run(&mut typed, &content(position, records));
    let checksum = Sha256::digest(&typed);
    let mut chunk = Vec::with_capacity(typed.len() + 8);
    chunk.extend_from_slice(&MAGIC);
    chunk.extend_from_slice(&checksum[..4]);
    chunk.extend_from_slice(&typed);
    Change::from_bytes(chunk).map_err(|error| Refusal::new(Code::BadSegment, error))
}

/// The bytes of a change behind its chunk header (Automerge binary format, "change chunk"): dependencies, actor,
/// number, first operation, time, no message, no other actors, column specifications, columns.
fn content(position: &Position, records: &[Record]) -> Vec<u8> {
    let columns = Columns::of(position.start_op, records);
    let mut out = Vec::with_capacity(160 + 32 * position.deps.len() + columns.bytes());
    put_uint(&mut out, position.deps.len() as u64);
    position.deps.iter().for_each(|dep| out.extend_from_slice(dep));
    put_run(&mut out, &position.actor.to_bytes());
    put_uint(&mut out, position.seq);
    put_uint(&mut out, position.start_op);
    put_int(&mut out, position.time);
    put_uint(&mut out, 0);
    put_uint(&mut out, 0);
    columns.put(&mut out);
    out
}

/// The columns that writing flat records takes, as they stand in the change.
struct Columns([(u64, Vec<u8>); 8]);

impl Columns {
    fn of(start_op: u64, records: &[Record]) -> Columns {
        let count = records.iter().map(|record| 1 + record.fields.len()).sum();
        let (mut objects, mut actors) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut keys, mut actions) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let (mut metas, mut raw) = (Vec::with_capacity(count), Vec::new());
        let mut object = start_op;
        for record in records {
            objects.push(None);
            actors.push(None);
            keys.push(Some(record.key.as_str()));
            actions.push(Some(MAKE_MAP));
            metas.push(Some(0));
            for (name, value) in &record.fields {
                objects.push(Some(object));
                actors.push(Some(0));
                keys.push(Some(name.as_str()));
                actions.push(Some(SET));
                metas.push(Some(put_value(&mut raw, value)));
            }
            object = object.saturating_add(record.ops());
        }
        let number = |out: &mut Vec<u8>, value: &u64| put_uint(out, *value);
        let mut insert = Vec::new();
        put_uint(&mut insert, count as u64);
        Columns([
            (0x01, runs(&actors, number)),
            (0x02, runs(&objects, number)),
            (0x15, runs(&keys, |out, key| put_run(out, key.as_bytes()))),
            (0x34, insert),
            (0x42, runs(&actions, number)),
            (0x56, runs(&metas, number)),
            (0x57, raw),
            (0x70, runs(&vec![Some(0); count], number)),
        ])
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, column)| column.len() + 4).sum()
    }

    fn put(&self, out: &mut Vec<u8>) {
        let used = || self.0.iter().filter(|(_, column)| !column.is_empty());
        put_uint(out, used().count() as u64);
        for (spec, column) in used() {
            put_uint(out, *spec);
            put_uint(out, column.len() as u64);
        }
        used().for_each(|(_, column)| out.extend_from_slice(column));
    }
}

/// Appends a value's bytes and gives its length and type as one number.
fn put_value(raw: &mut Vec<u8>, value: &ScalarValue) -> u64 {
    let before = raw.len();
    let code = match value {
        ScalarValue::Null | ScalarValue::Counter(_) | ScalarValue::Unknown { .. } => 0,
        ScalarValue::Boolean(false) => 1,
        ScalarValue::Boolean(true) => 2,
        ScalarValue::Uint(number) => {
            put_uint(raw, *number);
            3
        }
        ScalarValue::Int(number) => {
            put_int(raw, *number);
            4
        }
        ScalarValue::F64(number) => {
            raw.extend_from_slice(&number.to_le_bytes());
            5
        }
        ScalarValue::Str(text) => {
            raw.extend_from_slice(text.as_bytes());
            6
        }
        ScalarValue::Bytes(bytes) => {
            raw.extend_from_slice(bytes);
            7
        }
        ScalarValue::Timestamp(number) => {
            put_int(raw, *number);
            9
        }
    };
    ((raw.len() - before) as u64) << 4 | code
}

/// A run-length column: runs of one value as *(count, value)*, runs of nothing as *(0, count)*, what does not repeat as
/// *(-count, values)*. A column of nothing at all is empty.
fn runs<T: PartialEq>(values: &[Option<T>], put: impl Fn(&mut Vec<u8>, &T)) -> Vec<u8> {
    let mut out = Vec::new();
    if values.iter().all(Option::is_none) {
        return out;
    }
    let mut rest = values;
    while let Some(first) = rest.first() {
        let same = rest.iter().take_while(|value| *value == first).count();
        match first {
            None => {
                put_int(&mut out, 0);
                put_uint(&mut out, same as u64);
                rest = &rest[same..];
            }
            Some(value) if same > 1 => {
                put_int(&mut out, i64::try_from(same).unwrap_or(i64::MAX));
                put(&mut out, value);
                rest = &rest[same..];
            }
            Some(_) => {
                let literal = literals(rest);
                put_int(&mut out, -i64::try_from(literal).unwrap_or(i64::MAX));
                rest[..literal].iter().flatten().for_each(|value| put(&mut out, value));
                rest = &rest[literal..];
            }
        }
    }
    out
}

/// How many values at the front neither repeat nor are nothing.
fn literals<T: PartialEq>(values: &[Option<T>]) -> usize {
    let ends = |at: usize| values[at].is_none() || values.get(at + 1) == Some(&values[at]);
    (0..values.len()).find(|at| ends(*at)).unwrap_or(values.len())
}
