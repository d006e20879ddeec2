//! `GET /approvals`: awards that wait for a second person.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::schema::{AccountId, Points, RequestId, RuleCode};
use xiangyue_protocol::{Date, OrgCode};

/// Awards above their rule's threshold that nobody has approved or declined: they count nothing yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// How many there are.
    pub total: u64,
    /// Their points.
    pub points: Points,
    /// The first of them by day and number, at most 1,000.
    pub waiting: Vec<Waiting>,
}

/// An award that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// Its slip number.
    pub request: RequestId,
    /// Day of the deed.
    pub date: Date,
    /// The village.
    pub org: OrgCode,
    /// That village's name.
    pub org_name: String,
    /// Who would earn.
    pub account: AccountId,
    /// Under which rule.
    pub rule: RuleCode,
    /// How much.
    pub points: Points,
    /// Code of the clerk who entered it, who cannot approve it.
    pub by: SmolStr,
    /// Remark.
    #[serde(default)]
    pub memo: SmolStr,
    /// Whether its number stands for something else too, as when two nodes entered one slip.
    #[serde(default)]
    pub possible_duplicate: bool,
}
