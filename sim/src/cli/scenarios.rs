//! `scenarios`: the library, one of its files, or a check of somebody's own.

use xiangyue_sim::scenario::{Scenario, in_library, library, table_in_library};

use super::{Exit, Failure, args, source};

pub(super) fn scenarios(command: Option<&args::Scenarios>) -> Result<Exit, Failure> {
    match command {
        None => list(),
        Some(args::Scenarios::Show { name }) => show(name),
        Some(args::Scenarios::Check(source)) => check(source),
    }
}

fn list() -> Result<Exit, Failure> {
    let width = library().map(str::len).max().unwrap_or(0);
    for name in library() {
        let scenario = Scenario::of_library(name, &[])?;
        let meta = &scenario.file().meta;
        println!("{name:width$}  {} · {}", meta.zh, meta.en);
        println!("{:width$}  {}", "", meta.about);
    }
    Ok(Exit::Green)
}

fn show(name: &str) -> Result<Exit, Failure> {
    let Some(text) = in_library(name).or_else(|| table_in_library(name)) else {
        Scenario::of_library(name, &[])?;
        return Ok(Exit::Green);
    };
    print!("{text}");
    Ok(Exit::Green)
}

/// Makes the plans of the first seeds, and that of the first seed for each point of the sweep.
fn check(source: &args::Source) -> Result<Exit, Failure> {
    let scenario = source::load(source)?;
    let points = scenario.points();
    let first = scenario.file().seeds.first;
    for point in &points {
        source::plan(&scenario.with(point)?, source, first)?;
    }
    let plan = source::plan(&scenario, source, first)?;
    source::warn(&scenario, &plan);
    println!(
        "{}: {} nodes, {} links, {} accounts, {} faults under seed {}; {} points of {} seeds",
        scenario.name(),
        plan.nodes.len(),
        plan.links.len(),
        plan.accounts.len(),
        plan.faults.len(),
        plan.seed,
        points.len(),
        scenario.file().seeds.count
    );
    Ok(Exit::Green)
}
