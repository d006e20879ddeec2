//! The engine's links: dialling, sending, arriving, breaking. A frame arrives in order or, after a break, never.

use std::collections::BTreeSet;

use xiangyue_protocol::Code;
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::{PeerId, Replica};

use super::{Engine, Event};
use crate::link::Conn;
use crate::mutant::Mutant;
use crate::plan::Fault;
use crate::stats::Sometimes;

impl Engine {
    pub(super) fn island(&self, fault: usize) -> BTreeSet<usize> {
        match self.plan.faults.get(fault) {
            Some((_, Fault::Cut { island, .. })) => island.clone(),
            _ => BTreeSet::new(),
        }
    }

    pub(super) fn is_cut(&self, (a, b): (usize, usize)) -> bool {
        self.cuts.iter().any(|cut| {
            let island = self.island(*cut);
            island.contains(&a) != island.contains(&b)
        })
    }

    pub(super) fn dial(&mut self, link: usize) {
        let (a, b) = (self.plan.links[link].dials, self.plan.links[link].answers);
        if self.current[link].is_some_and(|conn| self.conns[conn].alive) {
            return;
        }
        let now = self.now();
        let params = &self.plan.classes[self.plan.links[link].class];
        if self.nodes[a].replica.is_none() || self.nodes[b].replica.is_none() || self.is_cut((a, b)) {
            let again = self.link_rng[link].between(params.redial.0, params.redial.1);
            self.queue.after(again, Event::Dial(link));
            return;
        }
        // TLS 1.3 over QUIC: the one that answers is ready after one way, the one that dials after a round trip.
        let rng = &mut self.link_rng[link];
        let there = now + params.latency(rng);
        let up_at = [there + params.latency(rng), there];
        let lives = [self.nodes[a].life, self.nodes[b].life];
        let conn = self.conns.len();
        self.current[link] = Some(conn);
        if self.plan.mutant == Some(Mutant::KeepSessionAcrossBreak)
            && let Some((peers, _)) = self.kept[link].filter(|(_, kept)| *kept == lives)
        {
            let mut kept = Conn::new(link, [a, b], peers, up_at);
            kept.up = [true; 2];
            self.conns.push(kept);
            self.ends.extend([(peers[0], (conn, 0)), (peers[1], (conn, 1))]);
            return;
        }
        let peers = [PeerId(self.next_peer), PeerId(self.next_peer + 1)];
        self.next_peer += 2;
        self.conns.push(Conn::new(link, [a, b], peers, up_at));
        self.kept[link] = Some((peers, lives));
        for side in 0..2 {
            self.ends.insert(peers[side], (conn, side));
            self.queue.at(up_at[side], Event::Up { conn, side });
        }
    }

    pub(super) fn up(&mut self, conn: usize, side: usize) {
        let c = &mut self.conns[conn];
        if !c.alive || c.noticed[side] {
            return;
        }
        c.up[side] = true;
        let (node, peer, other) = (c.nodes[side], c.peers[side], c.nodes[1 - side]);
        self.oracle.connects(node, peer, other, c.peers[1 - side], &self.nodes[node]);
        let (id, org) = (self.nodes[other].id(), self.nodes[other].org.clone());
        let now = self.millis();
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.connected(now, peer, id, org);
        }
        self.drain(node);
    }

    pub(super) fn send(&mut self, node: usize, peer: PeerId, frame: Frame) {
        let now = self.now();
        let encoded = frame.encode();
        self.stats.frames += 1;
        self.stats.bytes += encoded.len() as u64;
        self.trace.note(now, node, "send", &encoded);
        let other = |(conn, side): (usize, usize)| self.conns[conn].nodes[1 - side];
        let to = self.ends.get(&peer).copied().map(other);
        self.told.event(now, node, "send", to, || name_of(&frame).into());
        if self.greeting && !matches!(frame, Frame::Hello(_)) {
            self.oracle.broke(
                6,
                "silence",
                now,
                format!("node {node} had more to say than hello: {}", name_of(&frame)),
            );
        }
        let Some((conn, side)) = self.ends.get(&peer).copied().filter(|(c, s)| self.conns[*c].nodes[*s] == node) else {
            return;
        };
        let c = &mut self.conns[conn];
        let to = c.nodes[1 - side];
        self.stats.segments_sent += u64::from(matches!(frame, Frame::Segment(_)));
        self.oracle.sent(now, node, to, &frame, &self.nodes[node]);
        if !c.alive {
            if !c.noticed[side] {
                self.stats.met(Sometimes::SentIntoTheVoid);
            }
            return;
        }
        let rng = &mut self.link_rng[c.link];
        let class = &self.plan.classes[self.plan.links[c.link].class];
        let at = c.arrival(now, 1 - side, encoded.len() as u64, class, rng);
        self.queue.at(at, Event::Arrive { conn, side: 1 - side, frame });
    }

    pub(super) fn arrive(&mut self, conn: usize, side: usize, frame: Frame) {
        let (now, c) = (self.millis(), &self.conns[conn]);
        if !c.alive || !c.up[side] {
            self.stats.met(Sometimes::LostInFlight);
            return;
        }
        let (node, peer) = (c.nodes[side], c.peers[side]);
        self.conns[conn].heard[side] = true;
        let from = self.conns[conn].nodes[1 - side];
        self.told.event(self.queue.now(), node, "arrive", Some(from), || name_of(&frame).into());
        let is_segment = matches!(frame, Frame::Segment(_));
        let frozen = self.nodes[node].replica.as_ref().is_some_and(Replica::is_frozen);
        let before = self.nodes[node].replica.as_ref().map_or(0, |replica| replica.counters().redundant);
        match self.nodes[node].deliver(now, peer, frame) {
            Ok(()) => {}
            Err(refusal) if refusal.code() == Code::Gap => self.stats.met(Sometimes::Gap),
            Err(refusal) if refusal.code() == Code::UnknownAuthor => self.stats.met(Sometimes::UnknownAuthor),
            Err(refusal) => {
                self.oracle.broke(7, "lives", self.queue.now(), format!("node {node} refused a frame: {refusal}"));
                if !is_segment {
                    self.close(node, peer);
                }
            }
        }
        if let Some(replica) = &self.nodes[node].replica {
            if replica.counters().redundant > before {
                self.stats.met(Sometimes::Redundant);
            }
            if frozen && !replica.is_frozen() {
                self.stats.met(Sometimes::Thawed);
            }
        }
        self.drain_from(node, Some(from));
        self.oracle.arrived(self.queue.now(), node, peer, now, &self.nodes[node]);
    }

    pub(super) fn close(&mut self, node: usize, peer: PeerId) {
        let Some((conn, side)) = self.ends.get(&peer).copied() else { return };
        if self.conns[conn].nodes[side] == node && self.conns[conn].alive {
            self.break_conn(conn);
        }
    }

    /// What is in flight is lost; each end learns of it after a while, and the dialling one dials again.
    pub(super) fn break_conn(&mut self, conn: usize) {
        let c = &mut self.conns[conn];
        if !c.alive {
            return;
        }
        c.alive = false;
        let link = c.link;
        let class = &self.plan.classes[self.plan.links[link].class];
        for side in 0..2 {
            let c = &self.conns[conn];
            if c.noticed[side] {
                continue;
            }
            let replica = self.nodes[c.nodes[side]].replica.as_ref();
            let session = replica.and_then(|r| r.sessions().find(|(peer, _)| *peer == c.peers[side]));
            if session.is_some_and(|(_, session)| !session.caught_up) {
                self.stats.met(Sometimes::BrokeWhileComparing);
            }
            let notice = self.link_rng[link].between(class.notice.0, class.notice.1);
            self.queue.after(notice, Event::Gone { conn, side });
        }
        let again = self.link_rng[link].between(class.redial.0, class.redial.1);
        self.queue.after(again, Event::Dial(link));
    }

    pub(super) fn gone(&mut self, conn: usize, side: usize) {
        let c = &mut self.conns[conn];
        if c.noticed[side] || self.plan.mutant == Some(Mutant::KeepSessionAcrossBreak) {
            return;
        }
        c.noticed[side] = true;
        let (node, peer, was_up) = (c.nodes[side], c.peers[side], c.up[side]);
        self.oracle.gone(node, peer);
        if was_up && let Some(replica) = self.nodes[node].replica.as_mut() {
            replica.disconnected(peer);
        }
        self.drain(node);
    }
}

fn name_of(frame: &Frame) -> &'static str {
    match frame {
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
    }
}
