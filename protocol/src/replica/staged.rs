//! Records that wait for the next flush, in groups that reach the journal one after the other.
//!
//! A power cut may leave any first part of what a flush appends. So nothing that gives up rights may stand before what
//! it was paid with: a redemption dated in January and the award of February that it spends go into two documents, and
//! the award's must be written first.

use std::collections::BTreeMap;

use crate::id::{DocId, Kind};
use crate::record::Record;

/// Records by document. Within a group only one document has records that may give up rights, and what these build on
/// stands there before them or in an earlier group; so the documents of a group may be written in any order.
type Group = BTreeMap<DocId, Vec<Record>>;

/// What is staged.
#[derive(Clone, Debug, Default)]
pub(super) struct Staged {
    groups: Vec<Group>,
}

/// How much was staged at some time.
pub(super) struct Mark {
    groups: usize,
    last: BTreeMap<DocId, usize>,
}

impl Staged {
    /// Adds a record of a document.
    pub(super) fn put(&mut self, id: DocId, record: Record) {
        let moves_points = |id: &DocId| matches!(id.kind, Kind::Ledger | Kind::Counter);
        let may_spend = moves_points(&id) && record.kind() != "award";
        let must_wait = |group: &Group| may_spend && group.keys().any(|other| moves_points(other) && *other != id);
        if self.groups.last().is_none_or(must_wait) {
            self.groups.push(Group::new());
        }
        if let Some(group) = self.groups.last_mut() {
            group.entry(id).or_default().push(record);
        }
    }

    /// Takes everything out, in the order in which it must be written.
    pub(super) fn take(&mut self) -> impl Iterator<Item = (DocId, Vec<Record>)> + use<> {
        std::mem::take(&mut self.groups).into_iter().flatten()
    }

    /// Records.
    pub(super) fn len(&self) -> usize {
        self.groups.iter().flat_map(BTreeMap::values).map(Vec::len).sum()
    }

    /// Whether there are none.
    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// What there is now.
    pub(super) fn mark(&self) -> Mark {
        let last = self.groups.last().into_iter().flatten().map(|(id, records)| (id.clone(), records.len()));
        Mark { groups: self.groups.len(), last: last.collect() }
    }

    /// Only what there was then stays.
    pub(super) fn back_to(&mut self, mark: &Mark) {
        self.groups.truncate(mark.groups);
        if let Some(group) = self.groups.last_mut() {
            group.retain(|id, _| mark.last.contains_key(id));
            for (id, records) in group {
                records.truncate(mark.last.get(id).copied().unwrap_or(0));
            }
        }
    }
}
