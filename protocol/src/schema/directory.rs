//! `directory`: organisations, nodes and revocations of a township. The township alone writes it.
//!
//! Keys: `org/<code>/<n>` (the n-th version of its particulars), `node/<node id>`, `revoked/<node id>`.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::id::NodeId;
use crate::org::OrgCode;
use crate::record::Record;

/// An organisation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Org {
    /// Its permanent code.
    pub code: OrgCode,
    /// Its name.
    pub name: SmolStr,
    /// Which version of its particulars, from 1; the highest counts.
    pub version: u32,
}

/// An enrolled node.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NodeEntry {
    /// The fingerprint of its key.
    pub node: NodeId,
    /// Its Ed25519 public key.
    pub public_key: [u8; 32],
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// Where it can be dialled, `host:port`; empty when it can only dial out.
    pub address: SmolStr,
}

/// A node whose word counts no further.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Revocation {
    /// The node.
    pub node: NodeId,
    /// Seconds since 1970: what it wrote before stays if the township had it by then.
    pub at: i64,
    /// Why, for people.
    pub reason: SmolStr,
}

/// Bytes as hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The 32 bytes of a public key, from its 64 hexadecimal digits.
pub fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
        *byte = u8::from_str_radix(&text[at..at + 2], 16).ok()?;
    }
    Some(bytes)
}

impl Org {
    /// As a record.
    pub fn to_record(&self) -> Record {
        Record::new(format!("org/{}/{}", self.code, self.version), "org")
            .text("code", self.code.as_str())
            .text("name", self.name.clone())
            .int("version", self.version.into())
    }

    /// From a record; none if it is not a whole organisation.
    pub fn from_record(record: &Record) -> Option<Org> {
        if record.kind() != "org" {
            return None;
        }
        Some(Org {
            code: record.get_text("code")?.parse().ok()?,
            name: record.get_text("name")?.clone(),
            version: u32::try_from(record.get_int("version")?).ok()?,
        })
    }
}

impl NodeEntry {
    /// As a record.
    pub fn to_record(&self) -> Record {
        Record::new(format!("node/{}", self.node), "node")
            .text("node", self.node.to_string())
            .text("key", hex(&self.public_key))
            .text("org", self.org.as_str())
            .text("address", self.address.clone())
    }

    /// From a record; none if it is not a whole node, or its id does not belong to its key.
    pub fn from_record(record: &Record) -> Option<NodeEntry> {
        if record.kind() != "node" {
            return None;
        }
        let entry = NodeEntry {
            node: record.get_text("node")?.parse().ok()?,
            public_key: unhex(record.get_text("key")?)?,
            org: record.get_text("org")?.parse().ok()?,
            address: record.get_text("address").cloned().unwrap_or_default(),
        };
        (NodeId::of_key(&entry.public_key) == entry.node).then_some(entry)
    }
}

impl Revocation {
    /// As a record.
    pub fn to_record(&self) -> Record {
        Record::new(format!("revoked/{}", self.node), "revocation")
            .text("node", self.node.to_string())
            .int("at", self.at)
            .text("reason", self.reason.clone())
    }

    /// From a record; none if it is not a whole revocation.
    pub fn from_record(record: &Record) -> Option<Revocation> {
        if record.kind() != "revocation" {
            return None;
        }
        Some(Revocation {
            node: record.get_text("node")?.parse().ok()?,
            at: record.get_int("at")?,
            reason: record.get_text("reason").cloned().unwrap_or_default(),
        })
    }
}
