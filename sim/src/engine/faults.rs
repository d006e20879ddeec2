//! What goes wrong: how each fault begins and ends, and which alarms and refusals it explains.

use std::collections::BTreeSet;
use std::sync::Arc;

use xiangyue_protocol::replica::{Alarm, Mode, PeerId};
use xiangyue_protocol::schema::Revocation;
use xiangyue_protocol::{Code, Command, Refusal, access};

use super::{Engine, Event};
use crate::disk::Row;
use crate::hostile;
use crate::node::Parcel;
use crate::plan::{Fault, Version, Way};
use crate::rng::Rng;
use crate::scheduler::SECOND;
use crate::stats::Sometimes;
use crate::workload::Wish;

impl Engine {
    pub(super) fn fault(&mut self, at: usize) {
        let Some((_, fault)) = self.plan.faults.get(at).cloned() else { return };
        self.told.event(self.queue.now(), fault.node().unwrap_or(0), "fault", None, || format!("{fault:?}").into());
        if let Some(lasts) = fault.lasts() {
            self.active.insert(at);
            self.after(lasts, Event::FaultEnds(at));
        }
        match fault {
            Fault::Cut { island, way, .. } => self.cut(&island, way),
            Fault::Flap { up, .. } => self.after(up, Event::Flap(at)),
            Fault::Break { link } => {
                if let Some(conn) = self.links[link].current {
                    self.break_conn(conn);
                }
            }
            Fault::Crash { node, down } => self.outage(node, down, false),
            Fault::Backup { node } => self.nodes[node].back_up(),
            Fault::Restore { node, down } => {
                if !self.hands_are_full(node) {
                    self.outage(node, down, true);
                }
            }
            Fault::Clone { node, age, .. } => self.copy_disk(at, node, age),
            Fault::Upgrade { node, down } => {
                // With no power there is nothing to replace.
                if self.nodes[node].replica.is_some() {
                    self.plan.nodes[node].version = Version::Newer;
                    self.stats.met(Sometimes::Upgraded);
                    self.outage(node, down, false);
                }
            }
            Fault::Clock { node, shows, .. } => self.clocks[node].goes_wrong(self.queue.now(), shows),
            Fault::Revoke { node } => self.revoke(node),
            Fault::Equivocate { node } => self.equivocate(node),
            Fault::Forge { .. } | Fault::SlowPeer { .. } | Fault::DiskFull { .. } => {}
            Fault::Flood { node, lasts, per_second } => {
                self.oracle.hostile(node);
                let left = lasts.saturating_mul(per_second) / SECOND;
                self.flood(at, left);
            }
            Fault::IoError { node, nth } => self.nodes[node].io_fails_after = Some(nth.max(1)),
            Fault::BitFlip { node } => self.flip_a_bit(node),
        }
    }

    pub(super) fn fault_ends(&mut self, at: usize) {
        if !self.active.remove(&at) {
            return;
        }
        self.flapped.remove(&at);
        self.redeemed.clear();
        match self.plan.faults[at].1.clone() {
            Fault::Cut { .. } | Fault::Flap { .. } => self.redial_all(),
            Fault::Clock { node, .. } => self.clocks[node].goes_right(),
            // What it had altered, or was too slow to read, is fetched over new connections.
            Fault::Forge { node, .. } | Fault::SlowPeer { node, .. } => {
                self.conns_of[node].clone().into_iter().for_each(|conn| self.close(node, conn));
            }
            Fault::DiskFull { node, .. } => self.redial_all_of(node),
            Fault::Clone { .. } => self.begin_to_part(at),
            _ => {}
        }
    }

    /// The load has ended, and with it all that goes wrong.
    pub(super) fn load_ends(&mut self) {
        for fault in self.active.clone() {
            self.fault_ends(fault);
        }
        self.draw_core();
        for node in 0..self.nodes.len() {
            let away = self.nodes[node].replica.is_some() || self.kept_away.contains(&node);
            if self.plan.nodes[node].power.is_some() && !away {
                self.switch_on(node, false);
            }
        }
    }

    pub(super) fn redial_all(&mut self) {
        (0..self.links.len()).for_each(|link| self.redial(link));
    }

    fn cut(&mut self, island: &BTreeSet<usize>, way: Way) {
        let cut = |nodes: [usize; 2]| island.contains(&nodes[0]) != island.contains(&nodes[1]);
        let hit = self.conns.iter().filter(|(_, conn)| conn.alive && cut(conn.nodes));
        for (conn, nodes) in hit.map(|(conn, c)| (*conn, c.nodes)).collect::<Vec<_>>() {
            // Towards an end inside, only a cut of what gets out lets frames through; and the other way round.
            let carries = nodes.map(|node| way == if island.contains(&node) { Way::OutOf } else { Way::Into });
            self.cut_conn(conn, carries);
        }
    }

    /// A flapping partition is cut, or whole again, for a while.
    pub(super) fn flap(&mut self, at: usize) {
        let Fault::Flap { island, up, down, .. } = self.plan.faults[at].1.clone() else { return };
        if !self.active.contains(&at) {
            return;
        }
        if self.flapped.remove(&at) {
            self.redial_all();
            self.after(up, Event::Flap(at));
        } else {
            self.stats.met(Sometimes::Flapped);
            self.flapped.insert(at);
            self.cut(&island, Way::Both);
            self.after(down, Event::Flap(at));
        }
    }

    // What nodes do on purpose, or by a fault of their own.

    fn revoke(&mut self, node: usize) {
        let at = self.true_time().seconds();
        let revocation = Revocation { node: self.nodes[node].id(), at, reason: "lost".into() };
        let wish = Wish::new(vec![Command::Revoke(revocation)]);
        let township = self.township(node);
        self.clerks[township].pending.push_front(wish);
        self.oracle.hostile(node);
        self.stats.met(Sometimes::Revoked);
        self.after(0, Event::Operate(township));
    }

    /// A node writes two different entries under one number: one for all its peers, the other for one of them.
    fn equivocate(&mut self, node: usize) {
        let (now, life) = (self.millis(node), self.nodes[node].life);
        self.flush(node, life);
        let Some(account) = self.plan.accounts.iter().find(|(_, village)| *village == node).map(|(a, _)| a.clone())
        else {
            return;
        };
        let date = self.plan.since;
        let Some(rows) = hostile::second_tale(&self.nodes[node], now, &account, date) else { return };
        self.oracle.hostile(node);
        if let Some(replica) = self.nodes[node].replica.as_mut() {
            let _ = replica.submit(now, &[hostile::award("tale-1", &account, 1, date)], Mode::AllOrNothing);
        }
        self.flush(node, life);
        let mut rng = Rng::new(self.plan.seed, &self.nodes[node].name, "equivocate");
        let conns: Vec<u64> = match rows.first() {
            Some(row) => self.conns_of[node].iter().copied().filter(|conn| self.may_hear(node, *conn, row)).collect(),
            None => Vec::new(),
        };
        if let Some(conn) = rng.pick(&conns).copied() {
            self.stats.met(Sometimes::Equivocated);
            rows.into_iter().for_each(|row| self.inject(node, conn, Parcel::Row(row)));
        }
    }

    /// A node sends segments whose predecessors nobody has, and such as it may not write.
    pub(super) fn flood(&mut self, at: usize, left: u64) {
        let Fault::Flood { node, per_second, .. } = self.plan.faults[at].1 else { return };
        if left == 0 || !self.active.contains(&at) {
            return;
        }
        if self.nodes[node].replica.is_some()
            && let Some(row) = hostile::gapped(&self.nodes[node], self.plan.since, 1000 + left)
        {
            let rows = [Some(Arc::clone(&row)), hostile::trespass(&self.nodes[node])];
            let conns = self.conns_of[node].iter().copied();
            for conn in conns.filter(|conn| self.may_hear(node, *conn, &row)).collect::<Vec<_>>() {
                self.stats.met(Sometimes::Flooded);
                rows.iter().flatten().for_each(|row| self.inject(node, conn, Parcel::Row(Arc::clone(row))));
            }
        }
        self.after(SECOND / per_second.max(1), Event::Flood { fault: at, left: left - 1 });
    }

    /// Whether the other end of a connection may hold a segment.
    fn may_hear(&self, node: usize, conn: u64, row: &Row) -> bool {
        let other = self.conns[&conn].nodes.into_iter().find(|other| *other != node);
        other.is_some_and(|other| access::may_carry(&self.nodes[other].org, &row.header.doc)) && self.conns[&conn].alive
    }

    /// Sends something past the node's replica.
    fn inject(&mut self, node: usize, conn: u64, parcel: Parcel) {
        let Some(c) = self.conns.get(&conn) else { return };
        let side = usize::from(c.nodes[1] == node);
        if c.up[1 - side] {
            self.send(node, PeerId(2 * conn + side as u64), parcel, true);
        }
    }

    /// A node of a later version writes a record of a kind that this one does not know.
    pub(super) fn write_as_newer(&mut self, node: usize) {
        if self.plan.nodes[node].version != Version::Newer {
            return;
        }
        let now = self.now();
        let Some((segment, row)) = hostile::unknown_kind(&self.nodes[node], self.plan.since) else { return };
        if self.nodes[node].writes_past_replica(&segment, Arc::clone(&row)) {
            self.stats.met(Sometimes::WroteUnknownKind);
            self.oracle.wrote_unknown(&segment);
            self.spread.written(now, node, &row);
        }
    }

    pub(super) fn disk_is_full(&self, node: usize) -> bool {
        self.faults_of(|fault| matches!(fault, Fault::DiskFull { node: n, .. } if *n == node).then_some(()))
            .next()
            .is_some()
    }

    /// Whether this sync fails: the node then stops, as the real one does, and is started again.
    pub(super) fn io_fails(&mut self, node: usize) -> bool {
        let Some(left) = self.nodes[node].io_fails_after.as_mut() else { return false };
        *left -= 1;
        if *left > 0 {
            return false;
        }
        self.nodes[node].io_fails_after = None;
        self.stats.met(Sometimes::IoFailed);
        self.outage(node, 5 * SECOND, false);
        true
    }

    /// A stored bit turns. It is found when the node starts, which it does soon after.
    fn flip_a_bit(&mut self, node: usize) {
        let rows = self.nodes[node].disk.len() - self.nodes[node].disk.unsynced();
        let mut rng = Rng::new(self.plan.seed, &self.nodes[node].name, "bit flip");
        if rows > 0 && self.nodes[node].replica.is_some() && !self.hands_are_full(node) {
            let row = usize::try_from(rng.below(rows as u64)).unwrap_or(0);
            self.outage(node, 5 * SECOND, false);
            self.nodes[node].disk.damage(row);
        }
    }

    // What such faults explain. The same without them breaks a promise.

    pub(super) fn closed_by(&mut self, node: usize, peer: PeerId, refusal: &Refusal) {
        let (conn, side) = (peer.0 / 2, usize::from(peer.0 % 2 == 1));
        let other = self.conns.get(&conn).map(|conn| conn.nodes[1 - side]);
        let twin = |other| refusal.code() == Code::TwinRunning && self.runs_twice(other);
        // Of a connection that is gone nobody is left who could be turned away.
        if other.map_or_else(|| self.is_explained(refusal.code()), twin) {
            self.turns_away(conn, 1 - side);
        } else if !other.is_some_and(|other| self.oracle.is_hostile(other)) {
            let what = format!("node {node} closed a connection: {refusal}");
            self.oracle.broke(7, "lives", self.queue.now(), what);
        }
        self.close(node, conn);
    }

    pub(super) fn refused_frame(&mut self, node: usize, from: usize, refusal: &Refusal) {
        self.told.event(self.queue.now(), node, "refused frame", Some(from), || refusal.code().as_str().into());
        match refusal.code() {
            Code::Revoked => self.stats.met(Sometimes::RefusedRevoked),
            Code::Forked => self.stats.met(Sometimes::RefusedFork),
            Code::BadSignature => self.stats.met(Sometimes::RefusedForgery),
            _ => {}
        }
        if !self.is_explained(refusal.code()) {
            self.oracle.broke(7, "lives", self.queue.now(), format!("node {node} refused a frame: {refusal}"));
        }
    }

    /// Whether the plan has anything that must lead to such a refusal.
    fn is_explained(&self, code: Code) -> bool {
        self.plan.faults.iter().filter(|(at, _)| *at <= self.now()).any(|(_, fault)| match fault {
            Fault::Revoke { .. } => code == Code::Revoked,
            Fault::Equivocate { .. } => code == Code::Forked,
            Fault::Flood { .. } => code == Code::OutOfScope,
            Fault::Forge { .. } => matches!(code, Code::BadSignature | Code::BadSegment),
            Fault::Clone { .. } => code == Code::TwinRunning,
            _ => false,
        })
    }

    pub(super) fn alarm(&mut self, node: usize, alarm: &Alarm) {
        self.told.event(self.queue.now(), node, "alarm", None, || format!("{alarm:?}").into());
        let explained = match alarm {
            Alarm::Forked { .. } => self.is_explained(Code::Forked),
            Alarm::Quarantined { refusal, .. } => self.is_explained(refusal.code()),
            Alarm::Revoked => self.oracle.is_hostile(node),
            Alarm::Cloned => self.oracle.is_hostile(node) || self.runs_twice(node),
            // A restart must not look like it.
            Alarm::Twins { node: twin } => {
                self.nodes[node].twins.insert(*twin);
                self.stats.met(Sometimes::KeptTwinsOut);
                (0..self.nodes.len()).any(|n| self.nodes[n].id() == *twin && self.runs_twice(n))
            }
        };
        if explained {
            self.stats.met(Sometimes::AlarmRaised);
        } else {
            self.oracle.broke(7, "lives", self.queue.now(), format!("node {node}: {alarm:?}"));
        }
    }
}
