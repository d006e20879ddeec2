//! What nodes hold together: of documents and directories that are equal, one copy for all who have them.
//!
//! Five hundred nodes of a township hold its directory, and all villages its merchants' counters. Where they hold the
//! same of one, which the replica compares value by value, they take memory for it once; the next change parts them,
//! until they agree again.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use xiangyue_protocol::doc::Doc;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::views::Directory;
use xiangyue_protocol::{DocId, Kind, OrgCode};

/// Copies that somebody holds.
#[derive(Debug, Default)]
pub struct Commons {
    docs: BTreeMap<DocId, Vec<Weak<Doc>>>,
    directories: BTreeMap<OrgCode, Vec<Weak<Directory>>>,
}

impl Commons {
    /// A replica has another state of a document: it takes over the copy of whoever has the same, or is the first.
    pub fn share(&mut self, replica: &mut Replica, id: &DocId) {
        let Some(doc) = replica.docs().get(id).cloned() else { return };
        let same = |copy: &Arc<Doc>| copy.digest() == doc.digest() && replica.share_doc(id, copy);
        find(self.docs.entry(id.clone()).or_default(), &doc, same);
        if id.kind == Kind::Directory {
            let directory = Arc::clone(&replica.views().directory);
            let same = |copy: &Arc<Directory>| replica.share_directory(copy);
            find(self.directories.entry(id.org.clone()).or_default(), &directory, same);
        }
    }

    /// A replica has started: the same for all its documents.
    pub fn share_all(&mut self, replica: &mut Replica) {
        let ids: Vec<DocId> = replica.docs().keys().cloned().collect();
        ids.iter().for_each(|id| self.share(replica, id));
    }
}

/// Looks for a copy that will do, and enters the own one if there is none. Those that nobody holds any more are
/// forgotten.
fn find<T>(copies: &mut Vec<Weak<T>>, own: &Arc<T>, mut same: impl FnMut(&Arc<T>) -> bool) {
    copies.retain(|copy| copy.strong_count() > 0);
    if !copies.iter().filter_map(Weak::upgrade).any(|copy| same(&copy)) {
        copies.push(Arc::downgrade(own));
    }
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::replica::Mode;
    use xiangyue_protocol::schema::Org;
    use xiangyue_protocol::{Command, Millis};

    use super::*;
    use crate::node::{SimNode, key_of};
    use crate::plan::NodeSpec;

    fn node(name: &str, org: &str) -> SimNode {
        let anchor = key_of(1, "township").verifying_key().to_bytes();
        SimNode::new(1, &NodeSpec::new(name, org.parse().unwrap()), anchor, None).unwrap()
    }

    #[test]
    fn nodes_that_hold_the_same_hold_it_once_and_what_nobody_holds_is_forgotten() {
        let mut township = node("township", "110112119");
        let org = Org { code: "110112119201".parse().unwrap(), name: "一村".into(), version: 1 };
        let replica = township.replica.as_mut().unwrap();
        let _ = replica.submit(Millis(0), &[Command::Org(org)], Mode::AllOrNothing);
        replica.flush(Millis(0)).unwrap();
        let _ = township.drain();
        let id: DocId = "110112119/directory".parse().unwrap();
        let village = node("village", "110112119201");
        let mut pair = [0; 2].map(|_| village.replayed(township.disk.rows()).unwrap());
        let one = |[a, b]: &[Replica; 2]| {
            let directories = Arc::ptr_eq(&a.views().directory, &b.views().directory);
            (Arc::ptr_eq(&a.docs()[&id], &b.docs()[&id]), directories)
        };
        assert_eq!(one(&pair), (false, false));
        let mut commons = Commons::default();
        pair.iter_mut().for_each(|replica| commons.share_all(replica));
        assert_eq!(one(&pair), (true, true));
        drop(pair);
        commons.share_all(&mut village.replayed(township.disk.rows()).unwrap());
        assert_eq!((commons.docs[&id].len(), commons.directories[&id.org].len()), (1, 1));
    }
}
