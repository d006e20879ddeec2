//! Escrow: who may spend which points. The bounded counter of Balegas et al. (SRDS 2015), one per account.
//!
//! Points come into being as rights held by the node that wrote the award. A node spends only rights it holds,
//! and may hand rights to another node by an entry that it writes itself. Since each share is lowered only by
//! its own node, which sees all its own entries, no share and so no balance can fall below zero, however the
//! network is cut. Every function here is a sum, so the order in which entries arrive does not matter.

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::schema::{Entry, Points, Taken};

/// What one node holds of one account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// Points that this node may spend.
    pub held: Points,
    /// Points reversed by this node after they had been spent; its next awards settle them first.
    pub debt: Points,
}

impl Share {
    /// The same without a negative debt: an award that settled more than was owed, because its author had lost
    /// sight of an earlier one, gives the rest back as rights.
    fn settled(&self) -> Share {
        let over = self.debt.min(Points::ZERO);
        Share { held: self.held - over, debt: self.debt - over }
    }
}

/// All sums of one account: over one document, or over all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Gross points awarded.
    pub earned: Points,
    /// Points redeemed, less redemptions taken back.
    pub redeemed: Points,
    /// Awards taken back.
    pub reversed: Points,
    /// Points expired, less those that were given back.
    pub expired: Points,
    /// Shares by node, sorted by node.
    pub shares: Vec<(NodeId, Share)>,
}

impl Totals {
    fn share_mut(&mut self, node: NodeId) -> &mut Share {
        let at = match self.shares.binary_search_by_key(&node, |(n, _)| *n) {
            Ok(at) => at,
            Err(at) => {
                self.shares.insert(at, (node, Share::default()));
                at
            }
        };
        &mut self.shares[at].1
    }

    /// What `node` holds.
    pub fn share(&self, node: NodeId) -> Share {
        let at = self.shares.binary_search_by_key(&node, |(n, _)| *n);
        at.map(|at| self.shares[at].1.settled()).unwrap_or_default()
    }

    /// Points that can still be spent, anywhere.
    pub fn available(&self) -> Points {
        self.shares.iter().map(|(_, share)| share.settled().held).sum()
    }

    /// Points owed because an award was reversed after it had been spent.
    pub fn debt(&self) -> Points {
        self.shares.iter().map(|(_, share)| share.settled().debt).sum()
    }

    /// Whether some node has spent more than it held: impossible for honest nodes once all entries are here.
    pub fn is_overspent(&self) -> bool {
        self.shares.iter().any(|(_, share)| share.settled().held < Points::ZERO)
    }

    /// Adds an entry that `author` has written.
    pub fn absorb(&mut self, entry: &Entry, author: NodeId) {
        let author = entry.owner(author);
        match entry {
            Entry::Award(e) => {
                self.earned += e.points;
                let share = self.share_mut(author);
                share.held += e.points - e.repaid;
                share.debt -= e.repaid;
            }
            Entry::Redemption(e) => {
                self.redeemed += e.points;
                self.share_mut(author).held -= e.points;
            }
            Entry::Reversal(e) => match e.takes {
                Taken::Award => self.take_award(author, e.points, e.debt),
                Taken::Redemption => self.return_redemption(author, e.points),
                Taken::Expiry => self.expire(author, Points::ZERO - e.points),
            },
            Entry::Expiry(e) => self.expire(author, e.points),
            Entry::Grant(e) => {
                self.share_mut(author).held -= e.points;
                self.share_mut(e.to).held += e.points;
            }
        }
    }

    /// A redemption is taken back; negative points undo that.
    pub(crate) fn return_redemption(&mut self, author: NodeId, points: Points) {
        self.redeemed -= points;
        self.share_mut(author).held += points;
    }

    /// Points expire; negative points come back.
    pub(crate) fn expire(&mut self, author: NodeId, points: Points) {
        self.expired += points;
        self.share_mut(author).held -= points;
    }

    /// An award is taken back, of which `debt` had been spent; negative points and debt undo that.
    pub(crate) fn take_award(&mut self, author: NodeId, points: Points, debt: Points) {
        self.reversed += points;
        let share = self.share_mut(author);
        share.held -= points - debt;
        share.debt += debt;
    }

    /// Moves points between a node's debt and its rights: the same entry with another settled part.
    pub(crate) fn shift_debt(&mut self, author: NodeId, points: Points) {
        let share = self.share_mut(author);
        share.held += points;
        share.debt += points;
    }

    /// Adds the sums of another document.
    pub fn merge(&mut self, other: &Totals) {
        self.earned += other.earned;
        self.redeemed += other.redeemed;
        self.reversed += other.reversed;
        self.expired += other.expired;
        for (node, share) in &other.shares {
            let mine = self.share_mut(*node);
            mine.held += share.held;
            mine.debt += share.debt;
        }
    }
}

/// How much of an award must settle the author's debt on the account first.
pub fn repaid(totals: &Totals, author: NodeId, points: Points) -> Points {
    totals.share(author).debt.max(Points::ZERO).min(points)
}

/// How much of a reversed award had been spent and so becomes a debt.
pub fn debt(totals: &Totals, author: NodeId, points: Points) -> Points {
    points - totals.share(author).held.max(Points::ZERO).min(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::{Award, Grant, Redemption, Reversal};

    const VILLAGE: NodeId = NodeId([1; 16]);
    const STATION: NodeId = NodeId([2; 16]);

    fn award(points: i64, repaid: i64) -> Entry {
        let date = "2021-01-05".parse().unwrap();
        let (request, account, rule) = ("r".parse().unwrap(), "a".parse().unwrap(), "R1".parse().unwrap());
        let (by, memo, approval) = Default::default();
        Entry::Award(Award {
            request,
            account,
            rule,
            points: Points(points),
            repaid: Points(repaid),
            date,
            by,
            memo,
            approval,
        })
    }

    fn redemption(points: i64) -> Entry {
        let date = "2021-01-05".parse().unwrap();
        let (request, account, item) = ("s".parse().unwrap(), "a".parse().unwrap(), "I1".parse().unwrap());
        let (merchant, by, lines) = Default::default();
        Entry::Redemption(Redemption { request, account, item, points: Points(points), date, merchant, by, lines })
    }

    fn reversal(points: i64, debt: i64) -> Entry {
        let date = "2021-01-05".parse().unwrap();
        let (request, of, account) = ("t".parse().unwrap(), "r".parse().unwrap(), "a".parse().unwrap());
        let (by, memo) = Default::default();
        let takes = Taken::Award;
        let (points, debt) = (Points(points), Points(debt));
        Entry::Reversal(Reversal { request, of, account, takes, points, debt, date, by, memo })
    }

    #[test]
    fn a_grant_moves_rights_and_keeps_the_sum() {
        let mut totals = Totals::default();
        totals.absorb(&award(100, 0), VILLAGE);
        let date = "2021-01-05".parse().unwrap();
        let (request, account) = ("g".parse().unwrap(), "a".parse().unwrap());
        let grant =
            Grant { request, account, points: Points(30), to: STATION, date, by: Default::default(), auto: None };
        totals.absorb(&Entry::Grant(grant), VILLAGE);
        assert_eq!((totals.share(VILLAGE).held, totals.share(STATION).held), (Points(70), Points(30)));
        assert_eq!(totals.available(), Points(100));
    }

    #[test]
    fn reversing_spent_points_leaves_a_debt_that_the_next_award_settles() {
        let mut totals = Totals::default();
        totals.absorb(&award(50, 0), VILLAGE);
        totals.absorb(&redemption(40), VILLAGE);
        let owed = debt(&totals, VILLAGE, Points(50));
        assert_eq!(owed, Points(40));
        totals.absorb(&reversal(50, owed.0), VILLAGE);
        assert_eq!((totals.available(), totals.debt()), (Points(0), Points(40)));
        let settled = repaid(&totals, VILLAGE, Points(60));
        totals.absorb(&award(60, settled.0), VILLAGE);
        assert_eq!((totals.available(), totals.debt()), (Points(20), Points(0)));
        assert!(!totals.is_overspent());
    }
}
