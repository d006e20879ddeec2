//! Each bug planted in the driver is found by the oracle of the promise that it breaks.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use xiangyue_sim::plan::Plant;
use xiangyue_sim::scenario::{ThreeVillages, Topology, run, three_villages};

/// Seeds that are tried before a bug counts as not found.
const SEEDS: u64 = 300;

/// The first seed under which one of these promises is seen to be broken.
fn seeds_to_find(plant: Plant, promises: &[u8]) -> Option<u64> {
    let params = ThreeVillages {
        plant: Some(plant),
        topology: Topology::Star,
        restore_permille: 1000,
        crashes: 4,
        ..ThreeVillages::default()
    };
    (1..=SEEDS).find(|seed| {
        let report = run(three_villages(*seed, &params)).unwrap();
        report.violations.iter().any(|violation| promises.contains(&violation.promise))
    })
}

fn promises(plant: Plant) -> &'static [u8] {
    match plant {
        Plant::AcknowledgeBeforeSync | Plant::LoseSyncedTail => &[1],
        Plant::ReuseIncarnation => &[7],
        Plant::RestoreUnfrozen => &[2],
        Plant::KeepSessionAcrossBreak => &[6],
        Plant::ServeWholeJournal => &[5],
        Plant::RenumberRetries => &[3],
    }
}

#[test]
fn every_planted_bug_is_found_by_its_oracle() {
    let found: Vec<_> = Plant::ALL.iter().map(|plant| (*plant, seeds_to_find(*plant, promises(*plant)))).collect();
    for (plant, seeds) in &found {
        println!("{plant:?}: seeds to find {seeds:?}, promise {:?}", promises(*plant));
    }
    let missed: Vec<_> = found.iter().filter(|(_, seeds)| seeds.is_none()).collect();
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
