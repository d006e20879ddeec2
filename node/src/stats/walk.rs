//! One walk over the points of all documents: whose each sum is, and which of them this node may tell.
//!
//! A village reads the counters of all merchants, which name accounts of other villages too: those are left out, since
//! of them it holds no more than that.

use xiangyue_protocol::id::Shard;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Cohort, ItemCode, Points};
use xiangyue_protocol::summary::{PointsSummary, Slip, Sort, Spent, Summary};
use xiangyue_protocol::{DocId, Level, Month, OrgCode};

use super::scope_of;
use crate::api::types::Scope;

/// The points of one document, which is one month's.
#[derive(Clone, Copy)]
pub(crate) struct Part<'r> {
    replica: &'r Replica,
    /// The document.
    pub(crate) id: &'r DocId,
    /// Its month.
    pub(crate) month: Month,
    /// Its sums.
    pub(crate) points: &'r PointsSummary,
    /// Whether it is another organisation's, of which a village sees its own accounts alone.
    pub(crate) theirs: bool,
}

/// Whose points. The register is asked only for what is wanted: there are many more sums than accounts.
#[derive(Clone, Copy)]
pub(crate) struct Whose<'r> {
    /// The account.
    pub(crate) account: &'r AccountId,
    part: Part<'r>,
}

impl<'r> Whose<'r> {
    /// Its village; none for a number that several villages have opened, or that is not known here.
    pub(crate) fn village(self) -> Option<&'r OrgCode> {
        self.part.village(self.account)
    }

    /// Its segment; none where the register is not held.
    pub(crate) fn cohort(self) -> Option<Cohort> {
        self.part.replica.views().accounts.get(self.account).map(|(_, row)| row.cohort)
    }
}

/// Redemptions of one account, of one item at one place.
pub(crate) struct Spending<'r> {
    pub(crate) whose: Whose<'r>,
    /// The merchant; none at the village itself.
    pub(crate) place: Option<&'r OrgCode>,
    pub(crate) item: &'r ItemCode,
    pub(crate) spent: Spent,
}

/// All ledgers and counters, of one month or of all.
pub(crate) fn parts(replica: &Replica, month: Option<Month>) -> impl Iterator<Item = Part<'_>> {
    let is_village = scope_of(replica.org()) == Scope::Village;
    replica.docs().iter().filter_map(move |(id, doc)| {
        let (Summary::Points(points), Shard::Month(of)) = (&doc.summary, id.shard) else { return None };
        let theirs = is_village && id.org != *replica.org();
        month.is_none_or(|month| month == of).then_some(Part { replica, id, month: of, points, theirs })
    })
}

impl<'r> Part<'r> {
    fn counts(&self, account: &AccountId) -> bool {
        !self.theirs || self.replica.views().accounts.contains_key(account)
    }

    /// The village of an account in this document.
    pub(crate) fn village(&self, account: &AccountId) -> Option<&'r OrgCode> {
        match self.id.org.level() {
            Level::Village => Some(&self.id.org),
            _ => self.replica.views().village_of(account),
        }
    }

    fn whose(&self, account: &'r AccountId) -> Whose<'r> {
        Whose { account, part: *self }
    }

    /// The sums of accounts.
    pub(crate) fn totals(self) -> impl Iterator<Item = (Whose<'r>, &'r xiangyue_protocol::escrow::Totals)> {
        let counted = self.points.accounts.iter().filter(move |(account, _)| self.counts(account));
        counted.map(move |(account, totals)| (self.whose(account), totals))
    }

    /// Redemptions that were not taken back, one by one.
    pub(crate) fn redemptions(self) -> impl Iterator<Item = &'r Slip> {
        let slips = self.points.slips.values().chain(self.points.also.values());
        let counts = move |slip: &&Slip| slip.sort == Sort::Redemption && !slip.reversed && self.counts(&slip.account);
        slips.filter(counts)
    }

    /// Points that wait for a second person.
    pub(crate) fn waiting(self) -> impl Iterator<Item = (Whose<'r>, Points)> {
        let counted = self.points.waiting().filter(move |(_, award)| self.counts(&award.account));
        counted.map(move |(_, award)| (self.whose(&award.account), award.points))
    }

    /// Redemptions by account, place and item.
    pub(crate) fn spendings(self) -> impl Iterator<Item = Spending<'r>> {
        let counted = self.points.spent.iter().filter(move |((account, ..), _)| self.counts(account));
        counted.map(move |((account, place, item), spent)| Spending {
            whose: self.whose(account),
            place: place.as_ref(),
            item,
            spent: *spent,
        })
    }
}
