//! Promise 2: no overspend. A ledger of rights over what authors wrote, entry by entry, kept here a second time.
//!
//! It knows of an entry as soon as its author has appended it, so no replica can rightly show more. Rights that a
//! node holds are counted at their highest: a grant counts for its holder before the holder has heard of it.
//!
//! **A node and its copy** hold their rights together, and do not see each other. Each gives up no more than it sees, so
//! both together give up at most what the one of them has given up since the copy was made that gave up less: so far,
//! and no further, their share may fall below zero. If it has, the township shows the account as overspent.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::escrow::Totals;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Entry, Points};
use xiangyue_protocol::segment::Segment;
use xiangyue_protocol::{Kind, Level, OrgCode};

use super::shadow::{Act, Op, Shadow};
use super::{Broken, People, holds};

/// Sums of one account.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    earned: Points,
    redeemed: Points,
    reversed: Points,
}

/// What one node may spend of one account, and what it owes.
#[derive(Debug, Default, Clone, Copy)]
struct Held {
    rights: Points,
    debt: Points,
}

impl Held {
    /// What was settled beyond the debt gives rights.
    fn spendable(self) -> Points {
        self.rights - self.debt.min(Points::ZERO)
    }
}

#[derive(Debug, Default, Clone)]
struct Book {
    sums: Sums,
    held: BTreeMap<usize, Held>,
}

/// The ledger of all accounts.
#[derive(Debug, Default, Clone)]
pub(super) struct Rights {
    books: BTreeMap<AccountId, Book>,
    /// The villages that opened the accounts.
    homes: BTreeMap<AccountId, OrgCode>,
    /// Accounts of which an entry may have died with a disk, or that a hostile node wrote about: what is known of
    /// them may be less than what was paid for.
    untold: BTreeSet<AccountId>,
    /// Accounts of which a node shows something else since it was last looked at.
    shown: BTreeMap<usize, BTreeSet<AccountId>>,
    /// What counts, so that nothing counts twice.
    counted: BTreeMap<(usize, smol_str::SmolStr), Act>,
    /// Points that each node and each copy has given up on its own, by account.
    given_up: BTreeMap<usize, BTreeMap<AccountId, Points>>,
    /// What a node had given up, by what is on the copy that was made of its disk.
    known_to: BTreeMap<usize, BTreeMap<AccountId, Points>>,
}

/// The points that an entry takes from its author's share. What is given back, both may spend again.
fn gives_up(act: &Act) -> Points {
    match act {
        Act::Redeem(_, points) | Act::Grant(_, points, ..) => *points,
        Act::Reverse { redemption: false, points, debt, .. } => *points - *debt,
        Act::Reverse { .. } | Act::Award(..) | Act::Fact => Points::ZERO,
    }
}

impl Book {
    fn count(&mut self, people: &People, author: usize, act: &Act, sign: i64) {
        let times = |points: Points| Points(points.0 * sign);
        match act {
            Act::Award(_, points, repaid) => {
                self.sums.earned += times(*points);
                let held = self.held.entry(author).or_default();
                held.rights += times(*points - *repaid);
                held.debt -= times(*repaid);
            }
            Act::Redeem(_, points) => {
                self.sums.redeemed += times(*points);
                self.held.entry(author).or_default().rights -= times(*points);
            }
            Act::Reverse { redemption: true, points, .. } => {
                self.sums.redeemed -= times(*points);
                self.held.entry(author).or_default().rights += times(*points);
            }
            Act::Reverse { points, debt, .. } => {
                self.sums.reversed += times(*points);
                let held = self.held.entry(author).or_default();
                held.rights -= times(*points - *debt);
                held.debt += times(*debt);
            }
            Act::Grant(_, points, to, _) => {
                self.held.entry(author).or_default().rights -= times(*points);
                if let Some(to) = people.by_id.get(to) {
                    self.held.entry(*to).or_default().rights += times(*points);
                }
            }
            Act::Fact => {}
        }
    }
}

impl Rights {
    /// An author has written an entry, or one that was taken for lost has turned up.
    pub(super) fn enter(&mut self, broken: &mut Broken, people: &People, op: &Op) {
        let n = op.author;
        if op.doc.kind == Kind::Accounts
            && let Ok(account) = op.key.parse()
        {
            self.homes.entry(account).or_insert_with(|| op.doc.org.clone());
        }
        let Some(account) = op.act.account() else { return };
        self.change(people, op, Some(&op.act));
        let spendable = self.spendable(people.originals[n], account);
        if spendable + self.spent_by_both_at_most(people, n, account) < Points::ZERO && !self.untold.contains(account) {
            let what = format!("node {n} holds {spendable} of {account} once it has written {}", op.key);
            broken.broke(2, "rights", what);
        }
    }

    /// What an author wrote is gone.
    pub(super) fn forget(&mut self, people: &People, op: &Op) {
        self.change(people, op, None);
    }

    /// Under an author's number stands something else than before.
    fn change(&mut self, people: &People, op: &Op, act: Option<&Act>) {
        let original = people.originals[op.author];
        let Some(account) = op.act.account() else { return };
        let book = self.books.entry(account.clone()).or_default();
        let key = (op.author, op.key.clone());
        let before = match act {
            Some(act) => self.counted.insert(key, act.clone()),
            None => self.counted.remove(&key),
        };
        // The same written by a node and by its copy counts once.
        let others = people.processes(original).filter(|n| *n != op.author);
        let others: Vec<&Act> = others.filter_map(|n| self.counted.get(&(n, op.key.clone()))).collect();
        let alone = |act: &&Act| !others.contains(act);
        before.iter().filter(alone).for_each(|act| book.count(people, original, act, -1));
        act.into_iter().filter(alone).for_each(|act| book.count(people, original, act, 1));
        if people.has_copies() {
            let given_up = self.given_up.entry(op.author).or_default().entry(account.clone()).or_default();
            *given_up += act.map_or(Points::ZERO, gives_up) - before.as_ref().map_or(Points::ZERO, gives_up);
        }
    }

    fn spendable(&self, original: usize, account: &AccountId) -> Points {
        let held = self.books.get(account).and_then(|book| book.held.get(&original));
        held.copied().unwrap_or_default().spendable()
    }

    /// A copy of a node's disk was made, which has what the node wrote of these.
    pub(super) fn copied<'a>(&mut self, copy: usize, known: impl Iterator<Item = &'a Act>) {
        let accounts = self.known_to.entry(copy).or_default();
        for act in known {
            if let Some(account) = act.account() {
                *accounts.entry(account.clone()).or_default() += gives_up(act);
            }
        }
    }

    /// How far the share of a node and its copies may be below zero.
    fn spent_by_both_at_most(&self, people: &People, n: usize, account: &AccountId) -> Points {
        let original = people.originals[n];
        let of = |given_up: Option<&BTreeMap<AccountId, Points>>| {
            given_up.and_then(|accounts| accounts.get(account)).copied().unwrap_or_default()
        };
        let copies: Vec<usize> =
            self.known_to.keys().copied().filter(|copy| people.originals[*copy] == original).collect();
        let by = |n: &usize| of(self.given_up.get(n)).max(Points::ZERO);
        let both = |copy: &usize| {
            let others: Points = copies.iter().filter(|other| *other != copy).map(by).sum();
            let since = of(self.given_up.get(&original)) - of(self.known_to.get(copy));
            by(copy).min(since.max(Points::ZERO) + others)
        };
        copies.iter().map(both).sum()
    }

    /// Accounts of which somebody's share is below zero, as of all that was written.
    pub(super) fn overdrawn(&self) -> impl Iterator<Item = &AccountId> {
        let below = |book: &Book| book.held.values().any(|held| held.spendable() < Points::ZERO);
        self.books.iter().filter(move |(_, book)| below(book)).map(|(account, _)| account)
    }

    /// An entry may have died with a disk.
    pub(super) fn bereft(&mut self, op: &Op) {
        self.untold.extend(op.act.account().cloned());
    }

    /// A hostile author's entries are in somebody's journal.
    pub(super) fn touched_by_hostile(&mut self, segment: &Segment) {
        let entries = segment.records.iter().flatten().filter_map(Entry::from_record);
        self.untold.extend(entries.map(|entry| entry.account().clone()));
    }

    /// Whether all entries about an account come to an organisation.
    fn sees_all(&self, org: &OrgCode, account: &AccountId) -> bool {
        let home = self.homes.get(account);
        home.is_some_and(|home| {
            home == org || (org.level() == Level::Township && home.township().as_ref() == Some(org))
        })
    }

    /// A segment has changed what a node shows of some accounts.
    pub(super) fn shown_anew(&mut self, n: usize, segment: &Segment) {
        if matches!(segment.header.doc.kind, Kind::Ledger | Kind::Counter) {
            let entries = segment.records.iter().flatten().filter_map(Entry::from_record);
            self.shown.entry(n).or_default().extend(entries.map(|entry| entry.account().clone()));
        }
    }

    /// All that a node wanted done at once has been done: it shows no more than was written.
    ///
    /// Not earlier, since of what is written to several documents at once all counts in the view from the first on.
    pub(super) fn check_view(
        &mut self,
        broken: &mut Broken,
        people: &People,
        n: usize,
        replica: &Replica,
        [lacks_own, lacks_any]: [bool; 2],
    ) {
        if replica.load().staged > 0 {
            // What is staged counts in the view and is not written yet.
            return;
        }
        let accounts = self.shown.remove(&n).unwrap_or_default();
        for account in accounts.iter().filter(|account| !self.untold.contains(*account)) {
            let Some(totals) = replica.views().book.get(account) else { continue };
            let Some(book) = self.books.get(account) else { continue };
            let own = totals.share(replica.node()).held;
            let most = book.held.get(&people.originals[n]).copied().unwrap_or_default().spendable();
            // What one of two writes comes to the other piece by piece, here spending and there what paid for it.
            let alone = !people.is_doubled(n);
            if alone && ((!lacks_any && own < Points::ZERO) || (!lacks_own && own > most)) {
                let what = format!("node {n} takes itself to hold {own} of {account}; written were {most}");
                broken.broke(2, "rights", what);
            }
            if self.sees_all(&people.orgs[n], account) {
                check_totals(broken, n, account, totals, book);
            }
        }
    }

    /// At the end: sums are those of the acknowledged commands alone, at all who see all of an account.
    pub(super) fn check_sums(
        &self,
        broken: &mut Broken,
        people: &People,
        shadow: &Shadow,
        replicas: &[(usize, &Replica)],
    ) {
        let mut expected: BTreeMap<&AccountId, Sums> = BTreeMap::new();
        let stands = |op: &Op| {
            let township = replicas.iter().find(|(n, _)| Some(&people.orgs[*n]) == op.doc.org.township().as_ref());
            op.certain || township.is_some_and(|(_, replica)| holds(replica, &op.doc, &op.key))
        };
        // A reversal counts where what it takes back has not died with a disk.
        let takes = |op: &Op| match &op.act {
            Act::Reverse { of, .. } => shadow.op(op.author, of).is_some_and(stands),
            _ => true,
        };
        for op in shadow.ops().filter(|op| op.told && stands(op) && takes(op)) {
            let Some(account) = op.act.account() else { continue };
            let sums = expected.entry(account).or_default();
            match &op.act {
                Act::Award(_, points, _) => sums.earned += *points,
                Act::Redeem(_, points) => sums.redeemed += *points,
                Act::Reverse { redemption: true, points, .. } => sums.redeemed -= *points,
                Act::Reverse { points, .. } => sums.reversed += *points,
                Act::Grant(..) | Act::Fact => {}
            }
        }
        // What a node was told before it was revoked may have come no further.
        let by_hostile = shadow.ops().filter(|op| people.is_hostile(op.author)).filter_map(|op| op.act.account());
        let by_hostile: BTreeSet<&AccountId> = by_hostile.collect();
        let honest = |account: &&AccountId| {
            people.hostile.is_empty() || !(self.untold.contains(*account) || by_hostile.contains(*account))
        };
        let overdrawn: BTreeSet<&AccountId> = self.overdrawn().collect();
        let townships = replicas.iter().filter(|(n, _)| people.orgs[*n].level() == Level::Township);
        let shown: BTreeMap<usize, BTreeSet<&AccountId>> =
            townships.map(|(n, replica)| (*n, replica.views().overspent().collect())).collect();
        for (account, expected) in expected.iter().filter(|(account, _)| honest(account)) {
            for (n, replica) in replicas.iter().filter(|(n, _)| self.sees_all(&people.orgs[*n], account)) {
                let totals = replica.views().totals(account);
                let sums = Sums { earned: totals.earned, redeemed: totals.redeemed, reversed: totals.reversed };
                if sums != *expected {
                    broken.broke(2, "rights", format!("{account} at node {n}: {sums:?} instead of {expected:?}"));
                }
                let shown = shown.get(n).map_or_else(|| totals.is_overspent(), |shown| shown.contains(*account));
                let is = overdrawn.contains(account);
                if shown != is && !self.untold.contains(*account) {
                    let what =
                        if shown { "is shown as overspent and is not" } else { "is overspent, which is not shown" };
                    broken.broke(2, "rights", format!("{account} {what} at node {n}"));
                }
            }
        }
    }
}

/// A view that misses nothing but what has not arrived: it conserves points and shows no more than was written.
fn check_totals(broken: &mut Broken, n: usize, account: &AccountId, totals: &Totals, book: &Book) {
    let Totals { earned, redeemed, reversed, .. } = *totals;
    let mut check = |sound: bool, what: &str| {
        if !sound {
            let sums = Sums { earned, redeemed, reversed };
            broken.broke(2, "rights", format!("{account} at node {n}: {what}: {sums:?}, written {:?}", book.sums));
        }
    };
    check(
        totals.available() - totals.debt() == earned - redeemed - reversed - totals.expired,
        "rights and balance differ",
    );
    check(earned <= book.sums.earned, "more earned than was written");
    check(redeemed >= Points::ZERO, "a redemption was taken back that is not here");
    check(reversed >= Points::ZERO && reversed <= earned, "an award was taken back that is not here");
}
