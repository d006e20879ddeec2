//! Governance officers (乡村治理员) as of a day: exactly one for each village, mean age, shares (article B1).
//!
//! The rule of one is a warning with a reason: while one leaves and the next begins a village may have none, or two.

use std::collections::BTreeMap;

use xiangyue_protocol::forms::Row;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::{Date, OrgCode};

use super::table::{Body, count, decimal_column, number_column, org_cells, permille, text_column, villages as told};
use crate::api::types::ReportCell;
use crate::registers::Counts;

/// Educations of college and above, as villages write them.
const COLLEGE: [&str; 10] =
    ["大专", "专科", "本科", "大学", "研究生", "硕士", "博士", "college", "bachelor", "postgraduate"];
/// How villages write membership in the Youth League.
const LEAGUE: [&str; 4] = ["共青团员", "团员", "league", "league member"];

/// The officers in office on a day, by village, with one row of the whole below.
pub(super) fn officers(replica: &Replica, counts: &Counts, at: Date) -> Body {
    let in_office = in_office(counts, at);
    let villages = told(replica);
    let of = |org: &OrgCode| in_office.get(org).map_or(&[][..], Vec::as_slice);
    let row = |org: &OrgCode| org_cells(replica, org).into_iter().chain(figures(of(org), at)).collect();
    let rows = villages.iter().map(row).collect();
    let all: Vec<&Row> = villages.iter().flat_map(&of).copied().collect();
    let columns = vec![
        text_column("village", "村", "village"),
        text_column("code", "代码", "code"),
        number_column("officers", "治理员人数", "officers"),
        decimal_column("mean_age_tenths", "平均年龄（岁）", "mean age, years", 1),
        number_column("college", "大专及以上人数", "college or above"),
        decimal_column("college_permille", "大专及以上占比（%）", "college or above, %", 1),
        number_column("league", "团员人数", "League members"),
        decimal_column("league_permille", "团员占比（%）", "League members, %", 1),
    ];
    let mut body = Body::new(columns, rows);
    body.total = [ReportCell::Empty(()), ReportCell::Empty(())].into_iter().chain(figures(&all, at)).collect();
    let body = body.noted(format!("截至 {at} 在任者。"), format!("In office on {at}."));
    villages.iter().filter(|org| of(org).len() != 1).fold(body, |body, org| {
        let (name, count) = (replica.views().directory.name(org), of(org).len());
        body.noted(
            format!("提示：{name}有 {count} 名治理员，应为 1 名。"),
            format!("Warning: {name} has {count} officers instead of one."),
        )
    })
}

/// Terms that run on a day, one for each person: the one that began last.
fn in_office(counts: &Counts, at: Date) -> BTreeMap<&OrgCode, Vec<&Row>> {
    let runs = |row: &&Row| row.date("from").is_some_and(|from| from <= at) && row.date("to").is_none_or(|to| to >= at);
    let mut by_village: BTreeMap<&OrgCode, BTreeMap<&str, &Row>> = BTreeMap::new();
    for (id, counted) in counts {
        for row in counted.officers.iter().filter(runs) {
            let known = by_village.entry(&id.org).or_default().entry(row.text("person")).or_insert(row);
            if known.date("from") < row.date("from") {
                *known = row;
            }
        }
    }
    by_village.into_iter().map(|(org, people)| (org, people.into_values().collect())).collect()
}

fn figures(officers: &[&Row], at: Date) -> [ReportCell; 6] {
    let in_league = |row: &&&Row| LEAGUE.iter().any(|known| row.text("party").eq_ignore_ascii_case(known));
    let college =
        officers.iter().filter(|row| COLLEGE.iter().any(|known| row.text("education").contains(known))).count();
    let league = officers.iter().filter(in_league).count();
    let ages: Vec<i64> = officers.iter().filter_map(|row| age(row.date("born")?, at)).collect();
    let mean = match i64::try_from(ages.len()) {
        Ok(many @ 1..) => ReportCell::Number((ages.iter().sum::<i64>() * 20 + many) / (many * 2)),
        _ => ReportCell::Empty(()),
    };
    [
        count(officers.len()),
        mean,
        count(college),
        permille(college, officers.len()),
        count(league),
        permille(league, officers.len()),
    ]
}

/// Whole years on a day; none before birth.
fn age(born: Date, at: Date) -> Option<i64> {
    let had = (at.month(), at.day()) >= (born.month(), born.day());
    let years = i64::from(at.year()) - i64::from(born.year()) - i64::from(!had);
    (years >= 0).then_some(years)
}

#[cfg(test)]
mod tests {
    use xiangyue_protocol::time::parse_date;

    use std::sync::Arc;

    use xiangyue_protocol::forms::organisation::TERM;

    use super::*;
    use crate::registers::Counted;

    #[test]
    fn who_has_two_terms_on_a_day_is_one_officer() {
        let term = |person: &str, role: &str, from: &str, to: Option<&str>| {
            let values = [("person", Some(person)), ("role", Some(role)), ("from", Some(from)), ("to", to)];
            Row::new(&TERM, values.into_iter().filter_map(|(name, value)| Some((name, value?.into())))).unwrap()
        };
        let officers: Arc<[Row]> = Arc::new([
            term("P1", "治理员", "2020-01-01", None),
            term("P1", "乡村治理员", "2021-01-01", None),
            term("P2", "乡村治理员", "2019-01-01", Some("2020-12-31")),
        ]);
        let counts = [("110112119201/roster".parse().unwrap(), Counted { officers, ..Counted::default() })]
            .into_iter()
            .collect();
        let on = |day: &str| {
            let of_village = in_office(&counts, parse_date(day).unwrap()).into_values().next().unwrap_or_default();
            of_village.iter().map(|row| format!("{} {}", row.text("person"), row.text("from"))).collect::<Vec<_>>()
        };
        assert_eq!(on("2018-12-31"), [""; 0]);
        assert_eq!(on("2020-12-31"), ["P1 2020-01-01", "P2 2019-01-01"]);
        assert_eq!(on("2021-01-01"), ["P1 2021-01-01"]);
    }

    #[test]
    fn a_year_is_full_on_the_birthday() {
        let date = |text| parse_date(text).unwrap();
        assert_eq!(age(date("1985-03-10"), date("2021-03-09")), Some(35));
        assert_eq!(age(date("1985-03-10"), date("2021-03-10")), Some(36));
        assert_eq!(age(date("1984-02-29"), date("2021-02-28")), Some(36));
        assert_eq!(age(date("2022-01-01"), date("2021-01-01")), None);
    }
}
