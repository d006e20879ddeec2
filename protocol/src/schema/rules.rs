//! `rules`: the rule book and the redemption items (article L4, L7). A township writes it; every node reads it.
//!
//! A new version of a rule is a new record with a later date; the version that counts on a day is the latest
//! that was in effect. Key: `rule/<code>/<segment>/<date>` or `item/<code>/<date>`.

use serde::{Deserialize, Serialize};

use super::{Cohort, ItemCode, Points, RuleCode};
use crate::record::Record;
use crate::time::{Date, parse_date};

/// One version of a rule for one resident segment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rule {
    /// Its code.
    pub code: RuleCode,
    /// Whom it addresses.
    pub cohort: Cohort,
    /// The most points that one entry under it may carry.
    pub points: Points,
    /// The most points that an account may earn under it in a day; none if unlimited.
    pub daily_cap: Option<Points>,
    /// An award of more than this many waits for a second person; none if no award does.
    #[serde(default)]
    pub approve_above: Option<Points>,
    /// First day in effect.
    pub effective_from: Date,
}

/// One version of a redemption item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Item {
    /// Its code.
    pub code: ItemCode,
    /// Points for one; zero when the price is set at the counter.
    pub price: Points,
    /// First day in effect.
    pub effective_from: Date,
}

impl Rule {
    /// As a record.
    pub fn to_record(&self) -> Record {
        let key = format!("rule/{}/{}/{}", self.code, self.cohort.as_str(), self.effective_from);
        let record = Record::new(key, "rule")
            .text("rule", self.code.clone())
            .text("segment", self.cohort.as_str())
            .int("points", self.points.0);
        let may = |record: Record, name, points: Option<Points>| match points {
            Some(points) => record.int(name, points.0),
            None => record,
        };
        let record = may(may(record, "daily_cap", self.daily_cap), "approve_above", self.approve_above);
        record.text("effective_from", self.effective_from.to_string())
    }

    /// From a record; none if it is not a whole rule.
    pub fn from_record(record: &Record) -> Option<Rule> {
        if record.kind() != "rule" {
            return None;
        }
        Some(Rule {
            code: record.get_text("rule")?.parse().ok()?,
            cohort: record.get_text("segment")?.parse().ok()?,
            points: Points(record.get_int("points")?),
            daily_cap: record.get_int("daily_cap").map(Points),
            approve_above: record.get_int("approve_above").map(Points),
            effective_from: parse_date(record.get_text("effective_from")?).ok()?,
        })
    }
}

impl Item {
    /// As a record.
    pub fn to_record(&self) -> Record {
        Record::new(format!("item/{}/{}", self.code, self.effective_from), "item")
            .text("item", self.code.clone())
            .int("price", self.price.0)
            .text("effective_from", self.effective_from.to_string())
    }

    /// From a record; none if it is not a whole item.
    pub fn from_record(record: &Record) -> Option<Item> {
        if record.kind() != "item" {
            return None;
        }
        Some(Item {
            code: record.get_text("item")?.parse().ok()?,
            price: Points(record.get_int("price")?),
            effective_from: parse_date(record.get_text("effective_from")?).ok()?,
        })
    }
}
