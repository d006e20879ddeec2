//! The simulator's command line. Exit 0: every promise and expectation held. 1: one was broken, or missed.
//! 2: bad input. 130: interrupted, with what there was written.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
