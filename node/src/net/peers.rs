//! The nodes this one has talked to since it started, and their connections.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quinn::Connection;
use xiangyue_protocol::replica::{PeerId, SessionStatus};
use xiangyue_protocol::transport::SILENT_MILLIS;
use xiangyue_protocol::{Millis, NodeId, OrgCode};

use super::goodbye::Goodbye;
use super::traffic::Traffic;

/// What is known of a peer.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// Its organisation.
    pub org: OrgCode,
    /// What has gone to and from it.
    pub traffic: Arc<Traffic>,
    /// When anything last came from it, a sign of life included, to a second.
    pub last_heard: Millis,
    /// When its connection began.
    since: Millis,
    /// What had come over its connection when it was last looked at.
    heard: u64,
    /// What was known of its documents when its last connection ended; none while or before there was one.
    pub last: Option<SessionStatus>,
    /// Its connection, if one is up: our number for it, and whether we dialled.
    pub connection: Option<(PeerId, bool, Connection)>,
}

impl PeerInfo {
    /// Whether it is connected and no sign of life is overdue.
    pub fn is_there(&self, now: Millis) -> bool {
        self.connection.is_some() && now.0.saturating_sub(self.last_heard.0) <= SILENT_MILLIS
    }

    fn listen(&mut self, now: Millis) {
        if let Some((_, _, connection)) = &self.connection {
            let heard = heard_over(connection);
            if heard != self.heard {
                (self.heard, self.last_heard) = (heard, now);
            }
        }
    }
}

/// Counts what only the peer itself can have sent: frames that were decrypted.
fn heard_over(connection: &Connection) -> u64 {
    let frames = connection.stats().frame_rx;
    frames.acks + frames.ping + frames.stream + frames.crypto + frames.connection_close
}

/// All peers; clones share them.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    rows: Arc<Mutex<BTreeMap<NodeId, PeerInfo>>>,
}

impl Peers {
    fn rows(&self) -> MutexGuard<'_, BTreeMap<NodeId, PeerInfo>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many are connected.
    pub(super) fn connected(&self) -> usize {
        self.rows().values().filter(|info| info.connection.is_some()).count()
    }

    pub(super) fn is_connected(&self, node: NodeId) -> bool {
        self.rows().get(&node).is_some_and(|info| info.connection.is_some())
    }

    /// Enters a connection. Of two between the same nodes the newer stays, since the peer may have restarted; when
    /// both dialled at once, the one that the lower id dialled. Returns the traffic counters if it may stay.
    pub(super) fn enter(
        &self,
        me: NodeId,
        (node, org): (NodeId, OrgCode),
        now: Millis,
        (peer, dialled, connection): (PeerId, bool, Connection),
    ) -> Option<Arc<Traffic>> {
        let mut rows = self.rows();
        let info = rows.entry(node).or_insert_with(|| PeerInfo {
            org,
            traffic: Arc::default(),
            last_heard: now,
            since: now,
            heard: 0,
            last: None,
            connection: None,
        });
        if let Some((_, old_dialled, old)) = &info.connection
            && old.close_reason().is_none()
        {
            let crossed = *old_dialled != dialled && now.0.saturating_sub(info.since.0) < 2_000;
            if crossed && *old_dialled == (me < node) {
                return None;
            }
            Goodbye::Replaced.say(old);
        }
        (info.last_heard, info.since, info.heard) = (now, now, heard_over(&connection));
        info.connection = Some((peer, dialled, connection));
        Some(Arc::clone(&info.traffic))
    }

    /// Removes a connection, unless a newer one has taken its place.
    pub(super) fn leave(&self, node: NodeId, peer: PeerId, now: Millis, last: Option<SessionStatus>) {
        if let Some(info) = self.rows().get_mut(&node)
            && info.connection.as_ref().is_some_and(|(id, _, _)| *id == peer)
        {
            // The end of a line that fell silent is noticed a minute later: that is not when it was heard.
            info.listen(now);
            info.connection = None;
            info.last = last;
        }
    }

    /// Notes whether a peer has been heard since this was last asked.
    pub(super) fn listen(&self, node: NodeId, now: Millis) {
        if let Some(info) = self.rows().get_mut(&node) {
            info.listen(now);
        }
    }

    /// All peers as they are now.
    pub(super) fn list(&self) -> Vec<(NodeId, PeerInfo)> {
        self.rows().iter().map(|(node, info)| (*node, info.clone())).collect()
    }

    /// Closes every connection.
    pub(super) fn close_all(&self, goodbye: Goodbye) {
        for info in self.rows().values() {
            if let Some((_, _, connection)) = &info.connection {
                goodbye.say(connection);
            }
        }
    }
}
