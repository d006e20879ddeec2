//! `POST /commands`: write things, one by one or together.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use xiangyue_protocol::schema::{
    Account, AccountId, Award, Item, ItemCode, Line, Org, Points, Redemption, RequestId, Rule, RuleCode,
};
use xiangyue_protocol::{Command, Date, GrantRequest, OrgCode, Refusal, ReverseRequest, Verdict};

use super::ApiError;

/// What to do when some of the commands or rows are refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Check everything, write nothing.
    DryRun,
    /// Write nothing unless everything is good.
    #[default]
    AllOrNothing,
    /// Write what is good, report the rest.
    SkipBad,
}

impl Mode {
    /// The word in JSON and in queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Mode::DryRun => "dry_run",
            Mode::AllOrNothing => "all_or_nothing",
            Mode::SkipBad => "skip_bad",
        }
    }
}

/// Commands to carry out in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandsRequest {
    /// What to do when some are refused.
    #[serde(default)]
    pub mode: Mode,
    /// The commands, at most 1,000.
    pub commands: Vec<WireCommand>,
}

/// One thing to write, as JSON: `{"do":"award","request":"S-1","account":"A1","rule":"R01","points":5}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum WireCommand {
    /// Name an organisation.
    Org(Org),
    /// Add a version of a rule.
    Rule(Rule),
    /// Add a version of a redemption item.
    Item(Item),
    /// Open an account.
    Account(NewAccount),
    /// Award points.
    Award(NewAward),
    /// Approve an award that waits for a second person.
    Approve(NewApproval),
    /// Decline such an award.
    Decline(NewDecline),
    /// Redeem points.
    Redeem(NewRedemption),
    /// Take back an earlier entry.
    Reverse(NewReversal),
    /// Hand spending rights to another organisation's node.
    Grant(NewGrant),
}

/// An account to open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewAccount {
    /// The village.
    pub village: OrgCode,
    /// The account.
    #[serde(flatten)]
    pub account: Account,
}

/// Points to award.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewAward {
    /// Slip number: the same number never counts twice.
    pub request: RequestId,
    /// Who earned.
    pub account: AccountId,
    /// Under which rule.
    pub rule: RuleCode,
    /// How much.
    pub points: Points,
    /// Day of the deed. When left out, the day under which the slip is known already, else today by the node's
    /// trusted time: so a retry on a later day is still a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Code of the clerk.
    #[serde(default)]
    pub by: SmolStr,
    /// Remark.
    #[serde(default)]
    pub memo: SmolStr,
}

/// A second person's yes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewApproval {
    /// Slip number of the award.
    pub request: RequestId,
    /// Code of the person, who is another than the clerk.
    pub by: SmolStr,
}

/// A person's no.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewDecline {
    /// Slip number of the award.
    pub request: RequestId,
    /// Code of the person.
    pub by: SmolStr,
    /// Why not.
    pub why: SmolStr,
}

/// Points to redeem.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRedemption {
    /// Slip number: the same number never counts twice.
    pub request: RequestId,
    /// Who spends.
    pub account: AccountId,
    /// On what.
    pub item: ItemCode,
    /// How much; what it costs on the day when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// What was had, where the item has a price list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// Day; when left out as for an award.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Where, by code or name; at the village itself when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merchant: Option<SmolStr>,
    /// Code of the clerk.
    #[serde(default)]
    pub by: SmolStr,
}

/// An entry to take back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewReversal {
    /// Slip number of the reversal.
    pub request: RequestId,
    /// Slip number of the entry.
    pub of: RequestId,
    /// Day; when left out as for an award.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Code of the clerk.
    #[serde(default)]
    pub by: SmolStr,
    /// Why.
    #[serde(default)]
    pub memo: SmolStr,
}

/// Spending rights to hand on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewGrant {
    /// Slip number.
    pub request: RequestId,
    /// Whose points.
    pub account: AccountId,
    /// How many.
    pub points: Points,
    /// The organisation whose node may spend them from now on, by code or name.
    pub to: SmolStr,
    /// Day; when left out as for an award.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Date>,
    /// Code of the clerk.
    #[serde(default)]
    pub by: SmolStr,
}

impl WireCommand {
    /// The command as the core takes it: `day` fills in a date that was left out, `org` finds whom a text names.
    ///
    /// # Errors
    /// Those of `org`.
    pub fn into_command(self, day: Date, org: impl Fn(&str) -> Result<OrgCode, Refusal>) -> Result<Command, Refusal> {
        Ok(match self {
            WireCommand::Org(org) => Command::Org(org),
            WireCommand::Rule(rule) => Command::Rule(rule),
            WireCommand::Item(item) => Command::Item(item),
            WireCommand::Account(new) => Command::Account { village: new.village, account: new.account },
            WireCommand::Award(new) => Command::Award(new.into_award(day)),
            WireCommand::Approve(NewApproval { request, by }) => {
                Command::Judge(Verdict { request, by, declined: None })
            }
            WireCommand::Decline(NewDecline { request, by, why }) => {
                Command::Judge(Verdict { request, by, declined: Some(why) })
            }
            WireCommand::Redeem(new) => Command::Redeem(new.into_redemption(day, org)?),
            WireCommand::Reverse(NewReversal { request, of, date, by, memo }) => {
                Command::Reverse(ReverseRequest { request, of, date: date.unwrap_or(day), by, memo })
            }
            WireCommand::Grant(NewGrant { request, account, points, to, date, by }) => {
                let to = org(&to)?;
                Command::Grant(GrantRequest { request, account, points, to, date: date.unwrap_or(day), by })
            }
        })
    }

    /// The slip number, when the command has one.
    pub fn request(&self) -> Option<&RequestId> {
        match self {
            WireCommand::Award(new) => Some(&new.request),
            WireCommand::Approve(new) => Some(&new.request),
            WireCommand::Decline(new) => Some(&new.request),
            WireCommand::Redeem(new) => Some(&new.request),
            WireCommand::Reverse(new) => Some(&new.request),
            WireCommand::Grant(new) => Some(&new.request),
            _ => None,
        }
    }
}

impl NewAward {
    fn into_award(self, day: Date) -> Award {
        let NewAward { request, account, rule, points, date, by, memo } = self;
        Award {
            request,
            account,
            rule,
            points,
            repaid: Points::ZERO,
            date: date.unwrap_or(day),
            by,
            memo,
            approval: None,
        }
    }
}

impl NewRedemption {
    fn into_redemption(self, day: Date, org: impl Fn(&str) -> Result<OrgCode, Refusal>) -> Result<Redemption, Refusal> {
        let NewRedemption { request, account, item, points, lines, date, merchant, by } = self;
        let points = points.unwrap_or_default();
        let merchant = merchant.as_deref().map(org).transpose()?;
        Ok(Redemption { request, account, item, points, date: date.unwrap_or(day), merchant, by, lines })
    }
}

/// What became of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Became {
    /// Written now; on a dry run, would be written.
    New,
    /// Kept until a second person approves it; it counts nothing yet.
    Waiting,
    /// Had been written before; nothing changed.
    Already,
    /// Refused.
    Refused,
    /// Good, but not written because another command of an all-or-nothing request was refused.
    Withheld,
}

/// The answer to one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandResult {
    /// Its slip number, when it has one.
    pub request: Option<RequestId>,
    /// What became of it.
    pub became: Became,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<ApiError>,
    /// What a redemption costs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Points>,
    /// The account it touched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Points of that account whose rights this node holds afterwards, when known; below zero when it has overspent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub available: Option<Points>,
    /// What the account owes: awards taken back after they had been spent; none when nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debt: Option<Points>,
    /// For an award that this node may not redeem, as at a township: the organisation to grant the points to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_to: Option<OrgCode>,
}

/// The answers, in the order of the commands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandsResponse {
    /// The mode that was asked for.
    pub mode: Mode,
    /// One answer per command.
    pub results: Vec<CommandResult>,
}

impl CommandsResponse {
    /// How many commands became `what`.
    pub fn count(&self, what: Became) -> usize {
        self.results.iter().filter(|result| result.became == what).count()
    }

    /// The first refusal, if any.
    pub fn first_refusal(&self) -> Option<&ApiError> {
        self.results.iter().find_map(|result| result.refusal.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::time::parse_date;

    use super::*;

    fn by_code(text: &str) -> Result<OrgCode, Refusal> {
        text.parse()
    }

    #[test]
    fn a_command_reads_as_a_person_would_write_it() {
        let json = r#"{"commands":[
            {"do":"award","request":"S-1","account":"A000001","rule":"R01","points":5},
            {"do":"account","village":"110112119201","account":"A2","holder":"household","cohort":"villager",
             "opened":"2021-01-26"}]}"#;
        let request: CommandsRequest = serde_json::from_str(json).unwrap();
        assert_eq!(request.mode, Mode::AllOrNothing);
        let today = parse_date("2026-11-23").unwrap();
        let Command::Award(award) = request.commands[0].clone().into_command(today, by_code).unwrap() else {
            panic!("award")
        };
        assert_eq!((award.points, award.date), (Points(5), today));
        assert!(matches!(&request.commands[1], WireCommand::Account(new) if new.account.account.as_str() == "A2"));
    }

    #[test]
    fn a_misspelt_field_is_refused() {
        let json = r#"{"commands":[{"do":"award","request":"S","account":"A","rule":"R","points":5,"datum":"x"}]}"#;
        let error = serde_json::from_str::<CommandsRequest>(json).unwrap_err().to_string();
        assert!(error.contains("datum"), "{error}");
        // A line for two must not be taken for one.
        let json = r#"{"commands":[{"do":"redeem","request":"S","account":"A","item":"I",
            "lines":[{"option":"long","age":60,"person":2}]}]}"#;
        let error = serde_json::from_str::<CommandsRequest>(json).unwrap_err().to_string();
        assert!(error.contains("person"), "{error}");
    }

    #[test]
    fn commands_survive_the_wire() {
        let award = NewAward {
            request: "S-1".parse().unwrap(),
            account: "A1".parse().unwrap(),
            rule: "R01".parse().unwrap(),
            points: Points(3),
            date: None,
            by: "W1".into(),
            memo: "".into(),
        };
        let request = CommandsRequest { mode: Mode::DryRun, commands: vec![WireCommand::Award(award)] };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<CommandsRequest>(&json).unwrap(), request);
    }
}
