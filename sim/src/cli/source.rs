//! Finds a scenario: a file, or one of the library by name.

use std::path::Path;

use xiangyue_sim::plan::{Plan, Tier};
use xiangyue_sim::scenario::{Document, Scenario, hint, in_library, library};

use super::{Failure, args, file_failure};

/// Reads the scenario that the command line names.
pub(super) fn load(source: &args::Source) -> Result<Scenario, Failure> {
    let (name, path) = (source.scenario.as_str(), Path::new(&source.scenario));
    if !path.exists() {
        if in_library(name).is_some() {
            return Ok(Scenario::of_library(name, &source.sets)?);
        }
        let hint = hint(name, library());
        let what = "there is no such file, and no scenario of the library is called so";
        return Err(Failure(format!("{name}: {what}{hint} (all: xiangyue-sim scenarios)")));
    }
    let text = read(path).map_err(|error| file_failure(path, &error))?;
    // A table lies beside the file that names it.
    let beside = |name: &str| {
        let table = path.parent().unwrap_or(Path::new(".")).join(name);
        read(&table).map_err(|error| format!("{}: {error}", table.display()))
    };
    Ok(Scenario::read(Document { name: name.to_owned(), text }, &source.sets, &beside)?)
}

/// Says what is allowed in a plan and most likely not meant.
pub(super) fn warn(scenario: &Scenario, plan: &Plan) {
    for link in scenario.unused_links(plan) {
        eprintln!("warning: link.{link}: no link is of this class under seed {}", plan.seed);
    }
}

/// What is done under a seed, over the tier that the command line names.
pub(super) fn plan(scenario: &Scenario, source: &args::Source, seed: u64) -> Result<Plan, Failure> {
    let plan = scenario.plan(seed)?.on(source.tier);
    plan.map_err(|too_many| Failure(format!("{}: {too_many}", scenario.name())))
}

/// The words that name the tier in a command, if it is not the usual one.
pub(super) fn words(tier: Tier) -> String {
    if tier == Tier::default() { String::new() } else { format!(" --tier {}", tier.name()) }
}

#[expect(clippy::disallowed_methods, reason = "the command line reads files; the library is handed their text")]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
