//! The simulator's faults on real processes: one plan, carried out in virtual time and in real time. What the
//! simulator says may never be seen is not seen here either; a difference between the two would be a finding.

use xiangyue_protocol::Command;
use xiangyue_sim::engine::Engine;
use xiangyue_sim::scenario::{Scenario, Set};
use xiangyue_tests::replay;

/// The smallest scenario, half as long. Its dead disk is left to the tests of restores: a real one is put back by hand.
const SETS: [&str; 6] = [
    "phases.load=45s",
    "fault.restore.chance=0%",
    "fault.crash.times=1..2",
    "fault.break.times=0..1",
    "workload.roster=10%",
    "workload.publish=20%",
];

#[test]
fn partition_power_cuts_and_breaks_come_out_alike_in_both_tiers() {
    let sets: Vec<Set> = SETS.iter().map(|set| set.parse().unwrap()).collect();
    let plan = Scenario::of_library("three-villages", &sets).unwrap().plan(3).unwrap();
    let virtual_run = Engine::new(plan.clone()).unwrap().run(&mut ());
    let real_run = replay(&plan);
    println!("simulated: {} acknowledged, trace {}", virtual_run.stats.acknowledged, virtual_run.trace_hash);
    println!(
        "processes: {} acknowledged, {} faults, {} calls unanswered, refused {:?}, agreed {:?} after the load",
        real_run.acknowledged.len(),
        real_run.faults,
        real_run.unanswered,
        real_run.refused,
        real_run.healed_in,
    );
    assert!(virtual_run.is_green(), "simulated: {:#?}", virtual_run.violations);
    assert_eq!(real_run.left_out, Vec::<String>::new());
    let asked = |what: fn(&Command) -> bool| real_run.acknowledged.iter().any(|(_, command)| what(command));
    assert!(asked(|command| matches!(command, Command::Put(_))), "somebody edits the roster");
    assert!(asked(|command| matches!(command, Command::Item(_))), "the town publishes items");
    assert!(real_run.objections.is_empty(), "processes: {:#?}", real_run.objections);
}
