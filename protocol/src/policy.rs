//! What a node may choose for itself: how new entries reach others, and which spending rights are handed out
//! without a clerk.
//!
//! Policies are local. Two nodes with different ones still come to agree, and no policy changes who may write,
//! read or spend. The node's configuration and the simulator's scenarios hold these values.

use serde::{Deserialize, Serialize};

use crate::org::OrgCode;
use crate::schema::Points;

/// All policies of one node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// How new segments reach connected peers.
    pub propagation: Propagation,
    /// When announcements are made and acted upon.
    pub timing: Timing,
    /// Which rights are granted without a clerk.
    pub grants: Grants,
}

/// How a new segment reaches connected peers. Whatever is not pushed is announced later, so that nothing depends
/// on a push; comparing at each connection stays underneath.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Propagation {
    /// Pushed over links between an organisation and its township, announced at leisure over others.
    Parent,
    /// Pushed to every peer that is not known to have it.
    #[default]
    Flood,
    /// Pushed along a tree that grows out of duplicates and misses, announced soon over the other links: Plumtree
    /// (Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007), one tree for each organisation's documents.
    Lazy,
    /// Pushed to nobody, announced at leisure.
    AntiEntropy,
}

impl Propagation {
    /// All of them, in the order of the documentation.
    pub const ALL: [Propagation; 4] =
        [Propagation::Parent, Propagation::Flood, Propagation::Lazy, Propagation::AntiEntropy];

    /// As in configuration and scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Propagation::Parent => "parent",
            Propagation::Flood => "flood",
            Propagation::Lazy => "lazy",
            Propagation::AntiEntropy => "anti-entropy",
        }
    }
}

/// Times of the announcements, in milliseconds. Each is stretched by up to a quarter, differently for each link and
/// occasion, so that neighbours do not speak all at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// From a new segment until it is announced over a link that it is not pushed over, by `flood` and `lazy`.
    pub announce_ms: u32,
    /// From hearing of a missing segment until it is asked for, in case a push is on the way.
    pub wait_ms: u32,
    /// From a new segment until it is announced by `parent` and `anti-entropy`.
    pub compare_ms: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Timing { announce_ms: 1_000, wait_ms: 1_000, compare_ms: 10_000 }
    }
}

/// Which rights a node grants to merchants, or asks for, without a clerk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// When.
    pub policy: Granting,
    /// `fixed`: points that each merchant is kept holding of each account.
    pub points: Points,
    /// Most of an account's points that may lie with merchants by automatic grants, in percent of what this node
    /// and they hold, 0 to 100.
    pub share_percent: u8,
    /// `fixed`: the merchants; empty: all that the directory lists.
    pub merchants: Vec<OrgCode>,
}

impl Default for Grants {
    fn default() -> Self {
        Grants { policy: Granting::None, points: Points(20), share_percent: 50, merchants: Vec::new() }
    }
}

/// When rights are granted without a clerk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Granting {
    /// Never: a clerk grants by hand.
    #[default]
    None,
    /// Ahead of need: each merchant is kept holding a fixed number of points of each account in use.
    Fixed,
    /// When a merchant had to refuse a redemption and has asked.
    Demand,
}

impl Granting {
    /// All of them, in the order of the documentation.
    pub const ALL: [Granting; 3] = [Granting::None, Granting::Fixed, Granting::Demand];

    /// As in configuration and scenarios.
    pub fn as_str(self) -> &'static str {
        match self {
            Granting::None => "none",
            Granting::Fixed => "fixed",
            Granting::Demand => "demand",
        }
    }
}
