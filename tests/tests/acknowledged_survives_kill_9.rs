//! Promise 1: what was acknowledged is there after the process was ended without warning.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::time::Duration;

use xiangyue_tests::{ACCOUNT, Node, Town, award};

const LIVES: usize = 16;
const CLERKS: usize = 4;

/// Several clerks enter slips until the node is killed under them. Returns the acknowledged slips.
fn one_life(node: &mut Node, life: usize) -> BTreeSet<String> {
    let acknowledged = Mutex::new(BTreeSet::new());
    // Another moment in every life: while starting to write, and well under way.
    let until = Duration::from_millis(60 + 70 * (life as u64 % 7));
    std::thread::scope(|scope| {
        let (node, acknowledged) = (&*node, &acknowledged);
        for clerk in 0..CLERKS {
            scope.spawn(move || {
                for number in 0.. {
                    let slip = format!("L{life}-C{clerk}-{number}");
                    match node.try_command(&award(&slip, 1)) {
                        Ok(became) => {
                            assert_eq!(became, "new", "{slip}");
                            acknowledged.lock().unwrap().insert(slip);
                        }
                        Err(_) => return,
                    }
                }
            });
        }
        std::thread::sleep(until);
        node.kill_now();
    });
    node.kill();
    acknowledged.into_inner().unwrap()
}

#[test]
fn every_acknowledged_slip_survives_and_counts_once() {
    let town = Town::with_rules();
    let mut village = town.village_with(1);
    let mut acknowledged = BTreeSet::new();
    for life in 0..LIVES {
        let fresh = one_life(&mut village, life);
        village.start();
        let held: BTreeSet<_> = village.slips(ACCOUNT).into_iter().collect();
        acknowledged.extend(fresh.iter().cloned());
        let lost: Vec<_> = acknowledged.difference(&held).collect();
        assert!(lost.is_empty(), "life {life}: acknowledged and lost: {lost:?}");
        if let Some(slip) = fresh.last() {
            assert_eq!(village.command(&award(slip, 1)), "already");
        }
    }
    println!("{} slips acknowledged in {LIVES} lives", acknowledged.len());
    assert!(acknowledged.len() > LIVES, "there was hardly any load: {}", acknowledged.len());
    town.wait_for_equal_heads(&village, 20);
    let slips = village.slips(ACCOUNT);
    let distinct: BTreeSet<_> = slips.iter().collect();
    assert_eq!(distinct.len(), slips.len(), "a slip counts twice");
    assert_eq!(town.township.slips(ACCOUNT).len(), slips.len());
    assert_eq!(town.township.balance(ACCOUNT, "available"), i64::try_from(slips.len()).ok());
    assert!(!village.status()["frozen"].as_bool().unwrap(), "a killed node has lost nothing");
}

#[test]
fn the_township_is_killed_while_villages_send() {
    let mut town = Town::with_rules();
    let village = town.village_with(1);
    for life in 0..4 {
        for number in 0..30 {
            assert_eq!(village.command(&award(&format!("T{life}-{number}"), 1)), "new");
        }
        town.township.kill();
        assert_eq!(village.command(&award(&format!("T{life}-alone"), 1)), "new");
        town.township.start();
    }
    // The restarted township answers packets of its former life with a reset: nobody waits for the idle timeout.
    let took = town.wait_for_equal_heads(&village, 25);
    println!("equal heads {took:?} after the last start");
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(125));
}
