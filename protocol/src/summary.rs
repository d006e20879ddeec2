//! What a node keeps of a document without keeping the document: sums, slips and facts.
//!
//! A summary is a fold over the document's records; the township's figures are merges of summaries. It can be
//! stored beside the index and is rebuilt from segments at any time.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::escrow::Totals;
use crate::id::{DocId, Kind, NodeId};
use crate::org::OrgCode;
use crate::record::Record;
use crate::schema::{
    Account, AccountId, Entry, Item, ItemCode, NodeEntry, Org, Points, RequestId, Revocation, RosterRow, Rule, RuleCode,
};
use crate::time::Date;

/// A slip that has been entered: enough to recognise a retry and to reverse it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slip {
    /// First eight bytes of the BLAKE3 hash of what was asked, without what the node set itself.
    pub content: u64,
    /// Who wrote it.
    pub author: NodeId,
    /// Whose points.
    pub account: AccountId,
    /// How many.
    pub points: Points,
    /// What sort of entry it is.
    pub sort: Sort,
    /// Its day.
    pub date: Date,
    /// Rule, item, or the slip that is reversed; empty for a grant.
    pub what: SmolStr,
    /// Where it was redeemed.
    pub place: Place,
    /// Whether a reversal of it is here.
    pub reversed: bool,
}

/// The sort of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Sort {
    /// Points earned.
    Award,
    /// Points spent.
    Redemption,
    /// Taken back.
    Reversal,
    /// Rights handed on.
    Grant,
}

impl Slip {
    /// The slip of an entry by `author`.
    pub fn of(entry: &Entry, author: NodeId) -> Slip {
        let mut hasher = blake3::Hasher::new();
        let mut part = |text: &str| {
            hasher.update(text.as_bytes());
            hasher.update(&[0]);
        };
        part(entry.account().as_str());
        part(&entry.points().to_string());
        part(&entry.date().to_string());
        let (sort, what, place) = match entry {
            Entry::Award(e) => (Sort::Award, SmolStr::from(e.rule.clone()), None),
            Entry::Redemption(e) => (Sort::Redemption, SmolStr::from(e.item.clone()), e.merchant.clone()),
            Entry::Reversal(e) => (Sort::Reversal, SmolStr::from(e.of.clone()), None),
            Entry::Grant(e) => (Sort::Grant, SmolStr::from(e.to.to_string()), None),
        };
        part(&what);
        part(place.as_ref().map_or("", OrgCode::as_str));
        part(match sort {
            Sort::Award => "award",
            Sort::Redemption => "redemption",
            Sort::Reversal => "reversal",
            Sort::Grant => "grant",
        });
        let mut content = [0; 8];
        hasher.finalize_xof().fill(&mut content);
        let content = u64::from_le_bytes(content);
        let (account, points, date) = (entry.account().clone(), entry.points(), entry.date());
        Slip { content, author, account, points, sort, date, what, place, reversed: false }
    }
}

/// Redemptions of one item by one account at one place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// How many redemptions.
    pub count: u64,
    /// Their points.
    pub points: Points,
    /// The points of the largest one.
    pub largest: Points,
}

/// Points earned under one rule by one account, by day of the month.
pub type Days = Vec<(u8, Points)>;

/// Where a redemption was made: at a merchant, or at the village itself.
pub type Place = Option<OrgCode>;

/// The summary of a ledger or a counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsSummary {
    /// Sums by account.
    pub accounts: BTreeMap<AccountId, Totals>,
    /// Days on which an account earned under a rule (check-ins, daily caps).
    pub earned: BTreeMap<(AccountId, RuleCode), Days>,
    /// Redemptions by account, place and item.
    pub spent: BTreeMap<(AccountId, Place, ItemCode), Spent>,
    /// Slips entered.
    pub slips: BTreeMap<RequestId, Slip>,
    /// Slips that were entered twice, by two nodes or by two lives of one: both count, and a person must look.
    pub duplicates: BTreeSet<RequestId>,
    /// Duplicates by author, behind the one that `slips` shows.
    pub others: BTreeMap<(RequestId, NodeId), Slip>,
    /// Reversals that arrived before what they reverse, by slip and author.
    pub early: BTreeSet<(RequestId, NodeId)>,
    /// Entries counted.
    pub entries: u64,
    /// Records kept but not counted: of an unknown kind, or malformed.
    pub void: u64,
}

impl PointsSummary {
    fn absorb(&mut self, record: &Record, author: NodeId) -> Option<Entry> {
        let Some(entry) = Entry::from_record(record) else {
            self.void += 1;
            return None;
        };
        self.entries += 1;
        self.accounts.entry(entry.account().clone()).or_default().absorb(&entry, author);
        match &entry {
            Entry::Award(e) => {
                let days = self.earned.entry((e.account.clone(), e.rule.clone())).or_default();
                add_day(days, e.date.day().unsigned_abs(), e.points);
            }
            Entry::Redemption(e) => {
                let key = (e.account.clone(), e.merchant.clone(), e.item.clone());
                let spent = self.spent.entry(key).or_default();
                spent.count += 1;
                spent.points += e.points;
                spent.largest = spent.largest.max(e.points);
            }
            Entry::Reversal(e) => self.take_back(&e.of, author),
            Entry::Grant(_) => {}
        }
        self.enter(entry.request(), Slip::of(&entry, author));
        Some(entry)
    }

    /// The slip of this number by `author`, or else the one that is shown.
    pub fn slip(&self, request: &RequestId, author: NodeId) -> Option<&Slip> {
        self.others.get(&(request.clone(), author)).or_else(|| self.slips.get(request))
    }

    fn slip_by(&mut self, request: &RequestId, author: NodeId) -> Option<&mut Slip> {
        match self.slips.get_mut(request) {
            Some(slip) if slip.author == author => Some(slip),
            _ => self.others.get_mut(&(request.clone(), author)),
        }
    }

    /// Enters a slip. Which of several is remembered must not depend on which arrived first: the lowest author's
    /// is shown, and of one author's the one with the lowest content is kept.
    fn enter(&mut self, request: &RequestId, mut slip: Slip) {
        if let Some(known) = self.slip_by(request, slip.author) {
            if slip.content < known.content {
                slip.reversed = known.reversed;
                let known = std::mem::replace(known, slip.clone());
                if slip.reversed {
                    self.count_again(&known);
                    self.take_out(&slip);
                }
            }
            self.duplicates.insert(request.clone());
            return;
        }
        if self.early.remove(&(request.clone(), slip.author)) {
            slip.reversed = true;
            self.take_out(&slip);
        }
        let Some(shown) = self.slips.get_mut(request) else {
            self.slips.insert(request.clone(), slip);
            return;
        };
        self.duplicates.insert(request.clone());
        if slip.author < shown.author {
            std::mem::swap(shown, &mut slip);
        }
        self.others.insert((request.clone(), slip.author), slip);
    }

    /// Marks an entry as reversed, and takes it out of the sums that say what points were earned and spent for.
    fn take_back(&mut self, of: &RequestId, author: NodeId) {
        match self.slip_by(of, author) {
            Some(slip) if slip.reversed => {}
            Some(slip) => {
                slip.reversed = true;
                let slip = slip.clone();
                self.take_out(&slip);
            }
            None => {
                self.early.insert((of.clone(), author));
            }
        }
    }

    fn take_out(&mut self, slip: &Slip) {
        if let Some(days) = self.days_of(slip) {
            add_day(days, slip.date.day().unsigned_abs(), Points(-slip.points.0));
            days.retain(|(_, points)| *points != Points::ZERO);
        }
        if let Some(spent) = self.spent_of(slip) {
            spent.count -= 1;
            spent.points -= slip.points;
        }
    }

    fn count_again(&mut self, slip: &Slip) {
        if let Some(days) = self.days_of(slip) {
            add_day(days, slip.date.day().unsigned_abs(), slip.points);
        }
        if let Some(spent) = self.spent_of(slip) {
            spent.count += 1;
            spent.points += slip.points;
        }
    }

    fn days_of(&mut self, slip: &Slip) -> Option<&mut Days> {
        let rule = slip.what.parse().ok().filter(|_| slip.sort == Sort::Award)?;
        self.earned.get_mut(&(slip.account.clone(), rule))
    }

    fn spent_of(&mut self, slip: &Slip) -> Option<&mut Spent> {
        let item = slip.what.parse().ok().filter(|_| slip.sort == Sort::Redemption)?;
        self.spent.get_mut(&(slip.account.clone(), slip.place.clone(), item))
    }
}

fn add_day(days: &mut Days, day: u8, points: Points) {
    match days.binary_search_by_key(&day, |(d, _)| *d) {
        Ok(at) => days[at].1 += points,
        Err(at) => days.insert(at, (day, points)),
    }
}

/// A typed record of a register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// Directory.
    Org(Org),
    /// Directory.
    Node(NodeEntry),
    /// Directory.
    Revocation(Revocation),
    /// Rules.
    Rule(Rule),
    /// Rules.
    Item(Item),
    /// Accounts.
    Account(Account),
    /// Roster.
    Term(RosterRow),
}

impl Fact {
    /// What a record of a register of this kind says; none if this version does not know it.
    pub fn from_record(kind: Kind, record: &Record) -> Option<Fact> {
        match kind {
            Kind::Directory => Org::from_record(record)
                .map(Fact::Org)
                .or_else(|| NodeEntry::from_record(record).map(Fact::Node))
                .or_else(|| Revocation::from_record(record).map(Fact::Revocation)),
            Kind::Rules => {
                Rule::from_record(record).map(Fact::Rule).or_else(|| Item::from_record(record).map(Fact::Item))
            }
            Kind::Accounts => Account::from_record(record).map(Fact::Account),
            Kind::Roster => RosterRow::from_record(record).map(Fact::Term),
            Kind::Ledger | Kind::Counter => None,
        }
    }
}

/// The summary of any document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Summary {
    /// Of a ledger or counter.
    Points(PointsSummary),
    /// Of a register: its facts by key. Two nodes may have written one key: both are kept.
    Register(BTreeMap<SmolStr, Vec<(NodeId, Fact)>>),
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absorbed {
    /// An entry of a ledger or counter.
    Entry(Entry),
    /// A fact of a register.
    Fact(Fact),
    /// Kept, not counted.
    Void,
}

impl Summary {
    /// The summary of an empty document.
    pub fn empty(doc: &DocId) -> Summary {
        match doc.kind {
            Kind::Ledger | Kind::Counter => Summary::Points(PointsSummary::default()),
            _ => Summary::Register(BTreeMap::new()),
        }
    }

    /// Adds a record by `author` and says what it was.
    pub fn absorb(&mut self, kind: Kind, record: &Record, author: NodeId) -> Absorbed {
        match self {
            Summary::Points(points) => points.absorb(record, author).map_or(Absorbed::Void, Absorbed::Entry),
            Summary::Register(facts) => match Fact::from_record(kind, record) {
                Some(fact) => {
                    let versions = facts.entry(record.key.clone()).or_default();
                    let row = (author, fact.clone());
                    if let Err(at) = versions.binary_search_by_key(&author, |(node, _)| *node) {
                        versions.insert(at, row);
                    }
                    Absorbed::Fact(fact)
                }
                None => Absorbed::Void,
            },
        }
    }
}
