//! Every way of propagation reaches every node of a mesh, calm or torn; lazy push sends almost nothing twice.

use std::collections::BTreeSet;

use xiangyue_protocol::policy::{Policy, Propagation};
use xiangyue_sim::engine::Engine;
use xiangyue_sim::link::LinkSpec;
use xiangyue_sim::observer::{Observer, Sample};
use xiangyue_sim::plan::{Fault, NodeSpec, Phases, Plan, Way};
use xiangyue_sim::rng::Rng;
use xiangyue_sim::scheduler::{Micros, SECOND};
use xiangyue_sim::stats::Stats;
use xiangyue_sim::workload::Workload;

/// In it the first segments, directory and rules, go over every link, and the tree grows out of their duplicates.
const WARM_UP: Micros = 20 * SECOND;
const LOAD: Micros = 120 * SECOND;

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
    plan.phases = Phases { warm_up: WARM_UP, load: LOAD, ..Phases::default() };
    plan
}

fn run(plan: Plan, propagation: Propagation) -> Stats {
    run_watched(plan, propagation, &mut ())
}

fn run_watched(mut plan: Plan, propagation: Propagation, watch: &mut dyn Observer) -> Stats {
    plan.policy = Policy { propagation, ..Policy::default() };
    let report = Engine::new(plan).expect("starts").run(watch);
    assert!(report.is_green(), "{propagation:?}: {:?}", report.violations);
    report.stats
}

/// What had been counted when the warm-up ended.
#[derive(Default)]
struct Grown(Sample);

impl Observer for Grown {
    fn sample(&mut self, sample: &Sample) {
        if sample.at <= WARM_UP {
            self.0 = *sample;
        }
    }
}

/// Changes, sends of segments, segments taken in and those that came in vain, all during the load.
fn of_load(seed: u64, propagation: Propagation) -> [u64; 4] {
    let plan = Plan { sample: WARM_UP, ..mesh(seed, 40) };
    let mut watch = Grown::default();
    let all = run_watched(plan, propagation, &mut watch);
    let grown = watch.0;
    assert!(grown.received > 0, "the directory is everywhere before the load begins");
    [
        all.changes - grown.changes,
        all.segments_sent - grown.sends,
        all.received - grown.received,
        all.redundant - grown.redundant,
    ]
}

#[test]
fn in_calm_a_grown_tree_reaches_everybody_and_sends_hardly_anything_twice() {
    for seed in 1..=3 {
        let [changes, sends, received, redundant] = of_load(seed, Propagation::Lazy);
        assert!(changes >= 30, "seed {seed}: {changes} changes");
        assert_eq!(received, changes * 39, "seed {seed}: received by 39 readers");
        assert!(redundant * 100 <= received, "seed {seed}: {redundant} came twice, {received} once");
        assert!(sends * 100 <= changes * 39 * 102, "seed {seed}: {sends} sends of {changes} changes to 39 readers");
        let [_, _, received, redundant] = of_load(seed, Propagation::Flood);
        assert!(redundant > received, "a flood in this mesh: {redundant} came twice, {received} once");
    }
}

#[test]
fn a_tree_grows_at_the_price_of_one_flood() {
    for seed in 1..=3 {
        let plan = Plan { workload: Workload { publish_permille: 0, ..Workload::default() }, ..mesh(seed, 40) };
        let links = plan.links.len() as u64;
        let stats = run(plan, Propagation::Lazy);
        // Directory and rules are written together, so both go over every link, at most once in each direction.
        assert!(stats.segments_sent <= 2 * 2 * links, "seed {seed}: {} sends, {links} links", stats.segments_sent);
    }
}

#[test]
fn a_torn_mesh_recovers_under_every_policy() {
    for (propagation, seed) in Propagation::ALL.into_iter().zip(1..) {
        let mut plan = mesh(seed, 40);
        let cut = Fault::Cut { island: (20..40).collect(), way: Way::Both, lasts: 60 * SECOND, till: false };
        let flap = Fault::Cut { island: (5..10).collect(), way: Way::Both, lasts: 8 * SECOND, till: false };
        plan.faults = vec![(40 * SECOND, cut), (110 * SECOND, flap.clone()), (125 * SECOND, flap)];
        let stats = run(plan, propagation);
        assert_eq!(
            stats.convergence.len() as u64,
            stats.segments,
            "{propagation:?}: every segment reached every reader"
        );
    }
}
