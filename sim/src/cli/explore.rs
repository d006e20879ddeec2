//! `explore`: every interleaving of a tiny world.

use xiangyue_sim::explore::{Tiny, Walk, explore as walk_all, tiny};

use super::watch::{Progress, Stop};
use super::{Exit, Failure, args};

pub(super) fn explore(args: &args::Explore) -> Result<Exit, Failure> {
    let stop = Stop::on_interrupt()?;
    let size =
        Tiny { operations: args.operations, crashes: args.crashes, partition: !args.no_partition, mutant: args.mutant };
    if let Some(mutant) = args.mutant.filter(|mutant| !mutant.is_built()) {
        return Err(Failure(format!("{} is not in this build; build with --features mutants", mutant.name())));
    }
    let progress = Progress::new(1, stop.clone());
    let walk = walk_all(tiny(size)?, args.limit, &mut |walk| {
        progress.begin(format!("{} states", walk.states));
        !stop.is_asked()
    })?;
    progress.clear();
    print(&walk);
    Ok(match (&walk.broken, walk.cut_short) {
        (Some(_), _) => Exit::Red,
        (None, true) => Exit::Interrupted,
        (None, false) => Exit::Green,
    })
}

fn print(walk: &Walk) {
    for (what, count) in [
        ("states", walk.states),
        ("transitions", walk.transitions),
        ("at rest", walk.at_rest),
        ("terminal", walk.terminal),
        ("depth", walk.depth as u64),
    ] {
        println!("{what:<12}{count:>12}");
    }
    match &walk.broken {
        Some((violation, way)) => {
            println!("\nBROKEN promise {} ({}): {}", violation.promise, violation.oracle, violation.what);
            way.iter().enumerate().for_each(|(n, step)| println!("{:>5}  {step}", n + 1));
        }
        None if walk.cut_short => println!("\ncut short: every promise held as far as it went"),
        None => println!("\nevery promise holds in every state"),
    }
}
