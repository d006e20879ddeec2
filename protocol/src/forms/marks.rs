//! What a node keeps in memory of the rows of a document: enough to judge the next one.
//!
//! A county has a million rows. Of each, memory holds 8 bytes that tell its key and 8 that tell its content; the
//! rows themselves are read from the journal when somebody asks ([`super::Rows`]).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Row;

/// The latest version of one record, in brief.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The latest version.
    pub version: u32,
    /// What it says, hashed; of several the lowest.
    pub content: u64,
    /// Whether that version was written apart with several contents.
    pub several: bool,
    /// Whether that version withdraws the record.
    pub void: bool,
}

/// The latest versions of all records of a document, by hashed form and key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marks(BTreeMap<u64, Mark>);

/// How a row stands to what is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// No version of its record is there.
    New,
    /// The latest version says the same.
    Same,
    /// The latest version says something else.
    Other(Mark),
}

fn mark_of(form: &str, key: &str) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(form.as_bytes()).update(b"/").update(key.as_bytes());
    crate::doc::first_eight(&hasher)
}

impl Marks {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The latest version of a record.
    pub fn of(&self, form: &str, key: &str) -> Option<Mark> {
        self.0.get(&mark_of(form, key)).copied()
    }

    /// How a row stands to what is there, whatever its version.
    pub fn standing(&self, row: &Row) -> Standing {
        match self.of(row.form().name, &row.key()) {
            None => Standing::New,
            Some(mark) if !mark.several && mark.content == row.content() => Standing::Same,
            Some(mark) => Standing::Other(mark),
        }
    }

    /// How many records stand in several versions that were written apart.
    pub fn several(&self) -> usize {
        self.0.values().filter(|mark| mark.several).count()
    }

    /// Enters a row. The result does not depend on the order in which rows arrive.
    pub(crate) fn enter(&mut self, row: &Row) {
        let new = Mark { version: row.version, content: row.content(), several: false, void: row.void };
        let known = self.0.entry(mark_of(row.form().name, &row.key())).or_insert(new);
        if known.version < new.version {
            *known = new;
        } else if known.version == new.version && known.content != new.content {
            let lower = if new.content < known.content { new } else { *known };
            *known = Mark { several: true, ..lower };
        }
    }
}
