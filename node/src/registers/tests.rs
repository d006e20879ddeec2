//! Every figure against a count of its own over random rows, and closed months against what is known.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use xiangyue_protocol::forms::{self, Row, Rows, Value};
use xiangyue_protocol::time::parse_date;
use xiangyue_protocol::{Command, Date, DocId, Millis, Month, NodeId};

use super::closing::{self, Closing, Figures};
use super::{Counted, Counts, Measure, Tally, tally_of};

const VILLAGE: &str = "370724100201";
const ROSTER: &str = "370724100201/roster";
const CASES: &str = "370724100201/cases/2021";

fn row(form: &str, values: &[(&'static str, Value)]) -> Row {
    Row::new(forms::find(form).unwrap(), values.iter().cloned()).unwrap()
}

fn rows(doc: &str, list: &[Row]) -> Rows {
    let (doc, mut rows): (DocId, _) = (doc.parse().unwrap(), Rows::default());
    for (row, at) in list.iter().zip(0..) {
        rows.enter(&doc, &row.to_record(), NodeId([1; 16]), Millis(at));
    }
    rows
}

fn sum(tally: &Tally, measure: Measure) -> i64 {
    tally.of(measure).map(|(_, many)| many).sum()
}

fn many(tally: &Tally, measure: Measure) -> usize {
    usize::try_from(sum(tally, measure)).unwrap()
}

fn date(text: &str) -> Date {
    parse_date(text).unwrap()
}

/// A day of the first half of 2021 by its number.
fn day(n: i64) -> Date {
    date("2021-01-01").checked_add(jiff::Span::new().days(n)).unwrap()
}

/// A random case: its day, and after how many days it was accepted, closed, reopened, closed again.
#[derive(Clone, Debug)]
struct Case {
    day: i64,
    class: u8,
    accepted: Option<i64>,
    extended: Option<i64>,
    closed: Option<i64>,
    reopened: bool,
    satisfied: Option<bool>,
    up: bool,
}

fn case() -> impl Strategy<Value = Case> {
    let some = || proptest::option::of(0i64..40);
    (
        0i64..100,
        0u8..3,
        some(),
        proptest::option::of(1i64..31),
        some(),
        any::<bool>(),
        any::<Option<bool>>(),
        any::<bool>(),
    )
        .prop_map(|(day, class, accepted, extended, closed, reopened, satisfied, up)| Case {
            day,
            class,
            accepted,
            extended,
            closed,
            reopened,
            satisfied,
            up,
        })
}

/// The rows of a petition (`of` "petition") or errand.
fn rows_of_case(of: &'static str, n: usize, case: &Case) -> Vec<Row> {
    let key: Value = format!("{of}-{n}").as_str().into();
    let mut first = vec![("case", key.clone()), ("date", day(case.day).into())];
    let class = ["suggestion", "request", "request"][usize::from(case.class)];
    match of {
        "petition" => first.extend([("channel", "visit".into()), ("class", class.into())]),
        _ => first.push(("class", "errand".into())),
    }
    let mut list = vec![row(of, &first)];
    let mut number = 0;
    let mut step = |after: i64, what: &'static str, further: &[(&'static str, Value)]| {
        number += 1;
        let step: Value = format!("{number:02}").as_str().into();
        let values = [("of", of.into()), ("case", key.clone()), ("step", step), ("date", day(case.day + after).into())];
        let values: Vec<_> = values.into_iter().chain([("what", what.into())]).chain(further.iter().cloned()).collect();
        list.push(row("step", &values));
    };
    if let Some(after) = case.accepted {
        step(after, "accepted", &[]);
    }
    if let Some(days) = case.extended {
        step(0, "extended", &[("days", days.into()), ("note", "n".into())]);
    }
    if case.up {
        step(0, "moved", &[("holder", "township".into())]);
    }
    if let Some(after) = case.closed {
        let answer = case.satisfied.map(|yes| ("satisfied", Value::from(if yes { "yes" } else { "no" })));
        step(after + 40, "closed", answer.as_slice());
        if case.reopened {
            step(after + 41, "reopened", &[]);
        }
    }
    list
}

fn closed_on(case: &Case) -> Option<Date> {
    Some(day(case.day + case.closed.filter(|_| !case.reopened)? + 40))
}

proptest! {
    #[test]
    fn petitions_are_counted_as_their_steps_say(cases in proptest::collection::vec(case(), 0..20)) {
        let list: Vec<Row> =
            cases.iter().enumerate().flat_map(|(n, case)| rows_of_case("petition", n, case)).collect();
        let tally = tally_of(&rows(CASES, &list));
        prop_assert_eq!(many(&tally, Measure::Petitions), cases.len());
        prop_assert_eq!(many(&tally, Measure::PetitionsAccepted), cases.iter().filter(|c| c.accepted.is_some()).count());
        let closed: Vec<&Case> = cases.iter().filter(|case| closed_on(case).is_some()).collect();
        prop_assert_eq!(many(&tally, Measure::PetitionsClosed), closed.len());
        prop_assert_eq!(many(&tally, Measure::PetitionsOpen), cases.len() - closed.len());
        prop_assert_eq!(many(&tally, Measure::Escalated), cases.iter().filter(|case| case.up).count());
        // Months: each closed petition stands in the month of its closing.
        let mut months: BTreeMap<Month, i64> = BTreeMap::new();
        for case in &closed {
            *months.entry(Month::of(closed_on(case).unwrap())).or_default() += 1;
        }
        let counted: BTreeMap<Month, i64> = tally.of(Measure::PetitionsClosed).fold(BTreeMap::new(), |mut sums, (cell, many)| {
            *sums.entry(cell.month.unwrap()).or_default() += many;
            sums
        });
        prop_assert_eq!(counted, months);
        // The clock: from acceptance, or from the day it came in; an extension is taken off.
        let took = |case: &&&Case| (case.closed.unwrap() + 40 - case.accepted.unwrap_or(0) - case.extended.unwrap_or(0)).max(0);
        let late = closed.iter().filter(|case| took(case) > 60).count();
        let counted_late: i64 = tally.of(Measure::PetitionAnswerDays)
            .filter(|(cell, _)| cell.class.parse::<i64>().unwrap() > 60).map(|(_, many)| many).sum();
        prop_assert_eq!(usize::try_from(counted_late).unwrap(), late);
    }

    #[test]
    fn errands_are_counted_as_residents_answered(cases in proptest::collection::vec(case(), 0..20)) {
        let list: Vec<Row> = cases.iter().enumerate().flat_map(|(n, case)| rows_of_case("errand", n, case)).collect();
        let tally = tally_of(&rows(CASES, &list));
        let answers: Vec<bool> = cases.iter().filter(|case| case.closed.is_some()).filter_map(|case| case.satisfied).collect();
        prop_assert_eq!(many(&tally, Measure::Responded), answers.len());
        prop_assert_eq!(many(&tally, Measure::Satisfied), answers.iter().filter(|yes| **yes).count());
        prop_assert_eq!(many(&tally, Measure::ErrandsClosed), cases.iter().filter(|c| closed_on(c).is_some()).count());
    }

    #[test]
    fn grids_and_pairings_are_counted_as_households_say(
        households in proptest::collection::vec((0u8..4, 1i64..9, any::<bool>(), 0u8..3), 0..40),
    ) {
        let mut list: Vec<Row> = (0..3).map(|grid| row("grid", &[("grid", format!("{VILLAGE}00{grid}").as_str().into())])).collect();
        for (n, (grid, persons, resident, member)) in households.iter().enumerate() {
            let key: Value = format!("H{n}").as_str().into();
            let grid = format!("{VILLAGE}00{grid}");
            let resident = if *resident { "yes" } else { "no" };
            list.push(row("household", &[
                ("household", key.clone()), ("persons", (*persons).into()), ("grid", grid.as_str().into()), ("resident", resident.into()),
            ]));
            list.push(row("pairing", &[("member", format!("D{member}").as_str().into()), ("household", key), ("from", "2021-01-01".into())]));
        }
        let tally = tally_of(&rows(ROSTER, &list));
        prop_assert_eq!(many(&tally, Measure::Households), households.len());
        prop_assert_eq!(sum(&tally, Measure::Persons), households.iter().map(|(_, persons, ..)| persons).sum::<i64>());
        // Households of a grid that nobody has entered are in no grid's size.
        let inside = households.iter().filter(|(grid, _, resident, _)| *grid < 3 && *resident).count();
        prop_assert_eq!(many(&tally, Measure::GridHouseholds), inside);
        let members: BTreeSet<u8> = households.iter().map(|(.., member)| *member).collect();
        prop_assert_eq!(many(&tally, Measure::PairingMembers), members.len());
        prop_assert_eq!(many(&tally, Measure::HouseholdsPaired), households.len());
    }

    /// Cases come in one after the other, in any month, and months are closed in between: what was published at the
    /// last closing, with all adjustments, is what was known then.
    #[test]
    fn all_that_was_published_adds_up_to_what_is_known(
        steps in proptest::collection::vec((case(), 0u8..3), 1..12),
    ) {
        let mut town = Township::default();
        let mut closed: BTreeSet<Month> = BTreeSet::new();
        for (n, (case, month)) in steps.iter().enumerate() {
            town.cases.extend(rows_of_case("petition", n, case));
            let month = Month::of(date(["2021-01-01", "2021-02-01", "2021-03-01"][usize::from(*month)]));
            if closed.contains(&month) {
                town.run(closing::reopen(&town.counts(), &closing_of(month)).unwrap());
            }
            town.run(closing::close(&town.counts(), &closing_of(month)).unwrap());
            closed.insert(month);
            prop_assert_eq!(
                closing::close(&town.counts(), &closing_of(month)).unwrap_err().code(),
                xiangyue_protocol::Code::MonthClosed,
            );
            let counts = town.counts();
            for month in &closed {
                let mut published = closing::frozen(&counts, *month);
                for (key, value) in closing::adjusted(&counts, *month, |_| true) {
                    *published.entry(key).or_default() += value;
                }
                let known = closing::current(&counts, *month, false);
                prop_assert_eq!(happening(&published), happening(&known), "{}", month);
            }
        }
    }
}

fn happening(figures: &Figures) -> Figures {
    let kept = figures.iter().filter(|((_, measure, _), value)| !measure.stands() && **value != 0);
    kept.map(|(key, value)| (key.clone(), *value)).collect()
}

fn closing_of(month: Month) -> Closing {
    let none = smol_str::SmolStr::default;
    Closing { month, today: date("2021-12-31"), villages: 1, missing: Vec::new(), by: none(), why: none() }
}

/// A township with one village, as closing sees it.
#[derive(Default)]
struct Township {
    cases: Vec<Row>,
    bulletins: BTreeMap<Month, Vec<Row>>,
}

impl Township {
    fn counts(&self) -> Counts {
        let mut counts = Counts::new();
        let mut enter = |doc: &str, list: &[Row], own: bool| {
            let rows = rows(doc, list);
            let tally = Arc::new(tally_of(&rows));
            let counted = Counted { tally, rows: own.then(|| Arc::new(rows)), ..Counted::default() };
            counts.insert(doc.parse().unwrap(), counted);
        };
        enter(CASES, &self.cases, false);
        for (month, list) in &self.bulletins {
            enter(&format!("370724100/bulletin/{month}"), list, true);
        }
        counts
    }

    /// Writes rows as the replica does: each is the next version of its record.
    fn run(&mut self, commands: Vec<Command>) {
        for command in commands {
            let Command::Put(put) = command else { unreachable!() };
            let bulletin = self.bulletins.entry(put.row.month().unwrap()).or_default();
            let versions = bulletin.iter().filter(|row| (row.form(), row.key()) == (put.row.form(), put.row.key()));
            let version = u32::try_from(versions.count()).unwrap() + 1;
            bulletin.push(put.row.at(version));
        }
    }
}

#[test]
fn a_month_that_is_not_over_is_not_closed() {
    let month = Month::of(date("2021-12-31"));
    let refused = closing::close(&Counts::new(), &closing_of(month)).unwrap_err();
    assert_eq!(refused.code(), xiangyue_protocol::Code::MonthNotOver);
    let refused = closing::reopen(&Counts::new(), &closing_of(month.previous())).unwrap_err();
    assert_eq!(refused.code(), xiangyue_protocol::Code::MonthOpen);
}

#[test]
fn arrears_are_what_is_due_and_not_paid() {
    let lease = |key: &str, amount: i64| {
        let (asset, due) = (("asset", "harvester".into()), ("due", "2021-03-01".into()));
        let lessee = ("lessee", "R1".into());
        row(
            "lease",
            &[("lease", key.into()), ("date", "2021-01-01".into()), asset, lessee, ("amount", amount.into()), due],
        )
    };
    let paid = |key: &str, slip: &str, amount: i64| {
        row(
            "payment",
            &[("lease", key.into()), ("slip", slip.into()), ("date", "2021-03-05".into()), ("amount", amount.into())],
        )
    };
    let list = [
        lease("L1", 500_000),
        paid("L1", "1", 200_000),
        paid("L1", "2", 300_000),
        lease("L2", 900),
        paid("L2", "3", 100),
    ];
    let tally = tally_of(&rows(CASES, &list));
    assert_eq!((sum(&tally, Measure::Leases), sum(&tally, Measure::LeasesPaid)), (2, 1));
    assert_eq!((sum(&tally, Measure::PaidFen), sum(&tally, Measure::ArrearsFen)), (500_100, 800));
}
