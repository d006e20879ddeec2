//! Points expire when a person asks for it and the township has said until when they may be spent; what was spent counts
//! against the oldest; however the network is cut, nobody overspends by it, and a reversal undoes it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use world::{
    MERCHANT, MERCHANT_CODE, NOW, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, enrol, grant, key, newborn, org, put,
    redeem, refusal, reverse,
};
use xiangyue_protocol::escrow::Totals;
use xiangyue_protocol::forms::points::VALIDITY;
use xiangyue_protocol::replica::Mode;
use xiangyue_protocol::schema::{Award, Points};
use xiangyue_protocol::{Amend, Code, Command, ExpireRequest, Outcome};

/// What was earned in 2020 may be spent until 2021-01-10.
fn policy() -> Command {
    policy_until("2021-01-10", Amend::No)
}

fn policy_until(until: &str, amend: Amend) -> Command {
    put(&VALIDITY, &[("earned_to", "2020-12-31".into()), ("spend_until", until.into())], amend)
}

fn expire(as_of: &str) -> Command {
    Command::Expire(ExpireRequest { account: "A1".parse().unwrap(), as_of: as_of.parse().unwrap(), by: "c1".into() })
}

fn earned(request: &str, points: i64, date: &str) -> Command {
    let Command::Award(entry) = award(request, "A1", points) else { unreachable!() };
    Command::Award(Award { date: date.parse().unwrap(), ..entry })
}

fn totals(world: &World, node: usize) -> Totals {
    world.replica(node).views().totals(&"A1".parse().unwrap())
}

/// The account has 80 of 2020 beside its 100 of 2021.
fn world(commands: Vec<Command>) -> World {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![earned("o1", 50, "2020-03-01"), earned("o2", 30, "2020-12-31")]).unwrap();
    world.commit(TOWNSHIP, commands).unwrap();
    world.settle();
    world
}

#[test]
fn nothing_expires_without_a_policy_nor_before_its_day() {
    let mut world = world(vec![]);
    assert_eq!(world.commit(VILLAGE, vec![expire("2021-01-20")]).unwrap(), [Outcome::Already]);
    world.commit(TOWNSHIP, vec![policy()]).unwrap();
    world.settle();
    assert_eq!(world.commit(VILLAGE, vec![expire("2021-01-10")]).unwrap(), [Outcome::Already], "its last day");
    assert_eq!(totals(&world, VILLAGE).available(), Points(180));
    assert_eq!(refusal(world.replica_mut(VILLAGE), expire("2021-01-21")), Code::FutureDate);
    assert_eq!(refusal(world.replica_mut(MERCHANT), expire("2021-01-20")), Code::NotAllowed);
    let backwards = put_unchecked();
    assert!(backwards.is_err(), "until before earned");
}

fn put_unchecked() -> Result<xiangyue_protocol::forms::Row, xiangyue_protocol::Refusal> {
    let values = [("earned_to", "2020-12-31".into()), ("spend_until", "2020-12-30".into())];
    xiangyue_protocol::forms::Row::new(&VALIDITY, values)
}

#[test]
fn what_was_not_spent_of_the_old_points_expires_once() {
    let mut world = world(vec![policy()]);
    world.commit(VILLAGE, vec![redeem("r1", "A1", 20), expire("2021-01-11")]).unwrap();
    let after = totals(&world, VILLAGE);
    assert_eq!((after.expired, after.available()), (Points(60), Points(100)), "80 less the 20 that were spent");
    assert_eq!(world.commit(VILLAGE, vec![expire("2021-01-20")]).unwrap(), [Outcome::Already]);
    assert_eq!(refusal(world.replica_mut(VILLAGE), redeem("r2", "A1", 101)), Code::InsufficientRights);
    world.settle();
    assert_eq!(totals(&world, TOWNSHIP).expired, Points(60));
    world.commit(VILLAGE, vec![redeem("r2", "A1", 100)]).unwrap();
}

#[test]
fn a_reversal_gives_them_back_and_a_longer_policy_keeps_them() {
    let mut world = world(vec![policy()]);
    world.commit(VILLAGE, vec![expire("2021-01-11")]).unwrap();
    let node = world.replica(VILLAGE).node().short();
    let number = |n: u8| format!("expiry-{node}-A1-2020-12-31-{n}");
    world.commit(VILLAGE, vec![reverse("v1", &number(1))]).unwrap();
    assert_eq!(refusal(world.replica_mut(VILLAGE), reverse("v2", &number(1))), Code::AlreadyReversed);
    assert_eq!((totals(&world, VILLAGE).expired, totals(&world, VILLAGE).available()), (Points(0), Points(180)));
    assert_eq!(world.commit(VILLAGE, vec![expire("2021-01-11")]).unwrap(), [Outcome::New], "the policy still says so");
    world.commit(VILLAGE, vec![reverse("v2", &number(2))]).unwrap();
    world.commit(TOWNSHIP, vec![policy_until("2021-06-30", Amend::Latest)]).unwrap();
    world.settle();
    assert_eq!(world.commit(VILLAGE, vec![expire("2021-01-20")]).unwrap(), [Outcome::Already]);
    assert_eq!(totals(&world, VILLAGE).available(), Points(180));
}

#[test]
fn rights_at_a_merchant_stay_there_until_they_come_back() {
    let mut world = world(vec![policy()]);
    world.commit(VILLAGE, vec![grant("g1", "A1", 150, MERCHANT_CODE)]).unwrap();
    world.settle();
    world.commit(VILLAGE, vec![expire("2021-01-11")]).unwrap();
    assert_eq!(totals(&world, VILLAGE).expired, Points(30), "what the village holds");
    let left = world.replica(VILLAGE).expiring(&"A1".parse().unwrap(), "2021-01-11".parse().unwrap()).unwrap();
    assert_eq!((left.here, left.elsewhere), (Points(0), Points(50)));
    world.settle();
    world.commit(MERCHANT, vec![grant("g2", "A1", 150, VILLAGE_CODE)]).unwrap();
    world.settle();
    world.commit(VILLAGE, vec![expire("2021-01-11")]).unwrap();
    assert_eq!((totals(&world, VILLAGE).expired, totals(&world, VILLAGE).available()), (Points(80), Points(100)));
}

#[test]
fn a_reversed_award_is_not_expired_as_well() {
    let mut world = world(vec![policy()]);
    world.commit(VILLAGE, vec![reverse("v1", "o1"), expire("2021-01-11")]).unwrap();
    let after = totals(&world, VILLAGE);
    assert_eq!((after.reversed, after.expired, after.available()), (Points(50), Points(30), Points(100)));
}

#[test]
fn a_dry_run_lets_nothing_expire() {
    let mut world = world(vec![policy()]);
    let (answers, _) = world.replica_mut(VILLAGE).submit(NOW, &[expire("2021-01-11")], Mode::DryRun);
    assert_eq!((answers, totals(&world, VILLAGE).expired), (vec![Ok(Outcome::New)], Points(0)));
}

/// The township, two nodes of one village, a merchant; all know the policy, and the account has 90 of 2020.
fn four() -> World {
    let mut world = World::of(&["110112119", VILLAGE_CODE]);
    world.add(newborn(2, VILLAGE_CODE));
    world.add(newborn(3, MERCHANT_CODE));
    let mut setup = enrol(&org(VILLAGE_CODE), &key(2))[1..].to_vec();
    setup.extend(enrol(&org(MERCHANT_CODE), &key(3)));
    setup.extend([world::item("I1", 0), policy()]);
    world.commit(TOWNSHIP, setup).unwrap();
    meet(&mut world, TOWNSHIP, VILLAGE);
    let old = [world::open_account("A1", VILLAGE_CODE), earned("o1", 90, "2020-06-01")];
    world.commit(VILLAGE, old.to_vec()).unwrap();
    all_meet(&mut world);
    world
}

fn meet(world: &mut World, a: usize, b: usize) {
    if a != b {
        world.connect(a, b);
        world.settle();
        world.disconnect_all();
    }
}

fn all_meet(world: &mut World) {
    for node in [1, 2, 3, 1, 2] {
        meet(world, TOWNSHIP, node);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Award {
        node: usize,
        points: i64,
        old: bool,
    },
    Redeem {
        node: usize,
        points: i64,
    },
    Grant {
        node: usize,
        points: i64,
        to: usize,
    },
    Expire {
        node: usize,
    },
    /// Takes back the node's first or second expiry.
    Undo {
        node: usize,
        n: u8,
    },
    Meet(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => (0usize..3, 1i64..60, any::<bool>()).prop_map(|(node, points, old)| Step::Award { node, points, old }),
        3 => (1usize..4, 1i64..60).prop_map(|(node, points)| Step::Redeem { node, points }),
        2 => (0usize..4, 1i64..60, 0usize..2).prop_map(|(node, points, to)| Step::Grant { node, points, to }),
        4 => (0usize..4).prop_map(|node| Step::Expire { node }),
        1 => (0usize..3, 1u8..3).prop_map(|(node, n)| Step::Undo { node, n }),
        4 => (0usize..4, 0usize..4).prop_map(|(a, b)| Step::Meet(a, b)),
    ];
    proptest::collection::vec(step, 1..40)
}

fn command(world: &World, at: usize, step: &Step) -> (usize, Command) {
    match step {
        Step::Award { node, points, old } => {
            let date = if *old { "2020-07-01" } else { "2021-01-05" };
            (*node, earned(&format!("e{at}"), *points, date))
        }
        Step::Redeem { node, points } => (*node, redeem(&format!("r{at}"), "A1", *points)),
        Step::Grant { node, points, to } => {
            (*node, grant(&format!("g{at}"), "A1", *points, [VILLAGE_CODE, MERCHANT_CODE][*to]))
        }
        Step::Expire { node } => (*node, expire("2021-01-15")),
        Step::Undo { node, n } => {
            let of = format!("expiry-{}-A1-2020-12-31-{n}", world.replica(*node).node().short());
            (*node, reverse(&format!("v{at}"), &of))
        }
        Step::Meet(..) => unreachable!(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn nobody_overspends_when_nodes_let_points_expire_apart(steps in steps()) {
        let mut world = four();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Meet(a, b) => meet(&mut world, *a, *b),
                step => {
                    let (node, command) = command(&world, at, step);
                    let _ = world.commit(node, vec![command]);
                }
            }
            for node in 0..4 {
                let held = totals(&world, node).share(world.replica(node).node()).held;
                prop_assert!(held >= Points::ZERO, "node {} holds {}", node, held);
            }
        }
        all_meet(&mut world);
        let after = totals(&world, TOWNSHIP);
        prop_assert!(!after.is_overspent());
        let balance = after.earned - after.redeemed - after.reversed - after.expired;
        prop_assert_eq!(after.available() - after.debt(), balance, "points are neither made nor lost");
        prop_assert!(after.expired >= Points::ZERO);
        for node in 1..3 {
            prop_assert_eq!(totals(&world, node), after.clone(), "node {}", node);
        }
    }

    #[test]
    fn nodes_that_know_the_same_let_the_old_points_expire_once(
        steps in steps(),
        order in Just(vec![0usize, 1, 2]).prop_shuffle(),
    ) {
        let mut world = four();
        for (at, step) in steps.iter().enumerate() {
            match step {
                Step::Meet(..) | Step::Expire { .. } => all_meet(&mut world),
                step => {
                    let (node, command) = command(&world, at, step);
                    let _ = world.commit(node, vec![command]);
                }
            }
        }
        all_meet(&mut world);
        let before = totals(&world, TOWNSHIP);
        let spent = before.redeemed.0;
        let old: i64 = 90 + steps.iter().enumerate().map(|(at, step)| match step {
            Step::Award { points, old: true, .. } if world.replica(TOWNSHIP).slip(&format!("e{at}").parse().unwrap()).is_some() => *points,
            _ => 0,
        }).sum::<i64>();
        // All at once, none having heard of another.
        for node in order {
            let _ = world.commit(node, vec![expire("2021-01-15")]);
        }
        all_meet(&mut world);
        let at_merchant = before.share(world.replica(3).node()).held.0;
        let at_register = before.available().0 - at_merchant;
        prop_assert_eq!(totals(&world, TOWNSHIP).expired.0, (old - spent).max(0).min(at_register));
    }
}
