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
    seen: BTreeMap<usize, BTreeMap<(DocId, Actor), u64>>,
}

impl Order {
    /// A node has appended a segment.
    pub(super) fn check_append(&mut self, broken: &mut Broken, n: usize, header: &Header, replica: &Replica) {
        let seen = self.seen.entry(n).or_default().entry((header.doc.clone(), header.actor)).or_insert(0);
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
        let vectors = replica
            .docs()
            .iter()
            .flat_map(|(id, doc)| doc.vector.iter().map(|(actor, tip)| ((id.clone(), *actor), tip.last)));
        self.seen.insert(n, vectors.collect());
    }
}
