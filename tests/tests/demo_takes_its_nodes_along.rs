//! However the demo ends, its processes end with it and its folder is gone, at the latest when the next one starts.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use xiangyue_tests::{binary, wait_until};

fn start(folder: &Path) -> Child {
    let mut command = Command::new(binary());
    command.args(["demo", "--lang", "en", "--data"]).arg(folder);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Processes whose data are below the folder.
fn nodes(folder: &Path) -> usize {
    let below = folder.to_str().unwrap();
    let uses = |id: &str| {
        std::fs::read(format!("/proc/{id}/environ")).is_ok_and(|env| String::from_utf8_lossy(&env).contains(below))
    };
    processes().iter().filter(|id| uses(id)).count()
}

fn processes() -> Vec<String> {
    let names = std::fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    names.filter(|id| id.bytes().all(|byte| byte.is_ascii_digit())).collect()
}

fn left(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}

fn signal(demo: &Child, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn a_demo_that_is_told_to_end_while_it_sets_up_leaves_nothing() {
    for (what, code) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::INT, 130)] {
        let folder = tempfile::tempdir().unwrap();
        let demo = start(folder.path());
        wait_until("some nodes run", 60, || nodes(folder.path()) >= 3);
        signal(&demo, what);
        let output = demo.wait_with_output().unwrap();
        assert_eq!((nodes(folder.path()), left(folder.path())), (0, 0), "{what:?}");
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.ends_with("stopped\n") && !said.contains("XY-") && !said.contains("xy1."), "{said}");
        assert_eq!(output.status.code(), Some(code), "{said}");
    }
}

#[test]
fn ctrl_c_while_a_node_joins_shows_no_token() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.args(["demo", "--lang", "en", "--data"]).arg(folder.path()).process_group(0);
    let demo = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let joins = |id: &str| {
        let line = std::fs::read(format!("/proc/{id}/cmdline")).unwrap_or_default();
        let environ = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        line.windows(6).any(|six| six == b"\0join\0")
            && String::from_utf8_lossy(&environ).contains(folder.path().to_str().unwrap())
    };
    let group = Pid::from_raw(i32::try_from(demo.id()).unwrap()).unwrap();
    let began = std::time::Instant::now();
    while !processes().iter().any(|id| joins(id)) {
        assert!(began.elapsed().as_secs() < 60, "no node joins");
    }
    // As a terminal does: to all of them.
    kill_process_group(group, Signal::INT).unwrap();
    let output = demo.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.ends_with("stopped\n") && !said.contains("XY-") && !said.contains("xy1."), "{said}");
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert_eq!((nodes(folder.path()), left(folder.path())), (0, 0));
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
