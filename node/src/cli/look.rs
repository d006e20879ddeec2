//! `status`, `stats` and `doc`: what the node knows and how fresh that is.

use serde_json::Value;
use xiangyue_protocol::policy::Granting;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::{Code, Millis};

use super::args;
use super::output::{Show, exit};
use super::table::{Side, Table, heading};
use super::{Outcome, Session};
use crate::api::types::{
    DocContent, DocHistory, DocList, DocRow, GrantsStatus, Hold, Horizon, PeerStatus, Scope, SharedAccount, SharedAt,
    Stats, Status, VillageStatus, clock_off,
};
use crate::i18n::{Lang, ago, bytes, count, moment, thousands};

pub(super) fn status(session: &Session) -> Outcome {
    let status: Status = session.client()?.get("/status", &[])?;
    session.output.answer(&status).map(|()| exit::OK)
}

pub(super) fn stats(session: &Session, args: &args::Stats) -> Outcome {
    let query: Vec<_> = args.month.map(|month| ("month", month.to_string())).into_iter().collect();
    let stats: Stats = session.client()?.get("/stats", &query)?;
    session.output.answer(&stats).map(|()| exit::OK)
}

pub(super) fn documents(session: &Session) -> Outcome {
    let list: DocList = session.client()?.get("/docs", &[])?;
    session.output.answer(&list).map(|()| exit::OK)
}

pub(super) fn document(session: &Session, args: &args::DocPart) -> Outcome {
    let content: DocContent = session.client()?.get("/docs/show", &part(args))?;
    session.output.answer(&content).map(|()| exit::OK)
}

pub(super) fn history(session: &Session, args: &args::DocPart) -> Outcome {
    let history: DocHistory = session.client()?.get("/docs/history", &part(args))?;
    session.output.answer(&history).map(|()| exit::OK)
}

fn part(args: &args::DocPart) -> [(&'static str, String); 3] {
    [("id", args.id.to_string()), ("limit", args.limit.to_string()), ("offset", args.offset.to_string())]
}

impl Show for Status {
    fn show(&self, lang: Lang) -> String {
        let mut facts = Table::pairs();
        facts.pair(lang.pick("组织", "organisation"), format!("{} {}", self.name, self.org));
        facts.pair(lang.pick("节点", "node"), format!("{}.{}", self.node, self.incarnation));
        facts.pair(lang.pick("版本", "version"), self.version.as_str());
        facts.pair(
            lang.pick("启动于", "started"),
            format!("{} ({})", moment(self.since), ago(lang, self.now, Some(self.since))),
        );
        facts.pair(lang.pick("监听", "listens on"), self.listen.as_str());
        facts.pair(lang.pick("写入", "writing"), writing(lang, self));
        if let Some(off) = clock_off(lang, self.clock_off_ms) {
            let advice = lang
                .pick("请校正本机时间；按镇的时间记账", "set this machine's time; entries are dated by the township's");
            facts.pair(lang.pick("时钟", "clock"), format!("{off}{}{advice}", lang.pick("；", "; ")));
        }
        facts.pair(lang.pick("证书", "certificate"), certificate(lang, self.certificate_days));
        facts.pair(lang.pick("磁盘", "disk"), self.disk.told(lang));
        let held = (count(self.documents), count(self.segments), bytes(self.journal_bytes));
        facts.pair(
            lang.pick("数据", "data"),
            lang.pick(
                format!("{} 个文档，{} 个数据段，日志 {}", held.0, held.1, held.2),
                format!("{} documents, {} segments, journal {}", held.0, held.1, held.2),
            ),
        );
        facts.pair(lang.pick("传播", "propagation"), self.propagation.as_str());
        facts.pair(lang.pick("自动授予", "granting"), granting(lang, &self.grants));
        if self.quarantined > 0 {
            facts.pair(
                lang.pick("隔离", "quarantine"),
                lang.pick(
                    format!("{} 个作者的数据被拒绝并隔离", self.quarantined),
                    format!("data of {} authors refused and set aside", self.quarantined),
                ),
            );
        }
        let mut text = facts.render();
        if !self.peers.is_empty() {
            text.push_str(&heading(lang.pick("其他节点", "Peers")));
            text.push_str(&peers(lang, self.now, &self.peers));
        }
        if !self.villages.is_empty() {
            text.push_str(&heading(lang.pick("各村和商户", "Villages and merchants")));
            text.push_str(&villages(lang, self.now, &self.villages));
        }
        if self.shared_accounts_total > 0 {
            let total = count(self.shared_accounts_total);
            text.push_str(&heading(&lang.pick(
                format!("在不止一个村开户的账号：{total} 个"),
                format!("Account numbers opened in more than one village: {total}"),
            )));
            text.push_str(&shared(lang, &self.shared_accounts));
        }
        text
    }
}

/// What is granted without a clerk. At a village that grants nothing on its own, what merchants wait for shows all the same.
fn granting(lang: Lang, grants: &GrantsStatus) -> String {
    let (policy, granted, open) = (grants.policy.as_str(), count(grants.granted), count(grants.open_asks));
    match (grants.policy, grants.open_asks) {
        (Granting::None, 0) => policy.to_owned(),
        _ => lang.pick(
            format!("{policy}，启动以来授予 {granted} 笔，待答复的申请 {open} 笔"),
            format!("{policy}, {granted} granted since the start, {open} asks waiting"),
        ),
    }
}

fn writing(lang: Lang, status: &Status) -> String {
    if status.read_only {
        return lang.pick("只读：磁盘故障，请查看日志", "read-only after a disk fault; see the log").to_owned();
    }
    if status.disk.is_full() {
        return lang
            .pick("暂停：磁盘空间不足，清理后自行恢复", "waiting: the disk is full; it goes on once there is room")
            .to_owned();
    }
    match status.hold {
        None => lang.pick("正常", "normal").to_owned(),
        Some(Hold::Restored) => lang
            .pick("暂停兑换：恢复后尚未取回自己的记录", "spending frozen until its own entries are fetched back")
            .to_owned(),
        Some(hold) => hold.words(lang),
    }
}

fn certificate(lang: Lang, days: i64) -> String {
    if days < 0 {
        lang.pick(format!("已过期 {} 天", -days), format!("expired {} days ago", -days))
    } else {
        lang.pick(format!("{days} 天后到期"), format!("expires in {days} days"))
    }
}

fn peers(lang: Lang, now: Millis, peers: &[PeerStatus]) -> String {
    let mut table = Table::new([
        (lang.pick("名称", "name"), Side::Left),
        (lang.pick("代码", "code"), Side::Left),
        (lang.pick("节点", "node"), Side::Left),
        (lang.pick("连接", "connection"), Side::Left),
        (lang.pick("最近联系", "last heard"), Side::Left),
        (lang.pick("往返", "round trip"), Side::Right),
        (lang.pick("落后变更数", "changes behind"), Side::Right),
        (lang.pick("已发", "sent"), Side::Right),
        (lang.pick("已收", "received"), Side::Right),
    ]);
    for peer in peers {
        table.row([
            peer.name.clone(),
            peer.org.to_string(),
            // An organisation may have several.
            peer.node.get(..8).unwrap_or(&peer.node).to_owned(),
            lang.pick(if peer.connected { "已连接" } else { "未连接" }, if peer.connected { "up" } else { "down" })
                .into(),
            ago(lang, now, peer.last_heard_ms),
            peer.rtt_us.map_or_else(String::new, |us| format!("{}.{} ms", us / 1000, us % 1000 / 100)),
            peer.changes_behind.map_or_else(|| lang.pick("未知", "unknown").into(), count),
            bytes(peer.bytes_sent),
            bytes(peer.bytes_received),
        ]);
    }
    table.render()
}

fn shared(lang: Lang, accounts: &[SharedAccount]) -> String {
    let mut table = Table::new([
        (lang.pick("账户", "account"), Side::Left),
        (lang.pick("村", "village"), Side::Left),
        (lang.pick("代码", "code"), Side::Left),
        (lang.pick("该村可用积分", "points there"), Side::Right),
    ]);
    for SharedAccount { account, villages } in accounts {
        for SharedAt { org, name, points } in villages {
            table.row([account.to_string(), name.clone(), org.to_string(), thousands(points.0)]);
        }
    }
    let code = Code::AccountElsewhere;
    format!("{}[{}] {}\n", table.render(), code.as_str(), lang.pick(code.zh_advice(), code.en_advice()))
}

fn villages(lang: Lang, now: Millis, villages: &[VillageStatus]) -> String {
    let mut table = Table::new([
        (lang.pick("名称", "name"), Side::Left),
        (lang.pick("代码", "code"), Side::Left),
        (lang.pick("最近联系", "last heard"), Side::Left),
        (lang.pick("落后变更数", "changes behind"), Side::Right),
        (lang.pick("状况", "state"), Side::Left),
    ]);
    for village in villages {
        table.row([
            village.name.clone(),
            village.org.to_string(),
            ago(lang, now, village.last_heard_ms),
            village.behind(),
            village.state(lang, now),
        ]);
    }
    table.render()
}

impl Show for Stats {
    fn show(&self, lang: Lang) -> String {
        let period =
            self.month.map_or_else(|| lang.pick("全部时间", "all of time").to_owned(), |month| month.to_string());
        let mut figures = Table::new([(&self.name, Side::Left), (&period, Side::Right)]);
        let mut figure = |zh: &str, en: &str, value: String| figures.row([lang.pick(zh, en).to_owned(), value]);
        let scope = self.horizon.scope;
        if scope == Scope::Merchant {
            figure("在本商户兑换", "points redeemed here", thousands(self.redeemed.0));
        } else {
            figure("储值户", "depositors", count(self.depositors));
            figure("累计积分", "points, gross", thousands(self.gross.0));
            figure("已兑换（不含已退还）", "points redeemed, less returned", thousands(self.redeemed.0));
            figure("已冲正", "points reversed", thousands(self.reversed.0));
            if self.expired > Points::ZERO {
                figure("已过期", "points expired", thousands(self.expired.0));
            }
            if self.awaiting > Points::ZERO {
                figure("待审批（未计入）", "awaiting approval, counted nowhere", thousands(self.awaiting.0));
            }
            figure("净积分", "points, net", thousands(self.net.0));
            figure("欠分", "debt", thousands(self.debt.0));
            figure("余额为负的账户", "accounts below zero", count(self.accounts_negative));
        }
        for row in &self.rows {
            figure(&row.label_zh, &row.label_en, row.shown(lang));
        }
        let mut text = figures.render();
        text.push_str(&horizon(lang, &self.horizon));
        if !self.villages.is_empty() {
            text.push_str(&heading(lang.pick("各村", "Villages")));
            text.push_str(&self.villages_table(lang));
        }
        if !self.merchants.is_empty() {
            text.push_str(&heading(lang.pick("签约商户", "Merchants")));
            text.push_str(&self.merchants_table(lang));
        }
        text
    }
}

impl Stats {
    fn villages_table(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("村", "village"), Side::Left),
            (lang.pick("代码", "code"), Side::Left),
            (lang.pick("储值户", "accounts"), Side::Right),
            (lang.pick("累计积分", "gross"), Side::Right),
            (lang.pick("兑换积分", "redeemed"), Side::Right),
            (lang.pick("兑换次数", "redemptions"), Side::Right),
            (lang.pick("商户兑换积分", "at merchants"), Side::Right),
        ]);
        for village in &self.villages {
            table.row([
                village.name.clone(),
                village.org.to_string(),
                count(village.accounts),
                thousands(village.gross.0),
                thousands(village.redeemed_points.0),
                count(village.redemptions),
                thousands(village.merchant_points.0),
            ]);
        }
        table.render()
    }

    fn merchants_table(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("商户", "merchant"), Side::Left),
            (lang.pick("代码", "code"), Side::Left),
            (lang.pick("兑换积分", "redeemed"), Side::Right),
            (lang.pick("兑换次数", "redemptions"), Side::Right),
            (lang.pick("涉及村数", "villages"), Side::Right),
        ]);
        for merchant in &self.merchants {
            table.row([
                merchant.name.clone(),
                merchant.org.to_string(),
                thousands(merchant.points.0),
                count(merchant.redemptions),
                merchant.villages_told(self.horizon.scope),
            ]);
        }
        table.render()
    }
}

/// As of when the figures are known, and who has not reported.
fn horizon(lang: Lang, horizon: &Horizon) -> String {
    let at = moment(horizon.as_of);
    let mut text = lang.pick(format!("\n截至 {at}"), format!("\nas of {at}"));
    if horizon.scope != Scope::Township {
        text.push_str(lang.pick("；仅本节点数据\n", "; only this node's own data\n"));
        return text;
    }
    match horizon.missing_told(lang) {
        None => text.push_str(lang.pick("，各村均已上报", "; every village has reported")),
        Some(told) => {
            let names = horizon.missing_names(lang);
            text.push_str(&lang.pick(format!("；{told}：{names}"), format!("; {told}: {names}")));
        }
    }
    if let Some(told) = horizon.not_joined_told(lang) {
        text.push_str(&lang.pick(format!("；{told}"), format!("; {told}")));
    }
    text.push('\n');
    text
}

impl Show for DocList {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("文档", "document"), Side::Left),
            (lang.pick("所属", "of"), Side::Left),
            (lang.pick("记录", "records"), Side::Right),
            (lang.pick("数据段", "segments"), Side::Right),
            (lang.pick("大小", "size"), Side::Right),
            (lang.pick("作者", "authors"), Side::Right),
            (lang.pick("最近写入", "last written"), Side::Left),
        ]);
        for doc in &self.docs {
            table.row([
                doc.id.to_string(),
                doc.org_name.clone(),
                count(doc.records),
                count(doc.segments),
                bytes(doc.bytes),
                count(doc.authors),
                doc.last_change.map_or_else(String::new, moment),
            ]);
        }
        table.render()
    }
}

fn title(lang: Lang, doc: &DocRow) -> String {
    let counts = (count(doc.records), count(doc.segments));
    lang.pick(
        format!("{} {}：{} 条记录，{} 个数据段\n", doc.id, doc.org_name, counts.0, counts.1),
        format!("{} {}: {} records, {} segments\n", doc.id, doc.org_name, counts.0, counts.1),
    )
}

impl Show for DocContent {
    fn show(&self, lang: Lang) -> String {
        let mut text = title(lang, &self.doc);
        text.push_str(
            &lang.pick(format!("版本头 {}\n", self.heads.join(" ")), format!("heads {}\n", self.heads.join(" "))),
        );
        let mut table = Table::new([(lang.pick("键", "key"), Side::Left), (lang.pick("内容", "fields"), Side::Left)]);
        for record in &self.records {
            let fields = record.fields.iter().map(|(name, value)| match value {
                Value::String(value) => format!("{name}={value}"),
                value => format!("{name}={value}"),
            });
            table.row([record.key.clone(), fields.collect::<Vec<_>>().join("  ")]);
        }
        text.push_str(&table.render());
        text
    }
}

impl Show for DocHistory {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("时间", "time"), Side::Left),
            (lang.pick("作者", "author"), Side::Left),
            (lang.pick("所属", "of"), Side::Left),
            (lang.pick("序号", "changes"), Side::Right),
            (lang.pick("大小", "size"), Side::Right),
            (lang.pick("内容", "body"), Side::Left),
            (lang.pick("散列", "hash"), Side::Left),
        ]);
        for segment in &self.segments {
            table.row([
                moment(segment.at),
                segment.actor.clone(),
                segment.org_name.clone(),
                format!("{}–{}", segment.first_seq, segment.last_seq),
                bytes(segment.bytes),
                if segment.open { lang.pick("可读", "open") } else { lang.pick("密封", "sealed") }.to_owned(),
                segment.hash.get(..16).unwrap_or(&segment.hash).to_owned(),
            ]);
        }
        title(lang, &self.doc) + &table.render()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::sample;

    #[test]
    fn statistics_name_their_horizon() {
        let text = sample::stats().show(Lang::Zh);
        assert!(text.contains("截至 2026-11-23 10:00:00；2 个村尚未报全：大东各庄村、前疃村"), "{text}");
        let mut complete = sample::stats();
        complete.horizon.missing.clear();
        assert!(complete.show(Lang::En).contains("every village has reported"));
        complete.horizon.not_joined = sample::stats().horizon.missing;
        let text = complete.show(Lang::Zh);
        assert!(text.contains("各村均已上报；2 个村尚未入网：大东各庄村、前疃村"), "{text}");
    }

    #[test]
    fn a_merchant_is_not_counted_as_a_village() {
        let mut stats = sample::stats();
        stats.horizon.missing[1].org = "110112119M01".parse().unwrap();
        assert!(stats.show(Lang::Zh).contains("1 个村、1 个商户尚未报全"));
        assert!(stats.show(Lang::En).contains("1 village and 1 merchant have not reported in full"));
    }

    #[test]
    fn other_nodes_than_a_township_s_tell_of_themselves_alone() {
        let mut stats = sample::stats();
        stats.horizon.missing.clear();
        stats.horizon.scope = Scope::Merchant;
        stats.villages.clear();
        let text = stats.show(Lang::Zh);
        assert!(text.contains("仅本节点数据") && !text.contains("各村") && !text.contains("储值户"), "{text}");
    }

    #[test]
    fn a_read_only_node_says_so() {
        let mut status = sample::status();
        assert!(status.show(Lang::En).contains("normal"));
        status.hold = Some(Hold::Revoked);
        assert!(status.show(Lang::En).contains("this node was revoked"));
        status.disk.free = 63 << 20;
        let text = status.show(Lang::Zh);
        assert!(text.contains("暂停：磁盘空间不足") && text.contains("剩余不足 64.0 MiB 时停止写入"), "{text}");
        status.read_only = true;
        assert!(status.show(Lang::Zh).contains("只读：磁盘故障"));
    }
}
