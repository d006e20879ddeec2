//! `replay`: runs again what a run or `shrink` has written, and says whether it is the same, or where it differs.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use serde_json::Value;
use xiangyue_sim::engine::Engine;
use xiangyue_sim::observer::{Observer, TraceEvent};
use xiangyue_sim::plan::Plan;

use super::rundir::{TRACE, names_of, trace_line};
use super::{Exit, Failure, args, file_failure};

/// Compares events with the lines of an earlier run's trace, if that was kept.
struct Against {
    names: Vec<String>,
    lines: Option<std::io::Lines<Box<dyn BufRead>>>,
    at: u64,
    difference: Option<String>,
}

impl Observer for Against {
    fn wants_events(&self) -> bool {
        self.lines.is_some() && self.difference.is_none()
    }

    fn event(&mut self, event: &TraceEvent) {
        let Some(lines) = self.lines.as_mut().filter(|_| self.difference.is_none()) else { return };
        let Some(Ok(line)) = lines.next() else {
            // The trace that was kept is over, or was limited.
            self.lines = None;
            return;
        };
        self.at += 1;
        let is = trace_line(&self.names, event);
        if line != is {
            self.difference = Some(format!("line {}\n  was {line}\n  is  {is}", self.at));
        }
    }
}

pub(super) fn replay(args: &args::Replay) -> Result<Exit, Failure> {
    let path = if args.path.is_dir() { args.path.join("manifest.json") } else { args.path.clone() };
    let text = read(&path).map_err(|error| file_failure(&path, &error))?;
    let recording: Value = serde_json::from_str(&text).map_err(|error| bad(&path, &error.to_string()))?;
    let plan = recording.get("plan").cloned().ok_or_else(|| bad(&path, "there is no plan in it"))?;
    let plan: Plan = serde_json::from_value(plan).map_err(|error| bad(&path, &error.to_string()))?;
    if let Some(mutant) = plan.mutant.filter(|mutant| !mutant.is_built()) {
        return Err(Failure(format!("{} is not in this build; build with --features mutants", mutant.name())));
    }
    let mut against = Against { names: names_of(&plan), lines: trace_beside(&path), at: 0, difference: None };
    let report = Engine::new(plan)?.run(&mut against);
    for violation in &report.violations {
        println!("promise {} ({}): {}", violation.promise, violation.oracle, violation.what);
    }
    let was = recording.get("trace_hash").and_then(Value::as_str).unwrap_or_default();
    if was == report.trace_hash {
        println!("equal: {was}");
        return Ok(Exit::Green);
    }
    println!("not equal: {} instead of {was}", report.trace_hash);
    match against.difference {
        Some(difference) => println!("first difference: {difference}"),
        None => {
            println!("no trace was kept beside it that tells where; another version of the program is the usual cause")
        }
    }
    Ok(Exit::Red)
}

fn bad(path: &Path, what: &str) -> Failure {
    Failure(format!("{}: {what}", path.display()))
}

#[expect(clippy::disallowed_methods, reason = "the command line reads files; runs may not")]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}

#[expect(clippy::disallowed_types, reason = "the command line reads files; runs may not")]
fn trace_beside(path: &Path) -> Option<std::io::Lines<Box<dyn BufRead>>> {
    let trace: PathBuf = path.parent()?.join(TRACE);
    let file = std::fs::File::open(trace).ok()?;
    let reader: Box<dyn BufRead> = Box::new(std::io::BufReader::new(file));
    Some(reader.lines())
}
