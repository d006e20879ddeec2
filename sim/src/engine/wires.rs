//! The engine's links: dialling, sending, arriving, breaking. A frame arrives in order or, after a break, never.

use std::sync::Arc;

use xiangyue_protocol::Code;
use xiangyue_protocol::frame::{Frame, Hello, VERSION};
use xiangyue_protocol::replica::{PeerId, Replica};

use super::{Engine, Event};
use crate::disk::Row;
use crate::link::Conn;
use crate::mutant::Mutant;
use crate::node::Parcel;
use crate::plan::{Fault, Version, Way};
use crate::stats::Sometimes;

/// The connection and end that a node calls so.
fn end_of(peer: PeerId) -> (u64, usize) {
    (peer.0 / 2, usize::from(peer.0 % 2 == 1))
}

impl Engine {
    /// Whether frames from one node to another are stopped by a cut that is under way.
    pub(super) fn is_cut(&self, from: usize, to: usize) -> bool {
        let cuts = self.active.iter().filter_map(|at| match &self.plan.faults[*at].1 {
            Fault::Cut { island, way, .. } => Some((island, *way)),
            Fault::Flap { island, .. } if self.flapped.contains(at) => Some((island, Way::Both)),
            _ => None,
        });
        let mut cuts = cuts;
        cuts.any(|(island, way)| match (island.contains(&from), island.contains(&to)) {
            (true, false) => way != Way::Into,
            (false, true) => way != Way::OutOf,
            _ => false,
        })
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
        let away = (!self.links[link].there && !self.greeting) || self.is_cut(a, b) || self.is_cut(b, a);
        if connected || off || away || self.refuses(b, a) || self.refuses(a, b) {
            return;
        }
        // TLS 1.3 over QUIC: the one that answers is ready after one way, the one that dials after a round trip.
        let class = &self.plan.classes[spec.class];
        let (now, extra) = (self.queue.now(), spec.extra);
        let state = &mut self.links[link];
        let there = now + class.latency(&mut state.rng) + extra;
        let up_at = [there + class.latency(&mut state.rng) + extra, there];
        let lives = [self.nodes[a].life, self.nodes[b].life];
        let kept = self.plan.mutant == Some(Mutant::KeepSessionAcrossBreak) && state.lives == lives;
        if kept && let Some(conn) = state.current.and_then(|conn| self.conns.get_mut(&conn)) {
            conn.revive(up_at);
            return;
        }
        let conn = self.next_conn;
        self.next_conn += 1;
        (state.current, state.lives) = (Some(conn), lives);
        let peers = [PeerId(2 * conn), PeerId(2 * conn + 1)];
        self.conns.insert(conn, Conn::new(link, [a, b], peers, up_at));
        for (side, node) in [a, b].into_iter().enumerate() {
            self.conns_of[node].insert(conn);
            self.at(up_at[side], Event::Up { conn, side });
        }
    }

    /// Whether a node lets another not connect at all: it knows it to be revoked.
    fn refuses(&self, node: usize, other: usize) -> bool {
        let id = self.nodes[other].id();
        let replica = self.nodes[node].replica.as_ref();
        replica.is_some_and(|replica| replica.views().directory.revocation(id).is_some())
    }

    pub(super) fn up(&mut self, conn: u64, side: usize) {
        let Some(c) = self.conns.get_mut(&conn).filter(|c| c.alive && !c.noticed[side]) else { return };
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
        let same =
            |c: &Conn| c.alive && c.nodes.iter().any(|n| *n != node && self.nodes[*n].id() == self.nodes[other].id());
        let older = self.conns_of[node].iter().copied().filter(|older| *older != conn);
        let older: Vec<u64> = older.filter(|older| self.conns.get(older).is_some_and(same)).collect();
        for older in older {
            self.stats.met(Sometimes::ReplacedConnection);
            self.break_conn(older);
        }
    }

    /// Sends something. `waits` says whether it counts among what waits for a slow peer.
    pub(super) fn send(&mut self, node: usize, peer: PeerId, parcel: Parcel, waits: bool) {
        let (now, parcel) = (self.now(), self.tamper(node, parcel));
        let (conn, side) = end_of(peer);
        let bytes = self.note_send(node, conn, side, &parcel);
        let Some(c) = self.conns.get_mut(&conn).filter(|c| c.nodes[side] == node) else { return };
        let (to, link) = (c.nodes[1 - side], c.link);
        self.oracle.sent(now, node, to, &parcel, &self.nodes[node]);
        if !c.carries[1 - side] {
            if !c.noticed[side] {
                self.stats.met(Sometimes::SentIntoTheVoid);
            }
            return;
        }
        let spec = &self.plan.links[link];
        let class = &self.plan.classes[spec.class];
        c.in_flight[1 - side] += usize::from(waits);
        self.oracle.on_the_way(now, to, c.in_flight[1 - side]);
        if c.in_flight[1 - side] > class.queue && c.is_backed_up(now, 1 - side) {
            self.stats.met(Sometimes::ClosedSlowPeer);
            self.break_conn(conn);
            return;
        }
        let slow = self.active.iter().any(|fault| match &self.plan.faults[*fault].1 {
            Fault::SlowPeer { node, .. } => *node == to,
            _ => false,
        });
        let slowed = if slow { bytes.saturating_mul(SLOWER) } else { bytes };
        let cell = spec.cell.map(|cell| (&self.plan.cells[cell], &mut self.cells[cell]));
        let at = c.arrival(now, 1 - side, slowed, (class, spec.extra), cell, &mut self.links[link].rng);
        c.queued[1 - side] += 1;
        let event = Event::Arrive { conn, side: 1 - side, era: c.era, parcel, waits };
        self.at(at, event);
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

    pub(super) fn arrive(&mut self, (conn, side): (u64, usize), era: u32, parcel: Parcel, waits: bool) {
        let Some(c) = self.conns.get_mut(&conn).filter(|c| c.era == era) else {
            self.stats.met(Sometimes::LostInFlight);
            return;
        };
        c.in_flight[side] -= usize::from(waits);
        c.queued[side] = c.queued[side].saturating_sub(1);
        let (node, peer, from) = (c.nodes[side], c.peers[side], c.nodes[1 - side]);
        if !c.carries[side] || !c.up[side] || c.noticed[side] {
            self.stats.met(Sometimes::LostInFlight);
            return;
        }
        if !c.alive {
            self.stats.met(Sometimes::CameThroughOneWay);
        }
        c.heard[side] = true;
        let now = self.millis(node);
        self.told.event(self.queue.now(), node, "arrive", Some(from), || name_of(&parcel).into());
        if parcel.is_segment() && self.disk_is_full(node) {
            // As the real driver: it does not take in what it cannot keep, and says so by closing.
            self.stats.met(Sometimes::RefusedDiskFull);
            self.break_conn(conn);
            return;
        }
        let is_segment = parcel.is_segment();
        let state = |replica: &Replica| (replica.is_frozen(), replica.counters().redundant);
        let before = self.nodes[node].replica.as_ref().map(state);
        if let Err(refusal) = self.nodes[node].deliver(&mut self.opened, now, peer, parcel) {
            match refusal.code() {
                Code::Gap => self.stats.met(Sometimes::Gap),
                Code::UnknownAuthor => self.stats.met(Sometimes::UnknownAuthor),
                _ => {
                    self.refused_frame(node, from, &refusal);
                    if !is_segment {
                        self.break_conn(conn);
                    }
                }
            }
        }
        if let (Some((was_frozen, before)), Some(replica)) = (before, &self.nodes[node].replica) {
            let (frozen, redundant) = state(replica);
            self.stats.met_times(Sometimes::Redundant, redundant - before);
            self.stats.met_times(Sometimes::Thawed, u64::from(was_frozen && !frozen));
        }
        self.drain_from(node, Some(from));
        self.oracle.arrived(self.queue.now(), node, peer, now, &self.nodes[node]);
    }

    pub(super) fn close(&mut self, node: usize, peer: PeerId) {
        let (conn, side) = end_of(peer);
        if self.conns.get(&conn).is_some_and(|conn| conn.nodes[side] == node) {
            self.break_conn(conn);
        }
    }

    /// What is in flight is lost; each end learns of it after a while, and the dialling one dials again.
    pub(super) fn break_conn(&mut self, conn: u64) {
        self.stop_carrying(conn, [false; 2]);
    }

    /// A connection that carries one way at most is lost, but what still gets through does until its end gives up.
    pub(super) fn stop_carrying(&mut self, conn: u64, carries: [bool; 2]) {
        let Some(c) = self.conns.get_mut(&conn) else { return };
        // What is lost still comes up in the queue, but nobody waits for it.
        for side in (0..2).filter(|side| !carries[*side]) {
            c.carries[side] = false;
            self.background += std::mem::take(&mut c.queued[side]);
        }
        if !std::mem::replace(&mut c.alive, false) {
            return;
        }
        let (link, ends, noticed) = (c.link, [(c.nodes[0], c.peers[0]), (c.nodes[1], c.peers[1])], c.noticed);
        for (side, (node, peer)) in ends.into_iter().enumerate().filter(|(side, _)| !noticed[*side]) {
            if self.nodes[node].status(peer).is_some_and(|session| !session.caught_up) {
                self.stats.met(Sometimes::BrokeWhileComparing);
            }
            let class = &self.plan.classes[self.plan.links[link].class];
            let notice = self.links[link].rng.between(class.notice.0, class.notice.1);
            self.after(notice, Event::Gone { conn, side });
        }
        self.forget_if_over(conn);
        self.redial(link);
    }

    /// Whether an event is the arrival of something that was lost.
    pub(super) fn is_lost(&self, event: &Event) -> bool {
        let Event::Arrive { conn, side, era, .. } = event else { return false };
        self.conns.get(conn).is_none_or(|conn| conn.era != *era || !conn.carries[*side])
    }

    pub(super) fn gone(&mut self, conn: u64, side: usize) {
        let keeps = self.plan.mutant == Some(Mutant::KeepSessionAcrossBreak);
        let Some(c) = self.conns.get_mut(&conn).filter(|c| !c.noticed[side] && !keeps) else { return };
        c.noticed[side] = true;
        let (node, peer, was_up) = (c.nodes[side], c.peers[side], c.up[side]);
        self.oracle.gone(node, peer);
        self.conns_of[node].remove(&conn);
        if was_up && let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.disconnected(peer);
        }
        self.forget_if_over(conn);
        self.drain(node);
    }

    pub(super) fn forget_if_over(&mut self, conn: u64) {
        if self.conns.get(&conn).is_some_and(|c| !c.alive && c.noticed == [true; 2]) {
            self.stop_carrying(conn, [false; 2]);
            self.conns.remove(&conn);
        }
    }
}

/// How much slower a slow peer reads than its line is.
const SLOWER: u64 = 2_000;
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
