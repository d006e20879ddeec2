//! Columns: which sorts of files there are, how their headers are spelled, and what a mistyped name may mean.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smol_str::SmolStr;
use xiangyue_protocol::forms::{self, Field, Form, Home};
use xiangyue_protocol::{Code, Refusal};

use super::value;

/// What the rows of a file are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// Accounts of a village.
    Accounts,
    /// Points awarded.
    Entries,
    /// Points redeemed.
    Redemptions,
    /// Rules and redemption items of a township.
    Rules,
    /// Rows of a form.
    Form(&'static Form),
}

macro_rules! columns {
    ($($name:ident $en:literal $zh:literal $also:literal;)*) => {
        /// A column that some sort of file has.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Column {
            $($name,)*
            /// Of a form.
            Of(&'static Field),
        }

        impl Column {
            /// Its header in English files.
            pub(super) fn en(self) -> &'static str {
                match self { $(Column::$name => $en,)* Column::Of(field) => field.name }
            }
            /// Its header in Chinese files.
            pub(super) fn zh(self) -> &'static str {
                match self { $(Column::$name => $zh,)* Column::Of(field) => field.zh }
            }
            /// Other spellings that are understood, separated by spaces.
            fn also(self) -> &'static str {
                match self { $(Column::$name => $also,)* Column::Of(field) => field.also }
            }
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
    ApprovedBy "approved_by" "审批人" "";
    Item "item" "兑换项" "";
    Lines "lines" "明细" "规格";
    Merchant "merchant" "商户" "";
    DailyCap "daily_cap" "单日上限" "每日上限";
    ApproveAbove "approve_above" "审批起点" "";
    EffectiveFrom "effective_from" "生效日期" "";
    Why "why" "原因" "更正原因";
    Reason "reason" "退回原因" "原因";
}

impl Sort {
    /// The sorts that are no forms.
    pub const OWN: [Sort; 4] = [Sort::Accounts, Sort::Entries, Sort::Redemptions, Sort::Rules];

    /// Every sort.
    pub fn all() -> impl Iterator<Item = Sort> {
        Sort::OWN.into_iter().chain(forms::ALL.iter().map(|form| Sort::Form(form)))
    }

    /// Its name in English.
    pub fn as_str(self) -> &'static str {
        match self {
            Sort::Accounts => "accounts",
            Sort::Entries => "entries",
            Sort::Redemptions => "redemptions",
            Sort::Rules => "rules",
            Sort::Form(form) => form.name,
        }
    }

    /// Its name in Chinese.
    pub fn zh(self) -> &'static str {
        match self {
            Sort::Accounts => "账户",
            Sort::Entries => "积分",
            Sort::Redemptions => "兑换",
            Sort::Rules => "规则",
            Sort::Form(form) => form.zh,
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
        self.spec().into_iter().map(|(column, _)| column)
    }

    /// The column of this header.
    pub(super) fn column(self, header: &str) -> Option<Column> {
        let folded = fold(header);
        self.columns().chain([Column::Reason]).find(|column| column.is_spelled(&folded))
    }

    /// Its columns, and whether a file must have each. The rules' cap must be there although it may be empty: without
    /// the column every rule would silently be unlimited.
    pub(super) fn spec(self) -> Vec<(Column, bool)> {
        use Column::*;
        let (needed, optional): (&[Column], &[Column]) = match self {
            Sort::Accounts => (&[Account, HolderKind, Segment, Village, Opened], &[]),
            Sort::Entries => (&[RequestId, Date, Account, Rule, Points], &[By, Memo, ApprovedBy]),
            Sort::Redemptions => (&[RequestId, Date, Account, Item, Points], &[Merchant, Lines]),
            Sort::Rules => (&[Rule, Segment, Points, DailyCap, EffectiveFrom], &[ApproveAbove]),
            Sort::Form(form) => {
                let village = (!matches!(form.home, Home::Township(_))).then_some((Village, false));
                let own = form.fields.iter().map(|field| (Of(field), field.required));
                return village.into_iter().chain(own).chain([(By, false), (Why, false)]).collect();
            }
        };
        needed.iter().map(|column| (*column, true)).chain(optional.iter().map(|column| (*column, false))).collect()
    }
}

impl Column {
    /// Whether a folded header means this column. Of a form's header the unit in brackets may be missing.
    fn is_spelled(self, folded: &str) -> bool {
        let zh = fold(self.zh());
        let plain = zh.split('(').next().unwrap_or_default();
        let also = self.also().split(' ').any(|also| fold(also) == folded);
        !folded.is_empty() && (self.en() == folded || zh == folded || plain == folded || also)
    }
}

/// A header as it is compared: half-width, in lower case, its words joined.
fn fold(header: &str) -> String {
    value::half_width(header).to_lowercase().replace([' ', '-'], "_")
}

impl FromStr for Sort {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let named = value::half_width(text).to_lowercase();
        let own = Sort::OWN.into_iter().find(|sort| sort.as_str() == named || sort.zh() == named);
        own.or_else(|| form_called(&named).map(Sort::Form))
            .ok_or_else(|| value::refuse_with(Code::UnknownForm, text, near(text, Sort::all().map(Sort::names))))
    }
}

/// The form of this name, or of the one that its files had before it was a form.
fn form_called(name: &str) -> Option<&'static Form> {
    match name {
        "roster" | "名册" => Some(&forms::organisation::TERM),
        name => forms::find(name),
    }
}

/// The form of this name.
///
/// # Errors
/// [`Code::UnknownForm`] with those that it may mean.
pub fn form(text: &str) -> Result<&'static Form, Refusal> {
    let named = value::half_width(text).to_lowercase();
    let names = || forms::ALL.iter().map(|form| [form.name, form.zh]);
    form_called(&named).ok_or_else(|| value::refuse_with(Code::UnknownForm, text, near(text, names())))
}

/// The column of a form by any of its spellings.
///
/// # Errors
/// [`Code::UnknownField`] with those that it may mean.
pub fn field(form: &'static Form, text: &str) -> Result<&'static Field, Refusal> {
    let found = Sort::Form(form).column(text).and_then(|column| match column {
        Column::Of(field) => Some(field),
        _ => None,
    });
    let names = || form.fields.iter().map(|field| [field.name, field.zh]);
    found.ok_or_else(|| value::refuse_with(Code::UnknownField, text, near(text, names())))
}

/// Those of these names that a misspelt word most likely meant, or all of them when it is like none.
pub(super) fn near(text: &str, names: impl Iterator<Item = [&'static str; 2]>) -> String {
    const ENOUGH: f64 = 0.75;
    let text = value::half_width(text).to_lowercase();
    let likeness = |name: &str| {
        let within = text.chars().count() > 1 && (name.contains(&text) || text.contains(name));
        if within { 1.0 } else { strsim::jaro_winkler(&text, name) }
    };
    let mut rated: Vec<_> = names.map(|names| (likeness(names[0]).max(likeness(names[1])), names)).collect();
    if rated.iter().any(|(likeness, _)| *likeness > ENOUGH) {
        rated.retain(|(likeness, _)| *likeness > ENOUGH);
        rated.sort_by(|a, b| b.0.total_cmp(&a.0));
        rated.truncate(3);
    }
    rated.iter().map(|(_, [en, zh])| format!("{zh} {en}")).collect::<Vec<_>>().join(" / ")
}

impl Sort {
    fn names(self) -> [&'static str; 2] {
        [self.as_str(), self.zh()]
    }
}

impl fmt::Display for Sort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Sort {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Sort {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        SmolStr::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_columns_of_a_sort_and_no_two_sorts_have_one_name() {
        for sort in Sort::all() {
            for column in sort.columns() {
                for spelling in [column.en(), column.zh()].into_iter().chain(column.also().split(' ')) {
                    let found = (!spelling.is_empty()).then(|| sort.column(spelling));
                    assert!(found.is_none_or(|found| found == Some(column)), "{sort}: {spelling}");
                }
            }
            assert_eq!((sort.as_str().parse(), sort.zh().parse()), (Ok(sort), Ok(sort)));
        }
    }

    #[test]
    fn a_mistyped_name_meets_its_neighbours() {
        let refusal = form("houshold").unwrap_err();
        assert!(refusal.detail().starts_with("houshold (户 household"), "{refusal}");
        assert!(form("信访件").unwrap_err().detail().contains("信访 petition"));
        assert!(form("?").unwrap_err().detail().matches(" / ").count() > 40, "all of them");
    }
}
