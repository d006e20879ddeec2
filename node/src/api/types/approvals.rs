//! `GET /approvals`: awards that wait for a second person.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::schema::{AccountId, Points, RequestId, RuleCode};
use xiangyue_protocol::{Date, OrgCode};

/// Which of them are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovalsQuery {
    /// Those that were declined, instead of those that wait.
    #[serde(default)]
    pub declined: bool,
}

/// Awards above their rule's threshold that nobody has approved: they count nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approvals {
    /// How many there are.
    pub total: u64,
    /// Their points.
    pub points: Points,
    /// The first of them by day and number, at most 1,000.
    pub waiting: Vec<Waiting>,
}

/// A person's no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declined {
    /// Day of it.
    pub date: Date,
    /// Code of the person.
    pub by: SmolStr,
    /// Why not.
    pub why: SmolStr,
}

/// An award that waits, or that was declined.
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
    /// Who declined it, and why; none while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declined: Option<Declined>,
}
