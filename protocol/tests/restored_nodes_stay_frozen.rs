//! A node restored from an older copy takes a new life and spends nothing until its lost entries are back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use std::sync::Arc;

use world::{
    MERCHANT, MERCHANT_CODE, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, enrol, grant, key, life,
    open_account, org, redeem, refusal, reverse,
};
use xiangyue_protocol::frame::{Frame, Hello, Marks};
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::time::Hlc;
use xiangyue_protocol::{Code, Outcome};

fn account() -> AccountId {
    "A1".parse().unwrap()
}

/// The village has 100 points on A1 in its backup; then spends, awards and reverses; then loses all that.
fn after_restore(lost: Vec<xiangyue_protocol::Command>) -> World {
    let mut world = World::whole();
    let backup: Vec<Arc<Segment>> = world.journal(VILLAGE).to_vec();
    world.commit(VILLAGE, lost).expect("written before the loss");
    world.settle();
    world.disconnect_all();
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, true), backup);
    world
}

#[test]
fn a_restored_node_awards_but_neither_spends_nor_grants_nor_reverses() {
    let mut world = after_restore(vec![redeem("r1", "A1", 80)]);
    let village = world.replica_mut(VILLAGE);
    assert!(village.is_frozen());
    for command in [redeem("r2", "A1", 1), grant("g1", "A1", 1, MERCHANT_CODE), reverse("v1", "s1")] {
        assert_eq!(refusal(village, command), Code::Frozen);
    }
    assert_eq!(world.commit(VILLAGE, vec![award("s2", "A1", 5)]), Ok(vec![Outcome::New]));
}

#[test]
fn it_thaws_only_when_the_township_has_given_all_back_and_then_holds_the_right_points() {
    let mut world = after_restore(vec![redeem("r1", "A1", 80), award("s3", "A1", 3)]);
    world.connect(TOWNSHIP, MERCHANT);
    world.connect(VILLAGE, MERCHANT);
    world.settle();
    assert!(world.replica(VILLAGE).is_frozen(), "a merchant cannot give them back");
    world.connect(TOWNSHIP, VILLAGE);
    assert!(world.replica(VILLAGE).is_frozen(), "greeted, not caught up");
    world.settle();
    assert!(!world.replica(VILLAGE).is_frozen());
    let totals = world.replica(VILLAGE).views().totals(&account());
    assert_eq!((totals.available(), totals.is_overspent()), (Points(23), false));
    assert_eq!(refusal(world.replica_mut(VILLAGE), redeem("r2", "A1", 24)), Code::InsufficientRights);
    world.commit(VILLAGE, vec![redeem("r2", "A1", 23)]).expect("what is left");
}

#[test]
fn it_stays_frozen_while_a_single_lost_entry_is_missing() {
    let mut world = after_restore(vec![redeem("r1", "A1", 80)]);
    let (township, org) = (world.replica(TOWNSHIP).node(), world.replica(TOWNSHIP).org().clone());
    let lost = world.journal(TOWNSHIP).last().expect("the redemption").clone();
    let marks: Vec<(u64, u64)> = world
        .replica(TOWNSHIP)
        .docs()
        .iter()
        .map(|(id, doc)| (xiangyue_protocol::doc::doc_mark(id), doc.digest()))
        .collect();
    let doc = &world.replica(TOWNSHIP).docs()[&lost.header.doc];
    let tips = doc.vector.iter().map(|(a, t)| (*a, t.last, xiangyue_protocol::doc::tip_mark(&t.id))).collect();
    let vector = xiangyue_protocol::frame::DocVector { doc: lost.header.doc.clone(), tips };
    let village = world.replica_mut(VILLAGE);
    let peer = xiangyue_protocol::replica::PeerId(900);
    village.connected(world::NOW, peer, township, org.clone());
    let hello = Hello {
        min_version: 1,
        max_version: 1,
        node: township,
        org,
        clock: Hlc(0),
        marks: Marks::Docs(marks),
        life: None,
    };
    village.frame(world::NOW, peer, Frame::Hello(hello)).unwrap();
    assert!(village.is_frozen(), "the ledger's vector is awaited");
    village.frame(world::NOW, peer, Frame::Vectors(vec![vector])).unwrap();
    assert!(village.is_frozen(), "the entry is on its way");
    world::deliver(village, peer, lost.bytes.clone()).unwrap();
    assert_eq!(village.views().totals(&account()).available(), Points(20));
    assert!(village.is_frozen(), "all is back, and a power cut may still take it away");
    world::drained(village);
    assert!(!village.is_frozen(), "durable");
}

/// A second node of the village, which reaches the township through the first alone; and what that one spent last, the
/// township has not heard of.
fn with_a_post() -> (World, usize) {
    let mut world = World::whole();
    let post = world.add(life(7, VILLAGE_CODE, 1, false));
    world.commit(TOWNSHIP, enrol(&org(VILLAGE_CODE), &key(7))[1..].to_vec()).expect("enrolled");
    world.connect(VILLAGE, post);
    world.settle();
    let backup: Vec<Arc<Segment>> = world.journal(VILLAGE).to_vec();
    world.disconnect(VILLAGE, TOWNSHIP);
    world.disconnect(VILLAGE, OTHER);
    world.disconnect(VILLAGE, MERCHANT);
    world.commit(VILLAGE, vec![redeem("r1", "A1", 80)]).expect("heard by the post alone");
    world.settle();
    world.disconnect_all();
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, true), backup);
    (world, post)
}

#[test]
fn what_only_another_node_of_its_organisation_has_is_waited_for_while_that_is_connected() {
    let (mut world, post) = with_a_post();
    world.commit(post, vec![award("p1", "A1", 7)]).expect("written meanwhile");
    world.connect(VILLAGE, post);
    world.connect(VILLAGE, TOWNSHIP);
    while world.step() {
        let village = world.replica(VILLAGE);
        let back = village.views().totals(&account()).redeemed == Points(80);
        assert!(back || village.is_frozen(), "the township knows of nothing that is missing, the post does");
    }
    assert!(!world.replica(VILLAGE).is_frozen());
    let here = |node: usize| world.replica(node).views().totals(&account()).available();
    assert_eq!([VILLAGE, TOWNSHIP, post].map(here), [Points(27); 3], "and a frozen node passes everything on");
}

#[test]
fn a_node_of_its_organisation_that_comes_late_freezes_it_once_more() {
    let (mut world, post) = with_a_post();
    world.connect(VILLAGE, TOWNSHIP);
    world.settle();
    assert!(!world.replica(VILLAGE).is_frozen(), "as far as the township knows nothing is missing");
    world.connect(VILLAGE, post);
    let mut was_frozen = false;
    while world.step() {
        was_frozen |= world.replica(VILLAGE).is_frozen();
    }
    assert!(was_frozen, "what it seemed to hold was spent");
    assert!(!world.replica(VILLAGE).is_frozen());
    assert_eq!(refusal(world.replica_mut(VILLAGE), redeem("r2", "A1", 21)), Code::InsufficientRights);
}

#[test]
fn a_slip_entered_again_after_a_restore_counts_once_when_the_lost_one_returns() {
    let mut world = after_restore(vec![award("s2", "A1", 5), award("s3", "A1", 9)]);
    assert_eq!(world.commit(VILLAGE, vec![award("s2", "A1", 5)]), Ok(vec![Outcome::New]), "entered again");
    world.connect_all();
    world.settle();
    for node in [TOWNSHIP, VILLAGE] {
        let totals = world.replica(node).views().totals(&account());
        assert_eq!((totals.earned, totals.available()), (Points(114), Points(114)), "node {node}");
    }
    assert_eq!(world.replica(TOWNSHIP).docs(), &docs_of_both(&world));
}

/// The village's documents and those that only the township holds.
fn docs_of_both(
    world: &World,
) -> std::collections::BTreeMap<xiangyue_protocol::DocId, Arc<xiangyue_protocol::doc::Doc>> {
    let mut docs = world.replica(VILLAGE).docs().clone();
    docs.extend(world.replica(MERCHANT).docs().clone());
    docs
}

#[test]
fn a_slip_entered_again_with_other_content_is_shown_and_both_count() {
    let mut world = after_restore(vec![award("s2", "A1", 5)]);
    world.commit(VILLAGE, vec![award("s2", "A1", 6)]).expect("another amount");
    world.connect_all();
    world.settle();
    let ledger = &world.replica(TOWNSHIP).docs()[&"110112119201/ledger/2021-01".parse().unwrap()];
    let xiangyue_protocol::summary::Summary::Points(points) = &ledger.summary else { panic!("a ledger") };
    assert!(points.duplicates.contains(&"s2".parse().unwrap()));
    assert_eq!(world.replica(TOWNSHIP).views().totals(&account()).available(), Points(111));
}

#[test]
fn a_debt_settled_in_both_lives_gives_the_rest_back() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![redeem("r1", "A1", 100), reverse("v1", "s1")]).expect("a debt of 100");
    world.settle();
    let backup = world.journal(VILLAGE).to_vec();
    world.commit(VILLAGE, vec![award("s2", "A1", 60)]).expect("settles 60");
    world.settle();
    world.disconnect_all();
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, true), backup);
    world.commit(VILLAGE, vec![award("s3", "A1", 90)]).expect("settles 90 of the 100 that it knows of");
    world.connect_all();
    world.settle();
    let totals = world.replica(VILLAGE).views().totals(&account());
    assert_eq!((totals.available(), totals.debt()), (Points(50), Points(0)));
    assert_eq!(world.commit(VILLAGE, vec![redeem("r2", "A1", 50)]), Ok(vec![Outcome::New]));
    assert!(!world.replica(TOWNSHIP).views().totals(&account()).is_overspent());
}

#[test]
fn a_node_that_lost_its_directory_knows_its_own_entries() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![open_account("A2", VILLAGE_CODE)]).expect("account");
    world.settle();
    world.disconnect_all();
    let bare = life(1, VILLAGE_CODE, 2, true);
    assert!(bare.keys().get(&bare.node()).is_some(), "its own key needs no directory");
    world.replace(VILLAGE, bare, Vec::new());
    world.connect(TOWNSHIP, VILLAGE);
    world.settle();
    assert!(!world.replica(VILLAGE).is_frozen());
    assert!(world.replica(VILLAGE).views().accounts.contains_key(&"A2".parse().unwrap()));
}
