//! The command line's shape.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use xiangyue_sim::scenario::Set;

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
}

#[derive(Debug, Args)]
#[command(after_help = "Examples:
  xiangyue-sim run three-villages --seed 7 --out /tmp/seed-7
  xiangyue-sim run my.toml --seeds 20 --json
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
