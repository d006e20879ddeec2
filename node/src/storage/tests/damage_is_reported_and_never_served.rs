//! Flipped bits, lost files, foreign files and payloads that imitate a frame.

use xiangyue_protocol::Code;

use super::*;
use crate::storage::Disk;
use crate::storage::journal::{FRAME_HEADER, MAX_PAYLOAD};

/// A journal of one file with ten synced records of 100 bytes, closed.
fn ten_records() -> (FaultyDisk, Vec<Position>) {
    let disk = FaultyDisk::default();
    let (mut journal, _) = open(&disk);
    let positions = (0..10).map(|n| journal.append(&[&record(n, 100)]).unwrap()[0]).collect();
    journal.sync().unwrap();
    (disk, positions)
}

#[test]
fn every_flipped_byte_of_a_middle_record_costs_that_record_alone() {
    for byte in 0..FRAME_HEADER + 100 {
        let (disk, positions) = ten_records();
        let hit = positions[4];
        disk.flip(&file_path(1), usize::try_from(hit.offset).unwrap() + byte, 3);
        let (journal, recovery) = open(&disk);
        assert_eq!(recovery.damaged, [hit], "byte {byte}");
        assert_eq!(recovery.records, 9);
        assert_eq!(journal.read(hit).unwrap_err().code(), Code::Corrupt);
        let mut others = positions.clone();
        others.remove(4);
        assert_eq!(served(&journal).into_iter().map(|r| r.0).collect::<Vec<_>>(), others);
        let refusals: Vec<Code> = journal.iter_from(None).filter_map(Result::err).map(|e| e.code()).collect();
        assert_eq!(refusals, [Code::Corrupt], "replay says that something is missing");
    }
}

#[test]
fn a_run_of_zeros_over_several_records_is_one_stretch() {
    let (disk, positions) = ten_records();
    let (from, until) = (positions[2].offset, positions[6].offset);
    disk.edit(&file_path(1), |file| {
        file[usize::try_from(from).unwrap()..usize::try_from(until).unwrap() - 10].fill(0);
    });
    let (journal, recovery) = open(&disk);
    assert_eq!(recovery.damaged.len(), 1);
    assert_eq!(recovery.damaged[0].offset, from);
    assert_eq!(recovery.damaged[0].offset + 24 + u64::from(recovery.damaged[0].len), until);
    assert_eq!(served(&journal).len(), 6);
}

#[test]
fn a_damaged_header_is_written_anew() {
    for number in [0, 1] {
        let (disk, _) = ten_records();
        disk.edit(&file_path(number), |file| file[..32].fill(0xee));
        let (journal, recovery) = open(&disk);
        assert_eq!(recovery.mended_headers, [number]);
        assert_eq!(served(&journal).len(), 10);
        assert!(open(&disk).1.is_clean());
    }
}

#[test]
fn without_any_readable_header_the_journal_is_refused_and_left_as_it_is() {
    let (disk, _) = ten_records();
    for number in [0, 1] {
        disk.edit(&file_path(number), |file| file[..32].fill(0xee));
    }
    let before = disk.files();
    let refusal = Journal::open_on(Arc::new(disk.clone()), folder(), options()).unwrap_err();
    assert_eq!(refusal.code(), Code::Corrupt);
    assert_eq!(disk.files(), before);
}

#[test]
fn a_missing_file_is_reported_by_recovery_and_by_replay() {
    let disk = FaultyDisk::default();
    let (mut journal, _) = open(&disk);
    for number in 0..12 {
        journal.append(&[&record(number, 1000)]).unwrap();
    }
    journal.sync().unwrap();
    drop(journal);
    disk.remove(&file_path(2));
    let (journal, recovery) = open(&disk);
    assert_eq!(recovery.missing_files, [2]);
    let replayed: Vec<_> = journal.iter_from(None).collect();
    assert_eq!(replayed.iter().filter(|r| r.is_ok()).count(), 9);
    assert_eq!(replayed.iter().filter(|r| r.is_err()).count(), 1);
}

#[test]
fn a_renamed_file_is_refused() {
    let (disk, _) = ten_records();
    let copy = disk.contents(&file_path(1));
    let second = disk.create(&file_path(2)).unwrap();
    second.write_all_at(&copy, 0).unwrap();
    let refusal = Journal::open_on(Arc::new(disk), folder(), options()).unwrap_err();
    assert_eq!(refusal.code(), Code::Corrupt);
}

#[test]
fn a_newer_format_is_refused_as_such() {
    let (disk, _) = ten_records();
    disk.edit(&file_path(1), |file| {
        file[4] = 2;
        let hash = blake3::hash(&file[..20]);
        file[20..32].copy_from_slice(&hash.as_bytes()[..12]);
    });
    let refusal = Journal::open_on(Arc::new(disk), folder(), options()).unwrap_err();
    assert_eq!(refusal.code(), Code::NewerData);
}

#[test]
fn a_payload_that_imitates_frames_is_not_searched_out() {
    // Another journal's whole file as a payload: every frame in it is valid, there.
    let foreign = tempfile::tempdir().unwrap();
    let (mut other, _) = Journal::open(foreign.path(), Options { reserve_bytes: 0, ..options() }).unwrap();
    other.append(&[b"forged record", b"another one"]).unwrap();
    let bait = std::fs::read(foreign.path().join("00000001.xyj")).unwrap();

    let disk = FaultyDisk::default();
    let (mut journal, _) = open(&disk);
    let hit = journal.append(&[&bait]).unwrap()[0];
    journal.append(&[b"real"]).unwrap();
    journal.sync().unwrap();
    drop(journal);
    disk.flip(&file_path(1), usize::try_from(hit.offset).unwrap(), 0);
    let (journal, recovery) = open(&disk);
    assert_eq!(recovery.damaged, [hit]);
    assert_eq!(served(&journal).into_iter().map(|r| r.1).collect::<Vec<_>>(), [b"real".to_vec()]);
}

#[test]
fn records_that_are_empty_or_too_large_are_refused_before_anything_is_written() {
    let disk = FaultyDisk::default();
    let (mut journal, _) = open(&disk);
    let before = disk.operations();
    let large = vec![1; MAX_PAYLOAD as usize + 1];
    assert_eq!(journal.append(&[b"good", &large]).unwrap_err().code(), Code::TooLarge);
    assert_eq!(journal.append(&[b"good", b""]).unwrap_err().code(), Code::BadValue);
    assert_eq!(disk.operations(), before);
    journal.append(&[&large[1..]]).unwrap();
    assert_eq!(served(&journal)[0].1.len(), MAX_PAYLOAD as usize);
}

#[test]
fn a_position_that_points_elsewhere_is_corrupt_not_served() {
    let (disk, positions) = ten_records();
    let (journal, _) = open(&disk);
    let at = positions[3];
    for wrong in [
        Position { offset: at.offset + 1, ..at },
        Position { len: at.len - 1, ..at },
        Position { len: u32::MAX, ..at },
        Position { offset: 0, ..at },
        Position { offset: u64::MAX, ..at },
        Position { offset: 1 << 40, ..at },
    ] {
        assert_eq!(journal.read(wrong).unwrap_err().code(), Code::Corrupt, "{wrong:?}");
    }
}
