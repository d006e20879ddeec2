//! Each kind of fault that a scenario file may name bites, and every promise holds all the same.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::BTreeSet;

use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::{Document, Problem, Scenario, run};
use xiangyue_sim::stats::Sometimes;

const SEEDS: u64 = 4;

/// Three villages beside each other, a shop, a minute.
const PLACE: &str = "
[topology]
neighbours = 1
merchants_dial = \"both\"
[phases]
load = \"60s\"
";

/// A kind with the rest of its rule, what else the file says, and what some seed must meet.
const KINDS: &[(&str, &str, &str, &[Sometimes])] = &[
    ("cut", "lasts = \"30s\"", "", &[Sometimes::RedeemedInPartition]),
    ("flap", "up = \"2s..4s\"\ndown = \"4s\"\nlasts = \"30s\"", "", &[Sometimes::Flapped]),
    ("break", "at = \"all\"\ntimes = 4", "", &[Sometimes::LostInFlight]),
    ("crash", "lasts = \"1s..5s\"\ntimes = 9", "", &[Sometimes::CrashHitUnsynced, Sometimes::RetriedAfterCrash]),
    ("restore", "at = \"village-2\"\nlasts = \"5s\"", "", &[Sometimes::Restored, Sometimes::Thawed]),
    (
        "clone",
        "at = \"village-2\"\nbackup = \"10s\"\nwhen = \"20s\"\nlasts = \"20s\"",
        "",
        &[Sometimes::Cloned, Sometimes::KeptTwinsOut, Sometimes::RefusedTwin, Sometimes::Readmitted, Sometimes::Thawed],
    ),
    (
        "upgrade",
        "at = \"village-1\"\nlasts = \"5s\"",
        "",
        &[Sometimes::Upgraded, Sometimes::MetNewerVersion, Sometimes::WroteUnknownKind],
    ),
    (
        "clock",
        "at = \"village-1\"\nwhen = \"0s\"\nshows = \"1970\"\nlasts = \"40s\"",
        "[[fault]]\nkind = \"crash\"\nat = \"village-1\"\nwhen = \"15s\"\nlasts = \"1s\"",
        &[Sometimes::RefusedWrongClock],
    ),
    ("disk-full", "lasts = \"20s\"", "", &[Sometimes::RefusedDiskFull]),
    ("io-error", "nth = \"1..3\"", "", &[Sometimes::IoFailed]),
    ("bit-flip", "at = \"village-1\"", "", &[Sometimes::StartedDamaged]),
    (
        "slow-peer",
        "at = \"township\"\nwhen = \"15s\"\nlasts = \"30s\"",
        "[workload]\nevery = \"100ms..400ms\"\n[link.all]\nqueue = 64",
        &[Sometimes::ClosedSlowPeer],
    ),
    ("revoke", "at = \"village-3\"\nwhen = \"15s\"", "", &[Sometimes::Revoked]),
    (
        "equivocate",
        "at = \"village-1\"\nwhen = \"15s\"",
        "",
        &[Sometimes::Equivocated, Sometimes::RefusedFork, Sometimes::AlarmRaised],
    ),
    (
        "forge",
        "at = \"township\"\nwhen = \"15s\"\nlasts = \"30s\"",
        "",
        &[Sometimes::Forged, Sometimes::RefusedForgery],
    ),
    (
        "flood",
        "at = \"village-2\"\nwhen = \"15s\"\nlasts = \"10s\"\nper_second = 20",
        "",
        &[Sometimes::Flooded, Sometimes::Gap],
    ),
];

fn read(text: &str) -> Result<Scenario, Problem> {
    let document = Document { name: "fault.toml".to_owned(), text: text.to_owned() };
    Scenario::read(document, &[], &|name| Err(format!("{name}: there are no files here")))
}

fn reports(kind: &str, rule: &str, more: &str) -> Vec<Report> {
    let at = if rule.contains("at = ") { "" } else { "at = \"villages\"" };
    let text = format!("{PLACE}{more}\n[[fault]]\nkind = \"{kind}\"\n{at}\n{rule}");
    let scenario = read(&text).unwrap_or_else(|problem| panic!("{problem}\n{text}"));
    let report = |seed| {
        let report = run(scenario.plan(seed).unwrap()).unwrap();
        assert!(report.is_green(), "{kind}, seed {seed}: {:#?}", report.violations);
        report
    };
    (1..=SEEDS).map(report).collect()
}

#[test]
fn every_kind_bites() {
    for (kind, rule, more, what) in KINDS {
        let reports = reports(kind, rule, more);
        for what in *what {
            assert!(reports.iter().any(|report| report.stats.count(*what) > 0), "{kind}: never met: {}", what.text());
        }
    }
}

#[test]
fn every_kind_that_a_file_may_name_is_tried_here() {
    let said = read("[[fault]]\nkind = \"strange\"").unwrap_err().what;
    let list = said.split("expected ").nth(1).unwrap().split("; nearest").next().unwrap();
    let known: BTreeSet<&str> = list.split('`').skip(1).step_by(2).collect();
    assert_eq!(known, KINDS.iter().map(|(kind, ..)| *kind).collect());
}

#[test]
fn keys_that_a_kind_does_not_take_or_lacks_are_named() {
    let said = |rule: &str| {
        let problem = read(&format!("[[fault]]\n{rule}")).unwrap_err();
        format!("{} {}", problem.key, problem.what)
    };
    assert!(said("kind = \"flap\"\nup = \"1s\"\nlasts = \"9s\"").contains("down is missing"), "down");
    assert!(said("kind = \"clock\"\nlasts = \"9s\"").contains("shows is missing"), "shows");
    assert!(said("kind = \"bit-flip\"\nlasts = \"9s\"").contains("lasts says nothing"), "lasts");
    assert!(said("kind = \"crash\"\nlasts = \"9s\"\nnth = 2").contains("nth says nothing for kind = \"crash\""), "nth");
    assert!(said("kind = \"io-error\"\nnth = 0").contains("counted from 1"), "0");
    assert!(said("kind = \"clock\"\nshows = \"soon\"\nlasts = \"9s\"").contains("or \"1970\""), "soon");
    assert!(
        said("kind = \"crash\"\nlasts = \"9s\"\nbackup = \"1s\"").contains("only for \"restore\" and \"clone\""),
        "backup"
    );
    assert!(said("kind = \"clone\"").contains("lasts is missing"), "clone");
    assert!(said("kind = \"clone\"\nat = \"township\"\nlasts = \"9s\"").contains("all but townships can"), "clone");
    for kind in ["revoke", "equivocate"] {
        assert!(said(&format!("kind = \"{kind}\"\nat = \"township\"")).contains("names nobody who can"), "{kind}");
    }
}
