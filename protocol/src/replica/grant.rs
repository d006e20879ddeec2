//! Granting rights without a clerk, as [`crate::policy::Granting`] says, and asking for them.
//!
//! What is to be granted is a function of what the documents say, so a node that crashed before its grant was durable
//! writes the same grant again, under the same slip number. Every grant goes through the one check that a clerk's
//! grant goes through: a node gives only rights that it holds, and none while it is frozen.

use std::collections::BTreeSet;

use super::Replica;
use crate::command::{Command, Outcome};
use crate::error::{Code, Refusal};
use crate::id::{DocId, Kind, NodeId};
use crate::org::Level;
use crate::policy::Granting;
use crate::schema::ledger::AUTO;
use crate::schema::{AccountId, Ask, Auto, Entry, Grant, Points};
use crate::summary::Absorbed;
use crate::time::{Date, Millis, Month};

/// From a change of rights until they are looked at, so that one segment carries the grants of many entries.
const REVIEW_MS: u32 = 1_000;
/// Days after which an ask is no longer answered: who wanted to spend has long gone.
const ASK_DAYS: i32 = 31;
/// Asks of one node that may wait for an answer; a merchant that mistypes account numbers is bounded by it.
const OPEN_ASKS: usize = 256;

/// What is to be looked at, and when.
#[derive(Clone, Debug, Default)]
pub(super) struct Review {
    on: bool,
    accounts: BTreeSet<AccountId>,
    due: Option<Millis>,
}

impl Review {
    /// Notes the account whose rights a record has moved, or that it asks for.
    pub(super) fn note(&mut self, absorbed: &Absorbed) {
        if !self.on {
            return;
        }
        match absorbed {
            Absorbed::Entry(entry) => {
                self.accounts.insert(entry.account().clone());
            }
            Absorbed::Sums(sums) => self.accounts.extend(sums.iter().map(|(account, _)| account.clone())),
            Absorbed::Ask(ask) => {
                self.accounts.insert(ask.account.clone());
            }
            Absorbed::Fact(_) | Absorbed::Provision(_) | Absorbed::Void => {}
        }
    }
}

/// What a person may know of automatic granting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GrantStatus {
    /// Grants that this node has written without a clerk since it was started.
    pub granted: u64,
    /// Asks that nobody has answered yet: at a merchant its own, elsewhere those for accounts in registers held here.
    pub open: u64,
}

impl Replica {
    /// What is known of automatic granting.
    pub fn grant_status(&self) -> GrantStatus {
        let own = |account: &AccountId, by: NodeId| match self.member.org.level() {
            Level::Merchant => by == self.node,
            _ => self.views.accounts.contains_key(account),
        };
        let asks = self.views.asks.iter().filter(|((account, by), _)| own(account, *by));
        let open = asks.filter(|((_, by), ask)| self.is_open(*by, ask)).count();
        GrantStatus { granted: self.counters.granted, open: open as u64 }
    }

    /// Begins to look at all accounts anew, under another policy.
    pub(super) fn review_all(&mut self) {
        self.review = Review::default();
        self.review.on = self.policy.grants.policy != Granting::None && self.member.org.level() != Level::Merchant;
        if self.review.on {
            self.review.accounts = self.views.book.keys().cloned().collect();
            self.review.accounts.extend(self.views.asks.keys().map(|(account, _)| account.clone()));
            self.review.due = (!self.review.accounts.is_empty()).then_some(Millis(0));
        }
    }

    /// Sets the timer when something is to be looked at. While spending is frozen nothing is.
    pub(super) fn set_review(&mut self, now: Millis) {
        if self.review.due.is_none() && !self.review.accounts.is_empty() && !self.frozen {
            self.review.due = Some(self.later(now, REVIEW_MS));
        }
    }

    /// A merchant may be new in the directory: it is to be supplied.
    pub(super) fn review_merchants(&mut self) {
        if self.review.on && self.policy.grants.policy == Granting::Fixed {
            self.review.accounts = self.views.book.keys().cloned().collect();
        }
    }

    pub(super) fn review_due(&self) -> Option<Millis> {
        self.review.due
    }

    pub(super) fn review_if_due(&mut self, now: Millis) {
        let latest = Millis(now.0.saturating_add(2 * u64::from(REVIEW_MS)));
        self.review.due = self.review.due.map(|due| due.min(latest));
        if self.review.due.is_none_or(|due| due > now) {
            return;
        }
        self.review.due = None;
        if self.frozen {
            return;
        }
        let today = self.today(now);
        for account in std::mem::take(&mut self.review.accounts) {
            match self.policy.grants.policy {
                Granting::None => {}
                Granting::Fixed => self.top_up(&account, today),
                Granting::Demand => self.answer(&account, today),
            }
        }
        // Its own grants have moved rights, but call for no further ones.
        self.review.accounts.clear();
    }

    /// Keeps merchants holding their number of points of an account: whoever has less than half gets the rest.
    fn top_up(&mut self, account: &AccountId, today: Date) {
        let target = self.policy.grants.points;
        for merchant in self.supplied() {
            let lacking = target - self.held(account, merchant).max(Points::ZERO);
            if lacking.0 * 2 > target.0 {
                let number = self.auto_of(account, merchant, self.node).topped_up + 1;
                self.grant_within_share(account, merchant, lacking, Auto::TopUp(number), today);
            }
        }
    }

    /// Answers what merchants have asked for over an account, once each, with what the share allows.
    fn answer(&mut self, account: &AccountId, today: Date) {
        let every = (account.clone(), NodeId([0; 16]))..=(account.clone(), NodeId([0xff; 16]));
        let asks: Vec<(NodeId, Ask)> = self.views.asks.range(every).map(|((_, by), ask)| (*by, ask.clone())).collect();
        for (merchant, ask) in asks {
            let answered = self.auto_of(account, merchant, self.node).answered;
            if ask.number > answered && is_recent(&ask, today) {
                self.grant_within_share(account, merchant, ask.points, Auto::Answer(ask.number), today);
            }
        }
    }

    /// Grants up to `wanted`, as far as the node holds rights and the share that may lie with merchants allows.
    fn grant_within_share(&mut self, account: &AccountId, to: NodeId, wanted: Points, auto: Auto, today: Date) {
        let held = self.held(account, self.node);
        let out: Points = self.merchants().map(|node| self.held(account, node).max(Points::ZERO)).sum();
        let share = i64::from(self.policy.grants.share_percent.min(100));
        let room = Points((held + out).0 * share / 100) - out;
        let points = wanted.min(held).min(room).min(Points::ENTRY_MAX);
        if points > Points::ZERO && self.grant_unasked(account, to, points, auto, today) == Ok(Outcome::New) {
            self.counters.granted += 1;
        }
    }

    fn grant_unasked(
        &mut self,
        account: &AccountId,
        to: NodeId,
        points: Points,
        auto: Auto,
        today: Date,
    ) -> Result<Outcome, Refusal> {
        let org = self.org_of(to).ok_or_else(|| Refusal::new(Code::UnknownMerchant, to))?;
        let tail = match auto {
            Auto::TopUp(number) => format!("t{number}"),
            Auto::Answer(number) => format!("a{number}"),
        };
        let request = format!("auto-{}-{}-{account}-{tail}", self.node.short(), to.short()).parse()?;
        let (account, by) = (account.clone(), AUTO.into());
        let entry = Entry::Grant(Grant { request, account, points, to, date: today, by, auto: Some(auto) });
        if let Some(outcome) = self.entered(&entry)? {
            return Ok(outcome);
        }
        self.views.check_unshared(&self.member.org, entry.account())?;
        self.may_spend(entry.account(), points)?;
        self.write_entry(DocId::of_month(&org, Kind::Counter, Month::of(today)), &entry, &mut None)
    }

    /// At a merchant under `demand`: asks for what was lacking in redemptions that had to be refused.
    pub(super) fn ask_for_refused(&mut self, commands: &[Command], answers: &[Result<Outcome, Refusal>], today: Date) {
        if self.policy.grants.policy != Granting::Demand || self.member.org.level() != Level::Merchant {
            return;
        }
        for (command, answer) in commands.iter().zip(answers) {
            if let (Command::Redeem(redemption), Err(refusal)) = (command, answer)
                && refusal.code() == Code::InsufficientRights
            {
                let held = self.held(&redemption.account, self.node).max(Points::ZERO);
                self.ask(&redemption.account, redemption.points - held, today);
            }
        }
    }

    /// Asks once: not again while an ask for as much waits for its answer.
    fn ask(&mut self, account: &AccountId, points: Points, today: Date) {
        let last = self.views.asks.get(&(account.clone(), self.node));
        let waits =
            last.is_some_and(|ask| self.is_open(self.node, ask) && ask.points >= points && is_recent(ask, today));
        if waits || !points.is_entry() || self.open_asks().count() >= OPEN_ASKS {
            return;
        }
        let number = last.map_or(1, |ask| ask.number + 1);
        let record = Ask { number, account: account.clone(), points, date: today }.to_record(&self.node.short());
        let id = DocId::of_month(&self.member.org, Kind::Counter, Month::of(today));
        if self.may_write(&id, &record).is_ok() {
            self.stage(id, record, &mut None);
            self.counters.asked += 1;
        }
    }

    /// This node's own asks that nobody has answered.
    fn open_asks(&self) -> impl Iterator<Item = &Ask> {
        let own = self.views.asks.iter().filter(|((_, by), _)| *by == self.node);
        own.map(|(_, ask)| ask).filter(|ask| self.is_open(self.node, ask))
    }

    fn is_open(&self, by: NodeId, ask: &Ask) -> bool {
        let key = |granter| (ask.account.clone(), by, NodeId(granter));
        self.views.auto.range(key([0; 16])..=key([0xff; 16])).all(|(_, auto)| auto.answered < ask.number)
    }

    fn auto_of(&self, account: &AccountId, to: NodeId, by: NodeId) -> crate::summary::AutoGrants {
        self.views.auto.get(&(account.clone(), to, by)).copied().unwrap_or_default()
    }

    fn held(&self, account: &AccountId, node: NodeId) -> Points {
        self.views.book.get(account).map_or(Points::ZERO, |totals| totals.share(node).held)
    }

    /// Nodes of merchants, one for each merchant.
    fn merchants(&self) -> impl Iterator<Item = NodeId> {
        let orgs = self.views.directory.orgs().filter(|org| org.code.level() == Level::Merchant);
        orgs.filter_map(|org| self.views.directory.node_of(&org.code))
    }

    /// Nodes of the merchants that are kept supplied.
    fn supplied(&self) -> Vec<NodeId> {
        let named = &self.policy.grants.merchants;
        match named.is_empty() {
            true => self.merchants().collect(),
            false => named.iter().filter_map(|org| self.views.directory.node_of(org)).collect(),
        }
    }
}

fn is_recent(ask: &Ask, today: Date) -> bool {
    today.since(ask.date).is_ok_and(|span| span.get_days() <= ASK_DAYS)
}
