//! By which keys authors are known: the node's own, its anchors', and those in the directory.

use std::sync::Arc;

use ed25519_dalek::VerifyingKey;

use super::Member;
use crate::error::{Code, Refusal};
use crate::id::NodeId;
use crate::views::Directory;

/// Public keys of authors, as of some moment; cheap to clone and to send to another thread.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    /// The node's own and its anchors', which are believed without the directory.
    trusted: Arc<[(NodeId, VerifyingKey)]>,
    /// What is written of it: what a township's clerk has entered counts after that.
    pub(super) directory: Arc<Directory>,
}

impl KeyRing {
    /// What a member knows before it has a directory.
    ///
    /// # Errors
    /// [`Code::BadConfig`] when an anchor is not an Ed25519 public key.
    pub(super) fn of(member: &Member) -> Result<KeyRing, Refusal> {
        let bad = |_| Refusal::new(Code::BadConfig, "trust anchor");
        let anchors = member.anchors.iter().map(|anchor| VerifyingKey::from_bytes(anchor).map_err(bad));
        let keys = anchors.chain([Ok(member.key.verifying_key())]);
        let trusted = keys.map(|key| key.map(|key| (NodeId::of_key(key.as_bytes()), key))).collect::<Result<_, _>>()?;
        Ok(KeyRing { trusted, directory: Arc::default() })
    }

    /// The key of an author, if it is known.
    pub fn get(&self, author: &NodeId) -> Option<&VerifyingKey> {
        let trusted = self.trusted.iter().find(|(node, _)| node == author).map(|(_, key)| key);
        trusted.or_else(|| self.directory.key(*author))
    }
}
