//! Every way of propagation reaches every node of a mesh, calm or torn; lazy push sends almost nothing twice.

use std::collections::BTreeSet;

use xiangyue_protocol::policy::{Policy, Propagation};
use xiangyue_sim::engine::Engine;
use xiangyue_sim::link::LinkSpec;
use xiangyue_sim::plan::{Fault, NodeSpec, Phases, Plan, Way};
use xiangyue_sim::report::Report;
use xiangyue_sim::rng::Rng;
use xiangyue_sim::scheduler::SECOND;
use xiangyue_sim::workload::Workload;

/// A mesh: a ring, and for each node two more links to others drawn by chance.
fn mesh(seed: u64, count: usize) -> Plan {
    let mut rng = Rng::new(seed, "mesh", "links");
    let node = |n: usize| match n {
        0 => NodeSpec::new("township", "110112119".parse().expect("code")),
        n => NodeSpec::new(format!("village-{n}"), format!("110112119{}", 200 + n).parse().expect("code")),
    };
    let mut pairs: BTreeSet<(usize, usize)> = (0..count).map(|n| (n, (n + 1) % count)).collect();
    for n in 0..count {
        for _ in 0..2 {
            let other = usize::try_from(rng.below(count as u64)).expect("small");
            if other != n && !pairs.contains(&(other, n)) {
                pairs.insert((n, other));
            }
        }
    }
    let links = pairs.into_iter().map(|(a, b)| LinkSpec::new(a, b)).collect();
    let mut plan = Plan::calm(seed, (0..count).map(node).collect(), links);
    plan.workload =
        Workload { every: (2 * SECOND, 4 * SECOND), publish_permille: 1000, retry_permille: 0, ..Workload::default() };
    plan.phases = Phases { warm_up: 20 * SECOND, load: 300 * SECOND, ..Phases::default() };
    plan
}

fn run(mut plan: Plan, propagation: Propagation) -> Report {
    plan.policy = Policy { propagation, ..Policy::default() };
    let report = Engine::new(plan).expect("starts").run(&mut ());
    assert!(report.is_green(), "{propagation:?}: {:?}", report.violations);
    report
}

#[test]
fn in_calm_a_tree_reaches_everybody_and_sends_hardly_anything_twice() {
    for seed in 1..=3 {
        let lazy = run(mesh(seed, 40), Propagation::Lazy).stats;
        assert!(
            lazy.redundant_permille() <= 100,
            "seed {seed}: {} of a thousand came twice",
            lazy.redundant_permille()
        );
        let sends = lazy.segments_sent as f64 / lazy.segments as f64;
        assert!(sends < 1.1 * 39.0, "seed {seed}: {sends} sends for 39 readers");
        let flood = run(mesh(seed, 40), Propagation::Flood).stats;
        assert!(flood.redundant_permille() > 500, "a flood in this mesh: {}", flood.redundant_permille());
    }
}

#[test]
fn a_torn_mesh_recovers_under_every_policy() {
    for (propagation, seed) in Propagation::ALL.into_iter().zip(1..) {
        let mut plan = mesh(seed, 40);
        let cut = Fault::Cut { island: (20..40).collect(), way: Way::Both, lasts: 60 * SECOND };
        let flap = Fault::Cut { island: (5..10).collect(), way: Way::Both, lasts: 8 * SECOND };
        plan.faults = vec![(40 * SECOND, cut), (110 * SECOND, flap.clone()), (125 * SECOND, flap)];
        let stats = run(plan, propagation).stats;
        assert_eq!(
            stats.convergence.len() as u64,
            stats.segments,
            "{propagation:?}: every segment reached every reader"
        );
    }
}
