//! `GET /status`: this node, its peers, and how fresh it is; `POST /tokens` and `POST /revoke`: who may join.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::{Millis, OrgCode};

/// A node and its surroundings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The node's id.
    pub node: String,
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// That organisation's name in the directory.
    pub name: String,
    /// Version of the software.
    pub version: String,
    /// Which life of the node this is.
    pub incarnation: u32,
    /// When it was started.
    pub since: Millis,
    /// The node's own, trusted time of this answer.
    pub now: Millis,
    /// UDP address on which it takes QUIC connections.
    pub listen: String,
    /// Whether a disk fault turned it read-only.
    pub read_only: bool,
    /// Whether spending is frozen until a restored node has its own entries back.
    pub frozen: bool,
    /// Days until its certificate expires; negative when it has.
    pub certificate_days: i64,
    /// Its disk.
    pub disk: Disk,
    /// How many documents it holds.
    pub documents: u64,
    /// How many segments it holds.
    pub segments: u64,
    /// Bytes of the journal.
    pub journal_bytes: u64,
    /// Authors whose data it refused and set aside.
    pub quarantined: u64,
    /// Nodes it is or was connected to.
    pub peers: Vec<PeerStatus>,
    /// At a township: its villages and merchants. Elsewhere empty.
    pub villages: Vec<VillageStatus>,
}

/// Space on the disk that holds the data folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Bytes free.
    pub free: u64,
    /// Bytes in all.
    pub total: u64,
}

/// A peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerStatus {
    /// Its id.
    pub node: String,
    /// Its organisation.
    pub org: OrgCode,
    /// That organisation's name.
    pub name: String,
    /// Whether a connection is up.
    pub connected: bool,
    /// When it was last heard; none if never.
    pub last_heard_ms: Option<Millis>,
    /// Smoothed round-trip time of the connection, in microseconds.
    pub rtt_us: Option<u64>,
    /// Segments that it has announced and we have not; none while unknown.
    pub segments_behind: Option<u64>,
    /// Bytes sent to it since the start.
    pub bytes_sent: u64,
    /// Bytes received from it since the start.
    pub bytes_received: u64,
}

/// How fresh the township's knowledge of a village or merchant is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageStatus {
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// When one of its nodes was last heard; none if never.
    pub last_heard_ms: Option<Millis>,
    /// Whether one of its nodes is connected now, directly.
    pub connected: bool,
    /// Segments of it that others have announced and this node has not.
    pub segments_behind: u64,
    /// Whether it has an enrolled node at all.
    pub enrolled: bool,
}

/// Asks a township for an enrolment token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// Whom it is for.
    pub org: OrgCode,
    /// The organisation's name, entered in the directory.
    pub name: String,
    /// How long it is good for, in seconds.
    pub valid_seconds: u64,
}

/// An enrolment token. Whoever holds it may enrol one node for `org` until `expires`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// The token's text.
    pub token: String,
    /// Whom it is for.
    pub org: OrgCode,
    /// That organisation's name.
    pub name: String,
    /// When it expires.
    pub expires: Millis,
    /// Where the new node dials the township, `host:port`.
    pub address: String,
}

/// Asks a township to revoke a node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevokeRequest {
    /// The node's id.
    pub node: String,
    /// Why, for people.
    pub reason: String,
}

/// A node was revoked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revoked {
    /// The node's id.
    pub node: String,
    /// Its organisation.
    pub org: OrgCode,
    /// From when its word counts no further.
    pub at: Millis,
}
