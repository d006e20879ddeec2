//! While an append is pending, nothing that was decided after it is said to anyone.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use world::{NOW, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, newborn, open_account};
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::{Effect, Mode, PeerId, Replica};

fn pending(replica: &mut Replica) -> (Vec<u64>, Vec<Effect>) {
    let (mut tokens, mut others) = (Vec::new(), Vec::new());
    while let Some(effect) = replica.poll_effect() {
        match effect {
            Effect::Append { token, .. } => tokens.push(token),
            other => others.push(other),
        }
    }
    (tokens, others)
}

#[test]
fn an_award_is_neither_acknowledged_nor_served_before_its_append() {
    let mut world = World::whole();
    let village = world.replica_mut(VILLAGE);
    let (_, ticket) = village.submit(NOW, &[award("s2", "A1", 1)], Mode::AllOrNothing);
    assert!(pending(village).0.is_empty(), "nothing happens before the flush");
    village.flush(NOW).unwrap();
    let (tokens, others) = pending(village);
    assert_eq!((tokens.len(), others.len()), (1, 0));
    let from = PeerId(77);
    let (township, org) = (newborn(0, "110112119").node(), newborn(0, "110112119").org().clone());
    village.connected(NOW, from, township, org);
    assert!(pending(village).1.is_empty(), "even a hello tells of the pending entry");
    village.durable(tokens[0] - 1);
    assert!(pending(village).1.is_empty(), "an older append does not free it");
    village.durable(tokens[0]);
    let (_, others) = pending(village);
    assert!(others.iter().any(|e| matches!(e, Effect::Acknowledge(t) if *t == ticket)), "{others:?}");
    assert!(others.iter().any(|e| matches!(e, Effect::Serve { .. })), "{others:?}");
    assert!(others.iter().any(|e| matches!(e, Effect::Send(peer, Frame::Hello(_)) if *peer == from)), "{others:?}");
}

#[test]
fn a_received_segment_is_neither_confirmed_nor_passed_on_before_its_append() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![open_account("A2", VILLAGE_CODE)]).expect("account");
    let segment = world.journal(VILLAGE).last().unwrap().clone();
    let from = world.peer(TOWNSHIP, VILLAGE);
    let township = world.replica_mut(TOWNSHIP);
    world::deliver(township, from, segment.bytes.clone()).expect("taken");
    let (tokens, others) = pending(township);
    assert_eq!((tokens.len(), others.len()), (1, 0), "{others:?}");
    township.durable(tokens[0]);
    let (_, others) = pending(township);
    assert!(others.iter().any(|e| matches!(e, Effect::Send(_, Frame::Have(_)))), "{others:?}");
}

#[test]
fn a_driver_cannot_report_more_than_was_asked_for() {
    let mut world = World::whole();
    let village = world.replica_mut(VILLAGE);
    village.durable(u64::MAX);
    village.submit(NOW, &[award("s2", "A1", 1)], Mode::AllOrNothing);
    village.flush(NOW).unwrap();
    assert_eq!(pending(village).1.len(), 0, "an early report does not count for a later append");
}

#[test]
fn a_retry_is_acknowledged_only_once_the_first_try_is_durable() {
    let mut world = World::whole();
    let village = world.replica_mut(VILLAGE);
    village.submit(NOW, &[award("s2", "A1", 1)], Mode::AllOrNothing);
    village.flush(NOW).unwrap();
    let (tokens, _) = pending(village);
    let (_, retry) = village.submit(NOW, &[award("s2", "A1", 1)], Mode::AllOrNothing);
    village.flush(NOW).unwrap();
    assert!(pending(village).1.is_empty());
    village.durable(tokens[0]);
    assert!(pending(village).1.iter().any(|e| matches!(e, Effect::Acknowledge(t) if *t == retry)));
}
