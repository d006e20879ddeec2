//! What a node keeps of a document without keeping the document: sums, slips and facts.
//!
//! A summary is a fold over the document's records; the township's figures are merges of summaries. It can be
//! stored beside the index and is rebuilt from segments at any time.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::escrow::Totals;
use crate::forms::{Marks, Row};
use crate::id::{DocId, Kind, NodeId};
use crate::org::OrgCode;
use crate::provisions::Provision;
use crate::record::Record;
use crate::schema::line::lines_text;
use crate::schema::{
    Account, AccountId, Ask, Auto, Award, Decline, Entry, Grant, Item, ItemCode, NodeEntry, Org, Points, RequestId,
    Revocation, Rule, RuleCode, Taken,
};
use crate::time::{Date, Month};

mod claims;

pub use claims::{ClaimId, ClaimState};

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
    /// The part that the node set itself: what an award settled, or what a reversal left as debt.
    pub set: Points,
    /// For a reversal: the sort that it says it takes back.
    pub takes: Option<Sort>,
    /// For a reversal: whether it has found its entry and counts.
    pub counted: bool,
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
    /// Expired.
    Expiry,
}

impl From<Taken> for Sort {
    fn from(taken: Taken) -> Sort {
        match taken {
            Taken::Award => Sort::Award,
            Taken::Redemption => Sort::Redemption,
            Taken::Expiry => Sort::Expiry,
        }
    }
}

impl Slip {
    /// The slip of an entry that `author` has written.
    pub fn of(entry: &Entry, author: NodeId) -> Slip {
        let author = entry.owner(author);
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
            Entry::Expiry(e) => (Sort::Expiry, SmolStr::from(e.earned_to.to_string()), None),
        };
        part(&what);
        part(place.as_ref().map_or("", OrgCode::as_str));
        if let Entry::Redemption(e) = entry
            && !e.lines.is_empty()
        {
            part(&lines_text(&e.lines));
        }
        part(match entry {
            Entry::Award(_) => "award",
            Entry::Redemption(_) => "redemption",
            Entry::Reversal(e) => match e.takes {
                Taken::Award => "reversal",
                Taken::Redemption => "reversal of redemption",
                Taken::Expiry => "reversal of expiry",
            },
            Entry::Expiry(_) => "expiry",
            Entry::Grant(_) => "grant",
        });
        let (set, takes) = match entry {
            Entry::Award(e) => (e.repaid, None),
            Entry::Reversal(e) => (e.debt, Some(e.takes.into())),
            Entry::Redemption(_) | Entry::Grant(_) | Entry::Expiry(_) => (Points::ZERO, None),
        };
        let mut content = [0; 8];
        hasher.finalize_xof().fill(&mut content);
        let content = u64::from_le_bytes(content);
        let (account, points, date) = (entry.account().clone(), entry.points(), entry.date());
        let (reversed, counted) = (false, false);
        Slip { content, author, account, points, sort, date, what, place, reversed, set, takes, counted }
    }

    /// As what a reversal takes it back; none of what cannot be reversed.
    pub fn takes_back(&self) -> Option<Taken> {
        match self.sort {
            Sort::Award => Some(Taken::Award),
            Sort::Redemption => Some(Taken::Redemption),
            Sort::Expiry => Some(Taken::Expiry),
            Sort::Reversal | Sort::Grant => None,
        }
    }

    /// Whether both are one entry, perhaps written twice.
    fn same(&self, other: &Slip) -> bool {
        self.rank() == other.rank()
    }

    fn rank(&self) -> (NodeId, u64) {
        (self.author, self.content)
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

/// Entries under one number, and reversals of one number, that are considered when reversals are matched.
const MATCHED: usize = 16;

/// How far one node has got with granting rights over an account to a holder without a clerk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutoGrants {
    /// The last [`Ask`] that was answered; 0: none.
    pub answered: u64,
    /// Number of the last top-up; 0: none.
    pub topped_up: u64,
}

impl AutoGrants {
    /// Adds what another document says, or another entry.
    pub(crate) fn merge(&mut self, other: AutoGrants) {
        self.answered = self.answered.max(other.answered);
        self.topped_up = self.topped_up.max(other.topped_up);
    }

    /// What one grant adds; none if a clerk entered it.
    pub(crate) fn of(grant: &Grant) -> Option<AutoGrants> {
        Some(match grant.auto? {
            Auto::Answer(answered) => AutoGrants { answered, topped_up: 0 },
            Auto::TopUp(topped_up) => AutoGrants { answered: 0, topped_up },
        })
    }
}

/// Enters an ask unless a later one is there.
pub(crate) fn keep_last(asks: &mut BTreeMap<(AccountId, NodeId), Ask>, by: NodeId, ask: &Ask) {
    let known = asks.entry((ask.account.clone(), by)).or_insert_with(|| ask.clone());
    if known.rank() < ask.rank() {
        *known = ask.clone();
    }
}

/// The summary of a ledger or a counter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PointsSummary {
    /// Sums by account.
    pub accounts: BTreeMap<AccountId, Totals>,
    /// Days on which an account earned under a rule (check-ins, daily caps).
    pub earned: BTreeMap<(AccountId, RuleCode), Days>,
    /// Redemptions by account, place and item.
    pub spent: BTreeMap<(AccountId, Place, ItemCode), Spent>,
    /// Slips entered, one for each number.
    pub slips: BTreeMap<RequestId, Slip>,
    /// Further entries under a number that stands in `slips`, by number, author and content.
    pub also: BTreeMap<(RequestId, NodeId, u64), Slip>,
    /// Numbers used for more than one entry: all of them count, and a person must look.
    pub duplicates: BTreeSet<RequestId>,
    /// Numbers of reversals by the number of the entry that they name and their author: the [`MATCHED`] lowest.
    pub reversals: BTreeMap<(RequestId, NodeId), BTreeSet<RequestId>>,
    /// The last ask of each account and asking node.
    pub asks: BTreeMap<(AccountId, NodeId), Ask>,
    /// Grants without a clerk, by account, holder and granting node.
    pub auto: BTreeMap<(AccountId, NodeId, NodeId), AutoGrants>,
    /// Awards that wait or waited for a second person, by number, claiming node and [`Slip::content`].
    pub claims: BTreeMap<ClaimId, Award>,
    /// Claims that somebody has declined; of two who did so apart, the lower.
    pub declines: BTreeMap<ClaimId, Decline>,
    /// Entries counted.
    pub entries: u64,
    /// Records kept but not counted: of an unknown kind, or malformed.
    pub void: u64,
}

impl PointsSummary {
    /// All entries under a number: one as a rule, more when it was used twice.
    pub fn under(&self, request: &RequestId) -> impl Iterator<Item = &Slip> {
        self.slips.get(request).into_iter().flat_map(|first| {
            let further = (request.clone(), NodeId([0; 16]), 0)..=(request.clone(), NodeId([0xff; 16]), u64::MAX);
            std::iter::once(first).chain(self.also.range(further).map(|(_, slip)| slip))
        })
    }

    /// What an account has earned on days up to one, less what was taken back; the document is of that month.
    pub(crate) fn earned_by(&self, account: &AccountId, month: Month, to: Date) -> Points {
        // No code sorts before it.
        let Ok(first) = "!".parse::<RuleCode>() else { return Points::ZERO };
        let of_account = self.earned.range((account.clone(), first)..).take_while(|((known, _), _)| known == account);
        let last = match month.cmp(&Month::of(to)) {
            Ordering::Less => u8::MAX,
            Ordering::Equal => to.day().unsigned_abs(),
            Ordering::Greater => 0,
        };
        of_account.flat_map(|(_, days)| days).filter(|(day, _)| *day <= last).map(|(_, points)| *points).sum()
    }

    /// The entries of one author under a number, of which a hostile one may have written many: the lowest.
    fn by(&self, request: &RequestId, author: NodeId) -> impl Iterator<Item = &Slip> {
        let further = (request.clone(), author, 0)..=(request.clone(), author, u64::MAX);
        let first = self.slips.get(request).filter(|slip| slip.author == author);
        first.into_iter().chain(self.also.range(further).map(|(_, slip)| slip)).take(MATCHED)
    }

    /// What is remembered of one entry.
    fn slip_mut(&mut self, request: &RequestId, like: &Slip) -> Option<&mut Slip> {
        match self.slips.get_mut(request)? {
            first if first.same(like) => Some(first),
            _ => self.also.get_mut(&(request.clone(), like.author, like.content)),
        }
    }

    /// Counts an entry. Whatever the order in which entries arrive, the sums come out the same: a retry counts
    /// once, and a reversal counts when the one entry that it takes back is here, and only one for each.
    fn absorb(&mut self, record: &Record, author: NodeId) -> Absorbed {
        if let Some(ask) = Ask::from_record(record) {
            keep_last(&mut self.asks, author, &ask);
            return Absorbed::Ask(ask);
        }
        let Some(entry) = Entry::from_record(record) else {
            self.absorb_claim(record, author);
            return Absorbed::Void;
        };
        let author = entry.owner(author);
        let request = entry.request().clone();
        let slip = Slip::of(&entry, author);
        if let Some(known) = self.slip_mut(&request, &slip) {
            let known = known.clone();
            return self.settle_retry(&request, &known, &slip);
        }
        self.entries += 1;
        if let Entry::Reversal(reversal) = &entry {
            let of = reversal.of.clone();
            return Absorbed::Sums(self.rematch(&of, author, |summary| {
                let named = summary.reversals.entry((of.clone(), author)).or_default();
                named.insert(request.clone());
                if named.len() > MATCHED {
                    named.pop_last();
                }
                summary.remember(request, slip);
            }));
        }
        self.count(&entry, author);
        if !self.reversals.contains_key(&(request.clone(), author)) {
            self.remember(request, slip);
            return Absorbed::Entry(entry);
        }
        let mut totals = Totals::default();
        totals.absorb(&entry, author);
        let mut sums = vec![(entry.account().clone(), totals)];
        sums.extend(self.rematch(&request.clone(), author, |summary| summary.remember(request, slip)));
        Absorbed::Sums(sums)
    }

    fn count(&mut self, entry: &Entry, author: NodeId) {
        self.accounts.entry(entry.account().clone()).or_default().absorb(entry, author);
        match entry {
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
            Entry::Grant(e) => {
                if let Some(auto) = AutoGrants::of(e) {
                    self.auto.entry((e.account.clone(), e.to, author)).or_default().merge(auto);
                }
            }
            Entry::Reversal(_) | Entry::Expiry(_) => {}
        }
    }

    /// Enters a slip. Which of several under one number stands first must not depend on which arrived first.
    fn remember(&mut self, request: RequestId, slip: Slip) {
        let Some(first) = self.slips.get_mut(&request) else {
            self.slips.insert(request, slip);
            return;
        };
        let other = if slip.rank() < first.rank() { std::mem::replace(first, slip) } else { slip };
        self.also.insert((request.clone(), other.author, other.content), other);
        self.duplicates.insert(request);
    }

    /// The same entry again. Two lives of a node may have set its settled part apart: the lower one counts.
    fn settle_retry(&mut self, request: &RequestId, known: &Slip, again: &Slip) -> Absorbed {
        if again.set >= known.set {
            return Absorbed::Void;
        }
        let shift = known.set - again.set;
        let shift = match known.sort {
            Sort::Award => shift,
            Sort::Reversal if known.counted => Points(-shift.0),
            _ => Points::ZERO,
        };
        if let Some(slip) = self.slip_mut(request, known) {
            slip.set = again.set;
        }
        if shift == Points::ZERO {
            return Absorbed::Void;
        }
        let mut totals = Totals::default();
        totals.shift_debt(known.author, shift);
        self.accounts.entry(known.account.clone()).or_default().merge(&totals);
        Absorbed::Sums(vec![(known.account.clone(), totals)])
    }

    /// Which reversal takes back which entry under a number, as a function of what is here alone.
    fn pairs(&self, of: &RequestId, author: NodeId) -> Vec<(Slip, RequestId, Slip)> {
        let named = self.reversals.get(&(of.clone(), author)).into_iter().flatten();
        let mut reversals: Vec<(&RequestId, &Slip)> = named
            .flat_map(|request| self.by(request, author).map(move |slip| (request, slip)))
            .filter(|(_, slip)| slip.sort == Sort::Reversal && slip.what == of.as_str())
            .collect();
        let mut pairs = Vec::new();
        for target in self.by(of, author) {
            let takes = |(_, r): &(&RequestId, &Slip)| {
                (&r.account, r.points, r.takes) == (&target.account, target.points, Some(target.sort))
            };
            if let Some(at) = reversals.iter().position(takes) {
                let (request, reversal) = reversals.remove(at);
                pairs.push((target.clone(), request.clone(), reversal.clone()));
            }
        }
        pairs
    }

    /// Enters a slip that bears on the reversals of `of`, and moves the sums from the old pairs to the new.
    fn rematch(&mut self, of: &RequestId, author: NodeId, enter: impl FnOnce(&mut Self)) -> Vec<(AccountId, Totals)> {
        let before = self.pairs(of, author);
        enter(self);
        let after = self.pairs(of, author);
        let has = |pairs: &[(Slip, RequestId, Slip)], (target, _, reversal): &(Slip, RequestId, Slip)| {
            pairs.iter().any(|(t, _, r)| t.same(target) && r.same(reversal))
        };
        let mut sums = Vec::new();
        for pair in before.iter().filter(|pair| !has(&after, pair)) {
            sums.push(self.take_back(of, pair, -1));
        }
        for pair in after.iter().filter(|pair| !has(&before, pair)) {
            sums.push(self.take_back(of, pair, 1));
        }
        sums
    }

    /// Takes a reversed entry out of the sums (`sign` 1), or puts it back (`sign` -1).
    fn take_back(
        &mut self,
        of: &RequestId,
        (target, request, reversal): &(Slip, RequestId, Slip),
        sign: i64,
    ) -> (AccountId, Totals) {
        let points = Points(sign * target.points.0);
        let mut totals = Totals::default();
        match target.sort {
            Sort::Redemption => {
                totals.return_redemption(target.author, points);
                self.unspend(target, points, sign);
            }
            Sort::Expiry => totals.expire(target.author, Points(-points.0)),
            _ => {
                totals.take_award(target.author, points, Points(sign * reversal.set.0));
                self.unearn(target, points);
            }
        }
        if let Some(slip) = self.slip_mut(of, target) {
            slip.reversed = sign > 0;
        }
        if let Some(slip) = self.slip_mut(request, reversal) {
            slip.counted = sign > 0;
        }
        self.accounts.entry(target.account.clone()).or_default().merge(&totals);
        (target.account.clone(), totals)
    }

    fn unearn(&mut self, award: &Slip, points: Points) {
        let Ok(rule) = award.what.parse() else { return };
        let key = (award.account.clone(), rule);
        let days = self.earned.entry(key.clone()).or_default();
        add_day(days, award.date.day().unsigned_abs(), Points(-points.0));
        days.retain(|(_, points)| *points != Points::ZERO);
        if days.is_empty() {
            self.earned.remove(&key);
        }
    }

    fn unspend(&mut self, redemption: &Slip, points: Points, sign: i64) {
        let Ok(item) = redemption.what.parse() else { return };
        let spent = self.spent.entry((redemption.account.clone(), redemption.place.clone(), item)).or_default();
        spent.count = spent.count.saturating_add_signed(-sign);
        spent.points -= points;
    }
}

fn add_day(days: &mut Days, day: u8, points: Points) {
    match days.binary_search_by_key(&day, |(d, _)| *d) {
        Ok(at) => days[at].1 += points,
        Err(at) => days.insert(at, (day, points)),
    }
}

/// A typed record of a register.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
            Kind::Ledger | Kind::Counter => None,
            Kind::Roster | Kind::Cases | Kind::Grid | Kind::People | Kind::Charter | Kind::Bulletin => None,
        }
    }
}

/// The summary of any document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Summary {
    /// Of a ledger or counter.
    Points(Box<PointsSummary>),
    /// Of a register.
    Register(Box<Register>),
}

/// The summary of a register.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// What the replica itself needs, by key. Two nodes may have written one key: both are kept.
    pub facts: BTreeMap<SmolStr, Vec<(NodeId, Fact)>>,
    /// Rows of forms.
    pub marks: Marks,
    /// What the few rows say by which points are judged, in every version.
    pub provisions: BTreeSet<Provision>,
}

impl Register {
    /// How many records it has.
    pub fn len(&self) -> usize {
        self.facts.len() + self.marks.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn absorb(&mut self, doc: &DocId, record: &Record, author: NodeId) -> Absorbed {
        if let Some(fact) = Fact::from_record(doc.kind, record) {
            let versions = self.facts.entry(record.key.clone()).or_default();
            let row = (author, fact.clone());
            if let Err(at) = versions.binary_search(&row) {
                versions.insert(at, row);
            }
            return Absorbed::Fact(fact);
        }
        let Some(row) = Row::from_record(record).filter(|row| row.form().lies_in(doc)) else { return Absorbed::Void };
        self.marks.enter(&row);
        let Some(provision) = Provision::of(&row) else { return Absorbed::Void };
        self.provisions.insert(provision.clone());
        Absorbed::Provision(provision)
    }
}

/// What a record turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Absorbed {
    /// An entry of a ledger or counter that counts as it stands.
    Entry(Entry),
    /// An entry that moves these sums: a reversal, a late one, or a retry.
    Sums(Vec<(AccountId, Totals)>),
    /// A fact of a register.
    Fact(Fact),
    /// A merchant's ask for rights.
    Ask(Ask),
    /// A row by which points are judged.
    Provision(Provision),
    /// Kept, not counted.
    Void,
}

impl Summary {
    /// The summary of an empty document.
    pub fn empty(doc: &DocId) -> Summary {
        match doc.kind {
            Kind::Ledger | Kind::Counter => Summary::Points(Box::default()),
            _ => Summary::Register(Box::default()),
        }
    }

    /// Adds a record by `author` and says what it was.
    pub fn absorb(&mut self, doc: &DocId, record: &Record, author: NodeId) -> Absorbed {
        match self {
            Summary::Points(points) => points.absorb(record, author),
            Summary::Register(register) => register.absorb(doc, record, author),
        }
    }
}
