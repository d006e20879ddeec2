//! A failed write or sync ends all writing; a full disk ends it only while it is full.

use std::io::ErrorKind;

use xiangyue_protocol::Code;

use super::*;
use crate::storage::faulty::{Dice, PowerCut};

#[test]
fn the_nth_failing_operation_never_turns_into_success() {
    let quiet = FaultyDisk::default();
    let (mut journal, _) = open(&quiet);
    let before = quiet.operations();
    write_and_sync(&mut journal).unwrap();
    let operations = quiet.operations() - before;
    assert!(operations > 60, "the run must rotate and sync, had {operations}");

    for number in 1..=operations {
        let disk = FaultyDisk::default();
        let (mut journal, _) = open(&disk);
        disk.fail_operation(number, ErrorKind::Other);
        let (acknowledged, code) = write_and_sync(&mut journal).unwrap_err();
        assert_eq!(code, Code::ReadOnly, "operation {number}");
        assert!(journal.is_read_only());
        assert_eq!(journal.append(&[b"more"]).unwrap_err().code(), Code::ReadOnly);
        assert_eq!(journal.sync().unwrap_err().code(), Code::ReadOnly);
        drop(journal);
        disk.cut_power(PowerCut::AnySectors, &mut Dice::new(number));
        let found = served(&open(&disk).0).len() as u64;
        assert!(found >= acknowledged, "operation {number}: {found} of {acknowledged}");
    }
}

/// Appends and syncs 24 records one by one; on a refusal says how many had been synced.
fn write_and_sync(journal: &mut Journal) -> Result<(), (u64, Code)> {
    for number in 0..24 {
        journal.append(&[&record(number, 700)]).map_err(|e| (number, e.code()))?;
        journal.sync().map_err(|e| (number, e.code()))?;
    }
    Ok(())
}

#[test]
fn reads_go_on_after_a_failed_sync() {
    let disk = FaultyDisk::default();
    let (mut journal, _) = open(&disk);
    let at = journal.append(&[b"kept"]).unwrap()[0];
    journal.sync().unwrap();
    journal.append(&[b"lost"]).unwrap();
    disk.fail_operation(1, ErrorKind::Other);
    assert_eq!(journal.sync().unwrap_err().code(), Code::ReadOnly);
    assert_eq!(journal.read(at).unwrap(), b"kept");
    assert_eq!(journal.reader().read(at).unwrap(), b"kept");
}

#[test]
fn a_full_disk_refuses_the_group_and_takes_the_next_one_when_there_is_room() {
    // With and without a disk that tells beforehand; at every capacity, also in the middle of a rotation.
    for tells_free in [false, true] {
        for capacity in 4000..4400 {
            let disk = FaultyDisk::default();
            let (mut journal, _) = open(&disk);
            disk.limit(Some(capacity), tells_free);
            let mut taken = 0;
            let refusal = loop {
                let group = [&record(taken, 100)[..], &record(taken + 1, 100)[..]];
                match journal.append(&group) {
                    Ok(_) => taken += 2,
                    Err(refusal) => break refusal,
                }
            };
            assert_eq!(refusal.code(), Code::DiskFull, "capacity {capacity}");
            assert_eq!(served(&journal).len() as u64, taken, "the refused group left something behind");
            journal.sync().unwrap();

            disk.limit(None, tells_free);
            journal.append(&[&record(taken, 100)]).unwrap();
            journal.sync().unwrap();
            drop(journal);
            disk.cut_power(PowerCut::InOrder, &mut Dice::new(capacity as u64));
            let (journal, recovery) = open(&disk);
            assert!(recovery.is_clean(), "capacity {capacity}: {recovery:?}");
            let numbers: Vec<Vec<u8>> = served(&journal).into_iter().map(|r| r.1).collect();
            assert_eq!(numbers, (0..=taken).map(|n| record(n, 100)).collect::<Vec<_>>());
        }
    }
}

#[test]
fn the_reserve_is_left_alone() {
    let disk = FaultyDisk::default();
    let with_reserve = Options { reserve_bytes: 1000, ..options() };
    let (mut journal, _) = Journal::open_on(Arc::new(disk.clone()), folder(), with_reserve).unwrap();
    disk.limit(Some(64 + 1000 + 23 + 10), true);
    assert_eq!(journal.append(&[b"0123456789"]).unwrap_err().code(), Code::DiskFull);
    disk.limit(Some(64 + 1000 + 24 + 10), true);
    journal.append(&[b"0123456789"]).unwrap();
}

#[test]
fn a_sync_without_anything_to_sync_touches_nothing() {
    let disk = FaultyDisk::default();
    let (mut journal, _) = open(&disk);
    let before = disk.syncs();
    journal.append(&[b"one", b"two", b"three"]).unwrap();
    journal.sync().unwrap();
    journal.sync().unwrap();
    assert_eq!(disk.syncs(), before + 1);
}
