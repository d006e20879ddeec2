//! Points by month, and which village has entered anything in which month.

use std::collections::BTreeMap;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Date, Level, Month, OrgCode};

use super::bank::{SUMMED, columns, sums};
use super::table::{Body, count, number_column, org_cells, text, text_column, villages as told};
use crate::api::types::{ReportCell, ReportColumn};
use crate::stats::walk::parts;

/// Months that the matrix of completeness shows.
const SHOWN: usize = 12;

pub(super) fn months(replica: &Replica, month: Option<Month>) -> Body {
    let sums = sums(replica, month, |month, _| Some(month));
    let rows = sums.iter().map(|(month, sums)| [text(month.to_string())].into_iter().chain(sums.cells()).collect());
    let head = [text_column("month", "月份", "month")];
    Body::new(head.into_iter().chain(columns()).collect(), rows.collect::<Vec<Vec<ReportCell>>>()).summed(&SUMMED)
}

/// Entries by village and month: the twelve months up to `month`, or up to today's, but none before the first entry.
pub(super) fn completeness(replica: &Replica, month: Option<Month>, today: Date) -> Body {
    let last = month.unwrap_or_else(|| Month::of(today));
    let mut entries: BTreeMap<(OrgCode, Month), u64> = BTreeMap::new();
    for part in parts(replica, None).filter(|part| part.id.org.level() == Level::Village) {
        *entries.entry((part.id.org.clone(), part.month)).or_default() += part.points.entries;
    }
    let first = entries.keys().map(|(_, month)| *month).min().unwrap_or(last);
    let mut shown: Vec<Month> = std::iter::successors(Some(last), |month| Some(month.previous()))
        .take(SHOWN)
        .take_while(|m| *m >= first)
        .collect();
    shown.reverse();
    let of = |org: &OrgCode, month: &Month| entries.get(&(org.clone(), *month)).copied().unwrap_or_default();
    let rows = told(replica).into_iter().map(|org| {
        let counts: Vec<u64> = shown.iter().map(|month| of(&org, month)).collect();
        let missing = counts.iter().filter(|count| **count == 0).count();
        let counts = counts.into_iter().map(count);
        org_cells(replica, &org).into_iter().chain(counts).chain([count(missing)]).collect()
    });
    let column = |month: &Month| {
        let name = month.to_string();
        number_column(&name, &name, &name)
    };
    let head = [text_column("village", "村", "village"), text_column("code", "代码", "code")];
    let tail = [number_column("missing_months", "缺报月数", "months without entries")];
    let columns: Vec<ReportColumn> = head.into_iter().chain(shown.iter().map(column)).chain(tail).collect();
    let summed: Vec<String> = shown.iter().map(Month::to_string).collect();
    let summed: Vec<&str> = summed.iter().map(String::as_str).collect();
    Body::new(columns, rows.collect()).summed(&summed).noted(
        "每格为该村当月流水笔数；0 为缺报。",
        "Each cell counts the village's entries of the month; 0 is a month without a report.",
    )
}
