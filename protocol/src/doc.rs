//! What a replica knows of one document: who has written how far, its heads, its digest, its summary.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::id::{Actor, DocId};
use crate::known::Known;
use crate::segment::{ChangeId, ChangeMeta, OPS};
use crate::summary::Summary;

/// Heads of others that one change names at most.
const BASED_ON: usize = 32;

/// How far an actor has written to a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tip {
    /// Sequence number of its last change here.
    pub last: u64,
    /// Hash of that change.
    pub id: ChangeId,
    /// Number of that change's last operation.
    pub max_op: u64,
}

/// A version vector: how far each actor has written. With the tips' hashes, two equal vectors mean equal documents.
pub type Vector = BTreeMap<Actor, Tip>;

/// The first eight bytes of a tip's hash: enough to tell a fork from an equal.
pub fn tip_mark(id: &ChangeId) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *id;
    u64::from_be_bytes([a, b, c, d, e, f, g, h])
}

/// A document as replication and statistics see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doc {
    /// How far each actor has written.
    pub vector: Vector,
    /// Changes that no known change builds on.
    pub heads: BTreeSet<ChangeId>,
    /// Changes that known ones build on but that are not here yet.
    pub awaited: BTreeSet<ChangeId>,
    /// Marks of all changes of each actor, in order: the mark of number `n` stands at `n - 1`. They tell a change
    /// that is here from one that is awaited, and a fork at any number.
    pub marks: BTreeMap<Actor, Vec<u64>>,
    /// Sums and facts.
    pub summary: Summary,
    /// The digest, once somebody has asked for it and until the next change.
    #[serde(skip)]
    known_digest: Known<u64>,
}

impl Doc {
    /// A document that nobody has written to.
    pub fn empty(id: &DocId) -> Doc {
        Doc {
            vector: Vector::new(),
            heads: BTreeSet::new(),
            awaited: BTreeSet::new(),
            marks: BTreeMap::new(),
            summary: Summary::empty(id),
            known_digest: Known::default(),
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

    /// Mark of the change of `actor` with this number, if it is here.
    pub fn mark(&self, actor: Actor, seq: u64) -> Option<u64> {
        let at = usize::try_from(seq.checked_sub(1)?).ok()?;
        self.marks.get(&actor)?.get(at).copied()
    }

    /// What the next change of `actor` builds on, and the number of its first operation.
    ///
    /// Its own last change is always named, so that a branch is a chain of hashes; of the heads of others at most
    /// [`BASED_ON`], since a reader limits them: the rest are named by the change after. A branch whose operation
    /// numbers have been driven up is not built on, lest its author use up the numbers of all.
    pub(crate) fn base(&self, actor: Actor) -> (Vec<ChangeId>, u64) {
        let own = self.vector.get(&actor);
        let mut deps: BTreeSet<ChangeId> = own.map(|tip| tip.id).into_iter().collect();
        let mut max_op = own.map_or(0, |tip| tip.max_op);
        let tips: BTreeMap<ChangeId, u64> = self.vector.values().map(|tip| (tip.id, tip.max_op)).collect();
        let fair =
            self.heads.iter().filter_map(|head| tips.get(head).map(|op| (*head, *op))).filter(|(_, op)| *op <= OPS / 2);
        for (head, op) in fair.take(BASED_ON) {
            deps.insert(head);
            max_op = max_op.max(op);
        }
        (deps.into_iter().collect(), max_op + 1)
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
        self.known_digest = Known::default();
        self.marks.entry(actor).or_default().push(tip_mark(&change.id));
        self.vector.insert(actor, Tip { last: seq, id: change.id, max_op: change.max_op });
    }

    /// Whether a dependency that is not a head is here: most often a tip, else somewhere in a branch.
    fn knows(&self, id: &ChangeId) -> bool {
        let mark = tip_mark(id);
        self.vector.values().any(|tip| tip.id == *id) || self.marks.values().any(|marks| marks.contains(&mark))
    }

    /// Digest over the vector and its hashes: equal digests mean equal documents.
    pub fn digest(&self) -> u64 {
        *self.known_digest.or_find(|| self.vector_digest())
    }

    fn vector_digest(&self) -> u64 {
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
