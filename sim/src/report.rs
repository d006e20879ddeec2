//! What a run hands back, for people and for scripts.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::oracle::Violation;
use crate::scheduler::{Micros, SECOND};
use crate::stats::{Sometimes, Stats, percentile};

/// The outcome of one run, or of several added up.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// The seed; of several runs, the first.
    pub seed: u64,
    /// Hash over every event and effect; of several runs, over their hashes.
    pub trace_hash: String,
    /// Events and effects in the trace.
    pub notes: u64,
    /// Whether all replicas came to agree and fell silent.
    pub converged: bool,
    /// The first promises broken.
    pub violations: Vec<Violation>,
    /// How many were broken in all.
    pub broken: u64,
    /// Virtual microseconds until everything was at rest.
    pub virtual_micros: Micros,
    /// How many nodes.
    pub nodes: usize,
    /// Counts and delays.
    pub stats: Stats,
}

impl Report {
    /// Adds the runs of further seeds.
    pub fn add(&mut self, other: &Report) {
        self.trace_hash =
            blake3::hash(format!("{}{}", self.trace_hash, other.trace_hash).as_bytes()).to_hex().to_string();
        self.notes += other.notes;
        self.converged &= other.converged;
        self.violations.extend(other.violations.iter().cloned());
        self.broken += other.broken;
        self.virtual_micros += other.virtual_micros;
        self.stats.add(&other.stats);
    }

    /// Whether every oracle holds.
    pub fn is_green(&self) -> bool {
        self.converged && self.broken == 0
    }

    /// Thousandths of a second of virtual time.
    fn virtual_millis(&self) -> u64 {
        self.virtual_micros / 1000
    }

    /// The summary for scripts. Wall time is the caller's to measure: nothing here reads a clock.
    pub fn summary(&self, wall_millis: u64) -> Value {
        let stats = &self.stats;
        let violations: Vec<Value> = self
            .violations
            .iter()
            .map(|v| json!({ "promise": v.promise, "oracle": v.oracle, "at_seconds": thousandths(v.at / 1000), "what": v.what }))
            .collect();
        let sometimes: Map<String, Value> =
            Sometimes::ALL.iter().map(|what| (what.name(), json!(stats.count(*what)))).collect();
        json!({
            "seed": self.seed,
            "trace_hash": self.trace_hash,
            "converged": self.converged,
            "violations": violations,
            "violations_total": self.broken,
            "virtual_seconds": thousandths(self.virtual_millis()),
            "wall_seconds": thousandths(wall_millis),
            "nodes": self.nodes,
            "writes_acknowledged": stats.acknowledged,
            "changes": stats.changes,
            "segments": stats.segments,
            "sends_per_change": thousandths(ratio(stats.segments_sent, stats.changes)),
            "bytes_per_change": stats.bytes / stats.changes.max(1),
            "redundancy": thousandths(stats.redundant_permille()),
            "convergence_ms": {
                "p50": percentile(&stats.convergence, 50),
                "p90": percentile(&stats.convergence, 90),
                "p99": percentile(&stats.convergence, 99),
            },
            "sometimes": sometimes,
        })
    }

    /// The summary for people.
    pub fn text(&self, runs: u64, wall_millis: u64) -> String {
        let stats = &self.stats;
        let mut text = String::new();
        let mut row = |name: &str, value: String| {
            let _ = writeln!(text, "{name:<24}{value}");
        };
        let last = self.seed + runs.saturating_sub(1);
        row("seeds", if runs == 1 { self.seed.to_string() } else { format!("{} to {last}", self.seed) });
        row("converged", if self.converged { "yes" } else { "NO" }.to_owned());
        row("promises broken", self.broken.to_string());
        row("virtual seconds", format!("{:.1}", thousandths(self.virtual_millis())));
        row("wall seconds", format!("{:.3}", thousandths(wall_millis)));
        row("nodes", self.nodes.to_string());
        row("writes acknowledged", stats.acknowledged.to_string());
        row("sends per change", format!("{:.2}", thousandths(ratio(stats.segments_sent, stats.changes))));
        row("bytes per change", (stats.bytes / stats.changes.max(1)).to_string());
        row("redundant of received", format!("{:.1} %", thousandths(stats.redundant_permille()) * 100.0));
        let delays = [50, 90, 99].map(|percent| percentile(&stats.convergence, percent).to_string()).join(" / ");
        row("convergence ms", format!("{delays} (p50 / p90 / p99)"));
        row("trace", self.trace_hash.clone());
        text.push_str("\nsometimes\n");
        let (met, never): (Vec<Sometimes>, Vec<_>) = Sometimes::ALL.iter().partition(|what| stats.count(**what) > 0);
        for what in met {
            let _ = writeln!(text, "{:>9}  {}", stats.count(what), what.text());
        }
        if !never.is_empty() {
            let never: Vec<String> = never.into_iter().map(Sometimes::name).collect();
            let _ = writeln!(text, "    never  {}", never.join(", "));
        }
        for violation in &self.violations {
            let at = thousandths(violation.at * 1000 / SECOND);
            let _ = writeln!(
                text,
                "\nBROKEN promise {} ({}) at {at:.3} s: {}",
                violation.promise, violation.oracle, violation.what
            );
        }
        text
    }
}

/// A ratio in thousandths.
fn ratio(part: u64, whole: u64) -> u64 {
    part * 1000 / whole.max(1)
}

/// Thousandths as a decimal number, for showing.
fn thousandths(value: u64) -> f64 {
    // Seconds and rest apart: a run of many weeks has more milliseconds than 32 bits hold.
    let part = |value: u64| u32::try_from(value).map_or(f64::MAX, f64::from);
    part(value / 1000) + part(value % 1000) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seconds_of_many_weeks_are_told() {
        let report = Report { virtual_micros: 20 * 7 * 86_400 * SECOND + 1_500_000, ..Report::default() };
        assert_eq!(report.summary(0)["virtual_seconds"], json!(12_096_001.5));
        assert_eq!([0, 1, 999, 60_123].map(thousandths), [0.0, 0.001, 0.999, 60.123]);
    }
}
