//! Dates, months and the hybrid logical clock. Nothing here reads a clock: the time is always an argument.

use std::fmt;
use std::str::FromStr;

pub use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::error::{Code, Refusal};

/// Milliseconds since 1970-01-01 UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

impl Millis {
    /// Whole seconds, as Automerge stamps its changes.
    pub fn seconds(self) -> i64 {
        i64::try_from(self.0 / 1000).unwrap_or(i64::MAX)
    }

    /// The date in China (UTC+8, no daylight saving since 1991) at this moment.
    pub fn china_date(self) -> Date {
        let timestamp = jiff::Timestamp::from_second(self.seconds()).unwrap_or(jiff::Timestamp::MAX);
        jiff::tz::Offset::constant(8).to_datetime(timestamp).date()
    }
}

/// A hybrid logical clock reading: 48 bits of milliseconds, 16 bits of counter (Kulkarni et al., OPODIS 2014).
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Hlc(pub u64);

/// The last millisecond that 48 bits can name, in the year 10889.
const MAX_MILLIS: u64 = (1 << 48) - 1;

impl Hlc {
    /// The first reading of a millisecond.
    pub fn at(now: Millis) -> Hlc {
        Hlc(now.0.min(MAX_MILLIS) << 16)
    }

    /// The physical part.
    pub fn millis(self) -> Millis {
        Millis(self.0 >> 16)
    }

    /// The next reading: never behind `self`, at `now` when `now` is ahead.
    #[must_use]
    pub fn tick(self, now: Millis) -> Hlc {
        Hlc(self.0.saturating_add(1).max(Hlc::at(now).0))
    }
}

impl fmt::Debug for Hlc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.millis().0, self.0 & 0xffff)
    }
}

/// Parses `2026-11-23`.
///
/// # Errors
/// [`Code::BadDate`] for any other shape or an impossible date.
pub fn parse_date(text: &str) -> Result<Date, Refusal> {
    let refuse = || Refusal::new(Code::BadDate, text);
    if text.len() != 10 {
        return Err(refuse());
    }
    text.parse::<Date>().map_err(|_| refuse())
}

/// A month of the civil calendar.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Month {
    year: u16,
    month: u8,
}

impl Month {
    /// The first that can be named.
    pub const FIRST: Month = Month { year: 0, month: 1 };

    /// A month of a year that is written with four digits; none if there is no such month.
    pub fn new(year: u16, month: u8) -> Option<Month> {
        (year <= 9999 && (1..=12).contains(&month)).then_some(Month { year, month })
    }

    /// The month that a date lies in.
    pub fn of(date: Date) -> Month {
        Month { year: date.year().unsigned_abs(), month: date.month().unsigned_abs() }
    }

    /// The month before.
    pub fn previous(self) -> Month {
        match self.month {
            1 => Month { year: self.year.saturating_sub(1), month: 12 },
            month => Month { month: month - 1, ..self },
        }
    }

    /// The calendar year.
    pub fn year(self) -> u16 {
        self.year
    }

    /// The month in the year, 1 to 12.
    pub fn month(self) -> u8 {
        self.month
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year, self.month)
    }
}

impl fmt::Debug for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Month {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        if text.len() != 7 || !text.is_ascii() {
            return Err(Refusal::new(Code::BadDate, text));
        }
        parse_date(&format!("{text}-01")).map(Month::of).map_err(|_| Refusal::new(Code::BadDate, text))
    }
}

impl TryFrom<String> for Month {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<Month> for String {
    fn from(month: Month) -> String {
        month.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_never_goes_back() {
        let start = Hlc::default().tick(Millis(1_000));
        assert_eq!(start.millis(), Millis(1_000));
        let reset = start.tick(Millis(0));
        assert!(reset > start && reset.millis() == Millis(1_000));
    }

    #[test]
    fn midnight_is_chinese() {
        assert_eq!(Millis(1_611_590_399_000).china_date().to_string(), "2021-01-25");
        assert_eq!(Millis(1_611_590_400_000).china_date().to_string(), "2021-01-26");
    }

    #[test]
    fn dates_have_one_shape() {
        assert!(parse_date("2021-02-28").is_ok());
        for bad in ["2021-02-29", "2021-2-8", "20210208", "2021-02-28T00:00"] {
            assert_eq!(parse_date(bad).expect_err(bad).code(), Code::BadDate);
        }
        assert_eq!("2021-12".parse::<Month>().expect("month").to_string(), "2021-12");
    }
}
