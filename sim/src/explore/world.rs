//! One world of the exhaustive mode: nodes, journals, wires, clerks, and the faults that are still to come.

use std::collections::VecDeque;
use std::fmt;

use xiangyue_protocol::replica::{Mode, PeerId, Replica, Ticket};
use xiangyue_protocol::{Code, Command, Outcome, Refusal};

use crate::disk::Row;
use crate::node::{Opened, Output, Parcel, SimNode};
use crate::oracle::{Oracle, Violation};
use crate::plan::EPOCH;

/// Something that can happen next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The clerk of a node asks for the next thing, and it is written at once.
    Operate(usize),
    /// A node's disk has synced what was appended.
    Sync(usize),
    /// The next frame over a link arrives at its first (0) or second (1) node.
    Deliver(usize, usize),
    /// A link is dialled.
    Dial(usize),
    /// A link breaks.
    Break(usize),
    /// The power goes at a node, leaves so many unsynced rows whole, and comes back.
    Crash(usize, usize),
}

impl Step {
    /// Whether it is something that goes wrong, and need not happen.
    pub fn is_fault(&self) -> bool {
        matches!(self, Step::Break(_) | Step::Crash(..))
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Operate(node) => write!(f, "clerk of node {node} acts"),
            Step::Sync(node) => write!(f, "disk of node {node} syncs"),
            Step::Deliver(link, to) => write!(f, "frame over link {link} arrives at end {to}"),
            Step::Dial(link) => write!(f, "link {link} is dialled"),
            Step::Break(link) => write!(f, "link {link} breaks"),
            Step::Crash(node, kept) => write!(f, "power goes at node {node}, {kept} unsynced rows stay"),
        }
    }
}

/// A link between two nodes.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    pub(super) nodes: [usize; 2],
    /// What the ends call the connection, while it is up.
    peers: Option<[PeerId; 2]>,
    /// Frames on their way to each end.
    parcels: [VecDeque<Parcel>; 2],
    /// Whether it may still break.
    pub(super) breaks: bool,
    /// Connections made so far.
    dialled: u64,
}

impl Wire {
    pub(super) fn between(a: usize, b: usize) -> Wire {
        Wire { nodes: [a, b], peers: None, parcels: Default::default(), breaks: false, dialled: 0 }
    }
}

/// What one clerk wants, in order; each is asked for until it is answered or refused.
#[derive(Debug, Clone, Default)]
pub(super) struct Desk {
    pub(super) wants: VecDeque<Command>,
    waiting: Vec<(Ticket, Command)>,
}

/// The world.
#[derive(Debug, Clone)]
pub struct World {
    pub(super) nodes: Vec<SimNode>,
    pub(super) desks: Vec<Desk>,
    pub(super) wires: Vec<Wire>,
    /// Nodes at which the power may go.
    pub(super) fragile: Vec<usize>,
    /// Power cuts still to come.
    pub(super) crashes: usize,
    oracle: Oracle,
    at: u64,
}

impl World {
    pub(super) fn new(nodes: Vec<SimNode>, wires: Vec<Wire>) -> World {
        let oracle = Oracle::new(nodes.iter());
        let desks = vec![Desk::default(); nodes.len()];
        World { nodes, desks, wires, fragile: Vec::new(), crashes: 0, oracle, at: 0 }
    }

    /// What was broken first, if anything.
    pub fn violation(&self) -> Option<&Violation> {
        self.oracle.violations().first()
    }

    fn may_crash(&self, node: usize) -> bool {
        self.crashes > 0 && self.fragile.contains(&node)
    }

    /// Everything that can happen next.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for (n, node) in self.nodes.iter().enumerate() {
            if self.may_crash(n) {
                steps.extend((0..=node.disk.unsynced()).map(|kept| Step::Crash(n, kept)));
            }
            if node.disk.unsynced() > 0 {
                steps.push(Step::Sync(n));
            }
            if !self.desks[n].wants.is_empty() {
                steps.push(Step::Operate(n));
            }
        }
        for (w, wire) in self.wires.iter().enumerate() {
            if wire.peers.is_none() {
                steps.push(Step::Dial(w));
            } else if wire.breaks {
                steps.push(Step::Break(w));
            }
            steps.extend((0..2).filter(|end| !wire.parcels[*end].is_empty()).map(|end| Step::Deliver(w, end)));
        }
        steps
    }

    /// Lets it happen.
    ///
    /// # Errors
    /// When a node does not start again.
    pub fn take(&mut self, opened: &mut Opened, step: Step) -> Result<(), Refusal> {
        self.at += 1;
        match step {
            Step::Operate(n) => self.operate(n),
            Step::Sync(n) => self.sync(n),
            Step::Deliver(wire, end) => self.deliver(opened, wire, end),
            Step::Dial(wire) => self.dial(wire),
            Step::Break(wire) => {
                self.wires[wire].breaks = false;
                self.disconnect(wire);
            }
            Step::Crash(n, kept) => self.crash(opened, n, kept)?,
        }
        Ok(())
    }

    fn operate(&mut self, n: usize) {
        let Some(command) = self.desks[n].wants.pop_front() else { return };
        let Some(replica) = self.nodes[n].replica.as_mut() else { return };
        let (answers, ticket) = replica.submit(EPOCH, std::slice::from_ref(&command), Mode::AllOrNothing);
        if let Err(refusal) = replica.flush(EPOCH) {
            self.oracle.broke(1, "durable", self.at, format!("node {n} could not write: {refusal}"));
        }
        self.oracle.answered(self.at, n, std::slice::from_ref(&command), &answers);
        if answers.iter().all(|answer| matches!(answer, Ok(Outcome::New | Outcome::Already))) {
            self.desks[n].waiting.push((ticket, command));
        }
        self.drain(n, None);
    }

    fn sync(&mut self, n: usize) {
        let (rows, token) = (self.nodes[n].disk.len(), self.nodes[n].token);
        self.nodes[n].synced(rows, token);
        self.drain(n, None);
    }

    fn drain(&mut self, n: usize, from: Option<usize>) {
        for output in self.nodes[n].drain() {
            match output {
                Output::Appended(segment, _) => self.oracle.appended(self.at, n, &segment, from, &self.nodes[n]),
                Output::Acknowledge(ticket) => self.acknowledge(n, ticket),
                Output::Send(peer, parcel) => self.send(n, peer, parcel),
                Output::Serve(peer, rows) => {
                    rows.into_iter().for_each(|row| self.send(n, peer, Parcel::Row(row)));
                }
                Output::Close(_, refusal) => {
                    self.oracle.broke(7, "lives", self.at, format!("node {n} closed a connection: {refusal}"));
                }
                Output::Alarm(alarm) => self.oracle.broke(7, "lives", self.at, format!("node {n}: {alarm:?}")),
            }
        }
        self.oracle.watch(self.at, n, &self.nodes[n]);
        if self.nodes[n].disk.unsynced() > 0 && !self.may_crash(n) {
            self.sync(n);
        }
    }

    fn acknowledge(&mut self, n: usize, ticket: Ticket) {
        let Some(at) = self.desks[n].waiting.iter().position(|(waiting, _)| *waiting == ticket) else { return };
        let (_, command) = self.desks[n].waiting.remove(at);
        self.oracle.acknowledged(self.at, n, &command, &self.nodes[n]);
    }

    fn send(&mut self, n: usize, peer: PeerId, parcel: Parcel) {
        let ends =
            |wire: &Wire| (0..2).find(|end| wire.nodes[*end] == n && wire.peers.is_some_and(|p| p[*end] == peer));
        let Some((wire, end)) = self.wires.iter_mut().find_map(|wire| ends(wire).map(|end| (wire, end))) else {
            return;
        };
        let to = wire.nodes[1 - end];
        wire.parcels[1 - end].push_back(parcel.clone());
        self.oracle.sent(self.at, n, to, &parcel, &self.nodes[n]);
    }

    fn deliver(&mut self, opened: &mut Opened, wire: usize, end: usize) {
        let Wire { nodes, peers: Some(peers), parcels, .. } = &mut self.wires[wire] else { return };
        let Some(parcel) = parcels[end].pop_front() else { return };
        let (n, from, peer) = (nodes[end], nodes[1 - end], peers[end]);
        match self.nodes[n].deliver(opened, EPOCH, peer, parcel) {
            Ok(()) => {}
            Err(refusal) if matches!(refusal.code(), Code::Gap | Code::UnknownAuthor) => {}
            Err(refusal) => self.oracle.broke(7, "lives", self.at, format!("node {n} refused a frame: {refusal}")),
        }
        self.drain(n, Some(from));
        self.oracle.arrived(self.at, n, peer, EPOCH, &self.nodes[n]);
    }

    pub(super) fn dial(&mut self, wire: usize) {
        let it = &mut self.wires[wire];
        // Numbers depend on the link and how often it was dialled alone, so that equal worlds look equal.
        let first = (wire as u64 * 64 + it.dialled) * 2;
        let (nodes, peers) = (it.nodes, [PeerId(first), PeerId(first + 1)]);
        it.dialled += 1;
        it.peers = Some(peers);
        for end in 0..2 {
            let (n, other) = (nodes[end], nodes[1 - end]);
            let (id, org) = (self.nodes[other].id(), self.nodes[other].org.clone());
            self.oracle.connects(n, peers[end], other, peers[1 - end], &self.nodes[n]);
            if let Some(replica) = self.nodes[n].replica.as_mut() {
                replica.connected(EPOCH, peers[end], id, org);
            }
            self.drain(n, None);
        }
    }

    fn disconnect(&mut self, wire: usize) {
        let Wire { nodes, peers, parcels, .. } = &mut self.wires[wire];
        parcels.iter_mut().for_each(VecDeque::clear);
        let (nodes, Some(peers)) = (*nodes, peers.take()) else { return };
        for end in 0..2 {
            let n = nodes[end];
            self.oracle.gone(n, peers[end]);
            if let Some(replica) = self.nodes[n].replica.as_mut() {
                replica.disconnected(peers[end]);
            }
            self.drain(n, None);
        }
    }

    fn crash(&mut self, opened: &mut Opened, n: usize, kept: usize) -> Result<(), Refusal> {
        self.crashes -= 1;
        self.nodes[n].lose_power(kept);
        for wire in (0..self.wires.len()).filter(|w| self.wires[*w].nodes.contains(&n)).collect::<Vec<_>>() {
            self.disconnect(wire);
        }
        let desk = &mut self.desks[n];
        for (_, command) in std::mem::take(&mut desk.waiting).into_iter().rev() {
            desk.wants.push_front(command);
        }
        self.nodes[n].start(opened)?;
        self.oracle.started(self.at, n, &self.nodes[n]);
        for m in 0..self.nodes.len() {
            self.drain(m, None);
        }
        Ok(())
    }

    /// Nothing but faults can happen: replicas agree with each other and with their journals.
    pub fn check_rest(&mut self) {
        let replicas: Vec<(usize, &Replica)> =
            self.nodes.iter().enumerate().filter_map(|(n, node)| Some((n, node.replica.as_ref()?))).collect();
        self.oracle.check_end(self.at, &replicas);
        for (n, node) in self.nodes.iter().enumerate() {
            let again = node.replayed(node.disk.rows());
            if !again.is_ok_and(|again| node.replica.as_ref().is_some_and(|replica| replica.docs() == again.docs())) {
                self.oracle.broke(6, "silence", self.at, format!("node {n} reads back otherwise from its journal"));
            }
        }
    }

    /// What tells worlds apart: equal prints go on alike.
    pub fn print(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        for node in &self.nodes {
            hasher.update(&node.replica.as_ref().map_or([0; 32], Replica::fingerprint));
            hasher.update(&node.disk.unsynced().to_be_bytes());
            // Which rows a power cut takes depends on their order.
            for row in node.disk.rows().skip(node.disk.len() - node.disk.unsynced()) {
                put_row(&mut hasher, row);
            }
        }
        for wire in &self.wires {
            hasher.update(format!("{:?}{}{};", wire.peers, wire.breaks, wire.dialled).as_bytes());
            for (end, parcels) in wire.parcels.iter().enumerate() {
                hasher.update(&[u8::try_from(end).unwrap_or(0)]);
                parcels.iter().for_each(|parcel| put_parcel(&mut hasher, parcel));
            }
        }
        for desk in &self.desks {
            hasher.update(format!("{:?}{:?};", desk.wants, desk.waiting).as_bytes());
        }
        hasher.update(&self.crashes.to_be_bytes());
        let mut print = [0; 16];
        hasher.finalize_xof().fill(&mut print);
        print
    }
}

/// Enters a segment by its numbers: its content is that of its author's branch, but for the time.
fn put_row(hasher: &mut blake3::Hasher, row: &Row) {
    let header = &row.header;
    hasher.update(format!("{} {} {} {};", header.doc, header.actor, header.first, header.last).as_bytes());
}

fn put_parcel(hasher: &mut blake3::Hasher, parcel: &Parcel) {
    match parcel {
        Parcel::Row(row) => put_row(hasher, row),
        Parcel::Frame(frame) => {
            hasher.update(&frame.without_clock().encode());
        }
        Parcel::Unknown(bytes) => {
            hasher.update(bytes);
        }
    }
}
