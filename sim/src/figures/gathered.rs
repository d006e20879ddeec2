//! What is gathered from the deliveries of one run while it goes on, in bounded memory, and what its summary says of
//! them.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::rank::Tally;
use super::recovery::{Recoveries, Recovery};
use super::spread::ranks;
use crate::observer::{Delivery, Observer};
use crate::plan::Plan;
use crate::report::Report;
use crate::scheduler::{MILLI, Micros, SECOND};
use crate::stats::Sometimes;

/// Within how many seconds a delivery is in time.
const HORIZONS: [u64; 5] = [10, 60, 600, 3600, 86_400];

/// Deliveries so far.
#[derive(Debug, Clone)]
pub struct Gathered {
    delays: Tally,
    hops: BTreeMap<u32, u64>,
    bytes: u64,
    within: [u64; HORIZONS.len()],
    recoveries: Recoveries,
}

impl Gathered {
    /// Nothing yet, of a plan.
    pub fn new(plan: &Plan) -> Gathered {
        let recoveries = Recoveries::new(plan);
        Gathered { delays: Tally::default(), hops: BTreeMap::new(), bytes: 0, within: [0; HORIZONS.len()], recoveries }
    }

    /// A segment reached a reader.
    pub fn delivery(&mut self, delivery: &Delivery) {
        let took = delivery.arrived.saturating_sub(delivery.written);
        self.delays.add(took / MILLI);
        *self.hops.entry(delivery.hops).or_insert(0) += 1;
        self.bytes += delivery.bytes;
        for (count, seconds) in self.within.iter_mut().zip(HORIZONS) {
            *count += u64::from(took <= seconds * SECOND);
        }
        self.recoveries.delivery(delivery);
    }

    /// The keys that a summary has because deliveries were watched. Times are null where a rank was not reached.
    pub fn summary(&self, report: &Report) -> Value {
        let stats = &report.stats;
        let due = stats.due.max(self.delays.count());
        let [p50, p90, p99, max] = [500, 900, 990, 1000].map(|rank| self.at(rank, due));
        let within: serde_json::Map<String, Value> = HORIZONS
            .iter()
            .zip(self.within)
            .map(|(seconds, count)| (format!("{seconds}s"), json!(share(count, due))))
            .collect();
        let recoveries: Vec<&Recovery> = self.recoveries.found().collect();
        let longest = recoveries.iter().map(|recovery| recovery.took / MILLI).max();
        let listed = recoveries.iter().map(|recovery| {
            let (lasted, took) = (recovery.lasts / MILLI, recovery.took / MILLI);
            json!({ "from_ms": recovery.from / MILLI, "lasted_ms": lasted, "island": recovery.island, "took_ms": took })
        });
        json!({
            "deliveries": self.delays.count(),
            "deliveries_due": due,
            "delivery_ms": { "p50": p50, "p90": p90, "p99": p99, "max": max },
            "delivered_within": within,
            "hops": self.hops(),
            "ideal_bytes_per_change": share(self.bytes, stats.changes),
            "refused_for_rights": share(stats.count(Sometimes::RefusedForRights), stats.spends),
            "recoveries": listed.collect::<Vec<_>>(),
            "recovery_ms": { "max": longest },
        })
    }

    /// Puts them into the summary of this run.
    pub fn add_to(&self, summary: &mut Value, report: &Report) {
        if let (Some(summary), Value::Object(more)) = (summary.as_object_mut(), self.summary(report)) {
            summary.extend(more);
        }
    }

    /// At each of [`ranks`]: milliseconds until the last reader had a segment, and until a reader had it.
    pub fn quantiles(&self, report: &Report) -> Vec<(u32, Option<u64>, Option<u64>)> {
        let mut last = Tally::default();
        report.stats.convergence.iter().for_each(|millis| last.add(*millis));
        let ranks = ranks();
        let last = last.nearest_ranks(&ranks, report.stats.shared);
        let each = self.delays.nearest_ranks(&ranks, report.stats.due);
        ranks.into_iter().zip(last).zip(each).map(|((rank, last), each)| (rank, last, each)).collect()
    }

    fn at(&self, rank: u32, due: u64) -> Option<u64> {
        self.delays.nearest_ranks(&[rank], due).pop().flatten()
    }

    fn hops(&self) -> Value {
        let links: u64 = self.hops.iter().map(|(hops, count)| u64::from(*hops) * count).sum();
        let most = self.hops.keys().next_back().copied();
        let count = |hops: u32| self.hops.get(&hops).copied().unwrap_or(0);
        let counts: Vec<u64> = most.map_or(Vec::new(), |most| (0..=most).map(count).collect());
        json!({ "mean": share(links, self.delays.count()), "max": most, "counts": counts })
    }
}

/// Gathers while another observer watches, too.
pub struct Gathering<'n> {
    /// What has been gathered.
    pub gathered: Gathered,
    next: &'n mut dyn Observer,
}

impl<'n> Gathering<'n> {
    /// Of a plan that is about to be run.
    pub fn new(plan: &Plan, next: &'n mut dyn Observer) -> Gathering<'n> {
        Gathering { gathered: Gathered::new(plan), next }
    }
}

impl Observer for Gathering<'_> {
    fn wants_deliveries(&self) -> bool {
        true
    }

    fn delivery(&mut self, delivery: &Delivery) {
        self.gathered.delivery(delivery);
    }

    fn progress(&mut self, now: Micros, of: Micros) {
        self.next.progress(now, of);
    }

    fn stop(&self) -> bool {
        self.next.stop()
    }
}

/// A quotient; none of nothing.
#[expect(clippy::cast_precision_loss, reason = "a quotient is shown with a few digits")]
fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::NodeSpec;
    use crate::workload::name;

    #[test]
    fn deliveries_by_hand() {
        let nodes = ["a", "b", "c"].map(|node| NodeSpec::new(node, name("110112119"))).into();
        let mut gathered = Gathered::new(&Plan::calm(1, nodes, Vec::new()));
        for (node, hops, millis) in [(1, 1, 500), (2, 2, 1500), (1, 1, 61_000)] {
            let doc = name("110112119201/ledger/2021-01");
            let arrived = SECOND + millis * MILLI;
            gathered.delivery(&Delivery { doc, author: 0, last: 1, written: SECOND, node, arrived, hops, bytes: 100 });
        }
        let mut report = Report::default();
        report.stats.due = 4;
        report.stats.changes = 2;
        report.stats.shared = 2;
        report.stats.convergence = vec![1500];
        let summary = gathered.summary(&report);
        assert_eq!(summary["delivered_within"]["60s"], 0.5, "two of four that were due");
        assert_eq!(summary["delivery_ms"], json!({ "p50": 1500, "p90": null, "p99": null, "max": null }));
        assert_eq!(summary["hops"], json!({ "mean": 4.0 / 3.0, "max": 2, "counts": [0, 2, 1] }));
        assert_eq!(summary["ideal_bytes_per_change"], 150.0);
        assert_eq!(summary["refused_for_rights"], Value::Null);
        let quantiles = gathered.quantiles(&report);
        let at = |rank| quantiles.iter().find(|(known, ..)| *known == rank).copied();
        assert_eq!(at(500), Some((500, Some(1500), Some(1500))));
        assert_eq!(at(505), Some((505, None, Some(61_000))));
        assert_eq!(at(1000), Some((1000, None, None)));
    }
}
