//! Bytes made to exhaust or to crash a reader: every one is refused, quickly, within a bounded allocation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "measures how long a refusal takes")]

mod forge;

use std::sync::Arc;
use std::time::{Duration, Instant};

use forge::{Author, COMPRESSED, Columns, actor_of, header, open, packed, put_run, put_uint, seal, signing_key};
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

fn uint(value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_uint(&mut bytes, value);
    bytes
}

#[test]
fn the_hand_made_body_is_sound_until_it_is_spoilt() {
    assert_eq!(judged(0, &Columns::default().plain()), Ok(1));
    assert_eq!(judged(COMPRESSED, &Columns::default().packed()), Ok(1));
    assert_eq!(code(0, &[Columns::default().plain(), vec![0]].concat()), Code::BadSegment, "bytes behind it");
    assert_eq!(code(0, &[]), Code::BadSegment, "nothing at all");
}

#[test]
fn a_bomb_stops_at_the_cap() {
    let bomb = packed(&vec![0; 64 << 20], 4 << 20);
    assert!(bomb.len() < 70_000, "{} bytes", bomb.len());
    assert_eq!(code(COMPRESSED, &bomb), Code::BadSegment);
    assert_eq!(code(COMPRESSED, &packed(&vec![0; 64 << 20], 64 << 20)), Code::TooLarge);
    let timed = || {
        let start = Instant::now();
        let _ = judged(COMPRESSED, &bomb);
        start.elapsed()
    };
    let best = (0..5).map(|_| timed()).min().unwrap();
    assert!(best < Duration::from_millis(50), "the best of five took {best:?}");
}

#[test]
fn many_columns_share_one_cap() {
    let shape = [vec![32], (0..32u8).flat_map(|n| [7, 1, b'a' + n]).collect::<Vec<_>>()].concat();
    let columns = Columns { shapes: [vec![1], shape].concat(), ..Columns::default() };
    let mut body = columns.packed();
    // Each of the values' columns states two megabytes; the third is one too many.
    (0..64).for_each(|_| body.extend_from_slice(&packed(&vec![0; 2 << 20], 2 << 20)));
    let start = Instant::now();
    assert!(judged(COMPRESSED, &body).is_err());
    assert!(start.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_stated_length_that_lies_is_refused() {
    let columns = Columns { own: vec![b'a'; 100], marks: vec![0, 100], ..Columns::default() };
    let with_own = |stated: u64| {
        let before = Columns { own: Vec::new(), ..columns.clone() }.packed();
        // The last column is the keys' bytes, packed as an empty one.
        let empty = packed(&[], 0).len();
        [&before[..before.len() - empty], &packed(&columns.own, stated)].concat()
    };
    assert_eq!(judged(COMPRESSED, &with_own(100)), Ok(1));
    for stated in [0, 1, 99, 101, 3 << 20] {
        assert_eq!(code(COMPRESSED, &with_own(stated)), Code::BadSegment, "stated {stated}");
    }
    for stated in [(4 << 20) + 1, u64::MAX] {
        assert_eq!(code(COMPRESSED, &with_own(stated)), Code::TooLarge, "stated {stated}");
    }
    assert_eq!(code(COMPRESSED, &[with_own(100), vec![0]].concat()), Code::BadSegment);
}

#[test]
fn two_bytes_that_spell_a_kilobyte_again_and_again_stop_at_the_cap() {
    let rows = 1000u64;
    let marks: Vec<u8> = [0, 128, 1].into_iter().chain((1..rows).flat_map(|_| [128, 1, 0])).collect();
    let keys = |fields: usize| {
        let shape = [uint(fields as u64), (b'A'..).take(fields).flat_map(|letter| [6, 1, letter]).collect()].concat();
        let text: Vec<u8> = [vec![0, 128, 8], (1..rows).flat_map(|_| [128, 8, 0]).collect()].concat();
        let mut columns = Columns {
            sizes: uint(rows),
            shapes: [vec![1], shape].concat(),
            which: vec![0; 1000],
            marks: marks.clone(),
            own: vec![b'k'; 128],
            ..Columns::default()
        };
        (0..fields).for_each(|_| columns.values.extend([text.clone(), vec![b'v'; 1024]]));
        columns
    };
    assert_eq!(judged(COMPRESSED, &keys(3).packed()), Ok(1000));
    assert_eq!(code(COMPRESSED, &keys(4).packed()), Code::TooLarge, "over four megabytes of text");
}

#[test]
fn counts_beyond_the_limits_are_refused_unread() {
    for count in [65, 1 << 40, u64::MAX] {
        assert_eq!(code(0, &Columns { counts: uint(count), ..Columns::default() }.plain()), Code::TooLarge);
    }
    for count in [1001, 1 << 40, u64::MAX] {
        assert_eq!(code(0, &Columns { sizes: uint(count), ..Columns::default() }.plain()), Code::TooLarge);
    }
    for count in [4097, u64::MAX] {
        assert_eq!(code(0, &Columns { shapes: uint(count), ..Columns::default() }.plain()), Code::TooLarge);
    }
    let fields = [vec![1], uint(33)].concat();
    assert_eq!(code(0, &Columns { shapes: fields, ..Columns::default() }.plain()), Code::TooLarge);
    assert_eq!(code(0, &Columns { which: vec![1], ..Columns::default() }.plain()), Code::BadSegment, "no such shape");
    for marks in [vec![1, 1], vec![0, 129, 1], [vec![0], uint(u64::MAX)].concat()] {
        assert_eq!(code(0, &Columns { marks, ..Columns::default() }.plain()), Code::TooLarge);
    }
}

#[test]
fn more_operations_than_a_segment_may_have_are_refused_unread() {
    let changes = 200u64;
    let columns = Columns {
        counts: vec![0; 200],
        gaps: vec![0; 200],
        times: vec![0; 200],
        sizes: (0..changes).flat_map(|_| uint(1000)).collect(),
        ..Columns::default()
    };
    let bytes = seal(&signing_key(1), &header(DOC, actor(), 1, changes), 0, None, &columns.plain());
    assert_eq!(open(&signing_key(1), bytes).unwrap_err().code(), Code::TooLarge);
}

#[test]
fn operation_numbers_that_automerge_would_panic_on_are_refused() {
    let first = |gap: u64| judged(0, &Columns { gaps: uint(gap), ..Columns::default() }.plain());
    assert_eq!(first((1 << 31) - 1), Ok(1));
    for gap in [1 << 31, u64::from(u32::MAX), 1 << 40, u64::MAX - 1, u64::MAX] {
        assert_eq!(first(gap).unwrap_err().code(), Code::BadSegment, "operations after {gap}");
    }
}

#[test]
fn a_dependency_named_twice_is_refused() {
    let columns = Columns { counts: vec![2], hashes: vec![7; 64], ..Columns::default() };
    assert_eq!(code(0, &columns.plain()), Code::BadSegment);
    let second = |hashes: Vec<u8>| {
        let columns = Columns { counts: vec![1], hashes, ..Columns::default() };
        let prev = Some([9; 32]);
        open(&signing_key(1), seal(&signing_key(1), &header(DOC, actor(), 2, 2), 0, prev, &columns.plain()))
    };
    assert_eq!(second(vec![7; 32]).unwrap().changes[0].deps, [[7; 32], [9; 32]]);
    assert_eq!(second(vec![9; 32]).unwrap_err().code(), Code::BadSegment, "the predecessor is named by the header");
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
    for (at, value) in [(0, 2), (1, 2), (1, 4), (1, 0x80)] {
        let before = std::mem::replace(&mut bytes[at], value);
        assert_eq!(Sealed::parse(bytes.clone().into()).expect_err("refused").code(), Code::BadVersion);
        bytes[at] = before;
    }
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

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300), flags in 0u8..4) {
        let _ = Sealed::parse(bytes.clone().into());
        let _ = judged(flags & COMPRESSED, &bytes);
    }

    #[test]
    fn random_columns_never_panic(columns in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..24), 9..12)) {
        let body: Vec<u8> = columns.iter().flat_map(|column| packed(column, column.len() as u64)).collect();
        let _ = judged(COMPRESSED, &body);
        let [counts, hashes, gaps, times] = <[Vec<u8>; 4]>::try_from(columns[..4].to_vec()).unwrap();
        let _ = judged(0, &Columns { counts, hashes, gaps, times, ..Columns::default() }.plain());
        let (shapes, which, values) = (columns[4].clone(), columns[5].clone(), columns[6..].to_vec());
        let _ = judged(0, &Columns { shapes, which, values, ..Columns::default() }.plain());
    }
}
