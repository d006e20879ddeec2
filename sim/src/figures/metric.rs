//! The figures of a run that tables and comparisons show: where they stand in `summary.json`, their unit, which
//! way is better, and which sort of interval suits them.

use serde_json::Value;

use super::estimate::Estimate;

/// Which way a figure should go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// Less is better.
    Lower,
    /// More is better.
    Higher,
}

/// How its interval over seeds is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// By Student's t: counts and ratios.
    Plain,
    /// By the bootstrap: percentiles, times, anything with a long tail.
    Tailed,
}

/// One figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Where it stands in `summary.json`; a dot goes one level down.
    pub key: &'static str,
    /// For people.
    pub title: &'static str,
    /// Its unit; empty for a pure number.
    pub unit: &'static str,
    /// Which way is better.
    pub better: Better,
    /// Its interval.
    pub shape: Shape,
    /// Whether it depends on the machine and its other work, so that two equal runs differ in it.
    pub of_machine: bool,
}

const fn metric(key: &'static str, title: &'static str, unit: &'static str, better: Better, shape: Shape) -> Metric {
    Metric { key, title, unit, better, shape, of_machine: false }
}

use Better::{Higher, Lower};
use Shape::{Plain, Tailed};

/// Sends of a segment over one link, per change.
pub const SENDS: Metric = metric("sends_per_change", "sends per change", "", Lower, Plain);
/// Bytes sent, of everything, per change.
pub const BYTES: Metric = metric("bytes_per_change", "bytes sent per change", "B", Lower, Plain);
/// The bytes that each reader must get once, per change.
pub const IDEAL_BYTES: Metric = metric("ideal_bytes_per_change", "ideal bytes per change", "B", Lower, Plain);
/// Of the segments that arrived, those that were there already.
pub const REDUNDANCY: Metric = metric("redundancy", "redundant of received", "", Lower, Plain);
/// Mean of the links that a segment crossed to a reader.
pub const HOPS: Metric = metric("hops.mean", "hops, mean", "", Lower, Plain);
/// The most links.
pub const HOPS_MOST: Metric = metric("hops.max", "hops, most", "", Lower, Tailed);
/// The longest that anything took to cross a healed partition.
pub const RECOVERY: Metric = metric("recovery_ms.max", "recovery after a partition, longest", "ms", Lower, Tailed);
/// Redemptions and grants refused because the rights lay elsewhere, of all that were asked for.
pub const REFUSED: Metric = metric("refused_for_rights", "refused for rights", "", Lower, Plain);
/// Most memory of the process.
pub const MEMORY: Metric =
    Metric { of_machine: true, ..metric("max_rss_bytes", "memory of the process, most", "B", Lower, Plain) };

/// Every figure that a table shows, in its order.
pub const METRICS: [Metric; 19] = [
    metric("violations_total", "promises broken", "", Lower, Plain),
    metric("converged", "converged", "", Higher, Plain),
    SENDS,
    BYTES,
    IDEAL_BYTES,
    REDUNDANCY,
    HOPS,
    HOPS_MOST,
    metric("convergence_ms.p50", "convergence p50", "ms", Lower, Tailed),
    metric("convergence_ms.p90", "convergence p90", "ms", Lower, Tailed),
    metric("convergence_ms.p99", "convergence p99", "ms", Lower, Tailed),
    metric("delivery_ms.p50", "delivery p50", "ms", Lower, Tailed),
    metric("delivery_ms.p99", "delivery p99", "ms", Lower, Tailed),
    metric("delivered_within.60s", "delivered within 1 min", "", Higher, Plain),
    RECOVERY,
    REFUSED,
    metric("writes_acknowledged", "writes acknowledged", "", Higher, Plain),
    MEMORY,
    Metric { of_machine: true, ..metric("wall_seconds", "wall time", "s", Lower, Tailed) },
];

impl Metric {
    /// Its value in a summary; none if the run has none. A yes counts 1, a no 0.
    pub fn of(&self, summary: &Value) -> Option<f64> {
        number(summary, self.key)
    }

    /// Its mean and interval over runs.
    pub fn estimate(&self, values: &[f64]) -> Option<Estimate> {
        match self.shape {
            Plain => Estimate::student(values),
            Tailed => Estimate::bootstrap(values),
        }
    }

    /// Whether `change` goes the wrong way.
    pub fn is_worse(&self, change: f64) -> bool {
        match self.better {
            Lower => change > 0.0,
            Higher => change < 0.0,
        }
    }

    /// Title and unit.
    pub fn label(&self) -> String {
        if self.unit.is_empty() { self.title.to_owned() } else { format!("{} ({})", self.title, self.unit) }
    }
}

/// The number at a dotted key; none if there is none.
pub fn number(summary: &Value, key: &str) -> Option<f64> {
    let value = key.split('.').try_fold(summary, |value, part| value.get(part))?;
    value.as_f64().or_else(|| value.as_bool().map(|yes| f64::from(u8::from(yes))))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_found_by_dotted_keys() {
        let summary = json!({ "converged": true, "hops": { "mean": 1.5 }, "recovery_ms": { "max": null } });
        assert_eq!(HOPS.of(&summary), Some(1.5));
        assert_eq!(number(&summary, "converged"), Some(1.0));
        assert_eq!(RECOVERY.of(&summary), None);
        assert_eq!(number(&summary, "hops.mean.further"), None);
    }

    #[test]
    fn worse_is_up_or_down_as_the_figure_says() {
        assert!(SENDS.is_worse(1.0) && !SENDS.is_worse(-1.0) && !SENDS.is_worse(0.0));
        let delivered = METRICS.iter().find(|metric| metric.better == Higher).unwrap();
        assert!(delivered.is_worse(-0.1) && !delivered.is_worse(0.1));
    }
}
