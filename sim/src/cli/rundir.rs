//! A run's folder: what was run, what came of it, and what happened on the way.
//!
//! Everything is written as it happens, so memory does not grow with a run. `summary.json` comes last and in one
//! piece: a folder that has it is finished. Every file and column is described in `docs/runs.md`.

#![expect(clippy::disallowed_types, reason = "the command line writes files; runs do not")]

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use xiangyue_sim::figures::gathered::Gathered;
use xiangyue_sim::observer::{Delivery, Observer, Sample, TraceEvent};
use xiangyue_sim::plan::Plan;
use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::Scenario;
use xiangyue_sim::scheduler::Micros;

use super::results::{SWEEP, read_json};
use super::source::words;
use super::{Failure, file_failure, identity, parquet};

/// The version of these files; a reader refuses another.
pub(super) const FORMAT: u64 = 1;
/// The manifest's name.
pub(super) const MANIFEST: &str = "manifest.json";
/// The summary's name.
pub(super) const SUMMARY: &str = "summary.json";
/// Samples over time.
pub(super) const SERIES: &str = "series.csv";
/// Every delivery.
pub(super) const DELIVERIES: &str = "deliveries.csv";
/// Distributions at fixed ranks.
pub(super) const QUANTILES: &str = "quantiles.csv";
/// Every event.
pub(super) const TRACE: &str = "trace.jsonl";

/// How much is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Extent {
    /// At most so many rows of deliveries.
    pub(super) deliveries: u64,
    /// At most so many events.
    pub(super) events: u64,
    /// Tables also as Parquet.
    pub(super) parquet: bool,
}

/// A run's folder while the run goes on. Passes on to another observer how far it is and whether to stop.
pub(super) struct RunDir<'w> {
    dir: PathBuf,
    names: Vec<String>,
    manifest: Value,
    extent: Extent,
    series: Table,
    deliveries: Table,
    trace: Lines,
    gathered: Gathered,
    trouble: Option<Failure>,
    next: &'w mut dyn Observer,
}

impl<'w> RunDir<'w> {
    /// Makes the folder and writes what is known before the run. A summary of an earlier run there goes first.
    pub(super) fn create(
        dir: &Path,
        scenario: &Scenario,
        plan: &Plan,
        extent: Extent,
        next: &'w mut dyn Observer,
    ) -> Result<RunDir<'w>, Failure> {
        make_folder(dir)?;
        remove(&dir.join(SUMMARY))?;
        let manifest = json!({
            "format": FORMAT,
            "identity": identity::of(scenario)?,
            "seed": plan.seed,
            "command": identity::save(dir, scenario, &format!("run {{}} --seed {}{}", plan.seed, words(plan.tier)))?,
            "trace_hash": null,
            "plan": plan,
        });
        write_whole(&dir.join(MANIFEST), format!("{manifest:#}\n").as_bytes())?;
        Ok(RunDir {
            names: names_of(plan),
            manifest,
            extent,
            series: Table::create(&dir.join(SERIES), u64::MAX)?,
            deliveries: Table::create(&dir.join(DELIVERIES), extent.deliveries)?,
            trace: Lines::create(&dir.join(TRACE), extent.events)?,
            gathered: Gathered::new(plan),
            trouble: None,
            next,
            dir: dir.to_owned(),
        })
    }

    /// What the run's deliveries add to its summary.
    pub(super) fn gathered(&self) -> &Gathered {
        &self.gathered
    }

    /// The run is over: nothing more is passed on.
    pub(super) fn close(self) -> Closed {
        let RunDir { dir, manifest, extent, series, deliveries, trace, gathered, trouble, .. } = self;
        Closed { dir, manifest, extent, series, deliveries, trace, gathered, trouble }
    }

    fn note(&mut self, outcome: Result<(), Failure>) {
        if let Err(failure) = outcome {
            self.trouble.get_or_insert(failure);
        }
    }
}

/// A run's folder after the run.
pub(super) struct Closed {
    dir: PathBuf,
    manifest: Value,
    extent: Extent,
    series: Table,
    deliveries: Table,
    trace: Lines,
    gathered: Gathered,
    trouble: Option<Failure>,
}

impl Closed {
    /// Writes what is known after the run, last the summary with what the deliveries add to it, and hands that back.
    pub(super) fn finish(mut self, report: &Report, mut summary: Value) -> Result<Value, Failure> {
        if let Some(trouble) = self.trouble {
            return Err(trouble);
        }
        let mut quantiles = Table::create(&self.dir.join(QUANTILES), u64::MAX)?;
        for (permille, convergence_ms, delivery_ms) in self.gathered.quantiles(report) {
            quantiles.row(&Quantile { permille, convergence_ms, delivery_ms })?;
        }
        self.manifest["trace_hash"] = json!(report.trace_hash);
        self.manifest["files"] = json!({
            SERIES: self.series.finish()?,
            DELIVERIES: self.deliveries.finish()?,
            QUANTILES: quantiles.finish()?,
            TRACE: self.trace.finish()?,
        });
        if self.extent.parquet {
            for table in [SERIES, DELIVERIES, QUANTILES] {
                parquet::convert(&self.dir.join(table))?;
            }
        }
        write_whole(&self.dir.join(MANIFEST), format!("{:#}\n", self.manifest).as_bytes())?;
        self.gathered.add_to(&mut summary, report);
        write_whole(&self.dir.join(SUMMARY), format!("{summary:#}\n").as_bytes())?;
        Ok(summary)
    }
}

impl Observer for RunDir<'_> {
    fn wants_events(&self) -> bool {
        self.extent.events > 0
    }

    fn wants_deliveries(&self) -> bool {
        true
    }

    fn event(&mut self, event: &TraceEvent) {
        let outcome = self.trace.line(&trace_line(&self.names, event));
        self.note(outcome);
    }

    fn delivery(&mut self, delivery: &Delivery) {
        self.gathered.delivery(delivery);
        let (names, doc) = (&self.names, delivery.doc.to_string());
        let name = |node: usize| names.get(node).map_or("", String::as_str);
        let outcome = self.deliveries.row(&DeliveryRow {
            doc: &doc,
            author: name(delivery.author),
            last: delivery.last,
            written_us: delivery.written,
            node: name(delivery.node),
            arrived_us: delivery.arrived,
            hops: delivery.hops,
            bytes: delivery.bytes,
        });
        self.note(outcome);
    }

    fn sample(&mut self, sample: &Sample) {
        let outcome = self.series.row(sample);
        self.note(outcome);
    }

    fn progress(&mut self, now: Micros, of: Micros) {
        self.next.progress(now, of);
    }

    fn stop(&self) -> bool {
        self.trouble.is_some() || self.next.stop()
    }
}

/// What a plan's nodes and the copies of them are called, by position.
pub(super) fn names_of(plan: &Plan) -> Vec<String> {
    plan.clone().with_copies().nodes.into_iter().map(|node| node.name).collect()
}

/// An event as it stands in a trace.
pub(super) fn trace_line(names: &[String], event: &TraceEvent) -> String {
    let name = |node: usize| names.get(node).map_or("", String::as_str);
    let (node, peer) = (name(event.node), event.peer.map(name));
    let row = EventRow { at_us: event.at, node, kind: event.kind, peer, detail: &event.detail };
    serde_json::to_string(&row).unwrap_or_default()
}

/// Runs of one scenario lie in one folder: anything else there would be taken for part of it.
pub(super) fn only_this(dir: &Path, scenario: &Scenario, many: bool) -> Result<(), Failure> {
    let identity = identity::of(scenario)?;
    let other = |what: &str| Failure(format!("{}: holds {what}; name another folder with --out", dir.display()));
    if dir.join(SWEEP).exists() || (many && dir.join(MANIFEST).exists()) {
        return Err(other("another run or a sweep"));
    }
    for seed in seed_folders(dir)? {
        if !many || read_json(&seed.join(MANIFEST)).is_ok_and(|manifest| manifest["identity"] != identity) {
            return Err(other("runs of several seeds, of another scenario or of other values"));
        }
    }
    Ok(())
}

/// The folders of the seeds of one `run`, by seed.
pub(super) fn seed_folders(dir: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found: Vec<(u64, PathBuf)> = Vec::new();
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(|error| file_failure(dir, &error))?,
    };
    for entry in entries {
        let path = entry.map_err(|error| file_failure(dir, &error))?.path();
        let seed = path.file_name().and_then(|name| name.to_str()?.strip_prefix("seed-")?.parse().ok());
        found.extend(seed.map(|seed| (seed, path)));
    }
    found.sort_unstable();
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

#[derive(Serialize)]
struct Quantile {
    permille: u32,
    convergence_ms: Option<u64>,
    delivery_ms: Option<u64>,
}

#[derive(Serialize)]
struct DeliveryRow<'a> {
    doc: &'a str,
    author: &'a str,
    last: u64,
    written_us: u64,
    node: &'a str,
    arrived_us: u64,
    hops: u32,
    bytes: u64,
}

#[derive(Serialize)]
struct EventRow<'a> {
    at_us: u64,
    node: &'a str,
    kind: &'a str,
    peer: Option<&'a str>,
    detail: &'a str,
}

/// A CSV table with an upper limit on its rows.
struct Table {
    path: PathBuf,
    writer: csv::Writer<File>,
    count: Count,
}

impl Table {
    fn create(path: &Path, most: u64) -> Result<Table, Failure> {
        let file = create(path)?;
        Ok(Table { path: path.to_owned(), writer: csv::Writer::from_writer(file), count: Count::upto(most) })
    }

    fn row(&mut self, row: &impl Serialize) -> Result<(), Failure> {
        let wanted = self.count.next();
        let written = if wanted { self.writer.serialize(row) } else { Ok(()) };
        written.map_err(|error| Failure(format!("{}: {error}", self.path.display())))
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        self.writer.flush().map_err(|error| file_failure(&self.path, &error))?;
        Ok(self.count.told())
    }
}

/// Lines with an upper limit on their number.
struct Lines {
    path: PathBuf,
    writer: BufWriter<File>,
    count: Count,
}

impl Lines {
    fn create(path: &Path, most: u64) -> Result<Lines, Failure> {
        Ok(Lines { path: path.to_owned(), writer: BufWriter::new(create(path)?), count: Count::upto(most) })
    }

    fn line(&mut self, line: &str) -> Result<(), Failure> {
        let wanted = self.count.next();
        let written = if wanted { writeln!(self.writer, "{line}") } else { Ok(()) };
        written.map_err(|error| file_failure(&self.path, &error))
    }

    fn finish(&mut self) -> Result<Value, Failure> {
        self.writer.flush().map_err(|error| file_failure(&self.path, &error))?;
        Ok(self.count.told())
    }
}

/// What was written, and what was left out at the limit.
#[derive(Debug)]
struct Count {
    most: u64,
    rows: u64,
    left_out: u64,
}

impl Count {
    fn upto(most: u64) -> Count {
        Count { most, rows: 0, left_out: 0 }
    }

    /// Whether one more is to be written.
    fn next(&mut self) -> bool {
        let wanted = self.rows < self.most;
        *(if wanted { &mut self.rows } else { &mut self.left_out }) += 1;
        wanted
    }

    fn told(&self) -> Value {
        let limit = (self.most < u64::MAX).then_some(self.most);
        json!({ "rows": self.rows, "limit": limit, "left_out": self.left_out })
    }
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| file_failure(path, &error))
}

/// Makes a folder and those above it.
pub(super) fn make_folder(dir: &Path) -> Result<(), Failure> {
    std::fs::create_dir_all(dir).map_err(|error| file_failure(dir, &error))
}

/// Removes a file that may be there.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(file_failure(path, &error)),
        _ => Ok(()),
    }
}

/// Writes a file so that a reader sees all of it or the one before.
#[expect(clippy::disallowed_methods, reason = "the command line writes files; runs do not")]
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let mut new = path.as_os_str().to_owned();
    new.push(".new");
    let new = PathBuf::from(new);
    std::fs::write(&new, bytes).and_then(|()| std::fs::rename(&new, path)).map_err(|error| file_failure(path, &error))
}
