//! Whether a node may write and spend: restored, running twice, or revoked.
//!
//! **Running twice.** Every start of a node draws a new life, so a life that speaks up after another one of the same
//! node has been heard is no restart: two processes run under one name, as after a copied data folder or disk. The
//! township, which both must meet, looks for that, closes both out and keeps them out until a person has stopped
//! one and readmitted the node; each freezes when it is told. A peer's bare word does not freeze a node, only that
//! of its own township, which the connection's certificate proves.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Alarm, Effect, PeerId, Replica};
use crate::error::{Code, Refusal};
use crate::id::NodeId;
use crate::mutant::Mutant;
use crate::org::Level;

/// Earlier lives of a node that are remembered: a copy answers within seconds, not after many further restarts.
const PAST_LIVES: usize = 8;

/// Why a node does not spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hold {
    /// It may have lost entries of its own and waits for its township.
    Restored,
    /// Another process runs under its name.
    Twin,
    /// It was revoked; nothing that it writes counts any more.
    Revoked,
}

impl Hold {
    /// What to tell people.
    pub fn code(self) -> Code {
        match self {
            Hold::Restored => Code::Frozen,
            Hold::Twin => Code::TwinRunning,
            Hold::Revoked => Code::NodeRevoked,
        }
    }
}

/// The lives of one node that a township has heard.
#[derive(Clone, Debug, Default)]
struct Lives {
    now: Option<u32>,
    past: VecDeque<u32>,
}

/// What a replica knows of its own standing and of that of others.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Its township said that it was revoked, or had been in an earlier run.
    revoked: bool,
    /// Its township said that another process runs under its name.
    told_twin: bool,
    /// Another process has written under this node's name and life: only a new life can go on.
    cloned: bool,
    /// It may spend once so many appends are durable: the township has nothing more of its own that it lacks.
    thaws_after: Option<u64>,
    lives: BTreeMap<NodeId, Lives>,
    twins: BTreeSet<NodeId>,
}

impl Replica {
    /// Why this node does not spend; none when it may.
    pub fn hold(&self) -> Option<Hold> {
        if self.was_revoked() {
            Some(Hold::Revoked)
        } else if self.standing.cloned || self.standing.told_twin {
            Some(Hold::Twin)
        } else {
            self.frozen.then_some(Hold::Restored)
        }
    }

    /// Whether this node was revoked, as far as it has been told.
    pub fn was_revoked(&self) -> bool {
        self.standing.revoked || self.views.directory.revocation(self.node).is_some()
    }

    /// At a township: the nodes that run twice and are kept out until they are readmitted.
    pub fn twins(&self) -> impl Iterator<Item = NodeId> {
        self.standing.twins.iter().copied()
    }

    /// Puts back what an earlier run knew. Call before anything else.
    pub fn restore_standing(&mut self, revoked: bool, twins: impl IntoIterator<Item = NodeId>) {
        self.standing.revoked = revoked;
        self.standing.twins.extend(twins);
    }

    /// Whether a node may connect.
    ///
    /// # Errors
    /// [`Code::Revoked`] and [`Code::TwinRunning`].
    pub fn may_connect(&self, node: NodeId) -> Result<(), Refusal> {
        if self.is_revoked(node) {
            return Err(Refusal::new(Code::Revoked, node));
        }
        if self.standing.twins.contains(&node) {
            return Err(Refusal::new(Code::TwinRunning, node));
        }
        Ok(())
    }

    /// Lets a node in again of which only one process is left.
    ///
    /// # Errors
    /// [`Code::NotKeptOut`] unless it is kept out for running twice, [`Code::UnknownNode`] when nobody knows it.
    pub fn readmit(&mut self, node: NodeId) -> Result<(), Refusal> {
        if !self.standing.twins.remove(&node) {
            let known = self.views.directory.node(node).is_some();
            return Err(Refusal::new(if known { Code::NotKeptOut } else { Code::UnknownNode }, node));
        }
        self.standing.lives.remove(&node);
        Ok(())
    }

    /// This node's own township, proven by its certificate, has turned it away for this reason.
    pub fn turned_away(&mut self, code: Code) {
        let told = match code {
            Code::Revoked => &mut self.standing.revoked,
            Code::TwinRunning => &mut self.standing.told_twin,
            _ => return,
        };
        if !std::mem::replace(told, true) {
            self.emit(Effect::Alarm(if code == Code::Revoked { Alarm::Revoked } else { Alarm::Cloned }));
        }
        self.no_session_vouches();
        self.freeze();
    }

    /// A node has said which of its lives it is.
    pub(super) fn lives_as(&mut self, peer: PeerId, life: Option<u32>) {
        let (Some(node), Some(life)) = (self.session_node(peer), life) else { return };
        if self.member.org.level() != Level::Township {
            return;
        }
        let lives = self.standing.lives.entry(node).or_default();
        if lives.now == Some(life) {
            return;
        }
        let came_back = lives.past.contains(&life);
        if let Some(before) = lives.now.replace(life) {
            lives.past.push_back(before);
        }
        if lives.past.len() > PAST_LIVES {
            lives.past.pop_front();
        }
        if came_back && !self.has(Mutant::LetTwinsIn) && self.standing.twins.insert(node) {
            self.emit(Effect::Alarm(Alarm::Twins { node }));
            for peer in self.peers_of(node) {
                self.emit(Effect::Close(peer, Refusal::new(Code::TwinRunning, node)));
            }
        }
    }

    /// Somebody else writes under this node's own name and life: nothing more may be spent here.
    pub(super) fn note_clone(&mut self) {
        if !std::mem::replace(&mut self.standing.cloned, true) {
            self.emit(Effect::Alarm(Alarm::Cloned));
        }
        self.freeze();
    }

    pub(super) fn freeze(&mut self) {
        self.frozen = true;
        self.standing.thaws_after = None;
    }

    /// Whether the township may thaw this node in this life.
    pub(super) fn may_thaw(&self) -> bool {
        self.frozen && !self.standing.cloned && !self.was_revoked()
    }

    /// The township has taken this node in and has nothing of its own that it lacks. It may spend once that is
    /// durable: a power cut before would take it away again, and nothing would say that it is missing.
    pub(super) fn thaw(&mut self) {
        let appended = self.appended;
        self.standing.thaws_after.get_or_insert(appended);
        self.thaw_if_durable();
    }

    pub(super) fn thaw_if_durable(&mut self) {
        if self.may_thaw() && self.standing.thaws_after.is_some_and(|appends| appends <= self.durable) {
            self.frozen = false;
            self.standing.told_twin = false;
            self.standing.thaws_after = None;
        }
    }
}
