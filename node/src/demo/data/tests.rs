//! The facts of the article, recomputed from the files alone, through the reader that operators use.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use tempfile::TempDir;
use xiangyue_protocol::schema::{Award, Cohort, HolderKind, Redemption};

use super::*;
use crate::tables::{Context, Parsed, read};

/// A town read back from its files.
struct Town {
    files: DemoFiles,
    rules: BTreeMap<(String, Cohort), Rule>,
    items: BTreeMap<String, Item>,
    accounts: BTreeMap<AccountId, (OrgCode, Account)>,
    awards: Vec<(OrgCode, Award)>,
    redemptions: Vec<(OrgCode, Redemption)>,
    _folder: TempDir,
}

fn town(seed: u64) -> Town {
    let folder = TempDir::new().unwrap();
    let started = Instant::now();
    let files = generate(seed, folder.path()).unwrap();
    println!("generated in {:?}", started.elapsed());
    let names = files.names();
    let load = |path: &Path, sort: Sort| -> Parsed {
        let parsed = read(path, None, &Context::new(village::last_day(), &[1; 32], &names)).unwrap();
        let bad: Vec<_> = parsed.rows.iter().filter(|row| row.result.is_err()).take(3).collect();
        assert!(bad.is_empty() && parsed.sort == sort, "{path:?} {bad:?}");
        parsed
    };
    let (mut rules, mut items, mut accounts) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let (mut awards, mut redemptions) = (Vec::new(), Vec::new());
    for command in load(&files.rules, Sort::Rules).commands().cloned() {
        match command {
            Command::Rule(rule) => drop(rules.insert((rule.code.to_string(), rule.cohort), rule)),
            Command::Item(item) => drop(items.insert(item.code.to_string(), item)),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(load(&files.prices, Sort::Form(&PRICE)).commands().count(), town::DYE_PRICES.len());
    for place in &files.villages {
        for command in load(&place.accounts, Sort::Accounts).commands().cloned() {
            let Command::Account { village, account } = command else { panic!("{command:?}") };
            assert_eq!(village, place.code);
            assert!(accounts.insert(account.account.clone(), (village, account)).is_none());
        }
        for command in load(&place.entries, Sort::Entries).commands().cloned() {
            let Command::Award(award) = command else { panic!("{command:?}") };
            awards.push((place.code.clone(), award));
        }
        for command in load(&place.redemptions, Sort::Redemptions).commands().cloned() {
            let Command::Redeem(mut redemption) = command else { panic!("{command:?}") };
            let by_list: i64 = redemption.lines.iter().map(|line| town::dye_price(&line.option, line.age)).sum();
            assert!((redemption.points == Points::ZERO) == (by_list > 0), "{redemption:?}");
            redemption.points += Points(by_list);
            redemptions.push((place.code.clone(), redemption));
        }
        if let Some(roster) = &place.roster {
            assert_eq!(load(roster, Sort::Form(&TERM)).commands().count(), 40);
        }
    }
    Town { files, rules, items, accounts, awards, redemptions, _folder: folder }
}

/// Count and points at the care station by village, the most points first.
fn at_station(town: &Town) -> Vec<(i64, usize, String)> {
    let mut by_village: BTreeMap<&OrgCode, (i64, usize)> = BTreeMap::new();
    for (village, redemption) in
        town.redemptions.iter().filter(|(_, r)| r.merchant.as_ref() == Some(&town.files.merchant))
    {
        let (points, count) = by_village.entry(village).or_default();
        *points += redemption.points.0;
        *count += 1;
    }
    let mut ranked: Vec<_> =
        by_village.into_iter().map(|(v, (points, count))| (points, count, v.to_string())).collect();
    ranked.sort_by(|a, b| b.cmp(a));
    ranked
}

#[test]
fn the_articles_figures_come_out_of_the_files() {
    let town = town(2021);
    let gross: i64 = town.awards.iter().map(|(_, award)| award.points.0).sum();
    let redeemed: i64 = town.redemptions.iter().map(|(_, redemption)| redemption.points.0).sum();
    let station = at_station(&town);
    println!(
        "{} accounts, {} entries, gross {gross}, {} redemptions of {redeemed}, station {station:?}",
        town.accounts.len(),
        town.awards.len(),
        town.redemptions.len()
    );
    assert_eq!(town.accounts.len(), 18_717);
    assert_eq!(town.awards.iter().map(|(_, award)| &award.account).collect::<BTreeSet<_>>().len(), 18_717);
    assert!((1_000_001..1_100_000).contains(&gross), "{gross}");
    let cohorts: BTreeSet<_> = town.accounts.values().map(|(_, account)| account.cohort.as_str()).collect();
    assert_eq!(cohorts.len(), Cohort::ALL.len());
    let dyes: Vec<_> = town.redemptions.iter().filter(|(_, r)| r.item.as_str() == town::DYE).collect();
    let [(village, dye)] = dyes[..] else { panic!("{dyes:?}") };
    let (_, household) = &town.accounts[&dye.account];
    assert_eq!((village.as_str(), dye.points, household.holder), ("110112119204", Points(196), HolderKind::Household));
}

#[test]
fn the_child_is_the_keenest_and_takes_four_classes() {
    let town = town(2021);
    let mut days: BTreeMap<&AccountId, BTreeSet<Date>> = BTreeMap::new();
    for (_, award) in town.awards.iter().filter(|(_, award)| award.rule.as_str() == town::CHECK_IN) {
        days.entry(&award.account).or_default().insert(award.date);
    }
    let mut ranked: Vec<_> = days.iter().map(|(account, days)| (days.len(), *account)).collect();
    ranked.sort();
    let (most, child) = ranked.pop().unwrap();
    assert_eq!((most, child), (156, &town.files.child));
    assert!(ranked.pop().unwrap().0 < 156);
    let (village, account) = &town.accounts[child];
    assert_eq!((village.as_str(), account.cohort), ("110112119202", Cohort::Minor));
    let points: i64 = town.awards.iter().filter(|(_, a)| a.account == *child).map(|(_, a)| a.points.0).sum();
    assert_eq!(points, 276);
    let classes: BTreeSet<_> =
        town.redemptions.iter().filter(|(_, r)| r.account == *child).map(|(_, r)| r.item.as_str()).collect();
    assert_eq!(classes, town::WEEKEND_CLASSES.into());
}

#[test]
fn every_row_keeps_the_rule_book_and_no_balance_falls_below_zero() {
    let town = town(7);
    let mut slips = BTreeSet::new();
    let mut by_day: BTreeMap<_, i64> = BTreeMap::new();
    let mut moves: BTreeMap<&AccountId, Vec<(Date, i64)>> = BTreeMap::new();
    for (village, award) in &town.awards {
        let (home, account) = &town.accounts[&award.account];
        let rule = &town.rules[&(award.rule.to_string(), account.cohort)];
        let on_day = by_day.entry((&award.account, &award.rule, award.date)).or_default();
        *on_day += award.points.0;
        assert!(award.points <= rule.points && rule.daily_cap.is_none_or(|cap| *on_day <= cap.0), "{award:?}");
        assert!(home == village && award.date >= account.opened && award.date <= village::last_day(), "{award:?}");
        assert!(slips.insert(&award.request), "{award:?}");
        moves.entry(&award.account).or_default().push((award.date, award.points.0));
    }
    for (village, redemption) in &town.redemptions {
        let price = town.items[redemption.item.as_str()].price.0;
        assert!(price == 0 || redemption.points.0 % price == 0, "{redemption:?}");
        assert!(&town.accounts[&redemption.account].0 == village && redemption.date <= village::last_day());
        assert!(slips.insert(&redemption.request), "{redemption:?}");
        moves.entry(&redemption.account).or_default().push((redemption.date, -redemption.points.0));
    }
    for (account, moves) in &mut moves {
        // The worst order: on each day what is redeemed comes first.
        moves.sort();
        let mut balance = 0;
        for (date, points) in moves.iter() {
            balance += points;
            assert!(balance >= 0, "{account} {date} {balance}");
        }
    }
}

#[test]
fn xielou_leads_at_the_care_station_whatever_the_seed() {
    for seed in [0, 1, 2021, u64::MAX] {
        let town = town(seed);
        let ranked = at_station(&town);
        let (points, count, village) = &ranked[0];
        assert_eq!(village, "110112119204");
        assert!((3_000..=3_600).contains(points), "{ranked:?}");
        assert!(ranked[1..].iter().all(|(other, times, _)| other * 2 < *points && times * 2 < *count), "{ranked:?}");
        let gross: i64 = town.awards.iter().map(|(_, award)| award.points.0).sum();
        assert!(gross > 1_000_000, "{seed} {gross}");
    }
}

#[test]
fn the_same_seed_gives_the_same_files() {
    let (one, other) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let first = generate(5, one.path()).unwrap();
    let second = generate(5, other.path()).unwrap();
    let all = |files: &DemoFiles| -> Vec<PathBuf> {
        let of = |v: &VillageFiles| [v.accounts.clone(), v.entries.clone(), v.redemptions.clone()];
        files.villages.iter().flat_map(of).chain([files.rules.clone()]).collect()
    };
    for (a, b) in all(&first).iter().zip(all(&second)) {
        assert!(std::fs::read(a).unwrap() == std::fs::read(&b).unwrap(), "{a:?}");
    }
    let endings: BTreeSet<_> = all(&first).iter().map(|path| path.extension().unwrap().to_owned()).collect();
    assert_eq!(endings.len(), 2);
}
