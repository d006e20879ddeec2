//! What a replica knows of one document: who has written how far, its heads, its digest, its summary.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Actor, DocId};
use crate::segment::{ChangeId, ChangeMeta};
use crate::summary::Summary;

/// How far an actor has written to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Sequence number of its last change here.
    pub last: u64,
    /// Hash of that change.
    pub id: ChangeId,
}

/// A version vector: how far each actor has written. With the tips' hashes, two equal vectors mean equal documents.
pub type Vector = BTreeMap<Actor, Tip>;

/// The first eight bytes of a tip's hash: enough to tell a fork from an equal.
pub fn tip_mark(id: &ChangeId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A document as replication and statistics see it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Doc {
    /// How far each actor has written.
    pub vector: Vector,
    /// Changes that no known change builds on.
    pub heads: BTreeSet<ChangeId>,
    /// Changes that known ones build on and that were no actor's tip by then: not here yet, or here and built upon.
    ///
    /// Which of the two is not told apart, since that would take the hash of every change; only the first sort
    /// ever arrives. So this depends on the order of arrival, and is no part of what makes documents equal.
    pub awaited: BTreeSet<ChangeId>,
    /// The largest operation number.
    pub max_op: u64,
    /// Segments held.
    pub segments: u64,
    /// Sums and facts.
    pub summary: Summary,
}

impl PartialEq for Doc {
    fn eq(&self, other: &Doc) -> bool {
        let Doc { vector, heads, awaited: _, max_op, segments, summary } = self;
        (vector, heads, max_op, segments, summary)
            == (&other.vector, &other.heads, &other.max_op, &other.segments, &other.summary)
    }
}

impl Eq for Doc {}

impl Doc {
    /// A document that nobody has written to.
    pub fn empty(id: &DocId) -> Doc {
        Doc {
            vector: Vector::new(),
            heads: BTreeSet::new(),
            awaited: BTreeSet::new(),
            max_op: 0,
            segments: 0,
            summary: Summary::empty(id),
        }
    }

    /// How far `actor` has written; 0 if it has not.
    pub fn last(&self, actor: Actor) -> u64 {
        self.vector.get(&actor).map_or(0, |tip| tip.last)
    }

    /// Hash of the last change of `actor`; zeros if there is none.
    pub fn tip(&self, actor: Actor) -> ChangeId {
        self.vector.get(&actor).map_or([0; 32], |tip| tip.id)
    }

    /// Enters a change in the graph: the next of its actor.
    pub(crate) fn enter(&mut self, actor: Actor, seq: u64, change: &ChangeMeta) {
        for dep in &change.deps {
            if !self.heads.remove(dep) && !self.knows(dep) {
                self.awaited.insert(*dep);
            }
        }
        if !self.awaited.remove(&change.id) {
            self.heads.insert(change.id);
        }
        self.max_op = self.max_op.max(change.max_op);
        self.vector.insert(actor, Tip { last: seq, id: change.id });
    }

    /// Whether a dependency that is not a head is known to be here: an actor's tip may have been built upon.
    fn knows(&self, id: &ChangeId) -> bool {
        self.vector.values().any(|tip| tip.id == *id)
    }

    /// Digest over the vector and its hashes: equal digests mean equal documents.
    pub fn digest(&self) -> u64 {
        let mut hasher = blake3::Hasher::new();
        for (actor, tip) in &self.vector {
            hasher.update(&actor.to_bytes());
            hasher.update(&tip.last.to_be_bytes());
            hasher.update(&tip.id);
        }
        first_eight(&hasher)
    }
}

/// A document's id on the wire when only its identity matters.
pub fn doc_mark(id: &DocId) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(id.to_string().as_bytes());
    first_eight(&hasher)
}

pub(crate) fn first_eight(hasher: &blake3::Hasher) -> u64 {
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_be_bytes(bytes)
}
