//! `accounts`: the register of a village's pseudonymous accounts (article L2). Key: the account number.

use serde::{Deserialize, Serialize};

use super::{AccountId, Cohort, HolderKind};
use crate::record::Record;
use crate::time::{Date, parse_date};

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub account: AccountId,
    /// Person, household or unit.
    pub holder: HolderKind,
    /// Which rules apply.
    pub cohort: Cohort,
    /// First day on which it may earn points.
    pub opened: Date,
}

impl Account {
    /// As a record.
    pub fn to_record(&self) -> Record {
        Record::new(self.account.clone(), "account")
            .text("holder", self.holder.as_str())
            .text("segment", self.cohort.as_str())
            .text("opened", self.opened.to_string())
    }

    /// From a record; none if it is not a whole account.
    pub fn from_record(record: &Record) -> Option<Account> {
        if record.kind() != "account" {
            return None;
        }
        Some(Account {
            account: record.key.parse().ok()?,
            holder: record.get_text("holder")?.parse().ok()?,
            cohort: record.get_text("segment")?.parse().ok()?,
            opened: parse_date(record.get_text("opened")?).ok()?,
        })
    }
}
