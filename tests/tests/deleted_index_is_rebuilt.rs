//! The index may be deleted or damaged at any time: the journal gives everything again.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::{Path, PathBuf};

use xiangyue_tests::{ACCOUNT, Node, Town, award};

fn files_under(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_under(&path)) } else { files.push(path) }
    }
    files
}

/// The folder of the index: the one beside `journal`.
fn index_of(node: &Node) -> PathBuf {
    let path = node.data.join("index");
    assert!(path.is_dir(), "no index in {}", node.data.display());
    path
}

fn largest(folder: &Path) -> PathBuf {
    files_under(folder).into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap()
}

/// Stops the village, damages its index, and expects the same documents after the start.
fn same_after(damage: impl Fn(&Path)) {
    let town = Town::with_rules();
    let mut village = town.village_with(50);
    for at in 0..200 {
        assert_eq!(village.command(&award(&format!("S{at}"), 1)), "new");
    }
    let before = (village.heads(), village.slips(ACCOUNT), village.balance(ACCOUNT, "available"));
    village.stop();
    damage(&index_of(&village));
    village.start();
    assert_eq!((village.heads(), village.slips(ACCOUNT), village.balance(ACCOUNT, "available")), before);
    let status = village.status();
    assert_eq!(status["frozen"], false, "nothing was lost: {status}");
    assert_eq!(village.command(&award("after", 1)), "new");
    assert_eq!(village.command(&award("S7", 1)), "already");
    town.wait_for_equal_heads(&village, 20);
}

#[test]
fn a_deleted_index() {
    same_after(|index| std::fs::remove_dir_all(index).unwrap());
}

#[test]
fn an_index_with_a_truncated_file() {
    same_after(|index| {
        let path = largest(index);
        let length = path.metadata().unwrap().len();
        std::fs::File::options().write(true).open(path).unwrap().set_len(length / 3).unwrap();
    });
}

#[test]
fn an_index_with_flipped_bytes() {
    same_after(|index| {
        let path = largest(index);
        let mut bytes = std::fs::read(&path).unwrap();
        let step = (bytes.len() / 40).max(1);
        for at in (step / 2..bytes.len()).step_by(step) {
            bytes[at] ^= 0x55;
        }
        std::fs::write(path, bytes).unwrap();
    });
}
