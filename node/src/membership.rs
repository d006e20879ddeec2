//! What a data folder knows of its node beside keys and certificates: `node.json`.

use std::path::Path;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::schema::directory::unhex;
use xiangyue_protocol::{Code, OrgCode, Refusal};

pub use xiangyue_protocol::schema::directory::hex;

use crate::files::{read_small, write_atomic};
use crate::pki::Address;

/// Name of the file.
const FILE: &str = "node.json";
/// Far more than it ever needs.
const MAX_BYTES: u64 = 1 << 20;

/// Who the node is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The organisation that it acts for.
    pub org: OrgCode,
    /// Which of its lives.
    pub incarnation: u32,
    /// Whether spending waits for the node's own lost entries.
    pub frozen: bool,
    /// Public keys of the township's own nodes, hexadecimal: the directory is believed by these.
    pub anchors: Vec<String>,
    /// Where the township can be dialled, tried in this order; empty at the township itself.
    pub township: Vec<String>,
    /// The machine that it last ran on: another one means a new life.
    pub machine: String,
}

impl Membership {
    /// Reads it.
    ///
    /// # Errors
    /// [`Code::NotReady`] when the folder holds no node; [`Code::Corrupt`], [`Code::Disk`].
    pub fn load(data: &Path) -> Result<Membership, Refusal> {
        let bytes = read_small(&data.join(FILE), MAX_BYTES)?;
        let bytes = bytes.ok_or_else(|| Refusal::new(Code::NotReady, data.display()))?;
        serde_json::from_slice(&bytes).map_err(|error| Refusal::new(Code::Corrupt, format_args!("{FILE}: {error}")))
    }

    /// Whether the folder holds a node.
    pub fn exists(data: &Path) -> bool {
        data.join(FILE).exists()
    }

    /// Writes it, durably.
    ///
    /// # Errors
    /// [`Code::Disk`].
    pub fn save(&self, data: &Path) -> Result<(), Refusal> {
        let json = serde_json::to_vec_pretty(self).map_err(|error| Refusal::new(Code::Disk, error))?;
        write_atomic(&data.join(FILE), &json, 0o644)
    }

    /// The anchors as keys.
    ///
    /// # Errors
    /// [`Code::Corrupt`].
    pub fn anchor_keys(&self) -> Result<Vec<[u8; 32]>, Refusal> {
        self.anchors.iter().map(|text| unhex(text).ok_or_else(|| Refusal::new(Code::Corrupt, FILE))).collect()
    }

    /// The township's addresses.
    ///
    /// # Errors
    /// [`Code::Corrupt`].
    pub fn township_addresses(&self) -> Result<Vec<Address>, Refusal> {
        self.township.iter().map(|text| text.parse()).collect()
    }
}

/// A mark of this machine that a copied disk image does not carry along: the machine id, hashed. Where there is
/// none, the mark is empty and a copy is only noticed by its peers.
pub fn machine_mark() -> String {
    let id = std::fs::read("/etc/machine-id").unwrap_or_default();
    if id.is_empty() { String::new() } else { hex(&blake3::derive_key("xiangyue machine mark v1", &id)[..8]) }
}
