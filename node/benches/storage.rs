//! Figures of the journal and the index beside what the same disk does without them, in one run.
//!
//! `cargo bench -p xiangyue-node --bench storage`. Ratios travel between machines; the absolute figures do not.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use xiangyue_node::storage::index::{Index, SledIndex, SledOptions};
use xiangyue_node::storage::journal::{Journal, Options};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// A signed segment of one ledger entry is about this long.
const ENTRY: usize = 350;
const ROWS: u64 = 2000;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().collect();
    // The index is opened in a process of its own, so that its memory is its own.
    if let [_, verb, dir, mode] = arguments.as_slice()
        && verb == "open-index"
    {
        return open_index(Path::new(dir), mode == "high-throughput");
    }
    let dir = tempfile::tempdir_in(".")?;
    appends(dir.path())?;
    replays(dir.path())?;
    indexes(dir.path())
}

fn appends(dir: &Path) -> Outcome {
    println!("append + sync, records of {ENTRY} bytes");
    println!("{:>8} {:>14} {:>16} {:>16} {:>8}", "group", "records/s", "journal µs/sync", "bare µs/sync", "ratio");
    for (group, rounds) in [(1, 600), (16, 400), (256, 150)] {
        let (bare, journal) = alternate(&dir.join(format!("group-{group}")), group, rounds)?;
        let (bare, journal) = (median(bare), median(journal));
        println!(
            "{group:>8} {:>14.0} {:>16.0} {:>16.0} {:>8.2}",
            group as f64 / journal.as_secs_f64(),
            micros(journal),
            micros(bare),
            journal.as_secs_f64() / bare.as_secs_f64(),
        );
    }
    Ok(())
}

/// Times a bare write + fdatasync and a journal's append + sync of the same bytes, by turns.
fn alternate(dir: &Path, group: usize, rounds: usize) -> Outcome<(Vec<Duration>, Vec<Duration>)> {
    fs::create_dir_all(dir)?;
    let file = File::create(dir.join("bare"))?;
    let (mut journal, _) = Journal::open(&dir.join("journal"), Options::default())?;
    let record = vec![7; ENTRY];
    let records = vec![record.as_slice(); group];
    let bytes = vec![7; group * (ENTRY + 24)];
    let (mut bare, mut ours) = (Vec::new(), Vec::new());
    for round in 0..rounds {
        let start = Instant::now();
        file.write_all_at(&bytes, (round * bytes.len()) as u64)?;
        file.sync_data()?;
        bare.push(start.elapsed());
        let start = Instant::now();
        journal.append(&records)?;
        journal.sync()?;
        ours.push(start.elapsed());
    }
    Ok((bare, ours))
}

fn replays(dir: &Path) -> Outcome {
    println!("\nreading 128 MiB back, every hash verified");
    println!("{:>8} {:>12} {:>14} {:>14}", "record", "open MB/s", "replay MB/s", "records/s");
    for size in [ENTRY, 4 << 10, 64 << 10] {
        let dir = dir.join(format!("replay-{size}"));
        let (mut journal, _) = Journal::open(&dir, Options::default())?;
        let record = vec![7; size];
        let group = vec![record.as_slice(); (1 << 20) / size];
        for _ in 0..128 {
            journal.append(&group)?;
        }
        journal.sync()?;
        drop(journal);

        let start = Instant::now();
        let (journal, recovery) = Journal::open(&dir, Options::default())?;
        let opened = start.elapsed();
        let start = Instant::now();
        let mut bytes = 0;
        for item in journal.iter_from(None) {
            bytes += item?.1.len();
        }
        let replayed = start.elapsed();
        let megabytes = bytes as f64 / 1e6;
        println!(
            "{size:>8} {:>12.0} {:>14.0} {:>14.0}",
            megabytes / opened.as_secs_f64(),
            megabytes / replayed.as_secs_f64(),
            recovery.records as f64 / replayed.as_secs_f64(),
        );
        let start = Instant::now();
        let options = Options { verified_up_to: recovery.last, ..Options::default() };
        Journal::open(&dir, options)?;
        println!("{:>8} resumed at the last record in {:.0} µs", "", micros(start.elapsed()));
        fs::remove_dir_all(dir)?;
    }
    Ok(())
}

fn indexes(dir: &Path) -> Outcome {
    for (mode, largest) in [("low-space", 6), ("low-space", 20), ("high-throughput", 20)] {
        println!("\nindex of {ROWS} rows of 2 to {largest} KB, {mode}");
        let largest = largest << 10;
        let folder = dir.join(format!("{mode}-{largest}"));
        fs::create_dir_all(&folder)?;
        let options = SledOptions { high_throughput: mode == "high-throughput", ..SledOptions::default() };
        let mut index = SledIndex::open(&folder.join("index"), options)?;
        let start = Instant::now();
        fill(&mut index, 0, largest)?;
        let filled = start.elapsed();
        let start = Instant::now();
        for round in 1..=20 {
            rewrite(&mut index, round, largest)?;
        }
        let rewritten = start.elapsed() / 20;
        drop(index);
        println!(
            "filled in {:.0} ms, checkpoint of 20 changed rows {:.1} ms, {:.1} MB on disk",
            micros(filled) / 1e3,
            micros(rewritten) / 1e3,
            bytes_below(&folder)? as f64 / 1e6,
        );
        for _ in 0..3 {
            let me = std::env::current_exe()?;
            let output = Command::new(me).arg("open-index").arg(folder.join("index")).arg(mode).output()?;
            print!("  {}", String::from_utf8_lossy(&output.stdout));
        }
    }
    Ok(())
}

fn fill(index: &mut SledIndex, round: u64, largest: u64) -> Outcome {
    for number in 0..ROWS {
        put(index, number, round, largest);
        if index.unsaved_bytes() > 4 << 20 {
            index.checkpoint(b"filling")?;
        }
    }
    Ok(index.checkpoint(b"filled")?)
}

fn rewrite(index: &mut SledIndex, round: u64, largest: u64) -> Outcome {
    for number in 0..20 {
        put(index, (number * 97 + round) % ROWS, round, largest);
    }
    Ok(index.checkpoint(b"changed")?)
}

fn put(index: &mut SledIndex, number: u64, round: u64, largest: u64) {
    let length = 2048 + (number * 7919 + round) % (largest - 2048);
    let value: Vec<u8> = (0..length).map(|i| (i.wrapping_mul(31) ^ number).to_le_bytes()[0]).collect();
    index.put_batch(&[(format!("110112119201/ledger/{number:05}").as_bytes(), Some(&value))]);
}

fn open_index(dir: &Path, high_throughput: bool) -> Outcome {
    let before = resident()?;
    let start = Instant::now();
    let index = SledIndex::open(dir, SledOptions { high_throughput, ..SledOptions::default() })?;
    let opened = start.elapsed();
    let after = resident()?;
    if let Some(why) = index.rebuilt() {
        return Err(format!("rebuilt: {why}").into());
    }
    let start = Instant::now();
    let mut found = 0;
    for number in (0..ROWS).step_by(7) {
        found += usize::from(index.get(format!("110112119201/ledger/{number:05}").as_bytes())?.is_some());
    }
    println!(
        "opened and verified in {:.1} ms, resident {before:.1} -> {after:.1} MiB, {found} lookups {:.0} µs each, then {:.1} MiB",
        micros(opened) / 1e3,
        micros(start.elapsed()) / found as f64,
        resident()?,
    );
    Ok(())
}

/// Resident memory of this process in MiB.
fn resident() -> Outcome<f64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|l| l.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}

fn bytes_below(dir: &Path) -> Outcome<u64> {
    let mut total = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let found = entry.metadata()?;
        total += if found.is_dir() { bytes_below(&entry.path())? } else { found.len() };
    }
    Ok(total)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
