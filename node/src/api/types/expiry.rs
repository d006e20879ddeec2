//! `POST /expire`: points that nobody may spend any more are taken out.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::Date;
use xiangyue_protocol::schema::{AccountId, Points};

/// What the township's policy (form `validity`) lets expire as of a day, of rights that this node holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpireRequest {
    /// The day, which is not to come.
    pub as_of: Date,
    /// Show it and write nothing.
    #[serde(default)]
    pub dry_run: bool,
    /// Code of the clerk.
    #[serde(default)]
    pub by: SmolStr,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expired {
    /// As of which day.
    pub as_of: Date,
    /// Whether nothing was written.
    pub dry_run: bool,
    /// The last day on which the points were earned; none if no policy has run out.
    pub earned_to: Option<Date>,
    /// Of how many accounts points expire here.
    pub accounts: u64,
    /// How many.
    pub points: Points,
    /// How many further ones lie at other nodes, such as merchants', which give them back first.
    pub elsewhere: Points,
    /// The first of the accounts, at most 1,000.
    pub rows: Vec<ExpiredRow>,
}

/// The points of one account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpiredRow {
    /// Whose.
    pub account: AccountId,
    /// How many expire here.
    pub points: Points,
    /// How many lie at other nodes.
    pub elsewhere: Points,
}
