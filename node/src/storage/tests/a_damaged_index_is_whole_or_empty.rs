//! Whatever happens to sled's files: after opening, the rows are exactly those of the note, or the index is empty and
//! says that it starts anew.

use std::time::Duration;
use std::{fs, thread};

use xiangyue_protocol::Code;

use crate::storage::faulty::Dice;
use crate::storage::index::{Index, MemoryIndex, SledIndex, SledOptions};

use super::*;

/// Rows of many sizes, some of several parts, some rewritten and removed again.
fn fill(index: &mut dyn Index) {
    let mut dice = Dice::new(1);
    for round in 0..6u64 {
        for number in 0..80u64 {
            let key = format!("doc/{:03}", dice.below(150));
            if dice.below(6) == 0 {
                index.put_batch(&[(key.as_bytes(), None)]);
                continue;
            }
            let length = if dice.below(20) == 0 { dice.below(150_000) } else { dice.below(3000) };
            let value = record(round * 1000 + number, usize::try_from(length).unwrap());
            index.put_batch(&[(key.as_bytes(), Some(&value))]);
        }
        index.checkpoint(format!("round {round}").as_bytes()).unwrap();
    }
}

fn rows(index: &dyn Index) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut rows = Vec::new();
    index
        .scan(b"", &mut |key, value| {
            rows.push((key.to_vec(), value.to_vec()));
            Ok(())
        })
        .unwrap();
    rows
}

fn reopen(dir: &Path) -> SledIndex {
    SledIndex::open(&dir.join("index"), SledOptions::default()).unwrap()
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => files.extend(files_below(&entry.path())),
            false => files.push(entry.path()),
        }
    }
    files.sort();
    files
}

/// Damages one file in one of the ways that disks and people have.
fn damage(dir: &Path, dice: &mut Dice) -> String {
    let files = files_below(dir);
    // Every other time the large file, where the rows are.
    let path = match dice.below(2) {
        0 => dir.join("index/db"),
        _ => files[usize::try_from(dice.below(files.len() as u64)).unwrap()].clone(),
    };
    let mut bytes = fs::read(&path).unwrap();
    let length = bytes.len() as u64;
    let at = usize::try_from(dice.below(length)).unwrap();
    let how = match dice.below(5) {
        0 => {
            bytes.truncate(at);
            "truncated"
        }
        1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << dice.below(8);
            }
            "flipped"
        }
        2 => {
            let end = bytes.len().min(at + 4096);
            bytes[at..end].fill(0);
            "zeroed"
        }
        3 => {
            bytes.extend(std::iter::repeat_n(0xaa, 5000));
            "lengthened"
        }
        _ => {
            fs::remove_file(&path).unwrap();
            return format!("{} deleted", path.display());
        }
    };
    fs::write(&path, bytes).unwrap();
    format!("{} {how} at {at}", path.display())
}

#[test]
fn any_damage_to_any_file_gives_all_rows_or_none() {
    let whole = tempfile::tempdir().unwrap();
    let mut index = reopen(whole.path());
    fill(&mut index);
    let expected = rows(&index);
    assert!(expected.len() > 80);
    drop(index);

    let (mut intact, mut rebuilt) = (0, 0);
    for seed in 0..400 {
        let dir = tempfile::tempdir().unwrap();
        copy_tree(whole.path(), dir.path());
        let what = damage(dir.path(), &mut Dice::new(seed));
        let index = reopen(dir.path());
        if index.note().is_some() {
            assert_eq!(index.rebuilt(), None);
            assert_eq!(index.note(), Some(&b"round 5"[..]), "seed {seed}: {what}");
            assert!(rows(&index) == expected, "seed {seed}: {what}: rows differ");
            intact += 1;
        } else {
            assert!(index.rebuilt().is_some(), "seed {seed}: {what}: silently empty");
            assert!(rows(&index).is_empty(), "seed {seed}: {what}");
            rebuilt += 1;
        }
    }
    assert!(intact > 20 && rebuilt > 100, "{intact} intact, {rebuilt} rebuilt: the damage is too mild or too rough");
}

#[test]
fn the_same_rows_as_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let mut on_disk = reopen(dir.path());
    let mut in_memory = MemoryIndex::default();
    fill(&mut on_disk);
    fill(&mut in_memory);
    // Unsaved changes lie over the stored rows: replaced, removed, before the first and after the last.
    for index in [&mut on_disk as &mut dyn Index, &mut in_memory] {
        index.put_batch(&[(b"doc/", Some(b"first")), (b"doc/050", Some(b"new")), (b"doc/051", None)]);
        index.put_batch(&[(b"doc/zzz", Some(b"last")), (b"other", Some(b"")), (b"", Some(b"empty key"))]);
    }
    assert_eq!(rows(&on_disk), rows(&in_memory));
    for (key, value) in rows(&in_memory) {
        assert_eq!(on_disk.get(&key).unwrap(), Some(value));
    }
    assert_eq!(on_disk.get(b"doc/051").unwrap(), None);

    let mut with_prefix = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        with_prefix.push(key.to_vec());
        Ok(())
    };
    on_disk.scan(b"doc/1", &mut visit).unwrap();
    let expected: Vec<_> = rows(&in_memory).into_iter().map(|r| r.0).filter(|k| k.starts_with(b"doc/1")).collect();
    assert_eq!(with_prefix, expected);

    on_disk.checkpoint(b"end").unwrap();
    assert_eq!(on_disk.unsaved_bytes(), 0);
    drop(on_disk);
    assert_eq!(rows(&reopen(dir.path())), rows(&in_memory));
}

#[test]
fn changes_after_the_last_checkpoint_are_gone_and_the_rest_is_as_noted() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = reopen(dir.path());
    fill(&mut index);
    let expected = rows(&index);
    index.put_batch(&[(b"doc/000", Some(b"never saved")), (b"doc/new", Some(b"never saved"))]);
    assert!(index.unsaved_bytes() > 0);
    // As after kill -9: another process's view of the same files, without any farewell.
    let copy = tempfile::tempdir().unwrap();
    copy_tree(dir.path(), copy.path());
    let index = reopen(copy.path());
    assert_eq!(index.rebuilt(), None);
    assert_eq!(rows(&index), expected);
}

#[test]
fn an_older_copy_of_the_engines_files_is_not_taken_for_the_present_one() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = reopen(dir.path());
    index.put_batch(&[(b"balance", Some(b"276")), (b"days", Some(b"156"))]);
    index.checkpoint(b"1").unwrap();
    drop(index);
    let old = tempfile::tempdir().unwrap();
    copy_tree(&dir.path().join("index"), old.path());
    let mut index = reopen(dir.path());
    index.put_batch(&[(b"balance", Some(b"80"))]);
    index.checkpoint(b"2").unwrap();
    drop(index);

    fs::remove_dir_all(dir.path().join("index")).unwrap();
    copy_tree(old.path(), &dir.path().join("index"));
    let index = reopen(dir.path());
    assert!(index.rebuilt().is_some());
    assert_eq!(index.get(b"balance").unwrap(), None);
}

#[test]
fn a_fresh_index_is_not_called_rebuilt_and_a_deleted_one_starts_without_a_note() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = reopen(dir.path());
    assert_eq!((index.rebuilt(), index.note()), (None, None));
    fill(&mut index);
    drop(index);
    fs::remove_dir_all(dir.path().join("index")).unwrap();
    let index = reopen(dir.path());
    assert_eq!(index.rebuilt(), Some("folder missing"));
    assert_eq!(index.note(), None);
}

#[test]
fn files_still_in_use_are_waited_for_and_not_taken_for_damaged() {
    let dir = tempfile::tempdir().unwrap();
    let mut index = reopen(dir.path());
    fill(&mut index);
    let expected = rows(&index);
    drop(index);
    let holder = fs::File::open(dir.path().join("index/db")).unwrap();
    holder.lock().unwrap();

    let hasty = SledOptions { patience: Duration::ZERO, ..SledOptions::default() };
    let refusal = SledIndex::open(&dir.path().join("index"), hasty).unwrap_err();
    assert_eq!(refusal.code(), Code::Disk);

    let letting_go = thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        drop(holder);
    });
    let index = reopen(dir.path());
    assert_eq!(index.rebuilt(), None);
    assert_eq!(rows(&index), expected);
    letting_go.join().unwrap();
}

#[test]
fn at_most_two_damaged_folders_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..4 {
        let mut index = reopen(dir.path());
        assert_eq!(index.rebuilt().is_some(), round > 0);
        index.put_batch(&[(b"key", Some(b"value"))]);
        index.checkpoint(b"").unwrap();
        drop(index);
        fs::write(dir.path().join("index.note"), b"scribbled over").unwrap();
    }
    drop(reopen(dir.path()));
    let mut names: Vec<String> =
        fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["index", "index.damaged-3", "index.damaged-4"]);
}
