//! `approvals`, `approve`, `decline`: awards that wait for a second person.

use clap::Args;
use smol_str::SmolStr;
use xiangyue_protocol::schema::RequestId;

use super::output::{Show, exit};
use super::table::{Side, Table};
use super::write::{clerk, write};
use super::{Outcome, Session};
use crate::api::types::{Approvals, Declined, NewApproval, NewDecline, WireCommand};
use crate::i18n::{Lang, count, thousands};

/// `approvals`.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Those that were declined and why, instead of those that wait
    #[arg(long)]
    declined: bool,
}

/// `approve`.
#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// Slip number of the award
    request: RequestId,
    /// Code of the person who approves, another than the clerk; XIANGYUE_BY when left out
    #[arg(long, value_name = "PERSON")]
    by: Option<SmolStr>,
    /// Check only, write nothing
    #[arg(long)]
    dry_run: bool,
}

/// `decline`.
#[derive(Debug, Args)]
pub(crate) struct Decline {
    /// Slip number of the award
    request: RequestId,
    /// Why not
    #[arg(long, value_name = "TEXT")]
    why: SmolStr,
    /// Code of the person who declines; XIANGYUE_BY when left out
    #[arg(long, value_name = "PERSON")]
    by: Option<SmolStr>,
    /// Check only, write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn approvals(session: &Session, args: &List) -> Outcome {
    let approvals: Approvals = session.client()?.get("/approvals", &[("declined", args.declined.to_string())])?;
    session.output.answer(&approvals).map(|()| exit::OK)
}

pub(super) fn approve(session: &Session, args: Approve) -> Outcome {
    let Approve { request, by, dry_run } = args;
    write(session, WireCommand::Approve(NewApproval { request, by: clerk(session, by) }), dry_run)
}

pub(super) fn decline(session: &Session, args: Decline) -> Outcome {
    let Decline { request, why, by, dry_run } = args;
    write(session, WireCommand::Decline(NewDecline { request, by: clerk(session, by), why }), dry_run)
}

impl Show for Approvals {
    fn show(&self, lang: Lang) -> String {
        if self.waiting.is_empty() {
            return lang.pick("没有这样的加分\n", "there are no such awards\n").to_owned();
        }
        let mut table = Table::new([
            (lang.pick("日期", "date"), Side::Left),
            (lang.pick("凭证号", "slip"), Side::Left),
            (lang.pick("村", "village"), Side::Left),
            (lang.pick("账户", "account"), Side::Left),
            (lang.pick("规则", "rule"), Side::Left),
            (lang.pick("积分", "points"), Side::Right),
            (lang.pick("经办人", "clerk"), Side::Left),
            (lang.pick("备注", "remark"), Side::Left),
        ]);
        for award in &self.waiting {
            let twice = lang.pick("[凭证号另有一笔]", "[its number stands for another too]");
            let warning = if award.possible_duplicate { twice.to_owned() } else { String::new() };
            let warning = award.declined.as_ref().map_or(warning, |no| {
                let Declined { date, by, why } = no;
                lang.pick(format!("[{date} {by} 不予通过：{why}]"), format!("[declined {date} by {by}: {why}]"))
            });
            table.row([
                award.date.to_string(),
                award.request.to_string(),
                award.org_name.clone(),
                award.account.to_string(),
                award.rule.to_string(),
                thousands(award.points.0),
                award.by.to_string(),
                format!("{} {warning}", award.memo).trim().to_owned(),
            ]);
        }
        let (total, points) = (count(self.total), thousands(self.points.0));
        let sums = match self.waiting.iter().any(|award| award.declined.is_some()) {
            true => lang.pick(
                format!("审批不通过 {total} 笔，共 {points} 分，不计入积分\n"),
                format!("{total} declined, {points} points in all, which count nothing\n"),
            ),
            false => lang.pick(
                format!("待审批 {total} 笔，共 {points} 分；审批前不计入积分\n"),
                format!("{total} wait, {points} points in all; until approved they count nothing\n"),
            ),
        };
        format!("{}{sums}", table.render())
    }
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::schema::Points;
    use xiangyue_protocol::time::parse_date;

    use super::*;
    use crate::api::types::Waiting;

    #[test]
    fn who_approves_sees_what_was_entered_by_whom_and_that_it_counts_nothing_yet() {
        let award = Waiting {
            request: "X-1".parse().unwrap(),
            date: parse_date("2026-11-02").unwrap(),
            org: "110112119201".parse().unwrap(),
            org_name: "谢楼村".into(),
            account: "A000001".parse().unwrap(),
            rule: "HERO".parse().unwrap(),
            points: Points(1_500),
            by: "W07".into(),
            memo: "见义勇为".into(),
            possible_duplicate: true,
            declined: None,
        };
        let text = Approvals { total: 1, points: Points(1_500), waiting: vec![award.clone()] }.show(Lang::Zh);
        for part in ["X-1", "1,500", "W07", "见义勇为 [凭证号另有一笔]", "审批前不计入积分"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let no = Declined { date: award.date, by: "W08".into(), why: "无证明材料".into() };
        let award = Waiting { declined: Some(no), ..award };
        let text = Approvals { total: 1, points: Points(1_500), waiting: vec![award] }.show(Lang::Zh);
        assert!(text.contains("[2026-11-02 W08 不予通过：无证明材料]") && text.contains("审批不通过 1 笔"), "{text}");
        let none = Approvals { total: 0, points: Points::ZERO, waiting: Vec::new() };
        assert_eq!(none.show(Lang::En), "there are no such awards\n");
    }
}
