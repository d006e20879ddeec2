//! Rows: what each sort's columns mean. One function per sort, from fields to a command.

use std::borrow::Cow;
use std::str::FromStr;

use smol_str::SmolStr;
use xiangyue_protocol::schema::line::parse_lines;
use xiangyue_protocol::schema::{
    Account, AccountId, Approval, Award, Cohort, HolderKind, Item, Line, Points, Redemption, RequestId, Rule, ledger,
};
use xiangyue_protocol::{Code, Command, Date, Refusal};

use super::Sort;
use super::columns::Column;
use super::judge::{Context, Fields};
use super::value;
use crate::border::{self, Border};

/// The word in a rule file's segment column that makes its row a redemption item.
pub(super) const ITEM_SEGMENT: [&str; 2] = ["redeem", "兑换"];

/// The command that a row stands for; none when a problem was noted.
pub(super) fn command(fields: &mut Fields<'_>) -> Option<Command> {
    match fields.sort() {
        Sort::Accounts => account(fields),
        Sort::Entries => entry(fields),
        Sort::Redemptions => redemption(fields),
        Sort::Rules if ITEM_SEGMENT.contains(&&*value::half_width(fields.text(Column::Segment))) => item(fields),
        Sort::Rules => rule(fields),
        Sort::Form(form) => super::forms::put(fields, form),
    }
}

fn account(fields: &mut Fields<'_>) -> Option<Command> {
    let context = fields.context;
    let account = fields.need(Column::Account, |text| account_id(text, context));
    let holder = fields.need(Column::HolderKind, |text| choice(text, HolderKind::ALL, HolderKind::zh));
    let cohort = fields.need(Column::Segment, |text| choice(text, Cohort::ALL, Cohort::zh));
    let village = fields.need(Column::Village, |text| context.names.village(text));
    let opened = past(fields, Column::Opened);
    let (account, holder, cohort, opened) = (account?, holder?, cohort?, opened?);
    Some(Command::Account { village: village?, account: Account { account, holder, cohort, opened } })
}

fn entry(fields: &mut Fields<'_>) -> Option<Command> {
    let context = fields.context;
    let request = fields.need(Column::RequestId, slip);
    let date = past(fields, Column::Date);
    let account = fields.need(Column::Account, |text| account_id(text, context));
    let rule = fields.need(Column::Rule, code);
    let points = fields.need(Column::Points, entry_points);
    let by = fields.may(Column::By, |text| words(text, ledger::BY_BYTES));
    let memo = fields.may(Column::Memo, |text| words(text, ledger::MEMO_BYTES));
    let approved_by = fields.may(Column::ApprovedBy, |text| words(text, ledger::BY_BYTES));
    let approval = approved_by?.map(|by| Approval { by, claimant: None });
    Some(Command::Award(Award {
        request: request?,
        account: account?,
        rule: rule?,
        points: points?,
        repaid: Points::ZERO,
        date: date?,
        by: by?.unwrap_or_default(),
        memo: memo?.unwrap_or_default(),
        approval,
    }))
}

fn redemption(fields: &mut Fields<'_>) -> Option<Command> {
    let context = fields.context;
    let request = fields.need(Column::RequestId, slip);
    let date = past(fields, Column::Date);
    let account = fields.need(Column::Account, |text| account_id(text, context));
    let item = fields.need(Column::Item, code);
    // What has a price may leave its points to the node.
    let points = fields.may(Column::Points, entry_points);
    let lines = fields.may(Column::Lines, lines);
    let merchant = fields.may(Column::Merchant, |text| context.names.merchant(text));
    Some(Command::Redeem(Redemption {
        request: request?,
        account: account?,
        item: item?,
        points: points?.unwrap_or_default(),
        date: date?,
        merchant: merchant?,
        by: SmolStr::default(),
        lines: lines?.unwrap_or_default(),
    }))
}

fn rule(fields: &mut Fields<'_>) -> Option<Command> {
    let code = fields.need(Column::Rule, code);
    let cohort = fields.need(Column::Segment, |text| choice(text, Cohort::ALL, Cohort::zh));
    let points = fields.need(Column::Points, entry_points);
    let daily_cap = fields.may(Column::DailyCap, entry_points);
    let approve_above = fields.may(Column::ApproveAbove, points_or_none);
    // A rule may be announced before the day from which it counts.
    let effective_from = day(fields, Column::EffectiveFrom);
    Some(Command::Rule(Rule {
        code: code?,
        cohort: cohort?,
        points: points?,
        daily_cap: daily_cap?,
        approve_above: approve_above?,
        effective_from: effective_from?,
    }))
}

fn item(fields: &mut Fields<'_>) -> Option<Command> {
    let code = fields.need(Column::Rule, code);
    let price = fields.may(Column::Points, points_or_none);
    let capped = fields.may(Column::DailyCap, |text| -> Result<(), Refusal> {
        Err(value::refuse_with(Code::BadValue, text, "items have no cap / 兑换项没有单日上限"))
    });
    let approved = fields.may(Column::ApproveAbove, |text| -> Result<(), Refusal> {
        Err(value::refuse_with(Code::BadValue, text, "redeeming wants no approval / 兑换无需审批"))
    });
    let effective_from = day(fields, Column::EffectiveFrom);
    approved?;
    capped?;
    Some(Command::Item(Item { code: code?, price: price?.unwrap_or(Points::ZERO), effective_from: effective_from? }))
}

/// A date that must be there.
fn day(fields: &mut Fields<'_>, column: Column) -> Option<Date> {
    let epoch_1904 = fields.epoch_1904();
    fields.need(column, |text| value::date(text, epoch_1904))
}

/// A date that must be there and not lie after the day of the import.
fn past(fields: &mut Fields<'_>, column: Column) -> Option<Date> {
    let today = fields.context.today;
    let date = day(fields, column)?;
    if date > today {
        fields.note(column, Refusal::new(Code::FutureDate, format_args!("{date} > {today}")));
        return None;
    }
    Some(date)
}

/// A code in half-width characters.
fn code<T: FromStr<Err = Refusal>>(text: &str) -> Result<T, Refusal> {
    let folded = value::half_width(text);
    if value::is_mangled(&folded) {
        return Err(mangled(text));
    }
    // The type's own refusal may echo more of the cell than may be shown.
    folded.parse().map_err(|refusal: Refusal| value::refuse(refusal.code(), text))
}

pub(super) fn mangled(text: &str) -> Refusal {
    value::refuse_with(Code::BadNumber, text, "format the column as text / 请把该列设为文本格式")
}

/// The number of a slip.
fn slip(text: &str) -> Result<RequestId, Refusal> {
    code(text).and_then(|request| border::slip(&request))
}

/// An account number; a citizen id in its place becomes a pseudonym.
fn account_id(text: &str, context: &Context<'_>) -> Result<AccountId, Refusal> {
    if value::is_mangled(&value::half_width(text)) {
        return Err(mangled(text));
    }
    Border::new(context.key).account(text)
}

/// The code of a person or household, never a name.
pub(super) fn person_code(text: &str, context: &Context<'_>) -> Result<SmolStr, Refusal> {
    if value::is_mangled(&value::half_width(text)) {
        return Err(mangled(text));
    }
    Border::new(context.key).person(text)
}

fn entry_points(text: &str) -> Result<Points, Refusal> {
    value::number(text)
        .map(Points)
        .filter(|points| points.is_entry())
        .ok_or_else(|| value::refuse(Code::BadNumber, text))
}

/// What was had, as in `长发@60*1;短发`.
fn lines(text: &str) -> Result<Vec<Line>, Refusal> {
    parse_lines(&value::half_width(text))
        .map_err(|refusal| value::refuse_with(refusal.code(), text, "option@age*persons;… / 规格@年龄*人数;…"))
}

/// As [`entry_points`], or zero.
fn points_or_none(text: &str) -> Result<Points, Refusal> {
    if value::number(text) == Some(0) { Ok(Points::ZERO) } else { entry_points(text) }
}

/// One of the listed values, in either language and any case.
fn choice<T: FromStr + Copy>(text: &str, all: &[T], zh: impl Fn(T) -> &'static str) -> Result<T, Refusal> {
    let folded = value::half_width(text).to_ascii_lowercase();
    folded.parse().map_err(|_| {
        let allowed: Vec<_> = all.iter().map(|value| zh(*value)).collect();
        value::refuse_with(Code::BadValue, text, allowed.join(" / "))
    })
}

/// Free text: on one line, without control characters, citizen ids masked.
pub(super) fn words(text: &str, most: usize) -> Result<SmolStr, Refusal> {
    if text.len() > most {
        return Err(too_long(text, most));
    }
    let masked = border::masked(text);
    if !masked.chars().any(char::is_control) {
        return Ok(masked);
    }
    // A line break typed in a cell is harmless; anything else that cannot be seen is not.
    let line: Cow<'_, str> = masked.replace("\r\n", " ").replace(['\n', '\r', '\t'], " ").into();
    if line.chars().any(char::is_control) { Err(value::refuse(Code::BadValue, text)) } else { Ok(SmolStr::new(line)) }
}

/// Says how long it is instead of what it is: free text may hold a name.
pub(super) fn too_long(text: &str, most: usize) -> Refusal {
    Refusal::new(Code::TooLong, format_args!("{} > {most} bytes", text.len()))
}
