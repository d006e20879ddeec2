//! Each planted bug is found by an oracle of a promise that it breaks. With the feature `mutants` these are all
//! of them, without it those that sit in the driver.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::BTreeSet;

use xiangyue_sim::mutant::{Mutant, ground, hunt};
use xiangyue_sim::scenario::run;

/// Seeds that are tried before a bug counts as not found.
const SEEDS: u64 = 100;

#[test]
fn every_planted_bug_is_found_by_an_oracle_of_its_promise() {
    let built = Mutant::ALL.iter().copied().filter(|mutant| mutant.is_built());
    let hunts: Vec<_> = built.map(|mutant| (mutant, hunt(mutant, SEEDS).unwrap())).collect();
    for (mutant, found) in &hunts {
        let found = found.as_ref().map(|found| (found.seed, found.violation.oracle, found.violation.what.as_str()));
        println!("{}: {found:?}", mutant.name());
    }
    let missed: Vec<_> = hunts.iter().filter(|(_, found)| found.is_none()).map(|(mutant, _)| mutant.name()).collect();
    assert!(missed.is_empty(), "not found within {SEEDS} seeds: {missed:?}");
}

#[test]
fn without_a_planted_bug_nothing_is_found_on_the_same_ground() {
    for seed in 1..=10 {
        let report = run(ground(seed)).unwrap();
        assert!(report.is_green(), "seed {seed}: {:?}", report.violations);
    }
}

#[test]
fn every_promise_has_a_planted_bug() {
    let promises: BTreeSet<u8> = Mutant::ALL.iter().flat_map(|mutant| mutant.promises()).copied().collect();
    assert_eq!(promises.into_iter().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}
