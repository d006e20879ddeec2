//! Each bug planted in the driver is found by the oracle of the promise that it breaks.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use xiangyue_sim::mutant::Mutant;
use xiangyue_sim::scenario::{ThreeVillages, Topology, run, three_villages};

/// Seeds that are tried before a bug counts as not found.
const SEEDS: u64 = 300;

/// The first seed under which one of these promises is seen to be broken.
fn seeds_to_find(mutant: Mutant, promises: &[u8]) -> Option<u64> {
    let params = ThreeVillages {
        mutant: Some(mutant),
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

fn promises(mutant: Mutant) -> &'static [u8] {
    match mutant {
        Mutant::AcknowledgeBeforeSync | Mutant::LoseSyncedTail => &[1],
        Mutant::ReuseIncarnation => &[7],
        Mutant::RestoreUnfrozen => &[2, 7],
        Mutant::KeepSessionAcrossBreak => &[6],
        Mutant::ServeWholeJournal => &[5],
        Mutant::RenumberRetries => &[3],
    }
}

#[test]
fn every_planted_bug_is_found_by_its_oracle() {
    let found: Vec<_> = Mutant::ALL.iter().map(|mutant| (*mutant, seeds_to_find(*mutant, promises(*mutant)))).collect();
    for (mutant, seeds) in &found {
        println!("{mutant:?}: seeds to find {seeds:?}, promise {:?}", promises(*mutant));
    }
    let missed: Vec<_> = found.iter().filter(|(_, seeds)| seeds.is_none()).collect();
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}
