//! Figures of sync beside those of a reference peer, measured in the same run.
//!
//! `cargo bench -p xiangyue-node --bench sync [-- PART …]`, parts: `catch-up-single`, `catch-up-tidied`,
//! `catch-up`, `single`, `burst`, `reconnect`, `start`, `reports`.
//! The reference peer is `tests/peers`; build it with `cargo build --release` there, or name its program in
//! `PEERS_SAMOD`. Without it the ratios are left out. Every figure is the best of several: the machine has other work.

mod entries;
mod measure;
mod relay;
mod reports;
mod start;
mod world;

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use measure::{CatchUp, Holder, Pair};
use serde_json::Value;
use world::Writing;

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// Times that a measurement is repeated.
const RUNS: usize = 5;
const SINGLES: u32 = 200;
const BURST: u32 = 40_000;
const CLERKS: u32 = 1_000;
/// One-way delay of the link on which round trips are counted.
const DELAY: Duration = Duration::from_millis(50);

fn main() -> Outcome {
    let parts: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    if wanted("catch-up-single") {
        runtime.block_on(catch_up(Writing::Single, "each entry its own segment"))?;
    }
    if wanted("catch-up-tidied") {
        runtime.block_on(catch_up(Writing::Tidied, "each entry its own change, segments signed anew"))?;
    }
    let connected = ["single", "burst", "reconnect"].into_iter().filter(|part| wanted(part)).collect::<Vec<_>>();
    if wanted("catch-up") || !connected.is_empty() {
        runtime.block_on(imported(wanted("catch-up"), &connected))?;
    }
    if wanted("start") {
        starts()?;
    }
    if wanted("reports") { of_points() } else { Ok(()) }
}

/// Where the build lies, and so a disk.
fn target_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

async fn catch_up(writing: Writing, how: &str) -> Outcome {
    let holder = Holder::new(writing).await?;
    report_catch_up(&holder, how).await
}

async fn report_catch_up(holder: &Holder, how: &str) -> Outcome {
    println!("catch-up: {} documents, {} entries, {how}", measure::DOCS, measure::ENTRIES);
    let saved = holder.saved()?;
    let mut runs: Vec<CatchUp> = Vec::new();
    for _ in 0..RUNS {
        runs.push(holder.catch_up(saved).await?);
    }
    let Some(best) = runs.iter().min_by(|a, b| a.seconds.total_cmp(&b.seconds)) else { return Ok(()) };
    let samod = samod("catch-up", &["--runs", "2"]);
    let all: Vec<String> = runs.iter().map(|run| format!("{:.3}", run.seconds)).collect();
    line("seconds", best.seconds, 0.4, samod.smallest("seconds"));
    line("bytes / saved bytes", ratio(best.wire.frames, best.saved), 1.10, samod.smallest("bytes_over_saved"));
    println!(
        "    runs {}; {} segments, {} bytes received, {} sent, {} in UDP, saved documents {}",
        all.join(" "),
        best.segments,
        best.wire.received,
        best.wire.sent,
        best.wire.udp,
        best.saved
    );
    Ok(())
}

async fn imported(catch_up: bool, connected: &[&str]) -> Outcome {
    let holder = Holder::new(Writing::Imported).await?;
    if catch_up {
        report_catch_up(&holder, "each imported at once").await?;
    }
    if connected.is_empty() {
        return Ok(());
    }
    let mut pair = holder.pair().await?;
    for part in connected {
        match *part {
            "single" => single(&mut pair).await?,
            "burst" => burst(&mut pair).await?,
            _ => reconnect(&mut pair).await?,
        }
    }
    pair.stop().await
}

async fn single(pair: &mut Pair<'_>) -> Outcome {
    println!("single entry: {SINGLES} entries, 20 ms apart, best of {RUNS} rounds");
    let (mut rounds, mut bare) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        rounds.push(pair.single(SINGLES).await?);
        bare.push(percentile(&pair.bare_sync(SINGLES, 344).await?, 0.5));
    }
    let samod = samod("single", &["--runs", "2"]);
    let best = |of: fn(&measure::Single) -> &Vec<f64>, share: f64| {
        rounds.iter().map(|round| percentile(of(round), share)).fold(f64::INFINITY, f64::min)
    };
    line("visible p50 ms", best(|round| &round.visible_ms, 0.5), 1.0, samod.smallest("p50_ms"));
    line("visible p99 ms", best(|round| &round.visible_ms, 0.99), f64::NAN, samod.smallest("p99_ms"));
    line("durable p50 ms", best(|round| &round.durable_ms, 0.5), f64::NAN, None);
    line("durable p99 ms", best(|round| &round.durable_ms, 0.99), f64::NAN, None);
    line("bare fdatasync p50 ms", bare.into_iter().fold(f64::INFINITY, f64::min), f64::NAN, None);
    let last = &rounds[RUNS - 1];
    line("bytes", last.frames, 350.0, samod.smallest("bytes_per_entry"));
    println!("    of these {:.0} out; with QUIC's and TLS's own {:.0} in UDP payloads", last.out, last.udp);
    Ok(())
}

async fn burst(pair: &mut Pair<'_>) -> Outcome {
    println!("burst: {BURST} entries by {CLERKS} at once, each acknowledged, until all are at the peer");
    let mut best = (0.0, 0.0);
    let mut all = Vec::new();
    for _ in 0..RUNS {
        let run = pair.burst(BURST, CLERKS).await?;
        all.push(format!("{:.0}", run.0));
        if run.0 > best.0 {
            best = run;
        }
    }
    let samod = samod("burst", &["--runs", "2"]);
    line("entries/s", best.0, 20_000.0, samod.largest("entries_per_second"));
    println!("    runs {}; {:.1} bytes an entry", all.join(" "), best.1);
    Ok(())
}

async fn reconnect(pair: &mut Pair<'_>) -> Outcome {
    println!("reconnect: 10 + 10 entries differ among {}", measure::ENTRIES);
    let mut best: Option<measure::Reconnect> = None;
    for _ in 0..RUNS {
        let run = pair.reconnect(Duration::ZERO).await?;
        if best.as_ref().is_none_or(|best| run.seconds < best.seconds) {
            best = Some(run);
        }
    }
    let Some(best) = best else { return Ok(()) };
    let samod = samod("reconnect", &["--runs", "2"]);
    line("seconds", best.seconds, f64::NAN, samod.smallest("seconds"));
    line("bytes", best.wire.frames as f64, 8.0 * 1024.0, samod.smallest("bytes_total"));
    println!(
        "    {} out, {} in; {} in UDP payloads, handshake included",
        best.wire.sent, best.wire.received, best.wire.udp
    );
    let mut fewest = (f64::INFINITY, 0.0);
    for _ in 0..3 {
        let run = pair.reconnect(DELAY).await?;
        let trip = 2.0 * DELAY.as_secs_f64();
        let trips = ((run.seconds - run.connected) / trip, run.connected / trip);
        if trips.0 < fewest.0 {
            fewest = trips;
        }
    }
    line("round trips", fewest.0, 1.5, None);
    println!("    from the dialler's end of the handshake; the handshake itself takes {:.2}", fewest.1);
    Ok(())
}

fn starts() -> Outcome {
    let mut best: Option<start::Starts> = None;
    for _ in 0..3 {
        let run = start::measure()?;
        if best.as_ref().is_none_or(|best| run.with_index.ready_ms < best.with_index.ready_ms) {
            best = Some(run);
        }
    }
    let Some(best) = best else { return Ok(()) };
    println!("start: a village with a year of data, {} segments, {} bytes", best.segments, best.bytes);
    line("ready ms", best.with_index.ready_ms, 300.0, None);
    line("ready ms, no index", best.without_index.ready_ms, f64::NAN, None);
    line("resident MiB", best.with_index.resident_mib, 40.0, None);
    line("resident MiB, no index", best.without_index.resident_mib, f64::NAN, None);
    Ok(())
}

fn of_points() -> Outcome {
    let entries = reports::VILLAGES * reports::MONTHS * reports::ENTRIES;
    println!("reports of points: {} villages, {entries} entries in {} months", reports::VILLAGES, reports::MONTHS);
    for (name, milliseconds) in reports::measure()? {
        line(&format!("{name} ms"), milliseconds, 50.0, None);
    }
    Ok(())
}

/// What the reference peer printed, one object a run.
struct Samod(Vec<Value>);

impl Samod {
    fn values(&self, key: &str) -> impl Iterator<Item = f64> {
        self.0.iter().filter_map(move |run| run.get(key)?.as_f64())
    }

    fn smallest(&self, key: &str) -> Option<f64> {
        self.values(key).min_by(f64::total_cmp)
    }

    fn largest(&self, key: &str) -> Option<f64> {
        self.values(key).max_by(f64::total_cmp)
    }
}

fn samod(measurement: &str, options: &[&str]) -> Samod {
    let built = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/peers/target/release/peers-samod");
    let program = std::env::var_os("PEERS_SAMOD").map_or_else(|| PathBuf::from(built), PathBuf::from);
    let output = Command::new(program).arg(measurement).args(options).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    Samod(text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

fn line(what: &str, ours: f64, aim: f64, samod: Option<f64>) {
    let aim = if aim.is_nan() { "-".to_owned() } else { format!("{aim}") };
    let (samod, ratio) = match samod {
        Some(samod) => (format!("{samod:.3}"), format!("{:.3}", ours / samod)),
        None => ("-".to_owned(), "-".to_owned()),
    };
    println!("  {what:<24} {ours:>12.3}   aim {aim:>8}   samod {samod:>12}   ratio {ratio}");
}

fn ratio(a: u64, b: u64) -> f64 {
    a as f64 / b as f64
}

fn percentile(values: &[f64], share: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1);
    let at = (0..=last).find(|at| *at as f64 >= share * last as f64).unwrap_or(last);
    values.get(at).copied().unwrap_or(f64::NAN)
}
