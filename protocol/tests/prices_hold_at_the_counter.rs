//! A redemption costs what the price list in effect on its day says, for everybody's age; other points are refused, and
//! the right ones are named (article L11).

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use world::{MERCHANT, MERCHANT_CODE, NOW, OTHER, TOWNSHIP, VILLAGE, World, award, grant, item, put, redeem};
use xiangyue_protocol::forms::Row;
use xiangyue_protocol::forms::points::CONCESSION;
use xiangyue_protocol::forms::township::PRICE;
use xiangyue_protocol::replica::Mode;
use xiangyue_protocol::schema::line::parse_lines;
use xiangyue_protocol::schema::{Points, Redemption};
use xiangyue_protocol::{Amend, Code, Command, Outcome, PutRequest, Refusal};

fn price(option: &str, age: i64, from: &str, points: i64) -> Command {
    let values = [("item", "DYE".into()), ("option", option.into()), ("min_age", age.into()), ("from", from.into())];
    put(&PRICE, &[&values[..], &[("points", points.into())]].concat(), Amend::No)
}

fn concession(account: &str, age: i64, from: &str, amend: Amend) -> Command {
    put(&CONCESSION, &[("account", account.into()), ("age", age.into()), ("from", from.into())], amend)
}

/// Hair dye: long or short, cheaper at 60, dearer from 2021-01-10; what is special the counter sets.
fn world() -> World {
    let mut world = World::whole();
    let list = [
        price("long", 0, "2020-01-01", 108),
        price("long", 60, "2020-01-01", 88),
        price("long", 0, "2021-01-10", 120),
        price("short", 0, "2020-01-01", 60),
        price("special", 0, "2020-01-01", 0),
    ];
    world.commit(TOWNSHIP, [item("DYE", 0), item("SOAP", 20)].into_iter().chain(list).collect()).unwrap();
    world.commit(VILLAGE, (0..5).map(|n| award(&format!("e{n}"), "A1", 100)).collect()).unwrap();
    world.commit(VILLAGE, vec![grant("g1", "A1", 300, MERCHANT_CODE)]).unwrap();
    world.settle();
    world
}

fn dye(request: &str, points: i64, lines: &str) -> Command {
    on(request, points, lines, "2021-01-06")
}

fn on(request: &str, points: i64, lines: &str, date: &str) -> Command {
    let Command::Redeem(entry) = redeem(request, "A1", points) else { unreachable!() };
    let (item, lines, date) = ("DYE".parse().unwrap(), parse_lines(lines).unwrap(), date.parse().unwrap());
    Command::Redeem(Redemption { item, lines, date, ..entry })
}

/// What a redemption is refused with at a node, or the points that it would take.
fn ask(world: &mut World, node: usize, command: &Command) -> Result<Points, Refusal> {
    let replica = world.replica_mut(node);
    let (answers, _) = replica.submit(NOW, std::slice::from_ref(command), Mode::DryRun);
    let Command::Redeem(redemption) = command else { unreachable!() };
    answers[0].clone()?;
    Ok(replica.priced(redemption).unwrap().points)
}

#[test]
fn two_persons_in_one_redemption_pay_each_by_length_and_age() {
    let mut world = world();
    let both = dye("d1", 0, "long@60;long");
    assert_eq!(ask(&mut world, MERCHANT, &both), Ok(Points(196)), "article L11");
    assert_eq!(world.commit(MERCHANT, vec![both.clone()]).unwrap(), [Outcome::New]);
    assert_eq!(world.commit(MERCHANT, vec![both]).unwrap(), [Outcome::Already]);
    assert_eq!(world.commit(MERCHANT, vec![dye("d1", 196, "long@60;long")]).unwrap(), [Outcome::Already]);
    assert_eq!(ask(&mut world, MERCHANT, &dye("d1", 0, "long;short")).unwrap_err().code(), Code::RequestReused);
    let held = |world: &World| world.replica(MERCHANT).views().totals(&"A1".parse().unwrap()).redeemed;
    assert_eq!(held(&world), Points(196));
    assert_eq!(ask(&mut world, MERCHANT, &dye("d2", 0, "short*2")).unwrap_err().code(), Code::InsufficientRights);
}

#[test]
fn other_points_are_refused_and_the_right_ones_named() {
    let mut world = world();
    for (points, lines, right) in
        [(100, "long", "100 / 108"), (195, "long@60;long", "195 / 196"), (0, "long=90", "90 / 108")]
    {
        let refusal = ask(&mut world, MERCHANT, &dye("d1", points, lines)).unwrap_err();
        assert_eq!((refusal.code(), refusal.detail()), (Code::BelowPrice, right));
    }
    let refusal = ask(&mut world, MERCHANT, &dye("d1", 50, "")).unwrap_err();
    assert_eq!((refusal.code(), refusal.detail()), (Code::UnknownOption, "DYE  (long, short, special)"));
    assert_eq!(ask(&mut world, MERCHANT, &dye("d1", 0, "bald")).unwrap_err().code(), Code::UnknownOption);
}

#[test]
fn an_option_that_no_line_could_name_gets_no_price() {
    for option in ["long@60", "long*2", "long×2", "long=5", "long;short"] {
        let values = [
            ("item", "DYE".into()),
            ("option", option.into()),
            ("min_age", 0.into()),
            ("from", "2020-01-01".into()),
            ("points", 5.into()),
        ];
        assert_eq!(Row::new(&PRICE, values).unwrap_err().code(), Code::BadValue, "{option}");
    }
}

#[test]
fn the_version_in_effect_on_the_day_counts() {
    let mut world = world();
    for (day, points) in [("2021-01-09", 108), ("2021-01-10", 120)] {
        assert_eq!(ask(&mut world, MERCHANT, &on("d1", 0, "long", day)), Ok(Points(points)), "{day}");
        assert_eq!(ask(&mut world, MERCHANT, &on("d1", 0, "long@75", day)), Ok(Points(88)), "{day}");
        assert_eq!(ask(&mut world, MERCHANT, &on("d1", 0, "long@59", day)), Ok(Points(points)), "{day}");
    }
    assert_eq!(ask(&mut world, VILLAGE, &on("d1", 50, "", "2020-12-31")).unwrap_err().code(), Code::UnknownOption);
    let withdrawn = Row::new(
        &PRICE,
        [
            ("item", "DYE".into()),
            ("option", "long".into()),
            ("min_age", 0.into()),
            ("from", "2021-01-10".into()),
            ("points", 120.into()),
        ],
    )
    .unwrap()
    .withdrawn();
    world
        .commit(TOWNSHIP, vec![Command::Put(PutRequest { village: None, row: withdrawn, amend: Amend::Latest })])
        .unwrap();
    world.settle();
    assert_eq!(ask(&mut world, MERCHANT, &on("d1", 0, "long", "2021-01-10")), Ok(Points(108)), "withdrawn");
}

#[test]
fn what_the_counter_sets_must_be_said_and_fixed_prices_need_no_points() {
    let mut world = world();
    assert_eq!(ask(&mut world, MERCHANT, &dye("d1", 0, "special")).unwrap_err().code(), Code::MissingValue);
    assert_eq!(ask(&mut world, MERCHANT, &dye("d1", 0, "special=33;short")), Ok(Points(93)));
    let soap = |points: i64, lines: &str| {
        let Command::Redeem(entry) = dye("d1", points, lines) else { unreachable!() };
        Command::Redeem(Redemption { item: "SOAP".parse().unwrap(), ..entry })
    };
    assert_eq!(ask(&mut world, MERCHANT, &soap(0, "")), Ok(Points(20)));
    assert_eq!(ask(&mut world, MERCHANT, &soap(40, "")), Ok(Points(40)));
    assert_eq!(ask(&mut world, MERCHANT, &soap(0, "long")).unwrap_err().code(), Code::UnknownOption, "no price list");
    assert_eq!(ask(&mut world, VILLAGE, &redeem("d1", "A1", 7)), Ok(Points(7)), "no price list, set at the counter");
    assert_eq!(ask(&mut world, VILLAGE, &redeem("d1", "A1", 0)).unwrap_err().code(), Code::MissingValue);
}

#[test]
fn a_persons_own_concession_is_the_registers_and_stays_in_the_village() {
    let mut world = world();
    let old = dye("d1", 0, "long@60");
    assert_eq!(ask(&mut world, VILLAGE, &old).unwrap_err().code(), Code::NoConcession);
    world.commit(VILLAGE, vec![concession("A1", 60, "2021-01-07", Amend::No)]).unwrap();
    assert_eq!(ask(&mut world, VILLAGE, &old).unwrap_err().code(), Code::NoConcession, "from tomorrow on");
    assert_eq!(ask(&mut world, VILLAGE, &on("d1", 0, "long", "2021-01-07")), Ok(Points(88)), "found by itself");
    world.commit(VILLAGE, vec![concession("A1", 60, "2021-01-02", Amend::Latest)]).unwrap();
    assert_eq!(ask(&mut world, VILLAGE, &old), Ok(Points(88)), "corrected");
    assert_eq!(
        ask(&mut world, VILLAGE, &dye("d2", 0, "long@60;long")),
        Ok(Points(196)),
        "of two the clerk sees who is there"
    );
    assert_eq!(ask(&mut world, MERCHANT, &old), Ok(Points(88)), "a merchant has no register");
    world.settle();
    let people = "110112119201/people".parse().unwrap();
    assert!(world.replica(VILLAGE).docs().contains_key(&people));
    for node in [TOWNSHIP, OTHER, MERCHANT] {
        assert!(!world.replica(node).docs().contains_key(&people), "at node {node}");
    }
    assert_eq!(
        world.replica(VILLAGE).views(),
        &xiangyue_protocol::views::Views::of(world.replica(VILLAGE).docs().iter())
    );
}
