//! Nobody writes outside their scope: what is refused changes nothing, is noted per author, and others' data flows.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use forge::Author;
use world::{
    MERCHANT, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, beliefs, enrol, key, newborn, open_account, org,
    redeem, refusal, revoke,
};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::replica::Alarm;
use xiangyue_protocol::schema::{Entry, Points};
use xiangyue_protocol::{Code, Command};

fn award_record(request: &str) -> Record {
    let Command::Award(entry) = award(request, "A1", 5) else { unreachable!() };
    Entry::Award(entry).to_record()
}

/// Sends a segment that `author` (a node number) signed to the township; it must be refused without a trace.
fn refused_at_township(world: &mut World, author: usize, doc: &str, record: Record) -> Code {
    world.strict = false;
    let seed = u8::try_from(author).unwrap();
    let mut hand = Author::new(key(seed), 1, doc);
    let segment = hand.write(&[record]);
    let before = beliefs(world.replica(TOWNSHIP));
    let from = world.peer(TOWNSHIP, author);
    let code = world.inject(TOWNSHIP, from, segment.bytes).expect_err("refused").code();
    assert_eq!(beliefs(world.replica(TOWNSHIP)), before, "state unchanged");
    let quarantined = &world.replica(TOWNSHIP).quarantine()[&hand.actor.node];
    assert_eq!((quarantined.refusal.code(), quarantined.count), (code, 1));
    assert!(matches!(world.alarms.last(), Some((TOWNSHIP, Alarm::Quarantined { .. }))));
    code
}

#[test]
fn a_village_cannot_write_another_villages_ledger() {
    let mut world = World::whole();
    let doc = "110112119201/ledger/2021-01";
    assert_eq!(refused_at_township(&mut world, OTHER, doc, award_record("x1")), Code::OutOfScope);
}

#[test]
fn a_village_cannot_write_the_townships_documents() {
    let enemy = NodeRecord::of(9);
    for doc in ["110112119/directory", "110112119/rules/2021"] {
        assert_eq!(refused_at_township(&mut World::whole(), VILLAGE, doc, enemy.0.clone()), Code::OutOfScope);
    }
}

struct NodeRecord(Record);

impl NodeRecord {
    fn of(seed: u8) -> NodeRecord {
        let [_, Command::Node(node)] = enrol(&org("110112119"), &key(seed)) else { unreachable!() };
        NodeRecord(node.to_record())
    }
}

#[test]
fn a_merchant_cannot_award_nor_a_village_redeem_at_its_counter() {
    let doc = "110112119M01/counter/2021-01";
    assert_eq!(refused_at_township(&mut World::whole(), MERCHANT, doc, award_record("x1")), Code::OutOfScope);
    let redemption = Record::new("x2", "redemption").text("account", "A1").int("points", 1);
    assert_eq!(refused_at_township(&mut World::whole(), VILLAGE, doc, redemption), Code::OutOfScope);
}

#[test]
fn a_node_does_not_take_what_it_may_not_read() {
    let mut world = World::whole();
    world.strict = false;
    let ledger = Author::new(key(1), 1, "110112119201/ledger/2021-01").write(&[award_record("x1")]);
    let from = world.peer(OTHER, TOWNSHIP);
    assert_eq!(world.inject(OTHER, from, ledger.bytes).unwrap_err().code(), Code::NotReader);
    assert!(world.replica(OTHER).docs().keys().all(|id| id.org != org(VILLAGE_CODE)));
}

#[test]
fn an_unknown_authors_segment_waits_for_the_directory_and_nobody_is_blamed() {
    let mut world = World::whole();
    let fresh = world.add(newborn(9, "110112119209"));
    world.connect(TOWNSHIP, fresh);
    world.settle();
    world.commit(fresh, vec![open_account("B1", "110112119209")]).expect("its own account");
    world.settle();
    assert!(!world.replica(TOWNSHIP).views().accounts.contains_key(&"B1".parse().unwrap()), "not in the directory");
    assert!(world.replica(TOWNSHIP).quarantine().is_empty());
    world.commit(TOWNSHIP, enrol(&org("110112119209"), &key(9)).to_vec()).expect("enrolled");
    world.settle();
    assert!(world.replica(TOWNSHIP).views().accounts.contains_key(&"B1".parse().unwrap()), "asked for again");
    assert_eq!(world.replica(TOWNSHIP).docs().len(), world.replica(fresh).docs().len() + 2);
}

#[test]
fn a_relay_that_alters_a_byte_is_refused_and_the_original_still_arrives() {
    let mut world = World::whole();
    world.strict = false;
    let mut hand = Author::new(key(1), 1, "110112119201/roster");
    let segment = hand.write(&[Record::new("p1", "term").text("role", "x")]);
    let mut altered = segment.bytes.to_vec();
    let at = altered.len() - 70;
    altered[at] ^= 1;
    let before = beliefs(world.replica(TOWNSHIP));
    let from = world.peer(TOWNSHIP, OTHER);
    assert_eq!(world.inject(TOWNSHIP, from, altered.into()).unwrap_err().code(), Code::BadSignature);
    assert_eq!(beliefs(world.replica(TOWNSHIP)), before);
    let signed_by_relay = Author { key: key(2), ..Author::new(key(1), 1, "110112119201/roster") };
    let forged = { signed_by_relay }.write(&[Record::new("p1", "term").text("role", "y")]);
    assert_eq!(world.inject(TOWNSHIP, from, forged.bytes).unwrap_err().code(), Code::BadSignature);
    assert_eq!(world.inject(TOWNSHIP, from, segment.bytes), Ok(()));
}

#[test]
fn other_authors_data_flows_while_one_is_quarantined() {
    let mut world = World::whole();
    refused_at_township(&mut world, OTHER, "110112119201/ledger/2021-01", award_record("x1"));
    world.commit(VILLAGE, vec![award("s2", "A1", 7)]).expect("honest");
    world.commit(OTHER, vec![open_account("B1", "110112119202")]).expect("within its scope");
    world.settle();
    let views = world.replica(TOWNSHIP).views();
    assert_eq!(views.totals(&"A1".parse().unwrap()).available(), Points(107));
    assert!(views.accounts.contains_key(&"B1".parse().unwrap()));
}

#[test]
fn a_revoked_node_is_cut_off_but_what_the_township_has_of_it_counts() {
    let mut world = World::whole();
    world.strict = false;
    let revoked = world.replica(VILLAGE).node();
    world.commit(TOWNSHIP, vec![revoke(revoked)]).expect("revoked");
    assert!(world.closed.iter().any(|(at, r)| (*at, r.code()) == (TOWNSHIP, Code::Revoked)), "{:?}", world.closed);
    world.settle();
    let from = world.peer(TOWNSHIP, VILLAGE);
    let late = Author::new(key(1), 1, "110112119201/roster").write(&[Record::new("p1", "term")]);
    assert_eq!(world.inject(TOWNSHIP, from, late.bytes.clone()).unwrap_err().code(), Code::Revoked);
    assert_eq!(world.replica(TOWNSHIP).views().totals(&"A1".parse().unwrap()).available(), Points(100));
    // A second node of the village gets the old entries from the township, which vouches for them.
    world.commit(TOWNSHIP, enrol(&org(VILLAGE_CODE), &key(7)).to_vec()[1..].to_vec()).expect("a new node");
    let heir = world.add(newborn(7, VILLAGE_CODE));
    world.connect(TOWNSHIP, heir);
    world.settle();
    assert_eq!(world.replica(heir).views().totals(&"A1".parse().unwrap()).available(), Points(100));
    let neighbour = world.peer(MERCHANT, TOWNSHIP);
    assert_eq!(world.inject(MERCHANT, neighbour, late.bytes).unwrap_err().code(), Code::NotReader);
}

#[test]
fn a_revoked_node_that_connects_is_shown_the_door_and_told_nothing() {
    let mut world = World::whole();
    world.strict = false;
    world.disconnect_all();
    let revoked = world.replica(VILLAGE).node();
    world.commit(TOWNSHIP, vec![revoke(revoked)]).expect("revoked");
    let before = world.frames_sent();
    world.connect(TOWNSHIP, VILLAGE);
    world.settle();
    assert!(world.closed.iter().any(|(at, r)| (*at, r.code()) == (TOWNSHIP, Code::Revoked)));
    assert_eq!(world.frames_sent() - before, 1, "only the village's own hello");
}

#[test]
fn a_node_does_not_even_write_what_others_would_refuse() {
    let mut village = newborn(2, "110112119202");
    let [org_entry, node] = enrol(&org("110112119202"), &key(2));
    for command in [world::rule("R9", 1), world::item("I9", 1), org_entry, node, revoke(village.node())] {
        assert_eq!(refusal(&mut village, command), Code::NotAllowed);
    }
    let mut township = newborn(0, "110112119");
    assert_eq!(refusal(&mut township, redeem("s1", "A1", 1)), Code::NotAllowed);
    let mut world = World::whole();
    assert_eq!(refusal(world.replica_mut(OTHER), open_account("B1", VILLAGE_CODE)), Code::UnknownVillage);
    assert_eq!(refusal(world.replica_mut(OTHER), award("s9", "A1", 1)), Code::UnknownAccount);
}
