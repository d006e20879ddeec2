//! Petitions, disputes, errands, tasks, leases (article C1, C2, Q5, Q7, S3–S5, Y2, Y3).

use xiangyue_protocol::Date;
use xiangyue_protocol::forms::cases::{DISPUTE, ERRAND, LEASE, PAYMENT, PETITION, TASK};
use xiangyue_protocol::forms::{Row, Rows};

use super::course::{Course, Steps, days};
use super::tally::padded;
use super::{Cell, Measure, Tally};

pub(super) fn count(rows: &Rows, tally: &mut Tally) {
    let steps = Steps::of(rows);
    for case in rows.of(&PETITION) {
        petition(case, &steps.course(case), tally);
    }
    for case in rows.of(&DISPUTE) {
        dispute(case, &steps.course(case), tally);
    }
    for case in rows.of(&ERRAND) {
        errand(case, &steps.course(case), tally);
    }
    for case in rows.of(&TASK) {
        task(case, &steps.course(case), tally);
    }
    leases(rows, tally);
}

/// A cell of a case, on a day.
fn cell(measure: Measure, case: &Row, date: Date) -> Cell {
    Cell::of(measure).on(date).class(case.text("class")).grid(case.text("grid"))
}

fn petition(case: &Row, course: &Course<'_>, tally: &mut Tally) {
    let Some(received) = case.date("date") else { return };
    tally.one(cell(Measure::Petitions, case, received));
    if let Some(accepted) = course.accepted {
        tally.one(cell(Measure::PetitionsAccepted, case, accepted));
        tally.one(Cell::of(Measure::PetitionAcceptDays).on(accepted).class(padded(days(received, accepted))));
    }
    // Whoever did not say when a petition was accepted is held to the day on which it came in.
    let from = course.accepted.unwrap_or(received);
    match course.closed {
        Some(closed) => {
            let took = (days(from, closed) - course.extended).max(0);
            tally.one(cell(Measure::PetitionsClosed, case, closed));
            tally.one(Cell::of(Measure::PetitionAnswerDays).on(closed).class(padded(took)));
        }
        None => {
            let counted_from = from.checked_add(jiff::Span::new().days(course.extended)).unwrap_or(from);
            tally.one(Cell::of(Measure::PetitionsOpen).class(counted_from.to_string()));
        }
    }
    for (asked, done) in &course.reviews {
        match done {
            Some(done) => {
                tally.one(Cell::of(Measure::PetitionReviewDays).on(*done).class(padded(days(*asked, *done))));
            }
            None => tally.one(Cell::of(Measure::PetitionReviewsOpen).class(asked.to_string())),
        }
    }
    ladder(case, course, tally);
}

fn dispute(case: &Row, course: &Course<'_>, tally: &mut Tally) {
    let Some(found) = case.date("date") else { return };
    tally.one(cell(Measure::Disputes, case, found));
    tally.one(Cell::of(Measure::DisputeSources).on(found).class(case.text("source")));
    tally.add(Cell::of(Measure::DisputesLinked).on(found), i64::from(!case.text("linked").is_empty()));
    if let Some(closed) = course.closed {
        tally.one(cell(Measure::DisputesResolved, case, closed));
    }
    ladder(case, course, tally);
}

fn errand(case: &Row, course: &Course<'_>, tally: &mut Tally) {
    let Some(raised) = case.date("date") else { return };
    tally.one(cell(Measure::Errands, case, raised));
    if let Some(closed) = course.closed {
        tally.one(cell(Measure::ErrandsClosed, case, closed));
        tally.one(Cell::of(Measure::ErrandDays).on(closed).class(padded(days(raised, closed))));
    }
    if let Some(confirmed) = course.confirmed {
        tally.one(cell(Measure::ErrandsConfirmed, case, confirmed));
    }
    if let Some((date, satisfied)) = course.satisfied {
        tally.one(Cell::of(Measure::Responded).on(date));
        tally.add(Cell::of(Measure::Satisfied).on(date), i64::from(satisfied));
    }
    ladder(case, course, tally);
}

fn task(case: &Row, course: &Course<'_>, tally: &mut Tally) {
    let Some(raised) = case.date("date") else { return };
    tally.one(cell(Measure::Tasks, case, raised));
    if let Some(closed) = course.closed {
        tally.one(cell(Measure::TasksClosed, case, closed));
        let late = case.date("due").is_some_and(|due| closed > due);
        tally.add(cell(Measure::TasksLate, case, closed), i64::from(late));
    }
    ladder(case, course, tally);
}

/// Small things stay in the village, large ones in the town (article S4). What nobody moved was the village's.
fn ladder(case: &Row, course: &Course<'_>, tally: &mut Tally) {
    let form = case.form().name;
    if let Some(closed) = course.closed {
        let holder = if course.holder.is_empty() { "village" } else { course.holder };
        tally.one(Cell::of(Measure::ClosedAt).on(closed).class(holder).grid(form));
    }
    if let Some(moved) = course.moved_up {
        tally.one(Cell::of(Measure::Escalated).on(moved).grid(form));
    }
}

fn leases(rows: &Rows, tally: &mut Tally) {
    for lease in rows.of(&LEASE) {
        let rent = lease.number("amount").unwrap_or_default();
        let of_lease = rows.of(&PAYMENT).filter(|payment| payment.text("lease") == lease.text("lease"));
        let paid: i64 = of_lease.filter_map(|payment| payment.number("amount")).sum();
        let arrears = (rent - paid).max(0);
        tally.one(Cell::of(Measure::Leases));
        tally.add(Cell::of(Measure::LeaseFen), rent);
        tally.add(Cell::of(Measure::PaidFen), paid);
        tally.add(Cell::of(Measure::LeasesPaid), i64::from(arrears == 0));
        tally.add(Cell::of(Measure::ArrearsFen).class(lease.text("due")), arrears);
    }
}
