//! `balance` and `statement`.

use xiangyue_protocol::Level;
use xiangyue_protocol::schema::Points;

use super::args;
use super::output::{Show, exit};
use super::table::{Side, Table};
use super::{Outcome, Session};
use crate::api::types::{Balance, LineKind, Statement, StatementLine, StatementQuery};
use crate::i18n::{Lang, moment, thousands};

pub(super) fn balance(session: &Session, args: &args::Balance) -> Outcome {
    let balance: Balance = session.client()?.get(&format!("/balance/{}", segment(args.account.as_str())), &[])?;
    session.output.answer(&balance).map(|()| exit::OK)
}

pub(super) fn statement(session: &Session, args: &args::Statement) -> Outcome {
    if let Err(refusal) = (StatementQuery { from: args.from, to: args.to }).check() {
        session.output.refusal(&refusal.into());
        return Ok(exit::USAGE);
    }
    let mut query = Vec::new();
    query.extend(args.from.map(|date| ("from", date.to_string())));
    query.extend(args.to.map(|date| ("to", date.to_string())));
    let path = format!("/statement/{}", segment(args.account.as_str()));
    let statement: Statement = session.client()?.get(&path, &query)?;
    session.output.answer(&statement).map(|()| exit::OK)
}

/// An account number as one segment of a path: anything but letters and digits is escaped.
fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}

impl Show for Balance {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([(lang.pick("账户", "account"), Side::Left), (self.account.as_str(), Side::Right)]);
        // A merchant's node has no register that would tell.
        let village = match self.village.level() {
            Level::Merchant => lang.pick("本节点不掌握", "not known here").to_owned(),
            _ => format!("{} {}", self.village_name, self.village),
        };
        table.row([lang.pick("所属村", "village").into(), village]);
        let holder = self.holder.map_or("", |holder| lang.pick(holder.zh(), holder.as_str()));
        let cohort = self.cohort.map_or("", |cohort| lang.pick(cohort.zh(), cohort.as_str()));
        table.row([lang.pick("户别、人群", "holder, segment").into(), format!("{holder} {cohort}")]);
        let mut points = |zh: &str, en: &str, value: i64| table.row([lang.pick(zh, en).into(), thousands(value)]);
        points("可用积分", "available", self.available.0);
        points("　其中本节点可用", "  of it at this node", self.held_here.0);
        let standing = self.held_elsewhere.iter().filter(|held| !held.revoked);
        let named: Vec<&str> = standing.map(|held| held.name.as_str()).collect();
        for held in &self.held_elsewhere {
            let node = held.node.get(..8).unwrap_or(&held.node);
            if held.revoked {
                points(
                    &format!("　滞留在 {} 已吊销节点 {node}", held.name),
                    &format!("  stranded at {}, revoked node {node}", held.name),
                    held.points.0,
                );
            } else if named.iter().filter(|name| **name == held.name).count() > 1 {
                points(
                    &format!("　其中 {} 节点 {node} 可用", held.name),
                    &format!("  of it at {}, node {node}", held.name),
                    held.points.0,
                );
            } else {
                points(&format!("　其中 {} 可用", held.name), &format!("  of it at {}", held.name), held.points.0);
            }
        }
        points("累计获得", "earned", self.earned.0);
        points("累计兑换（含已退还）", "redeemed, returned ones included", self.redeemed.0);
        points("　其中冲正退还", "  of it returned", self.returned.0);
        points("冲正扣回", "awards reversed", self.reversed.0);
        if self.expired > Points::ZERO {
            points("过期", "expired", self.expired.0);
        }
        if self.awaiting > Points::ZERO {
            points("待审批（未计入）", "awaiting approval, counted nowhere", self.awaiting.0);
        }
        points("欠分", "debt against future awards", self.debt.0);
        let at = moment(self.as_of);
        let mut text = format!("{}{}\n", table.render(), lang.pick(format!("截至 {at}"), format!("as of {at}")));
        if !self.also_used_in.is_empty() {
            let villages = self.also_used_in.join(lang.pick("、", ", "));
            text.push_str(&lang.pick(
                format!("注意：{villages}也在使用该账号，以上为各村合计\n"),
                format!("attention: {villages} uses this number too; these are the figures of all together\n"),
            ));
        }
        text
    }
}

impl Show for Statement {
    fn show(&self, lang: Lang) -> String {
        let mut table = Table::new([
            (lang.pick("日期", "date"), Side::Left),
            (lang.pick("类别", "kind"), Side::Left),
            (lang.pick("凭证号", "slip"), Side::Left),
            (lang.pick("规则/兑换项", "rule/item"), Side::Left),
            (lang.pick("积分", "points"), Side::Right),
            (lang.pick("余额", "balance"), Side::Right),
            (lang.pick("记账节点", "written at"), Side::Left),
            (lang.pick("备注", "remark"), Side::Left),
        ]);
        for line in &self.lines {
            table.row([
                line.date.to_string(),
                kind(lang, line.kind).to_owned(),
                line.request.to_string(),
                line.about.to_string(),
                signed(line),
                thousands(line.balance.0),
                line.org_name.clone(),
                remark(lang, line, self.closing),
            ]);
        }
        let note = if self.partial {
            lang.pick("仅含授予本节点和在本节点兑换的积分\n", "only what was granted to this node and spent here\n")
        } else {
            ""
        };
        let (opening, closing) = (thousands(self.opening.0), thousands(self.closing.0));
        let at = moment(self.as_of);
        let account = &self.account;
        lang.pick(
            format!("账户 {account}，期初 {opening}\n{}期末 {closing}，截至 {at}\n{note}", table.render()),
            format!("account {account}, opening {opening}\n{}closing {closing}, as of {at}\n{note}", table.render()),
        )
    }
}

fn kind(lang: Lang, kind: LineKind) -> &'static str {
    match kind {
        LineKind::Award => lang.pick("积分", "award"),
        LineKind::Redemption => lang.pick("兑换", "redemption"),
        LineKind::AwardReversed => lang.pick("冲正积分", "award reversed"),
        LineKind::RedemptionReversed => lang.pick("冲正兑换", "redemption reversed"),
        LineKind::Grant => lang.pick("授予额度", "grant"),
        LineKind::Expiry => lang.pick("过期", "expired"),
        LineKind::ExpiryReversed => lang.pick("冲正过期", "expiry reversed"),
    }
}

/// Points with their sign; a grant moves rights and leaves the balance, so it stands in brackets.
fn signed(line: &StatementLine) -> String {
    match line.kind {
        LineKind::Grant => format!("({})", thousands(line.points.0)),
        _ if line.points.0 > 0 => format!("+{}", thousands(line.points.0)),
        _ => thousands(line.points.0),
    }
}

fn remark(lang: Lang, line: &StatementLine, closing: Points) -> String {
    let twice = |other| lang.pick(format!("可能与 {other} 重复"), format!("possible duplicate of {other}"));
    // Nobody spends what is not there; but an entry may be dated before those whose points it spends.
    let early = line.balance < Points::ZERO && closing >= Points::ZERO;
    let early = early.then(|| lang.pick("日期早于所用积分的日期", "dated before the points that it spends").to_owned());
    let approved = line.approved_by.as_ref().map(|by| lang.pick(format!("审批：{by}"), format!("approved by {by}")));
    let warnings = line.possible_duplicate_of.as_ref().map(twice).into_iter().chain(early);
    let notes = approved.into_iter().chain(warnings);
    let remark = notes.fold(line.memo.to_string(), |remark, note| format!("{remark} [{note}]"));
    remark.trim_start().to_owned()
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::Millis;
    use xiangyue_protocol::schema::{Cohort, HolderKind};
    use xiangyue_protocol::time::parse_date;

    use super::*;
    use crate::api::types::Held;

    #[test]
    fn a_balance_says_where_points_can_be_spent() {
        let held = Held {
            node: "00".into(),
            org: "110112119M01".parse().unwrap(),
            name: "爱心驿站".into(),
            points: Points(100),
            revoked: false,
        };
        let lost = Held { node: "1e6271bcbcde".into(), points: Points(7), revoked: true, ..held.clone() };
        let balance = Balance {
            account: "A1".parse().unwrap(),
            village: "110112119201".parse().unwrap(),
            village_name: "谢楼村".into(),
            also_used_in: Vec::new(),
            holder: Some(HolderKind::Household),
            cohort: Some(Cohort::Villager),
            available: Points(1_205),
            held_here: Points(1_105),
            held_elsewhere: vec![held, lost],
            stranded: Points(7),
            earned: Points(1_300),
            redeemed: Points(95),
            reversed: Points::ZERO,
            expired: Points::ZERO,
            awaiting: Points::ZERO,
            returned: Points::ZERO,
            debt: Points::ZERO,
            as_of: Millis(1_611_590_400_000),
        };
        let text = balance.show(Lang::Zh);
        assert!(text.contains("其中 爱心驿站 可用") && text.contains("1,105"), "{text}");
        assert!(text.ends_with("截至 2021-01-26 00:00:00\n"), "{text}");
        let text = balance.show(Lang::En);
        assert!(
            text.contains("of it at 爱心驿站") && text.contains("stranded at 爱心驿站, revoked node 1e6271bc"),
            "{text}"
        );
        let at_merchant =
            Balance { village: "110112119M01".parse().unwrap(), village_name: "爱心驿站".into(), ..balance };
        assert!(at_merchant.show(Lang::Zh).contains("本节点不掌握"), "a merchant is not a village");
    }

    #[test]
    fn a_possible_duplicate_is_shown() {
        let line = StatementLine {
            date: parse_date("2026-11-23").unwrap(),
            kind: LineKind::Award,
            request: "S-2".parse().unwrap(),
            points: Points(5),
            about: "R01".into(),
            org: "110112119201".parse().unwrap(),
            org_name: "谢楼村".into(),
            memo: "".into(),
            approved_by: Some("W08".into()),
            balance: Points(10),
            possible_duplicate_of: "S-1".parse().ok(),
        };
        assert_eq!(remark(Lang::Zh, &line, Points(10)), "[审批：W08] [可能与 S-1 重复]");
        let early = StatementLine {
            balance: Points(-1),
            possible_duplicate_of: None,
            approved_by: None,
            memo: "补".into(),
            ..line.clone()
        };
        assert_eq!(remark(Lang::Zh, &early, Points(10)), "补 [日期早于所用积分的日期]");
        assert_eq!(signed(&line), "+5");
    }

    #[test]
    fn an_account_number_cannot_leave_its_place_in_the_path() {
        assert_eq!(segment("A-1?x#%甲"), "A-1%3Fx%23%25%E7%94%B2");
        assert_eq!(segment(".."), "%2E%2E");
    }
}
