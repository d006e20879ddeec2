//! Petition agents (代理员) by the mean of their monthly appraisals (article C4).

use std::cmp::Reverse;
use std::collections::BTreeMap;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Month, OrgCode};

use super::bank::ranks;
use super::table::{Body, count, decimal_column, number_column, org_cells, text, text_column};
use crate::api::types::ReportCell;
use crate::registers::{Counts, Measure};

/// Appraisals of each agent, and the sum of their scores.
type Agents<'c> = BTreeMap<(&'c OrgCode, &'c str), (i64, i64)>;

/// Agents with their rank, the best first; equal means share one.
pub(super) fn agents(replica: &Replica, counts: &Counts, month: Option<Month>) -> Body {
    let mut order: Vec<(i64, &OrgCode, &str, i64)> = appraised(counts, month)
        .into_iter()
        .map(|((org, person), (appraisals, scores))| (tenths(scores, appraisals), org, person, appraisals))
        .collect();
    order.sort_by_key(|(mean, org, person, _)| (Reverse(*mean), *org, *person));
    let ranks = ranks(order.iter().map(|(mean, ..)| *mean));
    let rows = order.iter().zip(ranks).map(|((mean, org, person, appraisals), rank)| {
        let [name, code] = org_cells(replica, org);
        vec![count(rank), text(*person), name, code, count(*appraisals), ReportCell::Number(*mean)]
    });
    let columns = vec![
        number_column("rank", "名次", "rank"),
        text_column("person", "代理员", "agent"),
        text_column("village", "村", "village"),
        text_column("code", "代码", "code"),
        number_column("appraisals", "考评次数", "appraisals"),
        decimal_column("mean_tenths", "平均得分", "mean score", 1),
    ];
    Body::new(columns, rows.collect()).noted(
        "按考评得分的平均值排名；得分相同者名次并列。",
        "Ranked by the mean of their scores; equal ones share a rank.",
    )
}

fn appraised(counts: &Counts, month: Option<Month>) -> Agents<'_> {
    let mut agents = Agents::new();
    for (id, counted) in counts {
        let wanted = |of: Option<Month>| month.is_none() || of == month;
        let of = |measure| counted.tally.of(measure).filter(move |(cell, _)| wanted(cell.month));
        for (cell, many) in of(Measure::Appraisals) {
            agents.entry((&id.org, &cell.class)).or_default().0 += many;
        }
        for (cell, many) in of(Measure::AppraisalScores) {
            agents.entry((&id.org, &cell.class)).or_default().1 += many;
        }
    }
    agents
}

/// A mean in tenths, rounded to the nearest.
fn tenths(sum: i64, many: i64) -> i64 {
    if many > 0 { (sum * 20 + many) / (many * 2) } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_rounded_to_the_nearest_tenth() {
        assert_eq!([tenths(271, 3), tenths(181, 2), tenths(90, 1), tenths(0, 0)], [903, 905, 900, 0]);
    }
}
