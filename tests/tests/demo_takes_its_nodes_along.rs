//! However the demo ends, its processes end with it and its folder is gone, at the latest when the next one starts.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use xiangyue_tests::{binary, wait_until};

fn start(folder: &Path) -> Child {
    let mut command = Command::new(binary());
    command.args(["demo", "--data"]).arg(folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// Processes whose data are below the folder.
fn nodes(folder: &Path) -> usize {
    let below = folder.to_str().unwrap();
    let uses = |id: &str| {
        std::fs::read(format!("/proc/{id}/environ")).is_ok_and(|env| String::from_utf8_lossy(&env).contains(below))
    };
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    processes.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit()) && uses(id)).count()
}

fn left(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn signal(demo: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_demo_that_is_told_to_end_while_it_sets_up_leaves_nothing() {
    for what in [Signal::TERM, Signal::HUP, Signal::INT] {
        let folder = tempfile::tempdir().unwrap();
        let mut demo = start(folder.path());
        wait_until("some nodes run", 60, || nodes(folder.path()) >= 3);
        signal(&demo, what);
        demo.wait().unwrap();
        assert_eq!((nodes(folder.path()), left(folder.path())), (0, 0), "{what:?}");
    }
}

#[test]
fn a_killed_demo_takes_its_nodes_along_and_the_next_one_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut demo = start(folder.path());
    wait_until("some nodes run", 60, || nodes(folder.path()) >= 3);
    demo.kill().unwrap();
    demo.wait().unwrap();
    wait_until("the nodes have ended", 20, || nodes(folder.path()) == 0);
    assert_eq!(left(folder.path()), 1);
    let mut next = start(folder.path());
    wait_until("some nodes run", 60, || nodes(folder.path()) >= 3);
    assert_eq!(left(folder.path()), 1, "its own");
    signal(&next, Signal::TERM);
    next.wait().unwrap();
    assert_eq!(left(folder.path()), 0);
}
