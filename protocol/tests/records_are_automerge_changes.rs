//! A record written here is an Automerge change that any Automerge client reads as a map of maps, and back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod forge;

use automerge::{Automerge, ChangeHash, ReadDoc, ScalarValue};
use forge::{Author, actor_of, automerge_change, open, segment, signing_key};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use smol_str::SmolStr;
use xiangyue_protocol::change::{ChangeMeta, Position, to_automerge};
use xiangyue_protocol::record::{Record, limits};

const DOC: &str = "110112119201/roster";

fn text(max: usize) -> impl Strategy<Value = SmolStr> {
    prop_oneof![
        "[ -~]{0,40}",
        "[\u{4e00}-\u{9fff}]{0,20}",
        Just("积分🌾".repeat(max / 10)),
        Just("x".repeat(max)),
        Just(String::new()),
    ]
    .prop_map(SmolStr::from)
}

fn value() -> impl Strategy<Value = ScalarValue> {
    prop_oneof![
        text(limits::VALUE_BYTES).prop_map(ScalarValue::Str),
        any::<i64>().prop_map(ScalarValue::Int),
        any::<u64>().prop_map(ScalarValue::Uint),
        any::<bool>().prop_map(ScalarValue::Boolean),
        any::<i64>().prop_map(ScalarValue::Timestamp),
        (-1e300f64..1e300).prop_map(ScalarValue::F64),
        vec(any::<u8>(), 0..64).prop_map(ScalarValue::Bytes),
        Just(ScalarValue::Null),
    ]
}

fn records() -> impl Strategy<Value = Vec<Record>> {
    let fields = btree_map("[a-z_]{1,12}|[\u{4e00}-\u{9fff}]{1,10}", value(), 0..=limits::FIELDS);
    let keys = btree_map(text(limits::KEY_BYTES), fields, 1..12);
    keys.prop_map(|records| {
        let record = |(key, fields): (SmolStr, std::collections::BTreeMap<String, ScalarValue>)| Record {
            key,
            fields: fields.into_iter().map(|(name, value)| (SmolStr::from(name), value)).collect(),
        };
        records.into_iter().map(record).collect()
    })
}

fn first(actor: xiangyue_protocol::Actor) -> Position {
    Position { actor, seq: 1, start_op: 1, deps: Vec::new(), time: 0 }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_change_is_byte_for_byte_what_automerge_writes(
        records in records(),
        start_op in 1u64..1 << 31,
        seq in 1u64..1 << 40,
        time in any::<i64>(),
        deps in btree_set(any::<[u8; 32]>(), 0..5),
    ) {
        let actor = actor_of(&signing_key(1), 1);
        let position = Position { actor, seq, start_op, deps: deps.into_iter().collect(), time };
        let theirs = automerge_change(&position, &records);
        let ours = to_automerge(&position, &records).unwrap();
        prop_assert_eq!(ours.raw_bytes(), theirs.raw_bytes());
        let meta = ChangeMeta::new(position, &records);
        prop_assert_eq!(ChangeHash(meta.id), theirs.hash());
        prop_assert_eq!(meta.max_op + 1 - meta.start_op, theirs.len() as u64);
    }

    #[test]
    fn records_read_back_from_their_segment(records in records()) {
        let mut author = Author::new(signing_key(1), 1, DOC);
        let segment = author.write(&records);
        let read = open(&author.key, segment.bytes.clone()).unwrap();
        prop_assert_eq!(&read.records, &vec![records]);
        prop_assert_eq!((read.header, read.prev, read.changes), (segment.header, segment.prev, segment.changes));
    }

    #[test]
    fn many_changes_of_any_records_read_back_from_one_segment(
        written in vec((records(), 0u64..3, any::<i64>(), btree_set(any::<[u8; 32]>(), 0..3)), 1..12),
        prev in any::<[u8; 32]>(),
    ) {
        let key = signing_key(1);
        let actor = actor_of(&key, 1);
        let mut changes = Vec::new();
        let (mut tip, mut next) = (prev, 1);
        for ((records, gap, time, mut deps), seq) in written.into_iter().zip(7..) {
            deps.insert(tip);
            let position = Position { actor, seq, start_op: next + gap, deps: deps.into_iter().collect(), time };
            let meta = ChangeMeta::new(position.clone(), &records);
            (tip, next) = (meta.id, meta.max_op + 1);
            changes.push((position, records));
        }
        let segment = segment(&key, DOC, prev, changes);
        let read = open(&key, segment.bytes.clone()).unwrap();
        prop_assert_eq!((read.header, read.prev, read.changes), (segment.header, segment.prev, segment.changes));
        prop_assert_eq!(read.records, segment.records);
    }

    #[test]
    fn an_automerge_document_shows_the_same_map_before_and_after_saving(records in records()) {
        let author = Author::new(signing_key(1), 1, DOC);
        let change = to_automerge(&first(author.actor), &records).unwrap();
        let mut doc = Automerge::new();
        doc.apply_changes([change.clone()]).unwrap();
        let loaded = Automerge::load(&doc.save()).unwrap();
        prop_assert_eq!(loaded.get_heads(), vec![change.hash()]);
        for doc in [&doc, &loaded] {
            prop_assert_eq!(doc.keys(automerge::ROOT).count(), records.len());
            for record in &records {
                let (_, map) = doc.get(automerge::ROOT, record.key.as_str()).unwrap().expect("key");
                prop_assert_eq!(doc.keys(&map).count(), record.fields.len());
                for (name, value) in &record.fields {
                    let (shown, _) = doc.get(&map, name.as_str()).unwrap().expect("field");
                    prop_assert_eq!(shown.as_scalar().expect("scalar"), value);
                }
            }
        }
    }
}

#[test]
fn two_authors_who_write_one_key_are_both_kept() {
    let write = |seed: u8, who: &'static str| {
        let actor = actor_of(&signing_key(seed), 1);
        to_automerge(&first(actor), &[Record::new("张三", "term").text("role", who)]).unwrap()
    };
    let mut doc = Automerge::new();
    doc.apply_changes([write(1, "网格员"), write(2, "调解员")]).unwrap();
    let loaded = Automerge::load(&doc.save()).unwrap();
    for doc in [doc, loaded] {
        let kept = doc.get_all(automerge::ROOT, "张三").unwrap();
        let mut roles: Vec<_> =
            kept.iter().map(|(_, map)| doc.get(map, "role").unwrap().unwrap().0.as_str().unwrap().to_owned()).collect();
        roles.sort_unstable();
        assert_eq!(roles, ["网格员", "调解员"]);
    }
}

#[test]
fn the_largest_change_allowed_is_written_and_read() {
    let wide = |n: usize| Record {
        key: format!("{n:0width$}", width = limits::KEY_BYTES).into(),
        fields: (0..limits::FIELDS).map(|f| (format!("f{f}").into(), ScalarValue::Int(1))).collect(),
    };
    let records: Vec<Record> = (0..limits::RECORDS).map(wide).collect();
    let segment = Author::new(signing_key(1), 1, DOC).write(&records);
    let read = open(&signing_key(1), segment.bytes.clone()).unwrap();
    assert_eq!(read.records[0].len(), limits::RECORDS);
    assert_eq!(read.to_automerge().unwrap()[0].hash(), ChangeHash(segment.tip()));
}
