//! Promise 6, on the way: each author's changes come to each node in order and whole, so that whoever has an
//! effect of one author has that author's causes; and what a node shows never goes back.

use std::collections::BTreeMap;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::segment::Header;
use xiangyue_protocol::{Actor, DocId};

use super::Broken;

/// How far each node has come.
#[derive(Debug, Clone, Default)]
pub(super) struct Order {
    /// Numbers of branches, which stand for them: a county's nodes see millions of them.
    branches: BTreeMap<(DocId, Actor), u32>,
    seen: BTreeMap<usize, BTreeMap<u32, u64>>,
}

impl Order {
    /// A node has appended a segment.
    pub(super) fn check_append(&mut self, broken: &mut Broken, n: usize, header: &Header, replica: &Replica) {
        let branch = self.branch(&header.doc, header.actor);
        let seen = self.seen.entry(n).or_default().entry(branch).or_insert(0);
        let what = format_args!("{} {} {}-{} at node {n}", header.doc, header.actor, header.first, header.last);
        if header.first > *seen + 1 {
            broken.broke(6, "order", format!("{what} came after {seen}, before its predecessors"));
        }
        if header.last <= *seen {
            broken.broke(6, "order", format!("{what} was entered again after {seen}"));
        }
        *seen = header.last.max(*seen);
        let shown = replica.docs().get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        if shown < *seen {
            broken.broke(6, "order", format!("{what} was taken in, and {shown} is all that is shown"));
        }
    }

    /// A node has started: what it shows counts from here.
    pub(super) fn restarted(&mut self, n: usize, replica: &Replica) {
        let mut seen = BTreeMap::new();
        for (id, doc) in replica.docs() {
            seen.extend(doc.vector.iter().map(|(actor, tip)| (self.branch(id, *actor), tip.last)));
        }
        self.seen.insert(n, seen);
    }

    fn branch(&mut self, doc: &DocId, actor: Actor) -> u32 {
        let next = u32::try_from(self.branches.len()).unwrap_or(u32::MAX);
        *self.branches.entry((doc.clone(), actor)).or_insert(next)
    }
}
