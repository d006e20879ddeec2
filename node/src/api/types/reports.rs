//! `GET /report`: a tidy table of the township's figures for one purpose, with its horizon.

use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::{Code, Date, Month, OrgCode, Refusal};

use super::Horizon;
use crate::i18n::Lang;

macro_rules! reports {
    ($($(#[$doc:meta])* $variant:ident $name:literal $zh:literal $en:literal,)*) => {
        /// A report by its name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum ReportName { $($(#[$doc])* $variant,)* }

        impl ReportName {
            /// All reports.
            pub const ALL: &[ReportName] = &[$(ReportName::$variant,)*];

            /// As typed and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $(ReportName::$variant => $name,)* }
            }

            /// Its title.
            pub fn title(self, lang: Lang) -> &'static str {
                match self { $(ReportName::$variant => lang.pick($zh, $en),)* }
            }
        }
    };
}

reports! {
    /// Accounts and points by village (article L2, L3).
    Villages "villages" "文明银行·各村" "Civilization Bank by village",
    /// The same by resident segment (L4).
    Segments "segments" "文明银行·分人群" "Civilization Bank by resident segment",
    /// The same by month.
    Months "months" "文明银行·分月" "Civilization Bank by month",
    /// Redemptions by merchant and village (L7, L9).
    Merchants "merchants" "商户兑换·分村" "Redemptions by merchant and village",
    /// Villages by points and by count redeemed at merchants (L10).
    Ranking "ranking" "商户兑换排行" "Villages ranked by redemptions at merchants",
    /// What merchants are owed (L9).
    Settlement "settlement" "商户结算" "Settlement of merchants",
    /// Accounts over a threshold (L1).
    Exemplars "exemplars" "积分大户" "Exemplar accounts",
    /// Governance officers of villages as of a day (B1).
    Officers "officers" "乡村治理员" "Governance officers",
    /// Communities, natural villages, grids, party organisations, tiers of grid managers (Q1, C3).
    Organisation "organisation" "组织体系" "Organisation",
    /// Governance centres and their rooms (Q10).
    Centres "centres" "综治中心" "Governance centres",
    /// Area, population, density (C5).
    Profile "profile" "概况" "Profile",
    /// Grids: sizes, party groups, officers, risk cards, roll-calls (Q2, Q3, Q6, Q9).
    Grids "grids" "网格" "Grids",
    /// Who answers for which households (Q4).
    Pairings "pairings" "党员包联" "Members and households",
    /// Petitions and their clocks (C1).
    Petitions "petitions" "信访" "Petitions",
    /// Disputes by class (C2, Q7).
    Disputes "disputes" "纠纷·分类型" "Disputes by class",
    /// Disputes by village.
    DisputeVillages "dispute-villages" "纠纷·分村" "Disputes by village",
    /// Disputes by where they came from (S3).
    Sources "sources" "纠纷·分来源" "Disputes by source",
    /// Where cases were closed (S4).
    Ladder "ladder" "逐级化解" "Where cases were closed",
    /// Errands, satisfaction, stewards (Y1–Y3).
    Services "services" "服务与满意度" "Services and satisfaction",
    /// Tasks of grids (Q5).
    Tasks "tasks" "网格任务" "Grid tasks",
    /// Publicity, trainings, lectures (Q7, S2, Y2).
    Sessions "sessions" "宣传培训" "Sessions",
    /// Allowances for lost work (Q8).
    Allowances "allowances" "误工补贴" "Allowances",
    /// The safety index of grids (Q11).
    Safety "safety" "平安指数" "Safety index",
    /// Medals of a quarter's boards (Y4).
    Boards "boards" "季度榜单" "Boards of a quarter",
    /// Farming (Y6).
    Industry "industry" "产业" "Farming",
    /// Legal service and study (S1, S2).
    Law "law" "法律服务" "Legal service",
    /// The village charter (L12).
    Charter "charter" "村规民约" "Village charter",
    /// Leases of collective property (S5).
    Assets "assets" "集体资产" "Collective property",
    /// Receptions of residents (C4).
    Receptions "receptions" "接访" "Receptions",
    /// Petition agents ranked by their appraisals (C4).
    Agents "agents" "代理员考评排行" "Petition agents ranked",
    /// Activities and care (L5, L13).
    Activities "activities" "活动与照料" "Activities and care",
    /// A closed month as it was published, what was adjusted since, and what is known now.
    Bulletin "bulletin" "月结公报" "Bulletin of a closed month",
    /// Which months are closed.
    Closings "closings" "月结情况" "Closed months",
    /// What a person should look into.
    Checks "checks" "存疑记录" "Entries to look into",
    /// Which village has reported in which month.
    Completeness "completeness" "各村上报情况" "Reporting completeness",
}

impl FromStr for ReportName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let named = |name: &&ReportName| name.as_str() == text || name.title(Lang::Zh) == text;
        let names = || ReportName::ALL.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
        let refuse = || Refusal::new(Code::BadValue, format_args!("{text} ({})", names()));
        ReportName::ALL.iter().find(named).copied().ok_or_else(refuse)
    }
}

/// A format to write a report in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReportFormat {
    /// A [`Report`] as one object.
    #[default]
    Json,
    /// UTF-8 with a byte order mark, no cell a formula.
    Csv,
    /// A sheet with the table alone, and one that says what it is and how far it reaches.
    Xlsx,
    /// A page to print.
    Html,
}

impl ReportFormat {
    /// The word in queries and at the end of a file's name.
    pub fn as_str(self) -> &'static str {
        match self {
            ReportFormat::Json => "json",
            ReportFormat::Csv => "csv",
            ReportFormat::Xlsx => "xlsx",
            ReportFormat::Html => "html",
        }
    }
}

/// Which report, of what time, and how it is written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportQuery {
    /// Which.
    pub name: ReportName,
    /// One month; all of time when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub month: Option<Month>,
    /// For what holds on a day: the day; today when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Date>,
    /// For exemplars: points from which on an account is one; as the township has set it when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threshold: Option<i64>,
    /// For the settlement: what a point is worth, in fen.
    #[serde(default = "fen_per_point")]
    pub fen_per_point: i64,
    /// How it is written.
    #[serde(default)]
    pub format: ReportFormat,
    /// Language of titles and headers where people read them.
    #[serde(default = "english")]
    pub lang: Lang,
}

/// One point is one yuan where nothing else is agreed.
pub(crate) fn fen_per_point() -> i64 {
    100
}

fn english() -> Lang {
    Lang::En
}

/// A table of figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which report.
    pub name: ReportName,
    /// Whose.
    pub org: OrgCode,
    /// Its name.
    pub org_name: String,
    /// Of which month; none: of all of time.
    pub month: Option<Month>,
    /// As of when, and what is missing.
    pub horizon: Horizon,
    /// What the cells are.
    pub columns: Vec<ReportColumn>,
    /// The rows, each with a cell for every column.
    pub rows: Vec<Vec<ReportCell>>,
    /// The sums below the rows, where columns can be summed; as long as a row.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub total: Vec<ReportCell>,
    /// What a reader has to know, and warnings.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

/// A column of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportColumn {
    /// A name that stays, with the unit where it is not obvious: `amount_fen`.
    pub key: SmolStr,
    /// Its header in Chinese.
    pub label_zh: SmolStr,
    /// Its header in English.
    pub label_en: SmolStr,
    /// Whether its cells are numbers.
    pub number: bool,
    /// How many of the last digits stand behind the point when people read it: 2 for fen shown as yuan.
    #[serde(default)]
    pub decimals: u8,
}

impl ReportColumn {
    /// Its header.
    pub fn label(&self, lang: Lang) -> &str {
        lang.pick(&self.label_zh, &self.label_en)
    }
}

/// A cell of a report.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ReportCell {
    /// A number.
    Number(i64),
    /// A text, also a code that looks like a number.
    Text(SmolStr),
    /// Nothing.
    Empty(()),
}

/// A remark below a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}
