//! The shadow: what clerks asked for and were told, and what their nodes wrote for it.
//!
//! One row for each thing that one node wrote under one key. Rows are made by the author's own append alone, so
//! whatever another node shows can be held against them.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;
use xiangyue_protocol::forms::Marks;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Entry, Points, Taken};
use xiangyue_protocol::segment::{Header, Segment};
use xiangyue_protocol::summary::{Slip, Summary};
use xiangyue_protocol::{Actor, Amend, Command, Date, DocId, NodeId};

use super::{People, holds};
use crate::disk::Disk;
use crate::node::SimNode;

/// What an entry does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Points earned, of which a part settled a debt.
    Award(AccountId, Points, Points),
    /// Points spent.
    Redeem(AccountId, Points),
    /// An award taken back, of which a part had been spent; or a redemption.
    Reverse { of: SmolStr, redemption: bool, account: AccountId, points: Points, debt: Points },
    /// Rights handed to another node. The day tells two grants apart that a node and its copy make under one number.
    Grant(AccountId, Points, NodeId, Date),
    /// Anything that moves no points.
    Fact,
}

impl Act {
    fn of(entry: Option<Entry>) -> Act {
        match entry {
            Some(Entry::Award(e)) => Act::Award(e.account, e.points, e.repaid),
            Some(Entry::Redemption(e)) => Act::Redeem(e.account, e.points),
            Some(Entry::Grant(e)) => Act::Grant(e.account, e.points, e.to, e.date),
            Some(Entry::Reversal(e)) => Act::Reverse {
                of: e.of.into(),
                redemption: e.takes != Taken::Award,
                account: e.account,
                points: e.points,
                debt: e.debt,
            },
            // Clerks of the simulator let nothing expire yet.
            Some(Entry::Expiry(_)) | None => Act::Fact,
        }
    }

    /// Whose points it moves.
    pub(super) fn account(&self) -> Option<&AccountId> {
        match self {
            Act::Award(account, ..) | Act::Redeem(account, _) | Act::Grant(account, ..) => Some(account),
            Act::Reverse { account, .. } => Some(account),
            Act::Fact => None,
        }
    }
}

/// Something that a node wrote.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub(super) author: usize,
    pub(super) key: SmolStr,
    pub(super) doc: DocId,
    /// The segments that carry it: more than one when a restored node wrote it again.
    pub(super) places: Vec<(Actor, u64)>,
    pub(super) act: Act,
    /// Whether its clerk was told that it is done.
    pub(super) told: bool,
    /// Whether its author's disk has it: not when that disk died, until it is fetched back.
    pub(super) at_author: bool,
    /// False when a dead disk may have held its only safe copy.
    pub(super) certain: bool,
}

/// All rows.
#[derive(Debug, Clone, Default)]
pub(super) struct Shadow {
    ops: BTreeMap<(usize, SmolStr), Op>,
    asked: BTreeSet<(usize, SmolStr)>,
    /// Keys of reversals by author and what they reverse.
    reversals: BTreeMap<(usize, SmolStr), SmolStr>,
    /// Segments of which no safe copy was known when a disk died, with what they carry.
    lost: BTreeMap<(DocId, Actor, u64), Vec<(usize, SmolStr)>>,
    /// What came back to its author and is not safe there yet.
    returning: BTreeMap<usize, Vec<Returning>>,
}

/// A key, and the segment that brought it back.
#[derive(Debug, Clone)]
struct Returning {
    key: SmolStr,
    doc: DocId,
    actor: Actor,
    last: u64,
}

/// The key of the record that a command writes.
pub fn key_of(command: &Command) -> SmolStr {
    match command {
        Command::Org(org) => org.to_record().key,
        Command::Node(node) => node.to_record().key,
        Command::Revoke(revocation) => revocation.to_record().key,
        Command::Rule(rule) => rule.to_record().key,
        Command::Item(item) => item.to_record().key,
        Command::Account { account, .. } => account.to_record().key,
        Command::Put(request) => {
            // Clerks of the simulator say which version they correct, so that which one they write is known before.
            let version = if let Amend::Version(seen) = request.amend { seen + 1 } else { 1 };
            request.row.clone().at(version).to_record().key
        }
        Command::Award(award) => award.request.clone().into(),
        Command::Expire(request) => request.account.clone().into(),
        // Clerks of the simulator approve nothing yet.
        Command::Judge(verdict) => verdict.request.clone().into(),
        Command::Redeem(redemption) => redemption.request.clone().into(),
        Command::Reverse(request) => request.request.clone().into(),
        Command::Grant(request) => request.request.clone().into(),
    }
}

/// What a replica shows under a key.
pub(super) enum Standing<'a> {
    /// Entries with this number.
    Slips(Vec<&'a Slip>),
    /// A fact, or this version of a row or a later one.
    Fact,
}

/// What a replica shows of a document under a key, if anything.
pub(super) fn standing<'a>(replica: &'a Replica, doc: &DocId, key: &str) -> Option<Standing<'a>> {
    match &replica.docs().get(doc)?.summary {
        Summary::Points(points) => {
            let request = key.parse().ok()?;
            let slips: Vec<&Slip> = points.under(&request).collect();
            (!slips.is_empty()).then_some(Standing::Slips(slips))
        }
        Summary::Register(register) => {
            (register.facts.contains_key(key) || has_row(&register.marks, key)).then_some(Standing::Fact)
        }
    }
}

/// Whether marks have the version of a row that a record's key names, or a later one.
fn has_row(marks: &Marks, key: &str) -> bool {
    let version = |(form, key, version): (&str, &str, u32)| marks.of(form, key).is_some_and(|m| m.version >= version);
    row_of(key).is_some_and(version)
}

/// Form, key and version of a row, from its record's key.
fn row_of(key: &str) -> Option<(&str, &str, u32)> {
    let (form, rest) = key.split_once('/')?;
    let (key, version) = rest.rsplit_once('/')?;
    Some((form, key, version.parse().ok()?))
}

impl Shadow {
    pub(super) fn op(&self, author: usize, key: &str) -> Option<&Op> {
        self.ops.get(&(author, key.into()))
    }

    /// Whether an author has corrected a row since it wrote this version.
    pub(super) fn is_corrected(&self, author: usize, key: &str) -> bool {
        let next = |(form, key, version)| self.op(author, &format!("{form}/{key}/{}", version + 1));
        row_of(key).and_then(next).is_some()
    }

    pub(super) fn ops(&self) -> impl Iterator<Item = &Op> {
        self.ops.values()
    }

    /// The last reversal that an author wrote of what it wrote under `of`.
    pub(super) fn reversal_of(&self, author: usize, of: &str) -> Option<&Op> {
        self.op(author, self.reversals.get(&(author, of.into()))?)
    }

    fn of(author: usize) -> std::ops::Range<(usize, SmolStr)> {
        (author, SmolStr::default())..(author + 1, SmolStr::default())
    }

    pub(super) fn asked(&mut self, n: usize, command: &Command) {
        self.asked.insert((n, key_of(command)));
    }

    pub(super) fn was_asked(&self, n: usize, key: &str) -> bool {
        self.asked.contains(&(n, key.into()))
    }

    /// The clerk was told. Says whether for the first time.
    pub(super) fn acknowledge(&mut self, n: usize, key: &str) -> bool {
        self.ops.get_mut(&(n, key.into())).is_some_and(|op| !std::mem::replace(&mut op.told, true))
    }

    /// A node has written a record. What a restored node writes again keeps the smaller part set by itself, as
    /// the protocol counts it.
    pub(super) fn write(
        &mut self,
        n: usize,
        header: &Header,
        record: &xiangyue_protocol::record::Record,
        entry: Option<Entry>,
    ) -> Op {
        let place = (header.actor, header.last);
        let op = self.ops.entry((n, record.key.clone())).or_insert_with(|| Op {
            author: n,
            key: record.key.clone(),
            doc: header.doc.clone(),
            places: Vec::new(),
            act: Act::Fact,
            told: false,
            at_author: false,
            certain: true,
        });
        // The same wish on another day may go into another document, if the first disk died with the first answer.
        if op.doc != header.doc {
            (op.doc, op.places) = (header.doc.clone(), Vec::new());
        }
        let act = Act::of(entry);
        op.act = match (&op.act, act) {
            (Act::Award(_, _, before), Act::Award(account, points, repaid)) => {
                Act::Award(account, points, repaid.min(*before))
            }
            (Act::Reverse { debt: before, .. }, Act::Reverse { of, redemption, account, points, debt }) => {
                Act::Reverse { of, redemption, account, points, debt: debt.min(*before) }
            }
            (_, act) => act,
        };
        if let Act::Reverse { of, .. } = &op.act {
            self.reversals.insert((n, of.clone()), op.key.clone());
        }
        op.places.push(place);
        (op.at_author, op.certain) = (true, true);
        op.clone()
    }

    /// A segment of another, or of an earlier life, was taken in. Hands out what had been taken for lost.
    pub(super) fn came_back(&mut self, people: &People, n: usize, segment: &Segment) -> Vec<Op> {
        let header = &segment.header;
        if header.actor.node == people.ids[n] {
            for record in segment.records.iter().flatten() {
                if self.ops.contains_key(&(n, record.key.clone())) {
                    let (key, doc) = (record.key.clone(), header.doc.clone());
                    let back = Returning { key, doc, actor: header.actor, last: header.last };
                    self.returning.entry(n).or_default().push(back);
                }
            }
        }
        if self.lost.is_empty() {
            return Vec::new();
        }
        let keys = self.lost.remove(&(header.doc.clone(), header.actor, header.last)).unwrap_or_default();
        let mut back = Vec::new();
        for key in keys {
            if let Some(op) = self.ops.get_mut(&key)
                && !std::mem::replace(&mut op.certain, true)
            {
                back.push(op.clone());
            }
        }
        back
    }

    /// What came back to its author counts as held there once a power cut can no longer take it.
    pub(super) fn settle(&mut self, n: usize, disk: &Disk) {
        let Some(returning) = self.returning.get_mut(&n) else { return };
        let ops = &mut self.ops;
        returning.retain(|back| {
            let is_safe = disk.holds_safely(&back.doc, back.actor, back.last);
            if is_safe && let Some(op) = ops.get_mut(&(n, back.key.clone())) {
                op.at_author = true;
            }
            !is_safe
        });
    }

    /// A node has started from this disk: what came back and was not safe yet must come once more.
    pub(super) fn restarted(&mut self, n: usize, disk: &Disk) {
        self.settle(n, disk);
        self.returning.remove(&n);
    }

    /// After a power cut: what an author wrote and no longer holds. What was never answered is forgotten, since
    /// it never left, unless it had been written before by a life whose disk died; the rest is returned as well and
    /// stays.
    pub(super) fn missing_at_author(&mut self, n: usize, replica: &Replica) -> (Vec<Op>, Vec<Op>) {
        let missing: Vec<Op> = self
            .ops
            .range(Self::of(n))
            .map(|(_, op)| op)
            .filter(|op| op.at_author && !holds(replica, &op.doc, &op.key))
            .cloned()
            .collect();
        let (told, mut never): (Vec<Op>, Vec<Op>) = missing.into_iter().partition(|op| op.told);
        never.retain(|op| !self.falls_back(n, &op.key));
        for op in &never {
            self.ops.remove(&(n, op.key.clone()));
        }
        (told, never)
    }

    /// What was written last under a key is lost. Says whether what an earlier life wrote under it may still stand.
    fn falls_back(&mut self, n: usize, key: &SmolStr) -> bool {
        let place = (n, key.clone());
        let Some(op) = self.ops.get_mut(&place) else { return false };
        op.places.pop();
        op.at_author = false;
        let gone = |(actor, last): &(Actor, u64)| {
            self.lost.get(&(op.doc.clone(), *actor, *last)).is_some_and(|keys| keys.contains(&place))
        };
        op.certain = op.places.iter().any(|place| !gone(place));
        !op.places.is_empty()
    }

    /// A disk died. Hands out what nobody else holds safely.
    pub(super) fn disk_died<'a>(
        &mut self,
        n: usize,
        restored: &Replica,
        others: impl Iterator<Item = (usize, &'a SimNode)> + Clone,
    ) -> Vec<Op> {
        let mut gone = Vec::new();
        for ((_, key), op) in self.ops.range_mut(Self::of(n)) {
            op.at_author = holds(restored, &op.doc, key);
            let elsewhere = |op: &Op| {
                others.clone().filter(|(m, _)| *m != n).any(|(_, other)| {
                    op.places.iter().any(|(actor, last)| other.disk.holds_safely(&op.doc, *actor, *last))
                })
            };
            if op.at_author || elsewhere(op) || !op.certain {
                continue;
            }
            op.certain = false;
            for (actor, last) in &op.places {
                self.lost.entry((op.doc.clone(), *actor, *last)).or_default().push((n, key.clone()));
            }
            gone.push(op.clone());
        }
        gone
    }
}
