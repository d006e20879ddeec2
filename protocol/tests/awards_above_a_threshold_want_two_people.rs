//! An award above its rule's threshold counts nothing until another person has approved it, and then once, whoever
//! approves it where and however late it arrives.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use world::{
    MERCHANT, NOW, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, approved_above, award, enrol, key, newborn, org, put,
    redeem, refusal, reverse, revoke, verdict,
};
use xiangyue_protocol::forms::township::SETTING;
use xiangyue_protocol::replica::{Mode, Replica};
use xiangyue_protocol::schema::{Approval, Award, Points, Rule};
use xiangyue_protocol::summary::{ClaimState, PointsSummary, Summary};
use xiangyue_protocol::{Amend, Code, Command, NodeId, Outcome};

const LEDGER: &str = "110112119201/ledger/2021-01";

fn high(request: &str, points: i64) -> Command {
    changed(request, points, |_| {})
}

fn changed(request: &str, points: i64, change: impl FnOnce(&mut Award)) -> Command {
    let Command::Award(mut entry) = award(request, "A1", points) else { unreachable!() };
    entry.rule = "RA".parse().unwrap();
    change(&mut entry);
    Command::Award(entry)
}

/// The world with a rule of up to 100 points, of which more than 20 want a second person.
fn world() -> World {
    let mut world = World::whole();
    world.commit(TOWNSHIP, vec![approved_above("RA", 100, 20)]).unwrap();
    world.settle();
    world
}

fn points(replica: &Replica) -> &PointsSummary {
    match &replica.docs()[&LEDGER.parse().unwrap()].summary {
        Summary::Points(points) => points,
        Summary::Register(_) => unreachable!(),
    }
}

fn earned(replica: &Replica) -> Points {
    replica.views().totals(&"A1".parse().unwrap()).earned
}

fn held(replica: &Replica, node: NodeId) -> Points {
    replica.views().totals(&"A1".parse().unwrap()).share(node).held
}

#[test]
fn a_claim_gives_nothing_until_another_clerk_approves_it() {
    let mut world = world();
    assert_eq!(world.commit(VILLAGE, vec![high("h1", 20)]).unwrap(), [Outcome::New], "up to the threshold");
    assert_eq!(world.commit(VILLAGE, vec![high("h2", 21)]).unwrap(), [Outcome::Claimed]);
    assert_eq!(world.commit(VILLAGE, vec![high("h2", 21)]).unwrap(), [Outcome::Already], "a retry");
    assert_eq!(refusal(world.replica_mut(VILLAGE), high("h2", 22)), Code::RequestReused);
    world.settle();
    for node in [VILLAGE, TOWNSHIP] {
        assert_eq!((earned(world.replica(node)), points(world.replica(node)).waiting().count()), (Points(120), 1));
    }
    assert_eq!(refusal(world.replica_mut(VILLAGE), redeem("r1", "A1", 121)), Code::InsufficientRights);
    assert_eq!(
        refusal(world.replica_mut(VILLAGE), reverse("v1", "h2")),
        Code::UnknownEntry,
        "nothing to take back yet"
    );
    for by in ["c1", "C1", " c1"] {
        assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h2", by, None)), Code::SamePerson, "{by}");
    }
    assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h2", "", None)), Code::MissingValue);
    assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h9", "c2", None)), Code::UnknownClaim);
    assert_eq!(world.commit(VILLAGE, vec![verdict("h2", "c2", None)]).unwrap(), [Outcome::New]);
    assert_eq!(world.commit(VILLAGE, vec![verdict("h2", "c3", None)]).unwrap(), [Outcome::Already]);
    assert_eq!(world.commit(VILLAGE, vec![high("h2", 21)]).unwrap(), [Outcome::Already], "a late retry");
    assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h2", "c2", Some("no"))), Code::UnknownClaim, "too late");
    world.settle();
    assert_eq!(earned(world.replica(TOWNSHIP)), Points(141));
    assert_eq!(points(world.replica(TOWNSHIP)).waiting().count(), 0);
    world.commit(VILLAGE, vec![redeem("r1", "A1", 141), reverse("v1", "h2")]).expect("it is an award like any");
}

#[test]
fn a_declined_claim_stays_out_and_says_why() {
    let mut world = world();
    world.commit(VILLAGE, vec![high("h1", 50)]).unwrap();
    assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h1", "c2", Some(""))), Code::MissingValue);
    assert_eq!(world.commit(VILLAGE, vec![verdict("h1", "c2", Some("no proof"))]).unwrap(), [Outcome::New]);
    assert_eq!(world.commit(VILLAGE, vec![verdict("h1", "c3", Some("late"))]).unwrap(), [Outcome::Already]);
    assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h1", "c3", None)), Code::ClaimDeclined);
    world.settle();
    let summary = points(world.replica(TOWNSHIP));
    let (id, _) = summary.claims.first_key_value().unwrap();
    let ClaimState::Declined(decline) = summary.claim_state(id) else { panic!("{:?}", summary.claim_state(id)) };
    assert_eq!((decline.by.as_str(), decline.memo.as_str()), ("c2", "no proof"));
    assert_eq!(earned(world.replica(TOWNSHIP)), Points(100));
}

#[test]
fn who_enters_and_who_approves_must_be_told_apart() {
    let mut world = world();
    let village = world.replica_mut(VILLAGE);
    assert_eq!(refusal(village, changed("h1", 50, |e| e.by = "".into())), Code::MissingValue);
    let approved = |by: &str| Some(Approval { by: by.into(), claimant: None });
    assert_eq!(refusal(village, changed("h1", 50, |e| e.approval = approved("c1"))), Code::SamePerson);
    let by_two = changed("h1", 50, |e| e.approval = approved("c2"));
    assert_eq!(world.commit(VILLAGE, vec![by_two]).unwrap(), [Outcome::New], "approved before it was entered");
    assert_eq!(earned(world.replica(VILLAGE)), Points(150));
}

#[test]
fn an_approval_is_held_to_the_daily_cap_of_the_day_of_the_deed() {
    let mut world = world();
    let Command::Rule(rule) = approved_above("RC", 30, 20) else { unreachable!() };
    world.commit(TOWNSHIP, vec![Command::Rule(Rule { daily_cap: Some(Points(40)), ..rule })]).unwrap();
    world.settle();
    let capped = |request: &str| changed(request, 30, |e| e.rule = "RC".parse().unwrap());
    world.commit(VILLAGE, vec![capped("h1"), capped("h2")]).expect("claims do not count for the cap");
    world.commit(VILLAGE, vec![verdict("h1", "c2", None)]).unwrap();
    assert_eq!(refusal(world.replica_mut(VILLAGE), verdict("h2", "c2", None)), Code::BeyondCap);
}

#[test]
fn the_townships_threshold_holds_from_its_day_for_rules_that_have_none_of_their_own() {
    let mut world = world();
    let below_zero = approved_above("RB", 100, -1);
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), below_zero), Code::BadNumber);
    let threshold = |from: &str, value: i64| {
        let values = [("setting", "approve_above".into()), ("from", from.into()), ("value", value.into())];
        put(&SETTING, &values, Amend::No)
    };
    let rules = [approved_above("RZ", 100, 0), approved_above("RN", 100, 100)];
    let setting = [threshold("2021-01-05", 60), threshold("2021-01-08", 10)];
    world.commit(TOWNSHIP, rules.into_iter().chain(setting).collect()).unwrap();
    world.settle();
    let mut slips = 0;
    let mut outcome = |rule: &str, points: i64, date: &str| {
        slips += 1;
        let command = changed(&format!("t{slips}"), points, |e| {
            (e.rule, e.date) = (rule.parse().unwrap(), date.parse().unwrap());
        });
        world.commit(VILLAGE, vec![command]).unwrap()[0]
    };
    assert_eq!(outcome("R1", 100, "2021-01-04"), Outcome::New, "before its day");
    assert_eq!(outcome("R1", 60, "2021-01-05"), Outcome::New);
    assert_eq!(outcome("R1", 61, "2021-01-05"), Outcome::Claimed);
    assert_eq!(outcome("R1", 11, "2021-01-08"), Outcome::Claimed, "a later version");
    assert_eq!(outcome("RA", 20, "2021-01-08"), Outcome::New, "the rule's own goes before");
    assert_eq!(outcome("RZ", 1, "2021-01-04"), Outcome::Claimed, "every award of this rule");
    assert_eq!(outcome("RN", 100, "2021-01-08"), Outcome::New, "a rule that wants none");
}

#[test]
fn a_claim_of_a_revoked_node_is_declined_and_entered_anew() {
    let mut world = three();
    let second = 2;
    world.commit(second, vec![high("h1", 50), high("h2", 50)]).unwrap();
    world.commit(VILLAGE, vec![high("h2", 50)]).unwrap();
    meet(&mut world, TOWNSHIP, second);
    meet(&mut world, TOWNSHIP, VILLAGE);
    let lost = world.replica(second).node();
    world.commit(TOWNSHIP, vec![revoke(lost)]).unwrap();
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), verdict("h1", "t2", None)), Code::ClaimStranded);
    world.commit(TOWNSHIP, vec![verdict("h1", "t2", Some("revoked")), verdict("h2", "t2", None)]).unwrap();
    let village = world.replica(VILLAGE).node();
    assert_eq!(held(world.replica(TOWNSHIP), village), Points(50), "of two claims the one at a node in use");
    assert_eq!(held(world.replica(TOWNSHIP), lost), Points::ZERO);
}

#[test]
fn rights_go_to_the_node_that_keeps_the_claim_and_merchants_approve_nothing() {
    let mut world = world();
    world.commit(VILLAGE, vec![high("h1", 50)]).unwrap();
    world.settle();
    assert_eq!(refusal(world.replica_mut(MERCHANT), verdict("h1", "c2", None)), Code::UnknownClaim);
    world.commit(TOWNSHIP, vec![verdict("h1", "t2", None)]).unwrap();
    let (village, township) = (world.replica(VILLAGE).node(), world.replica(TOWNSHIP).node());
    assert_eq!(held(world.replica(TOWNSHIP), village), Points(150));
    assert_eq!(held(world.replica(TOWNSHIP), township), Points::ZERO);
    assert_eq!(refusal(world.replica_mut(VILLAGE), redeem("r1", "A1", 150)), Code::InsufficientRights, "not heard yet");
    world.settle();
    world.commit(VILLAGE, vec![redeem("r1", "A1", 150)]).expect("heard");
}

/// What the nodes of a village and the township do while they cannot reach each other.
#[derive(Clone, Debug)]
enum Step {
    Claim {
        node: usize,
        request: u8,
    },
    Judge {
        node: usize,
        request: u8,
        yes: bool,
    },
    Redeem {
        node: usize,
        points: i64,
    },
    Reverse {
        node: usize,
        request: u8,
    },
    /// Two of them meet.
    Meet(usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        3 => (0usize..3, 0u8..3).prop_map(|(node, request)| Step::Claim { node, request }),
        4 => (0usize..3, 0u8..3, any::<bool>()).prop_map(|(node, request, yes)| Step::Judge { node, request, yes }),
        2 => (0usize..3, 1i64..60).prop_map(|(node, points)| Step::Redeem { node, points }),
        1 => (0usize..3, 0u8..3).prop_map(|(node, request)| Step::Reverse { node, request }),
        4 => (0usize..3, 0usize..3).prop_map(|(a, b)| Step::Meet(a, b)),
    ];
    proptest::collection::vec(step, 1..40)
}

/// The township and two nodes of one village.
fn three() -> World {
    let mut world = World::of(&["110112119", VILLAGE_CODE]);
    let second = world.add(newborn(2, VILLAGE_CODE));
    let mut setup = enrol(&org(VILLAGE_CODE), &key(2))[1..].to_vec();
    setup.extend([world::item("I1", 0), approved_above("RA", 100, 20)]);
    world.commit(TOWNSHIP, setup).unwrap();
    meet(&mut world, TOWNSHIP, VILLAGE);
    world.commit(VILLAGE, vec![world::open_account("A1", VILLAGE_CODE)]).unwrap();
    meet(&mut world, TOWNSHIP, VILLAGE);
    meet(&mut world, TOWNSHIP, second);
    world
}

fn meet(world: &mut World, a: usize, b: usize) {
    if a != b {
        world.connect(a, b);
        world.settle();
        world.disconnect_all();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn approvals_written_apart_are_one_award_and_nobody_overspends(steps in steps()) {
        let mut world = three();
        for step in steps {
            match step {
                Step::Claim { node, request } => {
                    let _ = world.commit(node, vec![high(&format!("h{request}"), 50)]);
                }
                Step::Judge { node, request, yes } => {
                    let no = (!yes).then_some("no");
                    let _ = world.commit(node, vec![verdict(&format!("h{request}"), &format!("d{node}"), no)]);
                }
                Step::Redeem { node, points } => {
                    let at = world.frames_sent();
                    let _ = world.commit(node, vec![redeem(&format!("r{node}-{at}-{points}"), "A1", points)]);
                }
                Step::Reverse { node, request } => {
                    let _ = world.commit(node, vec![reverse(&format!("v{node}-{request}"), &format!("h{request}"))]);
                }
                Step::Meet(a, b) => meet(&mut world, a, b),
            }
            for node in 0..3 {
                let replica = world.replica(node);
                prop_assert!(held(replica, replica.node()) >= Points::ZERO, "at node {}", node);
            }
        }
        for (a, b) in [(0, 1), (0, 2), (0, 1), (0, 2)] {
            meet(&mut world, a, b);
        }
        let township = world.replica(TOWNSHIP);
        let totals = township.views().totals(&"A1".parse().unwrap());
        let summary = township.docs().get(&LEDGER.parse().unwrap()).map(|_| points(township).clone()).unwrap_or_default();
        // Each claim that anybody approved is one award, however many approved it.
        let approved = summary.claims.keys().filter(|id| summary.claim_state(id) == ClaimState::Approved).count();
        prop_assert_eq!(totals.earned, Points(50 * i64::try_from(approved).unwrap()));
        prop_assert!(!totals.is_overspent());
        let net = totals.earned - totals.redeemed - totals.reversed;
        prop_assert_eq!(totals.available() - totals.debt(), net, "points are neither made nor lost");
        for node in [1, 2] {
            prop_assert_eq!(&world.replica(node).docs().get(&LEDGER.parse().unwrap()).map(|doc| doc.summary.clone()),
                &township.docs().get(&LEDGER.parse().unwrap()).map(|doc| doc.summary.clone()));
        }
    }
}

#[test]
fn a_dry_run_claims_and_approves_nothing() {
    let mut world = world();
    let replica = world.replica_mut(VILLAGE);
    let (answers, _) = replica.submit(NOW, &[high("h1", 50), verdict("h1", "c2", None)], Mode::DryRun);
    assert_eq!(answers, [Ok(Outcome::Claimed), Ok(Outcome::New)]);
    assert_eq!((points(replica).claims.len(), earned(replica)), (0, Points(100)));
}
