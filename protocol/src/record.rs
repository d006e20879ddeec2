//! Records: the only shape that documents of this version hold.
//!
//! A document's root is a map from key to record; a record is a flat map of scalars. A record is written once,
//! by one change, and never overwritten or deleted: a correction is another record. So merging documents is the
//! union of their records, and two authors who use one key are both kept (Automerge shows a conflict).
//!
//! This module is the one place that turns records into an Automerge change and back. Reading is strict: a
//! change that does anything else (overwrites, deletes, nests, touches another's record) is refused whole.

use std::num::NonZeroU64;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{Change, ChangeHash, ExpandedChange, ObjType, ScalarValue};
use smol_str::SmolStr;

use crate::error::{Code, Refusal};
use crate::id::Actor;

/// Limits of one record; a change that passes them is refused.
pub mod limits {
    /// Bytes of a record's key.
    pub const KEY_BYTES: usize = 128;
    /// Fields of one record.
    pub const FIELDS: usize = 32;
    /// Bytes of a field's name.
    pub const NAME_BYTES: usize = 32;
    /// Bytes of one field's value.
    pub const VALUE_BYTES: usize = 1024;
    /// Records in one change.
    pub const RECORDS: usize = 1000;
}

/// One record: its key in the document and its fields in order of writing.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    /// Key in the document's root map.
    pub key: SmolStr,
    /// Field names and scalar values; the first is always `kind`.
    pub fields: Vec<(SmolStr, ScalarValue)>,
}

impl Record {
    /// A record of `kind` under `key`, without further fields.
    pub fn new(key: impl Into<SmolStr>, kind: &'static str) -> Record {
        Record { key: key.into(), fields: vec![(SmolStr::new_static("kind"), ScalarValue::Str(kind.into()))] }
    }

    /// Adds a text field; an empty text is left out.
    #[must_use]
    pub fn text(mut self, name: &'static str, value: impl Into<SmolStr>) -> Record {
        let value = value.into();
        if !value.is_empty() {
            self.fields.push((SmolStr::new_static(name), ScalarValue::Str(value)));
        }
        self
    }

    /// Adds a whole number.
    #[must_use]
    pub fn int(mut self, name: &'static str, value: i64) -> Record {
        self.fields.push((SmolStr::new_static(name), ScalarValue::Int(value)));
        self
    }

    /// What sort of record it says it is; empty if it does not say.
    pub fn kind(&self) -> &str {
        self.get_text("kind").map_or("", SmolStr::as_str)
    }

    /// A text field.
    pub fn get_text(&self, name: &str) -> Option<&SmolStr> {
        self.fields.iter().find(|(n, _)| n == name).and_then(|(_, v)| match v {
            ScalarValue::Str(text) => Some(text),
            _ => None,
        })
    }

    /// A whole-number field; numbers written by other Automerge clients may be unsigned.
    pub fn get_int(&self, name: &str) -> Option<i64> {
        self.fields.iter().find(|(n, _)| n == name).and_then(|(_, v)| match v {
            ScalarValue::Int(value) => Some(*value),
            ScalarValue::Uint(value) => i64::try_from(*value).ok(),
            _ => None,
        })
    }

    /// Checks it against [`limits`], which every reader enforces.
    ///
    /// # Errors
    /// [`Code::TooLong`] naming the key or field.
    pub fn check(&self) -> Result<(), Refusal> {
        let long = |value: &ScalarValue| match value {
            ScalarValue::Str(text) => text.len() > limits::VALUE_BYTES,
            ScalarValue::Bytes(bytes) => bytes.len() > limits::VALUE_BYTES,
            _ => false,
        };
        if self.key.len() > limits::KEY_BYTES || self.fields.len() > limits::FIELDS {
            return Err(Refusal::new(Code::TooLong, &self.key[..self.key.floor_char_boundary(limits::NAME_BYTES)]));
        }
        match self.fields.iter().find(|(name, value)| name.len() > limits::NAME_BYTES || long(value)) {
            Some((name, _)) => Err(Refusal::new(Code::TooLong, name)),
            None => Ok(()),
        }
    }

    /// About how many bytes it takes in a change, before compression.
    pub(crate) fn bytes(&self) -> usize {
        let value = |value: &ScalarValue| match value {
            ScalarValue::Str(text) => text.len(),
            ScalarValue::Bytes(bytes) => bytes.len(),
            _ => 8,
        };
        32 + self.key.len() + self.fields.iter().map(|(name, v)| 16 + name.len() + value(v)).sum::<usize>()
    }

    /// Operations that writing it takes.
    pub fn ops(&self) -> u64 {
        1 + self.fields.len() as u64
    }
}

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
    pub deps: Vec<ChangeHash>,
    /// Seconds since 1970.
    pub time: i64,
}

/// The Automerge change that writes `records` at `position`.
pub fn to_change(position: Position, records: &[Record]) -> Change {
    let actor = position.actor.to_automerge();
    let mut next = position.start_op.max(1);
    let mut operations = Vec::with_capacity(records.iter().map(|r| 1 + r.fields.len()).sum());
    for record in records {
        let object = ObjectId::Id(OpId::new(next, &actor));
        operations.push(Op {
            action: OpType::Make(ObjType::Map),
            obj: ObjectId::Root,
            key: Key::Map(record.key.clone()),
            pred: SortedVec::new(),
            insert: false,
        });
        operations.extend(record.fields.iter().map(|(name, value)| Op {
            action: OpType::Put(value.clone()),
            obj: object.clone(),
            key: Key::Map(name.clone()),
            pred: SortedVec::new(),
            insert: false,
        }));
        next += record.ops();
    }
    Change::from(ExpandedChange {
        operations,
        actor_id: actor,
        hash: None,
        seq: position.seq,
        start_op: NonZeroU64::new(position.start_op.max(1)).unwrap_or(NonZeroU64::MIN),
        time: position.time,
        message: None,
        deps: position.deps,
        extra_bytes: Vec::new(),
        author: None,
    })
}

/// The records that a change writes.
///
/// # Errors
/// [`Code::TooDeep`] when the change does anything but write new flat records; [`Code::TooLarge`] beyond
/// [`limits`]; [`Code::BadSegment`] when it is not by one of our actors alone.
pub fn from_change(change: &Change) -> Result<Vec<Record>, Refusal> {
    let refuse = |code, what: &str| Err(Refusal::new(code, format_args!("change {}: {what}", change.seq())));
    if !change.other_actor_ids().is_empty() {
        return refuse(Code::TooDeep, "refers to another actor's operations");
    }
    let expanded = change.decode();
    let mut records: Vec<Record> = Vec::new();
    let mut open = 0;
    for (op, number) in expanded.operations.into_iter().zip(change.start_op().get()..) {
        let Key::Map(key) = op.key else { return refuse(Code::TooDeep, "not a map key") };
        if op.insert || !op.pred.is_empty() {
            return refuse(Code::TooDeep, "overwrites or deletes");
        }
        match (op.obj, op.action) {
            (ObjectId::Root, OpType::Make(ObjType::Map)) => {
                if key.len() > limits::KEY_BYTES || records.len() == limits::RECORDS {
                    return refuse(Code::TooLarge, "record key or count");
                }
                open = number;
                records.push(Record { key, fields: Vec::with_capacity(8) });
            }
            (ObjectId::Id(id), OpType::Put(value)) if id.counter() == open => {
                let Some(record) = records.last_mut() else { return refuse(Code::TooDeep, "field without record") };
                let bytes = match &value {
                    ScalarValue::Str(text) => text.len(),
                    ScalarValue::Bytes(bytes) => bytes.len(),
                    ScalarValue::Counter(_) | ScalarValue::Unknown { .. } => {
                        return refuse(Code::TooDeep, "not a plain scalar");
                    }
                    _ => 8,
                };
                if bytes > limits::VALUE_BYTES
                    || key.len() > limits::NAME_BYTES
                    || record.fields.len() == limits::FIELDS
                {
                    return refuse(Code::TooLarge, "record field");
                }
                if record.fields.iter().any(|(name, _)| *name == key) {
                    return refuse(Code::TooDeep, "field written twice");
                }
                record.fields.push((key, value));
            }
            _ => return refuse(Code::TooDeep, "not a flat record"),
        }
    }
    Ok(records)
}
