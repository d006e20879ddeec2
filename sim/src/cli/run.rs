//! `run`: one scenario under one seed or several, one after the other.

use serde_json::{Value, json};
use xiangyue_sim::engine::Engine;
use xiangyue_sim::figures::gathered::{Gathered, Gathering};
use xiangyue_sim::plan::Tier;
use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::Scenario;

use super::rundir::{self, RunDir};
use super::watch::{Progress, Stop};
use super::{Exit, Failure, args, parquet, source};

/// The most events in a run's trace, unless the command line says otherwise.
const TRACE_ROWS: u64 = 200_000;
/// The most rows of a run's deliveries, unless the command line says otherwise.
const DELIVERY_ROWS: u64 = 1_000_000;

/// What came of all seeds.
#[derive(Default)]
struct Outcome {
    sum: Report,
    seeds: u64,
    /// Per seed, what broke or was missed.
    red: Vec<(u64, Vec<String>)>,
    interrupted: bool,
    /// What the folder of a single seed has as its summary.
    written: Option<Value>,
}

pub(super) fn run(args: &args::Run) -> Result<Exit, Failure> {
    if args.extent.parquet {
        parquet::check()?;
    }
    let scenario = source::load(&args.source)?;
    if let Some(dir) = &args.out {
        rundir::only_this(dir, &scenario, args.seeds != 1)?;
    }
    let stop = Stop::on_interrupt()?;
    let started = now();
    let mut outcome = run_seeds(&scenario, args, &stop)?;
    let wall = millis_since(started);
    let mut summary = outcome.sum.summary(wall);
    let missed = outcome.missed_by_all(&scenario, &summary);
    outcome.red.extend((!missed.is_empty()).then_some((0, missed)));
    outcome.stamp(&scenario, args.source.tier, &mut summary);
    match (&args.out, outcome.written.take()) {
        // A single seed's summary is that of its folder, unless something is missed in all seeds.
        (Some(_), Some(written)) if args.seeds == 1 && written["missed"] == summary["missed"] => summary = written,
        (Some(dir), _) => {
            rundir::make_folder(dir)?;
            rundir::write_whole(&dir.join(rundir::SUMMARY), format!("{summary:#}\n").as_bytes())?;
        }
        (None, _) => {}
    }
    if args.json {
        println!("{summary:#}");
    } else {
        print!("{}", outcome.sum.text(outcome.seeds, wall));
        print_red(&outcome.red);
    }
    Ok(match (outcome.red.is_empty(), outcome.interrupted) {
        (false, _) => Exit::Red,
        (true, true) => Exit::Interrupted,
        (true, false) => Exit::Green,
    })
}

fn run_seeds(scenario: &Scenario, args: &args::Run, stop: &Stop) -> Result<Outcome, Failure> {
    let first = args.seed.unwrap_or(scenario.file().seeds.first);
    let mut outcome = Outcome::default();
    let mut progress = Progress::new(args.seeds, stop.clone());
    for seed in first..first.saturating_add(args.seeds) {
        if stop.is_asked() {
            outcome.interrupted = true;
            break;
        }
        progress.begin(format!("{} seed {seed}", scenario.name()));
        outcome.run_seed(scenario, args, seed, &mut progress, stop)?;
    }
    progress.clear();
    Ok(outcome)
}

impl Outcome {
    /// Runs one seed, with a folder of its own if one was asked for.
    fn run_seed(
        &mut self,
        scenario: &Scenario,
        args: &args::Run,
        seed: u64,
        progress: &mut Progress,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let started = now();
        let plan = source::plan(scenario, &args.source, seed)?;
        if self.seeds == 0 {
            source::warn(scenario, &plan);
        }
        let Some(out) = &args.out else {
            let gathered;
            let report = if scenario.expects_of_deliveries() {
                let mut gathering = Gathering::new(&plan, progress);
                let report = Engine::new(plan)?.run(&mut gathering);
                gathered = Some(gathering.gathered);
                report
            } else {
                gathered = None;
                Engine::new(plan)?.run(progress)
            };
            self.take(scenario, report, gathered.as_ref(), millis_since(started), progress, stop);
            return Ok(());
        };
        let dir = if args.seeds == 1 { out.clone() } else { out.join(format!("seed-{seed}")) };
        let extent = rundir::Extent {
            deliveries: args.extent.delivery_rows.unwrap_or(DELIVERY_ROWS),
            events: args.extent.trace_rows.unwrap_or(TRACE_ROWS),
            parquet: args.extent.parquet,
        };
        let mut dir = RunDir::create(&dir, scenario, &plan, extent, progress)?;
        let report = Engine::new(plan)?.run(&mut dir);
        let gathered = dir.gathered().clone();
        let dir = dir.close();
        self.take(scenario, report.clone(), Some(&gathered), millis_since(started), progress, stop);
        let mut own = Outcome { seeds: 1, interrupted: self.interrupted, ..Outcome::default() };
        own.red.extend(self.red.last().filter(|(red, _)| *red == seed).cloned());
        let mut summary = report.summary(millis_since(started));
        own.stamp(scenario, args.source.tier, &mut summary);
        self.written = Some(dir.finish(&report, summary)?);
        Ok(())
    }

    /// What a summary has besides the report.
    fn stamp(&self, scenario: &Scenario, tier: Tier, summary: &mut Value) {
        summary["scenario"] = json!(scenario.name());
        summary["tier"] = json!(tier.name());
        summary["seeds"] = json!(self.seeds);
        summary["max_rss_bytes"] = json!(max_rss_bytes());
        summary["interrupted"] = json!(self.interrupted);
        summary["missed"] = missed_as_json(&self.red);
    }

    fn take(
        &mut self,
        scenario: &Scenario,
        report: Report,
        gathered: Option<&Gathered>,
        wall_millis: u64,
        progress: &mut Progress,
        stop: &Stop,
    ) {
        progress.end();
        self.interrupted |= stop.is_asked();
        let seed = report.seed;
        let mut red = Vec::new();
        // Who was told to stop has not converged, and that says nothing.
        if report.broken > 0 || !(report.converged || self.interrupted) {
            let first = report.violations.first().map_or("not converged", |violation| violation.what.as_str());
            red.push(format!("{} promises broken, first: {first}", report.broken));
        }
        if !self.interrupted {
            let mut summary = report.summary(wall_millis);
            summary["max_rss_bytes"] = json!(max_rss_bytes());
            if let Some(gathered) = gathered {
                gathered.add_to(&mut summary, &report);
            }
            red.extend(scenario.missed_by(&summary));
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

#[expect(clippy::disallowed_types, reason = "how long a run took is shown; the run itself never sees it")]
fn millis_since(start: std::time::Instant) -> u64 {
    u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX)
}
