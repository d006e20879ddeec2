//! Replicas of one process hold equal documents once, and part when one of them writes.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::sync::Arc;

use world::{TOWNSHIP, VILLAGE, World, award, beliefs, org, write};
use xiangyue_protocol::{DocId, Kind};

fn ledger() -> DocId {
    "110112119201/ledger/2021-01".parse().unwrap()
}

/// A township and a village that hold the same.
fn settled() -> World {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![award("w1", "A1", 5)]).unwrap();
    world.settle();
    world
}

#[test]
fn equal_copies_become_one_and_a_later_change_parts_them() {
    let mut world = settled();
    let copy = Arc::clone(&world.replica(TOWNSHIP).docs()[&ledger()]);
    assert!(!Arc::ptr_eq(&copy, &world.replica(VILLAGE).docs()[&ledger()]));
    let before = beliefs(world.replica(VILLAGE));
    assert!(world.replica_mut(VILLAGE).share_doc(&ledger(), &copy));
    assert!(Arc::ptr_eq(&copy, &world.replica(VILLAGE).docs()[&ledger()]));
    assert_eq!(beliefs(world.replica(VILLAGE)), before, "nobody can tell");
    let entries = copy.clone();
    write(world.replica_mut(VILLAGE), &[award("w2", "A1", 7)]);
    assert_ne!(world.replica(VILLAGE).docs()[&ledger()], entries, "the village has written");
    assert_eq!(world.replica(TOWNSHIP).docs()[&ledger()], entries, "the township has heard of nothing");
}

#[test]
fn what_differs_is_not_shared() {
    let mut world = settled();
    let copy = Arc::clone(&world.replica(TOWNSHIP).docs()[&ledger()]);
    // It counts in the summary and is not written yet: the digests still agree.
    let (answers, _) = world.replica_mut(VILLAGE).submit(
        world::NOW,
        &[award("w2", "A1", 7)],
        xiangyue_protocol::replica::Mode::SkipRefused,
    );
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(world.replica(VILLAGE).docs()[&ledger()].digest(), copy.digest());
    let before = beliefs(world.replica(VILLAGE));
    assert!(!world.replica_mut(VILLAGE).share_doc(&ledger(), &copy));
    assert_eq!(beliefs(world.replica(VILLAGE)), before);
    let unknown = DocId::whole(&org("110112119202"), Kind::Roster);
    assert!(!world.replica_mut(VILLAGE).share_doc(&unknown, &copy), "it holds no such document");
}

#[test]
fn a_directory_is_shared_with_its_keys_and_grows_apart() {
    let mut world = settled();
    let copy = Arc::clone(&world.replica(TOWNSHIP).views().directory);
    let township = world.replica(TOWNSHIP).node();
    assert!(world.replica_mut(VILLAGE).share_directory(&copy));
    assert!(Arc::ptr_eq(&copy, &world.replica(VILLAGE).views().directory));
    assert!(world.replica(VILLAGE).keys().get(&township).is_some());
    let (code, key) = (org("110112119209"), world::key(9));
    let newcomer = xiangyue_protocol::NodeId::of_key(key.verifying_key().as_bytes());
    write(world.replica_mut(TOWNSHIP), &world::enrol(&code, &key));
    assert!(world.replica(TOWNSHIP).keys().get(&newcomer).is_some());
    assert!(world.replica(VILLAGE).keys().get(&newcomer).is_none(), "it has not heard of the newcomer");
    let larger = Arc::clone(&world.replica(TOWNSHIP).views().directory);
    assert!(!world.replica_mut(VILLAGE).share_directory(&larger));
}
