//! Automatic granting: ahead of need or on demand, within its share, once for each reason, and never beyond what is held.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use world::{
    MERCHANT, MERCHANT_CODE, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, grant, life, redeem, reverse,
};
use xiangyue_protocol::policy::{Granting, Grants, Policy};
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::{Code, Command};

const NODES: usize = 4;

fn policy(granting: Granting, points: i64, share_percent: u8) -> Policy {
    let grants = Grants { policy: granting, points: Points(points), share_percent, ..Grants::default() };
    Policy { grants, ..Policy::default() }
}

/// [`World::whole`], all governed alike: account A1 with 100 points at the first village.
fn town(granting: Granting, points: i64, share_percent: u8) -> World {
    let mut world = World::whole();
    for node in 0..NODES {
        world.replica_mut(node).govern(policy(granting, points, share_percent));
    }
    world.settle_in_time();
    world
}

fn account(name: &str) -> AccountId {
    name.parse().unwrap()
}

fn held(world: &World, at: usize, of: usize) -> i64 {
    world.replica(at).views().totals(&account("A1")).share(world.replica(of).node()).held.0
}

#[test]
fn nothing_is_granted_without_a_policy() {
    let mut world = town(Granting::None, 20, 50);
    assert_eq!(world.commit(MERCHANT, vec![redeem("m1", "A1", 5)]).unwrap_err().code(), Code::InsufficientRights);
    world.settle_in_time();
    assert_eq!(held(&world, MERCHANT, MERCHANT), 0);
    assert_eq!(world.replica(VILLAGE).views().asks.len(), 0);
}

#[test]
fn a_merchant_is_kept_supplied_ahead_of_need() {
    let mut world = town(Granting::Fixed, 20, 50);
    assert_eq!((held(&world, MERCHANT, MERCHANT), held(&world, MERCHANT, VILLAGE)), (20, -20));
    world.commit(MERCHANT, vec![redeem("m1", "A1", 9)]).unwrap();
    world.settle_in_time();
    assert_eq!(held(&world, MERCHANT, MERCHANT), 11, "more than half is left");
    world.commit(MERCHANT, vec![redeem("m2", "A1", 2)]).unwrap();
    world.settle_in_time();
    assert_eq!(held(&world, MERCHANT, MERCHANT), 20);
    // 11 of 100 are spent: half of what is left may lie with the merchant, and no more.
    world.replica_mut(VILLAGE).govern(policy(Granting::Fixed, 1_000, 50));
    world.settle_in_time();
    assert_eq!((held(&world, VILLAGE, MERCHANT), held(&world, VILLAGE, VILLAGE)), (44, 45));
}

#[test]
fn a_merchant_that_must_refuse_asks_and_is_answered_once() {
    let mut world = town(Granting::Demand, 20, 50);
    for slip in ["m1", "m2"] {
        assert_eq!(world.commit(MERCHANT, vec![redeem(slip, "A1", 7)]).unwrap_err().code(), Code::InsufficientRights);
    }
    assert_eq!(world.replica(MERCHANT).grant_status().open, 1, "the same is not asked for twice");
    world.settle_in_time();
    assert_eq!(held(&world, MERCHANT, MERCHANT), 7);
    assert_eq!(world.replica(MERCHANT).grant_status().open, 0);
    assert_eq!(world.replica(VILLAGE).grant_status().granted, 1);
    world.commit(MERCHANT, vec![redeem("m1", "A1", 7)]).unwrap();
    world.settle_in_time();
    assert_eq!((held(&world, TOWNSHIP, MERCHANT), held(&world, TOWNSHIP, VILLAGE)), (0, 93));
}

#[test]
fn an_ask_waits_for_points_and_for_the_village() {
    let mut world = town(Granting::Demand, 20, 100);
    world.commit(VILLAGE, vec![redeem("v1", "A1", 100)]).unwrap();
    world.settle_in_time();
    world.disconnect(TOWNSHIP, VILLAGE);
    world.commit(MERCHANT, vec![redeem("m1", "A1", 10)]).unwrap_err();
    world.settle_in_time();
    world.connect(TOWNSHIP, VILLAGE);
    world.settle_in_time();
    assert_eq!(world.replica(VILLAGE).grant_status().open, 1, "heard of, but nothing to give");
    world.commit(VILLAGE, vec![award("s2", "A1", 4)]).unwrap();
    world.settle_in_time();
    assert_eq!((held(&world, MERCHANT, MERCHANT), held(&world, VILLAGE, VILLAGE)), (4, 0));
}

#[test]
fn a_grant_that_a_crash_took_is_written_again_under_its_number() {
    let mut world = World::whole();
    let before = world.journal(VILLAGE).to_vec();
    let grants = |world: &World| -> Vec<String> {
        let summaries = world.replica(VILLAGE).docs().values().map(|doc| &doc.summary);
        let points = summaries.filter_map(|summary| match summary {
            xiangyue_protocol::summary::Summary::Points(points) => Some(points),
            _ => None,
        });
        points
            .flat_map(|points| points.slips.keys())
            .map(ToString::to_string)
            .filter(|r| r.starts_with("auto-"))
            .collect()
    };
    world.disconnect_all();
    world.replica_mut(VILLAGE).govern(policy(Granting::Fixed, 20, 50));
    world.settle_in_time();
    let first = grants(&world);
    assert_eq!(first.len(), 1);
    // The machine dies before the journal has the grant; nobody has heard of it.
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, false), before);
    assert_eq!(grants(&world).len(), 0);
    world.replica_mut(VILLAGE).govern(policy(Granting::Fixed, 20, 50));
    world.settle_in_time();
    assert_eq!(grants(&world), first);
    // Started again with the grant on its disk, it grants nothing more.
    let whole = world.journal(VILLAGE).to_vec();
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 3, false), whole);
    world.replica_mut(VILLAGE).govern(policy(Granting::Fixed, 20, 50));
    world.settle_in_time();
    assert_eq!(grants(&world), first);
}

#[test]
fn a_frozen_node_grants_nothing_until_it_has_its_own_entries_back() {
    let mut world = town(Granting::None, 20, 50);
    world.disconnect_all();
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, true), Vec::new());
    world.replica_mut(VILLAGE).govern(policy(Granting::Fixed, 20, 50));
    world.settle_in_time();
    assert_eq!(world.journal(VILLAGE).len(), 0);
    world.connect_all();
    world.settle_in_time();
    assert!(!world.replica(VILLAGE).is_frozen());
    world.commit(VILLAGE, vec![award("s2", "A1", 1)]).unwrap();
    world.settle_in_time();
    assert_eq!(held(&world, MERCHANT, MERCHANT), 20);
}

#[test]
fn a_merchant_that_joins_later_is_supplied_too() {
    let mut world = town(Granting::Fixed, 20, 50);
    let late = world.add(world::newborn(9, "110112119M02"));
    world.commit(TOWNSHIP, world::enrol(&world::org("110112119M02"), &world::key(9)).to_vec()).unwrap();
    world.connect(TOWNSHIP, late);
    world.settle_in_time();
    assert_eq!(held(&world, late, late), 20);
}

#[derive(Clone, Debug)]
enum Step {
    Award(usize, i64),
    Redeem(usize, i64),
    Grant(i64),
    GrantBack(i64),
    Reverse(usize),
    Part(usize),
    Join(usize),
    Deliver(usize),
    Wait,
    Restart(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (prop::sample::select(vec![VILLAGE, TOWNSHIP]), 1i64..30).prop_map(|(node, p)| Step::Award(node, p)),
        4 => (prop::sample::select(vec![VILLAGE, MERCHANT]), 1i64..30).prop_map(|(node, p)| Step::Redeem(node, p)),
        1 => (1i64..20).prop_map(Step::Grant),
        1 => (1i64..20).prop_map(Step::GrantBack),
        1 => (0usize..20).prop_map(Step::Reverse),
        1 => (1..NODES).prop_map(Step::Part),
        1 => (1..NODES).prop_map(Step::Join),
        3 => (1usize..20).prop_map(Step::Deliver),
        2 => Just(Step::Wait),
        1 => prop::sample::select(vec![VILLAGE, MERCHANT]).prop_map(Step::Restart),
    ]
}

fn overspent(replica: &Replica) -> usize {
    replica.views().overspent().count()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn nobody_overspends_whatever_is_granted(
        policies in prop::collection::vec(
            (prop::sample::select(Granting::ALL.to_vec()), 1i64..60, 0u8..=100).prop_map(|(g, p, s)| policy(g, p, s)),
            NODES,
        ),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut world = World::whole();
        world.strict = false;
        let codes = ["110112119", VILLAGE_CODE, "110112119202", MERCHANT_CODE];
        for (node, policy) in policies.iter().enumerate() {
            world.replica_mut(node).govern(policy.clone());
        }
        let mut up = [true; NODES];
        let mut lives = 1;
        for (number, step) in steps.into_iter().enumerate() {
            let slip = format!("p{number}");
            let (node, command): (usize, Command) = match step {
                Step::Award(node, points) => (node, award(&slip, "A1", points)),
                Step::Redeem(node, points) => (node, redeem(&slip, "A1", points)),
                Step::Grant(points) => (VILLAGE, grant(&slip, "A1", points, MERCHANT_CODE)),
                Step::GrantBack(points) => (MERCHANT, grant(&slip, "A1", points, VILLAGE_CODE)),
                Step::Reverse(of) => (VILLAGE, reverse(&slip, &format!("p{of}"))),
                Step::Part(node) if up[node] => {
                    world.disconnect(TOWNSHIP, node);
                    up[node] = false;
                    continue;
                }
                Step::Join(node) if !up[node] => {
                    world.connect(TOWNSHIP, node);
                    up[node] = true;
                    continue;
                }
                Step::Deliver(frames) => {
                    (0..frames).for_each(|_| { world.step(); });
                    continue;
                }
                Step::Wait => {
                    world.settle_in_time();
                    continue;
                }
                Step::Restart(node) => {
                    world.disconnect(TOWNSHIP, node);
                    up[node] = false;
                    lives += 1;
                    let journal = world.journal(node).to_vec();
                    let n = u8::try_from(node).unwrap();
                    world.replace(node, life(n, codes[node], lives, false), journal);
                    world.replica_mut(node).govern(policies[node].clone());
                    continue;
                }
                Step::Part(_) | Step::Join(_) => continue,
            };
            // A refusal is as good as an entry here.
            let _answer = world.commit(node, vec![command]);
        }
        (1..NODES).filter(|node| !up[*node]).for_each(|node| world.connect(TOWNSHIP, node));
        world.settle_in_time();
        for node in 0..NODES {
            prop_assert_eq!(overspent(world.replica(node)), 0, "node {}", node);
        }
        let totals = world.replica(TOWNSHIP).views().totals(&account("A1"));
        prop_assert!(totals.shares.iter().all(|(node, _)| totals.share(*node).held >= Points::ZERO), "{:?}", totals);
        let spent = totals.earned - totals.redeemed - totals.reversed + totals.debt();
        prop_assert_eq!(totals.available(), spent, "grants move points and make none");
        prop_assert_eq!(&world.replica(OTHER).views().asks, &world.replica(MERCHANT).views().asks);
        prop_assert!(world.alarms.is_empty(), "{:?}", world.alarms);
    }
}
