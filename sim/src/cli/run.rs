//! `run`: one scenario under one seed or several, one after the other.

use std::path::Path;

use serde_json::{Value, json};
use xiangyue_sim::engine::Engine;
use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::Scenario;

use super::watch::{Progress, Stop};
use super::{Exit, Failure, args, file_failure, source};

/// What came of all seeds.
struct Outcome {
    sum: Report,
    seeds: u64,
    /// Per seed, what broke or was missed.
    red: Vec<(u64, Vec<String>)>,
    interrupted: bool,
}

pub(super) fn run(args: &args::Run) -> Result<Exit, Failure> {
    let scenario = source::load(&args.source)?;
    let stop = Stop::on_interrupt()?;
    let started = now();
    let mut outcome = run_seeds(&scenario, args, &stop)?;
    let wall = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut summary = outcome.sum.summary(wall);
    let missed = outcome.missed_by_all(&scenario, &summary);
    outcome.red.extend((!missed.is_empty()).then_some((0, missed)));
    summary["scenario"] = json!(scenario.name());
    summary["seeds"] = json!(outcome.seeds);
    summary["max_rss_bytes"] = json!(max_rss_bytes());
    summary["interrupted"] = json!(outcome.interrupted);
    summary["missed"] = missed_as_json(&outcome.red);
    if let Some(dir) = &args.out {
        write(dir, &format!("{summary:#}\n")).map_err(|error| file_failure(dir, &error))?;
    }
    if args.json {
        println!("{summary:#}");
    } else {
        print!("{}", outcome.sum.text(outcome.seeds, wall));
        print_red(&outcome.red);
    }
    Ok(match (outcome.interrupted, outcome.sum.is_green() && outcome.red.is_empty()) {
        (_, false) => Exit::Red,
        (true, true) => Exit::Interrupted,
        (false, true) => Exit::Green,
    })
}

fn run_seeds(scenario: &Scenario, args: &args::Run, stop: &Stop) -> Result<Outcome, Failure> {
    let first = args.seed.unwrap_or(scenario.file().seeds.first);
    let mut outcome = Outcome { sum: Report::default(), seeds: 0, red: Vec::new(), interrupted: false };
    let mut progress = Progress::new(args.seeds, stop.clone());
    for seed in first..first.saturating_add(args.seeds) {
        if stop.is_asked() {
            outcome.interrupted = true;
            break;
        }
        progress.begin(format!("{} seed {seed}", scenario.name()));
        let report = Engine::new(scenario.plan(seed)?)?.run(&mut progress);
        progress.end();
        outcome.interrupted |= stop.is_asked();
        outcome.take(scenario, report, &progress);
    }
    progress.clear();
    Ok(outcome)
}

impl Outcome {
    fn take(&mut self, scenario: &Scenario, report: Report, progress: &Progress) {
        let seed = report.seed;
        let mut red = Vec::new();
        if !report.is_green() {
            let first = report.violations.first().map_or("not converged", |violation| violation.what.as_str());
            red.push(format!("{} promises broken, first: {first}", report.broken));
        }
        if !self.interrupted {
            red.extend(scenario.missed_by(&report.summary(0)));
        }
        for what in &red {
            progress.say(&format!("seed {seed}: {what}"));
        }
        self.red.extend((!red.is_empty()).then_some((seed, red)));
        if self.seeds == 0 {
            self.sum = report;
        } else {
            self.sum.add(&report);
        }
        self.seeds += 1;
    }

    /// What should have happened at least sometimes is judged once as many seeds have run as the scenario asks for.
    fn missed_by_all(&self, scenario: &Scenario, summary: &Value) -> Vec<String> {
        if self.interrupted || self.seeds < scenario.file().seeds.count {
            return Vec::new();
        }
        scenario.missed_by_all(summary)
    }
}

fn missed_as_json(red: &[(u64, Vec<String>)]) -> Value {
    red.iter().map(|(seed, what)| json!({ "seed": (*seed > 0).then_some(seed), "what": what })).collect()
}

fn print_red(red: &[(u64, Vec<String>)]) {
    for (seed, what) in red {
        let seed = if *seed == 0 { "all seeds".to_owned() } else { format!("seed {seed}") };
        what.iter().for_each(|what| println!("\nRED {seed}: {what}"));
    }
}

/// The most memory that this process has held; none where the system does not say.
#[expect(clippy::disallowed_methods, reason = "the kernel's account of this process; nothing simulated sees it")]
fn max_rss_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().strip_suffix(" kB")?;
    Some(kib.trim().parse::<u64>().ok()? * 1024)
}

#[expect(clippy::disallowed_types, reason = "how long a run took is shown; the run itself never sees it")]
#[allow(clippy::disallowed_methods, reason = "wall time is what this figure is; nothing simulated sees it")]
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "the command line may write files; runs may not")]
fn write(dir: &Path, summary: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)?;
    std::fs::write(dir.join("summary.json"), summary)
}
