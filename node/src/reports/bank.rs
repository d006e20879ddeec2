//! The Civilization Bank (文明银行): accounts and points by village and by segment, and its exemplars.

use std::collections::{BTreeMap, HashMap, HashSet};

use xiangyue_protocol::Month;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Cohort, Points};

use super::table::{Body, count, number_column, org_cells, text, text_column, villages as told};
use crate::api::types::{ReportCell, ReportColumn};
use crate::i18n::Lang;
use crate::stats::walk::{Whose, parts};

/// Sums of some accounts.
#[derive(Default)]
pub(super) struct Sums<'r> {
    /// Accounts with an entry that counts.
    pub(super) active: HashSet<&'r AccountId>,
    pub(super) gross: Points,
    pub(super) redeemed: Points,
    pub(super) reversed: Points,
    pub(super) expired: Points,
    pub(super) redemptions: u64,
    pub(super) awaiting: Points,
}

/// The keys of the columns that [`Sums::cells`] fills.
pub(super) const SUMMED: [&str; 7] = ["gross", "redeemed", "reversed", "expired", "net", "redemptions", "awaiting"];

pub(super) fn columns() -> Vec<ReportColumn> {
    vec![
        number_column("active", "有流水的储值户", "accounts with entries"),
        number_column("gross", "累计积分", "points, gross"),
        number_column("redeemed", "兑换积分", "points redeemed"),
        number_column("reversed", "冲正积分", "points reversed"),
        number_column("expired", "过期积分", "points expired"),
        number_column("net", "净积分", "points, net"),
        number_column("redemptions", "兑换次数", "redemptions"),
        number_column("awaiting", "待审批积分（未计入）", "points awaiting approval, counted nowhere"),
    ]
}

impl Sums<'_> {
    pub(super) fn cells(&self) -> Vec<ReportCell> {
        let net = self.gross - self.redeemed - self.reversed - self.expired;
        vec![
            count(self.active.len()),
            count(self.gross.0),
            count(self.redeemed.0),
            count(self.reversed.0),
            count(self.expired.0),
            count(net.0),
            count(self.redemptions),
            count(self.awaiting.0),
        ]
    }
}

/// Sums by a key of one's choice; accounts without one are left out.
pub(super) fn sums<'r, K: Ord>(
    replica: &'r Replica,
    month: Option<Month>,
    key: impl Fn(Month, Whose<'r>) -> Option<K>,
) -> BTreeMap<K, Sums<'r>> {
    let mut all: BTreeMap<K, Sums<'r>> = BTreeMap::new();
    for part in parts(replica, month) {
        for (whose, totals) in part.totals() {
            let moved = [totals.earned, totals.redeemed, totals.reversed, totals.expired];
            let Some(key) = key(part.month, whose).filter(|_| moved.iter().any(|points| *points != Points::ZERO))
            else {
                continue;
            };
            let sums = all.entry(key).or_default();
            sums.active.insert(whose.account);
            sums.gross += totals.earned;
            sums.redeemed += totals.redeemed;
            sums.reversed += totals.reversed;
            sums.expired += totals.expired;
        }
        for spending in part.spendings().filter(|spending| spending.spent.count > 0) {
            if let Some(key) = key(part.month, spending.whose) {
                all.entry(key).or_default().redemptions += spending.spent.count;
            }
        }
        for (whose, points) in part.waiting() {
            if let Some(key) = key(part.month, whose) {
                all.entry(key).or_default().awaiting += points;
            }
        }
    }
    all
}

pub(super) fn villages(replica: &Replica, month: Option<Month>) -> Body {
    let sums = sums(replica, month, |_, whose| whose.village());
    let mut accounts: BTreeMap<_, u64> = BTreeMap::new();
    for (village, _) in replica.views().registered() {
        *accounts.entry(village).or_default() += 1;
    }
    let row = |org| {
        let opened = count(accounts.get(&org).copied().unwrap_or_default());
        let figures = sums.get(&org).map_or_else(|| Sums::default().cells(), Sums::cells);
        org_cells(replica, &org).into_iter().chain([opened]).chain(figures).collect()
    };
    let rows = told(replica).into_iter().map(row).collect();
    let head = vec![
        text_column("village", "村", "village"),
        text_column("code", "代码", "code"),
        number_column("accounts", "储值户", "accounts"),
    ];
    Body::new(head.into_iter().chain(columns()).collect(), rows)
        .summed(&[&["accounts", "active"][..], &SUMMED].concat())
}

pub(super) fn segments(replica: &Replica, month: Option<Month>, lang: Lang) -> Body {
    // There are many more sums than accounts.
    let accounts = replica.views().accounts.iter();
    let cohorts: HashMap<&AccountId, Cohort> = accounts.map(|(account, (_, row))| (account, row.cohort)).collect();
    let sums = sums(replica, month, |_, whose| cohorts.get(whose.account).copied());
    let rows = Cohort::ALL.iter().map(|cohort| {
        let opened = replica.views().registered().filter(|(_, account)| account.cohort == *cohort).count();
        let figures = sums.get(cohort).map_or_else(|| Sums::default().cells(), Sums::cells);
        [text(lang.pick(cohort.zh(), cohort.as_str())), text(cohort.as_str()), count(opened)]
            .into_iter()
            .chain(figures)
            .collect()
    });
    let head = vec![
        text_column("segment", "人群", "segment"),
        text_column("code", "代码", "code"),
        number_column("accounts", "储值户", "accounts"),
    ];
    Body::new(head.into_iter().chain(columns()).collect(), rows.collect())
        .summed(&[&["accounts", "active"][..], &SUMMED].concat())
}

/// Accounts that have earned at least so many points, the first first; equal ones share a rank (L1).
pub(super) fn exemplars(replica: &Replica, month: Option<Month>, threshold: i64, lang: Lang) -> Body {
    let views = replica.views();
    let mut earned: HashMap<&AccountId, (Whose<'_>, Points)> = HashMap::new();
    for (whose, totals) in parts(replica, month).flat_map(|part| part.totals()) {
        let (_, sum) = earned.entry(whose.account).or_insert((whose, Points::ZERO));
        *sum += totals.earned - totals.reversed;
    }
    let mut over: Vec<_> = earned.into_values().filter(|(_, points)| points.0 >= threshold.max(1)).collect();
    over.sort_by_key(|(whose, points)| (std::cmp::Reverse(*points), whose.account));
    let ranks = ranks(over.iter().map(|(_, points)| *points));
    let rows = over.iter().zip(ranks).map(|((whose, points), rank)| {
        let village = whose.village().map_or_else(Default::default, |village| views.directory.name(village));
        let holder = views
            .accounts
            .get(whose.account)
            .map_or("", |(_, account)| lang.pick(account.holder.zh(), account.holder.as_str()));
        let cohort = whose.cohort().map_or("", |cohort| lang.pick(cohort.zh(), cohort.as_str()));
        vec![count(rank), text(whose.account.as_str()), text(village), text(holder), text(cohort), count(points.0)]
    });
    let columns = vec![
        number_column("rank", "名次", "rank"),
        text_column("account", "账户", "account"),
        text_column("village", "村", "village"),
        text_column("holder", "户别", "holder"),
        text_column("segment", "人群", "segment"),
        number_column("earned", "获得积分（扣除冲正）", "points earned, less those reversed"),
    ];
    Body::new(columns, rows.collect()).noted(
        format!("获得积分不少于 {threshold} 分的账户；名次相同者并列。"),
        format!("Accounts that have earned at least {threshold} points; equal ones share a rank."),
    )
}

/// The ranks of values that stand in order, the first first: equal values share one, and the next goes on behind them.
pub(super) fn ranks<T: PartialEq>(values: impl Iterator<Item = T>) -> impl Iterator<Item = usize> {
    let mut before: Option<(T, usize)> = None;
    values.enumerate().map(move |(at, value)| {
        let rank = before.as_ref().filter(|(known, _)| *known == value).map_or(at + 1, |(_, rank)| *rank);
        before = Some((value, rank));
        rank
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_rank_and_the_next_goes_on_behind_them() {
        assert_eq!(ranks([9, 7, 7, 7, 2].into_iter()).collect::<Vec<_>>(), [1, 2, 2, 2, 5]);
    }
}
