//! Promise 1: acknowledged means durable. What is answered or sent lies in the synced part of the journal, and
//! what was answered is there after every start and, at the end, at every reader.

use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::Replica;

use super::scope::may_hold;
use super::shadow::{Op, Shadow};
use super::{Broken, People, holds};
use crate::node::{Parcel, SimNode};

pub(super) fn check_acknowledged(broken: &mut Broken, n: usize, key: &str, op: &Op, node: &SimNode) {
    let safe = |(actor, last): &(_, _)| node.disk.holds_safely(&op.doc, *actor, *last);
    if !op.places.iter().any(safe) {
        broken.broke(1, "durable", format!("node {n} acknowledged {key} of {} before it was synced", op.doc));
    }
    if node.replica.as_ref().is_some_and(|replica| !holds(replica, &op.doc, key)) {
        broken.broke(1, "durable", format!("node {n} acknowledged {key} of {} and does not show it", op.doc));
    }
}

/// A segment, or the word that one is kept, leaves a node.
pub(super) fn check_sent(broken: &mut Broken, n: usize, parcel: &Parcel, node: &SimNode) {
    let mut check = |doc: &_, actor, last, verb: &str| {
        if !node.disk.holds_safely(doc, actor, last) {
            broken.broke(1, "durable", format!("node {n} {verb} {doc} {actor} {last} before it was synced"));
        }
    };
    match parcel {
        Parcel::Row(row) => check(&row.header.doc, row.header.actor, row.header.last, "sent"),
        Parcel::Frame(Frame::Have(rows)) => {
            rows.iter().for_each(|(doc, actor, last)| check(doc, *actor, *last, "confirmed"))
        }
        _ => {}
    }
}

/// A node has started after a power cut. Hands out what it had written, had not answered, and has lost.
pub(super) fn check_started(broken: &mut Broken, n: usize, shadow: &mut Shadow, replica: &Replica) -> Vec<Op> {
    let (told, never) = shadow.missing_at_author(n, replica);
    for op in told {
        broken.broke(1, "durable", format!("node {n} lost {} of {} in a crash", op.key, op.doc));
    }
    never
}

/// At the end: what was answered stands at every node that may hold it.
pub(super) fn check_present(broken: &mut Broken, people: &People, shadow: &Shadow, replicas: &[(usize, &Replica)]) {
    for (n, replica) in replicas {
        let missing = shadow.ops().filter(|op| {
            let due = op.told && op.certain && !people.is_hostile(op.author);
            due && may_hold(&people.orgs[*n], &op.doc) && !holds(replica, &op.doc, &op.key)
        });
        for op in missing {
            let what = format!("{} of node {} is missing in {} at node {n}", op.key, op.author, op.doc);
            broken.broke(1, "durable", what);
        }
    }
}
