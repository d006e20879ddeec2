//! Closed months: what was published, what was adjusted since, what is known now.

use std::collections::BTreeSet;

use xiangyue_protocol::Month;

use super::super::table::{Body, count, number_column, text, text_column};
use super::Frame;
use crate::api::types::ReportCell;
use crate::registers::Counts;
use crate::registers::closing::{self, Key};

/// One month's figures; the last closed one when none is named.
pub(super) fn bulletin(frame: &Frame, counts: &Counts) -> Body {
    let columns = vec![
        text_column("unit", "单位", "unit"),
        text_column("code", "代码", "code"),
        text_column("figure", "指标", "figure"),
        text_column("class", "分类", "class"),
        number_column("published", "公布数", "as published"),
        number_column("adjusted", "已调整", "adjusted since"),
        number_column("now", "现数", "known now"),
        number_column("pending", "待调整", "not yet published"),
    ];
    let closed = closing::months(counts);
    let Some(month) = frame.month.or_else(|| closed.keys().next_back().copied()) else {
        return Body::new(columns, Vec::new()).noted("尚无月份结账。", "No month is closed yet.");
    };
    let (frozen, adjusted) = (closing::frozen(counts, month), closing::adjusted(counts, month, |_| true));
    let now = closing::current(counts, month, false);
    let of = |figures: &closing::Figures, key: &Key| figures.get(key).copied().unwrap_or_default();
    let keys: BTreeSet<&Key> = frozen.keys().chain(adjusted.keys()).chain(now.keys()).collect();
    let rows = keys.into_iter().map(|key| {
        let (unit, measure, class) = key;
        let name = frame.orgs.iter().find(|(org, _)| org.as_str() == unit).map(|(_, name)| name.clone());
        let head = [
            text(name.unwrap_or_else(|| unit.clone())),
            text(unit.clone()),
            text(frame.lang.pick(measure.zh(), measure.en())),
            text(class.clone()),
        ];
        // What stands is as it stood on the day of closing.
        let known = if measure.stands() { of(&frozen, key) } else { of(&now, key) };
        let published = of(&frozen, key) + of(&adjusted, key);
        let numbers = [of(&frozen, key), of(&adjusted, key), known, known - published];
        head.into_iter().chain(numbers.map(count)).collect()
    });
    let body = Body::new(columns, rows.collect());
    let state = closed.get(&month).map(|row| (row.text("state"), row.text("date"), row.text("missing_codes")));
    let (zh, en) = match state {
        Some(("closed", date, "")) => (
            format!("{month} 于 {date} 结账，各村均已上报。"),
            format!("{month} was closed on {date}; all villages had reported."),
        ),
        Some(("closed", date, missing)) => (
            format!("{month} 于 {date} 结账，当时未报齐：{missing}。迟报的数计入下一次结账的调整。"),
            format!(
                "{month} was closed on {date} while these were behind: {missing}. What comes late is adjusted with the next closing."
            ),
        ),
        Some((_, date, _)) => (
            format!("{month} 已于 {date} 重开，尚未再次结账。"),
            format!("{month} was reopened on {date} and is not closed again."),
        ),
        None => (format!("{month} 尚未结账。"), format!("{month} is not closed.")),
    };
    body.noted(zh, en)
}

/// Months with who was missing when they were closed.
pub(super) fn closings(counts: &Counts) -> Body {
    let columns = vec![
        text_column("month", "月份", "month"),
        text_column("state", "状态", "state"),
        text_column("date", "日期", "date"),
        number_column("villages", "应报村数", "villages"),
        number_column("missing", "未报村数", "behind"),
        text_column("missing_codes", "未报村", "which"),
        text_column("by", "经办人", "by"),
        text_column("why", "原因", "why"),
    ];
    let rows = closing::months(counts).into_iter().map(|(month, row): (Month, _)| -> Vec<ReportCell> {
        let number = |name: &str| count(row.number(name).unwrap_or_default());
        vec![
            text(month.to_string()),
            text(row.text("state")),
            text(row.text("date")),
            number("villages"),
            number("missing"),
            text(row.text("missing_codes")),
            text(row.by.clone()),
            text(row.why.clone()),
        ]
    });
    Body::new(columns, rows.collect())
}
