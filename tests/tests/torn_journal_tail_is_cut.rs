//! A tail torn by a power cut had been acknowledged to nobody: it is cut back, under a new incarnation.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::io::Write;

use xiangyue_tests::{ACCOUNT, Node, Town, award, journal_file, redeem};

fn restarted(village: &mut Node) -> serde_json::Value {
    village.start();
    village.status()
}

#[test]
fn half_a_record_at_the_end_is_cut_and_nothing_is_lost() {
    let town = Town::with_rules();
    let mut village = town.village_with(50);
    assert_eq!(village.command(&award("before", 7)), "new");
    village.kill();
    let path = journal_file(&village);
    let whole = std::fs::read(&path).unwrap();
    // The first bytes of a record of 200: length, checks, some payload.
    let mut file = std::fs::File::options().append(true).open(&path).unwrap();
    file.write_all(&[200, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]).unwrap();
    drop(file);
    let status = restarted(&mut village);
    assert_eq!(status["frozen"], false, "a torn tail was never acknowledged: {status}");
    assert!(std::fs::read(&path).unwrap().starts_with(&whole), "whole records stay as they are");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(57));
    assert_eq!(village.command(&award("before", 7)), "already");
    assert_eq!(village.command(&redeem("after", 5, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(52));
}

#[test]
fn every_start_is_a_new_life() {
    let town = Town::with_rules();
    let mut village = town.village_with(10);
    let mut lives = vec![village.status()["incarnation"].as_u64()];
    village.kill();
    std::fs::File::options().append(true).open(journal_file(&village)).unwrap().write_all(&[9; 30]).unwrap();
    lives.push(restarted(&mut village)["incarnation"].as_u64());
    assert_eq!(village.command(&award("second-life", 1)), "new");
    village.stop();
    lives.push(restarted(&mut village)["incarnation"].as_u64());
    let distinct: std::collections::BTreeSet<_> = lives.iter().collect();
    assert_eq!(distinct.len(), lives.len(), "{lives:?}");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(11));
}
