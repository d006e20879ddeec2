//! The same journal on the machine's own file system: rotation, reopening, resuming, reading from other threads.

use super::*;

/// 200 records over several files, synced.
fn filled(dir: &Path) -> (Journal, Vec<Position>) {
    let (mut journal, recovery) = Journal::open(dir, options()).unwrap();
    assert!(recovery.is_clean());
    let mut positions = Vec::new();
    for group in 0..50 {
        let records: Vec<Vec<u8>> = (0..4).map(|n| record(group * 4 + n, 150)).collect();
        let slices: Vec<&[u8]> = records.iter().map(Vec::as_slice).collect();
        positions.extend(journal.append(&slices).unwrap());
        journal.sync().unwrap();
    }
    (journal, positions)
}

#[test]
fn everything_is_there_after_reopening_and_files_stay_small() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, positions) = filled(dir.path());
    assert!(positions.is_sorted());
    drop(journal);
    for entry in std::fs::read_dir(dir.path()).unwrap() {
        assert!(entry.unwrap().metadata().unwrap().len() <= options().file_bytes);
    }
    let (journal, recovery) = Journal::open(dir.path(), options()).unwrap();
    assert!(recovery.is_clean(), "{recovery:?}");
    assert_eq!(recovery.records, 200);
    assert_eq!(recovery.last, positions.last().copied());
    let expected: Vec<_> = positions.iter().zip(0..).map(|(&at, n)| (at, record(n, 150))).collect();
    assert_eq!(served(&journal), expected);
}

#[test]
fn replay_begins_after_the_given_record() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, positions) = filled(dir.path());
    for after in [0, 57, 198, 199] {
        let rest: Vec<Position> = journal.iter_from(Some(positions[after])).map(|r| r.unwrap().0).collect();
        assert_eq!(rest, positions[after + 1..], "after {after}");
    }
}

#[test]
fn a_verified_position_spares_the_scan_of_what_precedes_it() {
    let dir = tempfile::tempdir().unwrap();
    let (journal, positions) = filled(dir.path());
    drop(journal);
    let resume = |at| Journal::open(dir.path(), Options { verified_up_to: Some(at), ..options() }).unwrap().1;

    let recovery = resume(positions[189]);
    assert!(recovery.resumed);
    assert_eq!(recovery.records, 10);
    assert_eq!(recovery.last, Some(positions[199]));
    assert!(recovery.scanned_bytes < 4096, "{recovery:?}");
    assert_eq!(resume(positions[199]).last, Some(positions[199]));

    let elsewhere = Position { offset: positions[189].offset + 8, ..positions[189] };
    let recovery = resume(elsewhere);
    assert!(!recovery.resumed, "a position that does not fit must not be trusted");
    assert_eq!(recovery.records, 200);
}

#[test]
fn readers_in_other_threads_see_what_was_appended() {
    let dir = tempfile::tempdir().unwrap();
    let (mut journal, _) = Journal::open(dir.path(), options()).unwrap();
    let (sender, receiver) = std::sync::mpsc::channel::<(u64, Position)>();
    let reader = journal.reader();
    let checker = std::thread::spawn(move || {
        let mut checked = 0;
        for (number, at) in receiver {
            assert_eq!(reader.read(at).unwrap(), record(number, 333));
            checked += 1;
        }
        checked
    });
    for number in 0..300 {
        let at = journal.append(&[&record(number, 333)]).unwrap()[0];
        sender.send((number, at)).unwrap();
    }
    drop(sender);
    assert_eq!(checker.join().unwrap(), 300);
}
