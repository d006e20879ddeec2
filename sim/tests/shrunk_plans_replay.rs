//! A planted bug shrinks to few faults, nodes and requests, and the small plan gives the same run again,
//! over streams and over QUIC.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use xiangyue_sim::engine::Engine;
use xiangyue_sim::mutant::{Mutant, planted};
use xiangyue_sim::plan::{Plan, Tier};
use xiangyue_sim::shrink::shrink;

#[test]
fn a_bug_that_needs_one_power_cut_shrinks_to_it() {
    for tier in [Tier::Streams, Tier::Quic] {
        let plan = planted(Mutant::LoseSyncedTail, 1).on(tier).unwrap();
        let shrunk = shrink(&plan, &mut |_, _| true).unwrap().expect("it trips");
        println!("{} runs: {:?}, {} requests", shrunk.runs, shrunk.plan.faults, shrunk.requests);
        assert_eq!((shrunk.violation.promise, shrunk.violation.oracle), (1, "durable"));
        assert_eq!(shrunk.plan.faults.len(), 1, "{:?}", shrunk.plan.faults);
        assert!(shrunk.plan.nodes.len() <= 2, "{:?}", shrunk.plan.nodes);
        assert!(shrunk.requests <= 2, "{} requests", shrunk.requests);
        // As `replay` does: through JSON, and the trace is the same.
        let text = serde_json::to_string(&shrunk.plan).unwrap();
        let again: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(Engine::new(again).unwrap().run(&mut ()).trace_hash, shrunk.trace_hash);
    }
}

#[test]
fn a_sound_plan_does_not_shrink() {
    assert!(shrink(&xiangyue_sim::mutant::ground(1), &mut |_, _| true).unwrap().is_none());
}
