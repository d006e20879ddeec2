//! The engine's links: dialling, sending, arriving, breaking. A frame arrives in order or, after a break, never.

use std::sync::Arc;

use xiangyue_protocol::frame::{Frame, Hello, VERSION};
use xiangyue_protocol::replica::{PeerId, Replica};
use xiangyue_protocol::{Code, Level, Refusal};

use super::datagrams::Datagrams;
use super::stream::Stream;
use super::wire::{Conn, Load, Road, Signal, Told, Troubles, Wire};
use super::{Engine, Event};
use crate::disk::Row;
use crate::mutant::Mutant;
use crate::node::Parcel;
use crate::plan::{Fault, Version};
use crate::stats::Sometimes;

/// The connection and end that a node calls so.
fn end_of(peer: PeerId) -> (u64, usize) {
    (peer.0 / 2, usize::from(peer.0 % 2 == 1))
}

impl Engine {
    fn troubles(&self) -> Troubles<'_> {
        Troubles { faults: &self.plan.faults, active: &self.active, flapped: &self.flapped }
    }

    /// Has a wire do something, and hears what it has to tell.
    fn on_wire<T>(&mut self, conn: u64, does: impl FnOnce(&mut dyn Wire, &mut Road<'_>) -> T) -> Option<T> {
        let c = self.conns.get_mut(&conn)?;
        let mut told = std::mem::take(&mut self.ear);
        let spec = &self.plan.links[c.link];
        let mut road = Road {
            conn,
            nodes: c.nodes,
            class: &self.plan.classes[spec.class],
            extra: spec.extra,
            cell: spec.cell.map(|cell| (&self.plan.cells[cell], &mut self.cells[cell])),
            there: self.links[c.link].there || self.greeting,
            runs: c.nodes.map(|node| self.nodes[node].replica.is_some()),
            troubles: Troubles { faults: &self.plan.faults, active: &self.active, flapped: &self.flapped },
            rng: &mut self.links[c.link].rng,
            stats: &mut self.stats,
            trace: &mut self.trace,
            queue: &mut self.queue,
            background: &mut self.background,
            told: &mut told,
        };
        let done = does(&mut *c.wire, &mut road);
        for told in told.drain(..) {
            self.busy_until = self.queue.now();
            match told {
                Told::Up(side) => self.up(conn, side),
                Told::Arrived(side, parcel) => self.arrive(conn, side, parcel),
                Told::Garbled(side, refusal) => self.garbled(conn, side, &refusal),
                Told::Gone(side) => self.gone(conn, side),
                Told::Broke => self.broke(conn),
            }
        }
        self.ear = told;
        Some(done)
    }

    /// What a wire asked to be reminded of.
    pub(super) fn signal(&mut self, conn: u64, side: usize, signal: Signal) {
        let lost = matches!(signal, Signal::Arrive { .. });
        if self.on_wire(conn, |wire, road| wire.signal(road, side, signal)).is_none() && lost {
            self.stats.met(Sometimes::LostInFlight);
        }
    }

    /// Whether nobody waits for an event: what it was to bring is lost.
    pub(super) fn is_lost(&self, event: &Event) -> bool {
        let Event::Wire { conn, side, signal } = event else { return false };
        let Some(conn) = self.conns.get(conn) else { return matches!(signal, Signal::Arrive { .. }) };
        conn.wire.is_lost(*side, signal)
    }

    /// Dials a link after a while, unless that is going to happen already.
    pub(super) fn redial(&mut self, link: usize) {
        let state = &mut self.links[link];
        if std::mem::replace(&mut state.dialling, true) {
            return;
        }
        let class = &self.plan.classes[self.plan.links[link].class];
        let wait = state.rng.between(class.redial.0, class.redial.1);
        self.after(wait, Event::Dial(link));
    }

    /// Dials the links of a node that are not up: it, or the way to it, is back.
    pub(super) fn redial_all_of(&mut self, node: usize) {
        for at in 0..self.links_of[node].len() {
            self.redial(self.links_of[node][at]);
        }
    }

    /// A link that cannot be dialled now is dialled when what is in the way has gone.
    pub(super) fn dial(&mut self, link: usize) {
        self.links[link].dialling = false;
        let spec = &self.plan.links[link];
        let (a, b) = (spec.dials, spec.answers);
        let connected = self.links[link].current.and_then(|conn| self.conns.get(&conn)).is_some_and(|conn| conn.alive);
        let off = self.nodes[a].replica.is_none() || self.nodes[b].replica.is_none();
        let away =
            (!self.links[link].there && !self.greeting) || self.troubles().cut(a, b) || self.troubles().cut(b, a);
        let indoors = [(a, b), (b, a)].into_iter().any(|(in_, out)| self.stays_indoors(in_, out));
        if indoors || connected || off || away || self.refuses(b, a) || self.refuses(a, b) || self.knows_better(a, b) {
            return;
        }
        let state = &mut self.links[link];
        let lives = [self.nodes[a].life, self.nodes[b].life];
        let kept = self.plan.mutant == Some(Mutant::KeepSessionAcrossBreak) && state.lives == lives;
        if kept && let Some((conn, c)) = state.current.and_then(|conn| Some((conn, self.conns.get_mut(&conn)?))) {
            (c.alive, c.up, c.heard, c.noticed) = (true, [true; 2], [false; 2], [false; 2]);
            self.on_wire(conn, |wire, road| wire.reopen(road));
            return;
        }
        let conn = self.next_conn;
        self.next_conn += 1;
        (state.current, state.lives) = (Some(conn), lives);
        let peers = [PeerId(2 * conn), PeerId(2 * conn + 1)];
        let wire: Box<dyn Wire> = match &self.tls {
            None => Box::new(Stream::new()),
            Some(tls) => Box::new(Datagrams::new(self.queue.now(), &mut state.rng, tls)),
        };
        self.conns.insert(conn, Conn::new(link, [a, b], peers, wire));
        for node in [a, b] {
            self.conns_of[node].insert(conn);
        }
        self.on_wire(conn, |wire, road| wire.open(road));
    }

    /// Whether a node lets another not connect at all: it knows it to be revoked.
    fn refuses(&self, node: usize, other: usize) -> bool {
        let id = self.nodes[other].id();
        let replica = self.nodes[node].replica.as_ref();
        replica.is_some_and(|replica| replica.views().directory.revocation(id).is_some())
    }

    fn up(&mut self, conn: u64, side: usize) {
        let unknown = |c: &&mut Conn| c.alive && !c.noticed[side] && !c.up[side];
        let Some(c) = self.conns.get_mut(&conn).filter(unknown) else { return };
        c.up[side] = true;
        let (node, peer, other, theirs) = (c.nodes[side], c.peers[side], c.nodes[1 - side], c.peers[1 - side]);
        self.oracle.connects(node, peer, other, theirs, &self.nodes[node]);
        let (id, org) = (self.nodes[other].id(), self.nodes[other].org.clone());
        let now = self.millis(node);
        self.replaces(node, conn, other);
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.connected(now, peer, id, org);
        }
        self.drain(node);
    }

    /// Of two connections with nodes that show one identity the newer stays.
    fn replaces(&mut self, node: usize, conn: u64, other: usize) {
        let id = self.nodes[other].id();
        let same = |c: &Conn| {
            let held = (0..2).any(|side| c.nodes[side] == node && c.wire.is_held_by(side));
            held && c.nodes.iter().any(|n| *n != node && self.nodes[*n].id() == id)
        };
        let older = self.conns_of[node].iter().copied().filter(|older| *older != conn);
        let older: Vec<u64> = older.filter(|older| self.conns.get(older).is_some_and(same)).collect();
        for older in older {
            self.stats.met(Sometimes::ReplacedConnection);
            self.close(node, older);
        }
    }

    /// Sends something. `waits` says whether it counts among what waits for a slow peer.
    pub(super) fn send(&mut self, node: usize, peer: PeerId, parcel: Parcel, waits: bool) {
        let (now, parcel) = (self.now(), self.tamper(node, parcel));
        let (conn, side) = end_of(peer);
        let bytes = self.note_send(node, conn, side, &parcel);
        let Some(c) = self.conns.get(&conn).filter(|c| c.nodes[side] == node) else { return };
        let (to, link) = (c.nodes[1 - side], c.link);
        self.oracle.sent(now, node, to, &parcel, &self.nodes[node]);
        if matches!(parcel, Parcel::Frame(Frame::Hello(_))) {
            self.oracle.greets(now, node, peer, to);
        }
        if !c.wire.takes(1 - side) {
            if !c.noticed[side] {
                self.stats.met(Sometimes::SentIntoTheVoid);
            }
            return;
        }
        let waiting = c.wire.in_flight(1 - side) + usize::from(waits);
        self.oracle.on_the_way(now, to, waiting);
        let class = &self.plan.classes[self.plan.links[link].class];
        if waiting > class.queue && c.wire.is_backed_up(now, 1 - side) {
            self.stats.met(Sometimes::ClosedSlowPeer);
            self.close(node, conn);
            return;
        }
        self.on_wire(conn, |wire, road| wire.send(road, 1 - side, Load { parcel, bytes, waits }));
    }

    /// Counts what is sent. Hands out its bytes.
    fn note_send(&mut self, node: usize, conn: u64, side: usize, parcel: &Parcel) -> u64 {
        let now = self.now();
        let bytes = match parcel {
            Parcel::Row(row) => {
                self.trace.note(now, node, "send", &row.print);
                row.bytes.len() as u64 + SEGMENT_FRAMING
            }
            Parcel::Frame(frame) => {
                let encoded = frame.encode();
                self.trace.note(now, node, "send", &encoded);
                encoded.len() as u64
            }
            Parcel::Unknown(bytes) => {
                self.trace.note(now, node, "send", bytes);
                bytes.len() as u64
            }
        };
        self.stats.frames += 1;
        self.stats.bytes += bytes;
        self.stats.segments_sent += u64::from(parcel.is_segment());
        let to = self.conns.get(&conn).map(|conn| conn.nodes[1 - side]);
        self.told.event(now, node, "send", to, || name_of(parcel).into());
        if self.greeting && !matches!(parcel, Parcel::Frame(Frame::Hello(_)) | Parcel::Unknown(_)) {
            let what = format!("node {node} had more to say than hello: {}", name_of(parcel));
            self.oracle.broke(6, "silence", now, what);
        }
        bytes
    }

    /// What a node of another version, or a forging relay, makes of what it sends.
    fn tamper(&mut self, node: usize, parcel: Parcel) -> Parcel {
        match parcel {
            Parcel::Frame(Frame::Hello(hello)) if self.plan.nodes[node].version == Version::Newer => {
                self.stats.met(Sometimes::MetNewerVersion);
                Parcel::Frame(Frame::Hello(Hello { max_version: VERSION + 1, ..hello }))
            }
            Parcel::Row(row) if row.header.actor.node != self.nodes[node].id() && self.forges(node) => {
                let mut bytes = row.bytes.to_vec();
                if let Some(byte) = bytes.len().checked_sub(70).and_then(|at| bytes.get_mut(at)) {
                    *byte ^= 1;
                }
                self.stats.met(Sometimes::Forged);
                Row::parse(bytes.into()).map_or(Parcel::Row(row), |row| Parcel::Row(Arc::new(row)))
            }
            parcel => parcel,
        }
    }

    fn forges(&self, node: usize) -> bool {
        self.faults_of(|fault| matches!(fault, Fault::Forge { node: n, .. } if *n == node).then_some(()))
            .next()
            .is_some()
    }

    fn arrive(&mut self, conn: u64, side: usize, parcel: Parcel) {
        let Some(c) = self.conns.get_mut(&conn).filter(|c| c.up[side] && !c.noticed[side]) else {
            self.stats.met(Sometimes::LostInFlight);
            return;
        };
        let (node, peer, from) = (c.nodes[side], c.peers[side], c.nodes[1 - side]);
        c.heard[side] = true;
        let now = self.millis(node);
        self.told.event(self.queue.now(), node, "arrive", Some(from), || name_of(&parcel).into());
        if parcel.is_segment() && self.disk_is_full(node) {
            // As the real driver: it does not take in what it cannot keep, and says so by closing.
            self.stats.met(Sometimes::RefusedDiskFull);
            self.close(node, conn);
            return;
        }
        let is_segment = parcel.is_segment();
        let greets = matches!(parcel, Parcel::Frame(Frame::Hello(_)));
        let redundant = |replica: &Replica| replica.counters().redundant;
        let before = self.nodes[node].replica.as_ref().map(redundant);
        if let Err(refusal) = self.nodes[node].deliver(&mut self.opened, now, peer, parcel) {
            match refusal.code() {
                Code::Gap => self.stats.met(Sometimes::Gap),
                Code::UnknownAuthor => self.stats.met(Sometimes::UnknownAuthor),
                _ => {
                    self.refused_frame(node, from, &refusal);
                    if !is_segment {
                        self.close(node, conn);
                    }
                }
            }
        }
        if greets && self.nodes[node].org.level() == Level::Township {
            self.oracle.greeted_by(node, from, self.nodes[from].actor());
        }
        if let (Some(before), Some(replica)) = (before, &self.nodes[node].replica) {
            self.stats.met_times(Sometimes::Redundant, redundant(replica) - before);
        }
        self.drain_from(node, Some(from));
        self.oracle.arrived(self.queue.now(), node, peer, now, &self.nodes[node]);
    }

    /// What came over a connection is no frame: a fault of the transport, for nothing in a plan alters a stream.
    fn garbled(&mut self, conn: u64, side: usize, refusal: &Refusal) {
        let Some(nodes) = self.conns.get(&conn).map(|c| c.nodes) else { return };
        self.refused_frame(nodes[side], nodes[1 - side], refusal);
        self.close(nodes[side], conn);
    }

    /// A node closes a connection.
    pub(super) fn close(&mut self, node: usize, conn: u64) {
        let Some(c) = self.conns.get(&conn) else { return };
        let side = usize::from(c.nodes[1] == node);
        self.on_wire(conn, |wire, road| wire.close(road, side));
    }

    pub(super) fn break_conn(&mut self, conn: u64) {
        self.on_wire(conn, |wire, road| wire.breaks(road));
    }

    /// A link goes away, or carries what is sent towards these ends alone.
    pub(super) fn cut_conn(&mut self, conn: u64, carries: [bool; 2]) {
        self.on_wire(conn, |wire, road| wire.cut(road, carries));
    }

    /// The power went at a node.
    pub(super) fn forget_conn(&mut self, conn: u64, node: usize) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        let side = usize::from(c.nodes[1] == node);
        c.noticed[side] = true;
        self.oracle.gone(node, c.peers[side]);
        self.on_wire(conn, |wire, road| wire.forget(road, side));
        self.forget_if_over(conn);
    }

    /// A connection is lost, whether or not its ends know.
    fn broke(&mut self, conn: u64) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        c.alive = false;
        for side in (0..2).filter(|side| !c.noticed[*side]) {
            if self.nodes[c.nodes[side]].status(c.peers[side]).is_some_and(|session| !session.caught_up) {
                self.stats.met(Sometimes::BrokeWhileComparing);
            }
        }
        let link = c.link;
        self.forget_if_over(conn);
        self.redial(link);
    }

    pub(super) fn gone(&mut self, conn: u64, side: usize) {
        let keeps = self.plan.mutant == Some(Mutant::KeepSessionAcrossBreak);
        let Some(c) = self.conns.get_mut(&conn).filter(|c| !c.noticed[side] && !keeps) else { return };
        c.noticed[side] = true;
        let (node, peer, was_up, turned_away) = (c.nodes[side], c.peers[side], c.up[side], c.turned_away[side]);
        let (link, other) = (c.link, c.nodes[1 - side]);
        self.told.event(self.queue.now(), node, "gone", Some(other), || "".into());
        self.oracle.gone(node, peer);
        self.conns_of[node].remove(&conn);
        if was_up && let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.disconnected(peer);
        }
        // What an earlier connection would still have said nobody listens to: a later one has taken its place.
        if turned_away && !self.conns_of[node].iter().any(|c| *c > conn && self.conns[c].link == link) {
            self.told_of_twin(node);
        }
        self.forget_if_over(conn);
        self.drain(node);
    }

    pub(super) fn forget_if_over(&mut self, conn: u64) {
        if self.conns.get(&conn).is_some_and(|c| !c.alive && c.noticed == [true; 2]) {
            self.discard(conn);
        }
    }

    pub(super) fn discard(&mut self, conn: u64) {
        self.on_wire(conn, |wire, road| wire.discard(road));
        self.conns.remove(&conn);
    }
}

/// Bytes of a frame around a segment: its length and type.
const SEGMENT_FRAMING: u64 = 3;

fn name_of(parcel: &Parcel) -> &'static str {
    match parcel {
        Parcel::Row(_) => "a segment",
        Parcel::Unknown(_) => "a frame of a later version",
        Parcel::Frame(frame) => match frame {
            Frame::Hello(_) => "hello",
            Frame::OrgDocs(..) => "digests of an organisation",
            Frame::Vectors(_) => "vectors",
            Frame::Totals(..) => "totals",
            Frame::Segment(_) => "a segment",
            Frame::Have(_) => "a confirmation",
            Frame::Busy(_) => "busy",
            Frame::Announce(_) => "an announcement",
            Frame::Want(..) => "a request",
            Frame::Prune(_) => "a prune",
            Frame::Recut(_) => "a question for fewer pieces",
        },
    }
}
