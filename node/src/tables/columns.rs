//! Columns: which sorts of files there are, how their headers are spelled, and which file a header belongs to.

use std::fmt;
use std::str::FromStr;

use xiangyue_protocol::{Code, Refusal};

use super::value;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Sort {
    /// Accounts of a village.
    Accounts,
    /// Points awarded.
    Entries,
    /// Points redeemed.
    Redemptions,
    /// Rules and redemption items of a township.
    Rules,
    /// Terms of a village's roster.
    Roster,
}

macro_rules! columns {
    ($($name:ident $en:literal $zh:literal $also:literal;)*) => {
        /// A column that some sort of file has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column { $($name,)* }

        impl Column {
            const ALL: &[Column] = &[$(Column::$name,)*];
            /// Its header in English files.
            pub(super) fn en(self) -> &'static str { match self { $(Column::$name => $en,)* } }
            /// Its header in Chinese files.
            pub(super) fn zh(self) -> &'static str { match self { $(Column::$name => $zh,)* } }
            /// Other spellings that are understood, separated by spaces.
            fn also(self) -> &'static str { match self { $(Column::$name => $also,)* } }
        }
    };
}

columns! {
    Account "account" "账户" "账号 账户号";
    HolderKind "holder_kind" "户别" "";
    Segment "segment" "人群" "";
    Village "village" "村" "村庄 所属村 行政村";
    Opened "opened" "开户日期" "";
    RequestId "request_id" "凭证号" "凭证编号 凭证";
    Date "date" "日期" "";
    Rule "rule" "规则" "";
    Points "points" "积分" "分值";
    By "by" "经办人" "";
    Memo "memo" "备注" "";
    Item "item" "兑换项" "";
    Merchant "merchant" "商户" "";
    DailyCap "daily_cap" "单日上限" "每日上限";
    EffectiveFrom "effective_from" "生效日期" "";
    Person "person" "人员" "";
    Household "household" "户" "户号";
    Grid "grid" "网格" "";
    Role "role" "角色" "";
    Sex "sex" "性别" "";
    Born "born" "出生日期" "";
    Party "party" "政治面貌" "";
    Education "education" "文化程度" "";
    From "from" "起始日期" "";
    To "to" "终止日期" "";
    Reason "reason" "原因" "";
}

impl Sort {
    /// Every sort.
    pub const ALL: [Sort; 5] = [Sort::Accounts, Sort::Entries, Sort::Redemptions, Sort::Rules, Sort::Roster];

    /// Its name in English.
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Accounts => "accounts",
            Sort::Entries => "entries",
            Sort::Redemptions => "redemptions",
            Sort::Rules => "rules",
            Sort::Roster => "roster",
        }
    }

    /// Its name in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Sort::Accounts => "账户",
            Sort::Entries => "积分",
            Sort::Redemptions => "兑换",
            Sort::Rules => "规则",
            Sort::Roster => "名册",
        }
    }

    /// Its headers in English, in the order of the import guide.
    pub fn headers_en(self) -> Vec<&'static str> {
        self.columns().map(Column::en).collect()
    }

    /// Its headers in Chinese, in the order of the import guide.
    pub fn headers_zh(self) -> Vec<&'static str> {
        self.columns().map(Column::zh).collect()
    }

    /// Its columns in the order of the import guide.
    pub(super) fn columns(self) -> impl Iterator<Item = Column> {
        self.spec().0.iter().copied()
    }

    /// Its columns, and those of them that a file may leave out. The rules' cap must be there although it may be
    /// empty: without the column every rule would silently be unlimited.
    fn spec(self) -> (&'static [Column], &'static [Column]) {
        use Column::*;
        match self {
            Sort::Accounts => (&[Account, HolderKind, Segment, Village, Opened], &[]),
            Sort::Entries => (&[RequestId, Date, Account, Rule, Points, By, Memo], &[By, Memo]),
            Sort::Redemptions => (&[RequestId, Date, Account, Item, Points, Merchant], &[Merchant]),
            Sort::Rules => (&[Rule, Segment, Points, DailyCap, EffectiveFrom], &[]),
            Sort::Roster => (
                &[Person, Household, Grid, Role, Sex, Born, Party, Education, From, To],
                &[Household, Grid, Born, Party, Education, To],
            ),
        }
    }
}

impl FromStr for Sort {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let found = Sort::ALL.into_iter().find(|sort| sort.as_str() == text || sort.zh() == text);
        found.ok_or_else(|| value::refuse(Code::BadValue, text))
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where each column stands in a file.
#[derive(Debug)]
pub(super) struct Layout {
    /// What the rows are.
    pub(super) sort: Sort,
    /// The header row as the file has it.
    pub(super) headers: Vec<String>,
    columns: Vec<Option<Column>>,
    places: [Option<usize>; Column::ALL.len()],
}

impl Layout {
    /// Understands a header row; the sort that fits is taken when none is named.
    ///
    /// # Errors
    /// [`Code::BadHeader`] naming the columns that are missing, unknown or there twice.
    pub(super) fn new(cells: &[String], sort: Option<Sort>) -> Result<Layout, Refusal> {
        let headers: Vec<String> = cells.iter().map(|cell| value::trimmed(cell).to_owned()).collect();
        let known: Vec<Option<Column>> = headers.iter().map(|header| recognise(header)).collect();
        let sort = match sort {
            Some(sort) => sort,
            None => best_fit(&known).ok_or_else(|| unrecognised(&headers))?,
        };
        let mut layout = Layout { sort, headers, columns: known, places: [None; Column::ALL.len()] };
        layout.place()?;
        Ok(layout)
    }

    /// Gives every column its place.
    fn place(&mut self) -> Result<(), Refusal> {
        let (columns, optional) = self.sort.spec();
        let mut unknown = Vec::new();
        let mut twice = Vec::new();
        for (at, (header, column)) in self.headers.iter().zip(&self.columns).enumerate() {
            match column {
                Some(Column::Reason) => {}
                Some(column) if columns.contains(column) => {
                    if self.places[*column as usize].replace(at).is_some() {
                        twice.push(value::shown(header));
                    }
                }
                _ if header.is_empty() => {}
                _ => unknown.push(value::shown(header)),
            }
        }
        let lacking = |column: &&Column| self.places[**column as usize].is_none() && !optional.contains(column);
        let named = |column: &Column| format!("{} {}", column.zh(), column.en());
        let missing: Vec<_> = columns.iter().filter(lacking).map(named).collect();
        if missing.is_empty() && unknown.is_empty() && twice.is_empty() {
            return Ok(());
        }
        let mut detail = format!("{} {}", self.sort.zh(), self.sort.as_str());
        for (what, columns) in [("缺少 missing", missing), ("未知 unknown", unknown), ("重复 twice", twice)] {
            if !columns.is_empty() {
                detail = format!("{detail}; {what}: {}", columns.join(", "));
            }
        }
        Err(Refusal::new(Code::BadHeader, detail))
    }

    /// Where `column` stands in a row; none when the file does not have it.
    pub(super) fn at(&self, column: Column) -> Option<usize> {
        self.places[column as usize]
    }

    /// The column at a place.
    pub(super) fn column(&self, at: usize) -> Option<Column> {
        self.columns.get(at).copied().flatten()
    }

    /// The header of `column` as the file spells it.
    pub(super) fn header(&self, column: Column) -> String {
        self.at(column).map_or_else(|| column.en().to_owned(), |at| self.headers[at].clone())
    }
}

pub(super) fn recognise(header: &str) -> Option<Column> {
    let folded = value::half_width(header).to_lowercase().replace([' ', '-'], "_");
    let spelled = |column: &Column| {
        column.en() == folded || column.zh() == folded || column.also().split(' ').any(|also| also == folded)
    };
    Column::ALL.iter().copied().find(|column| !folded.is_empty() && spelled(column))
}

/// The sort that shares most columns with the header; none when none shares two, or when two share as many.
fn best_fit(known: &[Option<Column>]) -> Option<Sort> {
    let shared = |sort: Sort| sort.columns().filter(|column| known.contains(&Some(*column))).count();
    let most = Sort::ALL.into_iter().map(shared).max().filter(|most| *most >= 2)?;
    let mut fitting = Sort::ALL.into_iter().filter(|sort| shared(*sort) == most);
    let sort = fitting.next()?;
    fitting.next().is_none().then_some(sort)
}

fn unrecognised(headers: &[String]) -> Refusal {
    let found: Vec<_> = headers.iter().take(12).map(|header| value::shown(header)).collect();
    let sorts: Vec<_> = Sort::ALL.iter().map(|sort| format!("{} {}", sort.zh(), sort.as_str())).collect();
    Refusal::new(Code::BadHeader, format_args!("{} ≠ {}", found.join(", "), sorts.join(" / ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(header: &str, sort: Option<Sort>) -> Result<Layout, Refusal> {
        let cells: Vec<String> = header.split(',').map(str::to_owned).collect();
        Layout::new(&cells, sort)
    }

    #[test]
    fn each_sort_is_recognised_from_its_own_header_in_both_languages() {
        for sort in Sort::ALL {
            for headers in [sort.headers_en(), sort.headers_zh()] {
                assert_eq!(layout(&headers.join(","), None).unwrap().sort, sort, "{headers:?}");
            }
        }
    }

    #[test]
    fn order_case_width_and_spaces_do_not_matter() {
        let layout = layout(" Points ,ＲＵＬＥ,Request ID,　日期　,账号", None).unwrap();
        assert_eq!(layout.sort, Sort::Entries);
        assert_eq!((layout.at(Column::Points), layout.at(Column::Account)), (Some(0), Some(4)));
        assert_eq!((layout.at(Column::By), layout.header(Column::By).as_str()), (None, "by"));
    }

    #[test]
    fn missing_unknown_and_doubled_columns_are_named() {
        let refusal = layout("凭证号,日期,账户,规则,规则,心情", None).unwrap_err();
        assert_eq!(refusal.code(), Code::BadHeader);
        assert_eq!(refusal.detail(), "积分 entries; 缺少 missing: 积分 points; 未知 unknown: 心情; 重复 twice: 规则");
    }

    #[test]
    fn a_named_sort_is_not_guessed_again() {
        let refusal = layout("request_id,date,account,rule,points", Some(Sort::Redemptions)).unwrap_err();
        assert_eq!(refusal.detail(), "兑换 redemptions; 缺少 missing: 兑换项 item; 未知 unknown: rule");
    }

    #[test]
    fn a_strange_table_is_not_taken_for_any_sort() {
        for header in ["姓名,电话,住址", "日期,账户", "", "a"] {
            assert_eq!(layout(header, None).expect_err(header).code(), Code::BadHeader);
        }
    }

    #[test]
    fn a_refused_rows_file_can_be_read_again() {
        assert!(layout("account,holder_kind,segment,village,opened,reason", None).is_ok());
        assert!(layout("账户,户别,人群,村,开户日期,原因", None).is_ok());
    }
}
