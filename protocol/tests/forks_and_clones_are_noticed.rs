//! One author, one number, two contents: proof of a fault. That branch alone is set aside and an alarm raised.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use forge::Author;
use world::{OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, key, life, open_account, refusal};
use xiangyue_protocol::frame::{DocVector, Frame};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::Alarm;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Code, DocId};

const ROSTER: &str = "110112119201/roster";

fn term(key: &str) -> [Record; 1] {
    [Record::new(key.to_owned(), "term").text("role", key)]
}

fn forked_at(world: &World, at: usize) -> Vec<u64> {
    let seq = |(node, alarm): &(usize, Alarm)| match alarm {
        Alarm::Forked { seq, .. } if *node == at => Some(*seq),
        _ => None,
    };
    world.alarms.iter().filter_map(seq).collect()
}

/// Two branches of one author: three changes each, alike in the first `shared`.
fn branches(shared: usize) -> [Vec<xiangyue_protocol::segment::Segment>; 2] {
    ["a", "b"].map(|name| {
        let mut author = Author::new(key(1), 1, ROSTER);
        (0..3).map(|n| author.write(&term(&if n < shared { format!("p{n}") } else { format!("{name}{n}") }))).collect()
    })
}

#[test]
fn a_fork_is_noticed_at_its_number_in_whatever_order_segments_come() {
    for shared in 0..3 {
        for len in shared + 1..=3 {
            let mut world = World::whole();
            world.strict = false;
            let from = world.peer(TOWNSHIP, VILLAGE);
            let [good, bad] = branches(shared);
            for segment in &good[..len] {
                world.inject(TOWNSHIP, from, segment.bytes.clone()).expect("first come");
            }
            let before = world.replica(TOWNSHIP).docs().clone();
            let refusals: Vec<_> = bad.iter().map(|s| world.inject(TOWNSHIP, from, s.bytes.clone())).collect();
            for (n, refusal) in refusals.iter().enumerate() {
                let code = refusal.as_ref().err().map(|r| r.code());
                let expected = (n >= shared).then_some(Code::Forked);
                assert_eq!(code, expected, "change {n} of {shared} shared, {len} here");
            }
            assert_eq!(*world.replica(TOWNSHIP).docs(), before);
            assert_eq!(forked_at(&world, TOWNSHIP), [shared as u64 + 1]);
        }
    }
}

#[test]
fn the_forked_branch_stands_still_while_the_authors_other_documents_flow() {
    let mut world = World::whole();
    world.strict = false;
    let from = world.peer(TOWNSHIP, VILLAGE);
    let [good, bad] = branches(0);
    world.inject(TOWNSHIP, from, good[0].bytes.clone()).expect("first come");
    world.inject(TOWNSHIP, from, bad[0].bytes.clone()).expect_err("forked");
    assert_eq!(world.inject(TOWNSHIP, from, good[1].bytes.clone()).unwrap_err().code(), Code::Forked);
    world.commit(VILLAGE, vec![award("s2", "A1", 5)]).expect("ledger");
    world.settle();
    assert_eq!(world.replica(TOWNSHIP).views().totals(&"A1".parse().unwrap()).available(), Points(105));
}

/// Two replicas of one key and incarnation, each of which has written roster entries of its own.
fn cloned(original: usize, copy: usize) -> (World, usize) {
    let mut world = World::whole();
    world.strict = false;
    world.disconnect_all();
    let journal = world.journal(VILLAGE).to_vec();
    let clone = world.add(life(1, VILLAGE_CODE, 1, false));
    world.replace(clone, life(1, VILLAGE_CODE, 1, false), journal);
    for n in 0..original {
        world.commit(VILLAGE, vec![open_account(&format!("O{n}"), VILLAGE_CODE)]).expect("original");
    }
    for n in 0..copy {
        world.commit(clone, vec![open_account(&format!("C{n}"), VILLAGE_CODE)]).expect("copy");
    }
    (world, clone)
}

#[test]
fn a_clone_is_noticed_through_the_township_and_stops_spending() {
    for (original, copy) in [(1, 1), (1, 3), (3, 1), (2, 0), (0, 2)] {
        let (mut world, clone) = cloned(original, copy);
        world.connect(TOWNSHIP, VILLAGE);
        world.settle();
        world.connect(TOWNSHIP, clone);
        world.settle();
        let frozen = [VILLAGE, clone].map(|node| world.replica(node).is_frozen());
        let alarmed = |node| world.alarms.contains(&(node, Alarm::Cloned));
        let case = format!("{original} and {copy} entries");
        assert!(frozen[1] || copy > 0, "the copy has met what it did not write: {case}");
        assert!(frozen[0] || frozen[1], "{case}");
        assert_eq!(frozen, [alarmed(VILLAGE), alarmed(clone)], "{case}");
        if original > 0 && copy > 0 {
            assert!(!forked_at(&world, TOWNSHIP).is_empty(), "the township holds the proof: {case}");
            assert!(frozen[1], "{case}");
        }
        for (node, _) in [VILLAGE, clone].into_iter().zip(frozen).filter(|(_, frozen)| *frozen) {
            world.commit(TOWNSHIP, vec![world::rule("R8", 1)]).expect("more frames from the township");
            world.settle();
            assert!(world.replica(node).is_frozen(), "no township thaws a clone: {case}");
            let redeem = world::redeem("x1", "A1", 1);
            assert_eq!(refusal(world.replica_mut(node), redeem), Code::TwinRunning, "{case}");
        }
    }
}

fn lie(world: &World, last: u64, mark: u64) -> Frame {
    let doc: DocId = "110112119/directory".parse().unwrap();
    let actor = world.replica(TOWNSHIP).actor();
    Frame::Vectors(vec![DocVector { doc, tips: vec![(actor, last, mark)] }])
}

#[test]
fn a_peers_word_alone_sets_nobody_aside() {
    let mut world = World::whole();
    let directory: DocId = "110112119/directory".parse().unwrap();
    let last = world.replica(VILLAGE).docs()[&directory].last(world.replica(TOWNSHIP).actor());
    let from = world.peer(VILLAGE, OTHER_LINK.0);
    let frame = lie(&world, last, 12345);
    world.replica_mut(VILLAGE).frame(world::NOW, from, frame).expect("sound");
    world.drain(VILLAGE);
    world.strict = false;
    world.settle();
    world.strict = true;
    world.commit(TOWNSHIP, world::enrol(&world::org("110112119203"), &key(8)).to_vec()).expect("enrolled");
    world.settle();
    assert!(world.alarms.is_empty(), "{:?}", world.alarms);
    assert!(world.replica(VILLAGE).views().directory.org(&world::org("110112119203")).is_some(), "still heard");
}

/// The township's link stands for any peer that lies.
const OTHER_LINK: (usize, usize) = (TOWNSHIP, OTHER);

#[test]
fn marks_that_differ_bring_the_proof_to_both_sides() {
    let mut world = World::whole();
    world.strict = false;
    world.disconnect_all();
    let [good, bad] = branches(1);
    let heir = world.add(life(7, VILLAGE_CODE, 1, false));
    world.commit(TOWNSHIP, world::enrol(&world::org(VILLAGE_CODE), &key(7))[1..].to_vec()).expect("enrolled");
    world.connect(TOWNSHIP, heir);
    world.settle();
    let (at_township, at_heir) = (world.peer(TOWNSHIP, heir), world.peer(heir, TOWNSHIP));
    world.disconnect_all();
    for (node, from, segments) in [(TOWNSHIP, at_township, &good), (heir, at_heir, &bad)] {
        for segment in segments {
            world.inject(node, from, segment.bytes.clone()).expect("first come");
        }
    }
    world.connect(TOWNSHIP, heir);
    world.settle();
    assert_eq!((forked_at(&world, TOWNSHIP), forked_at(&world, heir)), (vec![2], vec![2]));
}
