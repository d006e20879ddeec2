//! Finished runs, read back: from a run's folder, from a sweep's, or from the `results.jsonl` that a sweep leaves.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};
use xiangyue_sim::figures::cells::{self, Cell, Parameters, Run, text};
use xiangyue_sim::figures::metric::METRICS;
use xiangyue_sim::observer::Sample;
use xiangyue_sim::plot::gallery::Measured;

use super::rundir::{FORMAT, MANIFEST, QUANTILES, SERIES, SUMMARY, seed_folders, write_whole};
use super::{Failure, file_failure};

/// What a sweep is, beside its runs.
pub(super) const SWEEP: &str = "sweep.json";
/// The folder of a sweep's runs.
pub(super) const RUNS: &str = "runs";
/// A line to each run: parameters, seed, summary.
pub(super) const RESULTS: &str = "results.jsonl";
/// A row to each run: parameters, seed, figures.
const RUNS_TABLE: &str = "runs.csv";
/// A row to each combination and figure: mean and interval.
const FIGURES_TABLE: &str = "figures.csv";

/// Reads JSON that this program has written.
pub(super) fn read_json(path: &Path) -> Result<Value, Failure> {
    let text = read(path).map_err(|error| file_failure(path, &error))?;
    serde_json::from_str(&text).map_err(|error| Failure(format!("{}: not as it was written: {error}", path.display())))
}

/// The manifest of a run or `sweep.json`, of a format that is known.
pub(super) fn read_manifest(path: &Path) -> Result<Value, Failure> {
    let manifest = read_json(path)?;
    match manifest.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => Ok(manifest),
        other => {
            let found = other.map_or_else(|| "none".to_owned(), |format| format.to_string());
            let what = format!("this program reads format {FORMAT}, the file has {found}");
            Err(Failure(format!("{}: {what}; use the version of the program that wrote it", path.display())))
        }
    }
}

/// A folder of finished runs.
pub(super) struct Folder {
    /// What it is called in titles.
    pub(super) title: String,
    /// The runs' folders with what was varied, in the order of the sweep; those that are not finished are left out.
    runs: Vec<(PathBuf, Parameters)>,
}

impl Folder {
    /// Looks what is there.
    pub(super) fn open(dir: &Path) -> Result<Folder, Failure> {
        if dir.join(SWEEP).exists() {
            let sweep = read_manifest(&dir.join(SWEEP))?;
            let planned = planned(&sweep).into_iter().map(|run| (dir.join(RUNS).join(run.name()), run.parameters));
            let runs: Vec<_> = planned.filter(|(dir, _)| is_finished(dir)).collect();
            return Folder { title: title(&sweep), runs }.unless_empty(dir);
        }
        if dir.join(MANIFEST).exists() {
            let manifest = read_manifest(&dir.join(MANIFEST))?;
            let runs = if is_finished(dir) { vec![(dir.to_owned(), Vec::new())] } else { Vec::new() };
            return Folder { title: title(&manifest), runs }.unless_empty(dir);
        }
        let seeds = seed_folders(dir)?;
        if let Some(first) = seeds.first() {
            let title = title(&read_manifest(&first.join(MANIFEST))?);
            let runs = seeds.into_iter().filter(|dir| is_finished(dir)).map(|dir| (dir, Vec::new())).collect();
            return Folder { title, runs }.unless_empty(dir);
        }
        let what = format!("neither {MANIFEST} of a run nor {SWEEP} of a sweep is there");
        Err(Failure(format!("{}: {what}", dir.display())))
    }

    fn unless_empty(self, dir: &Path) -> Result<Folder, Failure> {
        if self.runs.is_empty() {
            Err(Failure(format!("{}: no run there is finished", dir.display())))
        } else {
            Ok(self)
        }
    }

    /// Parameters, seeds and summaries.
    pub(super) fn runs(&self) -> Result<Vec<Run>, Failure> {
        self.runs.iter().map(|(dir, parameters)| read_run(dir, parameters.clone())).collect()
    }

    /// All that charts are made from.
    pub(super) fn measured(&self) -> Result<Vec<Measured>, Failure> {
        let one = |(dir, parameters): &(PathBuf, Parameters)| {
            let quantiles: Vec<Quantile> = rows(&dir.join(QUANTILES))?;
            Ok(Measured {
                run: read_run(dir, parameters.clone())?,
                convergence: quantiles.iter().map(|row| row.convergence_ms).collect(),
                delivery: quantiles.iter().map(|row| row.delivery_ms).collect(),
                samples: rows::<Sample>(&dir.join(SERIES))?,
            })
        };
        self.runs.iter().map(one).collect()
    }
}

/// A run that a sweep plans: which combination, and under which seed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Planned {
    /// The combination, from 0.
    pub(super) point: usize,
    /// What was varied.
    pub(super) parameters: Parameters,
    /// The seed.
    pub(super) seed: u64,
}

impl Planned {
    /// Its folder's name.
    pub(super) fn name(&self) -> String {
        format!("{:04}-{}", self.point, self.seed)
    }
}

/// The runs of a `sweep.json`: every combination under every seed.
pub(super) fn planned(sweep: &Value) -> Vec<Planned> {
    let points = sweep.get("points").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let seeds = sweep.get("seeds").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let pair = |pair: &Value| Some((pair.get(0)?.as_str()?.to_owned(), pair.get(1)?.clone()));
    let parameters =
        |point: &Value| -> Parameters { point.as_array().into_iter().flatten().filter_map(pair).collect() };
    let each = |(point, value): (usize, &Value)| {
        let parameters = parameters(value);
        seeds.iter().filter_map(Value::as_u64).map(move |seed| Planned { point, parameters: parameters.clone(), seed })
    };
    points.iter().enumerate().flat_map(each).collect()
}

/// Whether a run ended by itself and its summary is there.
pub(super) fn is_finished(dir: &Path) -> bool {
    read_json(&dir.join(SUMMARY)).is_ok_and(|summary| summary.get("interrupted") != Some(&json!(true)))
}

/// Runs from a folder or from a saved `results.jsonl`.
pub(super) fn read_results(path: &Path) -> Result<Vec<Run>, Failure> {
    if path.is_dir() {
        return Folder::open(path)?.runs();
    }
    let text = read(path).map_err(|error| file_failure(path, &error))?;
    let run = |(number, line): (usize, &str)| {
        let wrong = || Failure(format!("{}:{}: not a line of {RESULTS}", path.display(), number + 1));
        let value: Value = serde_json::from_str(line).map_err(|_| wrong())?;
        let line = json!({ "points": [value.get("parameters")], "seeds": [value.get("seed")] });
        let planned = planned(&line).pop().ok_or_else(wrong)?;
        let summary = value.get("summary").cloned().ok_or_else(wrong)?;
        Ok(Run { parameters: planned.parameters, seed: planned.seed, summary })
    };
    text.lines().enumerate().map(run).collect()
}

/// Writes what a sweep leaves beside its runs: `results.jsonl`, `runs.csv`, `figures.csv`.
pub(super) fn write_results(dir: &Path, runs: &[Run]) -> Result<(), Failure> {
    let mut lines = Vec::new();
    for run in runs {
        let line = json!({ "parameters": run.parameters, "seed": run.seed, "summary": run.summary });
        // Writing to memory does not fail.
        let _ = writeln!(lines, "{line}");
    }
    write_whole(&dir.join(RESULTS), &lines)?;
    let names: Vec<String> =
        runs.first().map_or(Vec::new(), |run| run.parameters.iter().map(|(name, _)| name.clone()).collect());
    let shown = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let words = |parameters: &Parameters| -> Vec<String> { parameters.iter().map(|(_, value)| text(value)).collect() };

    let mut head = names.clone();
    head.push("seed".to_owned());
    head.extend(METRICS.iter().map(|metric| metric.key.to_owned()));
    let of_run = |run: &Run| {
        let mut row = words(&run.parameters);
        row.push(run.seed.to_string());
        row.extend(METRICS.iter().map(|metric| shown(metric.of(&run.summary))));
        row
    };
    write_table(&dir.join(RUNS_TABLE), head, runs.iter().map(of_run))?;

    let mut head = names;
    head.extend(["figure", "unit", "runs", "mean", "low", "high"].map(str::to_owned));
    let of_cell = |cell: &Cell| {
        let one = |metric: &xiangyue_sim::figures::metric::Metric| {
            let estimate = cell.estimate(metric)?;
            let mut row = words(&cell.parameters);
            row.extend([metric.key.to_owned(), metric.unit.to_owned(), estimate.runs.to_string()]);
            row.push(shown(Some(estimate.mean)));
            row.push(shown(estimate.interval.map(|(low, _)| low)));
            row.push(shown(estimate.interval.map(|(_, high)| high)));
            Some(row)
        };
        METRICS.iter().filter_map(one).collect::<Vec<_>>()
    };
    write_table(&dir.join(FIGURES_TABLE), head, cells::cells(runs.to_vec()).iter().flat_map(of_cell))
}

fn write_table(path: &Path, head: Vec<String>, rows: impl Iterator<Item = Vec<String>>) -> Result<(), Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure(format!("{}: {error}", path.display()));
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in std::iter::once(head).chain(rows) {
        writer.write_record(row).map_err(|error| wrong(&error))?;
    }
    write_whole(path, &writer.into_inner().map_err(|error| wrong(&error))?)
}

fn read_run(dir: &Path, parameters: Parameters) -> Result<Run, Failure> {
    let summary = read_json(&dir.join(SUMMARY))?;
    let seed = summary.get("seed").and_then(Value::as_u64).unwrap_or(0);
    Ok(Run { parameters, seed, summary })
}

#[derive(Deserialize)]
struct Quantile {
    convergence_ms: Option<u64>,
    delivery_ms: Option<u64>,
}

fn rows<T: for<'de> Deserialize<'de>>(path: &Path) -> Result<Vec<T>, Failure> {
    let wrong = |error: csv::Error| Failure(format!("{}: {error}", path.display()));
    csv::Reader::from_path(path).map_err(wrong)?.deserialize().collect::<Result<_, _>>().map_err(wrong)
}

fn title(manifest: &Value) -> String {
    let scenario = manifest.get("identity").and_then(|identity| identity.get("scenario"));
    scenario.and_then(Value::as_str).unwrap_or("a scenario").to_owned()
}

#[expect(clippy::disallowed_methods, reason = "the command line reads files; runs do not")]
fn read(path: &Path) -> std::io::Result<String> {
    std::fs::read_to_string(path)
}
