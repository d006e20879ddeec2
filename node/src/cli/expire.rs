//! `expire`: points that nobody may spend any more are taken out, when a person says so.

use clap::Args;
use smol_str::SmolStr;
use xiangyue_protocol::Date;
use xiangyue_protocol::schema::Points;
use xiangyue_protocol::time::parse_date;

use super::output::{Show, exit};
use super::table::{Side, Table};
use super::write::clerk;
use super::{Outcome, Session};
use crate::api::types::{ExpireRequest, Expired};
use crate::i18n::{Lang, count, thousands};

/// `expire`.
#[derive(Debug, Args)]
pub(crate) struct Expire {
    /// The day as of which points expire; not to come
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    as_of: Date,
    /// Show what would expire, write nothing
    #[arg(long)]
    dry_run: bool,
    /// Code of the clerk; XIANGYUE_BY when left out
    #[arg(long, value_name = "CLERK")]
    by: Option<SmolStr>,
}

pub(super) fn expire(session: &Session, args: Expire) -> Outcome {
    let Expire { as_of, dry_run, by } = args;
    let request = ExpireRequest { as_of, dry_run, by: clerk(session, by) };
    let expired: Expired = session.client()?.post("/expire", &request)?;
    session.output.answer(&expired).map(|()| exit::OK)
}

impl Show for Expired {
    fn show(&self, lang: Lang) -> String {
        let as_of = self.as_of;
        let Some(earned_to) = self.earned_to else {
            return lang.pick(
                format!("截至 {as_of} 没有到期的积分有效期（表单 积分有效期），没有积分过期\n"),
                format!("no policy (form validity) has run out by {as_of}; nothing expires\n"),
            );
        };
        let mut table = Table::new([
            (lang.pick("账户", "account"), Side::Left),
            (lang.pick("过期积分", "points expired"), Side::Right),
            (lang.pick("另在其他节点", "further at other nodes"), Side::Right),
        ]);
        for row in &self.rows {
            table.row([row.account.to_string(), thousands(row.points.0), thousands(row.elsewhere.0)]);
        }
        let (accounts, points) = (count(self.accounts), thousands(self.points.0));
        let done = match self.dry_run {
            true => lang.pick("仅检查，未写入", "checked only, not written"),
            false => lang.pick("已写入", "written"),
        };
        let mut text = table.render();
        text.push_str(&lang.pick(
            format!("截至 {as_of}：{earned_to} 及以前获得、{accounts} 个账户的 {points} 分过期（{done}）\n"),
            format!(
                "as of {as_of}: {points} points of {accounts} accounts, earned up to {earned_to}, expire ({done})\n"
            ),
        ));
        if self.elsewhere > Points::ZERO {
            let points = thousands(self.elsewhere.0);
            text.push_str(&lang.pick(
                format!("另有 {points} 分的额度在其他节点：请其先用 grant 交还\n"),
                format!(
                    "the rights over {points} further points lie at other nodes, which give them back first: grant\n"
                ),
            ));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::types::ExpiredRow;

    #[test]
    fn it_says_what_expires_what_lies_elsewhere_and_whether_it_was_written() {
        let row = ExpiredRow { account: "A1".parse().unwrap(), points: Points(1_200), elsewhere: Points(30) };
        let expired = Expired {
            as_of: parse_date("2026-04-01").unwrap(),
            dry_run: true,
            earned_to: parse_date("2025-12-31").ok(),
            accounts: 1,
            points: Points(1_200),
            elsewhere: Points(30),
            rows: vec![row],
        };
        let text = expired.show(Lang::Zh);
        for part in ["A1", "2025-12-31 及以前", "1,200 分过期（仅检查，未写入）", "另有 30 分"] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        let nothing = Expired { earned_to: None, rows: Vec::new(), ..expired };
        assert_eq!(nothing.show(Lang::En), "no policy (form validity) has run out by 2026-04-01; nothing expires\n");
    }
}
