//! Changes that do anything but write new flat records are refused whole, whoever made and signed them.
//!
//! They are built with Automerge's own transactions, as a foreign client or a hostile author would.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use std::sync::Arc;

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{AutoCommit, Change, ObjType, ROOT, ReadDoc, ScalarValue};
use forge::{actor_of, expanded, header, open, segment};
use world::{VILLAGE, VILLAGE_CODE, World, beliefs, key};
use xiangyue_protocol::record::{Position, Record, limits, to_change};
use xiangyue_protocol::{Actor, Code};

const DOC: &str = "110112119201/roster";

fn me() -> Actor {
    actor_of(&key(1), 1)
}

fn doc() -> AutoCommit {
    AutoCommit::new().with_actor(me().to_automerge())
}

/// A document that holds one honest record, `p1`.
fn with_record() -> AutoCommit {
    let mut doc = doc();
    let map = doc.put_object(ROOT, "p1", ObjType::Map).unwrap();
    doc.put(&map, "kind", "term").unwrap();
    doc.commit();
    doc
}

fn changes(mut doc: AutoCommit) -> Vec<Change> {
    doc.get_changes(&[]).into_iter().map(|change| Change::from_bytes(change.raw_bytes().to_vec()).unwrap()).collect()
}

fn refused(doc: AutoCommit) -> Code {
    refused_changes(&changes(doc))
}

/// What a node answers when a village's own, well-signed author sends these; the node stays as it was.
fn refused_changes(changes: &[Change]) -> Code {
    let bytes = segment(&key(1), DOC, changes[0].hash().0, changes);
    let read = open(&key(1), Arc::clone(&bytes));
    let code = read.map(|s| format!("{:?}", s.records)).expect_err("refused").code();
    let mut world = World::whole();
    world.strict = false;
    let before = beliefs(world.replica(0));
    let from = world.peer(0, VILLAGE);
    assert_eq!(world.inject(0, from, bytes).expect_err("refused").code(), code);
    assert_eq!(beliefs(world.replica(0)), before);
    assert!(world.replica(0).quarantine().contains_key(&me().node));
    code
}

#[test]
fn an_honest_client_of_automerge_is_understood() {
    let bytes = segment(&key(1), DOC, [0; 32], &changes(with_record()));
    let read = open(&key(1), bytes).expect("a flat record");
    assert_eq!(read.records[0][0].kind(), "term");
    assert_eq!(read.header.doc.org.as_str(), VILLAGE_CODE);
}

#[test]
fn a_map_in_a_record_is_refused() {
    let mut doc = with_record();
    let (_, map) = doc.get(ROOT, "p1").unwrap().unwrap();
    doc.put_object(&map, "inner", ObjType::Map).unwrap();
    assert_eq!(refused(doc), Code::TooDeep, "in a record of an earlier change");
    let mut doc = self::doc();
    let map = doc.put_object(ROOT, "p1", ObjType::Map).unwrap();
    doc.put_object(&map, "inner", ObjType::Map).unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn lists_and_texts_are_refused() {
    for kind in [ObjType::List, ObjType::Text, ObjType::Table] {
        let mut doc = doc();
        doc.put_object(ROOT, "p1", kind).unwrap();
        assert_eq!(refused(doc), Code::TooDeep, "{kind:?}");
    }
    let mut doc = doc();
    let list = doc.put_object(ROOT, "p1", ObjType::List).unwrap();
    doc.insert(&list, 0, 1).unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn a_scalar_in_the_root_is_refused() {
    let mut doc = doc();
    doc.put(ROOT, "p1", 1).unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn overwriting_is_refused() {
    let mut doc = with_record();
    doc.put_object(ROOT, "p1", ObjType::Map).unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn overwriting_a_field_in_the_same_change_is_refused() {
    let mut doc = doc();
    let map = doc.put_object(ROOT, "p1", ObjType::Map).unwrap();
    doc.put(&map, "kind", "a").unwrap();
    doc.put(&map, "kind", "b").unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn deleting_is_refused() {
    let mut doc = with_record();
    doc.delete(ROOT, "p1").unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn counters_and_increments_are_refused() {
    let mut doc = doc();
    let map = doc.put_object(ROOT, "p1", ObjType::Map).unwrap();
    doc.put(&map, "n", ScalarValue::counter(1)).unwrap();
    assert_eq!(refused(doc.clone()), Code::TooDeep);
    doc.increment(&map, "n", 2).unwrap();
    assert_eq!(refused(doc), Code::TooDeep);
}

#[test]
fn a_field_of_another_actors_record_is_refused() {
    let mut theirs = AutoCommit::new().with_actor(actor_of(&key(2), 1).to_automerge());
    let map = theirs.put_object(ROOT, "p1", ObjType::Map).unwrap();
    let mut mine = theirs.fork().with_actor(me().to_automerge());
    mine.put(&map, "kind", "term").unwrap();
    let mine = mine.get_last_local_change().unwrap();
    let mine = Change::from_bytes(mine.raw_bytes().to_vec()).unwrap();
    assert_eq!(mine.seq(), 1);
    assert_eq!(refused_changes(&[mine]), Code::TooDeep);
}

#[test]
fn a_commit_message_is_refused() {
    let mut doc = doc();
    let map = doc.put_object(ROOT, "p1", ObjType::Map).unwrap();
    doc.put(&map, "kind", "term").unwrap();
    doc.commit_with(CommitOptions::default().with_message("a name")).unwrap();
    assert_eq!(refused(doc), Code::TooLarge);
}

#[test]
fn an_empty_change_is_refused() {
    assert_eq!(refused_changes(&[expanded(me(), 1, 1, Vec::new())]), Code::BadSegment);
}

fn written(records: &[Record]) -> [Change; 1] {
    [to_change(Position { actor: me(), seq: 1, start_op: 1, deps: Vec::new(), time: 0 }, records)]
}

#[test]
fn more_than_the_limits_is_refused() {
    let named = |n: usize| Record::new(format!("k{n}"), "x");
    let many: Vec<Record> = (0..=limits::RECORDS).map(named).collect();
    assert_eq!(refused_changes(&written(&many)), Code::TooLarge, "1,001 records");
    let wide = Record {
        key: "k".into(),
        fields: (0..=limits::FIELDS).map(|n| (format!("f{n}").into(), ScalarValue::Int(1))).collect(),
    };
    assert_eq!(refused_changes(&written(&[wide])), Code::TooLarge, "33 fields");
    let long = Record::new("k", "x").text("memo", "长".repeat(342));
    assert_eq!(refused_changes(&written(&[long])), Code::TooLarge, "1,026 bytes");
    let key = Record::new("k".repeat(limits::KEY_BYTES + 1), "x");
    assert_eq!(refused_changes(&written(&[key])), Code::TooLarge, "a long key");
    let name = Record { key: "k".into(), fields: vec![("n".repeat(33).into(), ScalarValue::Null)] };
    assert_eq!(refused_changes(&written(&[name])), Code::TooLarge, "a long field name");
    let bytes = Record { key: "k".into(), fields: vec![("n".into(), ScalarValue::Bytes(vec![0; 1025]))] };
    assert_eq!(refused_changes(&written(&[bytes])), Code::TooLarge, "long bytes");
}

#[test]
fn a_branch_that_is_not_a_chain_is_refused_before_automerge_panics_on_it() {
    let one = |seq, start_op, deps| {
        let position = Position { actor: me(), seq, start_op, deps, time: 0 };
        to_change(position, &[Record::new(format!("k{seq}"), "x").int("n", 1)])
    };
    let first = one(1, 1, Vec::new());
    let unlinked = one(2, 4, Vec::new());
    assert_eq!(refused_changes(&[first.clone(), unlinked]), Code::BadSegment);
    let reused = one(2, 2, vec![first.hash()]);
    assert_eq!(refused_changes(&[first.clone(), reused]), Code::BadSegment);
    let far = one(2, u64::from(u32::MAX) - 1, vec![first.hash()]);
    assert_eq!(refused_changes(&[first, far]), Code::TooDeep);
}

#[test]
fn a_second_segment_may_not_use_operation_numbers_again() {
    let mut world = World::whole();
    world.strict = false;
    let from = world.peer(0, VILLAGE);
    let mut author = forge::Author::new(key(1), 1, DOC);
    let first = author.write(&[Record::new("k1", "x").int("n", 1)]);
    author.next_op = 2;
    let second = author.write(&[Record::new("k2", "x").int("n", 1)]);
    assert_eq!(world.inject(0, from, first.bytes), Ok(()));
    assert_eq!(world.inject(0, from, second.bytes).unwrap_err().code(), Code::BadSegment);
    assert_eq!(world.replica(0).docs()[&header(DOC, me(), 1, 1).doc].last(me()), 1);
}
