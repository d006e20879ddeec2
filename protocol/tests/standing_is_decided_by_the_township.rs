//! Who may write and connect: revocation, two copies of one node, and that a township cannot revoke itself.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::sync::Arc;

use world::{
    MERCHANT, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, life, open_account, redeem, refusal, revoke, rule,
};
use xiangyue_protocol::replica::{Alarm, Hold};
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::{Code, NodeId, Outcome};

#[test]
fn a_township_does_not_revoke_its_own_node_and_an_unknown_one_is_no_node() {
    let mut world = World::whole();
    let own = world.replica(TOWNSHIP).node();
    let village = world.replica(VILLAGE).node();
    let township = world.replica_mut(TOWNSHIP);
    assert_eq!(refusal(township, revoke(own)), Code::TownshipNode);
    assert_eq!(refusal(township, revoke(NodeId([9; 16]))), Code::UnknownNode);
    assert_eq!(world.commit(VILLAGE, vec![revoke(own)]).unwrap_err().code(), Code::NotAllowed);
    world.strict = false;
    assert_eq!(world.commit(TOWNSHIP, vec![revoke(village)]), Ok(vec![Outcome::New]));
    assert_eq!(world.commit(TOWNSHIP, vec![revoke(village)]), Ok(vec![Outcome::Already]));
    assert_eq!(world.replica(TOWNSHIP).may_connect(own), Ok(()));
}

#[test]
fn a_node_that_its_township_has_turned_away_as_revoked_writes_nothing_more() {
    let mut world = World::whole();
    world.strict = false;
    let village = world.replica_mut(VILLAGE);
    assert_eq!(village.hold(), None);
    village.turned_away(Code::Busy);
    assert_eq!(village.hold(), None, "turned away for want of room");
    village.turned_away(Code::Revoked);
    village.turned_away(Code::Revoked);
    world.drain(VILLAGE);
    assert_eq!(world.replica(VILLAGE).hold(), Some(Hold::Revoked));
    assert_eq!(world.alarms, vec![(VILLAGE, Alarm::Revoked)], "told once");
    for command in [award("s2", "A1", 1), redeem("r1", "A1", 1), open_account("A2", VILLAGE_CODE)] {
        assert_eq!(refusal(world.replica_mut(VILLAGE), command), Code::NodeRevoked);
    }
    let mut again = life(1, VILLAGE_CODE, 2, true);
    again.restore_standing(true, []);
    assert_eq!(again.hold(), Some(Hold::Revoked), "over restarts too");
}

#[test]
fn points_at_a_revoked_node_are_told_apart() {
    let mut world = World::whole();
    world.strict = false;
    let village = world.replica(VILLAGE).node();
    let account = "A1".parse().unwrap();
    assert_eq!(world.replica(TOWNSHIP).views().stranded(&account).0, 0);
    world.commit(TOWNSHIP, vec![revoke(village)]).unwrap();
    assert_eq!(world.replica(TOWNSHIP).views().stranded(&account).0, 100);
}

/// The village's node and a copy of it, each in a life of its own.
fn copied() -> (World, usize) {
    let mut world = World::whole();
    world.disconnect_all();
    world.strict = false;
    let journal: Vec<Arc<Segment>> = world.journal(VILLAGE).to_vec();
    let copy = world.add(life(1, VILLAGE_CODE, 77, true));
    world.replace(copy, life(1, VILLAGE_CODE, 77, true), journal);
    (world, copy)
}

/// One process of a node connects in place of another, as a township's driver lets it.
fn instead(world: &mut World, of: usize, node: usize) {
    world.disconnect(TOWNSHIP, of);
    world.connect(TOWNSHIP, node);
    world.settle();
}

#[test]
fn a_life_that_comes_back_after_another_was_heard_is_a_copy_and_both_are_kept_out() {
    let (mut world, copy) = copied();
    world.connect(TOWNSHIP, VILLAGE);
    world.settle();
    instead(&mut world, VILLAGE, copy);
    assert!(world.alarms.is_empty(), "a restart looks like this: {:?}", world.alarms);
    instead(&mut world, copy, VILLAGE);
    let node = world.replica(VILLAGE).node();
    assert_eq!(world.alarms, vec![(TOWNSHIP, Alarm::Twins { node })]);
    let told = world.closed.iter().any(|(at, refusal)| (*at, refusal.code()) == (TOWNSHIP, Code::TwinRunning));
    assert!(told, "{:?}", world.closed);
    assert_eq!(world.replica(TOWNSHIP).may_connect(node).unwrap_err().code(), Code::TwinRunning);
    for process in [VILLAGE, copy] {
        world.disconnect(TOWNSHIP, process);
        world.replica_mut(process).turned_away(Code::TwinRunning);
        world.drain(process);
        assert_eq!(refusal(world.replica_mut(process), redeem("twice", "A1", 100)), Code::TwinRunning);
    }
    assert_eq!(world.commit(VILLAGE, vec![award("s2", "A1", 1)]), Ok(vec![Outcome::New]), "awards go on");

    // The copy is switched off, and the township told so.
    world.replica_mut(TOWNSHIP).readmit(node).unwrap();
    world.connect(TOWNSHIP, VILLAGE);
    world.settle();
    assert_eq!(world.replica(VILLAGE).hold(), None);
    world.commit(VILLAGE, vec![redeem("once", "A1", 101)]).expect("all its points, once");
}

#[test]
fn what_was_open_when_a_node_was_turned_away_does_not_thaw_it() {
    let mut world = World::whole();
    world.strict = false;
    // Told over one connection, while another one with the township, which has closed it, has not been missed yet.
    world.replica_mut(VILLAGE).turned_away(Code::TwinRunning);
    world.drain(VILLAGE);
    world.commit(TOWNSHIP, vec![rule("R8", 1)]).expect("was on its way");
    world.settle();
    assert_eq!(world.replica(VILLAGE).hold(), Some(Hold::Twin), "only a township that lets it in anew may thaw it");
    world.disconnect(TOWNSHIP, VILLAGE);
    world.connect(TOWNSHIP, VILLAGE);
    world.settle();
    assert_eq!(world.replica(VILLAGE).hold(), None);
}

#[test]
fn restarts_are_no_copies_and_only_a_township_judges() {
    let mut world = World::whole();
    let journal: Vec<Arc<Segment>> = world.journal(VILLAGE).to_vec();
    for incarnation in 2..40 {
        world.disconnect_all();
        world.replace(VILLAGE, life(1, VILLAGE_CODE, incarnation, false), journal.clone());
        world.connect(TOWNSHIP, VILLAGE);
        world.connect(VILLAGE, OTHER);
        world.connect(VILLAGE, MERCHANT);
        world.settle();
    }
    assert_eq!(world.replica(TOWNSHIP).twins().count(), 0);
}
