//! Each kind of work that a scenario file may ask for is done, and every promise holds all the same.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::BTreeMap;

use xiangyue_protocol::{Amend, Command, Level};
use xiangyue_sim::plan::{Fault, Plan};
use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::{Document, Scenario, run};
use xiangyue_sim::stats::Sometimes;
use xiangyue_sim::workload::clerks;

const SEEDS: u64 = 3;

fn plans(text: &str) -> Vec<Plan> {
    let document = Document { name: "work.toml".to_owned(), text: text.to_owned() };
    let scenario = Scenario::read(document, &[], &|name| Err(format!("{name}: there are no files here"))).unwrap();
    (1..=SEEDS).map(|seed| scenario.plan(seed).unwrap()).collect()
}

fn reports(text: &str) -> Vec<Report> {
    let report = |plan: Plan| {
        let seed = plan.seed;
        let report = run(plan).unwrap();
        assert!(report.is_green(), "seed {seed}: {:#?}", report.violations);
        report
    };
    plans(text).into_iter().map(report).collect()
}

fn times(reports: &[Report], what: Sometimes) -> u64 {
    reports.iter().map(|report| report.stats.count(what)).sum()
}

/// What the clerk of the first village enters when he is asked so often and always gets his way.
fn entered(text: &str, turns: u64) -> Vec<Command> {
    let plan = plans(text).remove(0);
    let village = plan.nodes.iter().position(|node| node.org.level() == Level::Village).unwrap();
    let mut clerk = clerks(&plan).remove(village);
    let mut commands = Vec::new();
    for _ in 0..turns {
        let today = plan.start.china_date();
        let Some(wish) = clerk.next(&plan.workload, today, true, true) else { continue };
        commands.extend(wish.commands.iter().cloned());
        clerk.remember(wish);
    }
    commands
}

#[test]
fn accounts_are_asked_for_by_zipfs_law() {
    let text = "[workload]\naccounts = 50\nzipf = 1.0\nretry = \"0%\"\nreverse = \"0%\"";
    let mut counts = BTreeMap::new();
    for command in entered(text, 20_000) {
        let account = match command {
            Command::Award(award) => award.account,
            Command::Redeem(redemption) => redemption.account,
            Command::Grant(grant) => grant.account,
            other => panic!("{other:?}"),
        };
        let rank: u64 = account.as_str().rsplit('-').next().unwrap().parse().unwrap();
        *counts.entry(rank).or_insert(0_u64) += 1;
    }
    // The sum of 1/n up to 50 is 4.499.
    assert!((4_250..4_650).contains(&counts[&1]), "{counts:?}");
    assert!((2_080..2_370).contains(&counts[&2]), "{counts:?}");
    assert!(counts[&50] < 150, "{counts:?}");
    assert!(reports(text).iter().all(|report| report.stats.acknowledged > 100));
}

#[test]
fn imports_enter_many_awards_at_once() {
    let text = "[workload]\nimport = \"10%\"\nimport_rows = \"30..60\"\nretry = \"0%\"";
    let reports = reports(text);
    assert!(times(&reports, Sometimes::Imported) > 20);
    let changes: u64 = reports.iter().map(|report| report.stats.changes).sum();
    let written: u64 = reports.iter().map(|report| report.stats.acknowledged).sum();
    assert!(written > 3 * changes, "{written} entries in {changes} changes");
}

#[test]
fn imports_survive_power_cuts() {
    let text = "[workload]\nimport = \"30%\"\n[[fault]]\nkind = \"crash\"\nlasts = \"2s\"\ntimes = 4";
    let reports = reports(text);
    assert!(times(&reports, Sometimes::Imported) > 50 && times(&reports, Sometimes::RetriedAfterCrash) > 0);
}

#[test]
fn the_roster_is_edited_and_terms_end() {
    let rows = entered("[workload]\nroster = \"30%\"", 2_000);
    let rows: Vec<_> =
        rows.into_iter().filter_map(|command| if let Command::Put(put) = command { Some(put) } else { None }).collect();
    let ended = rows.iter().filter(|put| put.row.date("to").is_some() && put.amend == Amend::Version(1)).count();
    assert!((500..750).contains(&rows.len()) && ended > 50, "{ended} of {}", rows.len());
    let text = "[workload]\nroster = \"30%\"\n[topology]\nposts = 3\n[[fault]]\nkind = \"crash\"\nlasts = \"2s\"";
    assert!(times(&reports(text), Sometimes::RosterEdited) > 100);
}

#[test]
fn a_month_is_closed_with_entries_of_its_last_day_and_many_reversals() {
    let text = "[workload]\nclose = 2\nclose_reverse = \"60%\"\n[phases]\nstart = \"2021-02-02\"";
    let commands = entered(text, 2_000);
    let reversals = commands.iter().filter(|command| matches!(command, Command::Reverse(_))).count();
    assert!(reversals > commands.len() / 2, "{reversals} of {}", commands.len());
    let dated = |command: &Command| match command {
        Command::Award(award) => award.date.to_string(),
        Command::Redeem(redemption) => redemption.date.to_string(),
        Command::Reverse(reversal) => reversal.date.to_string(),
        Command::Grant(grant) => grant.date.to_string(),
        other => panic!("{other:?}"),
    };
    assert!(commands.iter().all(|command| dated(command) == "2021-01-31"));
    let reversed = times(&reports(text), Sometimes::ReversedAtClose);
    assert!(reversed > 20, "{reversed}");
    let later = entered(&text.replace("02-02", "02-03"), 200);
    assert!(later.iter().any(|command| dated(command) == "2021-02-03"), "on the third day the month is closed");
}

#[test]
fn a_till_without_a_line_redeems_from_the_rights_that_it_holds() {
    let text = "[workload]\noffline = \"50%\"\noffline_for = \"5s..15s\"";
    for plan in plans(text) {
        let cuts = plan.faults.iter().map(|(at, fault)| match fault {
            Fault::Cut { lasts, .. } => (*lasts).min(plan.phases.load_until() - at),
            other => panic!("{other:?}"),
        });
        let share = cuts.sum::<u64>() * 100 / plan.phases.load;
        assert!((30..70).contains(&share), "{share} %");
    }
    assert!(times(&reports(text), Sometimes::RedeemedOffline) > 0);
    assert_eq!(times(&reports(""), Sometimes::RedeemedOffline), 0, "with a line there is always a connection");
}

#[test]
fn clerks_who_never_wait_are_refused() {
    for every in ["0s", "0s..2s"] {
        let text = format!("[workload]\nevery = \"{every}\"");
        let document = Document { name: "work.toml".to_owned(), text };
        let refused = Scenario::read(document, &[], &|name| Err(name.to_owned())).unwrap_err();
        assert!(refused.to_string().contains("at least 1ms"), "{every}: {refused}");
    }
}
