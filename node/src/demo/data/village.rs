//! One village's records: who has an account, who did what on which day, who redeemed what where.
//!
//! Redemptions are drawn against what an account had earned before that day less all that it ever redeems, so no
//! order of days within the files takes a balance below zero.

use std::collections::HashSet;

use smol_str::{SmolStr, format_smolstr};
use xiangyue_protocol::schema::{Account, Award, Cohort, HolderKind, Line, Points, Redemption};
use xiangyue_protocol::{Date, OrgCode, Refusal};

use super::dice::Dice;
use super::town::{self, At};

/// First day of the records: 2020-01-01.
const FIRST: Date = Date::constant(2020, 1, 1);
/// Days of records: the last is 2021-01-24, the day before the article.
const DAYS: i64 = 390;
/// Days of 2020.
const DAYS_2020: usize = 366;
/// Days on which any other child checks in at most: the article's child is the keenest.
const CHECK_INS: usize = 120;
/// How many days the article's child checked in, and on how many of them two things were done (article L6).
const CHILD_DAYS: (usize, usize) = (156, 120);

/// The records of one village.
pub(super) struct Records {
    pub(super) accounts: Vec<Account>,
    pub(super) awards: Vec<Award>,
    pub(super) redemptions: Vec<Redemption>,
}

/// The last day of the records.
#[cfg(test)]
pub(super) fn last_day() -> Date {
    day(DAYS - 1)
}

/// The day `days` after the first.
fn day(days: i64) -> Date {
    FIRST.checked_add(jiff::Span::new().days(days)).unwrap_or(FIRST)
}

/// One account while its life is drawn.
struct Holder {
    account: Account,
    /// The first day from which it may earn, counted from [`FIRST`].
    from: i64,
    /// Day and points of each award.
    earned: Vec<(i64, i64)>,
    spent: i64,
    check_ins: usize,
}

impl Holder {
    /// What may be redeemed on `day` whatever is redeemed on others.
    fn free_on(&self, day: i64) -> i64 {
        self.earned.iter().filter(|(earned, _)| *earned < day).map(|(_, points)| points).sum::<i64>() - self.spent
    }
}

struct Drawing<'a> {
    village: &'a town::Village,
    station: OrgCode,
    dice: Dice,
    holders: Vec<Holder>,
    /// Account, rule and day of every award: one a day keeps all caps.
    taken: HashSet<(usize, &'static str, i64)>,
    awards: Vec<(i64, Award)>,
    redemptions: Vec<(i64, Redemption)>,
}

/// Draws a village with this many accounts and entries.
///
/// # Errors
/// None with the codes of [`town`].
pub(super) fn draw(
    village: &town::Village,
    seed: u64,
    accounts: usize,
    entries: usize,
    station: OrgCode,
) -> Result<Records, Refusal> {
    let mut drawing = Drawing {
        village,
        station,
        dice: Dice::new(seed, village.number.into()),
        holders: Vec::with_capacity(accounts),
        taken: HashSet::new(),
        awards: Vec::with_capacity(entries + 200),
        redemptions: Vec::new(),
    };
    drawing.open_accounts(accounts)?;
    // The article's people stand last and take no part in the lottery of the others.
    let others = accounts - usize::from([town::CHILDS_VILLAGE, town::XIELOU].contains(&village.number));
    drawing.earn(others, entries)?;
    match village.number {
        town::CHILDS_VILLAGE => drawing.child(others)?,
        town::XIELOU => drawing.dyers(others)?,
        _ => {}
    }
    drawing.redeem(others)?;
    Ok(drawing.finish())
}

/// Whether this account is the article's child's.
fn is_child(village: u16, number: usize, accounts: usize) -> bool {
    village == town::CHILDS_VILLAGE && number + 1 == accounts
}

fn is_dyers(village: u16, number: usize, accounts: usize) -> bool {
    village == town::XIELOU && number + 1 == accounts
}

impl Drawing<'_> {
    fn open_accounts(&mut self, accounts: usize) -> Result<(), Refusal> {
        for number in 0..accounts {
            let child = is_child(self.village.number, number, accounts);
            let dyers = is_dyers(self.village.number, number, accounts);
            let (cohort, holder) = match self.dice.below(100) {
                _ if child => (Cohort::Minor, HolderKind::Person),
                _ if dyers => (Cohort::Villager, HolderKind::Household),
                0..12 => (Cohort::Party, HolderKind::Person),
                12..29 => (Cohort::Minor, HolderKind::Person),
                29..31 => (Cohort::Unit, HolderKind::Unit),
                31..60 => (Cohort::Villager, HolderKind::Household),
                _ => (Cohort::Villager, HolderKind::Person),
            };
            // Most opened in the two years before, some in the first half of 2020.
            let from = if child || dyers { -30 } else { self.dice.between(-560, 180) };
            let account = format_smolstr!("L{}{:05}", self.village.number, number + 1).try_into()?;
            let account = Account { account, holder, cohort, opened: day(from) };
            self.holders.push(Holder { account, from: from.max(0), earned: Vec::new(), spent: 0, check_ins: 0 });
        }
        Ok(())
    }

    /// Every depositor deposits at least once; the rest follows zeal.
    fn earn(&mut self, others: usize, entries: usize) -> Result<(), Refusal> {
        let mut left = entries;
        let mut next = 0;
        while left > 0 {
            let who = if next < others { next } else { self.dice.skewed(others) };
            let on = self.dice.between(self.holders[who].from, DAYS - 1);
            let cohort = self.holders[who].account.cohort;
            let rules: Vec<_> = town::RULES.iter().filter(|rule| rule.cohort == cohort).collect();
            let rule = *self.dice.pick(&rules);
            let check_in = rule.code == town::CHECK_IN;
            if (check_in && self.holders[who].check_ins == CHECK_INS) || !self.taken.insert((who, rule.code, on)) {
                continue;
            }
            self.holders[who].check_ins += usize::from(check_in);
            let points = self.dice.between((rule.points + 5) / 6, rule.points);
            let memo = if self.dice.chance(40) { rule.memo } else { "" };
            self.award(who, rule.code, on, points, memo)?;
            next += usize::from(next < others);
            left -= 1;
        }
        Ok(())
    }

    fn award(&mut self, who: usize, rule: &'static str, on: i64, points: i64, memo: &str) -> Result<(), Refusal> {
        let clerk = self.dice.between(1, 3);
        let award = Award {
            request: format_smolstr!("draft").try_into()?,
            account: self.holders[who].account.account.clone(),
            rule: rule.parse()?,
            points: Points(points),
            repaid: Points::ZERO,
            date: day(on),
            by: format_smolstr!("c{}-{clerk}", self.village.number),
            memo: memo.into(),
            approval: None,
        };
        self.holders[who].earned.push((on, points));
        self.awards.push((on, award));
        Ok(())
    }

    fn spend(&mut self, who: usize, item: &str, on: i64, points: i64, at: At) -> Result<(), Refusal> {
        let redemption = Redemption {
            request: format_smolstr!("draft").try_into()?,
            account: self.holders[who].account.account.clone(),
            item: item.parse()?,
            points: Points(points),
            date: day(on),
            merchant: (at == At::Station).then(|| self.station.clone()),
            by: SmolStr::default(),
            lines: Vec::new(),
        };
        self.holders[who].spent += points;
        self.redemptions.push((on, redemption));
        Ok(())
    }

    /// The child of article L6: a day's check-in is worth one point, two when two things were done; a class is taken
    /// on the first Saturday on which the points are there.
    fn child(&mut self, who: usize) -> Result<(), Refusal> {
        let (days, full) = CHILD_DAYS;
        let on = self.dice.sample(days, DAYS_2020 - 14);
        let twice = self.dice.sample(full, days);
        for (at, on) in on.into_iter().enumerate() {
            let points = if twice.binary_search(&at).is_ok() { 2 } else { 1 };
            self.award(who, town::CHECK_IN, i64::try_from(on).unwrap_or(0), points, "文明少年打卡")?;
        }
        let mut saturdays = (0..366).filter(|on| day(*on).weekday() == jiff::civil::Weekday::Saturday);
        for class in town::WEEKEND_CLASSES {
            let price = town::price(class);
            if let Some(on) = saturdays.find(|on| self.holders[who].free_on(*on) >= price) {
                self.spend(who, class, on, price, At::School)?;
            }
        }
        Ok(())
    }

    /// The household of article L11: a year of volunteering, then hair dye for two.
    fn dyers(&mut self, who: usize) -> Result<(), Refusal> {
        for month in 0..12 {
            let on = month * 30 + self.dice.between(0, 20);
            let points = self.dice.between(18, 24);
            self.award(who, "volunteer", on, points, "志愿服务")?;
        }
        let on = self.dice.between(375, DAYS - 4);
        let points = town::DYED.iter().map(|(option, age)| town::dye_price(option, *age)).sum();
        self.spend(who, town::DYE, on, points, At::Station)?;
        if let Some((_, dye)) = self.redemptions.last_mut() {
            let line = |(option, age): &(&str, u16)| Line {
                option: (*option).into(),
                age: *age,
                persons: 1,
                points: Points::ZERO,
            };
            // Its points are left to the node, as a clerk would who knows the price list is there.
            (dye.points, dye.lines) = (Points::ZERO, town::DYED.iter().map(line).collect());
        }
        Ok(())
    }

    /// The station is used most by Xielou, where it stands (article L10); goods and classes everywhere.
    fn redeem(&mut self, others: usize) -> Result<(), Refusal> {
        let at_station = match self.village.number {
            town::XIELOU => self.dice.between(3_000, 3_250),
            _ => self.dice.between(250, 1_100),
        };
        let mut spent = 0;
        while spent < at_station {
            spent += self.redeem_once(others, At::Station)?;
        }
        for _ in 0..others / 3 {
            let at = if self.dice.chance(20) { At::School } else { At::Village };
            self.redeem_once(others, at)?;
        }
        Ok(())
    }

    /// One redemption by someone who can afford it; the points, 0 when the one who came could not.
    fn redeem_once(&mut self, others: usize, at: At) -> Result<i64, Refusal> {
        let items: Vec<_> = town::ITEMS.iter().filter(|item| item.at == at && item.price > 0).collect();
        let item = *self.dice.pick(&items);
        let who = self.dice.skewed(others);
        let on = self.dice.between(30, DAYS - 1);
        let holder = &self.holders[who];
        let welcome = match holder.account.cohort {
            Cohort::Minor => at == At::School,
            Cohort::Unit => false,
            Cohort::Party | Cohort::Villager => at != At::School,
        };
        if !welcome || holder.free_on(on) < item.price {
            return Ok(0);
        }
        self.spend(who, item.code, on, item.price, at)?;
        Ok(item.price)
    }

    /// Slips are numbered in the order of their days.
    fn finish(mut self) -> Records {
        let number = self.village.number;
        self.awards.sort_by(|(a, one), (b, other)| (a, &one.account).cmp(&(b, &other.account)));
        self.redemptions.sort_by(|(a, one), (b, other)| (a, &one.account).cmp(&(b, &other.account)));
        let slip = |kind: char, at: usize| format_smolstr!("{kind}{number}-{:06}", at + 1);
        let awards = self
            .awards
            .into_iter()
            .enumerate()
            .map(|(at, (_, award))| Award { request: slip('E', at).try_into().unwrap_or(award.request), ..award });
        let redemptions = self.redemptions.into_iter().enumerate().map(|(at, (_, redemption))| Redemption {
            request: slip('R', at).try_into().unwrap_or(redemption.request),
            ..redemption
        });
        Records {
            accounts: self.holders.into_iter().map(|holder| holder.account).collect(),
            awards: awards.collect(),
            redemptions: redemptions.collect(),
        }
    }
}
