//! Of a tiny world every interleaving keeps every promise, and the number of worlds is always the same.

use xiangyue_sim::explore::{Tiny, Walk, explore, tiny};
use xiangyue_sim::mutant::Mutant;

fn walk(size: Tiny) -> Walk {
    let walk = explore(tiny(size).expect("a world"), u64::MAX, &mut |_| true).expect("nodes start");
    println!(
        "{size:?}: {} worlds, {} steps, {} at rest, {} terminal, depth {}",
        walk.states, walk.transitions, walk.at_rest, walk.terminal, walk.depth
    );
    walk
}

#[test]
fn a_power_cut_and_a_break_anywhere_among_two_entries() {
    let walk = walk(Tiny { operations: 2, ..Tiny::default() });
    assert!(walk.broken.is_none(), "{:?}", walk.broken);
    assert_eq!((walk.states, walk.transitions, walk.at_rest, walk.terminal), (4475, 11125, 105, 73));
}

#[test]
fn three_entries_without_a_power_cut() {
    let walk = walk(Tiny { operations: 3, crashes: 0, ..Tiny::default() });
    assert!(walk.broken.is_none(), "{:?}", walk.broken);
    assert_eq!((walk.states, walk.transitions, walk.at_rest, walk.terminal), (438, 850, 15, 13));
}

#[test]
fn a_planted_bug_is_met_on_some_way_and_the_way_is_told() {
    let walk = walk(Tiny { operations: 1, mutant: Some(Mutant::AcknowledgeBeforeSync), ..Tiny::default() });
    let (violation, way) = walk.broken.expect("found");
    assert_eq!(violation.promise, 1);
    assert!(!way.is_empty());
}
