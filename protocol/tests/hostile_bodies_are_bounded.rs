//! Bytes made to exhaust or to crash a reader: every one is refused, quickly, within a bounded allocation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "measures how long a refusal takes")]

mod forge;

use std::sync::Arc;
use std::time::{Duration, Instant};

use forge::{
    Author, COMPRESSED, PREV_IS_DEP, actor_of, body, content, deflated, header, open, put_int, put_run, put_uint,
    raw_change, seal, signing_key,
};
use proptest::prelude::*;
use xiangyue_protocol::record::Record;
use xiangyue_protocol::segment::{SEGMENT_BYTES, Sealed};
use xiangyue_protocol::{Actor, Code, Refusal};

const DOC: &str = "110112119201/roster";

fn actor() -> Actor {
    actor_of(&signing_key(1), 1)
}

/// Far beyond what any of these takes on a busy machine, far below what an unbounded reader would.
const ENDLESS: Duration = Duration::from_secs(5);

/// Seals a first segment around this body, opens it, and says how that went; opening must end.
fn judged(flags: u8, body: &[u8]) -> Result<usize, Refusal> {
    let bytes = seal(&signing_key(1), &header(DOC, actor(), 1, 1), flags, None, body);
    let start = Instant::now();
    let read = open(&signing_key(1), bytes);
    let took = start.elapsed();
    assert!(took < ENDLESS, "took {took:?}");
    read.map(|segment| segment.records.iter().map(Vec::len).sum())
}

fn code(flags: u8, body: &[u8]) -> Code {
    judged(flags, body).expect_err("refused").code()
}

/// Columns of one operation that makes an empty map under `a`.
fn columns() -> Vec<(u64, Vec<u8>)> {
    let literal = |value: &[u8]| [&[0x7f][..], value].concat();
    vec![
        (0x15, literal(&[1, b'a'])),
        (0x34, vec![1]),
        (0x42, literal(&[0])),
        (0x56, literal(&[0])),
        (0x70, literal(&[0])),
    ]
}

fn with_column(spec: u64, data: Vec<u8>) -> Vec<u8> {
    let mut columns = columns();
    columns.retain(|(known, _)| *known != spec);
    columns.push((spec, data));
    columns.sort_by_key(|(spec, _)| *spec);
    body(&[raw_change(actor(), 1, 1, &columns)])
}

fn run_of(count: i64, value: u64) -> Vec<u8> {
    let mut column = Vec::new();
    put_int(&mut column, count);
    put_uint(&mut column, value);
    column
}

#[test]
fn the_hand_made_change_is_sound_until_it_is_spoilt() {
    assert_eq!(judged(0, &body(&[raw_change(actor(), 1, 1, &columns())])), Ok(1));
}

#[test]
fn a_bomb_stops_at_the_cap() {
    let bomb = deflated(&vec![0; 64 << 20], 4 << 20);
    assert!(bomb.len() < 70_000, "{} bytes", bomb.len());
    assert_eq!(code(COMPRESSED, &bomb), Code::BadSegment);
    assert_eq!(code(COMPRESSED, &deflated(&vec![0; 64 << 20], 64 << 20)), Code::TooLarge);
    let timed = || {
        let start = Instant::now();
        let _ = judged(COMPRESSED, &bomb);
        start.elapsed()
    };
    let best = (0..5).map(|_| timed()).min().unwrap();
    assert!(best < Duration::from_millis(50), "the best of five took {best:?}");
}

#[test]
fn a_stated_length_that_lies_is_refused() {
    let plain = body(&[raw_change(actor(), 1, 1, &columns())]);
    assert_eq!(judged(COMPRESSED, &deflated(&plain, plain.len() as u64)), Ok(1));
    for stated in [0, 1, plain.len() as u64 - 1, plain.len() as u64 + 1, 4 << 20] {
        assert_eq!(code(COMPRESSED, &deflated(&plain, stated)), Code::BadSegment, "stated {stated}");
    }
    for stated in [(4 << 20) + 1, u64::MAX] {
        assert_eq!(code(COMPRESSED, &deflated(&plain, stated)), Code::TooLarge, "stated {stated}");
    }
    let trailing = [deflated(&plain, plain.len() as u64), vec![0]].concat();
    assert_eq!(code(COMPRESSED, &trailing), Code::BadSegment);
}

#[test]
fn a_run_of_two_to_the_fortieth_operations_is_refused_unread() {
    for count in [33_001, 1 << 40, i64::MAX] {
        assert_eq!(code(0, &with_column(0x42, run_of(count, 0))), Code::TooLarge);
        assert_eq!(code(0, &with_column(0x70, run_of(count, 0))), Code::TooLarge);
    }
    let two_runs = [run_of(20_000, 0), run_of(20_000, 1)].concat();
    assert_eq!(code(0, &with_column(0x42, two_runs)), Code::TooLarge);
}

#[test]
fn endless_runs_in_the_other_columns_are_read_no_further_than_the_operations() {
    for (spec, value) in [(0x01, 0), (0x02, 0), (0x15, 0), (0x56, 0)] {
        let _ = judged(0, &with_column(spec, run_of(1 << 40, value)));
    }
    let mut endless = Vec::new();
    put_uint(&mut endless, 1 << 60);
    let _ = judged(0, &with_column(0x34, endless));
    let _ = judged(0, &with_column(0x57, vec![0; 1000]));
    let _ = judged(0, &with_column(0x56, run_of(1, u64::MAX)));
    for absent in [0x15, 0x34, 0x42, 0x56, 0x70] {
        let mut columns = columns();
        columns.retain(|(spec, _)| *spec != absent);
        columns.push((0x57, Vec::new()));
        columns.sort_by_key(|(spec, _)| *spec);
        let _ = judged(0, &body(&[raw_change(actor(), 1, 1, &columns)]));
    }
    // No action column, but endless object numbers.
    let _ = judged(0, &body(&[raw_change(actor(), 1, 1, &[(0x01, run_of(1 << 40, 0)), (0x02, run_of(1 << 40, 1))])]));
}

#[test]
fn objects_that_automerge_would_panic_on_are_refused() {
    let object = |whose: Vec<u8>, number: Vec<u8>| {
        let mut columns = columns();
        columns.extend([(0x01, whose), (0x02, number)]);
        columns.sort_by_key(|(spec, _)| *spec);
        code(0, &body(&[raw_change(actor(), 1, 1, &columns)]))
    };
    assert_eq!(object(run_of(1, 7), run_of(1, 1)), Code::TooDeep, "no such actor");
    assert_eq!(object(run_of(1, 0), run_of(1, 1 << 40)), Code::TooDeep, "a number over 32 bits");
    assert_eq!(code(0, &with_column(0x42, run_of(1, 99))), Code::TooDeep, "no such action");
    let position = |start_op| body(&[raw_change(actor(), 1, start_op, &columns())]);
    for start_op in [(1 << 31) + 1, u64::from(u32::MAX), 1 << 40, u64::MAX] {
        assert_eq!(code(0, &position(start_op)), Code::BadSegment, "operations from {start_op}");
    }
}

#[test]
fn predecessors_are_refused() {
    assert_eq!(code(0, &with_column(0x70, run_of(1, 1))), Code::TooDeep);
    assert_eq!(code(0, &with_column(0x71, run_of(1, 0))), Code::TooDeep);
    assert_eq!(code(0, &with_column(0x73, run_of(1, 0))), Code::TooDeep);
    assert_eq!(code(0, &with_column(0x42, vec![0, 5])), Code::TooDeep, "a run of nothing");
}

#[test]
fn compressed_unknown_and_repeated_columns_are_refused() {
    for spec in [0x4a, 0x11, 0x13, 0x94, 0xa5, 0xff] {
        assert_eq!(code(0, &with_column(spec, vec![0x7f, 0])), Code::TooDeep, "{spec:#x}");
    }
    let mut twice = columns();
    twice.insert(2, twice[2].clone());
    assert_eq!(code(0, &body(&[raw_change(actor(), 1, 1, &twice)])), Code::TooDeep);
    let trailing = [raw_change(actor(), 1, 1, &columns()), vec![1, 2, 3]].concat();
    assert_eq!(code(0, &body(&[trailing])), Code::TooDeep);
}

#[test]
fn counts_of_two_to_the_sixtieth_are_refused() {
    let mut deps = Vec::new();
    put_uint(&mut deps, 1 << 60);
    assert_eq!(code(0, &body(&[deps])), Code::TooLarge);
    let mut change = raw_change(actor(), 1, 1, &[]);
    change.pop();
    put_uint(&mut change, 1 << 60);
    assert_eq!(code(0, &body(&[change])), Code::TooLarge, "columns");
    let mut run = Vec::new();
    put_uint(&mut run, 1 << 60);
    assert_eq!(code(0, &run), Code::TooLarge, "a change's length");
    let mut column = raw_change(actor(), 1, 1, &[]);
    column.pop();
    column.push(1);
    put_uint(&mut column, 0x42);
    put_uint(&mut column, u64::MAX);
    assert_eq!(code(0, &body(&[column])), Code::TooLarge, "a column's length");
}

#[test]
fn a_change_says_the_number_and_actor_of_its_header() {
    let other = raw_change(actor_of(&signing_key(2), 1), 1, 1, &columns());
    assert_eq!(code(0, &body(&[other])), Code::BadSegment);
    assert_eq!(code(0, &body(&[raw_change(actor(), 2, 1, &columns())])), Code::BadSegment);
    assert_eq!(code(0, &body(&[raw_change(actor(), 1, 0, &columns())])), Code::BadSegment);
    assert_eq!(code(0, &[]), Code::BadSegment, "no change at all");
}

#[test]
fn a_map_nested_three_hundred_deep_is_refused() {
    use automerge::transaction::Transactable;
    let mut doc = automerge::AutoCommit::new().with_actor(actor().to_automerge());
    let mut map = automerge::ROOT;
    for _ in 0..300 {
        map = doc.put_object(&map, "d", automerge::ObjType::Map).unwrap();
    }
    let change = doc.get_last_local_change().unwrap();
    assert_eq!(code(0, &body(&[content(&change)])), Code::TooDeep);
}

/// Header bytes with sequence numbers of our choosing.
fn with_numbers(first: u64, more: u64) -> Arc<[u8]> {
    let mut bytes = vec![1, 0];
    put_run(&mut bytes, DOC.as_bytes());
    bytes.extend_from_slice(&actor().to_bytes());
    put_uint(&mut bytes, first);
    put_uint(&mut bytes, more);
    bytes.extend_from_slice(&[0; 200]);
    bytes.into()
}

#[test]
fn numbers_that_no_branch_can_have_are_refused() {
    assert!(Sealed::parse(with_numbers(5, 3)).is_ok());
    for (first, more) in [(0, 0), (u64::MAX, 1), (u64::MAX - 1, 2), (1, 4096), (1, u64::MAX)] {
        let refusal = Sealed::parse(with_numbers(first, more)).expect_err("refused");
        assert_eq!(refusal.code(), Code::BadSegment, "{first} and {more} more");
    }
    assert!(Sealed::parse(with_numbers(u64::MAX, 0)).is_ok(), "the gap before it is the replica's to see");
}

#[test]
fn a_segment_over_its_size_is_refused_unread() {
    let refusal = Sealed::parse(vec![1; SEGMENT_BYTES + 1].into()).expect_err("refused");
    assert_eq!(refusal.code(), Code::TooLarge);
}

#[test]
fn reserved_flags_and_other_versions_are_refused_as_such() {
    let mut bytes = with_numbers(1, 0).to_vec();
    for (at, value) in [(0, 2), (1, 4), (1, 0x80)] {
        let before = std::mem::replace(&mut bytes[at], value);
        assert_eq!(Sealed::parse(bytes.clone().into()).expect_err("refused").code(), Code::BadVersion);
        bytes[at] = before;
    }
    bytes[1] = PREV_IS_DEP;
    assert_eq!(Sealed::parse(bytes.into()).expect_err("refused").code(), Code::BadSegment);
}

fn sample() -> Arc<[u8]> {
    Author::new(signing_key(1), 1, DOC).write(&[Record::new("p1", "term").text("role", "网格员").int("n", 3)]).bytes
}

#[test]
fn every_prefix_of_a_segment_is_refused() {
    let whole = sample();
    for cut in 0..whole.len() {
        assert!(open(&signing_key(1), whole[..cut].into()).is_err(), "{cut} of {}", whole.len());
    }
}

#[test]
fn every_single_bit_that_flips_is_noticed() {
    let whole = sample();
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.to_vec();
        bytes[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&signing_key(1), bytes.into()).is_err(), "bit {bit}");
    }
}

#[test]
fn a_body_with_a_flipped_bit_under_a_good_signature_never_panics() {
    let plain = body(&[content(&Sealed::parse(sample()).unwrap().from_journal().changes().unwrap()[0])]);
    for bit in 0..plain.len() * 8 {
        let mut spoilt = plain.clone();
        spoilt[bit / 8] ^= 1 << (bit % 8);
        let _ = judged(0, &spoilt);
        let _ = judged(COMPRESSED, &deflated(&spoilt, spoilt.len() as u64));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), flags in 0u8..4) {
        let _ = Sealed::parse(bytes.clone().into());
        let _ = judged(flags & COMPRESSED, &bytes);
        let _ = judged(0, &body(&[bytes]));
    }

    #[test]
    fn random_columns_never_panic(
        columns in proptest::collection::vec(
            (prop_oneof![Just(0x01u64), Just(0x02), Just(0x15), Just(0x34), Just(0x42), Just(0x56), Just(0x57), Just(0x70)],
             proptest::collection::vec(any::<u8>(), 0..24)), 0..9)
    ) {
        let mut columns = columns;
        columns.sort_by_key(|(spec, _)| *spec);
        columns.dedup_by_key(|(spec, _)| *spec);
        let _ = judged(0, &body(&[raw_change(actor(), 1, 1, &columns)]));
    }
}
