//! `award`, `redeem`, `reverse`, `grant`: one command each to the node, and the points left afterwards.

use smol_str::SmolStr;
use xiangyue_protocol::OrgCode;
use xiangyue_protocol::schema::{AccountId, Points};

use super::args;
use super::output::{Output, Show, exit};
use super::{Outcome, Session};
use crate::api::client::Failure;
use crate::api::types::{
    Became, CommandsRequest, CommandsResponse, Mode, NewAward, NewGrant, NewRedemption, NewReversal, WireCommand,
};
use crate::i18n::{Lang, thousands};

pub(super) fn award(session: &Session, args: args::Award) -> Outcome {
    let args::Award { account, rule, points, slip, memo } = args;
    let args::Slip { request, date, by, dry_run } = slip;
    let by = clerk(session, by);
    write(session, WireCommand::Award(NewAward { request, account, rule, points, date, by, memo }), dry_run)
}

pub(super) fn redeem(session: &Session, args: args::Redeem) -> Outcome {
    let args::Redeem { account, item, points, lines, merchant, slip } = args;
    let args::Slip { request, date, by, dry_run } = slip;
    let by = clerk(session, by);
    let new = NewRedemption { request, account, item, points, lines, date, merchant, by };
    write(session, WireCommand::Redeem(new), dry_run)
}

pub(super) fn reverse(session: &Session, args: args::Reverse) -> Outcome {
    let args::Reverse { of, slip, memo } = args;
    let args::Slip { request, date, by, dry_run } = slip;
    let by = clerk(session, by);
    write(session, WireCommand::Reverse(NewReversal { request, of, date, by, memo }), dry_run)
}

pub(super) fn grant(session: &Session, args: args::Grant) -> Outcome {
    let args::Grant { account, points, to, slip } = args;
    let args::Slip { request, date, by, dry_run } = slip;
    let by = clerk(session, by);
    write(session, WireCommand::Grant(NewGrant { request, account, points, to, date, by }), dry_run)
}

/// The clerk for whom something is entered.
pub(super) fn clerk(session: &Session, by: Option<SmolStr>) -> SmolStr {
    by.unwrap_or_else(|| session.by.as_str().into())
}

/// Sends one command. Its refusal is the refusal of the whole.
pub(super) fn write(session: &Session, command: WireCommand, dry_run: bool) -> Outcome {
    let mode = if dry_run { Mode::DryRun } else { Mode::AllOrNothing };
    let request = CommandsRequest { mode, commands: vec![command] };
    let response: CommandsResponse = session.client()?.post("/commands", &request)?;
    done(session.output, &response)
}

fn done(output: Output, response: &CommandsResponse) -> Outcome {
    match response.first_refusal() {
        Some(error) => Err(Failure::refused(error.clone())),
        None => output.answer(response).map(|()| exit::OK),
    }
}

impl Show for CommandsResponse {
    fn show(&self, lang: Lang) -> String {
        let mut text = String::new();
        for result in &self.results {
            let what = match (result.became, self.mode) {
                (Became::New, Mode::DryRun) => {
                    lang.pick("可以记账（仅检查，未写入）", "good (checked only, not written)")
                }
                // No account's points have changed, as by a decline.
                (Became::New, _) if result.account.is_none() => lang.pick("已登记", "recorded"),
                (Became::New, _) => lang.pick("已记账", "written"),
                (Became::Waiting, Mode::DryRun) => lang.pick(
                    "积分超过审批起点，将留待第二人审批（仅检查，未写入）",
                    "above the threshold: would wait for a second person (checked only, not written)",
                ),
                (Became::Waiting, _) => lang.pick(
                    "积分超过审批起点，已留待第二人审批，暂不计分",
                    "above the threshold: kept for a second person to approve, counts nothing yet",
                ),
                (Became::Already, _) => lang.pick("此前已记账，未重复", "had been written before; not counted twice"),
                (Became::Refused, _) => lang.pick("已拒绝", "refused"),
                (Became::Withheld, _) => lang.pick("未写入", "not written"),
            };
            text.push_str(what);
            if let Some(request) = &result.request {
                text.push_str(&lang.pick(format!("：凭证 {request}"), format!(": slip {request}")));
            }
            if let Some(points) = result.points {
                let points = thousands(points.0);
                text.push_str(&lang.pick(format!("，{points} 分"), format!(", {points} points")));
            }
            text.push('\n');
            if let (Some(account), Some(available)) = (&result.account, result.available) {
                text.push_str(&left(lang, account, available, result.grant_to.as_ref()));
                text.push_str(&result.debt.map(|debt| owed(lang, account, debt)).unwrap_or_default());
            }
        }
        text
    }
}

/// What the account can do with its points at this node.
fn left(lang: Lang, account: &AccountId, available: Points, grant_to: Option<&OrgCode>) -> String {
    let (plain, points) = (available.0, thousands(available.0.abs()));
    if available < Points::ZERO {
        return lang.pick(
            format!("账户 {account} 在本节点透支 {points} 分，须由以后的积分补足\n"),
            format!("account {account} is overspent by {points} points at this node; further awards make up for it\n"),
        );
    }
    match grant_to {
        Some(village) => lang.pick(
            format!(
                "本节点持有账户 {account} 的 {points} 分，不能在此兑换；请授予其所在村：\n  \
                 xiangyue grant {account} {plain} --to {village} --request 凭证号\n"
            ),
            format!(
                "this node holds {points} points of account {account}, which cannot be redeemed here; hand them to its \
                 village:\n  xiangyue grant {account} {plain} --to {village} --request NUMBER\n"
            ),
        ),
        None => lang.pick(
            format!("账户 {account} 在本节点可用积分 {points}\n"),
            format!("account {account} can now spend {points} points at this node\n"),
        ),
    }
}

/// What an account owes because an award was taken back after it had been spent.
fn owed(lang: Lang, account: &AccountId, debt: Points) -> String {
    let points = thousands(debt.0);
    lang.pick(
        format!("账户 {account} 欠 {points} 分（冲正的积分已被兑换），由以后的积分抵扣\n"),
        format!("account {account} owes {points} points that were spent before they were taken back; further awards make up for it\n"),
    )
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::{Code, Refusal};

    use super::*;
    use crate::api::types::CommandResult;

    fn response(became: Became, refusal: Option<Refusal>) -> CommandsResponse {
        let result = CommandResult {
            request: "S-1".parse().ok(),
            became,
            refusal: refusal.map(Into::into),
            account: "A1".parse().ok(),
            available: Some(Points(1_205)),
            debt: None,
            points: None,
            grant_to: None,
        };
        CommandsResponse { mode: Mode::AllOrNothing, results: vec![result] }
    }

    #[test]
    fn a_clerk_sees_what_is_left() {
        let text = response(Became::New, None).show(Lang::Zh);
        assert_eq!(text, "已记账：凭证 S-1\n账户 A1 在本节点可用积分 1,205\n");
        assert!(response(Became::Already, None).show(Lang::En).contains("not counted twice"));
        let mut declined = response(Became::New, None);
        (declined.results[0].account, declined.results[0].available) = (None, None);
        assert_eq!(declined.show(Lang::Zh), "已登记：凭证 S-1\n");
    }

    #[test]
    fn points_that_cannot_be_redeemed_here_are_not_said_to_be_and_nothing_is_negative() {
        let mut response = response(Became::New, None);
        response.results[0].grant_to = "110112119201".parse().ok();
        let text = response.show(Lang::En);
        assert!(text.contains("grant A1 1205 --to 110112119201") && !text.contains("can now spend"), "{text}");
        response.results[0].grant_to = None;
        response.results[0].available = Some(Points(-44));
        let text = response.show(Lang::En);
        assert!(text.contains("overspent by 44 points") && !text.contains("-44"), "{text}");
    }

    #[test]
    fn a_clerk_who_takes_back_what_was_spent_sees_the_debt() {
        let mut response = response(Became::New, None);
        response.results[0].debt = Some(Points(5));
        assert!(response.show(Lang::En).contains("account A1 owes 5 points"));
        assert!(response.show(Lang::Zh).contains("账户 A1 欠 5 分"));
    }

    #[test]
    fn a_refused_command_fails_the_program() {
        let response = response(Became::Refused, Some(Refusal::new(Code::BeyondRule, "R01")));
        let failure = done(Output { lang: Lang::En, json: false }, &response).unwrap_err();
        assert_eq!(failure.error().code, "XY-120");
    }
}
