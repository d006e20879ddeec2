//! `sweep`: every combination of a scenario's `[sweep]` under every seed, each as a process of its own.
//!
//! A process each, because then the memory of a run is that of the run, a run that dies takes nothing with it, and
//! what the sweep did is exactly what `run` does with the same words. Finished runs are kept: a sweep that was
//! stopped goes on where it was.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use xiangyue_sim::figures::cells::text;
use xiangyue_sim::scenario::Scenario;

use super::results::{self, Planned, RUNS, SWEEP, is_finished, planned, read_manifest};
use super::rundir::{FORMAT, MANIFEST, make_folder, write_whole};
use super::watch::{Progress, Stop};
use super::{Exit, Failure, args, identity, parquet, print, source};

/// How a run ended, by its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    Green,
    Red,
    Interrupted,
    /// Bad input or a crash, with what it said.
    Failed(String),
}

pub(super) fn sweep(args: &args::Sweep) -> Result<Exit, Failure> {
    if args.extent.parquet {
        parquet::check()?;
    }
    let scenario = source::load(&args.source)?;
    let sweep = describe(&scenario, args)?;
    make_folder(&args.out)?;
    same_sweep(&args.out, &sweep)?;
    write_whole(&args.out.join(SWEEP), format!("{sweep:#}\n").as_bytes())?;
    let all: Vec<Planned> =
        planned(&sweep).into_iter().enumerate().filter(|(n, _)| args.shard.has(*n)).map(|(_, p)| p).collect();
    let open: Vec<&Planned> = all.iter().filter(|run| !is_finished(&folder(&args.out, run))).collect();
    let stop = Stop::on_interrupt()?;
    let kept = all.len() - open.len();
    if kept > 0 {
        eprintln!("{kept} of {} runs are finished already and are kept", all.len());
    }
    let failed = carry_out(&scenario, args, &open, &stop)?;
    let exit = conclude(args, &all, &stop)?;
    if let Some((run, what)) = failed.first() {
        return Err(Failure(format!("{} runs failed; first {}: {what}", failed.len(), run.name())));
    }
    Ok(exit)
}

/// What the sweep is; equal for all its shards.
fn describe(scenario: &Scenario, args: &args::Sweep) -> Result<Value, Failure> {
    let points = scenario.points();
    let first = args.seed.unwrap_or(scenario.file().seeds.first);
    let point = |point: &Vec<xiangyue_sim::scenario::Set>| -> Result<Value, Failure> {
        // Refused here, before anything runs, and with the name of the key.
        source::plan(&scenario.with(point)?, &args.source, first)?;
        Ok(point.iter().map(|set| json!([set.key, set.value])).collect())
    };
    let points = points.iter().map(point).collect::<Result<Vec<_>, _>>()?;
    let count = args.seeds.unwrap_or(scenario.file().seeds.count);
    let command = format!("sweep {{}} --seed {first} --seeds {count}{}", source::words(args.source.tier));
    make_folder(&args.out)?;
    Ok(json!({
        "format": FORMAT,
        "identity": identity::of(scenario)?,
        "command": identity::save(&args.out, scenario, &command)?,
        "points": points,
        "seeds": (first..first.saturating_add(count)).collect::<Vec<_>>(),
    }))
}

/// A folder holds one sweep: what is kept from before must be of the same one.
fn same_sweep(dir: &Path, sweep: &Value) -> Result<(), Failure> {
    let path = dir.join(SWEEP);
    if !path.exists() || read_manifest(&path)? == *sweep {
        return Ok(());
    }
    let what =
        "another sweep, or the same of another build, is in this folder; choose another with --out, or remove it";
    Err(Failure(format!("{}: {what}", dir.display())))
}

fn folder(out: &Path, run: &Planned) -> PathBuf {
    out.join(RUNS).join(run.name())
}

/// Runs what is open, so many at once, and hands back what failed.
fn carry_out<'r>(
    scenario: &Scenario,
    args: &args::Sweep,
    open: &[&'r Planned],
    stop: &Stop,
) -> Result<Vec<(&'r Planned, String)>, Failure> {
    let mut progress = Progress::new(open.len() as u64, stop.clone());
    progress.begin(scenario.name().to_owned());
    let jobs = args.jobs.or_else(|| std::thread::available_parallelism().ok()).map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let (done, ends) = mpsc::channel();
    let worker = |done: mpsc::Sender<(&'r Planned, Ended)>| {
        while let Some(run) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
            if stop.is_asked() || done.send((*run, carry_out_one(args, run, stop))).is_err() {
                break;
            }
        }
    };
    let mut failed = Vec::new();
    std::thread::scope(|scope| {
        for _ in 0..jobs.min(open.len()) {
            let done = done.clone();
            scope.spawn(|| worker(done));
        }
        drop(done);
        for (run, ended) in ends {
            progress.end();
            match ended {
                Ended::Red => progress.say(&format!("{}: red, see its summary.json", run.name())),
                Ended::Failed(what) => failed.push((run, what)),
                Ended::Green | Ended::Interrupted => {}
            }
        }
    });
    progress.clear();
    Ok(failed)
}

/// One run as a process: `run` with the values of its combination.
fn carry_out_one(args: &args::Sweep, run: &Planned, stop: &Stop) -> Ended {
    let dir = folder(&args.out, run);
    let mut command = match std::env::current_exe() {
        Ok(program) => Command::new(program),
        Err(error) => return Ended::Failed(format!("this program's file: {error}")),
    };
    command.arg("run").arg(&args.source.scenario).args(["--seed", &run.seed.to_string()]).arg("--out").arg(&dir);
    command.args(["--tier", args.source.tier.name()]);
    let sets = args.source.sets.iter().map(ToString::to_string);
    let varied = run.parameters.iter().map(|(key, value)| format!("{key}={value}"));
    for set in sets.chain(varied) {
        command.arg("--set").arg(set);
    }
    let rows = |rows: Option<u64>| rows.unwrap_or(0).to_string();
    command.args(["--trace-rows", &rows(args.extent.trace_rows)]);
    command.args(["--delivery-rows", &rows(args.extent.delivery_rows)]);
    if args.extent.parquet {
        command.arg("--parquet");
    }
    // A group of its own: Ctrl-C at a terminal reaches the sweep alone, which passes it on once.
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let started = command.spawn();
    let ended = started.and_then(|child| attend(child, stop));
    match ended {
        Ok((Some(0), _)) => Ended::Green,
        // One that was told to stop misses what its file expects of it.
        Ok((Some(1), _)) if !stop.is_asked() => Ended::Red,
        Ok((Some(130), _)) => Ended::Interrupted,
        Ok((_, _)) if stop.is_asked() => Ended::Interrupted,
        Ok((code, said)) => {
            let how = code.map_or("killed by the system".to_owned(), |code| format!("exit {code}"));
            Ended::Failed(format!("{how}: {}", said.trim()))
        }
        Err(error) => Ended::Failed(error.to_string()),
    }
}

/// Waits for a run; passes on that it shall stop. Hands back its exit code and what it said.
fn attend(mut child: Child, stop: &Stop) -> std::io::Result<(Option<i32>, String)> {
    let mut told = false;
    loop {
        // A run says little, so what it says fits the pipe until it has ended.
        if child.try_wait()?.is_some() {
            let output = child.wait_with_output()?;
            return Ok((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        if stop.is_asked() && !told {
            told = true;
            // A run that has just ended is no longer there to be told.
            let _ = kill_process(Pid::from_child(&child), Signal::INT);
        }
        pause();
    }
}

#[expect(clippy::disallowed_methods, reason = "waits for another process; nothing simulated sees it")]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

/// Sums up what is finished, of this call and of earlier ones.
fn conclude(args: &args::Sweep, all: &[Planned], stop: &Stop) -> Result<Exit, Failure> {
    let finished = all.iter().filter(|run| is_finished(&folder(&args.out, run))).count();
    if finished == 0 {
        let none = if stop.is_asked() { Exit::Interrupted } else { Exit::Green };
        print("no run of this shard is finished\n");
        return Ok(none);
    }
    let runs = results::Folder::open(&args.out)?.runs()?;
    results::write_results(&args.out, &runs)?;
    let red: Vec<&xiangyue_sim::figures::cells::Run> = runs.iter().filter(|run| !is_green(&run.summary)).collect();
    print(&format!("{finished} of {} runs finished, {} red\n", all.len(), red.len()));
    for run in red.iter().take(10) {
        let with: Vec<String> = run.parameters.iter().map(|(key, value)| format!(" {key}={}", text(value))).collect();
        print(&format!("red: seed {}{}\n", run.seed, with.concat()));
    }
    Ok(match (stop.is_asked() && finished < all.len(), red.is_empty()) {
        (_, false) => Exit::Red,
        (true, true) => Exit::Interrupted,
        (false, true) => Exit::Green,
    })
}

/// Whether a run's summary names nothing broken and nothing missed.
fn is_green(summary: &Value) -> bool {
    let nothing = |key: &str| summary.get(key).and_then(Value::as_array).is_none_or(Vec::is_empty);
    summary.get("converged") == Some(&json!(true)) && nothing("violations") && nothing("missed")
}

/// The part of a sweep that one process takes: each `of`-th run, beginning with run `part`; both from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    part: usize,
    of: usize,
}

impl Shard {
    /// Whether a run, by its position in the sweep, belongs to it.
    fn has(self, run: usize) -> bool {
        run % self.of == self.part
    }
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let wrong = || format!("{text:?} is no shard: expected i/n, such as 0/8 to 7/8");
        let (part, of) = text.split_once('/').ok_or_else(wrong)?;
        let shard = Shard { part: part.parse().map_err(|_| wrong())?, of: of.parse().map_err(|_| wrong())? };
        if shard.part < shard.of { Ok(shard) } else { Err(wrong()) }
    }
}

/// Whether a run of `dir` is there and of the same program and scenario as `sweep`.
pub(super) fn belongs(dir: &Path, sweep: &Value) -> Result<bool, Failure> {
    let identity = |manifest: &Value, key: &str| manifest.get("identity").and_then(|id| id.get(key)).cloned();
    let manifest = read_manifest(&dir.join(MANIFEST))?;
    Ok(["version", "build", "text_hash"].iter().all(|key| identity(&manifest, key) == identity(sweep, key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_share_all_runs_and_no_run_twice() {
        let shards: Vec<Shard> = ["0/3", "1/3", "2/3"].iter().map(|text| text.parse().unwrap()).collect();
        for run in 0..20 {
            assert_eq!(shards.iter().filter(|shard| shard.has(run)).count(), 1, "run {run}");
        }
        for wrong in ["3/3", "1", "-1/3", "0/0", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
    }
}
