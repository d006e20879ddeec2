//! The township's figures (article L2, L3, L6, L7, L9, L10, L11), each with its horizon.

use std::collections::{BTreeMap, BTreeSet};

use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::schema::{AccountId, Cohort, ItemCode, Points, RuleCode};
use xiangyue_protocol::summary::Spent;
use xiangyue_protocol::{Date, Level, Millis, Month, OrgCode};

use super::walk::{self, Part, Spending};
use crate::api::types::{Horizon, MerchantStat, MissingVillage, Scope, StatRow, Stats, VillageStat};

/// How much is known of a village: the horizon of every figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Its code.
    pub org: OrgCode,
    /// When one of its nodes was last heard; none if never since this node started.
    pub last_heard: Option<Millis>,
    /// Changes known to exist and not here.
    pub behind: u64,
    /// Whether it is connected and has nothing that is not here.
    pub current: bool,
}

/// Days on which accounts have checked in.
type Deeds = BTreeMap<(AccountId, RuleCode), BTreeSet<Date>>;
/// Redemptions by village, place and item.
type Redeemed = BTreeMap<(Option<OrgCode>, Option<OrgCode>, ItemCode), Spent>;

/// Everything that one walk over the summaries gathers.
#[derive(Default)]
struct Gathered {
    gross: BTreeMap<OrgCode, Points>,
    redeemed: Points,
    reversed: Points,
    expired: Points,
    awaiting: Points,
    debt: Points,
    deeds: Deeds,
    spending: Redeemed,
    duplicates: u64,
    void: u64,
    entries: u64,
}

/// Whose figures an organisation's node can tell.
pub(crate) fn scope_of(org: &OrgCode) -> Scope {
    match org.level() {
        Level::Merchant => Scope::Merchant,
        Level::Village => Scope::Village,
        _ => Scope::Township,
    }
}

/// The figures of this replica's organisation and what lies under it.
pub fn township(replica: &Replica, month: Option<Month>, now: Millis, freshness: &[Freshness]) -> Stats {
    let views = replica.views();
    let org = replica.org().clone();
    let mut gathered = Gathered::default();
    for part in walk::parts(replica, month) {
        gathered.add(part);
    }
    let villages = village_rows(replica, &gathered);
    let gross = gathered.gross.values().copied().sum();
    Stats {
        name: views.directory.name(&org).to_string(),
        org,
        month,
        horizon: horizon(replica, now, freshness),
        depositors: views.registered().count() as u64,
        gross,
        redeemed: gathered.redeemed,
        reversed: gathered.reversed,
        expired: gathered.expired,
        awaiting: gathered.awaiting,
        net: gross - gathered.redeemed - gathered.reversed - gathered.expired,
        debt: gathered.debt,
        accounts_negative: views.overspent().count() as u64,
        merchants: merchant_rows(replica, &gathered),
        rows: further_rows(replica, &gathered, &villages),
        villages,
    }
}

impl Gathered {
    fn add(&mut self, part: Part<'_>) {
        let gross = self.gross.entry(part.id.org.clone()).or_default();
        for (_, totals) in part.totals() {
            *gross += totals.earned;
            self.redeemed += totals.redeemed;
            self.reversed += totals.reversed;
            self.expired += totals.expired;
            self.debt += totals.debt();
        }
        self.awaiting += part.waiting().map(|(_, points)| points).sum();
        for ((account, rule), days) in part.points.earned.iter().filter(|((_, rule), _)| is_check_in(rule)) {
            let dates = self.deeds.entry((account.clone(), rule.clone())).or_default();
            dates.extend(days.iter().filter_map(|(day, _)| date_in(part.month, *day)));
        }
        for Spending { whose, place, item, spent } in part.spendings() {
            let sum = self.spending.entry((whose.village().cloned(), place.cloned(), item.clone())).or_default();
            sum.count += spent.count;
            sum.points += spent.points;
            sum.largest = sum.largest.max(spent.largest);
        }
        if !part.theirs {
            self.duplicates += part.points.duplicates.len() as u64;
            self.void += part.points.void;
            self.entries += part.points.entries;
        }
    }

    /// Redemptions that pass, summed.
    fn spent(&self, pass: impl Fn(&Option<OrgCode>, &Option<OrgCode>) -> bool) -> Spent {
        let rows = self.spending.iter().filter(|((village, place, _), _)| pass(village, place));
        rows.fold(Spent::default(), |mut sum, (_, spent)| {
            sum.count += spent.count;
            sum.points += spent.points;
            sum.largest = sum.largest.max(spent.largest);
            sum
        })
    }
}

pub(crate) fn date_in(month: Month, day: u8) -> Option<Date> {
    let year = i16::try_from(month.year()).ok()?;
    Date::new(year, i8::try_from(month.month()).ok()?, i8::try_from(day).ok()?).ok()
}

fn village_rows(replica: &Replica, gathered: &Gathered) -> Vec<VillageStat> {
    let views = replica.views();
    let mut accounts: BTreeMap<&OrgCode, u64> = BTreeMap::new();
    for (village, _) in views.registered() {
        *accounts.entry(village).or_default() += 1;
    }
    let listed = views.directory.orgs().map(|org| &org.code).filter(|code| code.level() == Level::Village);
    let orgs: BTreeSet<&OrgCode> = listed.chain(accounts.keys().copied()).collect();
    let told = |org: &&OrgCode| scope_of(replica.org()) == Scope::Township || *org == replica.org();
    orgs.into_iter()
        .filter(told)
        .map(|org| {
            let all = gathered.spent(|village, _| village.as_ref() == Some(org));
            let at_merchants = gathered.spent(|village, place| village.as_ref() == Some(org) && place.is_some());
            VillageStat {
                org: org.clone(),
                name: views.directory.name(org).to_string(),
                accounts: accounts.get(org).copied().unwrap_or(0),
                gross: gathered.gross.get(org).copied().unwrap_or_default(),
                redeemed_points: all.points,
                redemptions: all.count,
                merchant_points: at_merchants.points,
                merchant_redemptions: at_merchants.count,
            }
        })
        .collect()
}

fn merchant_rows(replica: &Replica, gathered: &Gathered) -> Vec<MerchantStat> {
    let directory = &replica.views().directory;
    let listed = directory.orgs().map(|org| org.code.clone()).filter(|code| code.level() == Level::Merchant);
    let told = |org: &OrgCode| match scope_of(replica.org()) {
        Scope::Township => true,
        Scope::Village => gathered.spent(|_, place| place.as_ref() == Some(org)).count > 0,
        Scope::Merchant => org == replica.org(),
    };
    listed
        .filter(told)
        .map(|org| {
            let spent = gathered.spent(|_, place| place.as_ref() == Some(&org));
            let villages: BTreeSet<_> = gathered
                .spending
                .keys()
                .filter(|(_, place, _)| place.as_ref() == Some(&org))
                .filter_map(|(village, _, _)| village.as_ref())
                .collect();
            MerchantStat {
                name: directory.name(&org).to_string(),
                points: spent.points,
                redemptions: spent.count,
                villages: villages.len() as u64,
                org,
            }
        })
        .collect()
}

pub(crate) fn horizon(replica: &Replica, now: Millis, freshness: &[Freshness]) -> Horizon {
    let directory = &replica.views().directory;
    let row = |row: &Freshness| MissingVillage {
        org: row.org.clone(),
        name: directory.name(&row.org).to_string(),
        last_heard_ms: row.last_heard,
        changes_behind: row.behind,
    };
    // Who has never had a node has nothing to report.
    let joined = |org: &OrgCode| directory.nodes().any(|node| node.org == *org);
    let (joined, not_joined): (Vec<_>, Vec<_>) =
        freshness.iter().filter(|row| !row.current).partition(|row| joined(&row.org));
    let rows = |list: Vec<&Freshness>| list.into_iter().map(row).collect();
    Horizon { as_of: now, scope: scope_of(replica.org()), missing: rows(joined), not_joined: rows(not_joined) }
}

fn row(id: &str, zh: String, en: String, value: impl ToString, unit: &str) -> StatRow {
    StatRow { id: id.to_owned(), label_zh: zh, label_en: en, value: value.to_string(), unit: unit.to_owned() }
}

/// Figures that have no table of their own.
fn further_rows(replica: &Replica, gathered: &Gathered, villages: &[VillageStat]) -> Vec<StatRow> {
    let views = replica.views();
    let scope = scope_of(replica.org());
    let mut rows = Vec::new();
    // A merchant holds no register.
    for cohort in Cohort::ALL.iter().filter(|_| scope != Scope::Merchant) {
        let count = views.registered().filter(|(_, account)| account.cohort == *cohort).count();
        let id = format!("L4.accounts.{}", cohort.as_str());
        rows.push(row(
            &id,
            format!("储值户：{}", cohort.zh()),
            format!("accounts: {}", cohort.as_str()),
            count,
            "accounts",
        ));
    }
    rows.extend(check_in_rows(replica, gathered));
    // Before anybody has redeemed at a merchant, no village is the first; nor where one village alone is seen.
    let redeeming = || villages.iter().filter(|village| scope == Scope::Township && village.merchant_redemptions > 0);
    if let Some(first) = redeeming().max_by_key(|village| (village.merchant_points, village.merchant_redemptions)) {
        rows.push(row(
            "L10.first_by_points",
            "商户兑换积分最多的村".into(),
            "village first in points redeemed at merchants".into(),
            &first.name,
            "",
        ));
        rows.push(row(
            "L10.points",
            format!("{}在商户处兑换积分", first.name),
            "its points redeemed at merchants".into(),
            first.merchant_points,
            "points",
        ));
    }
    if let Some(first) = redeeming().max_by_key(|village| (village.merchant_redemptions, village.merchant_points)) {
        rows.push(row(
            "L10.first_by_count",
            "商户兑换次数最多的村".into(),
            "village first in redemptions at merchants".into(),
            &first.name,
            "",
        ));
        rows.push(row(
            "L10.count",
            format!("{}在商户处兑换次数", first.name),
            "its redemptions at merchants".into(),
            first.merchant_redemptions,
            "times",
        ));
    }
    let mut largest: BTreeMap<&ItemCode, Points> = BTreeMap::new();
    for ((_, place, item), spent) in &gathered.spending {
        if place.is_some() {
            let most = largest.entry(item).or_default();
            *most = spent.largest.max(*most);
        }
    }
    for (item, points) in largest {
        let id = format!("L11.largest.{item}");
        rows.push(row(
            &id,
            format!("商户单笔最大兑换：{item}"),
            format!("largest redemption at a merchant: {item}"),
            points,
            "points",
        ));
    }
    rows.push(row("entries", "流水笔数".into(), "entries".into(), gathered.entries, "entries"));
    rows.push(row(
        "duplicates",
        "疑似重复凭证".into(),
        "possible duplicate slips".into(),
        gathered.duplicates,
        "slips",
    ));
    if scope == Scope::Township {
        rows.push(row(
            "shared",
            "在不止一个村开户的账号".into(),
            "account numbers open in more than one village".into(),
            views.shared.len(),
            "numbers",
        ));
    }
    rows.push(row("void", "未计入的记录".into(), "records kept but not counted".into(), gathered.void, "records"));
    rows
}

/// Rules whose codes begin so are check-ins (打卡, L6): what counts of them is days, not points.
const CHECK_IN: &str = "checkin";

fn is_check_in(rule: &RuleCode) -> bool {
    rule.as_str().starts_with(CHECK_IN)
}

/// The minor who has checked in on the most days (L6).
fn check_in_rows(replica: &Replica, gathered: &Gathered) -> Vec<StatRow> {
    let views = replica.views();
    let is_minor = |account: &AccountId| views.accounts.get(account).is_some_and(|(_, a)| a.cohort == Cohort::Minor);
    let best = gathered.deeds.iter().filter(|((account, _), _)| is_minor(account)).max_by_key(|(_, dates)| dates.len());
    let Some(((account, rule), dates)) = best else { return Vec::new() };
    let earned = views.totals(account).earned;
    vec![
        row(
            "L6.account",
            "打卡天数最多的未成年人账户".into(),
            "minor's account with most check-in days".into(),
            account,
            "",
        ),
        row("L6.rule", "打卡规则".into(), "check-in rule".into(), rule, ""),
        row("L6.days", "打卡天数".into(), "check-in days".into(), dates.len(), "days"),
        row("L6.longest_streak", "最长连续打卡".into(), "longest streak".into(), longest_streak(dates), "days"),
        row("L6.points", "累计积分".into(), "points earned".into(), earned, "points"),
    ]
}

fn longest_streak(dates: &BTreeSet<Date>) -> u64 {
    let (mut longest, mut run, mut before) = (0, 0, None);
    for date in dates {
        run = if before.is_some_and(|b: Date| b.tomorrow().ok() == Some(*date)) { run + 1 } else { 1 };
        longest = longest.max(run);
        before = Some(*date);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_streak_crosses_months_and_breaks_on_a_missed_day() {
        let dates = |list: &[&str]| list.iter().map(|d| d.parse().unwrap()).collect::<BTreeSet<Date>>();
        assert_eq!(longest_streak(&dates(&["2020-02-28", "2020-02-29", "2020-03-01", "2020-03-03"])), 3);
        assert_eq!(longest_streak(&dates(&[])), 0);
    }
}
