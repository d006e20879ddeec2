//! A node and a copy of its disk: beside each other, and apart again.
//!
//! Each copy has a place of its own among the nodes ([`Plan::with_copies`]); it is off but for the time that both run.
//! When that is over a person stops the original, has the township let the node in again, and waits until the
//! copy's clerk is answered and the township has all that the copy wrote. Then the copy is put away for good and the
//! original is started, as after any power cut.

use std::collections::BTreeMap;

use xiangyue_protocol::Code;
use xiangyue_protocol::replica::{Hold, Replica};

use super::{Engine, Event};
use crate::node::Image;
use crate::plan::{Fault, Plan};
use crate::scheduler::{Micros, SECOND};
use crate::stats::Sometimes;

/// What a person does next with a copy or its original.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It lies in a drawer.
    Away,
    /// It runs beside its original.
    Runs,
    /// It is alone until nothing of it can be lost.
    Parting,
    /// The original, meanwhile. True if it is to start from a backup.
    Waits { restored: bool },
}

/// All copies, and the originals that wait for one.
#[derive(Debug, Default)]
pub(super) struct Copies {
    /// Where the copy of each fault has its place.
    of_fault: BTreeMap<usize, usize>,
    /// What was copied and is not started yet.
    images: BTreeMap<usize, Image>,
    states: BTreeMap<usize, State>,
    /// Faults whose copies cannot be put away while nodes are kept away.
    put_off: Vec<usize>,
}

impl Copies {
    /// Those of a plan with copies.
    pub(super) fn of(plan: &Plan) -> Copies {
        let faults = plan.faults.iter().enumerate().filter(|(_, (_, fault))| matches!(fault, Fault::Clone { .. }));
        let places = plan.nodes.iter().enumerate().filter(|(_, spec)| spec.copy_of.is_some()).map(|(n, _)| n);
        let of_fault: BTreeMap<usize, usize> = faults.map(|(at, _)| at).zip(places).collect();
        let states = of_fault.values().map(|copy| (*copy, State::Away)).collect();
        Copies { of_fault, states, ..Copies::default() }
    }

    /// Whether a node must stay off for now; then it is noted how it is to be started.
    pub(super) fn is_kept_off(&mut self, node: usize, from_backup: bool) -> bool {
        match self.states.get_mut(&node) {
            None | Some(State::Runs | State::Parting) => false,
            Some(State::Away) => true,
            Some(State::Waits { restored }) => {
                *restored |= from_backup;
                true
            }
        }
    }

    /// Whether it is a copy that is being put away: its clerk begins nothing new.
    pub(super) fn is_parting(&self, node: usize) -> bool {
        self.states.get(&node) == Some(&State::Parting)
    }

    /// Whether a copy of this node, or its original, is anywhere but in a drawer.
    pub(super) fn concern(&self, plan: &Plan, node: usize) -> bool {
        let original = plan.original(node);
        self.states.keys().any(|n| plan.original(*n) == original && !self.is_away(*n))
    }

    /// Whether it is a copy in a drawer.
    pub(super) fn is_away(&self, node: usize) -> bool {
        self.states.get(&node) == Some(&State::Away)
    }

    /// Faults whose copies can now be put away.
    pub(super) fn take_put_off(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.put_off)
    }
}

impl Engine {
    /// A disk is copied.
    pub(super) fn copy_disk(&mut self, fault: usize, original: usize, age: Micros) {
        let Some(copy) = self.copies.of_fault.get(&fault).copied() else { return };
        let image = self.nodes[original].image();
        self.oracle.copied(original, copy, image.disk());
        self.copies.images.insert(fault, image);
        self.after(age, Event::CopyStarts(fault));
    }

    /// The copy is started beside its original, if clerks still work.
    pub(super) fn copy_starts(&mut self, fault: usize) {
        let Some(image) = self.copies.images.remove(&fault).filter(|_| self.active.contains(&fault)) else { return };
        let copy = self.copies.of_fault[&fault];
        // Nobody looks for a copy while the disk itself is being mended.
        if self.hands_are_full(copy) && !self.copies.concern(&self.plan, copy) {
            return;
        }
        self.nodes[copy].take_image(image);
        self.copies.states.insert(copy, State::Runs);
        self.stats.met(Sometimes::Cloned);
        self.switch_on(copy, false);
    }

    /// Whether a node has a copy that runs or has run, or is one.
    pub(super) fn runs_twice(&self, node: usize) -> bool {
        let original = self.plan.original(node);
        let copies = self.copies.of_fault.iter().filter(|(_, copy)| self.plan.original(**copy) == original);
        copies.into_iter().any(|(_, copy)| self.nodes[*copy].life > 0 || self.nodes[*copy].replica.is_some())
    }

    /// The township turns the node at the other end away, which learns of it when it notices that the connection is gone.
    pub(super) fn turns_away(&mut self, conn: u64, side: usize) {
        if let Some(conn) = self.conns.get_mut(&conn) {
            conn.turned_away[side] = true;
        }
    }

    /// A node learns that two of it run.
    pub(super) fn told_of_twin(&mut self, node: usize) {
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.turned_away(Code::TwinRunning);
            self.oracle.told_of_twin(node);
        }
    }

    /// Whether a node that has been turned away waits until it is let in again. The real one asks every minute.
    pub(super) fn knows_better(&self, node: usize, township: usize) -> bool {
        let told = self.nodes[node].replica.as_ref().and_then(Replica::hold) == Some(Hold::Twin);
        told && self.nodes[township].twins.contains(&self.nodes[node].id())
    }

    /// A person has found out that two run.
    pub(super) fn begin_to_part(&mut self, fault: usize) {
        let Fault::Clone { node: original, .. } = self.plan.faults[fault].1 else { return };
        let copy = self.copies.of_fault[&fault];
        if self.copies.states.get(&copy) != Some(&State::Runs) {
            return;
        }
        self.copies.states.insert(copy, State::Parting);
        self.copies.states.entry(original).or_insert(State::Waits { restored: false });
        self.crash(original);
        self.after(0, Event::Part(fault));
    }

    /// Looks how far the parting has come, and does what is next.
    pub(super) fn part(&mut self, fault: usize) {
        let copy = self.copies.of_fault[&fault];
        let original = self.plan.original(copy);
        // A revoked node is not let in again; a liar is, and carries what those behind it wrote.
        let for_good = self.is_revoked(original);
        if !for_good && self.kept_away.contains(&original) {
            self.copies.put_off.push(fault);
            return;
        }
        let kept_out = self.nodes[self.township(copy)].twins.contains(&self.nodes[copy].id());
        let is_done = if self.copies.is_parting(copy) {
            // Not all of what a liar wrote is taken.
            if self.oracle.is_hostile(copy) || (!kept_out && self.is_handed_over(copy)) {
                self.put_away(copy, original);
            }
            false
        } else {
            // What the original had sent before it was stopped may have come since, and looked like one more of two.
            let hold = self.nodes[original].replica.as_ref().map(Replica::hold);
            // A liar that hears its other tale takes itself for one of two for good.
            !kept_out && hold.is_some_and(|hold| hold != Some(Hold::Twin) || self.oracle.is_hostile(original))
        };
        if !for_good && !is_done {
            self.readmit(original);
            self.after(2 * SECOND, Event::Part(fault));
        }
    }

    fn put_away(&mut self, copy: usize, original: usize) {
        self.crash(copy);
        self.copies.states.insert(copy, State::Away);
        self.stats.met_times(Sometimes::SpentByBoth, self.oracle.spent_by_both() as u64);
        let others = self.plan.copies_of(original).any(|other| self.copies.is_parting(other));
        if !others && let Some(State::Waits { restored }) = self.copies.states.remove(&original) {
            if restored {
                let life = self.nodes[original].life;
                self.after(0, Event::Start { node: original, life, restored });
            } else {
                self.switch_on(original, false);
            }
        }
    }

    /// Whether nothing is lost with a copy: its clerk is answered and its township has all that it holds.
    fn is_handed_over(&self, copy: usize) -> bool {
        let (node, clerk) = (&self.nodes[copy], &self.clerks[copy]);
        let Some(replica) = node.replica.as_ref() else { return false };
        let quiet = clerk.pending.is_empty() && clerk.waiting.is_empty() && replica.load().staged == 0;
        let township = &self.nodes[self.township(copy)].disk;
        let mut held = node.disk.rows().map(|row| &row.header).filter(|header| !self.oracle.lies(header.actor.node));
        quiet
            && node.disk.unsynced() == 0
            && held.all(|header| township.holds_safely(&header.doc, header.actor, header.last))
    }

    pub(super) fn is_revoked(&self, node: usize) -> bool {
        let now = self.now();
        let revoked = |fault: &Fault| matches!(fault, Fault::Revoke { node: n } if *n == node);
        self.plan.faults.iter().any(|(at, fault)| *at <= now && revoked(fault))
    }

    /// The township lets a node in again, if it keeps it out.
    fn readmit(&mut self, original: usize) {
        let (id, township) = (self.nodes[original].id(), self.township(original));
        let node = &mut self.nodes[township];
        let Some(replica) = node.replica.as_mut() else { return };
        if node.twins.remove(&id) && replica.readmit(id).is_ok() {
            self.stats.met(Sometimes::Readmitted);
            self.oracle.readmitted(township, original);
        }
        for n in 0..self.nodes.len() {
            if self.plan.original(n) == original {
                self.redial_all_of(n);
            }
        }
        self.drain(township);
    }
}
