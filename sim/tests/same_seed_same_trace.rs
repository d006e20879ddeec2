//! The same seed gives the same run, byte for byte, in another process too; another seed gives another.
#![allow(clippy::disallowed_methods, reason = "the test reads what the command line wrote")]
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, Output};

fn simulate(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_xiangyue-sim")).args(args).output().unwrap()
}

fn summary(seed: &str, tier: &str) -> serde_json::Value {
    let output = simulate(&["run", "three-villages", "--seed", seed, "--tier", tier, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn two_processes_with_one_seed_agree_in_all_but_wall_time_and_memory() {
    // QUIC's keys are drawn anew in each process: the trace has the times and lengths of datagrams, not their bytes.
    for tier in ["streams", "quic"] {
        for seed in ["1", "7", "42"] {
            let (mut one, mut two) = (summary(seed, tier), summary(seed, tier));
            for of_this_machine in ["wall_seconds", "max_rss_bytes"] {
                one[of_this_machine].take();
                two[of_this_machine].take();
            }
            assert_eq!(one, two);
        }
        assert_ne!(summary("1", tier)["trace_hash"], summary("2", tier)["trace_hash"]);
    }
    assert_ne!(summary("1", "streams")["trace_hash"], summary("1", "quic")["trace_hash"]);
}

/// The trace of each run of a sweep, in which each run is a process of its own.
fn traces(dir: &std::path::Path, scenario: &str, seeds: &str) -> BTreeMap<u64, String> {
    let out = dir.join(scenario);
    let args = ["sweep", scenario, "--seed", "1", "--seeds", seeds, "--out", out.to_str().unwrap()];
    let output = simulate(&args);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let lines = std::fs::read_to_string(out.join("results.jsonl")).unwrap();
    let runs = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["summary"].take());
    runs.map(|run| (run["seed"].as_u64().unwrap(), run["trace_hash"].as_str().unwrap().to_owned())).collect()
}

#[test]
fn every_seed_of_the_smoke_scenario_and_of_the_swarm_has_one_trace_in_two_processes() {
    for (scenario, seeds) in [("three-villages", "200"), ("anything", "40")] {
        let (once, again) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (once, again) = (traces(once.path(), scenario, seeds), traces(again.path(), scenario, seeds));
        assert_eq!(once.len().to_string(), seeds);
        assert_eq!(once, again);
        let different: BTreeSet<&String> = once.values().collect();
        assert_eq!(different.len(), once.len(), "each seed has a trace of its own");
    }
}

#[test]
fn a_summary_has_what_scripts_read() {
    let dir = std::env::temp_dir().join(format!("xiangyue-sim-{}", std::process::id()));
    let text = dir.to_str().unwrap();
    assert_eq!(simulate(&["run", "three-villages", "--seed", "3", "--out", text]).status.code(), Some(0));
    let summary: serde_json::Value = serde_json::from_slice(&std::fs::read(dir.join("summary.json")).unwrap()).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    for field in [
        "trace_hash",
        "converged",
        "violations",
        "virtual_seconds",
        "wall_seconds",
        "nodes",
        "writes_acknowledged",
        "sends_per_change",
        "convergence_ms",
        "bytes_per_change",
        "max_rss_bytes",
    ] {
        assert!(!summary[field].is_null(), "{field} is missing in {summary:#}");
    }
    assert!(summary["convergence_ms"]["p99"].as_u64() >= summary["convergence_ms"]["p50"].as_u64());
}

#[test]
fn bad_input_exits_with_two() {
    assert_eq!(simulate(&["run", "no-such-scenario"]).status.code(), Some(2));
    assert_eq!(simulate(&["run", "three-villages", "--seeds", "0"]).status.code(), Some(2));
    assert_eq!(simulate(&["run", "three-villages", "--tier", "tcp"]).status.code(), Some(2));
    let misspelt = simulate(&["run", "three-villages", "--set", "topology.vilages=3"]);
    assert_eq!(misspelt.status.code(), Some(2));
    let said = String::from_utf8_lossy(&misspelt.stderr).into_owned();
    assert!(said.contains("nearest: `villages`"), "{said}");
}

#[test]
fn quic_is_for_fifty_nodes_and_more_are_refused() {
    // With the township and the shop.
    for (villages, code) in [("48", 0), ("49", 2)] {
        let set = format!("topology.villages={villages}");
        for command in [vec!["scenarios", "check"], vec!["run"]] {
            let brief = ["--set", "phases.load=1s"].as_slice();
            let brief = if command == ["run"] { brief } else { &[] };
            let words = [command.as_slice(), &["three-villages", "--tier", "quic", "--set", &set], brief].concat();
            let output = simulate(&words);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(output.status.code(), Some(code), "{words:?}: {said}");
            assert!(code == 0 || said.contains("51 nodes are too many"), "{said}");
        }
    }
}

#[test]
fn a_missed_expectation_exits_with_one_and_is_named() {
    let args = ["run", "three-villages", "--seed", "3", "--set", "expect.nodes=<= 4"];
    let missed = simulate(&args);
    assert_eq!(missed.status.code(), Some(1), "{}", String::from_utf8_lossy(&missed.stderr));
    let said = String::from_utf8_lossy(&missed.stdout).into_owned();
    assert!(said.contains("seed 3: expected nodes <= 4, found 5"), "{said}");
}
