//! `merge`: the shards of one sweep as one folder. Refuses what does not belong together, and what is not complete.

use std::path::{Path, PathBuf};

use serde_json::Value;

use super::results::{self, Planned, RUNS, SWEEP, is_finished, planned, read_json, read_manifest};
use super::rundir::{SUMMARY, make_folder, write_whole};
use super::{Exit, Failure, args, file_failure, print, sweep};

/// How many names a message lists.
const LISTED: usize = 5;

pub(super) fn merge(args: &args::Merge) -> Result<Exit, Failure> {
    let shards = args.shards.iter().map(|dir| Ok((dir, read_manifest(&dir.join(SWEEP))?)));
    let shards = shards.collect::<Result<Vec<(&PathBuf, Value)>, Failure>>()?;
    let Some((first, sweep)) = shards.first() else { return Err(Failure("no shard was named".to_owned())) };
    for (dir, other) in &shards {
        if let Some(what) = difference(sweep, other) {
            return Err(Failure(format!("{} and {} do not belong together: {what}", first.display(), dir.display())));
        }
    }
    let dirs: Vec<&PathBuf> = shards.iter().map(|(dir, _)| *dir).collect();
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for run in planned(sweep) {
        match find(&dirs, &run, sweep)? {
            Some(dir) => found.push((run, dir)),
            None => missing.push(run.name()),
        }
    }
    if !missing.is_empty() {
        let listed = missing.iter().take(LISTED).cloned().collect::<Vec<_>>().join(", ");
        let more = if missing.len() > LISTED { ", …" } else { "" };
        let what = format!("{} of {} runs are missing: {listed}{more}", missing.len(), missing.len() + found.len());
        return Err(Failure(format!("{what}; run their shards again, finished runs are kept")));
    }
    make_folder(&args.out.join(RUNS))?;
    for (run, from) in &found {
        copy(from, &args.out.join(RUNS).join(run.name()))?;
    }
    write_whole(&args.out.join(SWEEP), format!("{sweep:#}\n").as_bytes())?;
    let runs = results::Folder::open(&args.out)?.runs()?;
    results::write_results(&args.out, &runs)?;
    print(&format!("{} runs of {} shards in {}\n", runs.len(), dirs.len(), args.out.display()));
    Ok(Exit::Green)
}

/// What is not the same in two sweeps, for a person.
fn difference(one: &Value, other: &Value) -> Option<String> {
    let names = [
        ("/identity/version", "the program's version"),
        ("/identity/build", "the build of the program"),
        ("/identity/text_hash", "the scenario's text"),
        ("/identity/sets", "the values set over it"),
        ("/points", "the combinations"),
        ("/seeds", "the seeds"),
    ];
    let differs = |(at, _): &(&str, &str)| one.pointer(at) != other.pointer(at);
    names.into_iter().find(differs).map(|(at, name)| match (one.pointer(at), other.pointer(at)) {
        (Some(Value::String(one)), Some(Value::String(other))) => format!("{name} differs ({one}, {other})"),
        _ => format!("{name} differ"),
    })
}

/// Where a run is finished. Two shards that both have it must have the same.
fn find(dirs: &[&PathBuf], run: &Planned, sweep: &Value) -> Result<Option<PathBuf>, Failure> {
    let mut found: Option<(PathBuf, Value)> = None;
    for dir in dirs.iter().map(|dir| dir.join(RUNS).join(run.name())).filter(|dir| is_finished(dir)) {
        if !sweep::belongs(&dir, sweep)? {
            return Err(Failure(format!("{}: of another build or scenario than its sweep", dir.display())));
        }
        let hash = read_json(&dir.join(SUMMARY))?["trace_hash"].clone();
        match &found {
            Some((other, known)) if *known != hash => {
                let what = "the same run with different trace hashes: it is not deterministic, please report it";
                return Err(Failure(format!("{} and {}: {what}", other.display(), dir.display())));
            }
            Some(_) => {}
            None => found = Some((dir, hash)),
        }
    }
    Ok(found.map(|(dir, _)| dir))
}

/// A folder with its files under another name; on one file system the bytes are shared.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    if from == to {
        return Ok(());
    }
    make_folder(to)?;
    for entry in std::fs::read_dir(from).map_err(|error| file_failure(from, &error))? {
        let path = entry.map_err(|error| file_failure(from, &error))?.path();
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
            continue;
        }
        super::rundir::remove(&target)?;
        let linked = std::fs::hard_link(&path, &target).or_else(|_| std::fs::copy(&path, &target).map(drop));
        linked.map_err(|error| file_failure(&target, &error))?;
    }
    Ok(())
}
