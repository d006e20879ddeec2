//! When everything is at rest, and what must hold then: replicas agree and have nothing more to say.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::DocId;
use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::replica::Replica;

use super::{Engine, Event};
use crate::rng::Rng;
use crate::scheduler::SECOND;
use crate::stats::Sometimes;

/// Nodes whose journals are read back at the end; of more, so many are drawn.
const READ_BACK: u64 = 64;

impl Engine {
    /// Draws the core, if the plan wants one, and switches all others off: a connected set of nodes with the first
    /// township that must come to rest on its own.
    pub(super) fn draw_core(&mut self) {
        let wanted = self.nodes.len() as u64 * self.plan.phases.core_permille / 1000;
        if wanted >= self.nodes.len() as u64 {
            return;
        }
        let mut rng = Rng::new(self.plan.seed, "core", "core");
        let mut core: BTreeSet<usize> = self.township_of.iter().copied().collect();
        while (core.len() as u64) < wanted.max(1) {
            let beside = core.iter().flat_map(|node| &self.links_of[*node]).flat_map(|link| {
                let spec = &self.plan.links[*link];
                [spec.dials, spec.answers]
            });
            let beside: BTreeSet<usize> = beside.map(|node| self.plan.original(node)).collect();
            let beside: BTreeSet<usize> = beside.difference(&core).copied().collect();
            let beside: Vec<usize> = beside.into_iter().collect();
            let Some(next) = rng.pick(&beside) else { break };
            core.insert(*next);
        }
        let outside: Vec<usize> =
            (0..self.nodes.len()).filter(|node| !core.contains(&self.plan.original(*node))).collect();
        for node in outside {
            self.crash(node);
            self.kept_away.insert(node);
        }
    }

    /// Whether nothing is left to do. The core's rest lets the others return.
    pub(super) fn comes_to_rest(&mut self) -> bool {
        let busy = self.queue.len() > self.background || self.now() < self.plan.phases.load_until();
        if busy || self.conns.values().any(|conn| conn.wire.is_busy()) {
            return false;
        }
        let waits = self.plan.classes.iter().any(|class| class.duty.is_some());
        if self.kept_away.is_empty() {
            return !waits || self.agree();
        }
        if waits && !self.agree() {
            return false;
        }
        // Who waits for somebody that is kept away has not heard of everything, nor has who is behind it.
        let waits_for_others = self.put_off.iter().any(|(node, _)| !self.kept_away.contains(node));
        if self.put_off_going_out.is_empty()
            && !waits_for_others
            && let Some(what) = self.disagreement()
        {
            let what = format!("the core is at rest and does not agree: {what}");
            self.oracle.broke(6, "agree", self.queue.now(), what);
        }
        self.stats.met(Sometimes::CoreRestedAlone);
        for node in std::mem::take(&mut self.kept_away) {
            self.switch_on(node, false);
        }
        for (node, restored) in std::mem::take(&mut self.put_off) {
            self.after(0, Event::Start { node, life: self.nodes[node].life, restored });
        }
        for node in std::mem::take(&mut self.put_off_going_out) {
            self.after(0, Event::GoesOut { node });
        }
        for fault in self.copies.take_put_off() {
            self.after(0, Event::Part(fault));
        }
        false
    }

    /// Why nothing has come to rest, in words.
    pub(super) fn unrest(&self) -> String {
        let mut left: BTreeMap<&str, usize> = BTreeMap::new();
        for event in self.queue.pending().filter(|event| !event.is_background() && !self.is_lost(event)) {
            *left.entry(super::event::kind(event)).or_default() += 1;
        }
        let agree = self.disagreement().unwrap_or_else(|| "replicas agree".to_owned());
        format!("there is no rest: {agree}; still to come: {left:?}")
    }

    /// Whether all running nodes hold the same of every document that they may hold.
    fn agree(&self) -> bool {
        self.disagreement().is_none()
    }

    /// The first thing in which running nodes differ, of every document that they may hold.
    fn disagreement(&self) -> Option<String> {
        let mut first: BTreeMap<&DocId, (usize, &Doc)> = BTreeMap::new();
        let mut holders: BTreeMap<&DocId, usize> = BTreeMap::new();
        let running = || {
            let counts = |n: usize| !self.oracle.is_hostile(n) && self.plan.nodes[n].copy_of.is_none();
            let up = self.nodes.iter().enumerate().filter(move |(n, _)| counts(*n));
            up.filter_map(|(n, node)| Some((n, node.replica.as_ref()?)))
        };
        for (n, (id, doc)) in running().flat_map(|(n, replica)| replica.docs().iter().map(move |held| (n, held))) {
            let (m, theirs) = *first.entry(id).or_insert((n, doc));
            if let Some(part) = self.oracle.difference(theirs, doc) {
                return Some(format!("nodes {m} and {n} differ in the {part} of {id}"));
            }
            *holders.entry(id).or_default() += 1;
        }
        holders.retain(|id, _| self.oracle.must_spread(first[id].1));
        let on: BTreeSet<usize> = running().map(|(n, _)| n).collect();
        holders.into_iter().find_map(|(id, count)| {
            let expected = self.spread.readers_known(id)?.iter().filter(|n| on.contains(n)).count();
            (count != expected).then(|| format!("{count} of {expected} nodes have {id}"))
        })
    }

    pub(super) fn check_rest(&mut self) {
        let now = self.now();
        let forked = self.plan.faults.iter().any(|(_, fault)| fault.is_hostile());
        let honest = |n: &usize| !self.oracle.is_hostile(*n) && self.plan.nodes[*n].copy_of.is_none();
        let honest: Vec<usize> = (0..self.nodes.len()).filter(honest).collect();
        let mut broke = |what: String| self.oracle.broke(6, "silence", now, what);
        for n in &honest {
            let (node, clerk) = (&self.nodes[*n], &self.clerks[*n]);
            if !clerk.pending.is_empty() || !clerk.waiting.is_empty() {
                broke(format!("the clerk of node {n} was never answered"));
            }
            let Some(replica) = &node.replica else {
                broke(format!("node {n} is down"));
                continue;
            };
            if replica.is_frozen() {
                broke(format!("node {n} is still frozen"));
            }
            for (_, session) in replica.sessions().filter(|_| !forked) {
                if !session.caught_up || session.behind > 0 {
                    broke(format!("node {n} thinks itself behind: {session:?}"));
                }
            }
        }
        let mut rng = Rng::new(self.plan.seed, "read back", "nodes");
        let few = |count: usize| count as u64 <= READ_BACK;
        for n in honest.iter().filter(|_| few(honest.len()) || rng.below(honest.len() as u64) < READ_BACK) {
            let node = &self.nodes[*n];
            let Some(replica) = &node.replica else { continue };
            match node.replayed(node.disk.rows()) {
                Ok(again) if again.docs() == replica.docs() => {}
                _ => broke(format!("node {n} reads back otherwise from its journal")),
            }
        }
        let replicas: Vec<(usize, &Replica)> =
            self.nodes.iter().enumerate().filter_map(|(n, node)| Some((n, node.replica.as_ref()?))).collect();
        self.oracle.check_end(now, &replicas);
    }

    /// Makes every connection anew: both sides must find that there is nothing to say.
    pub(super) fn greet_anew(&mut self) {
        self.greeting = !self.plan.faults.iter().any(|(_, fault)| fault.is_hostile());
        let stats = self.stats.clone();
        let until = self.now() + 60 * SECOND;
        let conns: Vec<u64> = self.conns.keys().copied().collect();
        for conn in conns {
            for side in 0..2 {
                self.gone(conn, side);
            }
            self.discard(conn);
        }
        self.conns_of.iter_mut().for_each(BTreeSet::clear);
        for link in 0..self.links.len() {
            self.links[link].current = None;
            self.after(1, Event::Dial(link));
        }
        while self.queue.next_time().is_some_and(|time| time <= until) {
            self.step();
        }
        self.stats = stats;
    }
}
