//! The rows of documents with their versions, read back from records when somebody asks.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::{Form, Row};
use crate::id::{DocId, NodeId};
use crate::record::Record;
use crate::time::Millis;

/// One version of a record, with who wrote it and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What it says.
    pub row: Row,
    /// The node that wrote it.
    pub author: NodeId,
    /// When, by that node's clock.
    pub at: Millis,
}

/// All versions of one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct History(BTreeMap<(u32, u64), Written>);

impl History {
    /// The rows that count as the latest: one as a rule, several when they were written apart.
    pub fn latest(&self) -> impl Iterator<Item = &Written> {
        let version = self.0.last_key_value().map_or(0, |((version, _), _)| *version);
        self.0.range((version, 0)..).map(|(_, written)| written)
    }

    /// The row that counts, unless the record is withdrawn. Of several that were written apart it is, until a person
    /// has decided, the one whose hash is lowest: the same everywhere, and listed as undecided.
    pub fn row(&self) -> Option<&Row> {
        self.latest().next().map(|written| &written.row).filter(|row| !row.void)
    }

    /// Whether several rows were written apart and nobody has decided yet.
    pub fn is_undecided(&self) -> bool {
        self.latest().nth(1).is_some()
    }

    /// All versions, oldest first.
    pub fn versions(&self) -> impl Iterator<Item = &Written> {
        self.0.values()
    }
}

/// The rows of one document, by form and key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rows(BTreeMap<&'static str, BTreeMap<SmolStr, History>>);

impl Rows {
    /// Enters a record of `doc`; records that are no rows, or none that may lie in such a document, are skipped.
    pub fn enter(&mut self, doc: &DocId, record: &Record, author: NodeId, at: Millis) {
        let Some(row) = Row::from_record(record).filter(|row| row.form().lies_in(doc)) else { return };
        let history = self.0.entry(row.form().name).or_default().entry(row.key().into()).or_default();
        let written = Written { author, at, row };
        let known = history.0.entry((written.row.version, written.row.content())).or_insert_with(|| written.clone());
        // The same, written twice: the same one counts everywhere.
        if (written.at, written.author) < (known.at, known.author) {
            *known = written;
        }
    }

    /// The records of a form, by key.
    pub fn histories(&self, form: &Form) -> impl Iterator<Item = (&SmolStr, &History)> {
        self.0.get(form.name).into_iter().flatten()
    }

    /// All versions of one record.
    pub fn history(&self, form: &Form, key: &str) -> Option<&History> {
        self.0.get(form.name)?.get(key)
    }

    /// The rows of a form that count.
    pub fn of(&self, form: &Form) -> impl Iterator<Item = &Row> {
        self.histories(form).filter_map(|(_, history)| history.row())
    }

    /// The row of a record that counts.
    pub fn row(&self, form: &Form, key: &str) -> Option<&Row> {
        self.history(form, key)?.row()
    }
}
