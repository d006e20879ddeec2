//! Promise 7: a restored, cloned or confused node poisons nobody. No number is written twice with another
//! content, and a node whose disk died spends nothing before what others hold of it is back.
//!
//! **Two of one node.** A township that has heard one life of a node, another, and the one again has met two: no restart
//! looks so. From then on it greets neither, over its own restarts too, until it is told to; and whoever it has told
//! takes no command that gives up points.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use xiangyue_protocol::replica::PeerId;
use xiangyue_protocol::schema::Entry;
use xiangyue_protocol::segment::{ChangeId, Segment};
use xiangyue_protocol::{Actor, Command, DocId, NodeId, OrgCode, Outcome, Refusal};

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
    /// The last lives in which a township was greeted by a node, latest last; by township and node.
    met: BTreeMap<(usize, usize), VecDeque<Actor>>,
    /// Nodes of which a township has met two.
    kept_out: BTreeSet<(usize, usize)>,
    /// Connections that came up at a township with one of those, as it calls them.
    unwanted: BTreeSet<(usize, PeerId)>,
    /// Who has been told that two run.
    told: BTreeSet<usize>,
}

/// Lives of a node that a township must remember.
const LIVES: usize = 8;

/// How far documents go, by actor.
type Reach = BTreeMap<(DocId, Actor), u64>;

/// Whether a node lacks some of that. What no power cut can take from it any more is forgotten.
fn lacks(reach: &mut BTreeMap<usize, Reach>, n: usize, node: &SimNode) -> bool {
    let (Some(rest), Some(replica)) = (reach.get_mut(&n), &node.replica) else { return false };
    rest.retain(|(doc, actor), last| !node.disk.holds_safely(doc, *actor, *last));
    let here = |doc: &DocId, actor| replica.docs().get(doc).map_or(0, |doc| doc.last(actor));
    let lacks = rest.iter().any(|((doc, actor), last)| here(doc, *actor) < *last);
    if rest.is_empty() {
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
    pub(super) fn lacks_own(&mut self, n: usize, node: &SimNode) -> bool {
        lacks(&mut self.tails, n, node)
    }

    /// Whether anything is missing at a node that others held when its disk had died.
    pub(super) fn lacks_any(&mut self, n: usize, node: &SimNode) -> bool {
        lacks(&mut self.tails, n, node) || lacks(&mut self.grants, n, node)
    }

    /// A township has been greeted by a life of a node.
    pub(super) fn greeted_by(&mut self, township: usize, original: usize, actor: Actor) {
        let lives = self.met.entry((township, original)).or_default();
        if lives.back() == Some(&actor) {
            return;
        }
        if lives.contains(&actor) {
            self.kept_out.insert((township, original));
        }
        lives.push_back(actor);
        if lives.len() > LIVES {
            lives.pop_front();
        }
    }

    /// A node has started. What it had heard is forgotten, but for whom it keeps out, which it had noted.
    pub(super) fn restarted(&mut self, n: usize, noted: impl Iterator<Item = usize>) {
        let noted: BTreeSet<usize> = noted.collect();
        self.met.retain(|(township, _), _| *township != n);
        self.kept_out.retain(|(township, original)| *township != n || noted.contains(original));
    }

    /// A connection comes up.
    pub(super) fn connects(&mut self, n: usize, own: PeerId, original: usize) {
        if self.kept_out.contains(&(n, original)) {
            self.unwanted.insert((n, own));
        }
    }

    /// A node greets.
    pub(super) fn check_greeting(&mut self, broken: &mut Broken, n: usize, own: PeerId, to: usize) {
        if self.unwanted.contains(&(n, own)) {
            broken.broke(7, "lives", format!("township {n} greets node {to}, of which it has met two"));
        }
    }

    /// A node has been told that two of it run. Not if it hears so late that it has been let in again meanwhile.
    pub(super) fn told_of_twin(&mut self, n: usize, original: usize) {
        if self.kept_out.iter().any(|(_, out)| *out == original) {
            self.told.insert(n);
        }
    }

    /// A township lets a node, which may be any of these processes, in again.
    pub(super) fn readmitted(&mut self, township: usize, original: usize, processes: impl Iterator<Item = usize>) {
        self.met.remove(&(township, original));
        self.kept_out.remove(&(township, original));
        processes.for_each(|n| {
            self.told.remove(&n);
        });
    }

    /// A node that was told that two of it run has answered.
    pub(super) fn check_answer(
        &self,
        broken: &mut Broken,
        n: usize,
        command: &Command,
        answer: &Result<Outcome, Refusal>,
    ) {
        let spends = matches!(command, Command::Redeem(_) | Command::Grant(_) | Command::Reverse(_));
        if spends && self.told.contains(&n) && *answer == Ok(Outcome::New) {
            broken.broke(7, "lives", format!("node {n} was told that two of it run and takes {command:?}"));
        }
    }

    /// A node writes: it may give up rights only if nothing of its own is missing.
    pub(super) fn check_spending(&mut self, broken: &mut Broken, n: usize, segment: &Segment, node: &SimNode) {
        let spends = |entry: &Entry| !matches!(entry, Entry::Award(_));
        let spending = segment.records.iter().flatten().filter_map(Entry::from_record).find(spends);
        if let Some(entry) = spending
            && self.lacks_own(n, node)
        {
            let what = format!("restored node {n} writes {} before its own lost entries are back", entry.request());
            broken.broke(7, "lives", what);
        }
    }
}
