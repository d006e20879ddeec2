//! Each fault brings about what it is for, and every promise holds all the same, over streams and over QUIC.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::BTreeSet;

use xiangyue_protocol::policy::{Granting, Propagation};
use xiangyue_sim::clock::ClockFault;
use xiangyue_sim::engine::Engine;
use xiangyue_sim::link::{Cell, LinkClass, LinkSpec};
use xiangyue_sim::observer::{Delivery, Observer, Sample, TraceEvent};
use xiangyue_sim::plan::{Fault, NodeSpec, Phases, Plan, Tier, Version, Way};
use xiangyue_sim::report::Report;
use xiangyue_sim::scenario::run;
use xiangyue_sim::scheduler::{Duty, MILLI, Micros, SECOND};
use xiangyue_sim::stats::Sometimes;

const SEEDS: u64 = 4;

/// Township 0, villages 1 to 3, merchant 4; each dials the township, neighbours each other.
fn plan(seed: u64) -> Plan {
    let village = |n: usize| NodeSpec::new(format!("village-{n}"), format!("110112119{}", 200 + n).parse().unwrap());
    let mut nodes = vec![NodeSpec::new("township", "110112119".parse().unwrap())];
    nodes.extend((1..=3).map(village));
    nodes.push(NodeSpec::new("merchant", "110112119M01".parse().unwrap()));
    let pairs = [(1, 0), (2, 0), (3, 0), (4, 0), (1, 2), (2, 3), (4, 1)];
    let mut plan = Plan::calm(seed, nodes, pairs.map(|(dials, answers)| LinkSpec::new(dials, answers)).into());
    for village in 1..=3 {
        plan.accounts.extend((1..=3).map(|n| (format!("110112119{}-{n}", 200 + village).parse().unwrap(), village)));
    }
    plan.phases = Phases { warm_up: 5 * SECOND, load: 60 * SECOND, liveness: 600 * SECOND, core_permille: 1000 };
    plan
}

/// What is equal over streams and over QUIC: the verdict of every oracle, that everything comes to rest in agreement
/// and every clerk is answered, and that the fault bites. What is written in between may differ, for times do. Hands
/// back the reports over streams.
fn bites(what: &[Sometimes], change: impl Fn(&mut Plan)) -> Vec<Report> {
    let [streams, _] = [Tier::Streams, Tier::Quic].map(|tier| bites_on(tier, what, &change));
    streams
}

fn bites_on(tier: Tier, what: &[Sometimes], change: impl Fn(&mut Plan)) -> Vec<Report> {
    let reports: Vec<Report> = (1..=SEEDS)
        .map(|seed| {
            let mut plan = plan(seed);
            change(&mut plan);
            let report = run(plan.on(tier).unwrap()).unwrap();
            assert!(report.is_green(), "seed {seed} over {}: {:#?}", tier.name(), report.violations);
            report
        })
        .collect();
    for what in what {
        let met = reports.iter().any(|report| report.stats.count(*what) > 0);
        assert!(met, "never met over {}: {}", tier.name(), what.text());
    }
    reports
}

fn fault(fault: Fault) -> impl Fn(&mut Plan) {
    move |plan| plan.faults.push((20 * SECOND, fault.clone()))
}

fn island() -> BTreeSet<usize> {
    BTreeSet::from([1, 2, 3])
}

const LASTS: Micros = 30 * SECOND;

/// Wants to be told everything.
#[derive(Default)]
struct Curious {
    events: usize,
    off_from_the_start: Vec<usize>,
    deliveries: Vec<Delivery>,
    samples: Vec<Sample>,
}

impl Observer for Curious {
    fn wants_events(&self) -> bool {
        true
    }

    fn wants_deliveries(&self) -> bool {
        true
    }

    fn event(&mut self, event: &TraceEvent) {
        self.events += 1;
        self.off_from_the_start.extend((event.kind == "crash" && event.at == 0).then_some(event.node));
    }

    fn delivery(&mut self, delivery: &Delivery) {
        self.deliveries.push(delivery.clone());
    }

    fn sample(&mut self, sample: &Sample) {
        self.samples.push(*sample);
    }
}

#[test]
fn an_observer_changes_nothing_and_is_told_everything() {
    let mut plan = plan(1);
    plan.sample = SECOND;
    fault(Fault::Cut { island: island(), way: Way::Both, lasts: LASTS, till: false })(&mut plan);
    let alone = run(plan.clone()).unwrap();
    let mut watch = Curious::default();
    let watched = Engine::new(plan).unwrap().run(&mut watch);
    assert_eq!(watched.trace_hash, alone.trace_hash);
    assert!(watch.events > 1000, "{}", watch.events);
    assert!(watch.deliveries.iter().all(|d| d.node != d.author && d.arrived >= d.written && d.hops >= 1));
    assert!(watch.deliveries.iter().any(|d| d.hops == 2), "the merchant hears of the third village by the township");
    let behind = |sample: &Sample| sample.behind_max;
    assert!(watch.samples.iter().map(behind).max() > Some(20_000), "a cut of thirty seconds shows");
    assert_eq!(watch.samples.last().map(behind), Some(0), "and is over in the end");
    assert!(watch.samples.len() >= 60 && watch.samples.iter().all(|sample| sample.pairs >= sample.links_up));
}

#[test]
fn one_way_partitions() {
    for way in [Way::Into, Way::OutOf] {
        bites(&[Sometimes::CameThroughOneWay], fault(Fault::Cut { island: island(), way, lasts: LASTS, till: false }));
    }
}

#[test]
fn a_flapping_partition() {
    let flap = Fault::Flap { island: island(), up: 3 * SECOND, down: 4 * SECOND, lasts: LASTS };
    let reports = bites(&[Sometimes::Flapped], fault(flap));
    assert!(reports.iter().all(|report| report.stats.count(Sometimes::Flapped) >= 3));
}

#[test]
fn the_township_is_down_for_most_of_the_time() {
    bites(&[Sometimes::RefusedForRights], fault(Fault::Crash { node: 0, down: 40 * SECOND }));
}

#[test]
fn power_by_turns() {
    bites(&[Sometimes::PowerCameBack], |plan| {
        for node in 1..=3 {
            let phase = node as u64 * SECOND;
            plan.nodes[node].power = Some(Duty { period: 15 * SECOND, on: 5 * SECOND, phase, jitter: SECOND });
        }
    });
}

#[test]
fn who_has_no_power_yet_is_off_from_the_start() {
    let reports = bites(&[Sometimes::PowerCameBack], |plan| {
        for node in 1..=3 {
            let phase = (10 + 5 * node as u64) * SECOND;
            plan.nodes[node].power = Some(Duty { period: 3600 * SECOND, on: 3599 * SECOND, phase, jitter: 0 });
        }
        plan.sample = SECOND;
    });
    assert!(reports.iter().all(|report| report.stats.count(Sometimes::PowerCameBack) == 3));
    let mut plan = plan(1);
    plan.nodes[2].power = Some(Duty { period: 3600 * SECOND, on: 3599 * SECOND, phase: 20 * SECOND, jitter: 0 });
    plan.sample = SECOND;
    let mut watch = Curious::default();
    Engine::new(plan).unwrap().run(&mut watch);
    let up: BTreeSet<(bool, u64)> = watch.samples.iter().map(|sample| (sample.at >= 20 * SECOND, sample.up)).collect();
    assert_eq!(up, BTreeSet::from([(false, 4), (true, 5)]), "the second village comes on after twenty seconds");
    assert_eq!(watch.off_from_the_start, [2], "and whoever draws the run is told");
}

#[test]
fn a_courier_by_turns() {
    bites(&[Sometimes::LinkCameOn], |plan| {
        let duty = Some(Duty { period: 20 * SECOND, on: 4 * SECOND, phase: 3 * SECOND, jitter: SECOND });
        plan.classes.push(LinkClass { name: "courier".into(), duty, ..LinkClass::default() });
        plan.links.iter_mut().for_each(|link| link.class = 1);
    });
}

#[test]
fn one_narrow_cell_for_all_slows_everything_down() {
    let plain = bites(&[], |_| {});
    let cell = bites(&[], |plan| {
        plan.classes[0].latency = (600 * MILLI, 600 * MILLI);
        plan.cells.push(Cell { name: "2G".into(), bandwidth: 3750 });
        plan.links.iter_mut().for_each(|link| link.cell = Some(0));
    });
    let p50 = |reports: &[Report]| xiangyue_sim::stats::percentile(&reports[0].stats.convergence, 50);
    assert!(p50(&cell) > 2 * p50(&plain), "{} ms, {} ms in a narrow cell", p50(&plain), p50(&cell));
}

#[test]
fn a_board_that_starts_again_at_1970() {
    bites(&[Sometimes::RefusedWrongClock], |plan| {
        plan.faults.push((0, Fault::Clock { node: 1, shows: ClockFault::Epoch1970, lasts: LASTS }));
        plan.faults.push((20 * SECOND, Fault::Crash { node: 1, down: SECOND }));
    });
}

#[test]
fn a_clock_ten_years_ahead_and_one_that_drifts() {
    let ten_years = 10 * 365 * 86_400_000;
    bites(&[], |plan| {
        plan.nodes[2].clock.drift_ppm = 100_000;
        plan.faults.push((20 * SECOND, Fault::Clock { node: 1, shows: ClockFault::Offset(ten_years), lasts: LASTS }));
    });
}

#[test]
fn a_node_that_knows_a_time_still_to_come_goes_on_announcing_and_granting() {
    bites(&[], |plan| {
        plan.policy.propagation = Propagation::AntiEntropy;
        plan.policy.grants.policy = Granting::Demand;
        // What it writes meanwhile says that a day has passed, and it trusts no earlier time after its restart.
        let shows = ClockFault::Offset(86_400_000);
        plan.faults.push((10 * SECOND, Fault::Clock { node: 1, shows, lasts: 15 * SECOND }));
        plan.faults.push((20 * SECOND, Fault::Crash { node: 1, down: SECOND }));
    });
}

#[test]
fn a_revoked_node() {
    bites(&[Sometimes::Revoked], fault(Fault::Revoke { node: 3 }));
}

#[test]
fn an_equivocating_author() {
    bites(
        &[Sometimes::Equivocated, Sometimes::RefusedFork, Sometimes::AlarmRaised],
        fault(Fault::Equivocate { node: 1 }),
    );
}

#[test]
fn a_forging_relay() {
    bites(&[Sometimes::Forged, Sometimes::RefusedForgery], |plan| {
        // The merchant hears of the first village through the township alone, and through a forger.
        plan.faults.push((20 * SECOND, Fault::Forge { node: 0, lasts: LASTS }));
    });
}

#[test]
fn a_node_of_a_later_version() {
    bites(&[Sometimes::MetNewerVersion, Sometimes::WroteUnknownKind], |plan| {
        plan.nodes[1].version = Version::Newer;
        plan.faults.push((20 * SECOND, Fault::Crash { node: 1, down: SECOND }));
    });
}

#[test]
fn a_slow_peer_is_disconnected() {
    bites(&[Sometimes::ClosedSlowPeer], |plan| {
        plan.classes[0].queue = 64;
        plan.workload.every = (100 * MILLI, 400 * MILLI);
        plan.faults.push((20 * SECOND, Fault::SlowPeer { node: 0, lasts: LASTS }));
    });
}

#[test]
fn a_flood_of_segments_without_predecessors() {
    bites(&[Sometimes::Flooded, Sometimes::Gap], fault(Fault::Flood { node: 2, lasts: 10 * SECOND, per_second: 20 }));
}

#[test]
fn a_full_disk() {
    bites(&[Sometimes::RefusedDiskFull], fault(Fault::DiskFull { node: 1, lasts: LASTS }));
}

#[test]
fn a_sync_that_fails() {
    bites(&[Sometimes::IoFailed], fault(Fault::IoError { node: 1, nth: 3 }));
}

#[test]
fn a_bit_that_turns_is_found_and_fetched_again() {
    bites(&[Sometimes::StartedDamaged], fault(Fault::BitFlip { node: 1 }));
}

/// Every copy comes to be known, and in the end one of each node is left that has everything both had written.
#[test]
fn a_copy_beside_its_original() {
    let both = [Sometimes::Cloned, Sometimes::KeptTwinsOut, Sometimes::RefusedTwin, Sometimes::Readmitted];
    for node in [1, 4] {
        let clone = Fault::Clone { node, age: 2 * SECOND, beside: LASTS };
        let reports = bites(&both, fault(clone));
        assert!(reports.iter().all(|report| report.nodes == 5), "the copy is no node of the township");
    }
}

/// While neither has a line, both spend the same points; the township's figures show it, and no more than that.
#[test]
fn a_copy_that_nobody_has_met() {
    bites(&[Sometimes::SpentByBoth], |plan| {
        plan.workload.redeem_permille = 600;
        plan.faults.push((15 * SECOND, Fault::Cut { island: [1].into(), way: Way::Both, lasts: LASTS, till: false }));
        plan.faults.push((20 * SECOND, Fault::Clone { node: 1, age: 0, beside: LASTS }));
    });
}

#[test]
fn a_copy_of_one_whom_the_core_does_not_need_is_put_away_afterwards() {
    bites(&[Sometimes::CoreRestedAlone, Sometimes::Cloned], |plan| {
        plan.phases.core_permille = 500;
        (1..=4).for_each(|node| plan.faults.push((40 * SECOND, Fault::Clone { node, age: SECOND, beside: LASTS })));
    });
}

#[test]
fn the_core_comes_to_rest_on_its_own() {
    bites(&[Sometimes::CoreRestedAlone], |plan| plan.phases.core_permille = 500);
}
