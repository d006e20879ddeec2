//! The command line's shape.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use xiangyue_sim::mutant::Mutant;
use xiangyue_sim::plan::Tier;
use xiangyue_sim::scenario::Set;

use super::sweep::Shard;

/// Runs xiangyue's replicas in virtual time, with faults, and watches their promises.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Examples:
  xiangyue-sim run three-villages --seed 7
  xiangyue-sim scenarios
  xiangyue-sim scenarios check my.toml

Exit: 0 every promise and expectation held, 1 one was broken, 2 bad input, 130 interrupted.
How to write a scenario: docs/scenarios.md"
)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run a scenario under one seed or several.
    Run(Run),
    /// Run every combination of a scenario's [sweep] under every seed, on all cores.
    Sweep(Sweep),
    /// Put the shards of one sweep together.
    Merge(Merge),
    /// Hold two sets of runs against each other.
    Compare(Compare),
    /// Draw charts of a run or a sweep, as SVG and PNG.
    Plot(Plot),
    /// Draw a run as lanes, a line to each node.
    Trace(Trace),
    /// Make a failing run smaller while the same oracle still trips: faults, then nodes, then what clerks ask for.
    #[command(after_help = "Examples:
  xiangyue-sim shrink three-villages --seed 7 --out minimal.json
  xiangyue-sim shrink three-villages --seed 2 --mutant keep-session-across-break

Exit: 0 made smaller and written, 1 nothing is broken under this seed.")]
    Shrink(Shrink),
    /// Run again what a run or shrink has written, and compare the trace.
    #[command(after_help = "Examples:
  xiangyue-sim replay /tmp/seed-7
  xiangyue-sim replay minimal.json

Exit: 0 the trace is equal, 1 it is not.")]
    Replay(Replay),
    /// Plant known bugs one by one and show which oracle finds each, and after how many seeds.
    #[command(after_help = "Examples:
  cargo run --release -p xiangyue-sim --features mutants -- mutants
  xiangyue-sim mutants lose-synced-tail --seeds 50

Exit: 0 every bug was found, 1 one was missed.")]
    Mutants(Mutants),
    /// Walk through every interleaving of a tiny world: three nodes, five entries, a break, a power cut.
    #[command(after_help = "Examples:
  xiangyue-sim explore
  xiangyue-sim explore --operations 2 --crashes 0

Exit: 0 every promise holds in every state, 1 one is broken (the way there is printed).")]
    Explore(Explore),
    /// List the scenarios of the library, show one, or check a file.
    #[command(after_help = "Examples:
  xiangyue-sim scenarios
  xiangyue-sim scenarios show three-villages > my.toml
  xiangyue-sim scenarios check my.toml")]
    Scenarios {
        #[command(subcommand)]
        command: Option<Scenarios>,
    },
}

/// Which scenario, and what is put over it.
#[derive(Debug, Clone, Args)]
pub(super) struct Source {
    /// A file, or the name of a scenario of the library.
    #[arg(value_name = "FILE")]
    pub(super) scenario: String,
    /// Put a value over the file's; may be repeated.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub(super) sets: Vec<Set>,
    /// What carries frames between nodes: streams that break, or quic, in datagrams that are lost, for at most 50 nodes.
    #[arg(long, value_name = "TIER", default_value = "streams")]
    pub(super) tier: Tier,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xiangyue-sim run three-villages --seed 7 --out /tmp/seed-7
  xiangyue-sim run my.toml --seeds 20 --json
  xiangyue-sim run my.toml --tier quic
  xiangyue-sim run three-villages --set topology.villages=12 --set fault.cut.lasts=30s")]
pub(super) struct Run {
    #[command(flatten)]
    pub(super) source: Source,
    /// The first seed [default: the scenario's seeds.first].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// How many seeds, one after the other.
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: u64,
    /// Print the summary as JSON.
    #[arg(long)]
    pub(super) json: bool,
    /// Also write the run's files into this folder.
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
    #[command(flatten)]
    pub(super) extent: Extent,
}

/// How much a run's folder holds.
#[derive(Debug, Clone, Args)]
pub(super) struct Extent {
    /// At most so many events in trace.jsonl; 0 for none [default: 200000 for run, 0 for sweep].
    #[arg(long, value_name = "N")]
    pub(super) trace_rows: Option<u64>,
    /// At most so many rows in deliveries.csv; 0 for none [default: 1000000 for run, 0 for sweep].
    #[arg(long, value_name = "N")]
    pub(super) delivery_rows: Option<u64>,
    /// Write the tables as Parquet, too; needs a build with the feature `parquet`.
    #[arg(long)]
    pub(super) parquet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xiangyue-sim sweep my.toml --out /tmp/sweep
  xiangyue-sim sweep my.toml --seeds 100 --jobs 4 --out /tmp/sweep
  xiangyue-sim sweep my.toml --shard 3/8 --out /tmp/shard-3

Called again with the same words it goes on where it stopped. Exit: 0 all green, 1 a run was red, 2 bad input or a run
that failed, 130 interrupted.")]
pub(super) struct Sweep {
    #[command(flatten)]
    pub(super) source: Source,
    /// The folder for the runs and the tables over them.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
    /// The first seed [default: the scenario's seeds.first].
    #[arg(long, value_name = "N")]
    pub(super) seed: Option<u64>,
    /// How many seeds [default: the scenario's seeds.count].
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: Option<u64>,
    /// Only every n-th run, beginning with run i, from 0: one of n processes that share the sweep.
    #[arg(long, value_name = "i/n", default_value = "0/1")]
    pub(super) shard: Shard,
    /// How many runs at once [default: as many as there are cores].
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroUsize>,
    #[command(flatten)]
    pub(super) extent: Extent,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: xiangyue-sim merge /tmp/shard-* --out /tmp/sweep")]
pub(super) struct Merge {
    /// The shards' folders.
    #[arg(value_name = "DIR", required = true)]
    pub(super) shards: Vec<PathBuf>,
    /// The folder for all of it.
    #[arg(long, value_name = "DIR")]
    pub(super) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xiangyue-sim compare /tmp/before /tmp/after
  xiangyue-sim compare baseline.jsonl /tmp/after --fail-on-worse

A baseline is the results.jsonl of an earlier sweep.")]
pub(super) struct Compare {
    /// The earlier runs: a folder, or a saved results.jsonl.
    #[arg(value_name = "A")]
    pub(super) before: PathBuf,
    /// The later runs.
    #[arg(value_name = "B")]
    pub(super) after: PathBuf,
    /// Exit 1 if a figure is worse beyond its confidence interval.
    #[arg(long)]
    pub(super) fail_on_worse: bool,
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xiangyue-sim plot /tmp/sweep
  xiangyue-sim plot /tmp/sweep --x policy.propagation --out figures")]
pub(super) struct Plot {
    /// The folder of a run or a sweep.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// The parameter on the horizontal axis [default: the first that was varied, numbers before names].
    #[arg(long, value_name = "KEY")]
    pub(super) x: Option<String>,
    /// Where to [default: DIR/plots].
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example: xiangyue-sim trace /tmp/seed-7 --from 20 --to 40 --nodes township,village-1")]
pub(super) struct Trace {
    /// The folder of a run.
    #[arg(value_name = "DIR")]
    pub(super) dir: PathBuf,
    /// From so many virtual seconds on.
    #[arg(long, value_name = "SECONDS")]
    pub(super) from: Option<f64>,
    /// To so many virtual seconds.
    #[arg(long, value_name = "SECONDS")]
    pub(super) to: Option<f64>,
    /// Only these nodes, in this order.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub(super) nodes: Vec<String>,
    /// Where to [default: DIR/plots].
    #[arg(long, value_name = "DIR")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Shrink {
    #[command(flatten)]
    pub(super) source: Source,
    /// The seed under which it fails.
    #[arg(long, value_name = "N")]
    pub(super) seed: u64,
    /// Plant a bug.
    #[arg(long, value_name = "BUG")]
    pub(super) mutant: Option<Mutant>,
    /// Write the small plan here; it is printed otherwise.
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct Replay {
    /// A run's folder, its manifest.json, or what shrink has written.
    #[arg(value_name = "PATH")]
    pub(super) path: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct Mutants {
    /// Which bugs; all if none is named.
    #[arg(value_name = "BUG")]
    pub(super) names: Vec<Mutant>,
    /// Seeds that are tried before a bug counts as missed.
    #[arg(long, value_name = "K", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) seeds: u64,
}

#[derive(Debug, Args)]
pub(super) struct Explore {
    /// Entries that clerks make.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=5))]
    pub(super) operations: usize,
    /// Power cuts, anywhere.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(0..=3))]
    pub(super) crashes: usize,
    /// The village's line does not break.
    #[arg(long)]
    pub(super) no_partition: bool,
    /// Stop after so many states.
    #[arg(long, value_name = "N", default_value_t = u64::MAX)]
    pub(super) limit: u64,
    /// Plant a bug.
    #[arg(long, value_name = "BUG")]
    pub(super) mutant: Option<Mutant>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Scenarios {
    /// Print the file of a scenario of the library.
    #[command(after_help = "Example: xiangyue-sim scenarios show three-villages > my.toml")]
    Show {
        /// Its name.
        name: String,
    },
    /// Check a file without running it: exit 0 if it is good, 2 with what is wrong.
    #[command(after_help = "Example: xiangyue-sim scenarios check my.toml")]
    Check(Source),
}
