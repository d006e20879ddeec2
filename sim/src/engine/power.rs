//! The engine's power: crashes, starts, restores, and the rhythms of power and links.

use std::collections::BTreeSet;

use xiangyue_protocol::Level;

use super::{Engine, Event};
use crate::disk::Row;
use crate::scheduler::SECOND;
use crate::stats::Sometimes;

impl Engine {
    /// The power goes at a node. Its peers learn of it by and by.
    pub(super) fn crash(&mut self, node: usize) {
        let Some(replica) = &self.nodes[node].replica else { return };
        self.stats.received += replica.counters().received;
        self.stats.redundant += replica.counters().redundant;
        if self.clerks[node].waiting.values().any(|wish| wish.tries > 0) && self.nodes[node].disk.unsynced() == 0 {
            self.stats.met(Sometimes::CrashHitStaged);
        }
        self.told.event(self.queue.now(), node, "crash", None, || "".into());
        let own = self.nodes[node].id();
        let unsynced = self.nodes[node].disk.len() - self.nodes[node].disk.unsynced();
        let at_risk: Vec<_> = self.nodes[node].disk.rows().skip(unsynced).cloned().collect();
        let reread = self.plan.nodes[node].disk.reread_permille;
        let damage = self.nodes[node].crash(&mut self.disk_rng[node], reread);
        let kept = usize::try_from(damage.kept).unwrap_or(0);
        at_risk.iter().skip(kept).filter(|row| row.header.actor.node == own).for_each(|row: &std::sync::Arc<Row>| {
            let others = self.spread.lost(row);
            self.stats.shared -= u64::from(others > 0);
            self.stats.due -= others;
        });
        self.stats.met_times(Sometimes::CrashHitUnsynced, damage.lost + damage.torn);
        self.stats.met_times(Sometimes::CrashToreAppend, damage.torn);
        self.stats.met_times(Sometimes::UnsyncedSurvived, damage.kept);
        self.clerks[node].crashed();
        self.alarm_clocks[node] = None;
        for conn in std::mem::take(&mut self.conns_of[node]) {
            self.forget_conn(conn, node);
        }
    }

    /// Switches a node off and, after a while, on again.
    pub(super) fn outage(&mut self, node: usize, down: u64, restored: bool) {
        if self.nodes[node].replica.is_none() && !restored {
            return;
        }
        self.crash(node);
        if restored {
            // What is on it from now on is the backup; it starts once an operator lets it.
            self.nodes[node].restore();
            self.lost_disk.insert(node);
        }
        let life = self.nodes[node].life;
        self.after(down, Event::Start { node, life, restored });
    }

    /// The node is switched on, unless it has been switched on and off again since this was planned.
    pub(super) fn start(&mut self, at: usize, life: u64, restored: bool) {
        if self.nodes[at].replica.is_some() || self.nodes[at].life != life {
            return;
        }
        if self.kept_away.contains(&at) {
            self.put_off.extend(restored.then_some((at, restored)));
            return;
        }
        // What a revoked node wrote its township takes from nobody.
        let lost = restored || self.nodes[at].disk.is_damaged();
        let waits = lost && !self.oracle.is_hostile(at);
        if waits && self.township_lacks(at) {
            self.stats.met(Sometimes::RestoreWaited);
            if !self.kept_away.is_empty() {
                // Who has what the township lacks may be away; then the node returns with it.
                self.put_off.push((at, restored));
                return;
            }
            self.after(2 * SECOND, Event::Start { node: at, life, restored });
            return;
        }
        if waits && self.nodes[at].org.level() != Level::Township && self.below(at).next().is_some() {
            self.indoors.insert(at);
            self.after(SECOND, Event::GoesOut { node: at });
        }
        self.switch_on(at, restored);
    }

    /// Nodes that reach the township through this one alone.
    fn below(&self, node: usize) -> impl Iterator<Item = usize> {
        let mut reached = BTreeSet::from([self.township(node)]);
        loop {
            let ends = self.plan.links.iter().map(|link| [link.dials, link.answers]);
            let next: Vec<usize> = ends
                .filter(|ends| !ends.contains(&node) && ends.iter().any(|end| reached.contains(end)))
                .flatten()
                .filter(|end| !reached.contains(end))
                .collect();
            if next.is_empty() {
                break;
            }
            reached.extend(next);
        }
        let same = move |n: &usize| *n != node && self.township(*n) == self.township(node);
        (0..self.nodes.len()).filter(same).filter(move |n| !reached.contains(n))
    }

    /// Whether a node has no line yet to another.
    pub(super) fn stays_indoors(&self, node: usize, other: usize) -> bool {
        self.indoors.contains(&node) && !self.below(node).any(|below| below == other)
    }

    /// A person gives a node that has lost entries its line to the others once those that it alone leads to have
    /// brought it theirs: the township, which lets it spend again, cannot know of these.
    pub(super) fn goes_out(&mut self, node: usize) {
        if !self.indoors.contains(&node) {
            return;
        }
        let id = self.nodes[node].id();
        let disk = &self.nodes[node].disk;
        let has = |n: usize| {
            let mut rows = self.nodes[n].disk.rows().map(|row| &row.header).filter(|header| header.actor.node == id);
            rows.all(|header| disk.holds_safely(&header.doc, header.actor, header.last))
        };
        let below: Vec<usize> = self.below(node).filter(|n| !self.oracle.is_hostile(*n)).collect();
        if self.oracle.is_hostile(node) || below.iter().all(|n| has(*n)) {
            self.indoors.remove(&node);
            self.clerk_returns(node);
            self.redial_all_of(node);
        } else if self.kept_away.contains(&node) || below.iter().any(|n| self.kept_away.contains(n)) {
            self.put_off_going_out.insert(node);
        } else {
            self.after(2 * SECOND, Event::GoesOut { node });
        }
    }

    pub(super) fn switch_on(&mut self, at: usize, restored: bool) {
        if (self.lost_disk.contains(&at) && !restored) || self.copies.is_kept_off(at, restored) {
            return;
        }
        self.lost_disk.remove(&at);
        let now = self.now();
        let damaged = self.nodes[at].finds_damage();
        if let Err(refusal) = self.nodes[at].start(&mut self.opened) {
            self.oracle.broke(1, "durable", now, format!("node {at} does not start: {refusal}"));
            return;
        }
        if let Some(replica) = &mut self.nodes[at].replica {
            self.commons.share_all(replica);
        }
        self.told.event(now, at, "start", None, || if restored { "restored".into() } else { "".into() });
        if let Some(replica) = &self.nodes[at].replica {
            self.clocks[at].starts(now, replica.clock().millis());
            if self.plan.nodes[at].copy_of.is_some() {
                self.oracle.lives_beside(at, replica.actor());
            }
        }
        if restored || damaged {
            self.stats.met(if restored { Sometimes::Restored } else { Sometimes::StartedDamaged });
            let others: Vec<_> = self.nodes.iter().enumerate().filter(|(n, _)| self.can_bring(*n)).collect();
            self.oracle.restored(at, &self.nodes[at], others.into_iter());
        } else {
            self.oracle.started(now, at, &self.nodes[at]);
        }
        self.write_as_newer(at);
        self.clerk_returns(at);
        self.redial_all_of(at);
        self.drain(at);
    }

    fn clerk_returns(&mut self, at: usize) {
        if std::mem::take(&mut self.clerks[at].away) {
            let pause = self.clerks[at].pause(&self.plan.workload, true);
            self.after(pause, Event::Operate(at));
        }
    }

    /// Whether the township's operator cannot mend a disk of this node: another is being mended, whose last entries
    /// might lie on this one alone, or this one runs twice.
    pub(super) fn hands_are_full(&self, node: usize) -> bool {
        let township = self.township(node);
        let mended =
            |n: usize| self.lost_disk.contains(&n) || self.indoors.contains(&n) || self.nodes[n].disk.is_damaged();
        self.copies.concern(&self.plan, node)
            || (0..self.nodes.len()).any(|n| self.township(n) == township && mended(n))
    }

    /// Whether somebody else, who can bring them there, holds entries of a node that are not safe at its township.
    fn township_lacks(&self, node: usize) -> bool {
        let (id, township) = (self.nodes[node].id(), self.township(node));
        let lacks = |n: usize| {
            let mut rows = self.nodes[n].disk.rows().map(|row| &row.header).filter(|header| header.actor.node == id);
            rows.any(|header| !self.nodes[township].disk.holds_safely(&header.doc, header.actor, header.last))
        };
        let below: BTreeSet<usize> = self.below(node).collect();
        let same = |n: &usize| *n != node && *n != township && self.township(*n) == township;
        (0..self.nodes.len()).filter(same).filter(|n| !below.contains(n) && self.can_bring(*n)).any(lacks)
    }

    /// Whether what a node holds can ever reach others again: not if it is revoked, or a copy in a drawer.
    fn can_bring(&self, node: usize) -> bool {
        !self.is_revoked(node) && !self.copies.is_away(node)
    }

    // Rhythms.

    pub(super) fn schedule_duties(&mut self) {
        for node in 0..self.nodes.len() {
            let Some(duty) = self.plan.nodes[node].power else { continue };
            if !duty.is_on(0) {
                self.crash(node);
            }
            self.next_power(node);
        }
        for link in 0..self.links.len() {
            self.next_duty(link);
        }
    }

    /// Plans a node's next time with power.
    fn next_power(&mut self, node: usize) {
        let Some(duty) = self.plan.nodes[node].power else { return };
        let (on, lasts) = duty.next(self.now(), &mut self.disk_rng[node]);
        self.at(on, Event::Power { node, on: true });
        self.at(on.saturating_add(lasts), Event::Power { node, on: false });
    }

    pub(super) fn power(&mut self, node: usize, on: bool) {
        if self.now() >= self.plan.phases.load_until() {
            return;
        }
        if on && self.nodes[node].replica.is_none() {
            self.stats.met(Sometimes::PowerCameBack);
            self.start(node, self.nodes[node].life, false);
        } else if !on {
            self.crash(node);
            self.next_power(node);
        }
    }

    fn next_duty(&mut self, link: usize) {
        let spec = &self.plan.links[link];
        let Some(duty) = self.plan.classes[spec.class].duty else { return };
        let (on, lasts) = duty.next(self.now(), &mut self.links[link].rng);
        self.at(on, Event::LinkDuty { link, on: true });
        self.at(on.saturating_add(lasts), Event::LinkDuty { link, on: false });
    }

    pub(super) fn link_duty(&mut self, link: usize, on: bool) {
        self.links[link].there = on;
        if on {
            self.stats.met(Sometimes::LinkCameOn);
            self.redial(link);
            return;
        }
        if let Some(conn) = self.links[link].current {
            self.cut_conn(conn, [false; 2]);
        }
        self.next_duty(link);
    }
}
