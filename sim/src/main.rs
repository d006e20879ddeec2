//! The simulator's command line. Exit 0: every promise held. 1: one was broken. 2: bad input.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::{self, THREE_VILLAGES, ThreeVillages, Topology};

/// Runs xiangyue's replicas in virtual time, with faults, and watches their promises.
#[derive(Parser)]
#[command(version, after_help = "Example: xiangyue-sim run three-villages --seed 7 --seeds 20 --json")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a scenario under one seed or several.
    #[command(after_help = "Example: xiangyue-sim run three-villages --seed 7 --out /tmp/run")]
    Run {
        /// The scenario: three-villages.
        scenario: String,
        /// The first seed.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// How many seeds, one after the other.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
        seeds: u64,
        /// Who is joined to whom.
        #[arg(long, default_value = "neighbours", value_parser = ["star", "neighbours", "mesh"])]
        topology: String,
        /// Print the summary as JSON.
        #[arg(long)]
        json: bool,
        /// Also write summary.json to this directory.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

fn main() -> ExitCode {
    let Cli { command: Command::Run { scenario, seed, seeds, topology, json, out } } = Cli::parse();
    if scenario != THREE_VILLAGES {
        eprintln!("no scenario is called {scenario}; there is: {THREE_VILLAGES}");
        return ExitCode::from(2);
    }
    let started = now();
    let report = match run(seed, seeds, &topology) {
        Ok(report) => report,
        Err(refusal) => {
            eprintln!("{refusal}");
            return ExitCode::from(2);
        }
    };
    let wall = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let summary = format!("{:#}\n", report.summary(wall));
    if let Some(dir) = out
        && let Err(error) = write(&dir, &summary)
    {
        eprintln!("{}: {error}", dir.display());
        return ExitCode::from(2);
    }
    print!("{}", if json { summary } else { report.text(seeds, wall) });
    ExitCode::from(u8::from(!report.is_green()))
}

fn run(seed: u64, seeds: u64, topology: &str) -> Result<Report, xiangyue_protocol::Refusal> {
    let topology = match topology {
        "star" => Topology::Star,
        "mesh" => Topology::Mesh,
        _ => Topology::Neighbours,
    };
    let params = ThreeVillages { topology, ..ThreeVillages::default() };
    let mut sum = scenario::run(scenario::three_villages(seed, &params))?;
    for seed in seed + 1..seed.saturating_add(seeds) {
        let report = scenario::run(scenario::three_villages(seed, &params))?;
        if !report.is_green() {
            let first = report.violations.first().map_or("", |violation| violation.what.as_str());
            eprintln!("seed {seed}: {} times broken, first: {first}", report.broken);
        }
        sum.add(&report);
    }
    Ok(sum)
}

#[expect(clippy::disallowed_types, reason = "how long a run took is shown; the run itself never sees it")]
#[allow(clippy::disallowed_methods, reason = "wall time is what this figure is; nothing simulated sees it")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the command line may write files; runs may not")]
fn write(dir: &PathBuf, summary: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("summary.json"), summary)
}
