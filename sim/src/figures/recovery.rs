//! How long it took, after a partition healed, until both sides had what the other had written meanwhile.
//!
//! For a cut that ends at H, between an island and the rest: the latest arrival, counted from H, of a segment that
//! was written on one side before H and reached a reader on the other side after H. Zero if nothing was waiting.
//! A flapping cut counts as one that ends when it stops. Where cuts overlap, what one held back counts for each that
//! held it back as well. A merchant's till that has no line for a while, as the workload says, is no partition.

use std::collections::BTreeSet;

use crate::observer::Delivery;
use crate::plan::{Fault, Plan};
use crate::scheduler::Micros;

/// One partition and its recovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovery {
    /// When it began, in virtual microseconds.
    pub from: Micros,
    /// How long it lasted.
    pub lasts: Micros,
    /// How many nodes were on the island's side.
    pub island: usize,
    /// How long both sides took afterwards.
    pub took: Micros,
}

/// Follows the partitions of a plan through a run.
#[derive(Debug, Clone)]
pub struct Recoveries(Vec<(BTreeSet<usize>, Recovery)>);

impl Recoveries {
    /// The partitions of a plan.
    pub fn new(plan: &Plan) -> Recoveries {
        let cut = |(from, fault): &(Micros, Fault)| match fault {
            Fault::Cut { till: true, .. } => None,
            Fault::Cut { island, lasts, .. } | Fault::Flap { island, lasts, .. } => {
                let recovery = Recovery { from: *from, lasts: *lasts, island: island.len(), took: 0 };
                Some((island.clone(), recovery))
            }
            _ => None,
        };
        Recoveries(plan.faults.iter().filter_map(cut).collect())
    }

    /// A segment has arrived.
    pub fn delivery(&mut self, delivery: &Delivery) {
        for (island, recovery) in &mut self.0 {
            let healed = recovery.from.saturating_add(recovery.lasts);
            let across = island.contains(&delivery.author) != island.contains(&delivery.node);
            if across && delivery.written < healed && delivery.arrived > healed {
                recovery.took = recovery.took.max(delivery.arrived - healed);
            }
        }
    }

    /// What was found, in the order of the plan.
    pub fn found(&self) -> impl Iterator<Item = &Recovery> {
        self.0.iter().map(|(_, recovery)| recovery)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{NodeSpec, Way};
    use crate::workload::name;

    fn delivery(author: usize, node: usize, written: Micros, arrived: Micros) -> Delivery {
        let doc = name("110112119201/ledger/2021-01");
        Delivery { doc, author, last: 1, written, node, arrived, hops: 1, bytes: 100 }
    }

    #[test]
    fn the_last_that_crosses_after_healing_counts() {
        let nodes = ["a", "b", "c"].map(|node| NodeSpec::new(node, name("110112119"))).into();
        let mut plan = Plan::calm(1, nodes, Vec::new());
        let cut = Fault::Cut { island: BTreeSet::from([1, 2]), way: Way::Both, lasts: 50, till: false };
        plan.faults = vec![(5, Fault::Backup { node: 1 }), (100, cut)];
        let mut recoveries = Recoveries::new(&plan);
        let within = [delivery(1, 2, 120, 190), delivery(0, 1, 90, 110)];
        let afterwards = [delivery(0, 1, 160, 400)];
        within.iter().chain(&afterwards).for_each(|delivery| recoveries.delivery(delivery));
        assert_eq!(recoveries.found().map(|recovery| recovery.took).collect::<Vec<_>>(), [0]);
        [delivery(0, 1, 149, 170), delivery(2, 0, 60, 180)].iter().for_each(|d| recoveries.delivery(d));
        let found = Recovery { from: 100, lasts: 50, island: 2, took: 30 };
        assert_eq!(recoveries.found().collect::<Vec<_>>(), [&found]);
    }
}
