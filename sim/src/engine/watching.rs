//! What the engine notes for whoever watches: deliveries, samples, and whether interesting things happened.

use std::sync::Arc;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{Entry, Points};
use xiangyue_protocol::segment::Segment;

use super::{Engine, Event};
use crate::disk::Row;
use crate::observer::{Delivery, Sample};
use crate::scheduler::MILLI;
use crate::stats::Sometimes;

impl Engine {
    pub(super) fn note_append(&mut self, node: usize, from: Option<usize>, segment: &Segment, row: &Arc<Row>) {
        let (now, header) = (self.queue.now(), &row.header);
        self.told.event(now, node, "append", from, || {
            format!("{} {} {}..{}", header.doc, header.actor, header.first, header.last).into()
        });
        if self.nodes[node].id() == header.actor.node && from.is_none() {
            self.stats.segments += 1;
            self.stats.changes += header.last - header.first + 1;
            self.spread.written(now, node, row);
            let readers = self.spread.readers(&header.doc);
            let others = (readers.len() - usize::from(readers.binary_search(&node).is_ok())) as u64;
            self.stats.shared += u64::from(others > 0);
            self.stats.due += others;
            let debt = |record| matches!(Entry::from_record(record), Some(Entry::Reversal(r)) if r.debt > Points::ZERO);
            if segment.records.iter().flatten().any(debt) {
                self.stats.met(Sometimes::ReversalLeftDebt);
            }
            return;
        }
        let Some(step) = self.spread.arrived(node, from, row) else { return };
        if step.last {
            self.stats.convergence.push((now - step.written) / MILLI);
        }
        if self.told.wants_deliveries {
            self.told.deliveries.push(Delivery {
                doc: header.doc.clone(),
                author: step.author,
                last: header.last,
                written: step.written,
                node,
                arrived: now,
                hops: step.hops,
                bytes: row.bytes.len() as u64,
            });
        }
    }

    /// Whether a node that was frozen may spend again.
    pub(super) fn note_thaw(&mut self, node: usize) {
        let frozen = self.nodes[node].replica.as_ref().is_some_and(Replica::is_frozen);
        let was_frozen = std::mem::replace(&mut self.frozen[node], frozen);
        let runs = self.nodes[node].replica.is_some();
        self.stats.met_times(Sometimes::Thawed, u64::from(was_frozen && !frozen && runs));
    }

    pub(super) fn note_half_greeted(&mut self, node: usize) {
        let half = |conn: &u64| {
            let conn = &self.conns[conn];
            conn.alive && (0..2).any(|side| conn.nodes[side] == node && conn.up[side] && !conn.heard[side])
        };
        // Who has hundreds of connections is always greeting somebody.
        if self.conns_of[node].iter().take(16).any(half) {
            self.stats.met(Sometimes::WrittenBetweenHellos);
        }
    }

    pub(super) fn sample(&mut self) {
        let now = self.now();
        self.after(self.plan.sample, Event::Sample);
        let (ages, pairs) = self.spread.behind(now);
        // The pairs that are not behind at all stand before the others.
        let calm = usize::try_from(pairs).unwrap_or(usize::MAX).saturating_sub(ages.len());
        let behind = |percent: usize| {
            let rank = ((calm + ages.len()) * percent).div_ceil(100).max(1);
            rank.checked_sub(calm + 1).and_then(|at| ages.get(at)).copied().unwrap_or(0)
        };
        let running = |count: fn(xiangyue_protocol::replica::Counters) -> u64| -> u64 {
            self.nodes.iter().filter_map(|node| node.replica.as_ref()).map(|replica| count(replica.counters())).sum()
        };
        self.told.samples.push(Sample {
            at: now,
            up: self.nodes.iter().filter(|node| node.replica.is_some()).count() as u64,
            links_up: self.conns.values().filter(|conn| conn.alive && conn.up == [true; 2]).count() as u64,
            pairs,
            behind_p50: behind(50),
            behind_p90: behind(90),
            behind_p99: behind(99),
            behind_max: ages.last().copied().unwrap_or(0),
            unsynced: self.nodes.iter().map(|node| node.disk.unsynced() as u64).sum(),
            in_flight: self.conns.values().map(|conn| (conn.wire.in_flight(0) + conn.wire.in_flight(1)) as u64).sum(),
            frames: self.stats.frames,
            sends: self.stats.segments_sent,
            bytes_sent: self.stats.bytes,
            changes: self.stats.changes,
            acknowledged: self.stats.acknowledged,
            refused_for_rights: self.stats.count(Sometimes::RefusedForRights),
            received: self.stats.received + running(|counters| counters.received),
            redundant: self.stats.redundant + running(|counters| counters.redundant),
        });
    }
}
