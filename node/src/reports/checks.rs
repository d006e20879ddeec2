//! What a person should look into: one slip entered twice, more earned in a day than the rule allows, days that have
//! not come yet, accounts below zero. None of it is decided here; all of it counts until somebody reverses it.

use std::collections::BTreeMap;

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points, RequestId, RuleCode};
use xiangyue_protocol::summary::{Slip, Sort};
use xiangyue_protocol::{Date, Month, NodeId, OrgCode};

use super::table::{Body, count, number_column, text, text_column};
use crate::api::types::ReportCell;
use crate::i18n::Lang;
use crate::stats::date_in;
use crate::stats::walk::{Part, parts};

/// One thing to look into.
struct Doubt<'r> {
    what: What,
    village: Option<&'r OrgCode>,
    account: &'r AccountId,
    slip: &'r str,
    date: Option<Date>,
    points: Points,
    author: Option<NodeId>,
}

/// What is doubtful, in Chinese and English.
type What = (&'static str, &'static str);

const TWICE: What = ("同一凭证号有不止一笔", "one slip number, several entries");
const OVER_CAP: What = ("当日积分超过单日上限", "more in a day than the daily cap");
const FUTURE: What = ("日期在今天之后", "dated after today");
const NEGATIVE: What = ("有节点透支", "overspent at some node");

pub(super) fn checks(replica: &Replica, month: Option<Month>, today: Date, lang: Lang) -> Body {
    let mut doubts: Vec<Doubt<'_>> = Vec::new();
    for part in parts(replica, month) {
        doubts.extend(twice(part));
        doubts.extend(future(part, today));
    }
    doubts.extend(over_cap(replica, month));
    let views = replica.views();
    doubts.extend(views.overspent().filter(|_| month.is_none()).map(|account| Doubt {
        what: NEGATIVE,
        village: views.village_of(account),
        account,
        slip: "",
        date: None,
        points: views.totals(account).available(),
        author: None,
    }));
    let name = |org: &OrgCode| views.directory.name(org);
    let written_at = |node: NodeId| {
        let org = views.directory.node(node).map(|entry| name(&entry.org)).unwrap_or_default();
        format!("{org} {}", node.short())
    };
    let row = |doubt: Doubt<'_>| -> Vec<ReportCell> {
        vec![
            text(lang.pick(doubt.what.0, doubt.what.1)),
            text(doubt.village.map(name).unwrap_or_default()),
            text(doubt.account.as_str()),
            text(doubt.slip),
            text(doubt.date.map_or_else(String::new, |date| date.to_string())),
            count(doubt.points.0),
            text(doubt.author.map_or_else(String::new, written_at)),
        ]
    };
    let columns = vec![
        text_column("what", "情况", "what"),
        text_column("village", "村", "village"),
        text_column("account", "账户", "account"),
        text_column("slip", "凭证号", "slip"),
        text_column("date", "日期", "date"),
        number_column("points", "积分", "points"),
        text_column("written_at", "记账节点", "written at"),
    ];
    Body::new(columns, doubts.into_iter().map(row).collect()).noted(
        "以上均已计入积分；核实后，由记账节点冲正多记的一笔。",
        "All of these count. Whoever finds one wrong reverses it at the node where it was written.",
    )
}

/// Entries under numbers that were used more than once, reversed ones left out.
fn twice(part: Part<'_>) -> impl Iterator<Item = Doubt<'_>> {
    part.points.duplicates.iter().flat_map(move |request| {
        let slips: Vec<&Slip> =
            part.points.under(request).filter(|slip| !slip.reversed && slip.sort != Sort::Reversal).collect();
        let several = slips.len() > 1;
        slips.into_iter().filter(move |_| several).map(move |slip| of_slip(TWICE, part, request, slip))
    })
}

fn future(part: Part<'_>, today: Date) -> impl Iterator<Item = Doubt<'_>> {
    let late = part.month >= Month::of(today);
    let numbers = part.points.slips.keys().filter(move |_| late);
    numbers.flat_map(move |request| {
        let slips = part.points.under(request).filter(move |slip| slip.date > today && !slip.reversed);
        slips.map(move |slip| of_slip(FUTURE, part, request, slip))
    })
}

fn of_slip<'r>(what: What, part: Part<'r>, request: &'r RequestId, slip: &'r Slip) -> Doubt<'r> {
    Doubt {
        what,
        village: part.village(&slip.account),
        account: &slip.account,
        slip: request.as_str(),
        date: Some(slip.date),
        points: slip.points,
        author: Some(slip.author),
    }
}

/// Days on which two nodes together let an account earn more than its rule allows: each kept to the cap.
fn over_cap(replica: &Replica, month: Option<Month>) -> Vec<Doubt<'_>> {
    let views = replica.views();
    let mut earned: BTreeMap<(&AccountId, &RuleCode, Date), Points> = BTreeMap::new();
    for part in parts(replica, month) {
        for ((account, rule), days) in &part.points.earned {
            for (date, points) in days.iter().filter_map(|(day, points)| Some((date_in(part.month, *day)?, *points))) {
                *earned.entry((account, rule, date)).or_default() += points;
            }
        }
    }
    let doubt = |((account, rule, date), points): ((_, &'_ RuleCode, Date), Points)| {
        let account: &AccountId = account;
        let (_, row) = views.accounts.get(account)?;
        let cap = views.rules.rule(rule, row.cohort, date)?.daily_cap?;
        (points > cap).then_some((account, date, points))
    };
    let over = earned.into_iter().filter_map(doubt);
    over.map(|(account, date, points)| Doubt {
        what: OVER_CAP,
        village: views.village_of(account),
        account,
        slip: "",
        date: Some(date),
        points,
        author: None,
    })
    .collect()
}
