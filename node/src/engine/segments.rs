//! Where each segment stands in the journal: what serving a peer needs to know.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use xiangyue_protocol::segment::Header;
use xiangyue_protocol::{Actor, DocId, Millis};

use crate::storage::Position;

/// One segment in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stored {
    first: u64,
    last: u64,
    written: Millis,
    position: Position,
}

/// By document and actor; each actor's in order of number.
type Places = BTreeMap<DocId, BTreeMap<Actor, Vec<Stored>>>;

/// The places of all segments, by document and actor; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Segments {
    places: Arc<RwLock<Places>>,
}

impl Segments {
    /// Enters a segment that was appended at `position`.
    pub fn enter(&self, header: &Header, position: Position) {
        let mut places = self.places.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        let (first, last, written) = (header.first, header.last, header.hlc.millis());
        let stored = Stored { first, last, written, position };
        let actors = match places.get_mut(&header.doc) {
            Some(actors) => actors,
            None => places.entry(header.doc.clone()).or_default(),
        };
        actors.entry(header.actor).or_default().push(stored);
    }

    /// Places of the segments of an actor that carry anything after `after`, up to `upto`, in order of number.
    pub fn between(&self, doc: &DocId, actor: Actor, after: u64, upto: u64) -> Vec<Position> {
        let places = self.places.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(stored) = places.get(doc).and_then(|actors| actors.get(&actor)) else { return Vec::new() };
        // Segments of an actor are appended in order of their last number, so the wanted ones are one run.
        let from = stored.partition_point(|segment| segment.last <= after);
        stored[from..].iter().take_while(|segment| segment.first <= upto).map(|segment| segment.position).collect()
    }

    /// Places of all segments of a document: by actor, each actor's in order of number.
    pub fn of_doc(&self, doc: &DocId) -> Vec<Position> {
        let places = self.places.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        places.get(doc).into_iter().flat_map(BTreeMap::values).flatten().map(|segment| segment.position).collect()
    }

    /// When the latest segment of a document was written, by its author's clock.
    pub fn last_written(&self, doc: &DocId) -> Option<Millis> {
        let places = self.places.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        places.get(doc)?.values().flatten().map(|segment| segment.written).max()
    }

    /// How many segments there are, and how many bytes.
    pub fn totals(&self) -> (u64, u64) {
        let places = self.places.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        places
            .values()
            .flat_map(BTreeMap::values)
            .flatten()
            .fold((0, 0), |(count, bytes), segment| (count + 1, bytes + u64::from(segment.position.len)))
    }
}
