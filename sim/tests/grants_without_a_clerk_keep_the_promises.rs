//! Rights granted without a clerk, under crashes, breaks, restores and a partition: every oracle holds.

use xiangyue_protocol::policy::{Granting, Grants, Policy};
use xiangyue_protocol::schema::Points;
use xiangyue_sim::scenario::{Scenario, run};
use xiangyue_sim::stats::{Sometimes, Stats};

/// What seeds of the three villages counted, with clerks that grant nothing by hand.
fn counted(granting: Granting) -> Stats {
    let by_hand = "workload.grant=0%".parse().expect("a key and its value");
    let scenario = Scenario::of_library("three-villages", &[by_hand]).expect("in the library");
    let mut sum = Stats::default();
    for seed in 1..=30 {
        let mut plan = scenario.plan(seed).expect("a plan");
        let grants = Grants { policy: granting, points: Points(15), ..Grants::default() };
        plan.policy = Policy { grants, ..Policy::default() };
        let report = run(plan).expect("starts");
        assert!(report.is_green(), "seed {seed}, {granting:?}: {:?}", report.violations);
        sum.add(&report.stats);
    }
    sum
}

#[test]
fn whichever_policy_every_promise_holds_and_fewer_redemptions_are_refused() {
    let refused = Granting::ALL.map(|granting| counted(granting).count(Sometimes::RefusedForRights));
    let [none, fixed, demand] = refused;
    assert!(fixed < none && demand < none, "refused under none, fixed, demand: {refused:?}");
}
