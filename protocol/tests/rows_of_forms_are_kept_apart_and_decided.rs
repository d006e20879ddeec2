//! Rows of forms: retries, corrections, two people at once, where each lies and who may write and read it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use world::{OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, org, refusal};
use xiangyue_protocol::forms::{self, Marks, Row, Rows, Value};
use xiangyue_protocol::record::Record;
use xiangyue_protocol::summary::Summary;
use xiangyue_protocol::{Amend, Code, Command, DocId, Millis, NodeId, Outcome, PutRequest};

fn row(form: &str, values: &[(&'static str, Value)]) -> Row {
    Row::new(forms::find(form).unwrap(), values.iter().cloned()).unwrap()
}

fn put(row: Row) -> Command {
    Command::Put(PutRequest { village: None, row, amend: Amend::No })
}

fn amended(row: Row, amend: Amend) -> Command {
    Command::Put(PutRequest { village: None, row, amend })
}

fn at_village(row: Row) -> Command {
    Command::Put(PutRequest { village: Some(org(VILLAGE_CODE)), row, amend: Amend::No })
}

fn household(code: &str, persons: i64) -> Row {
    row("household", &[("household", code.into()), ("persons", persons.into())])
}

fn petition(case: &str, class: &str) -> Row {
    let date = ("date", "2021-01-05".into());
    row("petition", &[("case", case.into()), date, ("channel", "visit".into()), ("class", class.into())])
}

fn step(case: &str, step: &str, what: &str) -> Row {
    let (of, date) = (("of", "petition".into()), ("date", "2021-01-10".into()));
    row("step", &[of, ("case", case.into()), ("step", step.into()), date, ("what", what.into())])
}

fn marks<'w>(world: &'w World, node: usize, doc: &str) -> Option<&'w Marks> {
    match &world.replica(node).docs().get(&doc.parse::<DocId>().unwrap())?.summary {
        Summary::Register(register) => Some(&register.marks),
        Summary::Points(_) => None,
    }
}

#[test]
fn a_retry_changes_nothing_and_a_correction_is_the_next_version() {
    let mut world = World::whole();
    assert_eq!(world.commit(VILLAGE, vec![put(household("H1", 3))]).unwrap(), [Outcome::New]);
    assert_eq!(world.commit(VILLAGE, vec![put(household("H1", 3))]).unwrap(), [Outcome::Already]);
    let village = world.replica_mut(VILLAGE);
    assert_eq!(refusal(village, put(household("H1", 4))), Code::RowExists);
    assert_eq!(refusal(village, amended(household("H1", 4), Amend::Version(2))), Code::RowChanged);
    assert_eq!(refusal(village, amended(household("H2", 4).withdrawn(), Amend::Latest)), Code::UnknownRow);
    world.commit(VILLAGE, vec![amended(household("H1", 4), Amend::Version(1))]).expect("corrected");
    world.settle();
    let mark = marks(&world, TOWNSHIP, "110112119201/roster").unwrap().of("household", "H1").unwrap();
    assert_eq!((mark.version, mark.several, mark.void), (2, false, false));
    world.commit(VILLAGE, vec![amended(household("H1", 4).withdrawn(), Amend::Latest)]).expect("withdrawn");
    let mark = marks(&world, VILLAGE, "110112119201/roster").unwrap().of("household", "H1").unwrap();
    assert_eq!((mark.version, mark.void), (3, true));
}

#[test]
fn two_corrections_written_apart_are_both_kept_until_somebody_decides() {
    let mut world = World::whole();
    world.commit(VILLAGE, vec![put(household("H1", 3))]).unwrap();
    world.settle();
    world.commit(VILLAGE, vec![amended(household("H1", 4), Amend::Latest)]).unwrap();
    let from_the_township =
        PutRequest { village: Some(org(VILLAGE_CODE)), row: household("H1", 5), amend: Amend::Latest };
    world.commit(TOWNSHIP, vec![Command::Put(from_the_township)]).unwrap();
    world.settle();
    for node in [VILLAGE, TOWNSHIP] {
        let mark = marks(&world, node, "110112119201/roster").unwrap().of("household", "H1").unwrap();
        assert_eq!((mark.version, mark.several), (2, true), "node {node}");
    }
    // Saying again what one of the two said is a decision too, and a version of its own.
    world.commit(VILLAGE, vec![amended(household("H1", 5), Amend::Latest)]).unwrap();
    world.settle();
    let mark = marks(&world, TOWNSHIP, "110112119201/roster").unwrap().of("household", "H1").unwrap();
    assert_eq!((mark.version, mark.several), (3, false));
}

#[test]
fn a_step_lies_beside_its_case_whatever_its_own_year() {
    let mut world = World::whole();
    let village = world.replica_mut(VILLAGE);
    assert_eq!(refusal(village, put(step("P1", "1", "accepted"))), Code::UnknownRow);
    let date = ("date", "2020-12-30".into());
    let old = [("case", "P1".into()), date, ("channel", "visit".into()), ("class", "request".into())];
    world.commit(VILLAGE, vec![put(row("petition", &old)), put(step("P1", "1", "accepted"))]).expect("both");
    assert_eq!(marks(&world, VILLAGE, "110112119201/cases/2020").unwrap().len(), 2);
    assert!(marks(&world, VILLAGE, "110112119201/cases/2021").is_none());
}

#[test]
fn an_accusation_is_never_at_a_village() {
    let mut world = World::whole();
    assert_eq!(refusal(world.replica_mut(VILLAGE), put(petition("P1", "accusation"))), Code::Accusation);
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), at_village(petition("P1", "accusation"))), Code::Accusation);
    world.commit(TOWNSHIP, vec![put(petition("P1", "accusation")), put(step("P1", "1", "accepted"))]).expect("own");
    world.settle();
    assert_eq!(marks(&world, TOWNSHIP, "110112119/cases/2021").unwrap().len(), 2);
    for node in [VILLAGE, OTHER, world::MERCHANT] {
        assert!(marks(&world, node, "110112119/cases/2021").is_none(), "node {node}");
    }
}

#[test]
fn what_concerns_single_people_stays_at_their_village() {
    let mut world = World::whole();
    let values = [("person", "R1".into()), ("class", "elder".into()), ("from", "2021-01-01".into())];
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), at_village(row("care_need", &values))), Code::NotAllowed);
    world.commit(VILLAGE, vec![put(row("care_need", &values))]).expect("own");
    world.settle();
    assert_eq!(marks(&world, VILLAGE, "110112119201/people").unwrap().len(), 1);
    for node in [TOWNSHIP, OTHER] {
        assert!(marks(&world, node, "110112119201/people").is_none(), "node {node}");
    }
}

#[test]
fn a_row_is_held_to_its_form() {
    let mut world = World::whole();
    let refused = |form: &str, values: &[(&'static str, Value)]| {
        Row::new(forms::find(form).unwrap(), values.iter().cloned()).unwrap_err().code()
    };
    assert_eq!(refused("household", &[("household", "H1".into())]), Code::MissingValue);
    assert_eq!(refused("household", &[("household", "H1".into()), ("persons", 100.into())]), Code::BadNumber);
    assert_eq!(refused("household", &[("household", "H 1".into()), ("persons", 1.into())]), Code::BadValue);
    assert_eq!(refused("household", &[("house", "H1".into())]), Code::UnknownField);
    let extended = [("of", "petition".into()), ("case", "P1".into()), ("step", "2".into())];
    let extended: Vec<_> =
        extended.into_iter().chain([("date", "2021-01-10".into()), ("what", "extended".into())]).collect();
    assert_eq!(refused("step", &extended), Code::MissingValue);
    let ends = [
        ("member", "D1".into()),
        ("household", "H1".into()),
        ("from", "2021-01-10".into()),
        ("to", "2021-01-09".into()),
    ];
    assert_eq!(refused("pairing", &ends), Code::EndsBefore);
    let future = [("grid", "110112119201001".into()), ("date", "2021-01-21".into())];
    let future: Vec<_> = future.into_iter().chain(["people", "sites", "places"].map(|name| (name, 1.into()))).collect();
    assert_eq!(refusal(world.replica_mut(VILLAGE), put(row("risk_card", &future))), Code::FutureDate);
    assert_eq!(refusal(world.replica_mut(TOWNSHIP), put(household("H1", 1))), Code::MissingValue);
    let elsewhere = PutRequest { village: Some(org("110112119202")), row: household("H1", 1), amend: Amend::No };
    assert_eq!(refusal(world.replica_mut(VILLAGE), Command::Put(elsewhere)), Code::UnknownVillage);
}

/// A few rows that collide in every way: records, versions, contents, authors.
fn records() -> impl Strategy<Value = Vec<(Record, NodeId, Millis)>> {
    let one = (0u8..2, 1u32..4, 1i64..3, 0u8..2, any::<bool>(), 0u64..2);
    let one = one.prop_map(|(key, version, persons, author, void, at)| {
        let row = household(&format!("H{key}"), persons).at(version);
        let row = if void { row.withdrawn() } else { row };
        (row.to_record(), NodeId([author; 16]), Millis(at))
    });
    proptest::collection::vec(one, 1..16)
}

fn read<'r>(records: impl Iterator<Item = &'r (Record, NodeId, Millis)>) -> (Summary, Rows) {
    let doc: DocId = "110112119201/roster".parse().unwrap();
    let (mut summary, mut rows) = (Summary::empty(&doc), Rows::default());
    for (record, author, at) in records {
        summary.absorb(&doc, record, *author);
        rows.enter(&doc, record, *author, *at);
    }
    (summary, rows)
}

proptest! {
    #[test]
    fn rows_come_out_the_same_in_any_order_and_twice(records in records(), turn in 0usize..16) {
        let whole = read(records.iter());
        let mut turned = records.clone();
        turned.rotate_left(turn % records.len());
        turned.reverse();
        prop_assert_eq!(&whole, &read(turned.iter()));
        prop_assert_eq!(&whole, &read(records.iter().chain(turned.iter())));
    }

    #[test]
    fn what_memory_holds_of_a_record_agrees_with_its_rows(records in records()) {
        let (summary, rows) = read(records.iter());
        let Summary::Register(register) = summary else { unreachable!() };
        let form = forms::find("household").unwrap();
        prop_assert_eq!(rows.histories(form).count(), register.marks.len());
        for (key, history) in rows.histories(form) {
            let mark = register.marks.of("household", key).unwrap();
            let latest = history.latest().next().unwrap();
            prop_assert_eq!((mark.version, mark.several), (latest.row.version, history.is_undecided()));
            prop_assert_eq!(mark.void, history.row().is_none());
        }
    }

    #[test]
    fn a_row_reads_back_from_its_record(persons in 0i64..100, version in 1u32.., void: bool, why in "[a-z]{0,8}") {
        let row = household("H1", persons).at(version).entered("c1".into(), why.into());
        let row = if void { row.withdrawn() } else { row };
        prop_assert_eq!(Row::from_record(&row.to_record()), Some(row));
    }
}
