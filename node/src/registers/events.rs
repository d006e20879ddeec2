//! Sessions, incidents, receptions, roll-calls, allowances, study, activities, care, the charter (article C4, L5, L12,
//! L13, Q6–Q9, Q11, S2).

use std::collections::BTreeSet;

use xiangyue_protocol::forms::events::{
    ACTIVITY, ALLOWANCE, APPRAISAL, ATTENDANCE, INCIDENT, RECEPTION, RISK_CARD, ROLL_CALL, SESSION, STUDY, STUDY_PLAN,
};
use xiangyue_protocol::forms::people::{ADOPTION, CARE_NEED, CARE_VISIT, CLAUSE, COMMENT, ROUND};
use xiangyue_protocol::forms::{Form, Row, Rows};

use super::{Cell, Measure, Tally};

pub(super) fn count(rows: &Rows, tally: &mut Tally) {
    each(rows, &SESSION, tally, &[(Measure::Sessions, ""), (Measure::SessionsAttended, "attended")]);
    each(rows, &INCIDENT, tally, &[(Measure::Incidents, "")]);
    each(rows, &RECEPTION, tally, &[(Measure::Receptions, ""), (Measure::Received, "received")]);
    let roll_call = [(Measure::RollCalls, ""), (Measure::RollCallDue, "due"), (Measure::RollCallPresent, "present")];
    each(rows, &ROLL_CALL, tally, &roll_call);
    each(rows, &ALLOWANCE, tally, &[(Measure::Allowances, ""), (Measure::AllowanceFen, "amount")]);
    each(rows, &STUDY_PLAN, tally, &[(Measure::StudyPlanned, "days")]);
    each(rows, &STUDY, tally, &[(Measure::StudyDone, "")]);
    each(rows, &ACTIVITY, tally, &[(Measure::Activities, "")]);
    activities(rows, tally);
    for appraisal in rows.of(&APPRAISAL) {
        let cell = |measure| Cell::of(measure).in_month(appraisal.month()).class(appraisal.text("person"));
        tally.one(cell(Measure::Appraisals));
        tally.add(cell(Measure::AppraisalScores), appraisal.number("score").unwrap_or_default());
    }
    for card in rows.of(&RISK_CARD) {
        tally.one(Cell::of(Measure::RiskCards).grid(card.text("grid")));
    }
    care(rows, tally);
    charter(rows, tally);
}

/// Counts each row of a form, or adds what stands in a column, in its month, class and grid.
fn each(rows: &Rows, form: &'static Form, tally: &mut Tally, measures: &[(Measure, &str)]) {
    let word = |row: &Row| {
        let column = ["class", "mode"].into_iter().find(|name| form.field(name).is_some());
        column.map(|name| row.text(name).to_owned()).unwrap_or_default()
    };
    for row in rows.of(form) {
        let grid = if form.field("grid").is_some() { row.text("grid") } else { "" };
        for (measure, column) in measures {
            let many = if column.is_empty() { 1 } else { row.number(column).unwrap_or_default() };
            tally.add(Cell::of(*measure).in_month(row.month()).class(word(row)).grid(grid), many);
        }
    }
}

fn activities(rows: &Rows, tally: &mut Tally) {
    let mut youths = BTreeSet::new();
    for attendance in rows.of(&ATTENDANCE) {
        let activity = rows.row(&ACTIVITY, attendance.text("activity"));
        let month = activity.and_then(Row::month);
        let class = activity.map_or("", |activity| activity.text("class"));
        tally.one(Cell::of(Measure::Attendances).in_month(month).class(class));
        if attendance.yes("youth") {
            youths.insert(attendance.text("person"));
        }
    }
    tally.add(Cell::of(Measure::Youths), youths.len());
}

fn care(rows: &Rows, tally: &mut Tally) {
    let served: BTreeSet<_> = rows.of(&CARE_VISIT).map(|visit| visit.text("person")).collect();
    for need in rows.of(&CARE_NEED).filter(|need| need.text("to").is_empty()) {
        let class = need.text("class");
        tally.one(Cell::of(Measure::CareListed).class(class));
        tally.add(Cell::of(Measure::CareServed).class(class), i64::from(served.contains(need.text("person"))));
    }
}

fn charter(rows: &Rows, tally: &mut Tally) {
    let who: BTreeSet<_> = rows.of(&COMMENT).map(|row| row.text("person")).filter(|who| !who.is_empty()).collect();
    tally.add(Cell::of(Measure::CharterRounds), rows.of(&ROUND).count());
    tally.add(Cell::of(Measure::CharterComments), rows.of(&COMMENT).count());
    tally.add(Cell::of(Measure::CharterContributors), who.len());
    tally.add(Cell::of(Measure::CharterClauses), rows.of(&CLAUSE).count());
    for what in ["board", "checkin"] {
        let resolutions = rows.of(&ADOPTION).filter(|row| row.text("of") == what);
        let last = resolutions.max_by_key(|row| row.date("date"));
        tally.add(Cell::of(Measure::BoardsOn).class(what), i64::from(last.is_some_and(|row| row.yes("adopted"))));
    }
    let adopted = rows.of(&ADOPTION).any(|row| row.text("of") == "charter" && row.yes("adopted"));
    tally.add(Cell::of(Measure::CharterAdopted), i64::from(adopted));
}
