//! Promise 7: a restored, cloned or confused node poisons nobody. No number is written twice with another
//! content, and a node whose disk died spends nothing before what others hold of it is back.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::Entry;
use xiangyue_protocol::segment::{ChangeId, Segment};
use xiangyue_protocol::{Actor, DocId, NodeId, OrgCode};

use super::Broken;
use super::scope::may_hold;
use super::shadow::Op;
use crate::node::SimNode;

/// Numbers written, and lost tails.
#[derive(Debug, Clone, Default)]
pub(super) struct Lives {
    numbers: BTreeMap<(DocId, Actor, u64), ChangeId>,
    /// What others held of a node when its disk had died.
    tails: BTreeMap<usize, Reach>,
    /// The same of what third ones had written and the node may hold: without the grants that its redemptions spend, it
    /// shows less than nothing for a while.
    grants: BTreeMap<usize, Reach>,
    /// Documents of which a segment has died with a disk.
    lost: BTreeSet<DocId>,
}

/// How far documents go, by actor.
type Reach = BTreeMap<(DocId, Actor), u64>;

/// Whether a replica lacks some of that; what it has is forgotten.
fn lacks(reach: &mut BTreeMap<usize, Reach>, n: usize, replica: &Replica) -> bool {
    let Some(rest) = reach.get_mut(&n) else { return false };
    rest.retain(|(doc, actor), last| replica.docs().get(doc).is_none_or(|doc| doc.last(*actor) < *last));
    let lacks = !rest.is_empty();
    if !lacks {
        reach.remove(&n);
    }
    lacks
}

impl Lives {
    /// A node writes a segment.
    pub(super) fn check_number(&mut self, broken: &mut Broken, n: usize, segment: &Segment) {
        let header = &segment.header;
        let key = (header.doc.clone(), header.actor, header.last);
        let before = self.numbers.insert(key, segment.tip());
        if before.is_some_and(|before| before != segment.tip()) {
            let what =
                format!("node {n} writes {} {} {} again with another content", header.doc, header.actor, header.last);
            broken.broke(7, "lives", what);
        }
    }

    /// A segment never left a journal that a power cut has shortened: its number is free.
    pub(super) fn forget(&mut self, op: &Op) {
        for (actor, last) in &op.places {
            self.numbers.remove(&(op.doc.clone(), *actor, *last));
        }
    }

    /// A node has started from a backup.
    pub(super) fn restored<'a>(
        &mut self,
        n: usize,
        (id, org): (NodeId, &OrgCode),
        others: impl Iterator<Item = (usize, &'a SimNode)> + Clone,
    ) {
        let dead = self.numbers.keys().filter(|(doc, actor, last)| {
            actor.node == id && !others.clone().any(|(_, node)| node.disk.holds_safely(doc, *actor, *last))
        });
        self.lost.extend(dead.map(|(doc, ..)| doc.clone()));
        let (tail, grants) = (self.tails.entry(n).or_default(), self.grants.entry(n).or_default());
        for (_, other) in others.filter(|(m, _)| *m != n) {
            for (doc, actor, last) in other.disk.held().filter(|(doc, ..)| may_hold(org, doc)) {
                let reach = if actor.node == id { &mut *tail } else { &mut *grants };
                let known = reach.entry((doc.clone(), actor)).or_insert(0);
                *known = last.max(*known);
            }
        }
    }

    /// Whether anything of this document has died with a disk.
    pub(super) fn has_lost(&self, doc: &DocId) -> bool {
        self.lost.contains(doc)
    }

    /// Whether entries of its own that others hold are missing at a node.
    pub(super) fn lacks_own(&mut self, n: usize, replica: &Replica) -> bool {
        lacks(&mut self.tails, n, replica)
    }

    /// Whether anything is missing at a node that others held when its disk had died.
    pub(super) fn lacks_any(&mut self, n: usize, replica: &Replica) -> bool {
        lacks(&mut self.tails, n, replica) || lacks(&mut self.grants, n, replica)
    }

    /// A node writes: it may give up rights only if nothing of its own is missing.
    pub(super) fn check_spending(&mut self, broken: &mut Broken, n: usize, segment: &Segment, replica: &Replica) {
        let spends = |entry: &Entry| !matches!(entry, Entry::Award(_));
        let spending = segment.records.iter().flatten().filter_map(Entry::from_record).find(spends);
        if let Some(entry) = spending
            && self.lacks_own(n, replica)
        {
            let what = format!("restored node {n} writes {} before its own lost entries are back", entry.request());
            broken.broke(7, "lives", what);
        }
    }
}
