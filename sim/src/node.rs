//! One simulated node: a replica, its disk, and the driver between them.
//!
//! **Lives.** As the real node does, each start draws a fresh incarnation by chance. A start after a restore, or
//! after damage that recovery has found, is frozen as well.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use ed25519_dalek::{SigningKey, VerifyingKey};
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::policy::Policy;
use xiangyue_protocol::replica::{Alarm, Effect, Member, PeerId, Replica, SessionStatus, Ticket};
use xiangyue_protocol::segment::{Sealed, Segment, Verified};
use xiangyue_protocol::{Actor, Code, Millis, NodeId, OrgCode, Refusal};

use crate::disk::{Damage, Disk, Row};
use crate::mutant::Mutant;
use crate::plan::NodeSpec;
use crate::rng::Rng;

/// What goes over a wire.
#[derive(Debug, Clone)]
pub enum Parcel {
    /// Any frame; a segment's bytes have not been looked at.
    Frame(Frame),
    /// A stored segment.
    Row(Arc<Row>),
    /// Type and payload of a frame that only a later version knows.
    Unknown(Vec<u8>),
}

impl Parcel {
    /// As the protocol knows it, if it does.
    pub fn frame(&self) -> Option<Frame> {
        match self {
            Parcel::Frame(frame) => Some(frame.clone()),
            Parcel::Row(row) => Some(Frame::Segment(Arc::clone(&row.bytes))),
            Parcel::Unknown(bytes) => Frame::decode(bytes).ok().flatten(),
        }
    }

    /// Whether it is a segment.
    pub fn is_segment(&self) -> bool {
        matches!(self, Parcel::Row(_) | Parcel::Frame(Frame::Segment(_)))
    }
}

/// Segments that somebody has verified and opened: the same bytes need it only once, whoever receives them.
///
/// That is sound because both depend on the bytes and the author's key alone, and the author is named by its key.
#[derive(Debug, Default)]
pub struct Opened {
    known: BTreeMap<[u8; 16], Arc<Segment>>,
    order: VecDeque<[u8; 16]>,
}

impl Opened {
    /// Segments kept; the oldest make room.
    const KEPT: usize = 1 << 15;

    fn open(&mut self, row: &Row, key: &VerifyingKey) -> Result<Arc<Segment>, Refusal> {
        self.find(row, |sealed| sealed.verify(key))
    }

    fn reread(&mut self, row: &Row) -> Result<Arc<Segment>, Refusal> {
        self.find(row, |sealed| Ok(sealed.from_journal()))
    }

    fn find(
        &mut self,
        row: &Row,
        verify: impl FnOnce(Sealed) -> Result<Verified, Refusal>,
    ) -> Result<Arc<Segment>, Refusal> {
        if let Some(segment) = self.known.get(&row.print) {
            return Ok(Arc::clone(segment));
        }
        let segment = Arc::new(verify(Sealed::parse(Arc::clone(&row.bytes))?)?.open()?);
        self.known.insert(row.print, Arc::clone(&segment));
        self.order.push_back(row.print);
        if self.order.len() > Self::KEPT {
            self.order.pop_front().map(|oldest| self.known.remove(&oldest));
        }
        Ok(segment)
    }
}

/// What the world must do for a node.
#[derive(Debug)]
pub enum Output {
    /// This segment went into the journal.
    Appended(Arc<Segment>, Arc<Row>),
    /// A commit is done.
    Acknowledge(Ticket),
    /// Send something.
    Send(PeerId, Parcel),
    /// Send these stored segments. They wait as one thing: the real driver reads them when it comes to them.
    Serve(PeerId, Vec<Arc<Row>>),
    /// Close a connection.
    Close(PeerId, Refusal),
    /// Tell a person.
    Alarm(Alarm),
}

/// A copy of a node's disk.
#[derive(Debug, Clone)]
pub struct Image {
    disk: Disk,
    incarnation: u32,
    frozen: bool,
}

impl Image {
    /// The journal on it.
    pub fn disk(&self) -> &Disk {
        &self.disk
    }
}

/// A node.
#[derive(Debug, Clone)]
pub struct SimNode {
    /// Its name in the plan.
    pub name: String,
    /// Its place among organisations.
    pub org: OrgCode,
    id: NodeId,
    key: SigningKey,
    anchors: Vec<[u8; 32]>,
    /// Which of its lives its next entries are written under.
    pub incarnation: u32,
    lives: Rng,
    /// What its index covers, while the power is off: all of the journal, or nothing.
    index: Option<Replica>,
    /// Whether it starts frozen.
    pub frozen: bool,
    /// Counts starts, so that what was begun before a crash is not finished after it.
    pub life: u64,
    /// The state machine; none while the power is off.
    pub replica: Option<Replica>,
    /// The journal.
    pub disk: Disk,
    /// Whether a sync is under way.
    pub syncing: bool,
    /// The last append that the replica asked for in this life.
    pub token: u64,
    /// The row of the segment that the replica is taking in.
    incoming: Option<Arc<Row>>,
    /// Syncs until one fails, if one is going to.
    pub io_fails_after: Option<u64>,
    /// Rows in the last backup.
    backup: usize,
    /// Whether it runs on a copy of another's disk.
    is_copy: bool,
    /// At a township: the nodes that it keeps out since two of each run, as it keeps them in a file.
    pub twins: BTreeSet<NodeId>,
    /// How it spreads what is new, and grants rights.
    policy: Policy,
    /// A bug in this driver, if any.
    pub mutant: Option<Mutant>,
}

/// The key of a node, from the seed and its name.
pub fn key_of(seed: u64, name: &str) -> SigningKey {
    let mut rng = Rng::new(seed, name, "key");
    let mut secret = [0; 32];
    for part in secret.chunks_mut(8) {
        part.copy_from_slice(&rng.number().to_be_bytes());
    }
    SigningKey::from_bytes(&secret)
}

impl SimNode {
    /// A node with an empty disk, switched on. The township's public key anchors its trust.
    ///
    /// # Errors
    /// When the anchor is not a key.
    pub fn new(seed: u64, spec: &NodeSpec, anchor: [u8; 32], mutant: Option<Mutant>) -> Result<SimNode, Refusal> {
        let key = key_of(seed, &spec.name);
        let mut node = SimNode {
            name: spec.name.clone(),
            org: spec.org.clone(),
            id: NodeId::of_key(key.verifying_key().as_bytes()),
            key,
            anchors: vec![anchor],
            incarnation: 0,
            lives: Rng::new(seed, &spec.name, "lives"),
            index: None,
            frozen: false,
            life: 0,
            replica: None,
            disk: Disk::default(),
            syncing: false,
            token: 0,
            incoming: None,
            io_fails_after: None,
            backup: 0,
            is_copy: false,
            twins: BTreeSet::new(),
            policy: Policy::default(),
            mutant,
        };
        node.start(&mut Opened::default())?;
        Ok(node)
    }

    /// Gives it policies, for this life and those that follow.
    pub fn govern(&mut self, policy: &Policy) {
        self.policy = policy.clone();
        if let Some(replica) = &mut self.replica {
            replica.govern(policy.clone());
        }
    }

    /// Its public key.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.verifying_key().to_bytes()
    }

    /// Its id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The name under which it writes in this life.
    pub fn actor(&self) -> Actor {
        Actor { node: self.id, incarnation: self.incarnation }
    }

    pub(crate) fn key(&self) -> &SigningKey {
        &self.key
    }

    /// Writes a segment that its replica would not, such as a later version's. False when it does not fit.
    pub(crate) fn writes_past_replica(&mut self, segment: &Segment, row: Arc<Row>) -> bool {
        let fits = self.replica.as_mut().is_some_and(|replica| replica.replay_opened(segment));
        if fits {
            self.disk.append(row);
            self.disk.recover();
        }
        fits
    }

    /// Takes out of the journal what does not read back, and what builds on it. The node then starts frozen.
    pub(crate) fn finds_damage(&mut self) -> bool {
        let found = self.disk.drop_damaged();
        if found {
            self.index = None;
            self.frozen = true;
        }
        found
    }

    fn member(&self) -> Member {
        Member {
            key: self.key.clone(),
            incarnation: self.incarnation,
            org: self.org.clone(),
            anchors: self.anchors.clone(),
            frozen: self.frozen,
        }
    }

    /// With the planted bug, if it is one of the protocol.
    #[cfg_attr(not(feature = "mutants"), expect(unused_mut, reason = "only then is there something to plant"))]
    fn planted(&self, mut replica: Replica) -> Replica {
        #[cfg(feature = "mutants")]
        if let Some(mutant) = self.mutant.and_then(Mutant::in_protocol) {
            replica.plant(mutant);
        }
        replica
    }

    /// A replica made from journal rows alone.
    ///
    /// # Errors
    /// When a row does not read back.
    pub fn replayed<'a>(&self, rows: impl Iterator<Item = &'a Arc<Row>>) -> Result<Replica, Refusal> {
        let mut replica = self.planted(Replica::new(self.member())?);
        for row in rows {
            replica.replay(Sealed::parse(Arc::clone(&row.bytes))?.from_journal())?;
        }
        Ok(replica)
    }

    /// Switches the node on.
    ///
    /// # Errors
    /// When the journal does not read back.
    pub fn start(&mut self, opened: &mut Opened) -> Result<(), Refusal> {
        self.disk.recover();
        self.token = 0;
        self.syncing = false;
        let keeps_life = match self.mutant {
            Some(Mutant::ReuseIncarnation) => !self.frozen && self.incarnation != 0,
            Some(Mutant::CloneKeepsLife) => self.is_copy,
            _ => false,
        };
        if !keeps_life {
            self.incarnation = self.draw_life();
        }
        let indexed = self.index.take().and_then(|index| index.restarted(self.member()));
        let mut replica = match indexed {
            Some(replica) => self.planted(replica?),
            None => {
                let mut replica = self.planted(Replica::new(self.member())?);
                for row in self.disk.rows() {
                    replica.replay_opened(&*opened.reread(row)?);
                }
                replica
            }
        };
        replica.govern(self.policy.clone());
        replica.restore_standing(false, self.twins.iter().copied());
        self.replica = Some(replica);
        Ok(())
    }

    /// A number that is not the last one's.
    fn draw_life(&mut self) -> u32 {
        let drawn = u32::try_from(self.lives.number() >> 32).unwrap_or(0);
        if drawn == self.incarnation { drawn.wrapping_add(1) } else { drawn }
    }

    /// The power goes.
    pub fn crash(&mut self, rng: &mut Rng, reread_permille: u64) -> Damage {
        let replica = self.replica.take();
        if let Some(replica) = &replica {
            self.frozen = replica.is_frozen();
        }
        self.life += 1;
        let covered = self.disk.unsynced() == 0 && !rng.chance(reread_permille);
        let damage = self.disk.crash(rng);
        if self.mutant == Some(Mutant::LoseSyncedTail) {
            self.disk.cut(self.disk.len().saturating_sub(1));
        } else if covered {
            self.index = replica;
        }
        damage
    }

    /// The power goes, and of the rows that were not synced the first `kept` stay whole.
    pub fn lose_power(&mut self, kept: usize) {
        if let Some(replica) = self.replica.take() {
            self.frozen = replica.is_frozen();
        }
        self.life += 1;
        self.index = None;
        let synced = self.disk.len() - self.disk.unsynced();
        self.disk.cut((synced + kept).min(self.disk.len()));
    }

    /// Copies the synced part of the journal away.
    pub fn back_up(&mut self) {
        self.backup = self.disk.safe_rows().count();
    }

    /// The disk is replaced and the backup put on it; the node is off and starts frozen.
    pub fn restore(&mut self) {
        self.disk.cut(self.backup);
        self.index = None;
        if self.mutant != Some(Mutant::ReuseIncarnation) {
            self.frozen = self.mutant != Some(Mutant::RestoreUnfrozen);
        }
    }

    /// The same node a second time, off and with an empty disk: what is started on a copy of its own.
    pub fn second(&self, seed: u64, spec: &NodeSpec) -> SimNode {
        let (name, lives) = (spec.name.clone(), Rng::new(seed, &spec.name, "lives"));
        let (replica, disk) = (None, Disk::default());
        SimNode { name, lives, replica, disk, index: None, is_copy: true, ..self.clone() }
    }

    /// A copy of all that a person finds on the disk of a node, running or not.
    pub fn image(&self) -> Image {
        let disk = self.disk.copied();
        let frozen = self.replica.as_ref().map_or(self.frozen, Replica::is_frozen);
        Image { disk, incarnation: self.incarnation, frozen }
    }

    /// Puts such a copy on the disk. The node is off.
    pub fn take_image(&mut self, image: Image) {
        Image { disk: self.disk, incarnation: self.incarnation, frozen: self.frozen } = image;
        self.index = None;
    }

    /// A sync that had begun with so many rows, up to this token, is done.
    pub fn synced(&mut self, rows: usize, token: u64) {
        self.syncing = false;
        self.disk.synced(rows);
        if let Some(replica) = &mut self.replica {
            replica.durable(token);
        }
    }

    /// What the node says of a connection.
    pub fn status(&self, peer: PeerId) -> Option<SessionStatus> {
        self.replica.as_ref()?.session(peer)
    }

    /// Hands something that came to the replica. A segment is verified first, as the real driver does.
    ///
    /// # Errors
    /// What the replica or the verification refused; only a malformed frame means that the connection must go.
    pub fn deliver(&mut self, opened: &mut Opened, now: Millis, peer: PeerId, parcel: Parcel) -> Result<(), Refusal> {
        let Some(replica) = &mut self.replica else { return Ok(()) };
        let row = match parcel {
            Parcel::Row(row) => row,
            Parcel::Frame(Frame::Segment(bytes)) => Arc::new(Row::parse(bytes)?),
            Parcel::Frame(frame) => return replica.frame(now, peer, frame),
            Parcel::Unknown(bytes) => {
                return Frame::decode(&bytes)?.map_or(Ok(()), |frame| replica.frame(now, peer, frame));
            }
        };
        let author = row.header.actor.node;
        let segment = match replica.keys().get(&author) {
            Some(_) if self.mutant == Some(Mutant::SkipSignature) => opened.reread(&row),
            Some(key) => opened.open(&row, key),
            None => Err(Refusal::new(Code::UnknownAuthor, author)),
        };
        match segment {
            Ok(segment) => {
                self.incoming = Some(row);
                let taken = replica.receive(now, peer, segment);
                if taken.is_err() {
                    self.incoming = None;
                }
                taken
            }
            Err(refusal) => {
                replica.reject(now, peer, &row.header, &refusal);
                Err(refusal)
            }
        }
    }

    /// Carries out the replica's effects: appends and reads are done here, the rest is handed out.
    pub fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        while let Some(effect) = self.replica.as_mut().and_then(Replica::poll_effect) {
            match effect {
                Effect::Append { token, segment } => {
                    let row = match self.incoming.take().filter(|row| Arc::ptr_eq(&row.bytes, &segment.bytes)) {
                        Some(row) => row,
                        None => Arc::new(Row::of(&segment)),
                    };
                    self.disk.append(Arc::clone(&row));
                    self.token = token;
                    if self.mutant == Some(Mutant::AcknowledgeBeforeSync)
                        && let Some(replica) = &mut self.replica
                    {
                        replica.durable(token);
                    }
                    outputs.push(Output::Appended(segment, row));
                }
                Effect::Acknowledge(ticket) => outputs.push(Output::Acknowledge(ticket)),
                Effect::Send(peer, frame) => outputs.push(Output::Send(peer, Parcel::Frame(frame))),
                Effect::Serve { peer, doc, actor, after, upto } => {
                    let stored = if self.mutant == Some(Mutant::ServeWholeJournal) {
                        self.disk.safe_rows().cloned().collect()
                    } else {
                        self.disk.stored(&doc, actor, after, upto)
                    };
                    outputs.push(Output::Serve(peer, stored));
                }
                Effect::Recut { peer, doc, actor, after, upto, at_most } => {
                    let stored = self.disk.stored(&doc, actor, after, upto);
                    let far_fewer = stored.len() as u64 <= at_most;
                    let rows = stored.into_iter().filter(|_| far_fewer);
                    outputs.extend(rows.map(|row| Output::Send(peer, Parcel::Row(row))));
                }
                Effect::Close(peer, refusal) => outputs.push(Output::Close(peer, refusal)),
                Effect::Alarm(alarm) => outputs.push(Output::Alarm(alarm)),
            }
        }
        outputs
    }
}
