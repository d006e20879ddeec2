//! `GET /stats`: figures recomputed from records, each with its horizon; and the demo's report of them.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Millis, Month, OrgCode};

use crate::i18n::{Lang, thousands};

/// Which statistics are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatsQuery {
    /// One month; all of time when left out.
    #[serde(default)]
    pub month: Option<Month>,
}

/// Up to when figures are known, and whose are missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Horizon {
    /// The moment up to which every village that is not missing has reported.
    pub as_of: Millis,
    /// Villages of which something is known to be missing, or that were never heard.
    pub missing: Vec<MissingVillage>,
}

/// A village whose figures are not complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingVillage {
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// When it was last heard; none if never.
    pub last_heard_ms: Option<Millis>,
    /// Changes known to exist and not here.
    pub changes_behind: u64,
}

/// The figures of an organisation and what lies under it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Whose.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// The month asked for; all of time when none.
    pub month: Option<Month>,
    /// Up to when, and who is missing.
    pub horizon: Horizon,
    /// Accounts (L2).
    pub depositors: u64,
    /// Sum of awards (L3).
    pub gross: Points,
    /// Sum of redemptions (L7).
    pub redeemed: Points,
    /// Sum of reversed awards.
    pub reversed: Points,
    /// Gross less redeemed less reversed, with returned redemptions added back (L3).
    pub net: Points,
    /// Sum of debts.
    pub debt: Points,
    /// Accounts below zero: always 0 unless something is very wrong.
    pub accounts_negative: u64,
    /// Per village, in order of code.
    pub villages: Vec<VillageStat>,
    /// Per merchant, in order of code.
    pub merchants: Vec<MerchantStat>,
    /// Further figures, in order of display.
    pub rows: Vec<StatRow>,
}

/// A village's figures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VillageStat {
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// Accounts.
    pub accounts: u64,
    /// Sum of awards.
    pub gross: Points,
    /// Points redeemed by its accounts, anywhere.
    pub redeemed_points: Points,
    /// How many redemptions those were.
    pub redemptions: u64,
    /// The part of the points redeemed at merchants (L10).
    pub merchant_points: Points,
    /// How many redemptions at merchants (L10).
    pub merchant_redemptions: u64,
}

/// A merchant's figures (L9).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MerchantStat {
    /// Its code.
    pub org: OrgCode,
    /// Its name.
    pub name: String,
    /// Points redeemed there.
    pub points: Points,
    /// How many redemptions.
    pub redemptions: u64,
    /// How many villages' accounts redeemed there.
    pub villages: u64,
}

/// A further figure.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatRow {
    /// Stable id, such as `L6.longest_streak`.
    pub id: String,
    /// What it is, in Chinese.
    pub label_zh: String,
    /// What it is, in English.
    pub label_en: String,
    /// The value as text: a number, or a name.
    pub value: String,
    /// Unit, such as `points`; empty when there is none.
    #[serde(default)]
    pub unit: String,
}

impl StatRow {
    /// The value with its unit, as a person reads it.
    pub fn shown(&self, lang: Lang) -> String {
        let zh = match self.unit.as_str() {
            "points" => "分",
            "accounts" => "户",
            "days" => "天",
            "times" => "次",
            "entries" => "笔",
            "slips" => "张",
            "records" => "条",
            "numbers" => "个",
            other => other,
        };
        let value = self.value.parse::<i64>().map_or_else(|_| self.value.clone(), thousands);
        format!("{value} {}", lang.pick(zh, &self.unit)).trim_end().to_owned()
    }
}

/// A figure beside the one it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoldenRow {
    /// Row of the article, such as `L2`.
    pub id: String,
    /// What it is, in Chinese.
    pub label_zh: String,
    /// What it is, in English.
    pub label_en: String,
    /// What the article reports, such as `18,717` or `> 1,000,000`.
    pub expected: String,
    /// What the records give.
    pub computed: String,
    /// Whether they agree.
    pub ok: bool,
}

/// What a demo run showed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemoReport {
    /// Accounts in the township.
    pub depositors: u64,
    /// Sum of awards.
    pub points_gross: Points,
    /// Sum of redemptions.
    pub points_redeemed: Points,
    /// Accounts below zero.
    pub accounts_negative: u64,
    /// Whether all replicas of every document came to equal heads.
    pub converged: bool,
    /// How long it took.
    pub seconds: f64,
    /// Whether everything that had to be so was so.
    pub ok: bool,
    /// Per village.
    pub villages: Vec<VillageStat>,
    /// The article's figures beside ours.
    pub golden: Vec<GoldenRow>,
    /// What was done and seen while villages were cut off, one fact a row.
    pub facts: Vec<GoldenRow>,
    /// Address of the township's console page.
    pub console: String,
}
