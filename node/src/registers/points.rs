//! Points as figures of a month, so that a closed month holds them too (article L2, L3, L7).

use xiangyue_protocol::id::Shard;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::summary::{PointsSummary, Register};
use xiangyue_protocol::{DocId, Level};

use super::{Cell, Measure, Tally};

/// The figures of a ledger or counter. A village counts of a merchant's counter what its own accounts did there.
pub(super) fn tally(replica: &Replica, id: &DocId, points: &PointsSummary) -> Tally {
    let mut tally = Tally::default();
    let Shard::Month(month) = id.shard else { return tally };
    let own = |account| replica.org().level() == Level::Township || replica.views().accounts.contains_key(account);
    let cell = |measure| Cell::of(measure).in_month(Some(month));
    for (_, totals) in points.accounts.iter().filter(|(account, _)| own(account)) {
        tally.add(cell(Measure::PointsGross), totals.earned.0);
        tally.add(cell(Measure::PointsRedeemed), totals.redeemed.0);
        tally.add(cell(Measure::PointsReversed), totals.reversed.0);
        tally.add(cell(Measure::PointsExpired), totals.expired.0);
    }
    for ((..), spent) in points.spent.iter().filter(|((account, ..), _)| own(account)) {
        tally.add(cell(Measure::Redemptions), spent.count);
    }
    tally
}

/// The figures of a register of accounts.
pub(super) fn accounts(register: &Register) -> Tally {
    let mut tally = Tally::default();
    tally.add(Cell::of(Measure::Depositors), register.facts.len());
    tally
}
