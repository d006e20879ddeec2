//! `GET /balance/{account}` and `GET /statement/{account}`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::schema::{AccountId, Cohort, HolderKind, Points, RequestId};
use xiangyue_protocol::{Code, Date, Millis, OrgCode, Refusal};

/// What an account has, as far as this node knows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Balance {
    /// Whose.
    pub account: AccountId,
    /// Its village.
    pub village: OrgCode,
    /// That village's name.
    pub village_name: String,
    /// Names of further villages that use the number: then the figures are those of all of them together.
    #[serde(default)]
    pub also_used_in: Vec<String>,
    /// Person, household or unit; none where the register is not held.
    pub holder: Option<HolderKind>,
    /// Which rules apply; none where the register is not held.
    pub cohort: Option<Cohort>,
    /// Points that can be spent somewhere: earned less redeemed less reversed less expired less
    /// stranded.
    pub available: Points,
    /// The part that this node may spend.
    pub held_here: Points,
    /// The parts that other nodes may spend.
    pub held_elsewhere: Vec<Held>,
    /// Points whose rights lie at revoked nodes: nobody can spend them.
    #[serde(default)]
    pub stranded: Points,
    /// Sum of awards.
    pub earned: Points,
    /// Sum of redemptions.
    pub redeemed: Points,
    /// Sum of reversed awards.
    pub reversed: Points,
    /// Sum of points expired, less those given back.
    #[serde(default)]
    pub expired: Points,
    /// Points that wait for a second person and count nowhere yet.
    #[serde(default)]
    pub awaiting: Points,
    /// Sum of reversed redemptions, points given back.
    pub returned: Points,
    /// Reversed awards that had been spent already: a debt against future awards.
    pub debt: Points,
    /// The latest moment up to which this node has heard the account's village.
    pub as_of: Millis,
}

/// Spending rights at another node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// The node's id.
    pub node: String,
    /// Its organisation.
    pub org: OrgCode,
    /// That organisation's name.
    pub name: String,
    /// How many points.
    pub points: Points,
    /// Whether the node was revoked, so that nobody can spend them.
    #[serde(default)]
    pub revoked: bool,
}

/// Which part of a statement is wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementQuery {
    /// First day, all earlier ones when left out.
    #[serde(default)]
    pub from: Option<Date>,
    /// Last day, all later ones when left out.
    #[serde(default)]
    pub to: Option<Date>,
}

impl StatementQuery {
    /// That the first day is not after the last.
    ///
    /// # Errors
    /// [`Code::BadValue`].
    pub fn check(self) -> Result<(), Refusal> {
        match (self.from, self.to) {
            (Some(from), Some(to)) if from > to => {
                Err(Refusal::new(Code::BadValue, format_args!("from {from} > to {to}")))
            }
            _ => Ok(()),
        }
    }
}

/// An account's entries by date.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// Whose.
    pub account: AccountId,
    /// First day asked for.
    pub from: Option<Date>,
    /// Last day asked for.
    pub to: Option<Date>,
    /// Balance before the first line.
    pub opening: Points,
    /// Whether this node does not hold the account's register, and so sees only what was granted to it and spent
    /// here: then balances are what it may spend itself.
    #[serde(default)]
    pub partial: bool,
    /// The lines, oldest first; of one day, what gives points before what takes them.
    pub lines: Vec<StatementLine>,
    /// Balance after the last line.
    pub closing: Points,
    /// The latest moment up to which this node has heard the account's village.
    pub as_of: Millis,
}

/// What a line of a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineKind {
    /// Points earned.
    Award,
    /// Points spent.
    Redemption,
    /// An award taken back.
    AwardReversed,
    /// A redemption taken back.
    RedemptionReversed,
    /// Spending rights moved to another node; the balance stays.
    Grant,
    /// Points expired.
    Expiry,
    /// Expired points given back.
    ExpiryReversed,
}

/// One line of a statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementLine {
    /// Day.
    pub date: Date,
    /// What it is.
    pub kind: LineKind,
    /// Slip number.
    pub request: RequestId,
    /// Points with their sign: below zero when they leave the account; the number moved for a grant.
    pub points: Points,
    /// Rule, item, reversed slip number, or the organisation granted to.
    pub about: SmolStr,
    /// The organisation whose node wrote it.
    pub org: OrgCode,
    /// That organisation's name.
    pub org_name: String,
    /// Remark.
    #[serde(default)]
    pub memo: SmolStr,
    /// Who approved it, of an award.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved_by: Option<SmolStr>,
    /// Balance after it.
    pub balance: Points,
    /// Another slip that may be the same deed entered twice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub possible_duplicate_of: Option<RequestId>,
}
