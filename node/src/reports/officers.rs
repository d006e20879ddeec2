//! Governance officers (乡村治理员) as of a day: exactly one for each village, mean age, shares (article B1).
//!
//! The rule of one is a warning with a reason: while one leaves and the next begins a village may have none, or two.

use std::collections::BTreeMap;

use xiangyue_protocol::id::Kind;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::RosterRow;
use xiangyue_protocol::summary::{Fact, Summary};
use xiangyue_protocol::{Date, OrgCode};

use super::table::{Body, count, decimal_column, number_column, org_cells, permille, text_column, villages as told};
use crate::api::types::ReportCell;

/// How rosters name the role.
const ROLES: [&str; 3] = ["乡村治理员", "治理员", "governance officer"];
/// Educations of college and above, as rosters write them.
const COLLEGE: [&str; 10] =
    ["大专", "专科", "本科", "大学", "研究生", "硕士", "博士", "college", "bachelor", "postgraduate"];
/// How rosters write membership in the Youth League.
const LEAGUE: [&str; 4] = ["共青团员", "团员", "league", "league member"];

/// The officers in office on a day, by village, with one row of the whole below.
pub(super) fn officers(replica: &Replica, at: Date) -> Body {
    let in_office = in_office(replica, at);
    let villages = told(replica);
    let none: Vec<&RosterRow> = Vec::new();
    let of = |org: &OrgCode| in_office.get(org).unwrap_or(&none);
    let row = |org: &OrgCode| org_cells(replica, org).into_iter().chain(figures(of(org), at)).collect();
    let rows = villages.iter().map(row).collect();
    let all: Vec<&RosterRow> = villages.iter().flat_map(&of).copied().collect();
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

/// Terms that run on a day. A term that has ended is a second row with the same start: it closes the open one.
fn in_office(replica: &Replica, at: Date) -> BTreeMap<OrgCode, Vec<&RosterRow>> {
    let mut terms: BTreeMap<(&OrgCode, &str, Date), &RosterRow> = BTreeMap::new();
    for (id, doc) in replica.docs().iter().filter(|(id, _)| id.kind == Kind::Roster) {
        let Summary::Register(register) = &doc.summary else { continue };
        for (_, fact) in register.facts.values().flatten() {
            let Fact::Term(row) = fact else { continue };
            if ROLES.contains(&row.role.as_str()) {
                let known = terms.entry((&id.org, row.person.as_str(), row.from)).or_insert(row);
                if known.to.is_none() || row.to.is_some_and(|to| known.to.is_some_and(|known| to < known)) {
                    *known = row;
                }
            }
        }
    }
    let mut by_village: BTreeMap<OrgCode, Vec<&RosterRow>> = BTreeMap::new();
    for ((org, ..), row) in terms {
        if row.from <= at && row.to.is_none_or(|to| to >= at) {
            by_village.entry(org.clone()).or_default().push(row);
        }
    }
    by_village
}

fn figures(officers: &[&RosterRow], at: Date) -> [ReportCell; 6] {
    let has = |list: &[&str], word: &str| list.iter().any(|known| word.eq_ignore_ascii_case(known));
    let college = officers.iter().filter(|row| COLLEGE.iter().any(|known| row.education.contains(known))).count();
    let league = officers.iter().filter(|row| has(&LEAGUE, &row.party)).count();
    let ages: Vec<i64> = officers.iter().filter_map(|row| age(row.born?, at)).collect();
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

    use super::*;

    #[test]
    fn a_year_is_full_on_the_birthday() {
        let date = |text| parse_date(text).unwrap();
        assert_eq!(age(date("1985-03-10"), date("2021-03-09")), Some(35));
        assert_eq!(age(date("1985-03-10"), date("2021-03-10")), Some(36));
        assert_eq!(age(date("1984-02-29"), date("2021-02-28")), Some(36));
        assert_eq!(age(date("2022-01-01"), date("2021-01-01")), None);
    }
}
