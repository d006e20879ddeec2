//! Columns of reports over tallies.

use xiangyue_protocol::time::parse_date;

use super::super::table::{count, decimal_column, number_column};
use super::gathered::Gathered;
use crate::api::types::{ReportCell, ReportColumn};
use crate::registers::{Measure, Tally};

/// A column: its key and headers, and what stands in it.
pub(super) struct Column {
    key: &'static str,
    zh: &'static str,
    en: &'static str,
    what: What,
}

/// What stands in a column.
#[derive(Clone, Copy)]
enum What {
    /// How many.
    Sum(Measure),
    /// How many of these classes.
    Of(Measure, &'static [&'static str]),
    /// A number of hundredths.
    Hundredths(Measure),
    /// Thousandths of the whole.
    Share(Measure, Measure),
    /// Thousandths of the whole that are of these classes.
    ShareOf(Measure, &'static [&'static str]),
    /// So many of one for each of the other, with decimals.
    Mean(Measure, Measure, u8),
    /// So many fen of one for each of the other.
    MeanFen(Measure, Measure),
    /// Tenths of people per square kilometre, from people and hectares.
    Density(Measure, Measure),
    /// The mean of a number that is the class.
    MeanClass(Measure),
    /// How many have a number as class that is not from the one setting to the other.
    Outside(Measure, &'static str, &'static str),
    /// Thousandths whose number is at most a setting.
    Within(Measure, &'static str),
    /// How many began, by the day that is their class, longer ago than a setting says.
    Overdue(Measure, &'static str),
    /// How much was due before today, by the day that is the class, in fen.
    DueFen(Measure),
    /// The most days that anything is overdue, by the day that is the class.
    DueDays(Measure),
}

impl Column {
    const fn new(key: &'static str, zh: &'static str, en: &'static str, what: What) -> Column {
        Column { key, zh, en, what }
    }

    pub(super) const fn sum(key: &'static str, zh: &'static str, en: &'static str, of: Measure) -> Column {
        Column::new(key, zh, en, What::Sum(of))
    }

    pub(super) const fn of(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        of: Measure,
        classes: &'static [&'static str],
    ) -> Column {
        Column::new(key, zh, en, What::Of(of, classes))
    }

    pub(super) const fn share(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        part: Measure,
        whole: Measure,
    ) -> Column {
        Column::new(key, zh, en, What::Share(part, whole))
    }

    pub(super) const fn share_of(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        of: Measure,
        classes: &'static [&'static str],
    ) -> Column {
        Column::new(key, zh, en, What::ShareOf(of, classes))
    }

    pub(super) const fn mean(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        sum: Measure,
        each: Measure,
        decimals: u8,
    ) -> Column {
        Column::new(key, zh, en, What::Mean(sum, each, decimals))
    }

    pub(super) const fn mean_fen(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        sum: Measure,
        each: Measure,
    ) -> Column {
        Column::new(key, zh, en, What::MeanFen(sum, each))
    }

    pub(super) const fn density(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        people: Measure,
        hectares: Measure,
    ) -> Column {
        Column::new(key, zh, en, What::Density(people, hectares))
    }

    /// A number of hundredths, such as hectares read as square kilometres, or fen as yuan.
    pub(super) const fn hundredths(key: &'static str, zh: &'static str, en: &'static str, of: Measure) -> Column {
        Column::new(key, zh, en, What::Hundredths(of))
    }

    pub(super) const fn mean_class(key: &'static str, zh: &'static str, en: &'static str, of: Measure) -> Column {
        Column::new(key, zh, en, What::MeanClass(of))
    }

    pub(super) const fn outside(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        of: Measure,
        least: &'static str,
        most: &'static str,
    ) -> Column {
        Column::new(key, zh, en, What::Outside(of, least, most))
    }

    pub(super) const fn within(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        of: Measure,
        most: &'static str,
    ) -> Column {
        Column::new(key, zh, en, What::Within(of, most))
    }

    pub(super) const fn overdue(
        key: &'static str,
        zh: &'static str,
        en: &'static str,
        of: Measure,
        days: &'static str,
    ) -> Column {
        Column::new(key, zh, en, What::Overdue(of, days))
    }

    pub(super) const fn due_fen(key: &'static str, zh: &'static str, en: &'static str, of: Measure) -> Column {
        Column::new(key, zh, en, What::DueFen(of))
    }

    pub(super) const fn due_days(key: &'static str, zh: &'static str, en: &'static str, of: Measure) -> Column {
        Column::new(key, zh, en, What::DueDays(of))
    }

    /// Its header.
    pub(super) fn head(&self) -> ReportColumn {
        match self.what {
            What::Hundredths(_) | What::DueFen(_) | What::MeanFen(..) => decimal_column(self.key, self.zh, self.en, 2),
            What::Share(..) | What::ShareOf(..) | What::Within(..) | What::MeanClass(_) | What::Density(..) => {
                decimal_column(self.key, self.zh, self.en, 1)
            }
            What::Mean(_, _, decimals) => decimal_column(self.key, self.zh, self.en, decimals),
            _ => number_column(self.key, self.zh, self.en),
        }
    }

    /// Whether it counts a measure.
    pub(super) fn counts(&self, measure: Measure) -> bool {
        match self.what {
            What::Share(a, b) | What::Mean(a, b, _) | What::MeanFen(a, b) | What::Density(a, b) => {
                measure == a || measure == b
            }
            What::Sum(of)
            | What::Of(of, _)
            | What::Hundredths(of)
            | What::ShareOf(of, _)
            | What::MeanClass(of)
            | What::Outside(of, ..)
            | What::Within(of, _)
            | What::Overdue(of, _)
            | What::DueFen(of)
            | What::DueDays(of) => measure == of,
        }
    }

    /// What stands in it for these numbers.
    pub(super) fn cell(&self, tally: &Tally, gathered: &Gathered<'_>) -> ReportCell {
        let sum = |of: Measure| tally.of(of).map(|(_, many)| many).sum::<i64>();
        let of_classes = |of: Measure, classes: &[&str]| {
            tally.of(of).filter(|(cell, _)| classes.contains(&cell.class.as_str())).map(|(_, many)| many).sum::<i64>()
        };
        let numbers =
            |of: Measure| tally.of(of).filter_map(|(cell, many)| Some((cell.class.parse::<i64>().ok()?, many)));
        let set = |name: &str| gathered.setting(name);
        let since = |of: Measure| {
            let today = gathered.frame.today;
            let days = move |class: &str| Some(i64::from(today.since(parse_date(class).ok()?).ok()?.get_days()));
            tally.of(of).filter_map(move |(cell, many)| Some((days(&cell.class)?, many)))
        };
        match self.what {
            What::Sum(of) | What::Hundredths(of) => count(sum(of)),
            What::Of(of, classes) => count(of_classes(of, classes)),
            What::Share(part, whole) => ratio(sum(part), sum(whole), 3),
            What::ShareOf(of, classes) => ratio(of_classes(of, classes), sum(of), 3),
            What::Mean(part, whole, decimals) => ratio(sum(part), sum(whole), decimals),
            What::MeanFen(sum_of, each) => ratio(sum(sum_of), sum(each), 0),
            What::Density(people, hectares) => ratio(sum(people), sum(hectares), 3),
            What::MeanClass(of) => ratio(numbers(of).map(|(number, many)| number * many).sum(), sum(of), 1),
            What::Outside(of, least, most) => {
                let range = set(least)..=set(most);
                count(numbers(of).filter(|(number, _)| !range.contains(number)).map(|(_, many)| many).sum::<i64>())
            }
            What::Within(of, most) => {
                let most = set(most);
                let within = numbers(of).filter(|(number, _)| *number <= most).map(|(_, many)| many).sum();
                ratio(within, sum(of), 3)
            }
            What::Overdue(of, days) => {
                let most = set(days);
                count(since(of).filter(|(days, _): &(i64, i64)| *days > most).map(|(_, many)| many).sum::<i64>())
            }
            What::DueFen(of) => count(since(of).filter(|(days, _)| *days > 0).map(|(_, many)| many).sum::<i64>()),
            What::DueDays(of) => count(since(of).map(|(days, _)| days).max().unwrap_or(0).max(0)),
        }
    }
}

/// A part of a whole in units of so many decimals, rounded half up; empty of nothing.
pub(super) fn ratio(part: i64, whole: i64, decimals: u8) -> ReportCell {
    if whole <= 0 {
        return ReportCell::Empty(());
    }
    let scaled = i128::from(part) * 10_i128.pow(decimals.into());
    let whole = i128::from(whole);
    count((scaled * 2 + whole).div_euclid(whole * 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_rounded_half_up_and_empty_of_nothing() {
        assert_eq!(ratio(224_000, 2_915, 1), ReportCell::Number(768), "76.8, article Q2");
        assert_eq!(ratio(224_000, 21_600, 2), ReportCell::Number(1037), "10.37, article Q4");
        assert_eq!(ratio(1, 2, 0), ReportCell::Number(1));
        assert_eq!(ratio(41, 41, 3), ReportCell::Number(1000));
        assert_eq!(ratio(0, 0, 3), ReportCell::Empty(()));
    }
}
