//! Promises 4 and 5: who may write and who may hold what, said once more and on its own.
//!
//! That a segment is genuine is not judged by its signature: the bytes must be ones that the author's own node
//! was seen to write.

use std::collections::BTreeSet;

use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::{DocId, Kind, Level, OrgCode};

use super::{Broken, People};
use crate::node::Parcel;

/// Digits of a township's code, with which the codes of all under it begin.
const TOWNSHIP_DIGITS: usize = 9;

fn one_township(org: &OrgCode, doc: &DocId) -> bool {
    org.as_str().get(..TOWNSHIP_DIGITS) == doc.org.as_str().get(..TOWNSHIP_DIGITS) && org.level() != Level::County
}

/// Whether an organisation may hold a document.
pub(super) fn may_hold(org: &OrgCode, doc: &DocId) -> bool {
    let by_level = match doc.kind {
        Kind::Directory | Kind::Rules | Kind::Bulletin => true,
        Kind::Accounts | Kind::Ledger | Kind::Roster | Kind::Cases | Kind::Grid | Kind::Charter => {
            org.level() == Level::Township
        }
        Kind::People => false,
        Kind::Counter => matches!(org.level(), Level::Township | Level::Village),
    };
    *org == doc.org || (by_level && one_township(org, doc))
}

/// Whether an organisation may write a record of this kind to a document.
fn may_write(org: &OrgCode, doc: &DocId, record: &str) -> bool {
    let own = *org == doc.org;
    let township = org.level() == Level::Township && one_township(org, doc);
    match doc.kind {
        Kind::Directory | Kind::Rules | Kind::Bulletin | Kind::Accounts | Kind::People => own,
        Kind::Ledger | Kind::Roster | Kind::Cases | Kind::Grid | Kind::Charter => own || township,
        Kind::Counter if record == "award" => false,
        Kind::Counter if matches!(record, "redemption" | "reversal") => own,
        Kind::Counter => own || township || (org.level() == Level::Village && one_township(org, doc)),
    }
}

/// What authors were seen to write.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    genuine: BTreeSet<[u8; 16]>,
}

fn print_of(bytes: &[u8]) -> [u8; 16] {
    let mut print = [0; 16];
    print.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    print
}

impl Scope {
    /// An author's own node has written this.
    pub(super) fn authored(&mut self, segment: &Segment) {
        self.genuine.insert(print_of(&segment.bytes));
    }

    pub(super) fn check_kept(&self, broken: &mut Broken, people: &People, n: usize, doc: &DocId) {
        if !may_hold(&people.orgs[n], doc) {
            broken.broke(5, "reads", format!("node {n} keeps {doc}"));
        }
    }

    /// A segment by another has been taken in.
    pub(super) fn check_taken(
        &self,
        broken: &mut Broken,
        people: &People,
        n: usize,
        segment: &Segment,
        from: Option<usize>,
        replica: &Replica,
    ) {
        let header = &segment.header;
        let Some(author) = people.author(header.actor) else {
            broken.broke(4, "writes", format!("node {n} took {} in from a stranger", header.doc));
            return;
        };
        let genuine = || self.genuine.contains(&print_of(&segment.bytes));
        if !people.is_hostile(author) && !genuine() {
            let what = format!("node {n} took in a segment of {} that node {author} never wrote", header.doc);
            broken.broke(4, "writes", what);
        }
        let org = &people.orgs[author];
        for record in segment.records.iter().flatten().filter(|r| !may_write(org, &header.doc, r.kind())) {
            let what = format!("node {n} took in a {} by node {author} in {}", record.kind(), header.doc);
            broken.broke(4, "writes", what);
        }
        let by_township = from.is_none_or(|from| people.orgs[from].level() == Level::Township);
        if !by_township && replica.views().directory.revocation(header.actor.node).is_some() {
            let what = format!("node {n} took in {} by node {author}, which it knows to be revoked", header.doc);
            broken.broke(4, "writes", what);
        }
    }

    /// A frame is on its way to a node.
    pub(super) fn check_sent(&self, broken: &mut Broken, people: &People, to: usize, parcel: &Parcel) {
        let mut check = |doc: &DocId| {
            if !may_hold(&people.orgs[to], doc) {
                broken.broke(5, "reads", format!("{doc} was sent to node {to}"));
            }
        };
        match parcel {
            Parcel::Row(row) => check(&row.header.doc),
            Parcel::Frame(Frame::Vectors(vectors)) => vectors.iter().for_each(|vector| check(&vector.doc)),
            Parcel::Frame(Frame::Have(rows) | Frame::Announce(rows) | Frame::Want(_, rows)) => {
                rows.iter().for_each(|(doc, _, _)| check(doc));
            }
            _ => {}
        }
    }
}
