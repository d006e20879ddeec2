//! Which day it is: the township's word puts a clock right that ran ahead once, and one that was set back.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::sync::Arc;

use world::{MERCHANT_CODE, NOW, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, grant, life, redeem, refusal};
use xiangyue_protocol::replica::Mode;
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::{Code, Command, Date, Millis, Outcome};

const DAY: u64 = 86_400_000;

fn later(days: u64) -> Millis {
    Millis(NOW.0 + days * DAY)
}

fn on(date: Date, command: Command) -> Command {
    match command {
        Command::Award(award) => Command::Award(xiangyue_protocol::schema::Award { date, ..award }),
        Command::Redeem(entry) => Command::Redeem(xiangyue_protocol::schema::Redemption { date, ..entry }),
        Command::Grant(request) => Command::Grant(xiangyue_protocol::GrantRequest { date, ..request }),
        command => command,
    }
}

/// The village once wrote with a clock sixty days ahead, and was started again with the right one.
fn after_a_fast_clock() -> World {
    let mut world = World::whole();
    world.disconnect_all();
    let village = world.replica_mut(VILLAGE);
    let (answers, _) = village.submit(later(60), &[award("fast", "A1", 1)], Mode::AllOrNothing);
    assert_eq!(answers, [Ok(Outcome::New)]);
    village.flush(later(60)).unwrap();
    world.drain(VILLAGE);
    let journal: Vec<Arc<Segment>> = world.journal(VILLAGE).to_vec();
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, false), journal);
    world
}

#[test]
fn a_clock_that_ran_ahead_once_dates_nothing_in_the_future_once_the_township_is_heard() {
    let mut world = after_a_fast_clock();
    assert_eq!(world.replica(VILLAGE).today(NOW), later(60).china_date(), "alone it cannot tell");
    world.connect(TOWNSHIP, VILLAGE);
    world.settle();
    let village = world.replica_mut(VILLAGE);
    assert_eq!(village.today(NOW), NOW.china_date());
    let tomorrow = on(later(1).china_date(), award("tomorrow", "A1", 1));
    assert_eq!(refusal(village, tomorrow), Code::FutureDate);
    assert_eq!(world.replica(TOWNSHIP).today(NOW), NOW.china_date(), "one village does not move the township's day");
}

#[test]
fn only_the_township_is_believed_about_the_day() {
    let mut world = after_a_fast_clock();
    world.connect(OTHER, VILLAGE);
    world.settle();
    assert_eq!(world.replica(OTHER).today(NOW), NOW.china_date());
    assert_eq!(world.replica(VILLAGE).today(NOW), later(60).china_date());
}

#[test]
fn nothing_of_an_account_is_dated_before_it_was_opened() {
    let mut world = World::whole();
    let early: Date = "2019-12-31".parse().unwrap();
    for command in [award("s9", "A1", 1), redeem("r9", "A1", 1), grant("g9", "A1", 1, MERCHANT_CODE)] {
        assert_eq!(refusal(world.replica_mut(VILLAGE), on(early, command)), Code::BeforeOpening);
    }
}

#[test]
fn a_clock_that_is_set_back_while_the_node_runs_does_not_take_the_day_back() {
    let world = World::whole();
    let village = world.replica(VILLAGE);
    assert_eq!(village.today(Millis(0)), NOW.china_date(), "the township was heard later than 1970");
}
