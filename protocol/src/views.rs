//! What all documents say together: the directory, the rule book, the accounts and the book of rights.
//!
//! Views are folds over the documents' summaries, kept up to date record by record.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::sync::Arc;

use ed25519_dalek::VerifyingKey;
use smol_str::SmolStr;

use crate::doc::Doc;
use crate::escrow::Totals;
use crate::id::{DocId, NodeId};
use crate::known::Known;
use crate::org::{Level, OrgCode};
use crate::provisions::Provisions;
use crate::schema::{
    Account, AccountId, Ask, Cohort, Entry, Item, ItemCode, NodeEntry, Org, Points, Revocation, Rule, RuleCode,
};
use crate::summary::{Absorbed, AutoGrants, Fact, Summary, keep_last};
use crate::time::Date;

/// Organisations, nodes and revocations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    orgs: BTreeMap<OrgCode, Org>,
    nodes: BTreeMap<NodeId, NodeEntry>,
    /// Their keys, each taken apart when it is first asked for: most nodes meet few of a township's authors.
    keys: BTreeMap<NodeId, Known<Option<VerifyingKey>>>,
    revoked: BTreeMap<NodeId, Revocation>,
}

impl Directory {
    /// All organisations, by code.
    pub fn orgs(&self) -> impl Iterator<Item = &Org> {
        self.orgs.values()
    }

    /// All nodes ever enrolled, by id.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeEntry> {
        self.nodes.values()
    }

    /// A node.
    pub fn node(&self, node: NodeId) -> Option<&NodeEntry> {
        self.nodes.get(&node)
    }

    /// The key of a node; none for one that is not enrolled, or whose key is none.
    pub fn key(&self, node: NodeId) -> Option<&VerifyingKey> {
        let entry = self.nodes.get(&node)?;
        let known = self.keys.get(&node)?;
        known.or_find(|| VerifyingKey::from_bytes(&entry.public_key).ok()).as_ref()
    }

    /// An organisation.
    pub fn org(&self, org: &OrgCode) -> Option<&Org> {
        self.orgs.get(org)
    }

    /// An organisation's name, or its code.
    pub fn name(&self, org: &OrgCode) -> SmolStr {
        self.orgs.get(org).map_or_else(|| SmolStr::from(org.as_str()), |o| o.name.clone())
    }

    /// Why and when a node was revoked. A township's own nodes never are: a revocation of one, from whatever
    /// version or hand, would leave nobody who could mend it.
    pub fn revocation(&self, node: NodeId) -> Option<&Revocation> {
        let own = self.nodes.get(&node).is_some_and(|entry| entry.org.level() == Level::Township);
        self.revoked.get(&node).filter(|_| !own)
    }

    /// The node that acts for an organisation and is not revoked; the lowest id if there are several.
    pub fn node_of(&self, org: &OrgCode) -> Option<NodeId> {
        self.nodes.values().find(|n| n.org == *org && self.revocation(n.node).is_none()).map(|n| n.node)
    }

    fn enter_org(&mut self, org: Org) {
        let rank = |org: &Org| (std::cmp::Reverse(org.version), org.name.clone());
        if self.orgs.get(&org.code).is_none_or(|known| rank(&org) < rank(known)) {
            self.orgs.insert(org.code.clone(), org);
        }
    }

    fn enter_node(&mut self, node: NodeEntry) {
        self.keys.entry(node.node).or_default();
        keep_lower(&mut self.nodes, node.node, node);
    }
}

/// Rules and redemption items in all their versions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleBook {
    rules: BTreeMap<(RuleCode, Cohort), BTreeMap<Date, Rule>>,
    items: BTreeMap<ItemCode, BTreeMap<Date, Item>>,
}

impl RuleBook {
    /// The version of a rule that counts for a resident segment on a day.
    pub fn rule(&self, code: &RuleCode, cohort: Cohort, on: Date) -> Option<&Rule> {
        self.rules.get(&(code.clone(), cohort))?.range(..=on).next_back().map(|(_, rule)| rule)
    }

    /// The version of an item that counts on a day.
    pub fn item(&self, code: &ItemCode, on: Date) -> Option<&Item> {
        self.items.get(code)?.range(..=on).next_back().map(|(_, item)| item)
    }

    /// All versions of all rules.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.rules.values().flat_map(BTreeMap::values)
    }

    /// All versions of all items.
    pub fn items(&self) -> impl Iterator<Item = &Item> {
        self.items.values().flat_map(BTreeMap::values)
    }
}

/// Enters a value unless a lower one stands there: of two that were written apart, every replica shows the same.
pub(crate) fn keep_lower<K: Ord, V: Ord>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    if map.get(&key).is_none_or(|known| value < *known) {
        map.insert(key, value);
    }
}

/// All views.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Views {
    /// Organisations, nodes, revocations; shared with whoever holds a [`crate::replica::KeyRing`].
    pub directory: Arc<Directory>,
    /// Rules and items.
    pub rules: RuleBook,
    /// Prices, concessions and agreements.
    pub provisions: Provisions,
    /// Accounts with their village; of a number that several villages have opened, the row of the lowest code.
    pub accounts: BTreeMap<AccountId, (OrgCode, Account)>,
    /// Numbers that several villages have opened, with the row of each.
    pub shared: BTreeMap<AccountId, BTreeMap<OrgCode, Account>>,
    /// Sums and rights by account.
    pub book: BTreeMap<AccountId, Totals>,
    /// The last ask of each account and asking node.
    pub asks: BTreeMap<(AccountId, NodeId), Ask>,
    /// Grants without a clerk, by account, holder and granting node.
    pub auto: BTreeMap<(AccountId, NodeId, NodeId), AutoGrants>,
}

impl Views {
    /// The views of all these documents.
    pub fn of<'a, D: Borrow<Doc> + 'a>(docs: impl Iterator<Item = (&'a DocId, &'a D)>) -> Views {
        let mut views = Views::default();
        for (id, doc) in docs {
            views.fold(id, doc.borrow());
        }
        views
    }

    /// Adds a whole document.
    pub fn fold(&mut self, id: &DocId, doc: &Doc) {
        match &doc.summary {
            Summary::Points(points) => {
                for (account, totals) in &points.accounts {
                    self.book.entry(account.clone()).or_default().merge(totals);
                }
                for ((_, by), ask) in &points.asks {
                    keep_last(&mut self.asks, *by, ask);
                }
                for (key, auto) in &points.auto {
                    self.auto.entry(key.clone()).or_default().merge(*auto);
                }
            }
            Summary::Register(register) => {
                for (_, fact) in register.facts.values().flatten() {
                    self.absorb_fact(id, fact);
                }
                for provision in &register.provisions {
                    self.provisions.enter(provision.clone());
                }
            }
        }
    }

    /// Adds one record of a document.
    pub(crate) fn absorb(&mut self, id: &DocId, absorbed: &Absorbed, author: NodeId) {
        match absorbed {
            Absorbed::Entry(entry) => {
                self.book.entry(entry.account().clone()).or_default().absorb(entry, author);
                if let Entry::Grant(grant) = entry
                    && let Some(auto) = AutoGrants::of(grant)
                {
                    let key = (grant.account.clone(), grant.to, author);
                    self.auto.entry(key).or_default().merge(auto);
                }
            }
            Absorbed::Ask(ask) => keep_last(&mut self.asks, author, ask),
            Absorbed::Sums(sums) => {
                for (account, totals) in sums {
                    self.book.entry(account.clone()).or_default().merge(totals);
                }
            }
            Absorbed::Fact(fact) => self.absorb_fact(id, fact),
            Absorbed::Provision(provision) => self.provisions.enter(provision.clone()),
            Absorbed::Void => {}
        }
    }

    fn absorb_fact(&mut self, id: &DocId, fact: &Fact) {
        match fact.clone() {
            Fact::Org(org) => self.directory_mut().enter_org(org),
            Fact::Node(node) => self.directory_mut().enter_node(node),
            Fact::Revocation(revocation) => keep_lower(&mut self.directory_mut().revoked, revocation.node, revocation),
            Fact::Rule(rule) => {
                let versions = self.rules.rules.entry((rule.code.clone(), rule.cohort)).or_default();
                keep_lower(versions, rule.effective_from, rule);
            }
            Fact::Item(item) => {
                let versions = self.rules.items.entry(item.code.clone()).or_default();
                keep_lower(versions, item.effective_from, item);
            }
            Fact::Account(account) => self.enter_account(&id.org, account),
        }
    }

    fn directory_mut(&mut self) -> &mut Directory {
        Arc::make_mut(&mut self.directory)
    }

    fn enter_account(&mut self, village: &OrgCode, account: Account) {
        let number = account.account.clone();
        let known = self.accounts.get(&number).filter(|(known, _)| known != village).cloned();
        if let Some((known_village, known_row)) = known {
            keep_lower(self.shared.entry(number.clone()).or_default(), known_village, known_row);
        }
        if let Some(rows) = self.shared.get_mut(&number) {
            keep_lower(rows, village.clone(), account.clone());
        }
        keep_lower(&mut self.accounts, number, (village.clone(), account));
    }

    /// Sums and rights of an account; zero if it has no entries.
    pub fn totals(&self, account: &AccountId) -> Totals {
        self.book.get(account).cloned().unwrap_or_default()
    }

    /// Accounts that some node has overspent.
    ///
    /// Only of those whose register is held here: a merchant sees what villages granted, not what they awarded.
    pub fn overspent(&self) -> impl Iterator<Item = &AccountId> {
        let known = self.book.iter().filter(|(account, _)| self.accounts.contains_key(*account));
        known.filter(|(_, totals)| totals.is_overspent()).map(|(account, _)| account)
    }

    /// Points of an account whose rights lie at revoked nodes: nobody can spend them.
    pub fn stranded(&self, account: &AccountId) -> Points {
        let totals = self.totals(account);
        let revoked = totals.shares.iter().filter(|(node, _)| self.directory.revocation(*node).is_some());
        revoked.map(|(node, _)| totals.share(*node).held.max(Points::ZERO)).sum()
    }

    /// Points that can still be spent, over all accounts.
    pub fn available(&self) -> Points {
        self.book.values().map(Totals::available).sum()
    }
}
