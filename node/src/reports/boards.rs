//! Boards (榜单) of a quarter: gold, silver and bronze by the points that accounts earned under a board's rule
//! (article Y4). Only accounts of villages that have switched boards on by a resolution of their own are on one.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::forms::Row;
use xiangyue_protocol::forms::township::BOARD;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Points};
use xiangyue_protocol::{Date, Month, OrgCode};

use super::table::{Body, count, number_column, text, text_column};
use crate::api::types::ReportCell;
use crate::i18n::Lang;
use crate::registers::{Counts, Measure};
use crate::stats::date_in;
use crate::stats::walk::parts;

/// An account's points in the quarter, and the day on which it had them.
type Earned<'r> = BTreeMap<&'r AccountId, (Points, Option<Date>)>;

pub(super) fn boards(replica: &Replica, counts: &Counts, month: Option<Month>, today: Date, lang: Lang) -> Body {
    let last = quarter_end(month.unwrap_or_else(|| Month::of(today)));
    let months: Vec<Month> = std::iter::successors(Some(last), |month| Some(month.previous())).take(3).collect();
    let on = switched_on(counts);
    let columns = vec![
        text_column("board", "榜单", "board"),
        number_column("rank", "名次", "rank"),
        text_column("account", "账户", "account"),
        text_column("village", "村", "village"),
        number_column("points", "积分", "points"),
        text_column("medal", "奖牌", "medal"),
    ];
    let mut rows: Vec<Vec<ReportCell>> = Vec::new();
    for board in in_force(counts, last) {
        for place in places(board, &earned(replica, board.text("rule"), &months, &on)) {
            let village = replica.views().village_of(place.account).map(|org| replica.views().directory.name(org));
            let (zh, en) = MEDALS[place.medal];
            rows.push(vec![
                text(board.text("name")),
                count(place.rank + 1),
                text(place.account.as_str()),
                text(village.unwrap_or_default()),
                count(place.points.0),
                text(lang.pick(zh, en)),
            ]);
        }
    }
    let (year, quarter) = (last.year(), last.month() / 3);
    Body::new(columns, rows).noted(
        format!("{year} 年第 {quarter} 季度。只列已由村民会议表决启用榜单的村：{} 个。", on.len()),
        format!("Quarter {quarter} of {year}. Villages that have switched boards on by a resolution: {}.", on.len()),
    )
}

/// Medals from best to worst.
const MEDALS: [(&str, &str); 3] = [("金牌", "gold"), ("银牌", "silver"), ("铜牌", "bronze")];

/// The last month of a month's quarter.
fn quarter_end(month: Month) -> Month {
    let last = month.month().div_ceil(3) * 3;
    Month::new(month.year(), last).unwrap_or(month)
}

/// Villages whose last resolution on boards was to have them.
fn switched_on(counts: &Counts) -> BTreeSet<&OrgCode> {
    let on = |tally: &crate::registers::Tally| {
        tally.of(Measure::BoardsOn).any(|(cell, many)| cell.class == "board" && many > 0)
    };
    counts.iter().filter(|(_, counted)| on(&counted.tally)).map(|(id, _)| &id.org).collect()
}

/// Of each board the version that was in force when the quarter ended.
fn in_force(counts: &Counts, last: Month) -> impl Iterator<Item = &Row> {
    let mut boards: BTreeMap<&str, &Row> = BTreeMap::new();
    for row in counts.values().filter_map(|counted| counted.rows.as_deref()).flat_map(|rows| rows.of(&BOARD)) {
        let begun = row.date("from").is_some_and(|from| Month::of(from) <= last);
        let known = boards.get(row.text("board")).and_then(|known| known.date("from"));
        if begun && known < row.date("from") {
            boards.insert(row.text("board"), row);
        }
    }
    boards.into_values()
}

fn earned<'r>(replica: &'r Replica, rule: &str, months: &[Month], on: &BTreeSet<&OrgCode>) -> Earned<'r> {
    let mut earned = Earned::new();
    for part in parts(replica, None).filter(|part| months.contains(&part.month) && on.contains(&part.id.org)) {
        for ((account, _), days) in part.points.earned.iter().filter(|((_, of), _)| of.as_str() == rule) {
            let (points, day) = earned.entry(account).or_default();
            *points += days.iter().map(|(_, points)| *points).sum();
            *day = (*day).max(days.last().and_then(|(day, _)| date_in(part.month, *day)));
        }
    }
    earned.retain(|_, (points, _)| *points > Points::ZERO);
    earned
}

/// A place on a board.
struct Place<'r> {
    rank: usize,
    account: &'r AccountId,
    points: Points,
    medal: usize,
}

/// Who has which medal. With shared ties equal points have equal ranks; else who had them first stands before.
fn places<'r>(board: &Row, earned: &Earned<'r>) -> Vec<Place<'r>> {
    let number = |name: &str| usize::try_from(board.number(name).unwrap_or_default()).unwrap_or_default();
    let shared = board.text("ties") != "earlier";
    let mut order: Vec<(Points, Option<Date>, &AccountId)> = earned.iter().map(|(a, (p, d))| (*p, *d, *a)).collect();
    order.sort_by_key(|(points, day, account)| (Reverse(*points), *day, *account));
    let ends =
        [number("gold"), number("gold") + number("silver"), number("gold") + number("silver") + number("bronze")];
    let place = |(at, (points, _, account)): (usize, &(Points, Option<Date>, &'r AccountId))| {
        let rank = if shared { order.partition_point(|(more, ..)| more > points) } else { at };
        let medal = ends.iter().position(|end| rank < *end)?;
        Some(Place { rank, account, points: *points, medal })
    };
    order.iter().enumerate().filter_map(place).collect()
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::forms::Value;

    use super::*;

    fn medals(ties: &'static str, points: &[i64]) -> Vec<(usize, usize)> {
        let value = |number: i64| Value::from(number);
        let values = [
            ("board", "B1".into()),
            ("from", "2021-01-01".into()),
            ("name", "平安榜".into()),
            ("gold", value(1)),
            ("silver", value(2)),
            ("bronze", value(3)),
            ("ties", ties.into()),
        ];
        let board = Row::new(&BOARD, values).unwrap();
        let accounts: Vec<AccountId> = (0..points.len()).map(|n| format!("A{n}").parse().unwrap()).collect();
        let earned = accounts.iter().zip(points).map(|(account, points)| (account, (Points(*points), None))).collect();
        places(&board, &earned).iter().map(|place| (place.rank, place.medal)).collect()
    }

    #[test]
    fn equal_points_share_a_medal_and_push_the_next_ones_down() {
        assert_eq!(
            medals("share", &[9, 9, 8, 7, 7, 7, 7, 1]),
            [(0, 0), (0, 0), (2, 1), (3, 2), (3, 2), (3, 2), (3, 2)]
        );
        assert_eq!(medals("earlier", &[9, 9, 8, 7, 7, 7, 7]), [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]);
        assert!(medals("share", &[]).is_empty());
    }

    #[test]
    fn a_quarter_ends_with_its_third_month() {
        let ends = ["2021-01-31", "2021-03-01", "2021-04-01", "2021-12-31"]
            .map(|date| quarter_end(Month::of(xiangyue_protocol::time::parse_date(date).unwrap())).to_string());
        assert_eq!(ends, ["2021-03", "2021-03", "2021-06", "2021-12"]);
    }
}
