//! Which segments are on their way to their readers, and how far they have come. A segment that all its readers
//! have is forgotten.

use std::collections::BTreeMap;
use std::sync::Arc;

use xiangyue_protocol::{DocId, OrgCode, access};

use crate::disk::Row;
use crate::plan::NodeSpec;
use crate::scheduler::{MILLI, Micros};

/// The nodes that may hold a document, by position in the plan.
type Readers = Arc<[usize]>;

#[derive(Debug)]
struct Way {
    row: Arc<Row>,
    author: usize,
    written: Micros,
    readers: Readers,
    /// Who has it, and over how many links it came there.
    got: BTreeMap<usize, u32>,
}

impl Way {
    /// How many have it when it has come to all: its readers, and its author.
    fn expected(&self) -> usize {
        self.readers.len() + usize::from(self.readers.binary_search(&self.author).is_err())
    }
}

/// A segment has come to a reader for the first time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Who wrote it.
    pub author: usize,
    /// When.
    pub written: Micros,
    /// Over how many links it came.
    pub hops: u32,
    /// Whether it was the last reader without it.
    pub last: bool,
}

/// All segments on their way.
#[derive(Debug, Default)]
pub struct Spread {
    on_the_way: BTreeMap<[u8; 16], Way>,
    nodes_of: BTreeMap<Option<OrgCode>, Vec<(usize, OrgCode)>>,
    readers: BTreeMap<DocId, Readers>,
    pairs: u64,
}

impl Spread {
    /// Among these nodes. A copy of one is no reader: it is put away again.
    pub fn among(nodes: &[NodeSpec]) -> Spread {
        let mut spread = Spread::default();
        for (n, node) in nodes.iter().enumerate().filter(|(_, node)| node.copy_of.is_none()) {
            spread.nodes_of.entry(node.org.township()).or_default().push((n, node.org.clone()));
        }
        spread
    }

    /// Who may hold a document.
    pub fn readers(&mut self, doc: &DocId) -> Readers {
        if let Some(readers) = self.readers.get(doc) {
            return Arc::clone(readers);
        }
        let nodes = self.nodes_of.get(&doc.org.township()).into_iter().flatten();
        let readers: Readers = nodes.filter(|(_, org)| access::may_carry(org, doc)).map(|(n, _)| *n).collect();
        self.pairs += readers.len() as u64;
        self.readers.insert(doc.clone(), Arc::clone(&readers));
        readers
    }

    /// Who may hold a document, if anybody has written to it.
    pub fn readers_known(&self, doc: &DocId) -> Option<&[usize]> {
        self.readers.get(doc).map(|readers| &readers[..])
    }

    /// An author has written a segment.
    pub fn written(&mut self, now: Micros, author: usize, row: &Arc<Row>) {
        let readers = self.readers(&row.header.doc);
        if readers.len() > 1 {
            let (row, print) = (Arc::clone(row), row.print);
            self.on_the_way
                .insert(print, Way { row, author, written: now, readers, got: BTreeMap::from([(author, 0)]) });
        }
    }

    /// A reader has put a segment into its journal that came from another node. None if it had it before.
    pub fn arrived(&mut self, node: usize, from: Option<usize>, row: &Row) -> Option<Step> {
        let way = self.on_the_way.get_mut(&row.print).filter(|way| way.readers.binary_search(&node).is_ok())?;
        let hops = from.and_then(|from| way.got.get(&from)).map_or(1, |hops| hops + 1);
        if way.got.insert(node, hops).is_some() {
            return None;
        }
        let last = way.got.len() >= way.expected();
        let step = Step { author: way.author, written: way.written, hops, last };
        if last {
            self.on_the_way.remove(&row.print);
        }
        Some(step)
    }

    /// A crash has taken a segment from its author before anybody else could see it. How many others would have read
    /// it.
    pub fn lost(&mut self, row: &Row) -> u64 {
        let way = self.on_the_way.remove(&row.print);
        way.map_or(0, |way| (way.expected() - way.got.len()) as u64)
    }

    /// How far readers are behind, in milliseconds: the ages of the oldest segment that each lacks of each document,
    /// of those that lack any, sorted; and the number of all pairs of a reader and a document.
    pub fn behind(&self, now: Micros) -> (Vec<u64>, u64) {
        let mut oldest: BTreeMap<(&DocId, usize), u64> = BTreeMap::new();
        for way in self.on_the_way.values() {
            let age = (now - way.written) / MILLI;
            for reader in way.readers.iter().filter(|reader| !way.got.contains_key(reader)) {
                let known = oldest.entry((&way.row.header.doc, *reader)).or_default();
                *known = age.max(*known);
            }
        }
        let mut ages: Vec<u64> = oldest.into_values().collect();
        ages.sort_unstable();
        (ages, self.pairs)
    }
}
