//! Two replicas, one connection: what a township writes reaches a village and back, and messages stop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use world::{World, award, open_account};
use xiangyue_protocol::schema::Points;

#[test]
fn a_new_village_catches_up_and_its_awards_come_back() {
    let mut world = World::township_with(1);
    world.connect(0, 1);
    world.settle();
    world.commit(1, vec![open_account("A1", "110112119201")]).expect("account");
    world.commit(1, vec![award("s1", "A1", 5)]).expect("award");
    world.settle();
    assert_eq!(world.replica(0).views().totals(&"A1".parse().unwrap()).available(), Points(5));
    assert_eq!(world.replica(0).docs(), world.replica(1).docs());
    assert!(world.replica(0).sessions().all(|(_, s)| s.caught_up && s.behind == 0 && s.ahead == 0));
}

#[test]
fn what_was_written_apart_meets_after_a_reconnect() {
    let mut world = World::township_with(2);
    world.connect(0, 1);
    world.connect(0, 2);
    world.settle();
    world.commit(1, vec![open_account("A1", "110112119201")]).expect("account");
    world.settle();
    world.disconnect_all();
    for n in 0..20 {
        world.commit(1, vec![award(&format!("s{n}"), "A1", 1)]).expect("award");
    }
    world.commit(0, vec![world::rule("R2", 7)]).expect("rule");
    world.settle();
    world.connect(0, 1);
    world.connect(0, 2);
    let before = world.frames_sent();
    world.settle();
    assert_eq!(world.replica(0).views().totals(&"A1".parse().unwrap()).available(), Points(20));
    assert_eq!(world.replica(0).docs(), world.replica(1).docs());
    assert!(world.frames_sent() - before < 60, "{} frames", world.frames_sent() - before);
    assert!(world.replica(2).views().rules.rules().any(|r| r.code.as_str() == "R2"));
    assert_eq!(world.replica(2).docs().len(), 2, "a village holds nothing of another village");
}
