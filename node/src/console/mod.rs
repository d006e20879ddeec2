//! The console: one page, rendered on the server, that a clerk's old browser shows and a printer prints.
//!
//! The API server fills a [`ConsolePage`] from the same [`Status`] and [`Stats`] that it serves as JSON. The page needs
//! no script and fetches nothing; it asks the browser to load it again every ten seconds.

#[cfg(test)]
pub(crate) mod sample;

use askama::Template;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Code, OrgCode, Refusal};

use crate::api::types::{GoldenRow, Hold, Scope, Stats, Status, VillageStatus, clock_off};
use crate::i18n::{self, Lang, bytes, count, moment, thousands};

/// The page of a township's node.
#[derive(Clone, Debug, Template)]
#[template(path = "console.html")]
pub struct ConsolePage {
    lang: Lang,
    /// Name and code of the organisation.
    name: String,
    code: String,
    period: String,
    as_of: String,
    /// Whether these are figures of a township; elsewhere they are the node's own.
    whole: bool,
    /// Who has not reported in full, counted; empty when everybody has.
    missing: String,
    /// Their names.
    missing_names: String,
    /// Who has no node yet, named.
    not_joined: String,
    figures: Vec<Figure>,
    villages: Vec<VillageRow>,
    total: VillageRow,
    merchants: Vec<MerchantRow>,
    golden: Vec<GoldenView>,
    further: Vec<Figure>,
    warnings: Vec<String>,
    facts: Vec<Figure>,
    drawn: String,
}

/// A label and its value.
#[derive(Clone, Debug)]
struct Figure {
    label: String,
    value: String,
}

/// A row of the villages' table.
#[derive(Clone, Debug, Default)]
struct VillageRow {
    name: String,
    code: String,
    accounts: String,
    gross: String,
    redeemed: String,
    redemptions: String,
    heard: String,
    behind: String,
    state: String,
    fresh: bool,
}

/// A row of the merchants' table.
#[derive(Clone, Debug)]
struct MerchantRow {
    name: String,
    code: String,
    points: String,
    redemptions: String,
    villages: String,
    heard: String,
    state: String,
}

/// A row of the table of expected figures.
#[derive(Clone, Debug)]
struct GoldenView {
    id: String,
    label: String,
    expected: String,
    computed: String,
    ok: bool,
}

impl ConsolePage {
    /// The page for what a node knows. `golden` is empty outside the demo.
    pub fn new(lang: Lang, status: &Status, stats: &Stats, golden: &[GoldenRow]) -> ConsolePage {
        ConsolePage {
            lang,
            name: stats.name.clone(),
            code: stats.org.to_string(),
            period: stats.month.map_or_else(|| lang.pick("全部时间", "all of time").into(), |month| month.to_string()),
            as_of: moment(stats.horizon.as_of),
            whole: stats.horizon.scope == Scope::Township,
            missing: stats.horizon.missing_told(lang).unwrap_or_default(),
            missing_names: stats.horizon.missing_names(lang),
            not_joined: stats.horizon.not_joined_told(lang).unwrap_or_default(),
            figures: figures(lang, stats),
            villages: villages(lang, status, stats),
            total: total(lang, stats),
            merchants: merchants(lang, status, stats),
            golden: golden.iter().map(|row| golden_view(lang, row)).collect(),
            further: further(lang, stats),
            warnings: warnings(lang, status, stats),
            facts: facts(lang, status),
            drawn: moment(status.now),
        }
    }

    /// The page as HTML.
    ///
    /// # Errors
    /// [`Code::TooLarge`] when it cannot be written, which takes running out of memory.
    pub fn html(&self) -> Result<String, Refusal> {
        self.render().map_err(|error| Refusal::new(Code::TooLarge, error))
    }
}

fn figure(label: &str, value: String) -> Figure {
    Figure { label: label.to_owned(), value }
}

fn figures(lang: Lang, stats: &Stats) -> Vec<Figure> {
    if stats.horizon.scope == Scope::Merchant {
        return vec![figure(lang.pick("在本商户兑换", "Redeemed here"), thousands(stats.redeemed.0))];
    }
    let expired = figure(lang.pick("已过期", "Expired"), thousands(stats.expired.0));
    let mut figures = vec![
        figure(lang.pick("储值户", "Depositors"), count(stats.depositors)),
        figure(lang.pick("累计积分", "Points, gross"), thousands(stats.gross.0)),
        figure(lang.pick("已兑换（不含已退还）", "Redeemed, less returned"), thousands(stats.redeemed.0)),
        figure(lang.pick("已冲正", "Reversed"), thousands(stats.reversed.0)),
    ];
    figures.extend((stats.expired > Points::ZERO).then_some(expired));
    figures.push(figure(lang.pick("净积分", "Points, net"), thousands(stats.net.0)));
    figures
}

fn further(lang: Lang, stats: &Stats) -> Vec<Figure> {
    let rows = stats.rows.iter();
    rows.map(|row| figure(lang.pick(&row.label_zh, &row.label_en), row.shown(lang))).collect()
}

fn villages(lang: Lang, status: &Status, stats: &Stats) -> Vec<VillageRow> {
    let row = |stat: &crate::api::types::VillageStat| {
        let known = status.villages.iter().find(|village| village.org == stat.org);
        let (heard, state) = freshness(lang, status, &stat.org, known);
        VillageRow {
            name: stat.name.clone(),
            code: stat.org.to_string(),
            accounts: count(stat.accounts),
            gross: thousands(stat.gross.0),
            redeemed: thousands(stat.redeemed_points.0),
            redemptions: count(stat.redemptions),
            heard,
            behind: known.map_or_else(String::new, VillageStatus::behind),
            state,
            fresh: stat.org == status.org || known.is_some_and(VillageStatus::is_fresh),
        }
    };
    stats.villages.iter().map(row).collect()
}

fn total(lang: Lang, stats: &Stats) -> VillageRow {
    let villages = &stats.villages;
    VillageRow {
        name: lang.pick("合计", "Total").to_owned(),
        accounts: count(villages.iter().map(|village| village.accounts).sum()),
        gross: thousands(villages.iter().map(|village| village.gross.0).sum()),
        redeemed: thousands(villages.iter().map(|village| village.redeemed_points.0).sum()),
        redemptions: count(villages.iter().map(|village| village.redemptions).sum()),
        ..VillageRow::default()
    }
}

fn merchants(lang: Lang, status: &Status, stats: &Stats) -> Vec<MerchantRow> {
    let row = |stat: &crate::api::types::MerchantStat| {
        let known = status.villages.iter().find(|merchant| merchant.org == stat.org);
        let (heard, state) = freshness(lang, status, &stat.org, known);
        MerchantRow {
            name: stat.name.clone(),
            code: stat.org.to_string(),
            points: thousands(stat.points.0),
            redemptions: count(stat.redemptions),
            villages: stat.villages_told(stats.horizon.scope),
            heard,
            state,
        }
    };
    stats.merchants.iter().map(row).collect()
}

/// When an organisation was last heard, and what that means.
fn freshness(lang: Lang, status: &Status, org: &OrgCode, known: Option<&VillageStatus>) -> (String, String) {
    match known {
        None if *org == status.org => (String::new(), lang.pick("本节点数据", "this node's own data").to_owned()),
        Some(village) => (i18n::ago(lang, status.now, village.last_heard_ms), village.state(lang, status.now)),
        None => (String::new(), lang.pick("本节点不掌握", "not known here").to_owned()),
    }
}

fn golden_view(lang: Lang, row: &GoldenRow) -> GoldenView {
    let GoldenRow { id, label_zh, label_en, expected, computed, ok, .. } = row.clone();
    GoldenView { id, label: lang.pick(label_zh, label_en), expected, computed, ok }
}

/// What a person should look into, in words.
fn warnings(lang: Lang, status: &Status, stats: &Stats) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut warn = |when: bool, zh: String, en: String| {
        if when {
            warnings.push(lang.pick(zh, en));
        }
    };
    let code = Code::ReadOnly;
    warn(
        status.read_only,
        format!("{}：{}", code.zh(), code.zh_advice()),
        format!("{}: {}", code.en(), code.en_advice()),
    );
    if let Some(hold) = status.hold {
        warn(true, hold.words(Lang::Zh), hold.words(Lang::En));
    }
    let code = Code::DiskFull;
    warn(
        status.disk.is_full(),
        format!("{}：{}", code.zh(), code.zh_advice()),
        format!("{}: {}", code.en(), code.en_advice()),
    );
    let twins = status.villages.iter().filter(|village| !village.twins.is_empty());
    let names: Vec<&str> = twins.map(|village| village.name.as_str()).collect();
    warn(
        !names.is_empty(),
        format!("{}：{}", names.join("、"), Hold::Twin.words(Lang::Zh)),
        format!("{}: {}", names.join(", "), Hold::Twin.words(Lang::En)),
    );
    let authors = status.quarantined;
    warn(
        authors > 0,
        format!("{authors} 个作者的数据被拒绝并隔离，请查看日志"),
        format!("data of {authors} authors was refused and set aside; see the log"),
    );
    let negative = stats.accounts_negative;
    warn(
        negative > 0,
        format!("{negative} 个账户余额为负，请联系维护人员"),
        format!("{negative} accounts are below zero; call for help"),
    );
    let shared = status.shared_accounts_total;
    warn(
        shared > 0,
        format!("有 {shared} 个账号在不止一个村开户，请在镇节点执行 xiangyue status 查看并处理"),
        format!("{shared} account numbers are open in more than one village; see xiangyue status at the township"),
    );
    let [zh, en] = [Lang::Zh, Lang::En].map(|lang| clock_off(lang, status.clock_off_ms).unwrap_or_default());
    warn(!zh.is_empty(), format!("本机{zh}，请校正"), format!("this machine's {en}; set it"));
    let days = status.certificate_days;
    warn(
        days < 15,
        format!("本节点证书将在 {days} 天后到期，请尽快与镇节点连通"),
        format!("this node's certificate expires in {days} days; connect it to the township soon"),
    );
    warnings
}

fn facts(lang: Lang, status: &Status) -> Vec<Figure> {
    let up = i18n::span(lang, status.now.0.saturating_sub(status.since.0));
    let connected = status.peers.iter().filter(|peer| peer.connected).count();
    vec![
        figure(lang.pick("节点", "node"), format!("{}.{}", status.node, status.incarnation)),
        figure(lang.pick("版本", "version"), status.version.clone()),
        figure(lang.pick("已运行", "up"), up),
        figure(
            lang.pick("已连接", "connected"),
            lang.pick(
                format!("{connected} 个节点"),
                format!("{connected} {}", if connected == 1 { "node" } else { "nodes" }),
            ),
        ),
        figure(lang.pick("文档", "documents"), count(status.documents)),
        figure(lang.pick("数据段", "segments"), count(status.segments)),
        figure(lang.pick("日志", "journal"), bytes(status.journal_bytes)),
        figure(lang.pick("磁盘", "disk"), status.disk.told(lang)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(lang: Lang) -> String {
        ConsolePage::new(lang, &sample::status(), &sample::stats(), &sample::golden()).html().unwrap()
    }

    /// Set `XIANGYUE_CONSOLE_OUT` to a folder to look at the pages in a browser.
    #[test]
    fn the_page_names_its_horizon_and_every_village() {
        for lang in [Lang::Zh, Lang::En] {
            let html = page(lang);
            if let Ok(folder) = std::env::var("XIANGYUE_CONSOLE_OUT") {
                std::fs::write(format!("{folder}/console-{lang}.html"), &html).unwrap();
            }
            assert!(html.contains("2026-11-23 10:00:00"));
            for village in sample::stats().villages {
                assert!(html.contains(&village.name) && html.contains(village.org.as_str()), "{}", village.name);
            }
            assert!(html.contains("18,717") && html.contains("爱心驿站"));
        }
        assert!(page(Lang::Zh).contains("2 个村尚未报全"));
        assert!(page(Lang::En).contains("2 villages have not reported in full"));
    }

    #[test]
    fn a_complete_horizon_is_said_so_and_the_demo_s_table_is_left_out() {
        let mut stats = sample::stats();
        stats.horizon.missing.clear();
        let html = ConsolePage::new(Lang::Zh, &sample::status(), &stats, &[]).html().unwrap();
        assert!(html.contains("各村均已上报") && !html.contains("与报道对照"));
    }

    #[test]
    fn a_village_s_page_claims_nothing_about_others() {
        let (mut status, mut stats) = (sample::status(), sample::stats());
        status.villages.clear();
        stats.villages.truncate(1);
        status.org = stats.villages[0].org.clone();
        stats.horizon.missing.clear();
        stats.horizon.scope = Scope::Village;
        let html = ConsolePage::new(Lang::Zh, &status, &stats, &[]).html().unwrap();
        assert!(html.contains("仅本节点数据") && html.contains("本节点数据</td>"), "{html}");
        assert!(!html.contains("各村") && !html.contains("合计"), "{html}");
    }

    #[test]
    fn freshness_is_told_in_words() {
        let html = page(Lang::Zh);
        assert!(html.contains("3 小时前") && html.contains("还有 42 条变更未到"), "{html}");
        assert!(html.contains("离线"));
    }

    #[test]
    fn a_name_cannot_bring_markup() {
        let mut stats = sample::stats();
        stats.villages[0].name = "<script>alert(1)</script>".to_owned();
        stats.name = "\"><i>".to_owned();
        let html = ConsolePage::new(Lang::Zh, &sample::status(), &stats, &[]).html().unwrap();
        assert!(!html.contains("<script") && !html.contains("<i>"), "{html}");
    }

    #[test]
    fn faults_of_the_node_stand_on_the_page() {
        let mut status = sample::status();
        status.read_only = true;
        status.certificate_days = 3;
        status.shared_accounts_total = 2;
        status.hold = Some(Hold::Revoked);
        status.villages[0].twins = vec!["0f3a5c7e9b1d2f4a6c8e0a2b4d6f8091".to_owned()];
        let html = ConsolePage::new(Lang::Zh, &status, &sample::stats(), &[]).html().unwrap();
        assert!(html.contains("磁盘故障，节点已转为只读") && html.contains("3 天后到期"));
        assert!(html.contains("有 2 个账号在不止一个村开户"));
        assert!(html.contains("本节点已被吊销") && html.contains("谢楼村：本节点有两份同时在运行"), "{html}");
    }
}
