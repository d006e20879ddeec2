//! Every rule by which a command is refused, by its code; and what a list of commands does as a whole.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::sync::Arc;

use world::{
    MERCHANT, MERCHANT_CODE, NOW, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, award, beliefs, drained, enrol, grant, item,
    key, life, open_account, org, redeem, refusal, reverse, revoke, write,
};
use xiangyue_protocol::forms::organisation::TERM;
use xiangyue_protocol::forms::{Row, Value};
use xiangyue_protocol::replica::{Effect, Mode, Replica};
use xiangyue_protocol::schema::{Award, Points, Redemption, Rule};
use xiangyue_protocol::segment::Sealed;
use xiangyue_protocol::{Amend, Code, Command, Outcome, PutRequest};

fn awarded(change: impl FnOnce(&mut Award)) -> Command {
    let Command::Award(mut entry) = award("x1", "A1", 5) else { unreachable!() };
    change(&mut entry);
    Command::Award(entry)
}

fn redeemed(change: impl FnOnce(&mut Redemption)) -> Command {
    let Command::Redeem(mut entry) = redeem("x1", "A1", 5) else { unreachable!() };
    change(&mut entry);
    Command::Redeem(entry)
}

fn capped(points: i64, cap: i64) -> Command {
    let Command::Rule(rule) = world::rule("RC", points) else { unreachable!() };
    Command::Rule(Rule { daily_cap: Some(Points(cap)), ..rule })
}

fn under(request: &str, rule: &str, points: i64) -> Command {
    let Command::Award(entry) = award(request, "A1", points) else { unreachable!() };
    Command::Award(Award { rule: rule.parse().unwrap(), ..entry })
}

fn village(world: &mut World) -> &mut Replica {
    world.replica_mut(VILLAGE)
}

#[test]
fn awards_are_held_to_the_rule_book() {
    let mut world = World::whole();
    let refused = |world: &mut World, change: &dyn Fn(&mut Award)| refusal(village(world), awarded(change));
    assert_eq!(refused(&mut world, &|e| e.points = Points(101)), Code::BeyondRule);
    assert_eq!(refused(&mut world, &|e| e.points = Points(0)), Code::BeyondRule);
    assert_eq!(refused(&mut world, &|e| e.points = Points(-5)), Code::BeyondRule);
    assert_eq!(refused(&mut world, &|e| e.points = Points(i64::MAX)), Code::BeyondRule);
    assert_eq!(refused(&mut world, &|e| e.date = "2021-01-21".parse().unwrap()), Code::FutureDate);
    assert_eq!(refused(&mut world, &|e| e.date = "2019-12-31".parse().unwrap()), Code::BeforeOpening);
    assert_eq!(refused(&mut world, &|e| e.rule = "R7".parse().unwrap()), Code::UnknownRule);
    assert_eq!(refused(&mut world, &|e| e.account = "A9".parse().unwrap()), Code::UnknownAccount);
    assert_eq!(refused(&mut world, &|e| e.memo = "长".repeat(342).into()), Code::TooLong);
    world.commit(VILLAGE, vec![awarded(|e| e.date = "2021-01-20".parse().unwrap())]).expect("today counts");
}

#[test]
fn what_the_clerk_says_about_debts_is_ignored() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![awarded(|e| e.repaid = Points(5))]).expect("award");
    assert_eq!(world.replica(VILLAGE).views().totals(&"A1".parse().unwrap()).available(), Points(105));
}

#[test]
fn the_daily_cap_holds_across_slips_and_frees_what_is_reversed() {
    let mut world = World::whole();
    world.commit(TOWNSHIP, vec![capped(8, 10)]).expect("rule");
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), capped(8, 7)), Code::CapBelowPoints);
    world.settle();
    world.commit(VILLAGE, vec![under("c1", "RC", 6)]).expect("six of ten");
    assert_eq!(refusal(village(&mut world), under("c2", "RC", 5)), Code::BeyondCap);
    world.commit(VILLAGE, vec![under("c2", "RC", 4)]).expect("ten of ten");
    assert_eq!(refusal(village(&mut world), under("c3", "RC", 1)), Code::BeyondCap);
    world.commit(VILLAGE, vec![reverse("v1", "c1")]).expect("reversed");
    assert_eq!(refusal(village(&mut world), under("c3", "RC", 7)), Code::BeyondCap);
    world.commit(VILLAGE, vec![under("c3", "RC", 6)]).expect("ten of ten again");
}

#[test]
fn redemptions_are_held_to_items_prices_and_rights() {
    let mut world = World::whole();
    world.commit(TOWNSHIP, vec![item("I5", 5)]).expect("item");
    world.settle();
    let refused = |world: &mut World, change: &dyn Fn(&mut Redemption)| refusal(village(world), redeemed(change));
    assert_eq!(refused(&mut world, &|e| e.points = Points(101)), Code::InsufficientRights);
    assert_eq!(refused(&mut world, &|e| e.item = "I9".parse().unwrap()), Code::UnknownItem);
    assert_eq!(refused(&mut world, &|e| e.account = "A9".parse().unwrap()), Code::UnknownAccount);
    assert_eq!(refused(&mut world, &|e| e.merchant = Some(org("110112119M09"))), Code::UnknownMerchant);
    assert_eq!(refused(&mut world, &|e| e.date = "2021-01-21".parse().unwrap()), Code::FutureDate);
    assert_eq!(refused(&mut world, &|e| e.points = Points(0)), Code::MissingValue);
    assert_eq!(refused(&mut world, &|e| e.points = Points(-5)), Code::BelowPrice);
    let seven = |e: &mut Redemption| (e.item, e.points) = ("I5".parse().unwrap(), Points(7));
    assert_eq!(refused(&mut world, &seven), Code::BelowPrice);
    assert_eq!(refusal(world.replica_mut(MERCHANT), redeem("x1", "A1", 1)), Code::InsufficientRights);
    let two = |e: &mut Redemption| (e.item, e.points) = ("I5".parse().unwrap(), Points(10));
    world.commit(VILLAGE, vec![redeemed(two)]).expect("two for ten");
}

#[test]
fn a_retry_is_already_and_a_number_is_not_used_twice() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![redeem("r1", "A1", 5), grant("g1", "A1", 5, MERCHANT_CODE)]).expect("entries");
    world.commit(VILLAGE, vec![reverse("v1", "r1")]).expect("reversed");
    let before = beliefs(world.replica(VILLAGE));
    let again = vec![
        open_account("A1", VILLAGE_CODE),
        award("s1", "A1", 100),
        redeem("r1", "A1", 5),
        grant("g1", "A1", 5, MERCHANT_CODE),
        reverse("v1", "r1"),
    ];
    assert_eq!(world.commit(VILLAGE, again), Ok(vec![Outcome::Already; 5]));
    assert_eq!(beliefs(world.replica(VILLAGE)), before);
    let village = village(&mut world);
    assert_eq!(refusal(village, award("s1", "A1", 99)), Code::RequestReused);
    assert_eq!(refusal(village, redeem("s1", "A1", 100)), Code::RequestReused, "an award's number");
    assert_eq!(refusal(village, grant("r1", "A1", 5, MERCHANT_CODE)), Code::RequestReused);
    let Command::Account { village: code, account } = open_account("A1", VILLAGE_CODE) else { unreachable!() };
    let other = Command::Account {
        village: code,
        account: xiangyue_protocol::schema::Account { opened: "2020-02-02".parse().unwrap(), ..account },
    };
    assert_eq!(refusal(village, other), Code::AccountExists);
    let township = world.replica_mut(TOWNSHIP);
    assert_eq!(refusal(township, world::rule("R1", 7)), Code::RequestReused);
}

#[test]
fn only_ones_own_awards_and_redemptions_are_reversed_and_only_once() {
    let mut world = World::whole();
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), reverse("v1", "s1")), Code::UnknownEntry, "the village's");
    assert_eq!(refusal(village(&mut world), reverse("v1", "s9")), Code::UnknownEntry, "nobody's");
    world.commit(VILLAGE, vec![reverse("v1", "s1"), grant_free()]).expect("reversed");
    assert_eq!(refusal(village(&mut world), reverse("v2", "s1")), Code::AlreadyReversed);
    assert_eq!(refusal(village(&mut world), reverse("v2", "v1")), Code::NotReversible, "a reversal stands");
    assert_eq!(world.replica(VILLAGE).views().totals(&"A1".parse().unwrap()).reversed, Points(100));
}

fn grant_free() -> Command {
    award("s5", "A1", 1)
}

#[test]
fn of_two_clerks_who_entered_one_slip_apart_each_can_take_his_back() {
    let mut world = World::whole();
    world.disconnect_all();
    world.commit(VILLAGE, vec![award("d1", "A1", 5)]).expect("at the village");
    world.commit(TOWNSHIP, vec![award("d1", "A1", 5)]).expect("at the township");
    world.connect_all();
    world.settle();
    let total = |world: &World| world.replica(TOWNSHIP).views().totals(&"A1".parse().unwrap()).available();
    assert_eq!(total(&world), Points(110), "both count until a person looks");
    let mut other = World::whole();
    other.disconnect_all();
    other.commit(VILLAGE, vec![award("d1", "A1", 5)]).expect("at the village");
    other.commit(TOWNSHIP, vec![award("d1", "A1", 5)]).expect("at the township");
    other.connect_all();
    other.settle();
    for (mut world, node) in [(world, VILLAGE), (other, TOWNSHIP)] {
        world.commit(node, vec![reverse("v1", "d1")]).expect("one's own");
        world.settle();
        assert_eq!(total(&world), Points(105), "taken back by node {node}");
    }
}

#[test]
fn grants_go_to_nodes_that_will_hear_of_them() {
    let mut world = World::whole();
    let refused = |world: &mut World, to: &str, points| refusal(village(world), grant("g1", "A1", points, to));
    assert_eq!(refused(&mut world, MERCHANT_CODE, 101), Code::InsufficientRights);
    assert_eq!(refused(&mut world, MERCHANT_CODE, 0), Code::BadNumber);
    assert_eq!(refused(&mut world, "110112119M09", 5), Code::UnknownMerchant);
    assert_eq!(refused(&mut world, VILLAGE_CODE, 5), Code::UnknownMerchant, "to itself");
    assert_eq!(refused(&mut world, "110112119202", 5), Code::NotAllowed, "a village that cannot read it");
    world.commit(VILLAGE, vec![grant("g1", "A1", 60, MERCHANT_CODE)]).expect("granted");
    world.settle();
    assert_eq!(refusal(village(&mut world), redeem("r1", "A1", 41)), Code::InsufficientRights);
    world.commit(MERCHANT, vec![redeem("r2", "A1", 50)]).expect("at the merchant");
    world.commit(MERCHANT, vec![grant("g2", "A1", 10, VILLAGE_CODE)]).expect("the rest goes back");
    world.settle();
    world.commit(VILLAGE, vec![redeem("r3", "A1", 50)]).expect("forty and ten");
    world.settle();
    let totals = world.replica(TOWNSHIP).views().totals(&"A1".parse().unwrap());
    assert_eq!((totals.available(), totals.redeemed, totals.is_overspent()), (Points(0), Points(100), false));
}

#[test]
fn a_grant_is_known_again_when_the_merchants_node_has_been_revoked_or_replaced() {
    let mut world = World::whole();
    world.strict = false;
    let done = grant("g1", "A1", 60, MERCHANT_CODE);
    world.commit(VILLAGE, vec![done.clone()]).expect("granted");
    world.settle();
    let lost = world.replica(MERCHANT).node();
    world.commit(TOWNSHIP, vec![revoke(lost)]).expect("revoked");
    world.settle();
    assert_eq!(world.commit(VILLAGE, vec![done.clone()]).expect("known"), [Outcome::Already]);
    assert_eq!(refusal(village(&mut world), grant("g1", "A1", 61, MERCHANT_CODE)), Code::RequestReused);
    assert_eq!(refusal(village(&mut world), grant("g2", "A1", 1, MERCHANT_CODE)), Code::UnknownMerchant);
    world.commit(TOWNSHIP, enrol(&org(MERCHANT_CODE), &key(9)).to_vec()[1..].to_vec()).expect("a new node");
    world.settle();
    assert_eq!(world.commit(VILLAGE, vec![done]).expect("known"), [Outcome::Already]);
    assert_eq!(world.commit(VILLAGE, vec![grant("g2", "A1", 1, MERCHANT_CODE)]).expect("to it"), [Outcome::New]);
}

#[test]
fn one_number_twice_in_one_list_is_judged_in_order() {
    let mut world = World::whole();
    let answers =
        world.commit(VILLAGE, vec![award("x1", "A1", 5), award("x1", "A1", 5), award("x2", "A1", 5)]).expect("fine");
    assert_eq!(answers, [Outcome::New, Outcome::Already, Outcome::New]);
    let (answers, _) = village(&mut world).submit(
        NOW,
        &[award("x3", "A1", 5), award("x3", "A1", 6), redeem("x4", "A1", 114), redeem("x5", "A1", 2)],
        Mode::SkipRefused,
    );
    let codes: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(|r| r.code())).collect();
    assert_eq!(codes, [None, Some(Code::RequestReused), None, Some(Code::InsufficientRights)]);
    village(&mut world).flush(NOW).unwrap();
    world.drain(VILLAGE);
    assert_eq!(world.replica(VILLAGE).views().totals(&"A1".parse().unwrap()).available(), Points(1));
}

fn mixed() -> Vec<Command> {
    vec![
        open_account("N1", VILLAGE_CODE),
        award("n1", "N1", 5),
        awarded(|e| (e.request, e.date) = ("n2".parse().unwrap(), "2020-03-03".parse().unwrap())),
        redeem("n3", "A1", 10),
        reverse("n4", "s1"),
    ]
}

#[test]
fn a_dry_run_changes_nothing_and_answers_the_same() {
    let mut world = World::whole();
    let before = beliefs(world.replica(VILLAGE));
    let (dry, _) = village(&mut world).submit(NOW, &mixed(), Mode::DryRun);
    assert_eq!(beliefs(world.replica(VILLAGE)), before);
    village(&mut world).flush(NOW).unwrap();
    let effects = drained(village(&mut world));
    assert!(effects.iter().all(|e| matches!(e, Effect::Acknowledge(_))), "{effects:?}");
    assert_eq!(world.commit(VILLAGE, mixed()).map(|wet| wet.into_iter().map(Ok).collect()), Ok(dry));
}

#[test]
fn all_or_nothing_takes_back_what_came_before_the_refusal() {
    let mut world = World::whole();
    let staged = [award("w1", "A1", 1)];
    village(&mut world).submit(NOW, &staged, Mode::AllOrNothing);
    let before = beliefs(world.replica(VILLAGE));
    let (answers, _) =
        village(&mut world).submit(NOW, &[mixed(), vec![redeem("n9", "A1", 9999)]].concat(), Mode::AllOrNothing);
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 1);
    assert_eq!(beliefs(world.replica(VILLAGE)), before, "documents and views as they were");
    village(&mut world).flush(NOW).unwrap();
    world.drain(VILLAGE);
    world.settle();
    let at_township = world.replica(TOWNSHIP).views().totals(&"A1".parse().unwrap());
    assert_eq!(at_township.available(), Points(101), "what was staged before is written");
}

#[test]
fn skip_refused_writes_the_good_ones() {
    let mut world = World::whole();
    let bad = [redeem("n9", "A1", 9999), award("n8", "A7", 1)];
    let (answers, _) = village(&mut world).submit(NOW, &[mixed(), bad.to_vec()].concat(), Mode::SkipRefused);
    assert_eq!(answers.iter().filter(|answer| answer.is_err()).count(), 2);
    village(&mut world).flush(NOW).unwrap();
    world.drain(VILLAGE);
    world.settle();
    assert_eq!(world.replica(TOWNSHIP).views().totals(&"N1".parse().unwrap()).available(), Points(5));
    assert_eq!(world.commit(VILLAGE, mixed()), Ok(vec![Outcome::Already; 5]));
}

#[test]
fn a_retry_after_a_crash_is_already() {
    let mut world = World::whole();
    world.commit(VILLAGE, mixed()).expect("acknowledged");
    world.disconnect_all();
    let (before, journal) = (beliefs(world.replica(VILLAGE)), world.journal(VILLAGE).to_vec());
    world.replace(VILLAGE, life(1, VILLAGE_CODE, 2, false), journal);
    assert_eq!(beliefs(world.replica(VILLAGE)), before);
    assert_eq!(world.commit(VILLAGE, mixed()), Ok(vec![Outcome::Already; 5]));
}

#[test]
fn five_thousand_awards_make_few_segments_that_everyone_can_open() {
    let mut world = World::whole();
    for memo in [String::new(), "备注".repeat(160)] {
        let many: Vec<Command> = (0..5000)
            .map(|n| {
                awarded(|e| {
                    (e.request, e.memo) = (format!("m{}-{n}", memo.len()).parse().unwrap(), format!("{memo}{n}").into())
                })
            })
            .collect();
        let segments = write(village(&mut world), &many);
        let most = if memo.is_empty() { 2 } else { 8 };
        assert!(segments.len() <= most, "{} segments", segments.len());
        for segment in segments {
            let opened = Sealed::parse(Arc::clone(&segment.bytes)).unwrap().from_journal().open().unwrap();
            assert_eq!(opened.records, segment.records);
        }
    }
}

#[test]
fn a_value_that_no_reader_would_take_is_not_written() {
    let mut world = World::whole();
    let term = |role: &str| {
        let from = Value::from("2020-01-01");
        Row::new(&TERM, [("person", "P1".into()), ("role", role.into()), ("from", from)])
            .map(|row| Command::Put(PutRequest { village: None, row, amend: Amend::No }))
    };
    for (role, code) in
        [("长".repeat(22), Code::TooLong), ("a/b".into(), Code::BadValue), ("a\nb".into(), Code::BadValue)]
    {
        assert_eq!(term(&role).map_err(|refusal| refusal.code()), Err(code), "{role:?}");
    }
    world.commit(VILLAGE, vec![term(&"长".repeat(21)).unwrap()]).expect("a long role");
    world.commit(VILLAGE, vec![term("governance officer").unwrap()]).expect("a role of two words");
    let [Command::Org(mut named), _] = enrol(&org("110112119207"), &key(6)) else { unreachable!() };
    named.name = "村".repeat(400).into();
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), Command::Org(named)), Code::TooLong);
}
