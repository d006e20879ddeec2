//! Promise 6, at the end: all who may hold a document hold it, with equal heads, values and digests, and nothing
//! awaited. One holder of each document is compared with every other.

use std::collections::BTreeMap;

use xiangyue_protocol::doc::{Doc, Tip};
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Actor, DocId};

use super::lives::Lives;
use super::scope::may_hold;
use super::{Broken, People};

pub(super) fn check(broken: &mut Broken, people: &People, lives: &Lives, replicas: &[(usize, &Replica)]) {
    let mut first: BTreeMap<&DocId, (usize, &Doc)> = BTreeMap::new();
    for (n, replica) in replicas {
        for (id, doc) in replica.docs() {
            first.entry(id).or_insert((*n, doc));
        }
    }
    // Documents by township: only those of its own can concern a node.
    let mut by_township: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for (id, holder) in &first {
        by_township.entry(id.org.township()).or_default().push((*id, *holder));
    }
    for (n, replica) in replicas {
        let org = &people.orgs[*n];
        for (id, (m, theirs)) in by_township.get(&org.township()).into_iter().flatten() {
            if m == n || !may_hold(org, id) {
                continue;
            }
            let Some(ours) = replica.docs().get(id) else {
                if is_hostile(people, theirs) {
                    continue;
                }
                broken.broke(6, "agree", format!("node {n} has no {id}, which node {m} has"));
                continue;
            };
            if let Some(part) = difference(people, ours, theirs) {
                broken.broke(6, "agree", format!("nodes {m} and {n} differ in the {part} of {id}"));
            }
        }
        for (id, doc) in replica.docs() {
            // What one life of a node wrote on the last one's entries outlasts these when their one disk dies.
            if !doc.awaited.is_empty() && people.hostile.is_empty() && !lives.has_lost(id) {
                broken.broke(6, "agree", format!("{id} at node {n} awaits changes that nobody has"));
            }
        }
    }
}

/// What others than hostile authors wrote.
fn honest<'d>(people: &'d People, doc: &'d Doc) -> impl Iterator<Item = (&'d Actor, &'d Tip)> {
    doc.vector.iter().filter(|(actor, _)| !people.author(**actor).is_none_or(|author| people.is_hostile(author)))
}

/// Whether nobody but hostile authors wrote a document: then not everybody takes it.
pub(super) fn is_hostile(people: &People, doc: &Doc) -> bool {
    honest(people, doc).next().is_none()
}

/// What differs. Branches of a hostile author may: it may have told everyone something else.
pub(super) fn difference(people: &People, ours: &Doc, theirs: &Doc) -> Option<&'static str> {
    if ours.vector != theirs.vector {
        return (!honest(people, ours).eq(honest(people, theirs))).then_some("vector");
    }
    let parts = [
        (ours.heads != theirs.heads, "heads"),
        (ours.summary != theirs.summary, "values"),
        (ours.digest() != theirs.digest(), "digest"),
        (ours != theirs, "rest"),
    ];
    parts.into_iter().find(|(differs, _)| *differs).map(|(_, part)| part)
}
