//! The oracles: what may never be seen, whatever links, disks, clocks and hostile neighbours do.
//!
//! The engine tells them of everything that happens ([`Oracle::appended`], [`Oracle::sent`], …); each call looks
//! only at what that event changed. They know what clerks asked for and were told, and look at nodes from
//! outside. A rule is stated here on its own: no oracle calls the rule of the protocol that it checks.
//!
//! | promise | oracle | what is watched |
//! |---|---|---|
//! | 1 acknowledged means durable | `durable` | at each answer, segment sent and `Have`: the segment lies in the synced part of the journal; at each start: everything answered is there; at the end: at every reader |
//! | 2 no overspend | `rights` | a shadow ledger over what authors wrote: no node gives up rights that it does not hold; no view shows more than was written, nor a balance that is not earned − reversed − redeemed; at the end sums equal those of the acknowledged commands |
//! | 3 entries are immutable | `once` | one entry for each slip; a retry is answered "already"; nothing is written that nobody asked for; what was answered stands unchanged |
//! | 4 nobody writes outside their scope | `writes` | a segment taken in is byte for byte one that its author wrote, within its author's scope, and of a revoked author it came from the township |
//! | 5 nobody reads outside their scope | `reads` | no segment or vector is sent to, or kept by, one that may not read the document |
//! | 6 convergence | `order`, `agree` | each author's changes arrive in order and never go back; at the end equal heads, values and digests at all readers, nothing awaited, silence, the same again from disk |
//! | 7 no node poisons others | `lives` | no number is used twice with another content; a restored node spends nothing before its own lost entries are back; a township that has met a node and its copy greets neither, and who has been told spends nothing; no alarm and no refusal among honest nodes |
//! | 8 bounded | `bounds` | sessions beyond the connections that there are, held effects, staged records, quarantine, frames on the way to one peer |
//! | 9 every figure names its horizon | `horizon` | "caught up" is said only by a node that has all that the peer had when it greeted; "last heard" is not later than the last frame |
//!
//! A node that the plan makes hostile ([`Oracle::hostile`]) is judged by nobody; the others still are. A copy that runs
//! beside its original is judged like any node, and what both write belongs to one holder of rights: what may then be
//! seen, and how much, is said in `rights`.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::replica::{PeerId, Replica};
use xiangyue_protocol::schema::{Ask, Entry};
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::{Actor, Command, DocId, Millis, NodeId, OrgCode, Outcome, Refusal};

use crate::disk::Disk;
use crate::node::{Parcel, SimNode};
use crate::scheduler::Micros;

mod agree;
mod bounds;
mod durable;
mod horizon;
mod lives;
mod once;
mod order;
mod rights;
mod scope;
mod shadow;

pub use bounds::{FRAMES_ON_THE_WAY, HELD_EFFECTS, QUARANTINED, STAGED_RECORDS};
pub use shadow::key_of;

use bounds::Bounds;
use horizon::Horizon;
use lives::Lives;
use order::Order;
use rights::Rights;
use scope::Scope;
use shadow::Shadow;

/// Violations that are kept of one run; the first ones explain the rest.
const KEPT: usize = 12;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub promise: u8,
    /// Which oracle saw it.
    pub oracle: &'static str,
    /// When.
    pub at: Micros,
    /// What was seen.
    pub what: String,
}

/// What was broken so far.
#[derive(Debug, Clone, Default)]
struct Broken {
    kept: Vec<Violation>,
    seen: u64,
    /// The time of the event that is looked at.
    at: Micros,
}

impl Broken {
    fn broke(&mut self, promise: u8, oracle: &'static str, what: String) {
        self.seen += 1;
        let at = self.at;
        let known = self.kept.iter().any(|violation| violation.what == what);
        if !known && self.kept.len() < KEPT {
            self.kept.push(Violation { promise, oracle, at, what });
        }
    }
}

/// Who the nodes are, as the plan says.
#[derive(Debug, Clone, Default)]
struct People {
    orgs: Vec<OrgCode>,
    ids: Vec<NodeId>,
    by_id: BTreeMap<NodeId, usize>,
    /// The node that each is, or is a copy of.
    originals: Vec<usize>,
    /// Lives of copies.
    copies: BTreeMap<Actor, usize>,
    hostile: BTreeSet<usize>,
}

impl People {
    fn is_hostile(&self, node: usize) -> bool {
        self.hostile.contains(&self.originals[node])
    }

    /// The position of an author; none for one that the plan does not know.
    fn author(&self, actor: Actor) -> Option<usize> {
        self.copies.get(&actor).or_else(|| self.by_id.get(&actor.node)).copied()
    }

    /// Whether the plan has nodes that run on copies of others' disks.
    fn has_copies(&self) -> bool {
        self.originals.len() > self.by_id.len()
    }

    /// A node and its copies.
    fn processes(&self, original: usize) -> impl Iterator<Item = usize> {
        let copies = (0..self.originals.len()).filter(move |n| self.originals[*n] == original && *n != original);
        std::iter::once(original).chain(copies.take(if self.has_copies() { usize::MAX } else { 0 }))
    }

    /// Whether a node has been running beside a copy of itself, or is one.
    fn is_doubled(&self, node: usize) -> bool {
        self.copies.values().any(|copy| self.originals[*copy] == self.originals[node])
    }
}

/// The oracles of one run.
#[derive(Debug, Clone, Default)]
pub struct Oracle {
    broken: Broken,
    people: People,
    shadow: Shadow,
    rights: Rights,
    scope: Scope,
    order: Order,
    lives: Lives,
    bounds: Bounds,
    horizon: Horizon,
}

impl Oracle {
    /// Oracles for these nodes. Of several with one id the first is the original, the others run on copies of its disk.
    pub fn new<'a>(nodes: impl Iterator<Item = &'a SimNode>) -> Oracle {
        let mut people = People::default();
        for (n, node) in nodes.enumerate() {
            people.orgs.push(node.org.clone());
            people.ids.push(node.id());
            people.originals.push(*people.by_id.entry(node.id()).or_insert(n));
        }
        Oracle { people, ..Oracle::default() }
    }

    /// What was broken, earliest first; at most a dozen.
    pub fn violations(&self) -> &[Violation] {
        &self.broken.kept
    }

    /// How often anything was broken.
    pub fn broken(&self) -> u64 {
        self.broken.seen
    }

    /// Enters a violation that the engine has seen.
    pub fn broke(&mut self, promise: u8, oracle: &'static str, at: Micros, what: String) {
        self.broken.at = at;
        self.broken.broke(promise, oracle, what);
    }

    /// From now on this node does as it likes: it is a clone, a forger or an equivocator.
    pub fn hostile(&mut self, node: usize) {
        self.people.hostile.insert(self.people.originals[node]);
    }

    /// Whether a node is one of those.
    pub fn is_hostile(&self, node: usize) -> bool {
        self.people.is_hostile(node)
    }

    /// Whether an author is one of those, or nobody in the plan.
    pub fn lies(&self, author: NodeId) -> bool {
        self.people.ids.iter().position(|id| *id == author).is_none_or(|n| self.people.is_hostile(n))
    }

    /// In what two nodes' copies of a document differ, but for what hostile authors told them.
    pub fn difference(&self, ours: &Doc, theirs: &Doc) -> Option<&'static str> {
        if ours.digest() == theirs.digest() { None } else { agree::difference(&self.people, ours, theirs) }
    }

    /// Whether everybody who may hold a document must have it: not if none but hostile authors wrote it.
    pub fn must_spread(&self, doc: &Doc) -> bool {
        !agree::is_hostile(&self.people, doc)
    }

    /// A clerk has asked, and this is what the node said at once.
    pub fn answered(&mut self, at: Micros, n: usize, commands: &[Command], answers: &[Result<Outcome, Refusal>]) {
        self.broken.at = at;
        if self.people.is_hostile(n) {
            return;
        }
        for (command, answer) in commands.iter().zip(answers) {
            self.lives.check_answer(&mut self.broken, n, command, answer);
            self.shadow.asked(n, command);
            once::check_answer(&mut self.broken, &self.shadow, n, command, answer);
        }
    }

    /// A clerk was told that this is done. Says whether it is new: a retry is not.
    pub fn acknowledged(&mut self, at: Micros, n: usize, command: &Command, node: &SimNode) -> bool {
        self.broken.at = at;
        if self.people.is_hostile(n) {
            return false;
        }
        let key = key_of(command);
        let Some(op) = self.shadow.op(n, &key) else {
            self.broken.broke(1, "durable", format!("node {n} acknowledged {key} and has not written it"));
            return false;
        };
        durable::check_acknowledged(&mut self.broken, n, &key, op, node);
        once::check_content(&mut self.broken, n, &key, op, command);
        self.shadow.acknowledge(n, &key)
    }

    /// A node has put a segment into its journal: its own, or one that came from `from`.
    pub fn appended(&mut self, at: Micros, n: usize, segment: &Segment, from: Option<usize>, node: &SimNode) {
        self.broken.at = at;
        let Some(replica) = &node.replica else { return };
        if self.people.is_hostile(n) {
            return;
        }
        let header = &segment.header;
        let author = self.people.author(header.actor);
        let hostile_author = author.is_none_or(|author| self.people.is_hostile(author));
        let own = header.actor == replica.actor();
        let broken = &mut self.broken;
        self.scope.check_kept(broken, &self.people, n, &header.doc);
        self.order.check_append(broken, n, header, replica);
        if own {
            self.scope.authored(segment);
            self.lives.check_number(broken, n, segment);
            self.lives.check_spending(broken, n, segment, node);
            // A merchant's ask moves nothing, and a later one takes its place.
            for record in segment.records.iter().flatten().filter(|record| Ask::from_record(record).is_none()) {
                let entry = Entry::from_record(record);
                once::check_written(broken, &self.shadow, n, &header.doc, record, entry.as_ref());
                let op = self.shadow.write(n, header, record, entry);
                self.rights.enter(broken, &self.people, &op);
            }
        } else {
            self.scope.check_taken(broken, &self.people, n, segment, from, replica);
            for op in self.shadow.came_back(&self.people, n, segment) {
                self.rights.enter(broken, &self.people, &op);
            }
        }
        if hostile_author {
            self.rights.touched_by_hostile(segment);
        }
        self.rights.shown_anew(n, segment);
    }

    /// A node of a later version has written something that nobody here knows, and nobody here had asked for.
    pub fn wrote_unknown(&mut self, segment: &Segment) {
        self.scope.authored(segment);
    }

    /// Something is on its way from a node to another.
    pub fn sent(&mut self, at: Micros, n: usize, to: usize, parcel: &Parcel, node: &SimNode) {
        self.broken.at = at;
        if self.people.is_hostile(n) {
            return;
        }
        durable::check_sent(&mut self.broken, n, parcel, node);
        self.scope.check_sent(&mut self.broken, &self.people, to, parcel);
    }

    /// A connection comes up at a node, which calls it `own`, and composes its greeting to the node `to`, which
    /// calls it `peer`.
    pub fn connects(&mut self, n: usize, own: PeerId, to: usize, peer: PeerId, node: &SimNode) {
        self.bounds.connected(n, own);
        self.lives.connects(n, own, self.people.originals[to]);
        if let Some(replica) = node.replica.as_ref().filter(|_| !self.people.is_hostile(n)) {
            self.horizon.greeted(peer, n, &self.people.orgs[to], replica);
        }
    }

    /// A node greets another over a connection that it calls `own`.
    pub fn greets(&mut self, at: Micros, n: usize, own: PeerId, to: usize) {
        self.broken.at = at;
        if !self.people.is_hostile(n) {
            self.lives.check_greeting(&mut self.broken, n, own, to);
        }
    }

    /// A township has been greeted by a node in its present life.
    pub fn greeted_by(&mut self, township: usize, n: usize, actor: Actor) {
        self.lives.greeted_by(township, self.people.originals[n], actor);
    }

    /// A copy of a node's disk was made: what the node has given up and is on it, the copy knows of.
    pub fn copied(&mut self, original: usize, copy: usize, disk: &Disk) {
        let on_it = |op: &&shadow::Op| op.places.iter().any(|(actor, last)| disk.holds_safely(&op.doc, *actor, *last));
        let known = self.shadow.ops().filter(|op| op.author == original).filter(on_it);
        self.rights.copied(copy, known.map(|op| &op.act));
    }

    /// A copy begins a life beside its original.
    pub fn lives_beside(&mut self, copy: usize, actor: Actor) {
        self.people.copies.insert(actor, copy);
    }

    /// A node has been told by its township that two of it run.
    pub fn told_of_twin(&mut self, n: usize) {
        self.lives.told_of_twin(n, self.people.originals[n]);
    }

    /// A township lets a node in again of which it had met two.
    pub fn readmitted(&mut self, township: usize, original: usize) {
        self.lives.readmitted(township, original, self.people.processes(original));
    }

    /// Accounts of which a node and its copy have spent the same points, as of what both have written.
    pub fn spent_by_both(&self) -> usize {
        self.rights.overdrawn().count()
    }

    /// A node has taken in a frame that came over a connection.
    pub fn arrived(&mut self, at: Micros, n: usize, peer: PeerId, now: Millis, node: &SimNode) {
        self.broken.at = at;
        if !self.people.is_hostile(n) {
            self.horizon.check(&mut self.broken, n, peer, now, node);
        }
    }

    /// A node that called a connection `own` is told that it is gone.
    pub fn gone(&mut self, n: usize, own: PeerId) {
        self.bounds.gone(n, own);
        self.horizon.gone(own);
    }

    /// After every event at a node: its queues are within their limits.
    pub fn watch(&mut self, at: Micros, n: usize, node: &SimNode) {
        self.broken.at = at;
        if self.people.is_hostile(n) {
            return;
        }
        self.bounds.check(&mut self.broken, n, node);
        self.shadow.settle(n, &node.disk);
        if let Some(replica) = &node.replica {
            let lacks = [self.lives.lacks_own(n, node), self.lives.lacks_any(n, node)];
            self.rights.check_view(&mut self.broken, &self.people, n, replica, lacks);
        }
    }

    /// So many frames are on their way over one connection towards one end, at most.
    pub fn on_the_way(&mut self, at: Micros, n: usize, frames: usize) {
        self.broken.at = at;
        bounds::check_on_the_way(&mut self.broken, n, frames);
    }

    /// A node has started again after a power cut: everything that its clerk was told is there.
    pub fn started(&mut self, at: Micros, n: usize, node: &SimNode) {
        self.broken.at = at;
        let Some(replica) = &node.replica else { return };
        if self.people.is_hostile(n) {
            return;
        }
        self.bounds.restarted(n);
        self.lives.restarted(n, node.twins.iter().filter_map(|id| self.people.by_id.get(id)).copied());
        self.order.restarted(n, replica);
        self.shadow.restarted(n, &node.disk);
        for op in durable::check_started(&mut self.broken, n, &mut self.shadow, replica) {
            self.rights.forget(&self.people, &op);
            self.lives.forget(&op);
        }
    }

    /// A disk died and the node has started from a backup. What no other disk holds safely may be gone: no
    /// protocol brings it back. `others` are all nodes with their positions.
    pub fn restored<'a>(
        &mut self,
        n: usize,
        node: &SimNode,
        others: impl Iterator<Item = (usize, &'a SimNode)> + Clone,
    ) {
        let Some(replica) = &node.replica else { return };
        self.bounds.restarted(n);
        self.order.restarted(n, replica);
        self.shadow.restarted(n, &node.disk);
        self.lives.restored(n, (self.people.ids[n], &self.people.orgs[n]), others.clone());
        for op in self.shadow.disk_died(n, replica, others) {
            self.rights.bereft(&op);
            self.rights.forget(&self.people, &op);
        }
    }

    /// Everything has come to rest: these replicas agree with each other and with the shadow ledger. Nodes that
    /// are down, cut off or outside the core are left out by the caller, who explains them.
    pub fn check_end(&mut self, at: Micros, replicas: &[(usize, &Replica)]) {
        self.broken.at = at;
        let honest: Vec<(usize, &Replica)> =
            replicas.iter().copied().filter(|(n, _)| !self.people.is_hostile(*n)).collect();
        agree::check(&mut self.broken, &self.people, &self.lives, &honest);
        durable::check_present(&mut self.broken, &self.people, &self.shadow, &honest);
        once::check_unchanged(&mut self.broken, &self.people, &self.shadow, &honest);
        once::check_counts(&mut self.broken, &self.people, &self.shadow, &honest);
        self.rights.check_sums(&mut self.broken, &self.people, &self.shadow, &honest);
    }
}

/// Whether a replica's document shows anything under this key.
fn holds(replica: &Replica, doc: &DocId, key: &str) -> bool {
    shadow::standing(replica, doc, key).is_some()
}
