//! Points that nobody may spend any more (article L3). Nothing expires by a clock: a clerk asks for it as of a day, at a
//! node that keeps the account's register, and the node takes it from rights that it holds itself.
//!
//! What was spent counts against what was earned first. Of several nodes that keep the register the one with the lowest
//! id gives first, so that nodes which know the same let expire the same points once; rights that lie at a merchant stay
//! there. Like a redemption it lowers the writing node's own share alone, so no cut of the network overspends.

use super::Replica;
use super::commit::{Undo, not_future};
use crate::command::{ExpireRequest, Outcome};
use crate::error::{Code, Refusal};
use crate::id::{DocId, Kind, NodeId, Shard};
use crate::org::{Level, OrgCode};
use crate::schema::{AccountId, Entry, Expiry, Points, RequestId};
use crate::time::{Date, Month};

/// What of an account expires as of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Expiring {
    /// The last day on which it was earned.
    pub earned_to: Date,
    /// By this node.
    pub here: Points,
    /// What other nodes hold of it.
    pub elsewhere: Points,
}

impl Replica {
    /// What of an account expires as of a day, by what is known here; none where nothing does.
    pub fn expiring(&self, account: &AccountId, as_of: Date) -> Option<Expiring> {
        let earned_to = self.views.provisions.expired_by(as_of)?;
        let village = self.views.village_of(account)?;
        let totals = self.views.totals(account);
        let due = self.earned_by(village, account, earned_to) - totals.redeemed - totals.expired;
        if !self.keeps_register(&self.member.org, village) || due <= Points::ZERO {
            return None;
        }
        let keeps = |node: NodeId| {
            let entry = self.views.directory.node(node);
            entry.is_some_and(|entry| self.keeps_register(&entry.org, village))
        };
        let before = totals.shares.iter().filter(|(node, _)| *node < self.node && keeps(*node));
        let before: Points = before.map(|(node, _)| totals.share(*node).held.max(Points::ZERO)).sum();
        let held = totals.share(self.node).held.max(Points::ZERO);
        let here = (due - before).max(Points::ZERO).min(held);
        Some(Expiring { earned_to, here, elsewhere: due.min(totals.available()) - here })
    }

    fn keeps_register(&self, org: &OrgCode, village: &OrgCode) -> bool {
        org == village || (org.level() == Level::Township && org.is_township_of(village))
    }

    fn earned_by(&self, village: &OrgCode, account: &AccountId, to: Date) -> Points {
        let ledgers = self.docs_of(village, Kind::Ledger).filter_map(|(id, _)| match id.shard {
            Shard::Month(month) => Some(self.points_of(id)?.earned_by(account, month, to)),
            _ => None,
        });
        ledgers.sum()
    }

    pub(super) fn expire(
        &mut self,
        request: &ExpireRequest,
        today: Date,
        undo: &mut Option<Undo>,
    ) -> Result<Outcome, Refusal> {
        let ExpireRequest { account, as_of, by } = request;
        if self.member.org.level() == Level::Merchant {
            return Err(Refusal::new(Code::NotAllowed, "expiry"));
        }
        not_future(*as_of, today)?;
        let village = self.views.village_of(account).cloned();
        let village = village.ok_or_else(|| Refusal::new(Code::UnknownAccount, account))?;
        let Some(Expiring { earned_to, here, .. }) = self.expiring(account, *as_of) else {
            return Ok(Outcome::Already);
        };
        // What no single entry may carry is left for the next time.
        let points = here.min(Points::ENTRY_MAX);
        if points == Points::ZERO {
            return Ok(Outcome::Already);
        }
        self.may_spend(account, points)?;
        let (account, by) = (account.clone(), by.clone());
        let request = self.expiry_number(&account, earned_to)?;
        let id = DocId::of_month(&village, Kind::Ledger, Month::of(*as_of));
        let entry = Expiry { request, account, points, earned_to, date: *as_of, by };
        self.write_entry(id, &Entry::Expiry(entry), undo)
    }

    /// The first number that stands for nothing: a node that crashed before its entry was durable takes the same again.
    fn expiry_number(&self, account: &AccountId, earned_to: Date) -> Result<RequestId, Refusal> {
        let number = |n: u32| format!("expiry-{}-{account}-{earned_to}-{n}", self.node.short()).parse::<RequestId>();
        let mut n = 1;
        while self.slip(&number(n)?).is_some() {
            n += 1;
        }
        number(n)
    }
}
