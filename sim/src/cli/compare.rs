//! `compare`: two sets of runs beside each other, and which differences are more than chance.
//!
//! Where both have the same seeds, runs are compared seed by seed, which is far sharper; else as independent ones.

use std::fmt::Write as _;

use xiangyue_sim::figures::cells::{self, Cell};
use xiangyue_sim::figures::estimate::{Estimate, difference, paired_difference};
use xiangyue_sim::figures::metric::{METRICS, Metric};

use super::results::read_results;
use super::{Exit, Failure, args, print};

/// One row of the table.
struct Row {
    metric: Metric,
    before: Estimate,
    after: Estimate,
    change: Estimate,
}

impl Row {
    /// Beyond chance, in words.
    fn verdict(&self) -> &'static str {
        match (self.change.excludes_zero(), self.metric.is_worse(self.change.mean)) {
            (false, _) if self.change.interval.is_none() && self.change.mean != 0.0 => "one seed: cannot tell",
            (false, _) => "",
            (true, true) if self.metric.of_machine => "worse (of the machine, not counted)",
            (true, true) => "WORSE",
            (true, false) => "better",
        }
    }

    /// Whether it counts as a turn for the worse.
    fn is_worse(&self) -> bool {
        self.change.excludes_zero() && self.metric.is_worse(self.change.mean) && !self.metric.of_machine
    }
}

pub(super) fn compare(args: &args::Compare) -> Result<Exit, Failure> {
    let before = cells::cells(read_results(&args.before)?);
    let after = cells::cells(read_results(&args.after)?);
    let mut worse = 0;
    for cell in &before {
        let name = if cell.parameters.is_empty() { "all runs".to_owned() } else { cell.label(None) };
        let Some(other) = after.iter().find(|other| other.parameters == cell.parameters) else {
            print(&format!("{name}: only in {}\n\n", args.before.display()));
            worse += 1;
            continue;
        };
        let (rows, paired) = rows(cell, other);
        worse += rows.iter().filter(|row| row.is_worse()).count();
        let how = if paired { "seed by seed" } else { "independent seeds" };
        print(&format!("{name}: {} and {} runs, {how}\n", cell.runs.len(), other.runs.len()));
        print(&format!("{}\n", table(&rows)));
    }
    for cell in after.iter().filter(|cell| !before.iter().any(|known| known.parameters == cell.parameters)) {
        print(&format!("{}: only in {}\n\n", cell.label(None), args.after.display()));
    }
    print(&format!("{worse} worse beyond 95 % confidence\n"));
    Ok(if args.fail_on_worse && worse > 0 { Exit::Red } else { Exit::Green })
}

fn rows(before: &Cell, after: &Cell) -> (Vec<Row>, bool) {
    let seeds = |cell: &Cell| cell.runs.iter().map(|run| run.seed).collect::<Vec<_>>();
    let paired = seeds(before) == seeds(after);
    let row = |metric: &Metric| {
        let (one, other) = (before.values(metric), after.values(metric));
        let both = |seeds: &[(u64, f64)]| seeds.iter().map(|(seed, _)| *seed).collect::<Vec<_>>();
        let values = |values: &[(u64, f64)]| values.iter().map(|(_, value)| *value).collect::<Vec<_>>();
        let by_seed = paired && both(&one) == both(&other);
        let (one, other) = (values(&one), values(&other));
        let change = if by_seed { paired_difference(&one, &other) } else { difference(&one, &other) };
        Some(Row { metric: *metric, before: metric.estimate(&one)?, after: metric.estimate(&other)?, change: change? })
    };
    (METRICS.iter().filter_map(row).collect(), paired)
}

/// The rows as columns that line up.
fn table(rows: &[Row]) -> String {
    let head = ["figure", "before", "after", "change", "95 % of the change", ""].map(str::to_owned);
    let cells = rows.iter().map(|row| {
        let interval = row
            .change
            .interval
            .map_or_else(|| "one seed".to_owned(), |(low, high)| format!("{} to {}", signed(low), signed(high)));
        let verdict = row.verdict().to_owned();
        [row.metric.label(), short(row.before.mean), short(row.after.mean), signed(row.change.mean), interval, verdict]
    });
    let all: Vec<[String; 6]> = std::iter::once(head).chain(cells).collect();
    let widths: [usize; 6] = std::array::from_fn(|n| all.iter().map(|row| row[n].chars().count()).max().unwrap_or(0));
    let mut text = String::new();
    for row in &all {
        let mut line = String::new();
        for (position, (cell, width)) in row.iter().zip(widths).enumerate() {
            // Words to the left, numbers to the right.
            let _ = match position {
                0 | 5 => write!(line, "{cell:<width$}  "),
                _ => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Four digits that count.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 1000.0 || size == 0.0 => 0,
        size if size >= 100.0 => 1,
        size if size >= 10.0 => 2,
        size if size >= 1.0 => 3,
        _ => 5,
    };
    format!("{value:.digits$}")
}

fn signed(value: f64) -> String {
    let text = short(value);
    if value > 0.0 { format!("+{text}") } else { text }
}
