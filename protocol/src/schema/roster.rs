//! `roster`: who holds which role in which grid and household, from when to when (article Q2–Q4, B1).
//!
//! People are named by pseudonymous codes. A row is a term: an ended term is a new row with the same start and an
//! end. Key: `<person>/<role>/<from>` for an open term, with `/<to>` for an ended one.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::choices;
use crate::record::Record;
use crate::time::{Date, parse_date};

choices! {
    /// Sex as coded by GB/T 2261.1.
    Sex {
        /// 0.
        Unknown "0" "未知",
        /// 1.
        Male "1" "男",
        /// 2.
        Female "2" "女",
        /// 9.
        Unspecified "9" "未说明",
    }
}

/// One row of the roster.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RosterRow {
    /// Pseudonymous code of the person.
    pub person: SmolStr,
    /// Code of the household.
    pub household: SmolStr,
    /// Grid code of 15 digits, or empty.
    pub grid: SmolStr,
    /// Role, as the village names it.
    pub role: SmolStr,
    /// Sex.
    pub sex: Sex,
    /// Birth date, if known.
    pub born: Option<Date>,
    /// Political affiliation, as written.
    pub party: SmolStr,
    /// Education, as written.
    pub education: SmolStr,
    /// First day of the term.
    pub from: Date,
    /// Last day of the term; none while it lasts.
    pub to: Option<Date>,
}

impl RosterRow {
    /// As a record.
    pub fn to_record(&self) -> Record {
        let mut key = format!("{}/{}/{}", self.person, self.role, self.from);
        if let Some(to) = self.to {
            key = format!("{key}/{to}");
        }
        let date = |d: Option<Date>| d.map(|d| d.to_string()).unwrap_or_default();
        Record::new(key, "term")
            .text("person", self.person.clone())
            .text("household", self.household.clone())
            .text("grid", self.grid.clone())
            .text("role", self.role.clone())
            .text("sex", self.sex.as_str())
            .text("born", date(self.born))
            .text("party", self.party.clone())
            .text("education", self.education.clone())
            .text("from", self.from.to_string())
            .text("to", date(self.to))
    }

    /// From a record; none if it is not a whole row.
    pub fn from_record(record: &Record) -> Option<RosterRow> {
        if record.kind() != "term" {
            return None;
        }
        let text = |name| record.get_text(name).cloned().unwrap_or_default();
        let date = |name| record.get_text(name).map(|d| parse_date(d)).transpose().ok();
        Some(RosterRow {
            person: record.get_text("person")?.clone(),
            household: text("household"),
            grid: text("grid"),
            role: text("role"),
            sex: record.get_text("sex")?.parse().ok()?,
            born: date("born")?,
            party: text("party"),
            education: text("education"),
            from: date("from")??,
            to: date("to")?,
        })
    }
}
