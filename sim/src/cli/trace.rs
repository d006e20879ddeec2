//! `trace`: a run as lanes, from its trace.

#![expect(clippy::disallowed_types, reason = "the command line reads files; runs do not")]

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use serde_json::Value;
use xiangyue_sim::plot::lanes::{Event, Lanes, MOST_LANES, Span};
use xiangyue_sim::scheduler::{Micros, SECOND};

use super::plot::{PLOTS, draw};
use super::results::read_manifest;
use super::rundir::{MANIFEST, TRACE, make_folder, names_of};
use super::{Exit, Failure, args, file_failure, print};

pub(super) fn trace(args: &args::Trace) -> Result<Exit, Failure> {
    let manifest = read_manifest(&args.dir.join(MANIFEST))?;
    let plan = serde_json::from_value(manifest.get("plan").cloned().unwrap_or_default());
    let plan = plan.map_err(|error| Failure(format!("{MANIFEST}: not as it was written: {error}")))?;
    let names = names_of(&plan);
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    let chosen = choose(&all, &args.nodes)?;
    let path = args.dir.join(TRACE);
    let events = events(&path, &chosen)?;
    let Some(last) = events.last() else {
        let what = "has no events of these nodes; run again with --trace-rows, such as --trace-rows 200000";
        return Err(Failure(format!("{}: {what}", path.display())));
    };
    let window = (micros(args.from.unwrap_or(0.0)), args.to.map_or(last.at, micros));
    let seed = manifest.get("seed").and_then(Value::as_u64).unwrap_or(0);
    let scenario = manifest.pointer("/identity/scenario").and_then(Value::as_str).unwrap_or("a run");
    let names = chosen.iter().map(|name| (*name).to_owned()).collect();
    let cuts = cuts(&manifest, &all, &chosen);
    let lanes = Lanes::new(&format!("{scenario}, seed {seed}"), names, window, cuts, &events);
    let out = args.out.clone().unwrap_or_else(|| args.dir.join(PLOTS));
    make_folder(&out)?;
    draw(&out, "lanes", &lanes)?;
    print(&format!("{}\n", out.join("lanes.svg").display()));
    let left_out = manifest.pointer("/files/trace.jsonl/left_out").and_then(Value::as_u64).unwrap_or(0);
    if left_out > 0 {
        print(&format!(
            "the trace ends early: {left_out} events were left out; run again with a larger --trace-rows\n"
        ));
    }
    if all.len() > chosen.len() {
        print(&format!("{} of {} nodes are shown; choose with --nodes\n", chosen.len(), all.len()));
    }
    Ok(Exit::Green)
}

/// The nodes asked for, else as many as fit.
fn choose<'a>(all: &[&'a str], asked: &[String]) -> Result<Vec<&'a str>, Failure> {
    if asked.is_empty() {
        return Ok(all.iter().copied().take(MOST_LANES).collect());
    }
    let find = |name: &String| {
        let known = all.iter().copied().find(|known| known == name);
        known.ok_or_else(|| Failure(format!("--nodes: no node is called {name}")))
    };
    asked.iter().map(find).collect()
}

fn events(path: &Path, chosen: &[&str]) -> Result<Vec<Event>, Failure> {
    let file = File::open(path).map_err(|error| file_failure(path, &error))?;
    let lane = |name: Option<&Value>| chosen.iter().position(|known| name.and_then(Value::as_str) == Some(known));
    let mut events = Vec::new();
    for (number, line) in BufReader::new(file).lines().enumerate() {
        let line = line.map_err(|error| file_failure(path, &error))?;
        let wrong = |_| Failure(format!("{}:{}: not as it was written", path.display(), number + 1));
        let event: Value = serde_json::from_str(&line).map_err(wrong)?;
        let word = |key: &str| event.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (peer, there) = (lane(event.get("peer")), event.get("peer").is_some_and(Value::is_string));
        let Some(lane) = lane(event.get("node")).filter(|_| peer.is_some() || !there) else { continue };
        let at = event.get("at_us").and_then(Value::as_u64).unwrap_or(0);
        events.push(Event { at, lane, kind: word("kind"), peer, detail: word("detail") });
    }
    Ok(events)
}

/// The partitions of the plan, on the lanes of their islands.
fn cuts(manifest: &Value, all: &[&str], chosen: &[&str]) -> Vec<Span> {
    let span = |fault: &Value| {
        let (from, fault) = (fault.get(0)?.as_u64()?, fault.get(1)?);
        let cut = fault.get("Cut").or_else(|| fault.get("Flap"))?;
        let island = cut.get("island")?.as_array()?.iter().filter_map(Value::as_u64);
        let name = |node: u64| all.get(usize::try_from(node).ok()?).copied();
        let lanes = island.filter_map(name).filter_map(|name| chosen.iter().position(|known| *known == name));
        Some(Span { lanes: lanes.collect(), from, to: from.saturating_add(cut.get("lasts")?.as_u64()?) })
    };
    listed(manifest, "/plan/faults").filter_map(span).collect()
}

fn listed<'a>(manifest: &'a Value, at: &str) -> impl Iterator<Item = &'a Value> {
    manifest.pointer(at).and_then(Value::as_array).into_iter().flatten()
}

/// Seconds of the command line.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to what fits")]
fn micros(seconds: f64) -> Micros {
    (seconds.clamp(0.0, 1e12) * SECOND as f64) as Micros
}
