//! `GET /stats`: figures recomputed from records, each with its horizon; and the demo's report of them.

use serde::{Deserialize, Serialize};
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Level, Millis, Month, OrgCode};

use crate::i18n::{Lang, count, thousands};

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
    /// The moment up to which everybody that is not missing has reported.
    pub as_of: Millis,
    /// Whose figures these are meant to be.
    #[serde(default)]
    pub scope: Scope,
    /// Villages and merchants that are not connected, or of which something is known to be missing.
    pub missing: Vec<MissingVillage>,
    /// Villages and merchants that have been given a name or a token and have no node yet.
    #[serde(default)]
    pub not_joined: Vec<MissingVillage>,
}

/// Whose figures a node can tell: a township's are of all, anybody else's of itself alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Of the township with its villages and merchants.
    #[default]
    Township,
    /// Of one village and its accounts.
    Village,
    /// Of what was redeemed at one merchant.
    Merchant,
}

impl Horizon {
    /// Who has not reported, counted in words; none when nobody is missing.
    pub fn missing_told(&self, lang: Lang) -> Option<String> {
        let counted = counted(lang, &self.missing)?;
        let has = if self.missing.len() == 1 { "has" } else { "have" };
        Some(lang.pick(format!("{counted}尚未报全"), format!("{counted} {has} not reported in full")))
    }

    /// Who has no node yet, in words with the names; none when there is nobody.
    pub fn not_joined_told(&self, lang: Lang) -> Option<String> {
        let (counted, names) = (counted(lang, &self.not_joined)?, names(lang, &self.not_joined));
        let has = if self.not_joined.len() == 1 { "has" } else { "have" };
        Some(lang.pick(format!("{counted}尚未入网：{names}"), format!("{counted} {has} not joined yet: {names}")))
    }

    /// Names of those that have not reported.
    pub fn missing_names(&self, lang: Lang) -> String {
        names(lang, &self.missing)
    }
}

fn names(lang: Lang, rows: &[MissingVillage]) -> String {
    rows.iter().map(|row| row.name.as_str()).collect::<Vec<_>>().join(lang.pick("、", ", "))
}

/// Villages and merchants, each counted under its own word.
fn counted(lang: Lang, rows: &[MissingVillage]) -> Option<String> {
    let merchants = rows.iter().filter(|row| row.org.level() == Level::Merchant).count();
    let word = |number: usize, zh: &str, one: &str, many: &str| {
        let en = if number == 1 { one } else { many };
        (number > 0).then(|| lang.pick(format!("{number} 个{zh}"), format!("{number} {en}")))
    };
    let villages = word(rows.len() - merchants, "村", "village", "villages");
    let parts: Vec<_> = villages.into_iter().chain(word(merchants, "商户", "merchant", "merchants")).collect();
    (!parts.is_empty()).then(|| parts.join(lang.pick("、", " and ")))
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
    /// Points expired, less those given back (L3).
    #[serde(default)]
    pub expired: Points,
    /// Points that wait for a second person and count nowhere yet (L3).
    #[serde(default)]
    pub awaiting: Points,
    /// Gross less redeemed less reversed less expired, with returned redemptions added back (L3).
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

impl MerchantStat {
    /// How many villages' accounts redeemed there, for a table; empty at a merchant, which does not know villages.
    pub fn villages_told(&self, scope: Scope) -> String {
        if scope == Scope::Merchant { String::new() } else { count(self.villages) }
    }
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
        let one = if self.value == "1" { singular(&self.unit) } else { &self.unit };
        let value = self.value.parse::<i64>().map_or_else(|_| self.value.clone(), thousands);
        format!("{value} {}", lang.pick(zh, one)).trim_end().to_owned()
    }
}

/// The unit of one: `times` is `time`, `entries` is `entry`.
fn singular(unit: &str) -> &str {
    if unit == "entries" { "entry" } else { unit.strip_suffix('s').unwrap_or(unit) }
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
    /// A remark in Chinese, as where the article contradicts itself.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note_zh: String,
    /// The same in English.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note_en: String,
}

impl GoldenRow {
    /// A figure beside the one it should be.
    pub(crate) fn new(id: &str, (zh, en): (&str, &str), expected: String, computed: String, ok: bool) -> GoldenRow {
        let (note_zh, note_en) = (String::new(), String::new());
        GoldenRow { id: id.into(), label_zh: zh.into(), label_en: en.into(), expected, computed, ok, note_zh, note_en }
    }
}

/// Time and memory of a township's node with so many villages.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleRow {
    /// Villages.
    pub villages: u64,
    /// Rows of forms.
    pub rows: u64,
    /// Time of the imports.
    pub import_seconds: f64,
    /// Rows imported in a second.
    pub rows_per_second: f64,
    /// The first report after a start.
    pub cold_seconds: f64,
    /// A report after one change: half of them take no longer.
    pub report_ms_p50: f64,
    /// A report after one change: 99 of 100 take no longer.
    pub report_ms_p99: f64,
    /// Rows of the workbook.
    pub xlsx_rows: u64,
    /// Time to export it.
    pub xlsx_seconds: f64,
    /// The most memory that the node had after it was started again; none where the system does not say.
    pub rss_mib: Option<u64>,
}

/// What `demo --scale` measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScaleReport {
    /// One row a number of villages.
    pub scale: Vec<ScaleRow>,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        let shown = |value: &str, unit: &str, lang| {
            let (value, unit) = (value.to_owned(), unit.to_owned());
            StatRow { id: String::new(), label_zh: String::new(), label_en: String::new(), value, unit }.shown(lang)
        };
        assert_eq!(shown("1", "times", Lang::En), "1 time");
        assert_eq!(shown("1", "entries", Lang::En), "1 entry");
        assert_eq!(shown("1200", "entries", Lang::En), "1,200 entries");
        assert_eq!(shown("1", "accounts", Lang::Zh), "1 户");
    }
}
