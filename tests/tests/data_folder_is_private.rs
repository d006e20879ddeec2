//! Other users of the machine read nothing of a data folder, however the program was started.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use xiangyue_tests::{Town, award};

/// The folder and everything in it that belongs to the node; the log is this test's own.
fn all(folder: &Path) -> Vec<PathBuf> {
    let mut found = vec![folder.to_owned()];
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(all(&path)),
            false if path.file_name().unwrap() == "serve.log" => {}
            false => found.push(path),
        }
    }
    found
}

fn open_to_others(folder: &Path) -> Vec<String> {
    let mode = |path: &PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let open = all(folder).into_iter().filter(|path| mode(path) & 0o077 != 0);
    open.map(|path| format!("{:o} {}", mode(&path), path.display())).collect()
}

#[test]
fn nothing_is_readable_by_others_and_an_open_folder_is_closed_at_the_next_start() {
    // As a person's shell has it; processes started from here inherit it.
    rustix::process::umask(rustix::fs::Mode::from_bits_truncate(0o022));
    let town = Town::with_rules();
    let mut village = town.village_with(5);
    assert_eq!(open_to_others(&town.township.data), Vec::<String>::new());
    assert_eq!(open_to_others(&village.data), Vec::<String>::new());
    village.stop();
    for path in all(&village.data).into_iter().filter(|path| path.extension().is_none_or(|end| end != "key")) {
        let mode = if path.is_dir() { 0o755 } else { 0o644 };
        fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    }
    village.start();
    assert_eq!(village.command(&award("after", 1)), "new");
    village.stop();
    assert_eq!(open_to_others(&village.data), Vec::<String>::new());
}
