//! What a person types: one file a command. Here are files, threads and wall clocks, which the library does without.
//!
//! A command returns an [`Exit`] or a [`Failure`] for a person; nothing below `main` ends the process.

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;
use xiangyue_protocol::Refusal;
use xiangyue_sim::scenario::Problem;

mod args;
mod compare;
mod explore;
mod identity;
mod merge;
mod mutants;
mod parquet;
mod plot;
mod replay;
mod results;
mod run;
mod rundir;
mod scenarios;
mod shrink;
mod source;
mod sweep;
mod trace;
mod watch;

/// How a command ends when its input was good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exit {
    /// Every promise and expectation held.
    Green,
    /// One was broken or missed.
    Red,
    /// A person said stop; what there was is written.
    Interrupted,
}

/// Bad input, or a file that cannot be read or written: exit 2.
#[derive(Debug)]
struct Failure(String);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Failure {
        Failure(problem.to_string())
    }
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure(refusal.to_string())
    }
}

/// A file or folder that could not be read or written.
fn file_failure(path: &std::path::Path, error: &std::io::Error) -> Failure {
    Failure(format!("{}: {error}", path.display()))
}

/// Prints text; a reader that has gone away, such as `head`, is no error.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Parses the command line and does what it says.
pub(super) fn main() -> ExitCode {
    let outcome = match args::Cli::parse().command {
        args::Command::Run(args) => run::run(&args),
        args::Command::Sweep(args) => sweep::sweep(&args),
        args::Command::Merge(args) => merge::merge(&args),
        args::Command::Compare(args) => compare::compare(&args),
        args::Command::Plot(args) => plot::plot(&args),
        args::Command::Trace(args) => trace::trace(&args),
        args::Command::Shrink(args) => shrink::shrink(&args),
        args::Command::Replay(args) => replay::replay(&args),
        args::Command::Mutants(args) => mutants::mutants(&args),
        args::Command::Explore(args) => explore::explore(&args),
        args::Command::Scenarios { command } => scenarios::scenarios(command.as_ref()),
    };
    match outcome {
        Ok(Exit::Green) => ExitCode::SUCCESS,
        Ok(Exit::Red) => ExitCode::from(1),
        Ok(Exit::Interrupted) => ExitCode::from(130),
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::from(2)
        }
    }
}
