//! `mutants`: hunts every planted bug and shows which oracle found it, and how soon.

use xiangyue_sim::mutant::{Found, Mutant, hunt};
use xiangyue_sim::scheduler::SECOND;

use super::watch::{Progress, Stop};
use super::{Exit, Failure, args};

/// How all bugs are planted.
const WITH_ALL: &str = "cargo run --release -p xiangyue-sim --features mutants -- mutants";

pub(super) fn mutants(args: &args::Mutants) -> Result<Exit, Failure> {
    let stop = Stop::on_interrupt()?;
    let wanted: Vec<Mutant> = if args.names.is_empty() { Mutant::ALL.to_vec() } else { args.names.clone() };
    let (built, absent): (Vec<Mutant>, Vec<Mutant>) = wanted.into_iter().partition(|mutant| mutant.is_built());
    if let Some(mutant) = absent.first().filter(|_| !args.names.is_empty()) {
        return Err(Failure(format!("{}: not in this build; with it: {WITH_ALL}", mutant.name())));
    }
    let mut progress = Progress::new(built.len() as u64, stop.clone());
    let (mut missed, mut interrupted) = (0, false);
    println!("{:<28}{:<9}{:<10}{:>5}{:>9}  what was seen", "planted bug", "promise", "oracle", "seeds", "virtual");
    for mutant in built {
        if stop.is_asked() {
            interrupted = true;
            break;
        }
        progress.begin(mutant.name().to_owned());
        let found = hunt(mutant, args.seeds)?;
        progress.end();
        missed += u64::from(found.is_none());
        progress.aside(|| println!("{}", row(mutant, found.as_ref(), args.seeds)));
    }
    progress.clear();
    if !absent.is_empty() {
        let names: Vec<&str> = absent.iter().map(|mutant| mutant.name()).collect();
        println!("\nnot in this build: {}", names.join(", "));
        println!("with them: {WITH_ALL}");
    }
    Ok(match (missed, interrupted) {
        (0, false) => Exit::Green,
        (0, true) => Exit::Interrupted,
        _ => Exit::Red,
    })
}

fn row(mutant: Mutant, found: Option<&Found>, seeds: u64) -> String {
    let promises: Vec<String> = mutant.promises().iter().map(u8::to_string).collect();
    let head = format!("{:<28}{:<9}", mutant.name(), promises.join(" "));
    match found {
        Some(Found { seed, violation }) => {
            let at = format!("{}.{} s", violation.at / SECOND, violation.at % SECOND * 10 / SECOND);
            format!("{head}{:<10}{seed:>5}{at:>9}  {}", violation.oracle, violation.what)
        }
        None => format!("{head}MISSED in {seeds} seeds"),
    }
}
