//! Promise 9: what a node says of its horizon is never better than the truth. "Caught up" with a peer means that
//! it has all that the peer had when it greeted; "last heard" is the time of a frame that came.

use std::collections::BTreeMap;

use xiangyue_protocol::replica::{PeerId, Replica};
use xiangyue_protocol::{Actor, DocId, Millis, OrgCode};

use super::Broken;
use super::scope::may_hold;
use crate::node::SimNode;

/// What a peer had when it greeted, in the scope of both.
#[derive(Debug, Clone)]
struct Greeting {
    by: usize,
    had: Vec<(DocId, Actor, u64)>,
}

/// Greetings that were sent, by the name that the receiving end has for the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Horizon {
    greetings: BTreeMap<PeerId, Greeting>,
}

impl Horizon {
    /// A node has greeted another.
    pub(super) fn greeted(&mut self, peer: PeerId, by: usize, to: &OrgCode, replica: &Replica) {
        let shared = replica.docs().iter().filter(|(id, _)| may_hold(to, id));
        let had =
            shared.flat_map(|(id, doc)| doc.vector.iter().map(|(actor, tip)| (id.clone(), *actor, tip.last))).collect();
        self.greetings.insert(peer, Greeting { by, had });
    }

    /// A frame has been taken in: what the node says now holds against the truth.
    pub(super) fn check(&mut self, broken: &mut Broken, n: usize, peer: PeerId, now: Millis, node: &SimNode) {
        let Some(replica) = &node.replica else { return };
        let Some(greeting) = self.greetings.get(&peer) else { return };
        let Some(status) = node.status(peer) else { return };
        if status.last_heard > now {
            broken.broke(9, "horizon", format!("node {n} says that it will hear from node {}", greeting.by));
        }
        if !status.caught_up {
            return;
        }
        let last = |doc: &DocId, actor: Actor| replica.docs().get(doc).map_or(0, |doc| doc.last(actor));
        if let Some((doc, actor, had)) = greeting.had.iter().find(|(doc, actor, had)| last(doc, *actor) < *had) {
            let what = format!(
                "node {n} says that it has caught up with node {}, which had {doc} {actor} to {had} when it greeted; \
                 here it ends at {}",
                greeting.by,
                last(doc, *actor)
            );
            broken.broke(9, "horizon", what);
        }
        self.greetings.remove(&peer);
    }

    /// A connection is gone.
    pub(super) fn gone(&mut self, peer: PeerId) {
        self.greetings.remove(&peer);
    }
}
