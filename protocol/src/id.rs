//! Names of nodes, actors and documents.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Code, Refusal};
use crate::org::{Level, OrgCode};
use crate::time::Month;

/// A node: the first 16 bytes of the BLAKE3 hash of its Ed25519 public key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub [u8; 16]);

impl NodeId {
    /// The id of the node that holds this public key.
    pub fn of_key(public_key: &[u8; 32]) -> NodeId {
        let mut id = [0; 16];
        blake3::Hasher::new_derive_key("xiangyue node id v1").update(public_key).finalize_xof().fill(&mut id);
        NodeId(id)
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.short())
    }
}

impl FromStr for NodeId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::new(Code::BadNodeId, text);
        if text.len() != 32 || !text.is_ascii() {
            return Err(refuse());
        }
        let mut id = [0; 16];
        for (byte, at) in id.iter_mut().zip((0..32).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| refuse())?;
        }
        Ok(NodeId(id))
    }
}

/// An Automerge actor: a node and its incarnation.
///
/// A node takes a new incarnation after a restore, an unclean recovery or a changed host, so that two lives
/// of one node never write under the same (actor, seq).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Actor {
    /// The author.
    pub node: NodeId,
    /// Which of its lives.
    pub incarnation: u32,
}

impl Actor {
    /// The 20 bytes that Automerge knows this actor by: node id, then incarnation, big-endian.
    pub fn to_bytes(self) -> [u8; 20] {
        let mut bytes = [0; 20];
        bytes[..16].copy_from_slice(&self.node.0);
        bytes[16..].copy_from_slice(&self.incarnation.to_be_bytes());
        bytes
    }

    /// Reads the 20 bytes back; none for an actor that is not one of ours.
    pub fn from_bytes(bytes: &[u8]) -> Option<Actor> {
        let (node, incarnation) = bytes.split_first_chunk::<16>()?;
        Some(Actor { node: NodeId(*node), incarnation: u32::from_be_bytes(incarnation.try_into().ok()?) })
    }

    /// As an Automerge actor id.
    pub fn to_automerge(self) -> automerge::ActorId {
        automerge::ActorId::from(&self.to_bytes()[..])
    }
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.node.short(), self.incarnation)
    }
}

impl fmt::Debug for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What a document holds. See `access` for who writes, reads and relays each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Organisations, nodes and their keys, revocations. One per township.
    Directory,
    /// Rule book and redemption items. One per township and year of effect.
    Rules,
    /// Register of pseudonymous accounts. One per village.
    Accounts,
    /// Points: awards, redemptions, reversals, grants. One per village and month.
    Ledger,
    /// Grants to and redemptions at one merchant. One per merchant and month.
    Counter,
    /// Residents' roles, households, grids. One per village.
    Roster,
    /// Petitions, disputes, errands, tasks and what else happened. One per village and year, and one of the township
    /// for what no village may read.
    Cases,
    /// Risk cards. One per village.
    Grid,
    /// What concerns single people: needs, consents. One per village, and read there alone.
    People,
    /// The village charter. One per village.
    Charter,
    /// Closed months and published results. One per township and month.
    Bulletin,
}

impl Kind {
    /// All kinds, in the order in which they are synced: what others need to be understood comes first.
    pub const ALL: [Kind; 11] = [
        Kind::Directory,
        Kind::Rules,
        Kind::Accounts,
        Kind::Counter,
        Kind::Ledger,
        Kind::Roster,
        Kind::Cases,
        Kind::Grid,
        Kind::People,
        Kind::Charter,
        Kind::Bulletin,
    ];

    /// The name in a document id.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Directory => "directory",
            Kind::Rules => "rules",
            Kind::Accounts => "accounts",
            Kind::Ledger => "ledger",
            Kind::Counter => "counter",
            Kind::Roster => "roster",
            Kind::Cases => "cases",
            Kind::Grid => "grid",
            Kind::People => "people",
            Kind::Charter => "charter",
            Kind::Bulletin => "bulletin",
        }
    }

    /// Whether documents of this kind belong to organisations of this level.
    pub fn is_of(self, level: Level) -> bool {
        match self {
            Kind::Directory | Kind::Rules | Kind::Bulletin => level == Level::Township,
            Kind::Accounts | Kind::Ledger | Kind::Roster | Kind::Grid | Kind::People | Kind::Charter => {
                level == Level::Village
            }
            Kind::Counter => level == Level::Merchant,
            Kind::Cases => matches!(level, Level::Village | Level::Township),
        }
    }
}

/// How a kind is split so that each document stays small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Shard {
    /// One document.
    Whole,
    /// One document a year.
    Year(u16),
    /// One document a month.
    Month(Month),
}

/// A document: organisation, kind, shard.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DocId {
    /// Whose document it is.
    pub org: OrgCode,
    /// What it holds.
    pub kind: Kind,
    /// Which part of it.
    pub shard: Shard,
}

impl DocId {
    /// The document of `org` that takes entries of `kind` dated in `month`.
    pub fn of_month(org: &OrgCode, kind: Kind, month: Month) -> DocId {
        DocId { org: org.clone(), kind, shard: DocId::shard_of(kind, month) }
    }

    /// The shard of `kind` that takes what is dated in `month`.
    pub fn shard_of(kind: Kind, month: Month) -> Shard {
        match kind {
            Kind::Directory | Kind::Accounts | Kind::Roster | Kind::Grid | Kind::People | Kind::Charter => Shard::Whole,
            Kind::Rules | Kind::Cases => Shard::Year(month.year()),
            Kind::Ledger | Kind::Counter | Kind::Bulletin => Shard::Month(month),
        }
    }

    /// The document of `org` for an unsharded `kind`.
    pub fn whole(org: &OrgCode, kind: Kind) -> DocId {
        DocId { org: org.clone(), kind, shard: Shard::Whole }
    }
}

impl fmt::Display for DocId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.org, self.kind.as_str())?;
        match self.shard {
            Shard::Whole => Ok(()),
            Shard::Year(year) => write!(f, "/{year:04}"),
            Shard::Month(month) => write!(f, "/{month}"),
        }
    }
}

impl fmt::Debug for DocId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for DocId {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::new(Code::BadDocId, text);
        let mut parts = text.split('/');
        let org: OrgCode = parts.next().unwrap_or_default().parse().map_err(|_| refuse())?;
        let kind =
            parts.next().and_then(|name| Kind::ALL.into_iter().find(|k| k.as_str() == name)).ok_or_else(refuse)?;
        let shard = match parts.next() {
            None => Shard::Whole,
            Some(year) if year.len() == 4 => Shard::Year(year.parse().map_err(|_| refuse())?),
            Some(month) => Shard::Month(month.parse().map_err(|_| refuse())?),
        };
        let sort = |shard: &Shard| std::mem::discriminant(shard);
        let usual = DocId::shard_of(kind, Month::FIRST);
        if parts.next().is_some() || !kind.is_of(org.level()) || sort(&shard) != sort(&usual) {
            return Err(refuse());
        }
        Ok(DocId { org, kind, shard })
    }
}

impl TryFrom<String> for DocId {
    type Error = Refusal;
    fn try_from(text: String) -> Result<Self, Refusal> {
        text.parse()
    }
}

impl From<DocId> for String {
    fn from(id: DocId) -> String {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn document_ids_read_back() {
        for text in [
            "110112119/directory",
            "110112119/rules/2021",
            "110112119201/accounts",
            "110112119201/ledger/2026-11",
            "110112119M01/counter/2026-02",
            "110112119201/roster",
            "110112119201/cases/2021",
            "110112119/cases/2021",
            "110112119/bulletin/2021-04",
        ] {
            assert_eq!(text.parse::<DocId>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn a_kind_belongs_to_one_level() {
        for bad in [
            "110112119/ledger/2026-11",
            "110112119201/directory",
            "110112119201/ledger",
            "110112119201/ledger/2026-13",
            "110112119201/accounts/2026",
            "110112119201/cases",
            "110112119M01/cases/2026",
            "x",
        ] {
            assert_eq!(bad.parse::<DocId>().expect_err(bad).code(), Code::BadDocId);
        }
    }

    #[test]
    fn actors_read_back() {
        let actor = Actor { node: NodeId::of_key(&[7; 32]), incarnation: 3 };
        assert_eq!(Actor::from_bytes(&actor.to_bytes()), Some(actor));
        assert_eq!(Actor::from_bytes(&[0; 19]), None);
        assert_eq!(actor.node.to_string().parse::<NodeId>().expect("hex"), actor.node);
    }
}
