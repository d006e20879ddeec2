//! Claims: awards above a rule's threshold that wait for a second person (article L3), and claims that were declined.
//!
//! A claim gives no points and no right to spend. It is approved by an award that names its claimant
//! ([`Entry::owner`](super::Entry::owner)), under the claim's own slip number. Keys: `claim/<slip>` and
//! `decline/<slip>/<claimant>`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::{Award, Entry, RequestId};
use crate::id::NodeId;
use crate::record::Record;
use crate::time::{Date, parse_date};

/// A person's no to a claim.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Decline {
    /// Slip number of the claim.
    pub request: RequestId,
    /// The node that keeps it.
    pub claimant: NodeId,
    /// What it says, as [`crate::summary::Slip::content`].
    pub content: u64,
    /// Day of the no.
    pub date: Date,
    /// Code of the person.
    pub by: SmolStr,
    /// Why.
    pub memo: SmolStr,
}

impl Decline {
    /// As a record.
    pub fn to_record(&self) -> Record {
        Record::new(format!("decline/{}/{}", self.request, self.claimant), "decline")
            .text("request", self.request.clone())
            .text("claimant", self.claimant.to_string())
            .text("content", format!("{:016x}", self.content))
            .text("date", self.date.to_string())
            .text("by", self.by.clone())
            .text("memo", self.memo.clone())
    }

    /// From a record; none if it is not a whole no.
    pub fn from_record(record: &Record) -> Option<Decline> {
        if record.kind() != "decline" {
            return None;
        }
        Some(Decline {
            request: record.get_text("request")?.parse().ok()?,
            claimant: record.get_text("claimant")?.parse().ok()?,
            content: u64::from_str_radix(record.get_text("content")?, 16).ok()?,
            date: parse_date(record.get_text("date")?).ok()?,
            by: record.get_text("by").cloned().unwrap_or_default(),
            memo: record.get_text("memo").cloned().unwrap_or_default(),
        })
    }
}

/// An award as a claim: the same record under another key and kind.
pub fn claim_record(award: &Award) -> Record {
    Entry::Award(award.clone()).to_record().turned_into(format!("claim/{}", award.request), "claim")
}

/// The award that a record claims; none if it is not a whole claim.
pub(crate) fn claim_of(record: &Record) -> Option<Award> {
    let request = record.key.strip_prefix("claim/").filter(|_| record.kind() == "claim")?;
    match Entry::from_record(&record.clone().turned_into(request, "award"))? {
        Entry::Award(award) => Some(award),
        _ => None,
    }
}
