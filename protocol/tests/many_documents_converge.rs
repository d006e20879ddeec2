//! More documents than a hello names one by one: the comparison goes by organisation, ends, and loses nothing.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use std::sync::Arc;

use forge::Author;
use world::{TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, key, life, newborn, open_account};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::segment::{Sealed, Segment};

/// Ledgers of `count` months from `year` on, by one author.
fn ledgers(seed: u8, village: &str, year: usize, count: usize) -> Vec<Arc<Segment>> {
    let write = |n: usize| {
        let doc = format!("{village}/ledger/{:04}-{:02}", year + n / 12, 1 + n % 12);
        let record = Record::new(format!("s{n}"), "award")
            .text("account", "A1")
            .int("points", 1)
            .text("date", "2021-01-05")
            .text("rule", "R1");
        Arc::new(Author::new(key(seed), 1, &doc).write(&[record]))
    };
    (0..count).map(write).collect()
}

fn load(world: &mut World, node: usize, replica: Replica, more: Vec<Arc<Segment>>) {
    let journal = world.journal(node).iter().cloned().chain(more).collect();
    world.replace(node, replica, journal);
}

/// Who has which documents before they connect: township and village.
fn differing(at_township: usize, at_village: usize, shared: usize) -> World {
    let mut world = World::of(&["110112119", VILLAGE_CODE, "110112119202"]);
    world.connect_all();
    world.settle();
    world.disconnect_all();
    let township = [ledgers(1, VILLAGE_CODE, 1900, at_township), ledgers(1, VILLAGE_CODE, 2100, shared)].concat();
    let village = [ledgers(1, VILLAGE_CODE, 2000, at_village), ledgers(1, VILLAGE_CODE, 2100, shared)].concat();
    load(&mut world, TOWNSHIP, newborn(0, "110112119"), township);
    // The village writes as its second life, since its first is written by hand here.
    load(&mut world, VILLAGE, life(1, VILLAGE_CODE, 2, false), village);
    world
}

fn assert_converged(world: &World, case: &str) {
    let (township, village) = (world.replica(TOWNSHIP), world.replica(VILLAGE));
    assert_eq!(township.docs().len(), village.docs().len(), "{case}");
    assert!(township.docs() == village.docs(), "{case}");
    assert_eq!(township.views(), village.views(), "{case}");
    for node in [TOWNSHIP, VILLAGE] {
        for (_, status) in world.replica(node).sessions() {
            assert!(status.caught_up, "node {node} of {case}: {status:?}");
            assert_eq!((status.behind, status.ahead), (0, 0), "node {node} of {case}");
        }
    }
}

#[test]
fn both_sides_end_equal_and_know_it_and_nothing_is_sent_twice() {
    // Both name documents; both name organisations; one each.
    for (at_township, at_village, shared) in [
        (20, 20, 5),
        (300, 300, 0),
        (300, 0, 0),
        (0, 300, 0),
        (300, 5, 5),
        (5, 300, 5),
        (0, 0, 300),
        (1, 0, 300),
        (250, 10, 1),
    ] {
        let case = format!("{at_township} at the township, {at_village} at the village, {shared} shared");
        let mut world = differing(at_township, at_village, shared);
        world.connect(TOWNSHIP, VILLAGE);
        world.settle();
        assert_converged(&world, &case);
        let redundant: u64 = [TOWNSHIP, VILLAGE].map(|node| world.replica(node).counters().redundant).iter().sum();
        assert_eq!(redundant, 0, "{case}");
        world.disconnect_all();
        let before = world.frames_sent();
        world.connect(TOWNSHIP, VILLAGE);
        world.settle();
        assert_eq!(world.frames_sent() - before, 2, "a fresh comparison is two hellos: {case}");
        assert_converged(&world, &case);
    }
}

#[test]
fn what_is_written_during_the_comparison_arrives() {
    for (at_township, at_village) in [(10, 10), (300, 300), (300, 0), (0, 300)] {
        for steps in (0..40).step_by(4) {
            let mut world = differing(at_township, at_village, 3);
            world.connect(TOWNSHIP, VILLAGE);
            for _ in 0..steps {
                world.step();
            }
            world.commit(VILLAGE, vec![open_account("A1", VILLAGE_CODE), award("w1", "A1", 1)]).expect("meanwhile");
            world.commit(TOWNSHIP, vec![world::rule("R5", 5)]).expect("meanwhile");
            world.step();
            world.commit(VILLAGE, vec![award("w2", "A1", 1)]).expect("meanwhile");
            world.settle();
            assert_converged(&world, &format!("{at_township} and {at_village} after {steps} frames"));
        }
    }
}

#[test]
fn a_restored_node_with_nothing_thaws_against_a_township_with_much() {
    let mut world = World::of(&["110112119", VILLAGE_CODE]);
    load(&mut world, TOWNSHIP, newborn(0, "110112119"), ledgers(1, VILLAGE_CODE, 1900, 300));
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, true), Vec::new());
    world.connect(TOWNSHIP, VILLAGE);
    assert!(world.replica(VILLAGE).is_frozen());
    world.settle();
    assert!(!world.replica(VILLAGE).is_frozen());
    assert_converged(&world, "restored");
}

#[test]
fn more_than_a_hundred_authors_at_once_do_not_lock_anyone_out() {
    const MERCHANT: &str = "110112119M01";
    let codes: Vec<String> = (0..100).map(|n| format!("110112119{}", 200 + n)).collect();
    let mut all = vec!["110112119", MERCHANT];
    all.extend(codes.iter().map(String::as_str));
    let mut world = World::of(&all);
    world.commit(TOWNSHIP, vec![world::item("I1", 0)]).expect("item");
    world.connect_all();
    world.settle();
    for (n, code) in (0..).zip(&codes) {
        let account = format!("A{n}");
        world.commit(n + 2, vec![open_account(&account, code), award(&format!("s{n}"), &account, 10)]).expect("award");
    }
    world.settle();
    world.disconnect_all();
    for n in 0..codes.len() {
        world.commit(n + 2, vec![world::grant(&format!("g{n}"), &format!("A{n}"), 5, MERCHANT)]).expect("apart");
    }
    world.connect_all();
    world.settle();
    for n in 0..4 {
        world.commit(1, vec![world::redeem(&format!("r{n}"), &format!("A{n}"), 5)]).expect("at the merchant");
    }
    world.settle();
    let counter = "110112119M01/counter/2021-01".parse().unwrap();
    let here = &world.replica(1).docs()[&counter];
    assert!((2..all.len()).all(|node| world.replica(node).docs()[&counter] == *here));
    assert_eq!(here.heads.len(), 1, "four changes have named a hundred heads");
    let own: Vec<_> = world.journal(1).iter().filter(|s| s.header.actor == world.replica(1).actor()).collect();
    assert!(own.iter().all(|s| Sealed::parse(s.bytes.clone()).unwrap().from_journal().open().is_ok()));
}
