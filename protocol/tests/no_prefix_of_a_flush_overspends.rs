//! A power cut may leave any first part of what one flush appends: none of them gives up rights that it has not got.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use world::{MERCHANT_CODE, VILLAGE, VILLAGE_CODE, World, award, beliefs, grant, life, redeem, write};
use xiangyue_protocol::schema::{Award, Points, Redemption};
use xiangyue_protocol::segment::Sealed;
use xiangyue_protocol::{Command, Date};

fn dated(command: Command, on: &str) -> Command {
    let date: Date = on.parse().unwrap();
    match command {
        Command::Award(entry) => Command::Award(Award { date, ..entry }),
        Command::Redeem(entry) => Command::Redeem(Redemption { date, ..entry }),
        other => other,
    }
}

/// What the village's node holds of the account after each segment of one flush.
fn held_after_each(commands: &[Command]) -> Vec<Points> {
    let mut world = World::whole();
    let before: Vec<_> = world.journal(VILLAGE).to_vec();
    let written = write(world.replica_mut(VILLAGE), commands);
    let held = |count: usize| {
        let mut replica = life(1, VILLAGE_CODE, 9, false);
        for segment in before.iter().chain(&written[..count]) {
            replica.replay(Sealed::parse(segment.bytes.clone()).unwrap().from_journal()).unwrap();
        }
        if count == written.len() {
            assert_eq!(beliefs(&replica).0, beliefs(world.replica(VILLAGE)).0);
        }
        replica.views().totals(&"A1".parse().unwrap()).share(replica.node()).held
    };
    (0..=written.len()).map(held).collect()
}

fn never_below_zero(commands: &[Command]) -> usize {
    let held = held_after_each(commands);
    assert!(held.iter().all(|points| *points >= Points::ZERO), "{held:?}");
    held.len() - 1
}

#[test]
fn a_late_slip_that_spends_an_award_of_today() {
    let spent = [award("n1", "A1", 90), dated(redeem("n2", "A1", 185), "2020-12-30")];
    assert_eq!(never_below_zero(&spent), 2);
}

#[test]
fn months_that_pay_for_each_other_by_turns() {
    let old = "2020-12-30";
    let turns = [
        award("n1", "A1", 90),
        dated(redeem("n2", "A1", 185), old),
        dated(award("n3", "A1", 80), old),
        redeem("n4", "A1", 84),
        award("n5", "A1", 70),
        grant("n6", "A1", 71, MERCHANT_CODE),
    ];
    never_below_zero(&turns);
}

#[test]
fn awards_of_several_months_stay_one_segment_for_each() {
    let old = "2020-12-30";
    let list: Vec<Command> = (0..40)
        .map(|n| {
            let entry = award(&format!("n{n}"), "A1", 1);
            if n % 2 == 0 { dated(entry, old) } else { entry }
        })
        .collect();
    assert_eq!(never_below_zero(&list), 2);
}
