//! What became of a case: the course that its steps took.

use std::collections::BTreeMap;

use xiangyue_protocol::Date;
use xiangyue_protocol::forms::cases::STEP;
use xiangyue_protocol::forms::{Row, Rows};

/// Steps by the form and key of their case, each in the order of their days and numbers.
pub(super) struct Steps<'r>(BTreeMap<(&'r str, &'r str), Vec<&'r Row>>);

impl<'r> Steps<'r> {
    pub(super) fn of(rows: &'r Rows) -> Steps<'r> {
        let mut steps: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
        for step in rows.of(&STEP) {
            steps.entry((step.text("of"), step.text("case"))).or_default().push(step);
        }
        for of_case in steps.values_mut() {
            of_case.sort_by_key(|step| (step.text("date"), step.text("step")));
        }
        Steps(steps)
    }

    /// The course of a case.
    pub(super) fn course(&self, case: &'r Row) -> Course<'r> {
        let mut course = Course::default();
        let key = (case.form().name, case.text("case"));
        for step in self.0.get(&key).into_iter().flatten() {
            course.take(step);
        }
        course
    }
}

/// Where a case stands.
#[derive(Default)]
pub(super) struct Course<'r> {
    /// When it was accepted.
    pub(super) accepted: Option<Date>,
    /// When it was closed, unless it was reopened since.
    pub(super) closed: Option<Date>,
    /// When the resident confirmed it.
    pub(super) confirmed: Option<Date>,
    /// What the resident said last.
    pub(super) satisfied: Option<(Date, bool)>,
    /// By how many days its time was extended: once at most (petition regulation of 2022).
    pub(super) extended: i64,
    /// Who holds it; empty while it was never moved.
    pub(super) holder: &'r str,
    /// When it was first moved up to the township or county.
    pub(super) moved_up: Option<Date>,
}

impl<'r> Course<'r> {
    fn take(&mut self, step: &'r Row) {
        let Some(date) = step.date("date") else { return };
        match step.text("what") {
            "accepted" => self.accepted = self.accepted.or(Some(date)),
            "extended" if self.extended == 0 => self.extended = step.number("days").unwrap_or_default(),
            "closed" => self.closed = Some(date),
            "confirmed" => self.confirmed = Some(date),
            "reopened" => (self.closed, self.confirmed) = (None, None),
            _ => {}
        }
        if let answer @ ("yes" | "no") = step.text("satisfied") {
            self.satisfied = Some((date, answer == "yes"));
        }
        if !step.text("holder").is_empty() {
            self.holder = step.text("holder");
        }
        if matches!(step.text("holder"), "township" | "county") {
            self.moved_up = self.moved_up.or(Some(date));
        }
    }
}

/// Whole days from one day to another; none back.
pub(super) fn days(from: Date, to: Date) -> i64 {
    from.until(to).map_or(0, |span| i64::from(span.get_days())).max(0)
}
