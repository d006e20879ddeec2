//! A peer or a well-signed author that lies about numbers, clocks and rights: bounded, refused or shown, never fatal.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_types, clippy::disallowed_methods, reason = "measures how long a refusal takes")]

mod forge;
mod world;

use forge::{Author, segment};
use world::{MERCHANT, MERCHANT_CODE, NOW, OTHER, TOWNSHIP, VILLAGE, World, award, grant, key, redeem, refusal};
use xiangyue_protocol::change::Position;
use xiangyue_protocol::frame::{DocVector, Frame};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::segment::OPS;
use xiangyue_protocol::{Actor, Code, DocId, Hlc, Millis, NodeId};

const COUNTER: &str = "110112119M01/counter/2021-01";

fn account() -> AccountId {
    "A1".parse().unwrap()
}

fn actor(n: u64) -> Actor {
    let mut node = [0; 16];
    node[..8].copy_from_slice(&n.to_be_bytes());
    Actor { node: NodeId(node), incarnation: 1 }
}

#[test]
fn claims_of_the_largest_numbers_overflow_nothing() {
    let mut world = World::whole();
    let from = world.peer(VILLAGE, TOWNSHIP);
    let doc: DocId = "110112119/directory".parse().unwrap();
    let tips = (0..4).map(|n| (actor(n), u64::MAX, 0)).collect();
    let village = world.replica_mut(VILLAGE);
    village.frame(NOW, from, Frame::Vectors(vec![DocVector { doc: doc.clone(), tips }])).expect("a sound frame");
    village.frame(NOW, from, Frame::Have(vec![(doc, actor(1), u64::MAX)])).expect("a sound frame");
    village.frame(NOW, from, Frame::Totals(u64::MAX, u64::MAX)).expect("a sound frame");
    let (_, status) = village.sessions().next().expect("the township");
    assert_eq!((status.behind, status.caught_up), (u64::MAX, false));
}

#[test]
fn a_peer_that_names_without_end_is_cut_off() {
    let mut world = World::whole();
    let from = world.peer(VILLAGE, TOWNSHIP);
    let village = world.replica_mut(VILLAGE);
    let mut refusal = None;
    for round in 0..40u64 {
        let tips = (0..10_000).map(|n| (actor(round * 10_000 + n), 1, 0)).collect();
        let frame = Frame::Vectors(vec![DocVector { doc: "110112119/directory".parse().unwrap(), tips }]);
        refusal = village.frame(NOW, from, frame).err();
        if refusal.is_some() {
            break;
        }
    }
    assert_eq!(refusal.expect("cut off").code(), Code::TooLarge);
}

#[test]
fn a_clock_from_the_far_future_stops_nobody_and_opens_no_future_dates() {
    let mut world = World::whole();
    let from = world.peer(TOWNSHIP, VILLAGE);
    let mut author = Author::new(key(1), 1, "110112119201/roster");
    author.hlc = Hlc(u64::MAX);
    let segment = author.write(&[Record::new("p1", "term")]);
    world.inject(TOWNSHIP, from, segment.bytes.clone()).expect("its records are sound");
    world.commit(TOWNSHIP, vec![world::rule("R5", 5)]).expect("the clock still ticks");
    world.settle();
    assert!(world.replica(TOWNSHIP).clock().millis() < Millis(NOW.0 + 1000));
    let today = xiangyue_protocol::Command::Award(xiangyue_protocol::schema::Award {
        date: "2021-01-21".parse().unwrap(),
        ..match award("x1", "A1", 1) {
            xiangyue_protocol::Command::Award(entry) => entry,
            _ => unreachable!(),
        }
    });
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), today), Code::FutureDate);
    // Even its own clock at the end of time only stands still.
    assert_eq!(Hlc(u64::MAX).tick(NOW), Hlc(u64::MAX));
    assert_eq!(Hlc::default().tick(Millis(u64::MAX)).millis().0, (1 << 48) - 1);
}

#[test]
fn a_board_whose_clock_was_reset_takes_the_townships_time() {
    let mut world = World::whole();
    world.commit(TOWNSHIP, vec![world::rule("R5", 5)]).expect("rule");
    let fresh = world.add(world::newborn(9, "110112119209"));
    world.connect(TOWNSHIP, fresh);
    world.settle();
    assert!(world.replica(fresh).clock().millis() >= NOW);
    let mut reset = world::newborn(8, "110112119208");
    let journal = world.journal(fresh).to_vec();
    for segment in &journal {
        let sealed = xiangyue_protocol::segment::Sealed::parse(segment.bytes.clone()).unwrap();
        reset.replay(sealed.from_journal()).unwrap();
    }
    assert!(reset.clock().millis() >= NOW, "from its journal");
}

#[test]
fn an_author_who_uses_up_operation_numbers_locks_nobody_out_of_a_shared_document() {
    let mut world = World::whole();
    let enemy = forge::actor_of(&key(2), 1);
    let record = [Record::new("x1", "noise")];
    let position = Position { actor: enemy, seq: 1, start_op: OPS - 10, deps: Vec::new(), time: 0 };
    let noise = segment(&key(2), COUNTER, [0; 32], vec![(position, record.to_vec())]).bytes;
    for node in [TOWNSHIP, MERCHANT, VILLAGE] {
        let from = if node == TOWNSHIP { world.peer(node, OTHER) } else { world.peer(node, TOWNSHIP) };
        world.inject(node, from, noise.clone()).expect("within the limit");
    }
    world.commit(VILLAGE, vec![grant("g1", "A1", 40, MERCHANT_CODE)]).expect("a grant");
    world.settle();
    world.commit(MERCHANT, vec![redeem("r1", "A1", 40)]).expect("a redemption");
    world.settle();
    assert_eq!(world.replica(VILLAGE).views().totals(&account()).available(), Points(60));
    assert!(world.journal(MERCHANT).iter().filter(|s| s.header.doc.to_string() == COUNTER).count() >= 3);
}

fn reversal(request: &str, of: &str, what: &str, points: i64, debt: i64) -> Record {
    Record::new(request.to_owned(), "reversal")
        .text("account", "A1")
        .int("points", points)
        .text("date", "2021-01-07")
        .text("of", of.to_owned())
        .text("what", if what == "award" { "award" } else { "redemption" })
        .int("debt", debt)
}

/// The merchant's hand writes these after an honest grant of 40 and a redemption of 30.
fn after_merchant_wrote(records: &[Record]) -> World {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![grant("g1", "A1", 40, MERCHANT_CODE)]).expect("grant");
    world.settle();
    world.commit(MERCHANT, vec![redeem("r1", "A1", 30)]).expect("redemption");
    world.settle();
    let from = world.peer(TOWNSHIP, MERCHANT);
    let bytes = Author::new(key(3), 9, COUNTER).write(records).bytes;
    world.inject(TOWNSHIP, from, bytes).expect("sound in form");
    world
}

#[test]
fn reversals_of_nothing_of_reversals_and_a_second_time_move_no_points() {
    let records = [
        reversal("v1", "nothing", "redemption", 1_000_000, 0),
        reversal("v2", "r1", "redemption", 31, 0),
        reversal("v3", "r1", "award", 30, 0),
        reversal("v4", "g1", "redemption", 40, 0),
        reversal("v5", "v1", "redemption", 1_000_000, 0),
        reversal("v6", "s1", "award", 100, 0),
    ];
    let world = after_merchant_wrote(&records);
    let totals = world.replica(TOWNSHIP).views().totals(&account());
    assert_eq!((totals.available(), totals.redeemed, totals.reversed), (Points(70), Points(30), Points(0)));

    let twice = [
        reversal("v1", "r1", "redemption", 30, 0),
        reversal("v2", "r1", "redemption", 30, 0),
        reversal("v3", "v1", "redemption", 30, 0),
    ];
    let world = after_merchant_wrote(&twice);
    let totals = world.replica(TOWNSHIP).views().totals(&account());
    assert_eq!((totals.available(), totals.redeemed), (Points(100), Points(0)), "given back once");
}

#[test]
fn an_award_that_settles_more_than_is_owed_gives_the_rest_back() {
    let mut world = World::whole();
    let record = Record::new("x1", "award")
        .text("account", "A1")
        .int("points", 50)
        .text("date", "2021-01-07")
        .text("rule", "R1")
        .int("repaid", 50);
    let from = world.peer(TOWNSHIP, VILLAGE);
    let bytes = Author::new(key(1), 9, "110112119201/ledger/2021-01").write(&[record]).bytes;
    world.inject(TOWNSHIP, from, bytes).expect("sound in form");
    let totals = world.replica(TOWNSHIP).views().totals(&account());
    assert_eq!((totals.available(), totals.debt(), totals.is_overspent()), (Points(150), Points(0), false));
}

#[test]
fn entries_out_of_range_count_nothing_and_the_largest_do_not_overflow() {
    let mut world = World::whole();
    let record = |n: usize, points: i64| {
        Record::new(format!("x{n}"), "award")
            .text("account", "A1")
            .int("points", points)
            .text("date", "2021-01-07")
            .text("rule", "R1")
    };
    let void = [0, -1, 1_000_001, i64::MAX, i64::MIN].iter().zip(0..).map(|(points, n)| record(n, *points));
    let records: Vec<Record> = void.chain((10..500).map(|n| record(n, 1_000_000))).collect();
    let from = world.peer(TOWNSHIP, VILLAGE);
    let bytes = Author::new(key(1), 9, "110112119201/ledger/2021-01").write(&records).bytes;
    world.inject(TOWNSHIP, from, bytes).expect("sound in form");
    assert_eq!(world.replica(TOWNSHIP).views().totals(&account()).available(), Points(490_000_100));
}

#[test]
fn many_reversals_and_entries_under_one_number_stay_quick() {
    let mut world = World::whole();
    let from = world.peer(TOWNSHIP, VILLAGE);
    let mut author = Author::new(key(1), 9, "110112119201/ledger/2021-01");
    let reversals: Vec<Record> = (0..1000).map(|n| reversal(&format!("v{n}"), "x1", "award", 5, 0)).collect();
    let awards: Vec<Record> = (0..1000)
        .map(|n| {
            Record::new("x1", "award")
                .text("account", "A1")
                .int("points", 1 + n)
                .text("date", "2021-01-07")
                .text("rule", "R1")
        })
        .collect();
    let start = std::time::Instant::now();
    for records in [&reversals, &awards, &reversals] {
        let bytes = author.write(records).bytes;
        world.inject(TOWNSHIP, from, bytes).expect("sound in form");
    }
    assert!(start.elapsed() < std::time::Duration::from_secs(1), "{:?}", start.elapsed());
}
