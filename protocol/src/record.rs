//! Records: the only shape that documents of this version hold.
//!
//! A document's root is a map from key to record; a record is a flat map of scalars. A record is written once,
//! by one change, and never overwritten or deleted: a correction is another record. So merging documents is the
//! union of their records, and two authors who use one key are both kept (Automerge shows a conflict).
//!
//! [`crate::change`] says which Automerge change writes them, [`crate::segment`] how they travel. Nothing else can be
//! said: a segment has no way to overwrite, delete, nest or touch another's record.

use automerge::ScalarValue;
use smol_str::SmolStr;

use crate::error::{Code, Refusal};

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

    /// The same fields under another key, as a record of another kind.
    #[must_use]
    pub(crate) fn turned_into(mut self, key: impl Into<SmolStr>, kind: &'static str) -> Record {
        self.key = key.into();
        if let Some((_, value)) = self.fields.iter_mut().find(|(name, _)| name == "kind") {
            *value = ScalarValue::Str(kind.into());
        }
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
