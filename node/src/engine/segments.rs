//! Where each segment stands in the journal: what serving a peer needs to know.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use xiangyue_protocol::pieces::{Crowd, Pieces};
use xiangyue_protocol::segment::Header;
use xiangyue_protocol::{Actor, DocId, Millis};

use crate::storage::Position;

/// One segment in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    written: Millis,
    position: Position,
}

/// The places of the segments in use, by document and actor; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    places: Arc<RwLock<Pieces<Stored>>>,
}

impl Segments {
    fn places(&self) -> RwLockReadGuard<'_, Pieces<Stored>> {
        self.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Enters a segment that was appended at `position` and is durable, in place of smaller ones that it covers.
    pub fn enter(&self, header: &Header, position: Position) {
        let mut places = self.places.write().unwrap_or_else(PoisonError::into_inner);
        places.enter(header, Stored { written: header.hlc.millis(), position });
    }

    /// Places of the segments of an actor that carry anything after `after`, up to `upto`, in order of number.
    pub fn between(&self, doc: &DocId, actor: Actor, after: u64, upto: u64) -> Vec<Position> {
        self.places().between(doc, actor, after, upto).map(|stored| stored.position).collect()
    }

    /// Places of all segments of a document: by actor, each actor's in order of number.
    pub fn of_doc(&self, doc: &DocId) -> Vec<Position> {
        self.places().of_doc(doc).map(|stored| stored.position).collect()
    }

    /// Whether the last changes of all these actors are in the journal already: the replica knows of a segment before
    /// it is durable.
    pub fn hold(&self, doc: &DocId, tips: &[(Actor, u64)]) -> bool {
        let places = self.places();
        tips.iter().all(|(actor, last)| places.between(doc, *actor, last.saturating_sub(1), *last).next().is_some())
    }

    /// When the latest segment of a document was written, by its author's clock.
    pub fn last_written(&self, doc: &DocId) -> Option<Millis> {
        self.places().of_doc(doc).map(|stored| stored.written).max()
    }

    /// Runs of changes that are stored in too many pieces.
    pub fn crowds(&self) -> Vec<Crowd> {
        self.places().crowds()
    }

    /// How many segments there are, and how many bytes.
    pub fn totals(&self) -> (u64, u64) {
        self.places().all().fold((0, 0), |(count, bytes), stored| (count + 1, bytes + u64::from(stored.position.len)))
    }
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::{Hlc, NodeId};

    use super::*;

    #[test]
    fn what_is_not_in_the_journal_yet_is_not_held() {
        let doc: DocId = "110112119201/roster".parse().unwrap();
        let actor = Actor { node: NodeId([1; 16]), incarnation: 1 };
        let segments = Segments::default();
        assert!(segments.hold(&doc, &[]) && !segments.hold(&doc, &[(actor, 1)]));
        let header = Header { doc: doc.clone(), actor, first: 1, last: 3, hlc: Hlc::at(Millis(1)) };
        segments.enter(&header, Position { file: 0, offset: 0, len: 1 });
        assert!(segments.hold(&doc, &[(actor, 3)]));
        assert!(!segments.hold(&doc, &[(actor, 4)]), "the next one is on its way");
    }
}
