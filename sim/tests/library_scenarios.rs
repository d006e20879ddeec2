//! Each scenario of the library, smaller where it must be: every promise holds, and so does what it expects.
//!
//! At full size: `xiangyue-sim run NAME`.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::BTreeSet;

use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::{Scenario, Set, library, run_gathering};

/// Values put over a scenario for these tests, and how many seeds are run.
struct Small {
    name: &'static str,
    sets: &'static [&'static str],
    seeds: u64,
}

const SMALL: &[Small] = &[
    Small { name: "three-villages", sets: &[], seeds: 40 },
    Small { name: "lucheng", sets: &["topology.villages=12", "workload.accounts=60"], seeds: 3 },
    Small {
        name: "linqu-county",
        sets: &[
            "topology.townships=2",
            "topology.communities=4",
            "topology.villages=14",
            "topology.posts=40",
            "topology.merchants=2",
            "fault.landslide.at=island of 3",
            "expect.nodes=62",
        ],
        seeds: 2,
    },
    Small {
        name: "county",
        sets: &[
            "topology.townships=2",
            "topology.communities=4",
            "topology.villages=20",
            "topology.posts=40",
            "topology.merchants=4",
            "phases.load=4d",
            "expect.nodes=70",
        ],
        seeds: 2,
    },
    Small { name: "changling", sets: &[], seeds: 4 },
    Small { name: "township-outage", sets: &[], seeds: 2 },
    Small { name: "flood-season", sets: &["topology.villages=12", "topology.radius=8km"], seeds: 2 },
    Small { name: "usb-courier", sets: &[], seeds: 3 },
    Small { name: "upgrade-week", sets: &[], seeds: 3 },
    Small {
        name: "enrolment-day",
        sets: &["topology.villages=30", "topology.merchants=3", "expect.sometimes.PowerCameBack=>= 33"],
        seeds: 2,
    },
    Small { name: "hostile-village", sets: &["fault.flood.lasts=2min"], seeds: 3 },
    Small { name: "policies", sets: &["policy.propagation=lazy"], seeds: 1 },
    Small { name: "grants", sets: &["policy.grants.policy=fixed"], seeds: 1 },
];

fn runs(small: &Small) {
    let sets: Vec<Set> = small.sets.iter().map(|set| set.parse().unwrap()).collect();
    let scenario = Scenario::of_library(small.name, &sets).unwrap_or_else(|problem| panic!("{problem}"));
    let mut all: Option<Report> = None;
    for seed in 1..=small.seeds {
        let (report, summary) = run_gathering(scenario.plan(seed).unwrap()).unwrap();
        assert!(report.is_green(), "{}, seed {seed}: {:#?}", small.name, report.violations);
        let missed = scenario.missed_by(&summary);
        assert!(missed.is_empty(), "{}, seed {seed}: {missed:#?}", small.name);
        match &mut all {
            Some(all) => all.add(&report),
            None => all = Some(report),
        }
    }
    let missed = scenario.missed_by_all(&all.unwrap().summary(0));
    assert!(missed.is_empty(), "{}, seeds 1 to {}: {missed:#?}", small.name, small.seeds);
}

macro_rules! each {
    ($($test:ident $name:literal;)*) => {
        $(#[test]
        fn $test() {
            runs(SMALL.iter().find(|small| small.name == $name).unwrap());
        })*

        #[test]
        fn every_scenario_of_the_library_is_run_here() {
            let here = BTreeSet::from([$($name),*]);
            assert_eq!(here, SMALL.iter().map(|small| small.name).collect());
            // The swarm needs far more seeds, and has a test of its own in `seeds`.
            assert_eq!(here, library().filter(|name| *name != "anything").collect());
        }
    };
}

each! {
    three_villages "three-villages";
    lucheng "lucheng";
    linqu_county "linqu-county";
    a_county_for_a_month "county";
    changling "changling";
    a_township_is_down_for_a_week "township-outage";
    flood_season "flood-season";
    usb_courier "usb-courier";
    upgrade_week "upgrade-week";
    enrolment_day "enrolment-day";
    hostile_village "hostile-village";
    policies "policies";
    grants "grants";
}

#[test]
fn expectations_can_fail() {
    let fails = |name: &str, set: &str| {
        let scenario = Scenario::of_library(name, &[set.parse().unwrap()]).unwrap();
        let (_, summary) = run_gathering(scenario.plan(1).unwrap()).unwrap();
        let missed = [scenario.missed_by(&summary), scenario.missed_by_all(&summary)].concat();
        assert!(!missed.is_empty(), "{name} with {set}");
    };
    fails("changling", "fault.road.lasts=12d");
    fails("township-outage", "fault.outage.lasts=5min");
    fails("hostile-village", "fault.flood.chance=0%");
    fails("usb-courier", "link.courier.duty={ every = \"14d\", on = \"1h\" }");
}
