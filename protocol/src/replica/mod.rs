//! The replica: the state machine that decides what a node writes, accepts, sends and acknowledges.
//!
//! **One contract: after every call that takes `&mut self`, drain [`Replica::poll_effect`] to the end.** Effects
//! are values; the driver carries them out and reports back by calls. Time, keys and identities are arguments.
//!
//! **One rule for durability: nothing leaves before everything that happened before it is durable.** An
//! [`Effect::Append`] comes out at once; every other effect waits until the driver has reported, with
//! [`Replica::durable`], all appends that were asked for before it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ed25519_dalek::SigningKey;

use crate::access;
use crate::doc::Doc;
use crate::error::Refusal;
use crate::frame::Frame;
use crate::id::{Actor, DocId, Kind, NodeId, Shard};
use crate::mutant::Mutant;
use crate::org::OrgCode;
use crate::policy::Policy;
use crate::segment::{Segment, Verified};
use crate::time::{Date, Hlc, Millis};
use crate::views::Views;

mod claims;
mod commit;
mod expire;
mod grant;
mod keys;
mod price;
mod print;
mod propagate;
mod put;
mod receive;
mod reissue;
mod session;
mod share;
mod staged;
mod standing;

pub use commit::Mode;
pub use expire::Expiring;
pub use grant::GrantStatus;
use grant::Review;
pub use keys::KeyRing;
use propagate::Spread;
use session::Session;
pub use session::{PeerId, SessionStatus};
use staged::Staged;
pub use standing::Hold;
use standing::Standing;

/// Authors whose segments were refused that are remembered; the lowest ids make room.
const QUARANTINED_AUTHORS: usize = 256;

/// Who a replica is and whom it trusts from the start.
#[derive(Debug, Clone)]
pub struct Member {
    /// The key that signs its segments; its fingerprint is the node's id.
    pub key: SigningKey,
    /// Which of its lives.
    pub incarnation: u32,
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// Public keys of the township's own nodes, by which the directory is believed.
    pub anchors: Vec<[u8; 32]>,
    /// True after a restore or an unclean recovery: spending waits for the node's own lost entries. The driver
    /// keeps it true over further restarts until [`Replica::is_frozen`] has said no.
    pub frozen: bool,
}

/// Names a commit until it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Something that a person must hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// One author wrote two different changes under one number.
    Forked {
        /// Where.
        doc: DocId,
        /// Who.
        actor: Actor,
        /// From which number on they differ, as far as known.
        seq: u64,
    },
    /// Another process runs under this node's own name.
    Cloned,
    /// This node was revoked.
    Revoked,
    /// At a township: two processes run under one node's name.
    Twins {
        /// Which.
        node: NodeId,
    },
    /// An author's segment was refused.
    Quarantined {
        /// Who.
        author: NodeId,
        /// Why.
        refusal: Refusal,
    },
}

/// What the driver must do.
#[derive(Clone, Debug)]
pub enum Effect {
    /// Append these bytes to the journal, make them durable, then call [`Replica::durable`] with the token.
    Append {
        /// Names this append; tokens rise by one.
        token: u64,
        /// The segment, for the driver's own index.
        segment: Arc<Segment>,
    },
    /// Tell the person who asked that this commit is done and durable.
    Acknowledge(Ticket),
    /// Send a frame.
    Send(PeerId, Frame),
    /// Send the stored segments of this actor and document that end after `after`, up to and with `upto`.
    Serve {
        /// To whom.
        peer: PeerId,
        /// Which document.
        doc: DocId,
        /// Whose.
        actor: Actor,
        /// The peer has everything up to here.
        after: u64,
        /// The last that the peer lacks.
        upto: u64,
    },
    /// Send the stored segments of this actor and document that end after `after`, up to and with `upto`, if they are no
    /// more than `at_most`: the peer has all of it in more pieces.
    Recut {
        /// To whom.
        peer: PeerId,
        /// Which document.
        doc: DocId,
        /// Whose.
        actor: Actor,
        /// The run begins after this.
        after: u64,
        /// Where it ends.
        upto: u64,
        /// So many segments are worth sending.
        at_most: u64,
    },
    /// Close the connection: the peer broke the protocol, or may not talk to us.
    Close(PeerId, Refusal),
    /// Tell a person.
    Alarm(Alarm),
}

/// What became of segments of one author that were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantine {
    /// The last refusal.
    pub refusal: Refusal,
    /// How many segments.
    pub count: u64,
}

/// Counters for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Segments accepted from peers.
    pub received: u64,
    /// Segments that were here already.
    pub redundant: u64,
    /// Segments refused.
    pub refused: u64,
    /// Segments written here.
    pub committed: u64,
    /// Segments signed anew here in place of smaller ones.
    pub reissued: u64,
    /// Segments taken from peers in place of smaller ones.
    pub recut: u64,
    /// Rows announced to peers instead of being pushed.
    pub announced: u64,
    /// Rows asked for after an announcement.
    pub wanted: u64,
    /// Times that a peer was asked to announce instead of pushing.
    pub pruned: u64,
    /// Rights granted without a clerk.
    pub granted: u64,
    /// Rights asked for after a refusal.
    pub asked: u64,
}

/// What a replica keeps for later: for metrics, and for whoever watches that it stays bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Connections.
    pub sessions: usize,
    /// Records staged and not flushed.
    pub staged: usize,
    /// Effects that wait until what came before them is durable.
    pub held: usize,
    /// Authors in quarantine.
    pub quarantined: usize,
}

/// The state machine. See the module's text.
#[derive(Clone, Debug)]
pub struct Replica {
    member: Member,
    node: NodeId,
    /// Shared with whoever has asked for them, and between replicas of one process that hold the same of them.
    docs: BTreeMap<DocId, Arc<Doc>>,
    views: Views,
    keys: KeyRing,
    clock: Hlc,
    /// The township's time when it last greeted, and how far that was ahead of this node's.
    township_clock: Option<(Millis, i64)>,
    frozen: bool,
    standing: Standing,
    staged: Staged,
    next_ticket: u64,
    tickets: Vec<Ticket>,
    appended: u64,
    durable: u64,
    appends: VecDeque<Effect>,
    held: VecDeque<(u64, Effect)>,
    sessions: BTreeMap<PeerId, Session>,
    quarantine: BTreeMap<NodeId, Quarantine>,
    forked: BTreeSet<(DocId, Actor)>,
    counters: Counters,
    policy: Policy,
    spread: Spread,
    #[cfg(feature = "mutants")]
    mutant: Option<Mutant>,
    review: Review,
}

impl Replica {
    /// A replica with no documents.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when an anchor is not an Ed25519 public key.
    pub fn new(member: Member) -> Result<Replica, Refusal> {
        let node = NodeId::of_key(member.key.verifying_key().as_bytes());
        Ok(Replica {
            frozen: member.frozen,
            keys: KeyRing::of(&member)?,
            member,
            node,
            docs: BTreeMap::new(),
            views: Views::default(),
            clock: Hlc::default(),
            township_clock: None,
            standing: Standing::default(),
            staged: Staged::default(),
            next_ticket: 0,
            tickets: Vec::new(),
            appended: 0,
            durable: 0,
            appends: VecDeque::new(),
            held: VecDeque::new(),
            sessions: BTreeMap::new(),
            quarantine: BTreeMap::new(),
            forked: BTreeSet::new(),
            counters: Counters::default(),
            policy: Policy::default(),
            spread: Spread::default(),
            #[cfg(feature = "mutants")]
            mutant: None,
            review: Review::default(),
        })
    }

    /// Puts back a document that was stored with the index. Call before anything else.
    pub fn restore(&mut self, id: DocId, doc: Doc) {
        self.views.fold(&id, &doc);
        if id.kind == Kind::Directory {
            self.keys.directory = Arc::clone(&self.views.directory);
        }
        self.docs.insert(id, Arc::new(doc));
    }

    /// Applies a segment from the journal, if the restored documents do not cover it yet. False when its predecessors
    /// are damaged or missing: it does not count until they, and it, have been fetched again from a peer.
    ///
    /// # Errors
    /// When its body does not open.
    pub fn replay(&mut self, verified: Verified) -> Result<bool, Refusal> {
        let header = verified.header();
        let have = self.docs.get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        // A run that was signed anew stands in the journal twice.
        if header.last <= have { Ok(true) } else { Ok(self.replay_opened(&verified.open()?)) }
    }

    /// The same for a segment that has been opened.
    pub fn replay_opened(&mut self, segment: &Segment) -> bool {
        let header = &segment.header;
        let have = self.docs.get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        if header.first > have + 1 {
            return false;
        }
        self.apply(segment);
        true
    }

    /// This node's id.
    pub fn node(&self) -> NodeId {
        self.node
    }

    /// The actor that this replica writes as.
    pub fn actor(&self) -> Actor {
        Actor { node: self.node, incarnation: self.member.incarnation }
    }

    /// The organisation that it acts for.
    pub fn org(&self) -> &OrgCode {
        &self.member.org
    }

    /// Whether spending waits for the node's own lost entries.
    pub fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// The documents held, by id.
    pub fn docs(&self) -> &BTreeMap<DocId, Arc<Doc>> {
        &self.docs
    }

    /// The documents of one organisation and kind, by shard.
    pub fn docs_of(&self, org: &OrgCode, kind: Kind) -> impl Iterator<Item = (&DocId, &Arc<Doc>)> {
        let from = DocId { org: org.clone(), kind, shard: Shard::Whole };
        self.docs.range(from.clone()..).take_while(move |(id, _)| id.org == from.org && id.kind == kind)
    }

    /// What the documents say together.
    pub fn views(&self) -> &Views {
        &self.views
    }

    /// Keys of all authors known.
    pub fn keys(&self) -> KeyRing {
        self.keys.clone()
    }

    /// Takes policies; by default all are as [`Policy::default`]. What was agreed with connected peers is forgotten.
    pub fn govern(&mut self, policy: Policy) {
        self.policy = policy;
        self.respread();
        self.review_all();
    }

    /// The policies in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Counters for metrics.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// What is kept for later.
    pub fn load(&self) -> Load {
        Load {
            sessions: self.sessions.len(),
            staged: self.staged.len(),
            held: self.held.len(),
            quarantined: self.quarantine.len(),
        }
    }

    /// Authors whose segments were refused.
    pub fn quarantine(&self) -> &BTreeMap<NodeId, Quarantine> {
        &self.quarantine
    }

    /// The highest time that this replica has seen: a floor for a clock that was reset by a power cut.
    pub fn clock(&self) -> Hlc {
        self.clock
    }

    /// The day in China: by the township's clock once it has been heard, else by the later of this node's clock and the
    /// last time it has written under. A clock that was ahead for a while leaves such a time behind, and only the
    /// township can tell it from a clock that a power cut has set back.
    pub fn today(&self, now: Millis) -> Date {
        let time = match self.township_clock {
            // Not before it was heard, should this node's clock be set back since.
            Some((heard, skew)) => Millis(now.0.saturating_add_signed(skew)).max(heard),
            None => self.clock.tick(now).millis(),
        };
        time.china_date()
    }

    /// The township's clock minus this node's when it last greeted, in milliseconds; none until then.
    pub fn township_skew(&self) -> Option<i64> {
        self.township_clock.map(|(_, skew)| skew)
    }

    /// Tells of a time that was seen durable before: the clock never falls behind it.
    pub fn raise_clock(&mut self, floor: Hlc) {
        self.clock = self.clock.max(floor);
    }

    /// Reports that all appends up to and with `token` are durable.
    pub fn durable(&mut self, token: u64) {
        self.durable = self.durable.max(token).min(self.appended);
        self.thaw_if_durable();
    }

    /// The next thing to do; none when all is done or waits for [`Replica::durable`].
    pub fn poll_effect(&mut self) -> Option<Effect> {
        if let Some(append) = self.appends.pop_front() {
            return Some(append);
        }
        let (after, _) = self.held.front()?;
        if *after > self.durable && !self.has(Mutant::HoldNothingBack) {
            return None;
        }
        self.held.pop_front().map(|(_, effect)| effect)
    }

    /// Queues an effect behind every append asked for so far.
    fn emit(&mut self, effect: Effect) {
        self.held.push_back((self.appended, effect));
    }

    fn append(&mut self, segment: Arc<Segment>) {
        self.appended += 1;
        self.appends.push_back(Effect::Append { token: self.appended, segment });
    }

    fn doc_mut(&mut self, id: &DocId) -> &mut Doc {
        if !self.docs.contains_key(id) {
            self.docs.insert(id.clone(), Arc::new(Doc::empty(id)));
        }
        self.docs.get_mut(id).map(Arc::make_mut).unwrap_or_else(|| unreachable!("inserted above"))
    }

    /// Enters the changes of a sound segment that are not here yet.
    fn apply(&mut self, segment: &Segment) {
        let header = &segment.header;
        if header.actor.node == self.node || self.is_township(header.actor.node) {
            self.clock = self.clock.max(header.hlc);
        }
        let have = self.docs.get(&header.doc).map_or(0, |doc| doc.last(header.actor));
        let Replica { docs, views, review, .. } = self;
        let doc = docs.entry(header.doc.clone()).or_insert_with(|| Arc::new(Doc::empty(&header.doc)));
        let doc = Arc::make_mut(doc);
        for ((seq, change), records) in (header.first..).zip(&segment.changes).zip(&segment.records) {
            if seq <= have {
                continue;
            }
            doc.enter(header.actor, seq, change);
            for record in records {
                let absorbed = doc.summary.absorb(&header.doc, record, header.actor.node);
                views.absorb(&header.doc, &absorbed, header.actor.node);
                review.note(&absorbed);
            }
        }
        if header.doc.kind == Kind::Directory {
            self.keys.directory = Arc::clone(&self.views.directory);
        }
    }

    /// The organisation that a node acts for: from the directory, or the township for its anchors.
    fn org_of(&self, node: NodeId) -> Option<OrgCode> {
        if node == self.node {
            return Some(self.member.org.clone());
        }
        if let Some(entry) = self.views.directory.node(node) {
            return Some(entry.org.clone());
        }
        self.member.anchors.iter().any(|key| NodeId::of_key(key) == node).then(|| self.member.org.township()).flatten()
    }

    /// Whether a node acts for this township, whose clock is believed.
    fn is_township(&self, node: NodeId) -> bool {
        match self.views.directory.node(node) {
            Some(entry) => Some(&entry.org) == self.member.org.township().as_ref(),
            None => self.member.anchors.iter().any(|key| NodeId::of_key(key) == node),
        }
    }

    /// Whether the directory says that a node's word counts no further.
    fn is_revoked(&self, node: NodeId) -> bool {
        self.views.directory.revocation(node).is_some() && !self.has(Mutant::IgnoreRevocation)
    }

    /// Documents that both this node and one of `org` may hold.
    fn shared_with<'a>(&'a self, org: &'a OrgCode) -> impl Iterator<Item = (&'a DocId, &'a Arc<Doc>)> {
        access::carried(&self.docs, org)
    }

    /// This replica as a start under `member` would find it whose index covers the whole journal: documents, views
    /// and clock are there, connections, requests and everything that waited are gone. None when something was
    /// staged or not durable: then the journal must be read. For drivers that start nodes by the thousand.
    pub fn restarted(self, member: Member) -> Option<Result<Replica, Refusal>> {
        if !self.staged.is_empty() || self.durable < self.appended {
            return None;
        }
        let Replica { docs, views, clock, .. } = self;
        Some(Replica::new(member).map(|fresh| {
            let mut keys = fresh.keys;
            keys.directory = Arc::clone(&views.directory);
            Replica { docs, views, clock, keys, ..fresh }
        }))
    }

    fn set_aside(&mut self, author: NodeId, refusal: &Refusal) {
        self.counters.refused += 1;
        if self.quarantine.len() >= QUARANTINED_AUTHORS && !self.quarantine.contains_key(&author) {
            self.quarantine.pop_first();
        }
        let row = self.quarantine.entry(author).or_insert(Quarantine { refusal: refusal.clone(), count: 0 });
        row.refusal = refusal.clone();
        row.count += 1;
        self.emit(Effect::Alarm(Alarm::Quarantined { author, refusal: refusal.clone() }));
    }

    /// Plants a bug.
    #[cfg(feature = "mutants")]
    pub fn plant(&mut self, mutant: Mutant) {
        self.mutant = Some(mutant);
    }

    /// Whether a bug is planted.
    #[cfg(feature = "mutants")]
    fn has(&self, mutant: Mutant) -> bool {
        self.mutant == Some(mutant)
    }

    /// Whether a bug is planted: never in this build.
    #[cfg(not(feature = "mutants"))]
    const fn has(&self, _: Mutant) -> bool {
        false
    }

    fn tick(&mut self, now: Millis) -> Hlc {
        self.clock = self.clock.tick(now);
        self.clock
    }
}
