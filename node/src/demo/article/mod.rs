//! The six places of the article at their full size, as records: `xiangyue demo --article`.
//!
//! Each place is drawn from a seed as ordinary files, imported through the API of an ordinary node, and asked for by
//! ordinary reports. Nothing here knows a figure of the article but the golden table that it is compared with, so whoever
//! changes one record in a file sees the figure move.

mod baoshan;
mod changling;
mod hub;
mod linqu;
mod lucheng;
mod scale;
mod sheets;
mod siyang;
mod yuqing;

use std::path::Path;

use xiangyue_protocol::Refusal;

use self::hub::{Hub, Place};
pub(super) use self::scale::measure;
use super::data::DemoFiles;
use super::progress::Bars;
use super::town::Town;
use crate::api::types::GoldenRow;

/// Enters the records of all places and returns the article's figures beside those that the records give.
///
/// # Errors
/// What kept a place from being entered. A figure that is not as the article has it is in the table instead.
pub(super) fn golden(
    lucheng: &Town,
    files: &DemoFiles,
    seed: u64,
    folder: &Path,
    bars: &Bars,
) -> Result<Vec<GoldenRow>, Refusal> {
    let mut rows = lucheng::golden(lucheng, files, &folder.join("lucheng"), bars)?;
    for place in [linqu::PLACE, changling::PLACE, baoshan::PLACE, yuqing::PLACE, siyang::PLACE] {
        rows.extend(at(&place, seed, folder, bars)?);
    }
    Ok(rows)
}

fn at(place: &Place, seed: u64, folder: &Path, bars: &Bars) -> Result<Vec<GoldenRow>, Refusal> {
    let folder = folder.join(place.code);
    let sheets = (place.draw)(seed)?;
    let bar = bars.begin(place.zh, place.en, sheets.rows() as u64);
    let mut hub = Hub::found(place, &folder.join("node"))?;
    hub.name_villages(&sheets)?;
    sheets.write(&folder.join("files"), &mut |path, rows| {
        hub.import(path)?;
        bar.inc(rows as u64);
        Ok(())
    })?;
    hub.enter_village(place, &folder)?;
    bar.finish();
    (place.golden)(&hub)
}
