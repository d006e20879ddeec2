//! How time and memory grow with the number of villages: `xiangyue demo --scale`.
//!
//! A county of Linqu's make is imported at one township's node, as in [`super`]. Then the node is started again, a
//! report is asked for cold, and after each of many single changes.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xiangyue_protocol::Refusal;

use super::super::processes::refusal;
use super::super::progress::Bars;
use super::hub::Hub;
use super::linqu::{self, Size};
use crate::api::types::ScaleRow;

/// Changes after each of which a report is asked for.
const CHANGES: usize = 100;
/// Reports that are asked for in turn.
const REPORTS: [&str; 6] = ["grids", "pairings", "disputes", "tasks", "organisation", "safety"];

/// Measures a county of so many villages.
///
/// # Errors
/// What kept it from being measured.
pub(in crate::demo) fn measure(villages: usize, seed: u64, folder: &Path, bars: &Bars) -> Result<ScaleRow, Refusal> {
    let sheets = linqu::draw_sized(seed, Size::of(villages))?;
    let rows = sheets.rows();
    let (zh, en) = (format!("{villages} 个村：导入"), format!("{villages} villages: import"));
    let bar = bars.begin(&zh, &en, rows as u64);
    let mut hub = Hub::found(&linqu::PLACE, &folder.join("node"))?;
    hub.name_villages(&sheets)?;
    let village = sheets.village(villages / 2);
    let mut import = Duration::ZERO;
    sheets.write(&folder.join("files"), &mut |path, rows| {
        let began = Instant::now();
        hub.import(path)?;
        import += began.elapsed();
        bar.inc(rows as u64);
        Ok(())
    })?;
    bar.finish();
    hub.restart()?;
    let began = Instant::now();
    hub.report("grids", &[])?;
    let cold = began.elapsed();
    let mut after_change = Vec::with_capacity(CHANGES);
    for n in 0..CHANGES {
        let row = json!({"case": format!("Q{n}"), "date": "2021-03-05", "class": "other", "source": "resident"});
        let request = json!({"form": "dispute", "village": village.as_str(), "rows": [row]});
        let _: Value = hub.node().client()?.post("/rows", &request).map_err(|failure| refusal(&failure))?;
        let began = Instant::now();
        hub.report(REPORTS[n % REPORTS.len()], &[])?;
        after_change.push(began.elapsed());
    }
    after_change.sort_unstable();
    let began = Instant::now();
    let query = [("what", "household".to_owned()), ("format", "xlsx".to_owned())];
    let mut exported = Counted(0);
    hub.node().client()?.download("/export", &query, &mut exported).map_err(|failure| refusal(&failure))?;
    let xlsx = began.elapsed();
    Ok(ScaleRow {
        villages: villages as u64,
        rows: rows as u64,
        import_seconds: import.as_secs_f64(),
        rows_per_second: (rows as f64 / import.as_secs_f64()).round(),
        cold_seconds: cold.as_secs_f64(),
        report_ms_p50: after_change[CHANGES / 2].as_secs_f64() * 1000.0,
        report_ms_p99: after_change[CHANGES * 99 / 100].as_secs_f64() * 1000.0,
        xlsx_rows: linqu::household_count(villages),
        xlsx_seconds: xlsx.as_secs_f64(),
        rss_mib: hub.node().memory_mib(),
    })
}

/// Takes bytes and counts them.
struct Counted(u64);

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
