//! `ledger` and `counter`: what happened to points (article L3, L7, L9). Key: the request id.
//!
//! Entries are immutable. A reversal is an entry of its own; so is a grant of spending rights to another node.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::line::{Line, lines_text, parse_lines};
use super::{AccountId, ItemCode, Points, RequestId, RuleCode};
use crate::id::NodeId;
use crate::org::OrgCode;
use crate::record::Record;
use crate::time::{Date, parse_date};

/// Longest name of a person who entered something, in bytes.
pub const BY_BYTES: usize = 64;
/// Longest remark, in bytes.
pub const MEMO_BYTES: usize = 400;

/// Points earned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Award {
    /// Slip number.
    pub request: RequestId,
    /// Who earned.
    pub account: AccountId,
    /// Under which rule.
    pub rule: RuleCode,
    /// How much.
    pub points: Points,
    /// The part that settles an earlier debt and so gives no right to spend. Set by the node, not the clerk.
    pub repaid: Points,
    /// Day of the deed.
    pub date: Date,
    /// Code of the clerk.
    pub by: SmolStr,
    /// Remark.
    pub memo: SmolStr,
    /// Who approved it, where that was needed or said.
    pub approval: Option<Approval>,
}

/// A second person's yes to an award.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Code of the person, who is another than the clerk.
    pub by: SmolStr,
    /// The node that had kept the award as a claim, and so holds the rights, whoever writes the approval; none when it
    /// was approved before it was entered.
    pub claimant: Option<NodeId>,
}

/// Points spent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redemption {
    /// Slip number.
    pub request: RequestId,
    /// Who spent.
    pub account: AccountId,
    /// On what.
    pub item: ItemCode,
    /// How much.
    pub points: Points,
    /// Day of the redemption.
    pub date: Date,
    /// Where; none at the village itself.
    pub merchant: Option<OrgCode>,
    /// Code of the clerk.
    pub by: SmolStr,
    /// What was had for it, by the item's price list; none where it has none.
    pub lines: Vec<Line>,
}

/// An award or redemption taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reversal {
    /// Slip number of the reversal.
    pub request: RequestId,
    /// Slip number of what is reversed, in the same document and by the same node.
    pub of: RequestId,
    /// Whose entry it was.
    pub account: AccountId,
    /// What sort of entry is taken back.
    pub takes: Taken,
    /// How much: all of the reversed entry.
    pub points: Points,
    /// The part of a reversed award that had been spent: a debt against future awards. Set by the node.
    pub debt: Points,
    /// Day of the reversal.
    pub date: Date,
    /// Code of the clerk.
    pub by: SmolStr,
    /// Why.
    pub memo: SmolStr,
}

/// What a reversal takes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taken {
    /// An award: points go.
    Award,
    /// A redemption: points return.
    Redemption,
    /// Points that had expired: they return.
    Expiry,
}

impl Taken {
    fn as_str(self) -> &'static str {
        match self {
            Taken::Award => "award",
            Taken::Redemption => "redemption",
            Taken::Expiry => "expiry",
        }
    }

    fn parse(text: &str) -> Option<Taken> {
        [Taken::Award, Taken::Redemption, Taken::Expiry].into_iter().find(|taken| taken.as_str() == text)
    }
}

/// Points that nobody may spend any more, taken from the rights of the node that writes it (article L3). A person has
/// asked for it; no clock does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expiry {
    /// Its number, which the node makes.
    pub request: RequestId,
    /// Whose points.
    pub account: AccountId,
    /// How many.
    pub points: Points,
    /// The last day on which they may have been earned.
    pub earned_to: Date,
    /// As of which day.
    pub date: Date,
    /// Code of the clerk.
    pub by: SmolStr,
}

/// Spending rights over an account's points handed from the writing node to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Slip number.
    pub request: RequestId,
    /// Whose points.
    pub account: AccountId,
    /// How many.
    pub points: Points,
    /// The node that may spend them from now on.
    pub to: NodeId,
    /// Day of the grant.
    pub date: Date,
    /// Code of the clerk; [`AUTO`] when the node wrote it on its own.
    pub by: SmolStr,
    /// What made the node write it on its own; none when a clerk did.
    pub auto: Option<Auto>,
}

/// Who stands as the clerk of what a node writes on its own.
pub const AUTO: &str = "auto";

/// Why a node granted rights without a clerk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Auto {
    /// The holder had fewer than it is kept holding; the node's so-many-th such grant of this account to it.
    TopUp(u64),
    /// The holder had asked; the number of its [`Ask`].
    Answer(u64),
}

impl Auto {
    fn name_and_number(self) -> (&'static str, u64) {
        match self {
            Auto::TopUp(number) => ("top-up", number),
            Auto::Answer(number) => ("answer", number),
        }
    }

    fn from_record(record: &Record) -> Option<Auto> {
        let number = u64::try_from(record.get_int("number")?).ok()?;
        match record.get_text("auto")?.as_str() {
            "top-up" => Some(Auto::TopUp(number)),
            "answer" => Some(Auto::Answer(number)),
            _ => None,
        }
    }
}

/// A merchant's node asks for rights over an account, because it had to refuse a redemption. It moves no points, and
/// stands in the merchant's own counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ask {
    /// The node's so-many-th of this account, from 1; a later one takes the place of those before.
    pub number: u64,
    /// Whose points.
    pub account: AccountId,
    /// How many were lacking.
    pub points: Points,
    /// Day of the refusal.
    pub date: Date,
}

impl Ask {
    /// As a record of `merchant`, which is a short name of the asking node.
    pub fn to_record(&self, merchant: &str) -> Record {
        Record::new(format!("ask-{merchant}-{}-{}", self.account, self.number), "ask")
            .text("account", self.account.clone())
            .int("points", self.points.0)
            .text("date", self.date.to_string())
            .int("number", i64::try_from(self.number).unwrap_or(i64::MAX))
            .text("by", AUTO)
    }

    /// From a record; none if it is not a whole ask.
    pub fn from_record(record: &Record) -> Option<Ask> {
        let points = Points(record.get_int("points")?);
        let number = u64::try_from(record.get_int("number")?).ok()?;
        let account = record.get_text("account")?.parse().ok()?;
        let date = parse_date(record.get_text("date")?).ok()?;
        (record.kind() == "ask" && points.is_entry() && number > 0).then_some(Ask { number, account, points, date })
    }

    /// Of two with one number, which a node may have written in two lives, the larger counts.
    pub(crate) fn rank(&self) -> (u64, Points, Date) {
        (self.number, self.points, self.date)
    }
}

/// One record of a ledger or a counter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Entry {
    /// Points earned.
    Award(Award),
    /// Points spent.
    Redemption(Redemption),
    /// Taken back.
    Reversal(Reversal),
    /// Rights handed on.
    Grant(Grant),
    /// Expired.
    Expiry(Expiry),
}

impl Entry {
    /// Its slip number.
    pub fn request(&self) -> &RequestId {
        match self {
            Entry::Award(e) => &e.request,
            Entry::Redemption(e) => &e.request,
            Entry::Reversal(e) => &e.request,
            Entry::Grant(e) => &e.request,
            Entry::Expiry(e) => &e.request,
        }
    }

    /// Whose points.
    pub fn account(&self) -> &AccountId {
        match self {
            Entry::Award(e) => &e.account,
            Entry::Redemption(e) => &e.account,
            Entry::Reversal(e) => &e.account,
            Entry::Grant(e) => &e.account,
            Entry::Expiry(e) => &e.account,
        }
    }

    /// How many points.
    pub fn points(&self) -> Points {
        match self {
            Entry::Award(e) => e.points,
            Entry::Redemption(e) => e.points,
            Entry::Reversal(e) => e.points,
            Entry::Grant(e) => e.points,
            Entry::Expiry(e) => e.points,
        }
    }

    /// Its day.
    pub fn date(&self) -> Date {
        match self {
            Entry::Award(e) => e.date,
            Entry::Redemption(e) => e.date,
            Entry::Reversal(e) => e.date,
            Entry::Grant(e) => e.date,
            Entry::Expiry(e) => e.date,
        }
    }

    /// The node whose entry it counts as, when `author` has written it: an approved claim is its claimant's, so that two
    /// approvals of it, written apart, are one award.
    pub fn owner(&self, author: NodeId) -> NodeId {
        match self {
            Entry::Award(Award { approval: Some(Approval { claimant: Some(claimant), .. }), .. }) => *claimant,
            _ => author,
        }
    }

    /// As a record.
    pub fn to_record(&self) -> Record {
        let head = |kind| {
            Record::new(self.request().clone(), kind)
                .text("account", self.account().clone())
                .int("points", self.points().0)
                .text("date", self.date().to_string())
        };
        match self {
            Entry::Award(e) => {
                let claimant = e.approval.as_ref().and_then(|approval| approval.claimant);
                // A kind of its own: who does not know approvals must not take it for the writing node's award.
                let record = head(if claimant.is_some() { "approval" } else { "award" });
                let record = record.text("rule", e.rule.clone()).text("by", e.by.clone()).text("memo", e.memo.clone());
                let record = match &e.approval {
                    Some(approval) => record.text("approved_by", approval.by.clone()),
                    None => record,
                };
                let record = match claimant {
                    Some(node) => record.text("claimant", node.to_string()),
                    None => record,
                };
                if e.repaid > Points::ZERO { record.int("repaid", e.repaid.0) } else { record }
            }
            Entry::Redemption(e) => head("redemption")
                .text("item", e.item.clone())
                .text("merchant", e.merchant.as_ref().map(OrgCode::as_str).unwrap_or_default())
                .text("by", e.by.clone())
                .text("lines", lines_text(&e.lines)),
            Entry::Reversal(e) => {
                let record = head("reversal")
                    .text("of", e.of.clone())
                    .text("what", e.takes.as_str())
                    .text("by", e.by.clone())
                    .text("memo", e.memo.clone());
                if e.debt > Points::ZERO { record.int("debt", e.debt.0) } else { record }
            }
            Entry::Expiry(e) => head("expiry").text("earned_to", e.earned_to.to_string()).text("by", e.by.clone()),
            Entry::Grant(e) => {
                let record = head("grant").text("to", e.to.to_string()).text("by", e.by.clone());
                match e.auto.map(Auto::name_and_number) {
                    Some((name, number)) => record.text("auto", name).int("number", i64::try_from(number).unwrap_or(0)),
                    None => record,
                }
            }
        }
    }

    /// From a record; none if it is not a whole entry of a kind that this version knows.
    pub fn from_record(record: &Record) -> Option<Entry> {
        let request = record.key.parse().ok()?;
        let account = record.get_text("account")?.parse().ok()?;
        let points = Points(record.get_int("points")?);
        if !points.is_entry() {
            return None;
        }
        let part = |name| {
            let part = Points(record.get_int(name).unwrap_or(0));
            (part >= Points::ZERO && part <= points).then_some(part)
        };
        let date = parse_date(record.get_text("date")?).ok()?;
        let by = record.get_text("by").cloned().unwrap_or_default();
        let memo = record.get_text("memo").cloned().unwrap_or_default();
        Some(match record.kind() {
            kind @ ("award" | "approval") => {
                let rule = record.get_text("rule")?.parse().ok()?;
                let claimant = match kind {
                    "approval" => Some(record.get_text("claimant")?.parse().ok()?),
                    _ => None,
                };
                let approved_by = record.get_text("approved_by").cloned();
                let approval = match (approved_by, claimant) {
                    (None, Some(_)) => return None,
                    (by, claimant) => by.map(|by| Approval { by, claimant }),
                };
                Entry::Award(Award {
                    request,
                    account,
                    rule,
                    points,
                    repaid: part("repaid")?,
                    date,
                    by,
                    memo,
                    approval,
                })
            }
            "redemption" => {
                let item = record.get_text("item")?.parse().ok()?;
                let merchant = match record.get_text("merchant") {
                    Some(code) => Some(code.parse().ok()?),
                    None => None,
                };
                let lines = record.get_text("lines").map_or(Ok(Vec::new()), |text| parse_lines(text)).ok()?;
                Entry::Redemption(Redemption { request, account, item, points, date, merchant, by, lines })
            }
            "reversal" => {
                let of = record.get_text("of")?.parse().ok()?;
                let takes = Taken::parse(record.get_text("what")?)?;
                let debt = part("debt")?;
                Entry::Reversal(Reversal { request, of, account, takes, points, debt, date, by, memo })
            }
            "expiry" => {
                let earned_to = parse_date(record.get_text("earned_to")?).ok()?;
                Entry::Expiry(Expiry { request, account, points, earned_to, date, by })
            }
            "grant" => {
                let to = record.get_text("to")?.parse().ok()?;
                Entry::Grant(Grant { request, account, points, to, date, by, auto: Auto::from_record(record) })
            }
            _ => return None,
        })
    }
}
