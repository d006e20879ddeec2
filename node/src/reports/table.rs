//! The parts of a report in the making.

use smol_str::SmolStr;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Code, Level, OrgCode, Refusal};

use crate::api::types::{Note, ReportCell, ReportColumn, Scope};
use crate::stats::scope_of;

/// A report without its frame.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) columns: Vec<ReportColumn>,
    pub(super) rows: Vec<Vec<ReportCell>>,
    pub(super) total: Vec<ReportCell>,
    pub(super) notes: Vec<Note>,
}

impl Body {
    /// A report with these columns and rows.
    pub(super) fn new(columns: Vec<ReportColumn>, rows: Vec<Vec<ReportCell>>) -> Body {
        Body { columns, rows, ..Body::default() }
    }

    /// Adds the sums of these columns below the rows.
    pub(super) fn summed(mut self, keys: &[&str]) -> Body {
        let sum = |(at, column): (usize, &ReportColumn)| {
            let numbers = self.rows.iter().filter_map(|row| match row.get(at) {
                Some(ReportCell::Number(number)) => Some(*number),
                _ => None,
            });
            if keys.contains(&column.key.as_str()) { ReportCell::Number(numbers.sum()) } else { ReportCell::Empty(()) }
        };
        self.total = self.columns.iter().enumerate().map(sum).collect();
        self
    }

    /// Adds a remark.
    pub(super) fn noted(mut self, zh: impl Into<String>, en: impl Into<String>) -> Body {
        self.notes.push(Note { zh: zh.into(), en: en.into() });
        self
    }
}

/// A column of texts.
pub(super) fn text_column(key: &str, zh: &str, en: &str) -> ReportColumn {
    ReportColumn { key: key.into(), label_zh: zh.into(), label_en: en.into(), number: false, decimals: 0 }
}

/// A column of whole numbers.
pub(super) fn number_column(key: &str, zh: &str, en: &str) -> ReportColumn {
    ReportColumn { number: true, ..text_column(key, zh, en) }
}

/// A column of numbers whose last digits stand behind the point.
pub(super) fn decimal_column(key: &str, zh: &str, en: &str, decimals: u8) -> ReportColumn {
    ReportColumn { decimals, ..number_column(key, zh, en) }
}

/// A cell with a text.
pub(super) fn text(text: impl Into<SmolStr>) -> ReportCell {
    ReportCell::Text(text.into())
}

/// A cell with a count.
pub(super) fn count(count: impl TryInto<i64>) -> ReportCell {
    ReportCell::Number(count.try_into().unwrap_or(i64::MAX))
}

/// A share in thousandths, rounded half up; none of nothing.
pub(super) fn permille(part: usize, whole: usize) -> ReportCell {
    if whole == 0 { ReportCell::Empty(()) } else { count((part * 2000 + whole) / (whole * 2)) }
}

/// The villages that a report of this node tells of, by code.
pub(super) fn villages(replica: &Replica) -> Vec<OrgCode> {
    let told = |org: &OrgCode| scope_of(replica.org()) == Scope::Township || org == replica.org();
    let listed = replica.views().directory.orgs().map(|org| org.code.clone());
    listed.filter(|org| org.level() == Level::Village && told(org)).collect()
}

/// Name and code of an organisation, as two cells.
pub(super) fn org_cells(replica: &Replica, org: &OrgCode) -> [ReportCell; 2] {
    [text(replica.views().directory.name(org)), text(org.as_str())]
}

/// A number that may not be below zero.
pub(super) fn at_least_zero(number: i64) -> Result<i64, Refusal> {
    if number >= 0 { Ok(number) } else { Err(Refusal::new(Code::BadNumber, number)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_half_up_and_none_of_nothing() {
        assert_eq!(permille(97, 103), ReportCell::Number(942), "94.2 %, article B1");
        assert_eq!(permille(88, 103), ReportCell::Number(854), "85.4 %, article B1");
        assert_eq!(permille(1, 2000), ReportCell::Number(1));
        assert_eq!(permille(0, 0), ReportCell::Empty(()));
    }

    #[test]
    fn sums_stand_below_their_columns_alone() {
        let columns = vec![text_column("a", "甲", "a"), number_column("b", "乙", "b"), number_column("c", "丙", "c")];
        let rows = vec![vec![text("x"), count(1), count(5)], vec![text("y"), count(2), count(6)]];
        let total = Body::new(columns, rows).summed(&["b"]).total;
        assert_eq!(total, [ReportCell::Empty(()), ReportCell::Number(3), ReportCell::Empty(())]);
    }
}
