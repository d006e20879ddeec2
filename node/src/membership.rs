//! What a data folder knows of its node beside keys and certificates: `node.json`.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::schema::directory::unhex;
use xiangyue_protocol::{Code, NodeId, OrgCode, Refusal};

pub use xiangyue_protocol::schema::directory::hex;

use crate::files::{read_small, write_atomic};
use crate::pki::Address;
use crate::storage::{JOURNAL_FOLDER, LOCK_FILE};

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
    /// The mark of the data folder in which it last ran: another one means a copy. Empty before it is known.
    #[serde(default)]
    pub folder: String,
    /// Whether its township has said that it was revoked.
    #[serde(default)]
    pub revoked: bool,
    /// At a township: nodes that are kept out because two copies of them were running.
    #[serde(default)]
    pub twins: Vec<String>,
}

impl Membership {
    /// Reads it.
    ///
    /// # Errors
    /// [`Code::NotReady`] when the folder holds no node; [`Code::KeptFile`] when it is damaged, or missing where a
    /// node has been; [`Code::Disk`].
    pub fn load(data: &Path) -> Result<Membership, Refusal> {
        let bytes = read_small(&data.join(FILE), MAX_BYTES)?;
        let bytes = bytes.ok_or_else(|| match data.join(JOURNAL_FOLDER).is_dir() {
            true => Refusal::new(Code::KeptFile, FILE),
            false => Refusal::new(Code::NotReady, data.display()),
        })?;
        serde_json::from_slice(&bytes).map_err(|error| Refusal::new(Code::KeptFile, format_args!("{FILE}: {error}")))
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
    /// [`Code::KeptFile`].
    pub fn anchor_keys(&self) -> Result<Vec<[u8; 32]>, Refusal> {
        self.anchors.iter().map(|text| unhex(text).ok_or_else(|| Refusal::new(Code::KeptFile, FILE))).collect()
    }

    /// The nodes that are kept out.
    ///
    /// # Errors
    /// [`Code::KeptFile`].
    pub fn twin_nodes(&self) -> Result<Vec<NodeId>, Refusal> {
        self.twins.iter().map(|text| text.parse().map_err(|_| Refusal::new(Code::KeptFile, FILE))).collect()
    }

    /// The township's addresses.
    ///
    /// # Errors
    /// [`Code::KeptFile`].
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

/// A mark of this data folder that a copy of it does not carry along: when its lock file came into being, or, where
/// the file system does not keep that, the file's inode.
///
/// The lock file is made once and never replaced. No program can set a file's time of birth, so `cp -a`, `tar` and
/// `rsync` all make a new one, while restarts, remounts and a power cut leave it. The device's number is left out: it
/// may change when a disk is found under another name. A snapshot or an image of the whole disk keeps the mark; there
/// the machine's mark, or the township, notices.
pub fn folder_mark(data: &Path) -> String {
    let Ok(facts) = std::fs::metadata(data.join(LOCK_FILE)) else { return String::new() };
    let born = facts.created().ok().and_then(|born| born.duration_since(std::time::UNIX_EPOCH).ok());
    let mark = born.map_or_else(|| format!("inode {}", facts.ino()), |born| format!("born {}", born.as_nanos()));
    hex(&blake3::derive_key("xiangyue folder mark v1", mark.as_bytes())[..8])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_of_a_folder_has_another_mark_and_a_moved_one_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let (first, copy, moved) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("c"));
        for folder in [&first, &copy] {
            std::fs::create_dir(folder).unwrap();
        }
        std::fs::write(first.join(LOCK_FILE), b"").unwrap();
        let mark = folder_mark(&first);
        std::thread::sleep(std::time::Duration::from_millis(20));
        std::fs::copy(first.join(LOCK_FILE), copy.join(LOCK_FILE)).unwrap();
        assert_ne!(folder_mark(&copy), mark);
        std::fs::OpenOptions::new().write(true).open(first.join(LOCK_FILE)).unwrap().set_len(0).unwrap();
        std::fs::rename(&first, &moved).unwrap();
        assert_eq!(folder_mark(&moved), mark);
    }
}
