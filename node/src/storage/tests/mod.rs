//! Tests of the journal on a disk that fails, and of the index on files that were damaged.

mod a_damaged_index_is_whole_or_empty;
mod a_power_cut_loses_nothing_synced;
mod damage_is_reported_and_never_served;
mod disk_faults_are_final_and_a_full_disk_is_not;
mod journal_on_a_real_disk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::faulty::FaultyDisk;
use super::journal::{Journal, Options, Position, Recovery};

/// Small files and no reserve, so that rotation happens often.
fn options() -> Options {
    Options { file_bytes: 4096, reserve_bytes: 0, verified_up_to: None }
}

fn folder() -> &'static Path {
    Path::new("journal")
}

fn file_path(number: u32) -> PathBuf {
    folder().join(format!("{number:08}.xyj"))
}

fn open(disk: &FaultyDisk) -> (Journal, Recovery) {
    Journal::open_on(Arc::new(disk.clone()), folder(), options()).unwrap()
}

/// A record that says which one it is.
fn record(number: u64, length: usize) -> Vec<u8> {
    let mut bytes = number.to_le_bytes().to_vec();
    bytes.resize(length.max(8), u8::try_from(number % 251).unwrap());
    bytes
}

/// All whole records in order.
fn served(journal: &Journal) -> Vec<(Position, Vec<u8>)> {
    journal.iter_from(None).filter_map(Result::ok).collect()
}
