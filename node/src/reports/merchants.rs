//! Redemptions at merchants: by village, the ranking of villages, and what merchants are owed.

use std::collections::BTreeMap;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Month, OrgCode};

use super::bank::ranks;
use super::table::{Body, count, number_column, org_cells, text, text_column, villages as told};
use crate::api::types::ReportColumn;
use crate::stats::walk::{Spending, parts};

/// How often and how much was redeemed.
#[derive(Clone, Copy, Default)]
struct Redeemed {
    times: u64,
    points: Points,
}

/// Redemptions at merchants by a key of one's choice.
fn redeemed<'r, K: Ord>(
    replica: &'r Replica,
    month: Option<Month>,
    key: impl Fn(Month, &'r OrgCode, &Spending<'r>) -> Option<K>,
) -> BTreeMap<K, Redeemed> {
    let mut all: BTreeMap<K, Redeemed> = BTreeMap::new();
    for part in parts(replica, month) {
        for spending in part.spendings().filter(|spending| spending.spent.count > 0) {
            let Some(key) = spending.place.and_then(|place| key(part.month, place, &spending)) else { continue };
            let sum = all.entry(key).or_default();
            sum.times += spending.spent.count;
            sum.points += spending.spent.points;
        }
    }
    all
}

fn redeemed_columns() -> [ReportColumn; 2] {
    [number_column("redemptions", "兑换次数", "redemptions"), number_column("points", "兑换积分", "points redeemed")]
}

pub(super) fn by_village(replica: &Replica, month: Option<Month>) -> Body {
    let sums = redeemed(replica, month, |_, place, spending| Some((place, spending.whose.village())));
    let name = |org: &OrgCode| replica.views().directory.name(org);
    let rows = sums.iter().map(|((merchant, village), sum)| {
        let village = village.map_or_else(|| [text(""), text("")], |village| org_cells(replica, village));
        let [village, code] = village;
        vec![text(name(merchant)), text(merchant.as_str()), village, code, count(sum.times), count(sum.points.0)]
    });
    let head = [
        text_column("merchant", "商户", "merchant"),
        text_column("merchant_code", "商户代码", "merchant code"),
        text_column("village", "村", "village"),
        text_column("code", "村代码", "village code"),
    ];
    Body::new(head.into_iter().chain(redeemed_columns()).collect(), rows.collect()).summed(&["redemptions", "points"])
}

/// Villages by what they redeemed at merchants, both by points and by count (L10).
pub(super) fn ranking(replica: &Replica, month: Option<Month>) -> Body {
    let sums = redeemed(replica, month, |_, _, spending| spending.whose.village());
    let of = |org: &OrgCode| sums.get(org).copied().unwrap_or_default();
    let mut villages = told(replica);
    villages.sort_by_key(|org| (std::cmp::Reverse(of(org).times), org.clone()));
    let by_times: Vec<usize> = ranks(villages.iter().map(|org| of(org).times)).collect();
    let by_times: BTreeMap<OrgCode, usize> = villages.iter().cloned().zip(by_times).collect();
    villages.sort_by_key(|org| (std::cmp::Reverse(of(org).points), org.clone()));
    let by_points: Vec<usize> = ranks(villages.iter().map(|org| of(org).points)).collect();
    let rows = villages.iter().zip(by_points).map(|(org, rank)| {
        let [name, code] = org_cells(replica, org);
        let (sum, times) = (of(org), by_times.get(org).copied().unwrap_or_default());
        vec![count(rank), count(times), name, code, count(sum.times), count(sum.points.0)]
    });
    let head = [
        number_column("rank_points", "名次（按积分）", "rank by points"),
        number_column("rank_redemptions", "名次（按次数）", "rank by count"),
        text_column("village", "村", "village"),
        text_column("code", "代码", "code"),
    ];
    Body::new(head.into_iter().chain(redeemed_columns()).collect(), rows.collect())
        .summed(&["redemptions", "points"])
        .noted("名次相同者并列。", "Equal villages share a rank.")
}
