//! How long a village's node takes to be ready with a year of data, and what it occupies then.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command as Process, Stdio};
use std::time::{Duration, Instant};

use xiangyue_node::membership::{Membership, hex, machine_mark};
use xiangyue_node::storage::{Journal, JournalOptions};
use xiangyue_protocol::{Command, Month};

use super::Outcome;
use super::entries::entry_in;
use super::world::{World, commit};

const MONTHS: u32 = 12;
const PER_MONTH: u32 = 833;

pub(crate) struct Start {
    pub(crate) ready_ms: f64,
    pub(crate) resident_mib: f64,
}

pub(crate) struct Starts {
    pub(crate) segments: usize,
    pub(crate) bytes: u64,
    /// No index yet: everything is replayed from the journal.
    pub(crate) without_index: Start,
    /// The index is as a clean stop left it.
    pub(crate) with_index: Start,
}

/// Starts the real program over a village's data folder, twice.
pub(crate) fn measure() -> Outcome<Starts> {
    let world = World::new(1)?;
    let folder = tempfile::tempdir_in(super::target_dir())?;
    let (identity, credentials, org, anchors) = world.village_papers(0)?;
    identity.save(folder.path())?;
    credentials.save(folder.path())?;
    fs::write(folder.path().join("pseudonym.key"), [5; 32])?;
    let membership = Membership {
        org,
        incarnation: 1,
        frozen: false,
        anchors: anchors.iter().map(|key| hex(key)).collect(),
        township: vec!["127.0.0.1:9".to_owned()],
        machine: machine_mark(),
        folder: String::new(),
        revoked: false,
        twins: Vec::new(),
    };
    membership.save(folder.path())?;
    let (segments, bytes) = write_year(&world, folder.path())?;
    let without_index = start(folder.path())?;
    let with_index = start(folder.path())?;
    Ok(Starts { segments, bytes, without_index, with_index })
}

/// Every entry a change and a segment of its own: the most that a year can weigh.
fn write_year(world: &World, data: &Path) -> Outcome<(usize, u64)> {
    let (mut village, accounts) = world.village(0)?;
    let mut segments = world.founding().to_vec();
    segments.extend(accounts);
    for month in 0..MONTHS {
        let (year, number) = if month == 0 { (2025, 12) } else { (2026, month) };
        let month: Month = format!("{year}-{number:02}").parse()?;
        for n in 0..PER_MONTH {
            let mut award = entry_in(0, n, month)?;
            award.request = format!("{}-{number:02}", award.request).parse()?;
            segments.extend(commit(&mut village, &[Command::Award(award)])?);
        }
    }
    let (mut journal, _) = Journal::open(&data.join("journal"), JournalOptions::default())?;
    let records: Vec<&[u8]> = segments.iter().map(|segment| &segment.bytes[..]).collect();
    journal.append(&records)?;
    journal.sync()?;
    Ok((segments.len(), records.iter().map(|record| record.len() as u64).sum()))
}

fn start(data: &Path) -> Outcome<Start> {
    let began = Instant::now();
    let mut child = Process::new(env!("CARGO_BIN_EXE_xiangyue"))
        .arg("serve")
        .env("XIANGYUE_DATA", data)
        .env("XIANGYUE_LISTEN", "127.0.0.1:0")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    let ready_ms = until_ready(&mut child, began);
    std::thread::sleep(Duration::from_secs(2));
    let resident_mib = resident(child.id());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
    child.wait()?;
    Ok(Start { ready_ms: ready_ms?, resident_mib: resident_mib? })
}

fn until_ready(child: &mut Child, began: Instant) -> Outcome<f64> {
    let mut lines = BufReader::new(child.stderr.take().ok_or("no standard error")?).lines();
    let mut said = String::new();
    while let Some(line) = lines.next().transpose()? {
        if line.contains("ready") && line.contains("quic") {
            let ready = began.elapsed().as_secs_f64() * 1e3;
            // Keeps the pipe open and empty until the program ends.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(ready);
        }
        said.push_str(&line);
    }
    Err(format!("ended before it was ready: {said}").into())
}

fn resident(pid: u32) -> Outcome<f64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<f64>()? / 1024.0)
}
