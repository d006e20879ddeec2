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
    /// Reviews, first and second: when each was asked for, and when it was done.
    pub(super) reviews: Vec<(Date, Option<Date>)>,
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
            "review" | "second_review" => self.reviews.push((date, None)),
            // It answers the review that was asked for first and waits.
            "reviewed" => {
                if let Some((_, done)) = self.reviews.iter_mut().find(|(_, done)| done.is_none()) {
                    *done = Some(date);
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_review_lasts_from_its_asking_to_its_answer_and_a_second_has_a_clock_of_its_own() {
        let steps = [
            ("2021-03-01", "accepted"),
            ("2021-03-20", "closed"),
            ("2021-03-25", "review"),
            ("2021-04-20", "reviewed"),
            ("2021-04-22", "second_review"),
            ("2021-06-01", "note"),
        ];
        let rows: Vec<Row> = steps
            .iter()
            .enumerate()
            .filter_map(|(n, (date, what))| {
                let step = format!("{n}");
                let values = [
                    ("of", "petition".into()),
                    ("case", "P1".into()),
                    ("step", step.as_str().into()),
                    ("date", (*date).into()),
                    ("what", (*what).into()),
                ];
                Row::new(&STEP, values).ok()
            })
            .collect();
        let mut course = Course::default();
        rows.iter().for_each(|row| course.take(row));
        let day = |text: &str| text.parse::<Date>().unwrap();
        assert_eq!(course.closed, Some(day("2021-03-20")));
        let expected = [(day("2021-03-25"), Some(day("2021-04-20"))), (day("2021-04-22"), None)];
        assert_eq!(course.reviews, expected);
    }
}
