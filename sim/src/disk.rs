//! A node's journal as a power cut sees it: what was synced stays, what was not is lost, kept or torn.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use xiangyue_protocol::segment::{Header, Sealed, Segment};
use xiangyue_protocol::{Actor, DocId, Refusal};

use crate::rng::Rng;
use crate::scheduler::{MILLI, Micros};

/// A stored segment, shared by all that hold the same bytes.
#[derive(Debug)]
pub struct Row {
    /// What it says of itself.
    pub header: Header,
    /// As stored and sent.
    pub bytes: Arc<[u8]>,
    /// Hash of the bytes.
    pub print: [u8; 16],
}

impl Row {
    /// The row of a segment.
    pub fn of(segment: &Segment) -> Row {
        Row { header: segment.header.clone(), bytes: Arc::clone(&segment.bytes), print: print_of(&segment.bytes) }
    }

    /// A row of bytes from elsewhere.
    ///
    /// # Errors
    /// When they have no header that can be read.
    pub fn parse(bytes: Arc<[u8]>) -> Result<Row, Refusal> {
        let header = Sealed::parse(Arc::clone(&bytes))?.header;
        Ok(Row { header, print: print_of(&bytes), bytes })
    }
}

/// The first half of a hash: enough to tell what is alike in a simulation.
pub fn print_of(bytes: &[u8]) -> [u8; 16] {
    let mut print = [0; 16];
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut print);
    print
}

/// How a disk behaves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DiskParams {
    /// Shortest and longest time of one sync, in microseconds.
    pub sync: (Micros, Micros),
    /// How often of a thousand a sync takes ten times the longest: a board's card doing its housekeeping.
    pub slow_permille: u64,
    /// How often of a thousand a start reads the whole journal although its index had covered it.
    pub reread_permille: u64,
}

impl Default for DiskParams {
    fn default() -> Self {
        DiskParams { sync: (MILLI, 30 * MILLI), slow_permille: 20, reread_permille: 500 }
    }
}

impl DiskParams {
    /// The time that the next sync takes.
    pub fn sync_time(&self, rng: &mut Rng) -> Micros {
        let time = rng.between(self.sync.0, self.sync.1);
        if rng.chance(self.slow_permille) { self.sync.1 * 10 } else { time }
    }
}

/// What a crash did to appends that were not synced.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Appends of which nothing is left.
    pub lost: u64,
    /// Appends cut in the middle, which recovery cuts back.
    pub torn: u64,
    /// Appends that had reached the disk all the same.
    pub kept: u64,
}

/// The journal.
#[derive(Debug, Default, Clone)]
pub struct Disk {
    rows: Vec<Arc<Row>>,
    synced: usize,
    /// Rows of which a bit has turned.
    damaged: BTreeSet<usize>,
    /// Positions of all rows by document, actor and number: thousands of nodes have thousands of rows each.
    order: Vec<u32>,
}

impl Disk {
    /// Appends without syncing.
    pub fn append(&mut self, row: Arc<Row>) {
        let at = self.place(&row.header.doc, row.header.actor, row.header.last + 1);
        let position = u32::try_from(self.rows.len()).unwrap_or_else(|_| unreachable!("a run is over long before"));
        self.order.insert(at, position);
        self.rows.push(row);
    }

    fn row(&self, position: u32) -> &Arc<Row> {
        &self.rows[position as usize]
    }

    /// Where in the order those rows of this actor and document begin that end at `last` or later.
    fn place(&self, doc: &DocId, actor: Actor, last: u64) -> usize {
        self.order.partition_point(|position| {
            let header = &self.row(*position).header;
            (&header.doc, header.actor, header.last) < (doc, actor, last)
        })
    }

    /// Rows appended, synced or not.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was ever appended.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows that a power cut may take.
    pub fn unsynced(&self) -> usize {
        self.rows.len() - self.synced
    }

    /// A sync that had begun with `upto` rows is done.
    pub fn synced(&mut self, upto: usize) {
        self.synced = self.synced.max(upto.min(self.rows.len()));
    }

    /// All rows, oldest first.
    pub fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.iter()
    }

    /// Rows that are safe from a power cut.
    pub fn safe_rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows[..self.synced].iter()
    }

    /// The stored segments of this actor and document that end after `after`, up to and with `upto`.
    pub fn stored(&self, doc: &DocId, actor: Actor, after: u64, upto: u64) -> Vec<Arc<Row>> {
        let rows = self.order[self.place(doc, actor, after + 1)..].iter().map(|position| self.row(*position));
        let wanted = |header: &Header| (&header.doc, header.actor) == (doc, actor) && header.first <= upto;
        rows.take_while(|row| wanted(&row.header)).cloned().collect()
    }

    /// Whether a segment of this actor and document that ends at `last` is safe from a power cut.
    pub fn holds_safely(&self, doc: &DocId, actor: Actor, last: u64) -> bool {
        self.order.get(self.place(doc, actor, last)).is_some_and(|position| {
            let header = &self.row(*position).header;
            (&header.doc, header.actor) == (doc, actor) && (*position as usize) < self.synced
        })
    }

    /// What is safe here: how far, by document and actor.
    pub fn held(&self) -> impl Iterator<Item = (&DocId, Actor, u64)> {
        let header = |position: &u32| &self.row(*position).header;
        let branches = self.order.chunk_by(move |a, b| {
            let (a, b) = (header(a), header(b));
            (&a.doc, a.actor) == (&b.doc, b.actor)
        });
        branches.filter_map(move |rows| {
            let last = header(rows.iter().rev().find(|position| (**position as usize) < self.synced)?);
            Some((&last.doc, last.actor, last.last))
        })
    }

    /// The power goes: of what was not synced a prefix may be there whole, and one more row in part.
    pub fn crash(&mut self, rng: &mut Rng) -> Damage {
        let unsynced = self.unsynced() as u64;
        if unsynced == 0 {
            return Damage::default();
        }
        let kept = if rng.chance(400) { rng.between(0, unsynced) } else { 0 };
        let torn = u64::from(kept < unsynced && rng.chance(500));
        self.cut(self.synced + usize::try_from(kept).unwrap_or(0));
        Damage { lost: unsynced - kept - torn, torn, kept }
    }

    /// A copy of what is safe, read off whole.
    pub fn copied(&self) -> Disk {
        let mut copy = self.clone();
        copy.damaged.clear();
        copy.cut(copy.synced);
        copy
    }

    /// Recovery: whatever is found is synced before anybody hears of it. Without this, a second power cut could
    /// take a row that has been sent meanwhile, and its number would be written twice.
    pub fn recover(&mut self) {
        self.synced = self.rows.len();
    }

    /// Cuts the journal back to its first rows, as an old backup or a lying disk does.
    pub fn cut(&mut self, rows: usize) {
        self.rows.truncate(rows);
        self.order.retain(|position| (*position as usize) < rows);
        self.synced = self.synced.min(rows);
    }

    /// Whether a bit has turned that nobody has found yet.
    pub fn is_damaged(&self) -> bool {
        !self.damaged.is_empty()
    }

    /// A bit of this row turns.
    pub fn damage(&mut self, row: usize) {
        self.damaged.extend((row < self.rows.len()).then_some(row));
    }

    /// Recovery leaves out rows whose hash is wrong, and those of the same branch that build on them. Says whether
    /// there were any.
    pub fn drop_damaged(&mut self) -> bool {
        if self.damaged.is_empty() {
            return false;
        }
        let mut broken: BTreeSet<(DocId, Actor)> = BTreeSet::new();
        let all = std::mem::take(self);
        for (at, row) in all.rows.into_iter().enumerate() {
            let branch = (row.header.doc.clone(), row.header.actor);
            if all.damaged.contains(&at) || broken.contains(&branch) {
                broken.insert(branch);
            } else {
                self.append(row);
            }
        }
        self.synced = self.rows.len();
        true
    }
}
