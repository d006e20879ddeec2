//! Promise 8: everything that can grow has a limit. The limits here are those that the protocol and the drivers
//! are built for; passing one is a broken promise, whatever else happens.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::replica::PeerId;

use super::Broken;
use crate::node::SimNode;

/// Effects that wait for durability at one node: what a frame each of 1,000 peers may bring about.
pub const HELD_EFFECTS: usize = 1 << 16;
/// Records staged and not flushed at one node: 512 requests of 1,000 records.
pub const STAGED_RECORDS: usize = 512_000;
/// Authors in one node's quarantine.
pub const QUARANTINED: usize = 256;
/// Frames on their way over one connection towards one end; a slower reader is disconnected.
pub const FRAMES_ON_THE_WAY: usize = 1 << 16;

/// Connections of each node, by its own name for them.
#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    live: BTreeMap<usize, BTreeSet<PeerId>>,
}

impl Bounds {
    pub(super) fn connected(&mut self, n: usize, own: PeerId) {
        self.live.entry(n).or_default().insert(own);
    }

    pub(super) fn gone(&mut self, n: usize, own: PeerId) {
        if let Some(live) = self.live.get_mut(&n) {
            live.remove(&own);
        }
    }

    pub(super) fn restarted(&mut self, n: usize) {
        self.live.remove(&n);
    }

    pub(super) fn check(&self, broken: &mut Broken, n: usize, node: &SimNode) {
        let Some(replica) = &node.replica else { return };
        let load = replica.load();
        for (what, count, limit) in [
            ("sessions", load.sessions, self.live.get(&n).map_or(0, BTreeSet::len)),
            ("held effects", load.held, HELD_EFFECTS),
            ("staged records", load.staged, STAGED_RECORDS),
            ("quarantined authors", load.quarantined, QUARANTINED),
        ] {
            if count > limit {
                broken.broke(8, "bounds", format!("node {n} has {count} {what}, more than {limit}"));
            }
        }
    }
}

pub(super) fn check_on_the_way(broken: &mut Broken, n: usize, frames: usize) {
    if frames > FRAMES_ON_THE_WAY {
        let what = format!("{frames} frames are on their way to node {n}, more than {FRAMES_ON_THE_WAY}");
        broken.broke(8, "bounds", what);
    }
}
