//! How long a township's node takes for a report of points, with a county's year of entries in its summaries.
//!
//! A report is made on the thread that also writes, so while it is made nobody is answered.

use std::time::Instant;

use xiangyue_node::registers::Counts;
use xiangyue_node::reports;
use xiangyue_node::stats;
use xiangyue_protocol::Month;
use xiangyue_protocol::replica::Replica;

use super::Outcome;
use super::world::{World, now};

pub(crate) const VILLAGES: u32 = 100;
pub(crate) const MONTHS: u32 = 12;
/// Entries of a village in a month.
pub(crate) const ENTRIES: u32 = 350;
/// Reports made of points.
const NAMES: [&str; 8] =
    ["villages", "segments", "months", "exemplars", "merchants", "ranking", "settlement", "completeness"];
const TIMES: usize = 20;

/// The median time of each report, in milliseconds, and of all figures at once (`stats`).
pub(crate) fn measure() -> Outcome<Vec<(&'static str, f64)>> {
    let world = World::new(VILLAGES)?;
    let months = (1..=MONTHS).map(|month| Ok(format!("2025-{month:02}").parse()?));
    let township = world.township(&months.collect::<Outcome<Vec<Month>>>()?, ENTRIES)?;
    let mut rows = Vec::new();
    for name in NAMES {
        rows.push((name, median(|| report(&township, name))?));
    }
    let all = || {
        std::hint::black_box(stats::township(&township, None, now(), &[]));
        Ok(())
    };
    rows.push(("stats", median(all)?));
    Ok(rows)
}

fn report(township: &Replica, name: &str) -> Outcome {
    let query = serde_json::from_value(serde_json::json!({ "name": name }))?;
    reports::make(township, &Counts::default(), &query, now(), &[])?;
    Ok(())
}

fn median(mut work: impl FnMut() -> Outcome) -> Outcome<f64> {
    let mut times = Vec::new();
    for _ in 0..TIMES {
        let began = Instant::now();
        work()?;
        times.push(began.elapsed().as_secs_f64() * 1e3);
    }
    Ok(super::percentile(&times, 0.5))
}
