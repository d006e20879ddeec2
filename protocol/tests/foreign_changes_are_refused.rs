//! A segment can say nothing but new flat records, and says no more than the limits allow, whoever signed it.
//!
//! Overwriting, deleting, nesting, counting, another's record: a body has no way to say them. So these tests try what
//! can be said: every bit of a body turned over, types and sizes that do not exist.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;
mod world;

use std::sync::Arc;

use automerge::legacy::{ObjectId, OpType};
use automerge::{Automerge, ObjType, ScalarValue};
use forge::{COMPRESSED, Columns, actor_of, header, open, seal, segment};
use proptest::prelude::*;
use world::{VILLAGE, World, beliefs, key};
use xiangyue_protocol::change::Position;
use xiangyue_protocol::record::{Record, limits};
use xiangyue_protocol::segment::{Sealed, Segment};
use xiangyue_protocol::{Actor, Code};

const DOC: &str = "110112119201/roster";

fn me() -> Actor {
    actor_of(&key(1), 1)
}

/// What a node answers when a village's own author signs this body; the node stays as it was.
fn refused(columns: &Columns) -> Code {
    refused_bytes(seal(&key(1), &header(DOC, me(), 1, 1), 0, None, &columns.plain()))
}

fn refused_bytes(bytes: Arc<[u8]>) -> Code {
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

/// Everything that the changes of a segment do is make maps in the root and set their fields, once.
fn only_creates(segment: &Segment) {
    let mut doc = Automerge::new();
    for (change, records) in segment.to_automerge().unwrap().iter().zip(&segment.records) {
        let expanded = change.decode();
        assert_eq!(expanded.operations.len() as u64, records.iter().map(Record::ops).sum::<u64>());
        for op in expanded.operations {
            assert!(op.pred.is_empty() && !op.insert, "{op:?}");
            match (op.obj, op.action) {
                (ObjectId::Root, OpType::Make(ObjType::Map)) | (ObjectId::Id(_), OpType::Put(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        doc.apply_changes([change.clone()]).unwrap();
    }
    Automerge::load(&doc.save()).unwrap();
}

/// Two changes with a few records of two shapes.
fn sample() -> Segment {
    let position = |seq, start_op, deps| Position { actor: me(), seq, start_op, deps, time: 0 };
    let first = vec![Record::new("p1", "term").text("role", "网格员").int("n", 3), Record::new("p2", "x")];
    let alone = segment(&key(1), DOC, [0; 32], vec![(position(1, 1, Vec::new()), first.clone())]);
    let second = vec![Record::new("p3", "term").text("role", "网民").int("n", 5)];
    let changes = vec![(position(1, 1, Vec::new()), first), (position(2, 8, vec![alone.tip()]), second)];
    segment(&key(1), DOC, [0; 32], changes)
}

fn body_of(segment: &Segment) -> Vec<u8> {
    let header = 1 + 1 + 1 + DOC.len() + 20 + 1 + 1 + 8;
    segment.bytes[header..segment.bytes.len() - 64].to_vec()
}

#[test]
fn overwriting_and_deleting_cannot_be_said_whichever_bits_of_a_body_are_turned() {
    let body = body_of(&sample());
    let reseal = |body: &[u8]| open(&key(1), seal(&key(1), &header(DOC, me(), 1, 2), 0, None, body));
    only_creates(&reseal(&body).expect("the sample itself"));
    let mut taken = 0;
    for bit in 0..body.len() * 8 {
        let mut turned = body.clone();
        turned[bit / 8] ^= 1 << (bit % 8);
        if let Ok(segment) = reseal(&turned) {
            only_creates(&segment);
            taken += 1;
        }
    }
    assert!(taken > 100, "{taken} say something else that is sound");
}

proptest! {
    #[test]
    fn nor_by_several_bytes_at_once(turns in proptest::collection::vec((any::<proptest::sample::Index>(), any::<u8>()), 1..4)) {
        let mut body = body_of(&sample());
        for (at, value) in turns {
            let at = at.index(body.len());
            body[at] = value;
        }
        if let Ok(segment) = open(&key(1), seal(&key(1), &header(DOC, me(), 1, 2), 0, None, &body)) {
            only_creates(&segment);
        }
    }
}

#[test]
fn counters_and_types_that_are_not_plain_are_refused() {
    for code in [2, 8, 10, 15, 0xff] {
        assert_eq!(refused(&Columns::with_field(code, &[&[1]])), Code::TooDeep, "{code}");
    }
    assert_eq!(refused(&Columns::with_field(1, &[&[2]])), Code::BadSegment, "neither yes nor no");
    let counter = Record { key: "k".into(), fields: vec![("n".into(), ScalarValue::counter(1))] };
    let position = Position { actor: me(), seq: 1, start_op: 1, deps: Vec::new(), time: 0 };
    let meta = xiangyue_protocol::change::ChangeMeta::new(position, std::slice::from_ref(&counter));
    let sealed = Segment::seal(header(DOC, me(), 1, 1), [0; 32], vec![meta], vec![vec![counter]], &key(1));
    assert_eq!(sealed.unwrap_err().code(), Code::TooDeep, "nor can it be written");
}

#[test]
fn a_field_twice_in_one_record_is_refused() {
    let twice =
        Columns { shapes: vec![1, 2, 4, 1, b'f', 4, 1, b'f'], values: vec![vec![1], vec![2]], ..Columns::default() };
    assert_eq!(refused(&twice), Code::TooDeep);
}

#[test]
fn texts_that_are_not_utf_8_are_refused() {
    assert_eq!(refused(&Columns { own: vec![0xff], ..Columns::default() }), Code::BadSegment);
    assert_eq!(refused(&Columns::with_field(6, &[&[0, 1], &[0xc3]])), Code::BadSegment);
    assert_eq!(refused(&Columns { shapes: vec![1, 1, 0, 1, 0xff], ..Columns::default() }), Code::BadSegment);
}

#[test]
fn a_change_that_writes_nothing_is_refused() {
    let nothing = Columns {
        sizes: vec![0],
        shapes: vec![0],
        which: Vec::new(),
        marks: Vec::new(),
        own: Vec::new(),
        ..Columns::default()
    };
    assert_eq!(refused(&nothing), Code::BadSegment);
}

#[test]
fn more_than_the_limits_is_refused() {
    let sized = |records: &[Record]| {
        let position = Position { actor: me(), seq: 1, start_op: 1, deps: Vec::new(), time: 0 };
        let meta = xiangyue_protocol::change::ChangeMeta::new(position, records);
        Segment::seal(header(DOC, me(), 1, 1), [0; 32], vec![meta], vec![records.to_vec()], &key(1))
    };
    let many: Vec<Record> = (0..=limits::RECORDS).map(|n| Record::new(format!("k{n}"), "x")).collect();
    assert_eq!(sized(&many).unwrap_err().code(), Code::TooLarge, "1,001 records");
    let wide = Record {
        key: "k".into(),
        fields: (0..=limits::FIELDS).map(|n| (format!("f{n}").into(), ScalarValue::Int(1))).collect(),
    };
    assert_eq!(refused_bytes(sized(&[wide]).unwrap().bytes), Code::TooLarge, "33 fields");
    let long = Record::new("k", "x").text("memo", "长".repeat(342));
    assert_eq!(refused_bytes(sized(&[long]).unwrap().bytes), Code::TooLarge, "1,026 bytes");
    let key = Record::new("k".repeat(limits::KEY_BYTES + 1), "x");
    assert_eq!(refused_bytes(sized(&[key]).unwrap().bytes), Code::TooLarge, "a long key");
    let name = Record { key: "k".into(), fields: vec![("n".repeat(33).into(), ScalarValue::Null)] };
    assert_eq!(refused_bytes(sized(&[name]).unwrap().bytes), Code::TooLarge, "a long field name");
    let bytes = Record { key: "k".into(), fields: vec![("n".into(), ScalarValue::Bytes(vec![0; 1025]))] };
    assert_eq!(refused_bytes(sized(&[bytes]).unwrap().bytes), Code::TooLarge, "long bytes");
}

#[test]
fn an_author_cannot_leave_its_own_chain() {
    let unlinked = Position { actor: me(), seq: 2, start_op: 9, deps: Vec::new(), time: 0 };
    let records = vec![Record::new("k2", "x")];
    let meta = xiangyue_protocol::change::ChangeMeta::new(unlinked, &records);
    let sealed = Segment::seal(header(DOC, me(), 2, 2), [1; 32], vec![meta], vec![records], &key(1));
    assert_eq!(sealed.unwrap_err().code(), Code::BadSegment);
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

#[test]
fn a_compressed_body_says_the_same_as_a_plain_one() {
    let columns = Columns::with_field(6, &[&[0, 3], "abc".as_bytes()]);
    let read = |flags, body: &[u8]| open(&key(1), seal(&key(1), &header(DOC, me(), 1, 1), flags, None, body)).unwrap();
    let (plain, packed) = (read(0, &columns.plain()), read(COMPRESSED, &columns.packed()));
    assert_eq!((plain.changes, plain.records), (packed.changes, packed.records));
    assert!(Sealed::parse(seal(&key(1), &header(DOC, me(), 1, 1), 2, None, &columns.plain())).is_err());
}
