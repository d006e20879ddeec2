//! The end of a run: everything is at rest, so replicas must agree and have nothing more to say.

use xiangyue_protocol::replica::Replica;

use super::{Engine, Event};
use crate::scheduler::SECOND;

impl Engine {
    pub(super) fn check_rest(&mut self) {
        let now = self.now();
        for (n, clerk) in self.clerks.iter().enumerate() {
            if !clerk.pending.is_empty() || !clerk.waiting.is_empty() {
                self.oracle.broke(6, "silence", now, format!("the clerk of node {n} was never answered"));
            }
        }
        for (n, node) in self.nodes.iter().enumerate() {
            let Some(replica) = &node.replica else {
                self.oracle.broke(6, "silence", now, format!("node {n} is down"));
                continue;
            };
            if replica.is_frozen() {
                self.oracle.broke(6, "silence", now, format!("node {n} is still frozen"));
            }
            for (_, session) in replica.sessions() {
                if !session.caught_up || session.behind > 0 {
                    self.oracle.broke(6, "silence", now, format!("node {n} thinks itself behind: {session:?}"));
                }
            }
            match node.replayed(node.disk.rows()) {
                Ok(again) if again.docs() == replica.docs() => {}
                _ => self.oracle.broke(6, "silence", now, format!("node {n} reads back otherwise from its journal")),
            }
        }
        let replicas: Vec<(usize, &Replica)> =
            self.nodes.iter().enumerate().filter_map(|(n, node)| Some((n, node.replica.as_ref()?))).collect();
        self.oracle.check_end(now, &replicas);
    }

    /// Makes every connection anew: both sides must find that there is nothing to say.
    pub(super) fn greet_anew(&mut self) {
        self.greeting = true;
        let stats = self.stats.clone();
        for conn in 0..self.conns.len() {
            for side in 0..2 {
                if self.conns[conn].alive {
                    self.gone(conn, side);
                }
            }
            self.conns[conn].alive = false;
        }
        for link in 0..self.plan.links.len() {
            self.queue.after(1, Event::Dial(link));
        }
        while self.queue.next_time().is_some_and(|time| time <= self.plan.phases.limit() + 60 * SECOND) {
            self.step();
        }
        self.stats = stats;
    }
}
