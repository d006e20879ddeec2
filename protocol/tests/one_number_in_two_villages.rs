//! Two villages that open one account number cannot see it of each other. Wherever the two meet it is noticed, and no
//! counter lets one person spend what another has earned.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::BTreeSet;

use world::{
    MERCHANT, MERCHANT_CODE, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, grant, open_account, org, redeem,
    refusal,
};
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::views::Views;
use xiangyue_protocol::{Code, Outcome};

const OTHER_CODE: &str = "110112119202";

fn number() -> AccountId {
    "A1".parse().unwrap()
}

/// Both villages have A1, and neither knows: 100 points at the first, 50 at the second.
fn both() -> World {
    let mut world = World::whole();
    world.commit(OTHER, vec![open_account("A1", OTHER_CODE), award("t1", "A1", 50)]).unwrap();
    world.settle();
    world
}

fn villages() -> BTreeSet<xiangyue_protocol::OrgCode> {
    BTreeSet::from([org(VILLAGE_CODE), org(OTHER_CODE)])
}

#[test]
fn the_township_sees_both_and_counts_two_accounts() {
    let mut world = both();
    let views = world.replica(TOWNSHIP).views();
    assert_eq!(views.users_of(&number()), villages());
    assert_eq!(views.shared[&number()].keys().cloned().collect::<BTreeSet<_>>(), villages());
    assert_eq!(views.registered().count(), 2);
    assert_eq!(views.village_of(&number()), None);
    let held = [VILLAGE_CODE, OTHER_CODE].map(|village| views.held_by(&org(village), &number()));
    assert_eq!(held, [Points(100), Points(50)], "each village's points are told apart");
    for order in [false, true] {
        let mut docs: Vec<_> = world.replica(TOWNSHIP).docs().iter().collect();
        if order {
            docs.reverse();
        }
        assert_eq!(Views::of(docs.into_iter()), *views, "in any order");
    }
    let to_either = award("x1", "A1", 5);
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), to_either), Code::AccountElsewhere, "to whom?");
}

#[test]
fn grants_of_one_village_alone_are_spent_as_ever() {
    let mut world = both();
    world.commit(VILLAGE, vec![grant("g1", "A1", 30, MERCHANT_CODE)]).unwrap();
    world.settle();
    world.commit(MERCHANT, vec![redeem("m1", "A1", 10)]).unwrap();
    world.settle();
    // The other village reads the counter: it sees that the number is taken, before anything is mixed.
    assert_eq!(refusal(world.replica_mut(OTHER), grant("g2", "A1", 5, MERCHANT_CODE)), Code::AccountElsewhere);
    world.commit(OTHER, vec![redeem("t2", "A1", 20)]).expect("at the village itself its own points are spent");
}

#[test]
fn a_number_seen_in_a_counter_is_not_opened_again() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![grant("g1", "A1", 30, MERCHANT_CODE)]).unwrap();
    world.settle();
    assert_eq!(refusal(world.replica_mut(OTHER), open_account("A1", OTHER_CODE)), Code::AccountElsewhere);
    let again = world.commit(VILLAGE, vec![open_account("A1", VILLAGE_CODE)]);
    assert_eq!(again.unwrap(), [Outcome::Already], "its own village may say again what stands there");
}

#[test]
fn a_merchant_that_holds_grants_of_both_spends_none_until_one_has_its_points_back() {
    let mut world = both();
    world.disconnect_all();
    world.commit(VILLAGE, vec![grant("g1", "A1", 30, MERCHANT_CODE)]).unwrap();
    world.commit(OTHER, vec![grant("g2", "A1", 20, MERCHANT_CODE)]).unwrap();
    world.connect_all();
    world.settle();
    assert_eq!(refusal(world.replica_mut(MERCHANT), redeem("m1", "A1", 1)), Code::AccountElsewhere);
    assert_eq!(refusal(world.replica_mut(VILLAGE), grant("g3", "A1", 1, MERCHANT_CODE)), Code::AccountElsewhere);
    world.commit(MERCHANT, vec![grant("m2", "A1", 20, OTHER_CODE)]).expect("points go back");
    world.settle();
    world.commit(MERCHANT, vec![redeem("m3", "A1", 30)]).expect("what is left is the first village's");
    assert_eq!(refusal(world.replica_mut(MERCHANT), redeem("m4", "A1", 1)), Code::InsufficientRights);
    world.settle();
    let held = [VILLAGE_CODE, OTHER_CODE].map(|v| world.replica(TOWNSHIP).views().held_by(&org(v), &number()));
    assert_eq!(held, [Points(70), Points(50)]);
    assert_eq!(world.replica(TOWNSHIP).views().overspent().count(), 0);
}
