//! `shrink`: the smallest plan under which the same oracle trips.

use serde_json::json;
use xiangyue_sim::plan::Plan;
use xiangyue_sim::scheduler::SECOND;
use xiangyue_sim::shrink::{Shrunk, shrink as smallest};

use super::watch::{Progress, Stop};
use super::{Exit, Failure, args, file_failure, source};

pub(super) fn shrink(args: &args::Shrink) -> Result<Exit, Failure> {
    let scenario = source::load(&args.source)?;
    let stop = Stop::on_interrupt()?;
    let mut plan = source::plan(&scenario, &args.source, args.seed)?;
    plan.mutant = args.mutant.or(plan.mutant);
    if let Some(mutant) = plan.mutant.filter(|mutant| !mutant.is_built()) {
        return Err(Failure(format!("{} is not in this build; build with --features mutants", mutant.name())));
    }
    let progress = Progress::new(1, stop.clone());
    let found = smallest(&plan, &mut |runs, what| {
        progress.begin(format!("{what}, {runs} runs"));
        !stop.is_asked()
    })?;
    progress.clear();
    let Some(shrunk) = found else {
        println!("no promise is broken under seed {}; an expectation that is missed cannot be shrunk", args.seed);
        return Ok(Exit::Red);
    };
    let text = format!("{:#}\n", recording(&shrunk));
    match &args.out {
        Some(path) => {
            write(path, &text).map_err(|error| file_failure(path, &error))?;
            tell(&plan, &shrunk);
            println!("again: xiangyue-sim replay {}", path.display());
        }
        None => print!("{text}"),
    }
    Ok(if stop.is_asked() { Exit::Interrupted } else { Exit::Green })
}

/// What `replay` reads: the plan and the trace that it has.
fn recording(shrunk: &Shrunk) -> serde_json::Value {
    json!({
        "plan": shrunk.plan,
        "seed": shrunk.plan.seed,
        "trace_hash": shrunk.trace_hash,
        "violation": {
            "promise": shrunk.violation.promise,
            "oracle": shrunk.violation.oracle,
            "what": shrunk.violation.what,
        },
    })
}

fn tell(before: &Plan, shrunk: &Shrunk) {
    let Shrunk { plan, violation, requests, runs, .. } = shrunk;
    println!("promise {} ({}): {}", violation.promise, violation.oracle, violation.what);
    println!("faults   {:>5} of {}", plan.faults.len(), before.faults.len());
    println!("nodes    {:>5} of {}", plan.nodes.len(), before.nodes.len());
    println!("requests {requests:>5}");
    println!("load     {:>5} s of {}", plan.phases.load / SECOND, before.phases.load / SECOND);
    println!("runs     {runs:>5}");
    for (at, fault) in &plan.faults {
        println!("at {}.{:03} s: {fault:?}", at / SECOND, at % SECOND / 1000);
    }
}

#[expect(clippy::disallowed_methods, reason = "the command line writes files; runs may not")]
fn write(path: &std::path::Path, text: &str) -> std::io::Result<()> {
    std::fs::write(path, text)
}
