//! `POST /close`: a month's figures are frozen, or a closed month is opened again.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::Month;

use super::MissingVillage;

/// Close or reopen a month (township only).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CloseRequest {
    /// Which.
    pub month: Month,
    /// Open it again instead.
    #[serde(default)]
    pub reopen: bool,
    /// Code of the clerk.
    #[serde(default)]
    pub by: SmolStr,
    /// Why, for people.
    #[serde(default)]
    pub why: SmolStr,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// Which month.
    pub month: Month,
    /// Whether it was opened again.
    pub reopened: bool,
    /// Figures written to its bulletin.
    pub figures: u64,
    /// Adjustments of earlier months that are counted with it.
    pub adjustments: u64,
    /// How many villages there are.
    pub villages: u64,
    /// Those that were behind.
    pub missing: Vec<MissingVillage>,
}
