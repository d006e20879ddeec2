//! Commands: what a person or a file asks a node to write.

use smol_str::SmolStr;

use crate::forms::Row;
use crate::org::OrgCode;
use crate::schema::{Account, AccountId, Award, Item, NodeEntry, Org, Points, Redemption, RequestId, Revocation, Rule};
use crate::time::Date;

/// A wish to take back an earlier award or redemption of this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReverseRequest {
    /// Slip number of the reversal.
    pub request: RequestId,
    /// Slip number of what is to be reversed.
    pub of: RequestId,
    /// Day of the reversal.
    pub date: Date,
    /// Code of the clerk.
    pub by: SmolStr,
    /// Why.
    pub memo: SmolStr,
}

/// A wish to hand spending rights to a merchant's node, or back to a village's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantRequest {
    /// Slip number of the grant.
    pub request: RequestId,
    /// Whose points.
    pub account: AccountId,
    /// How many.
    pub points: Points,
    /// The organisation whose node may spend them from now on.
    pub to: OrgCode,
    /// Day of the grant.
    pub date: Date,
    /// Code of the clerk.
    pub by: SmolStr,
}

/// A second person's yes or no to a claim.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Slip number of the claim.
    pub request: RequestId,
    /// Code of the person: for a yes another than the clerk who entered the claim.
    pub by: SmolStr,
    /// Why not; none is a yes.
    pub declined: Option<SmolStr>,
}

/// A wish that of an account expires what the township's policy lets expire as of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpireRequest {
    /// Whose points.
    pub account: AccountId,
    /// The day, which is not to come.
    pub as_of: Date,
    /// Code of the clerk.
    pub by: SmolStr,
}

/// What to do when a version of a row is there that says something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amend {
    /// Refuse.
    No,
    /// Write the next version.
    Latest,
    /// Write the next version if this one is the latest.
    Version(u32),
}

/// A wish to enter a row of a form, to correct one, or to withdraw one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutRequest {
    /// The village whose row it is; the node's own when none is named. A township names one, unless the row is its own.
    pub village: Option<OrgCode>,
    /// The row; its version is found when it is written.
    pub row: Row,
    /// Whether it corrects what is there.
    pub amend: Amend,
}

/// One thing to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Name an organisation (township only).
    Org(Org),
    /// Enter a node in the directory (township only).
    Node(NodeEntry),
    /// Revoke a node (township only).
    Revoke(Revocation),
    /// Add a version of a rule (township only).
    Rule(Rule),
    /// Add a version of a redemption item (township only).
    Item(Item),
    /// Open an account at a village.
    Account {
        /// The village that the file named.
        village: OrgCode,
        /// The account.
        account: Account,
    },
    /// Enter a row of a form.
    Put(PutRequest),
    /// Award points, or claim them where the rule wants a second person.
    Award(Award),
    /// Approve or decline a claim.
    Judge(Verdict),
    /// Redeem points.
    Redeem(Redemption),
    /// Reverse an earlier entry.
    Reverse(ReverseRequest),
    /// Grant spending rights.
    Grant(GrantRequest),
    /// Let points expire that nobody may spend any more.
    Expire(ExpireRequest),
}

/// What became of a command that was not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is written.
    New,
    /// It is kept as a claim, which waits for a second person.
    Claimed,
    /// The same had been written before; nothing changed.
    Already,
}
