//! One simulated node: a replica, its disk, and the driver between them.
//!
//! **Incarnations.** After a power cut the node goes on under its old incarnation. That is safe because of the
//! replica's own rule: nothing leaves before everything that happened before it is durable. What a crash takes
//! from the unsynced end of the journal was therefore never seen by anybody, its numbers are free, and what had
//! been synced is all there. What survives unsynced is synced by recovery before the replica may speak. After a
//! restore from a backup none of this holds, so the node takes the next incarnation and starts frozen.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::policy::Policy;
use xiangyue_protocol::replica::{Alarm, Effect, Member, PeerId, Replica, SessionStatus, Ticket};
use xiangyue_protocol::segment::{Header, Sealed, Segment};
use xiangyue_protocol::{Code, Millis, NodeId, OrgCode, Refusal};

use crate::disk::{Damage, Disk};
use crate::mutant::Mutant;
use crate::plan::NodeSpec;
use crate::rng::Rng;

/// What the world must do for a node.
#[derive(Debug)]
pub enum Output {
    /// This segment went into the journal.
    Appended(Arc<Segment>),
    /// A commit is done.
    Acknowledge(Ticket),
    /// Send a frame.
    Send(PeerId, Frame),
    /// Close a connection.
    Close(PeerId, Refusal),
    /// Tell a person.
    Alarm(Alarm),
}

/// A node.
#[derive(Debug)]
pub struct SimNode {
    /// Its name in the plan.
    pub name: String,
    /// Its place among organisations.
    pub org: OrgCode,
    key: SigningKey,
    anchors: Vec<[u8; 32]>,
    /// Which of its lives its next entries are written under.
    pub incarnation: u32,
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
    /// Rows in the last backup.
    backup: usize,
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
        let mut node = SimNode {
            name: spec.name.clone(),
            org: spec.org.clone(),
            key: key_of(seed, &spec.name),
            anchors: vec![anchor],
            incarnation: 1,
            frozen: false,
            life: 0,
            replica: None,
            disk: Disk::default(),
            syncing: false,
            token: 0,
            backup: 0,
            policy: Policy::default(),
            mutant,
        };
        node.start()?;
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
        NodeId::of_key(&self.public_key())
    }

    /// A replica made from journal rows alone.
    ///
    /// # Errors
    /// When a row does not read back.
    pub fn replayed<'a>(&self, rows: impl Iterator<Item = &'a (Header, Arc<[u8]>)>) -> Result<Replica, Refusal> {
        let mut replica = Replica::new(Member {
            key: self.key.clone(),
            incarnation: self.incarnation,
            org: self.org.clone(),
            anchors: self.anchors.clone(),
            frozen: self.frozen,
        })?;
        #[cfg(feature = "mutants")]
        if let Some(mutant) = self.mutant.and_then(Mutant::in_protocol) {
            replica.plant(mutant);
        }
        for (_, bytes) in rows {
            replica.replay(Sealed::parse(Arc::clone(bytes))?.from_journal())?;
        }
        Ok(replica)
    }

    /// Switches the node on.
    ///
    /// # Errors
    /// When the journal does not read back.
    pub fn start(&mut self) -> Result<(), Refusal> {
        self.disk.recover();
        self.token = 0;
        self.syncing = false;
        let mut replica = self.replayed(self.disk.rows())?;
        replica.govern(self.policy.clone());
        self.replica = Some(replica);
        Ok(())
    }

    /// The power goes.
    pub fn crash(&mut self, rng: &mut Rng) -> Damage {
        if let Some(replica) = self.replica.take() {
            self.frozen = replica.is_frozen();
        }
        self.life += 1;
        let damage = self.disk.crash(rng);
        if self.mutant == Some(Mutant::LoseSyncedTail) {
            self.disk.cut(self.disk.len().saturating_sub(1));
        }
        damage
    }

    /// Copies the synced part of the journal away.
    pub fn back_up(&mut self) {
        self.backup = self.disk.safe_rows().count();
    }

    /// The disk is replaced and the backup put on it; the node is off and starts under its next incarnation.
    pub fn restore(&mut self) {
        self.disk.cut(self.backup);
        if self.mutant != Some(Mutant::ReuseIncarnation) {
            self.incarnation += 1;
            self.frozen = self.mutant != Some(Mutant::RestoreUnfrozen);
        }
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

    /// Hands a frame to the replica. A segment is verified first, as the real driver does.
    ///
    /// # Errors
    /// What the replica or the verification refused; only a malformed frame means that the connection must go.
    pub fn deliver(&mut self, now: Millis, peer: PeerId, frame: Frame) -> Result<(), Refusal> {
        let Some(replica) = &mut self.replica else { return Ok(()) };
        let Frame::Segment(bytes) = frame else { return replica.frame(now, peer, frame) };
        let sealed = Sealed::parse(bytes)?;
        let header = sealed.header.clone();
        let opened = match replica.keys().get(&header.actor.node) {
            Some(key) => sealed.verify(key).and_then(xiangyue_protocol::segment::Verified::open),
            None => Err(Refusal::new(Code::UnknownAuthor, header.actor.node)),
        };
        match opened {
            Ok(segment) => replica.receive(now, peer, segment),
            Err(refusal) => {
                replica.reject(now, peer, &header, &refusal);
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
                    self.disk.append(&segment);
                    self.token = token;
                    if self.mutant == Some(Mutant::AcknowledgeBeforeSync)
                        && let Some(replica) = &mut self.replica
                    {
                        replica.durable(token);
                    }
                    outputs.push(Output::Appended(segment));
                }
                Effect::Acknowledge(ticket) => outputs.push(Output::Acknowledge(ticket)),
                Effect::Send(peer, frame) => outputs.push(Output::Send(peer, frame)),
                Effect::Serve { peer, doc, actor, after, upto } => {
                    let stored = if self.mutant == Some(Mutant::ServeWholeJournal) {
                        self.disk.safe_rows().map(|(_, bytes)| Arc::clone(bytes)).collect()
                    } else {
                        self.disk.stored(&doc, actor, after, upto)
                    };
                    outputs.extend(stored.into_iter().map(|bytes| Output::Send(peer, Frame::Segment(bytes))));
                }
                Effect::Close(peer, refusal) => outputs.push(Output::Close(peer, refusal)),
                Effect::Alarm(alarm) => outputs.push(Output::Alarm(alarm)),
            }
        }
        outputs
    }
}
