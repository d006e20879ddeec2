//! The oracles: what may never be seen, whatever the links and disks do.
//!
//! They know what clerks were told (the shadow ledger is a function of acknowledged operations alone) and look
//! at replicas from outside. Promises are numbered as in the architecture: 1 acknowledged means durable, 2 no
//! overspending, 3 a retry counts once, 5 nobody holds what it may not read, 6 convergence, 7 no alarm among
//! honest nodes.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::summary::Summary;
use xiangyue_protocol::{Command, DocId, Kind, Level, OrgCode};

use crate::scheduler::Micros;

/// Violations that are kept of one run; the first ones explain the rest.
const KEPT: usize = 12;

/// A promise that was broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which promise.
    pub promise: u8,
    /// When.
    pub at: Micros,
    /// What was seen.
    pub what: String,
}

#[derive(Debug, Clone)]
enum Act {
    Award(AccountId, Points),
    Redeem(AccountId, Points),
    Reverse(String),
    Grant,
    Fact,
}

#[derive(Debug, Clone)]
struct Shadow {
    doc: DocId,
    act: Act,
    /// False when a dead disk may have held its only safe copy.
    certain: bool,
}

/// Gross sums of one account.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Sums {
    earned: Points,
    redeemed: Points,
    reversed: Points,
}

/// The oracles of one run.
#[derive(Debug, Default)]
pub struct Oracle {
    entries: BTreeMap<(usize, String), Shadow>,
    /// Accounts of which an award may have died with a disk: what it paid for may be known all the same.
    bereft: BTreeSet<AccountId>,
    violations: Vec<Violation>,
    seen: u64,
}

/// The key of the record that a command writes.
pub fn key_of(command: &Command) -> String {
    match command {
        Command::Org(org) => org.to_record().key.into(),
        Command::Node(node) => node.to_record().key.into(),
        Command::Revoke(revocation) => revocation.to_record().key.into(),
        Command::Rule(rule) => rule.to_record().key.into(),
        Command::Item(item) => item.to_record().key.into(),
        Command::Account { account, .. } => account.to_record().key.into(),
        Command::Roster(row) => row.to_record().key.into(),
        Command::Award(award) => award.request.to_string(),
        Command::Redeem(redemption) => redemption.request.to_string(),
        Command::Reverse(request) => request.request.to_string(),
        Command::Grant(request) => request.request.to_string(),
    }
}

fn holds(replica: &Replica, doc: &DocId, key: &str) -> bool {
    replica.docs().get(doc).is_some_and(|doc| match &doc.summary {
        Summary::Points(points) => points.slips.keys().any(|slip| slip.as_str() == key),
        Summary::Register(facts) => facts.contains_key(key),
    })
}

/// Whether a node may read everything about an account: its own village's does, and the township's.
fn sees_all(replica: &Replica, account: &AccountId) -> bool {
    let own = || replica.views().accounts.get(account).is_some_and(|(org, _)| org == replica.org());
    replica.org().level() == Level::Township || own()
}

/// Whether an organisation may hold a document: the rule of the access table, said on its own.
fn may_hold(org: &OrgCode, doc: &DocId) -> bool {
    let is_township = org.level() == Level::Township;
    match doc.kind {
        Kind::Directory | Kind::Rules => true,
        Kind::Accounts | Kind::Ledger | Kind::Roster => is_township || *org == doc.org,
        Kind::Counter => is_township || org.level() == Level::Village || *org == doc.org,
    }
}

impl Oracle {
    /// What was broken, earliest first; at most a dozen.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// How often anything was broken.
    pub fn broken(&self) -> u64 {
        self.seen
    }

    /// Enters a violation.
    pub fn broke(&mut self, promise: u8, at: Micros, what: String) {
        self.seen += 1;
        let known = self.violations.iter().any(|violation| violation.what == what);
        if !known && self.violations.len() < KEPT {
            self.violations.push(Violation { promise, at, what });
        }
    }

    /// A clerk was told that this is done. Says whether it is new: a retry is not.
    pub fn acknowledged(&mut self, at: Micros, node: usize, command: &Command, replica: &Replica) -> bool {
        let key = key_of(command);
        if self.entries.contains_key(&(node, key.clone())) {
            return false;
        }
        let Some(doc) = replica.docs().keys().find(|doc| holds(replica, doc, &key)).cloned() else {
            self.broke(1, at, format!("node {node} acknowledged {key} and does not hold it"));
            return false;
        };
        let act = match command {
            Command::Award(award) => Act::Award(award.account.clone(), award.points),
            Command::Redeem(redemption) => Act::Redeem(redemption.account.clone(), redemption.points),
            Command::Reverse(request) => Act::Reverse(request.of.to_string()),
            Command::Grant(_) => Act::Grant,
            _ => Act::Fact,
        };
        self.entries.insert((node, key), Shadow { doc, act, certain: true });
        true
    }

    /// After every event at a node: it has not spent more than it held, and holds nothing that it may not read.
    ///
    /// A restored node gets what it spent back before what it had earned, or after; it is judged once it thaws.
    pub fn check_node(&mut self, at: Micros, node: usize, replica: &Replica) {
        for (account, totals) in replica.views().book.iter().filter(|_| !replica.is_frozen()) {
            let share = totals.share(replica.node());
            if share.held < Points::ZERO && !self.bereft.contains(account) {
                self.broke(2, at, format!("node {node} holds {} of {account} at itself", share.held));
            }
        }
        for doc in replica.docs().keys().filter(|doc| !may_hold(replica.org(), doc)) {
            self.broke(5, at, format!("node {node} holds {doc}"));
        }
    }

    /// A segment is on its way to a node.
    pub fn check_sent(&mut self, at: Micros, to: usize, org: &OrgCode, doc: &DocId) {
        if !may_hold(org, doc) {
            self.broke(5, at, format!("{doc} was sent to node {to}"));
        }
    }

    /// A node has started again: everything that its clerk was told is there.
    pub fn check_recovered(&mut self, at: Micros, node: usize, replica: &Replica) {
        let lost: Vec<String> = self
            .entries
            .range((node, String::new())..(node + 1, String::new()))
            .filter(|((_, key), entry)| entry.certain && !holds(replica, &entry.doc, key))
            .map(|((_, key), entry)| format!("node {node} lost {key} of {} in a crash", entry.doc))
            .collect();
        lost.into_iter().for_each(|what| self.broke(1, at, what));
    }

    /// A disk died. What no other disk holds safely may be gone: no protocol brings it back.
    pub fn disk_died(&mut self, node: usize, restored: &Replica, others: &[Replica]) {
        let range = (node, String::new())..(node + 1, String::new());
        let mut lost = Vec::new();
        for ((_, key), entry) in self.entries.range_mut(range) {
            let safe = holds(restored, &entry.doc, key) || others.iter().any(|r| holds(r, &entry.doc, key));
            entry.certain &= safe;
            if !safe {
                lost.push(entry.act.clone());
            }
        }
        for act in lost {
            let of = match &act {
                Act::Reverse(of) => self.entries.get(&(node, of.clone())).map(|entry| &entry.act),
                act => Some(act),
            };
            if let Some(Act::Award(account, _) | Act::Redeem(account, _)) = of {
                self.bereft.insert(account.clone());
            }
        }
    }

    /// Everything has come to rest: replicas agree with each other and with the shadow ledger.
    pub fn check_end(&mut self, at: Micros, replicas: &[&Replica]) {
        for (n, replica) in replicas.iter().enumerate() {
            for (m, other) in replicas.iter().enumerate().skip(n + 1) {
                self.check_agree(at, (n, replica), (m, other));
            }
            let overspent = replica.views().overspent().filter(|account| sees_all(replica, account));
            for account in overspent.filter(|account| !self.bereft.contains(*account)).collect::<Vec<_>>() {
                self.broke(2, at, format!("{account} is overspent at node {n}"));
            }
            for (id, doc) in replica.docs() {
                if let Summary::Points(points) = &doc.summary
                    && let Some(request) = points.duplicates.first()
                {
                    self.broke(3, at, format!("{request} counts twice in {id} at node {n}"));
                }
            }
        }
        self.check_presence(at, replicas);
        self.check_sums(at, replicas);
    }

    fn check_agree(&mut self, at: Micros, (n, one): (usize, &Replica), (m, two): (usize, &Replica)) {
        let shared = |id: &DocId| may_hold(one.org(), id) && may_hold(two.org(), id);
        let ids = one.docs().keys().chain(two.docs().keys()).filter(|id| shared(id));
        for id in ids {
            let (Some(a), Some(b)) = (one.docs().get(id), two.docs().get(id)) else {
                self.broke(6, at, format!("only one of nodes {n} and {m} has {id}"));
                continue;
            };
            if a == b && a.digest() == b.digest() {
                continue;
            }
            let part = if a.vector != b.vector {
                "vector"
            } else if a.heads != b.heads {
                "heads"
            } else if a.summary != b.summary {
                "summary"
            } else {
                "rest"
            };
            self.broke(6, at, format!("nodes {n} and {m} differ in the {part} of {id}"));
        }
    }

    fn check_presence(&mut self, at: Micros, replicas: &[&Replica]) {
        let mut missing = Vec::new();
        for ((writer, key), entry) in self.entries.iter().filter(|(_, entry)| entry.certain) {
            for (n, replica) in replicas.iter().enumerate() {
                if may_hold(replica.org(), &entry.doc) && !holds(replica, &entry.doc, key) {
                    missing.push(format!("{key} of node {writer} is missing in {} at node {n}", entry.doc));
                }
            }
        }
        missing.into_iter().for_each(|what| self.broke(1, at, what));
    }

    /// Sums per account, from acknowledged operations alone; of uncertain ones, those that the township has.
    fn shadow_sums(&self, township: &Replica) -> (BTreeMap<AccountId, Sums>, u64) {
        let counted = |key: &str, entry: &Shadow| entry.certain || holds(township, &entry.doc, key);
        let mut sums: BTreeMap<AccountId, Sums> = BTreeMap::new();
        let mut entries = 0;
        for ((node, _), entry) in self.entries.iter().filter(|((_, key), entry)| counted(key, entry)) {
            entries += u64::from(!matches!(entry.act, Act::Fact));
            match &entry.act {
                Act::Award(account, points) => sums.entry(account.clone()).or_default().earned += *points,
                Act::Redeem(account, points) => sums.entry(account.clone()).or_default().redeemed += *points,
                Act::Reverse(of) => match self.entries.get(&(*node, of.clone())).map(|entry| &entry.act) {
                    Some(Act::Award(account, points)) => sums.entry(account.clone()).or_default().reversed += *points,
                    Some(Act::Redeem(account, points)) => sums.entry(account.clone()).or_default().redeemed -= *points,
                    _ => {}
                },
                Act::Grant | Act::Fact => {}
            }
        }
        (sums, entries)
    }

    fn check_sums(&mut self, at: Micros, replicas: &[&Replica]) {
        let Some(township) = replicas.first() else { return };
        let (shadow, entries) = self.shadow_sums(township);
        let counted: u64 =
            township.docs().values().map(|doc| if let Summary::Points(p) = &doc.summary { p.entries } else { 0 }).sum();
        if counted != entries {
            self.broke(3, at, format!("{entries} entries were acknowledged, the township counts {counted}"));
        }
        for (n, replica) in replicas.iter().enumerate() {
            for (account, expected) in shadow.iter().filter(|(account, _)| sees_all(replica, account)) {
                let totals = replica.views().totals(account);
                let sums = Sums { earned: totals.earned, redeemed: totals.redeemed, reversed: totals.reversed };
                if sums != *expected {
                    self.broke(2, at, format!("{account} at node {n}: {sums:?} instead of {expected:?}"));
                }
                let balance = sums.earned - sums.redeemed - sums.reversed;
                if totals.available() - totals.debt() != balance {
                    self.broke(2, at, format!("{account} at node {n}: rights and balance {balance} differ"));
                }
            }
        }
    }
}
