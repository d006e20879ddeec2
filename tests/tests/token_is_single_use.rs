//! An enrolment token lets one node in, once, also after the township was restarted.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{TOWNSHIP, Town, VILLAGE, run};

fn join(town: &Town, folder: &str, token: &str) -> xiangyue_tests::Answer {
    run(&town.data_of(folder), &["enroll", "join", token, "--json"])
}

#[test]
fn a_second_node_is_refused() {
    let mut town = Town::found();
    let token = town.token(VILLAGE, "谢楼村");
    join(&town, "first", &token).ok();
    assert_eq!(join(&town, "second", &token).refusal(), "XY-215");
    town.township.kill();
    town.township.start();
    assert_eq!(join(&town, "third", &token).refusal(), "XY-215", "used tokens are remembered over a power cut");
    assert_eq!(join(&town, "first", &token).refusal(), "XY-313", "the folder holds a node already");
}

#[test]
fn a_mistyped_token_is_found_before_anything_is_sent() {
    let town = Town::found();
    let token = town.token(VILLAGE, "谢楼村");
    let at = token.len() / 2;
    let letter = if token.as_bytes()[at] == b'7' { "8" } else { "7" };
    let mistyped = format!("{}{letter}{}", &token[..at], &token[at + 1..]);
    let answer = join(&town, "first", &mistyped);
    assert!(["XY-217", "XY-105", "XY-215"].contains(&answer.refusal().as_str()), "{answer:?}");
    join(&town, "first", &token).ok();
}

#[test]
fn a_token_from_a_file_and_the_township_out_of_reach() {
    let mut town = Town::found();
    let file = town.folder().join("token.txt");
    let path = file.to_str().unwrap();
    town.township.cli(&["enroll", "token", "--org", VILLAGE, "--name", "谢楼村", "--out", path]).ok();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
    assert_eq!(mode & 0o77, 0, "nobody else may read it");
    town.township.stop();
    let at_file = format!("@{path}");
    assert_eq!(join(&town, "first", &at_file).refusal(), "XY-305");
    town.township.start();
    let joined = join(&town, "first", &at_file).ok();
    assert_eq!((&joined["org"], &joined["township"]), (&VILLAGE.into(), &TOWNSHIP.into()));
}

#[test]
fn tokens_are_for_the_townships_own_villages_and_merchants() {
    let town = Town::found();
    for org in ["110112120201", "110113119204", "110112119", "110112"] {
        let refused = town.township.cli(&["enroll", "token", "--org", org, "--name", "x"]);
        assert_eq!(refused.refusal(), "XY-141", "{org}");
    }
}
