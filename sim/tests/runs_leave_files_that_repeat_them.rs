//! The commands that leave and read files, through the real program: run, sweep, merge, compare, plot, trace.

#![expect(clippy::disallowed_methods, reason = "these tests look at the files that the program leaves")]

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

const SCENARIO: &str = r#"
[meta]
zh = "小镇"
en = "Small"
about = "Two villages, twenty seconds."

[topology]
villages = 2

[phases]
load = "20s"
sample = "2s"

[[fault]]
name = "cut"
kind = "cut"
at = "villages"
when = "20%"
lasts = "5s"

[[fault]]
name = "crash"
kind = "crash"
at = "villages"
lasts = "2s"

[sweep]
"fault.cut.lasts" = ["2s", "8s"]

[seeds]
count = 3
"#;

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().expect("this test's folder and program are there"));
        std::fs::write(place.0.path().join("small.toml"), SCENARIO).expect("this test's folder and program are there");
        place
    }

    /// Runs the program here with words apart by spaces; its exit code must be `code`.
    fn does(&self, words: &str, code: i32) -> Output {
        let program = env!("CARGO_BIN_EXE_xiangyue-sim");
        let output = Command::new(program)
            .args(words.split(' '))
            .current_dir(self.0.path())
            .output()
            .expect("this test's folder and program are there");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{words}: {said}");
        output
    }

    fn json(&self, name: &str) -> Value {
        serde_json::from_str(&self.text(name)).expect("this test's folder and program are there")
    }

    fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.path().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn heading(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[test]
fn a_run_leaves_what_repeats_it() {
    let place = Place::new();
    place.does("run small.toml --seed 7 --set topology.villages=3 --out first", 0);
    let summary = place.json("first/summary.json");
    let keys = ["trace_hash", "converged", "violations", "virtual_seconds", "wall_seconds", "nodes"];
    let more = ["writes_acknowledged", "sends_per_change", "convergence_ms", "bytes_per_change", "max_rss_bytes"];
    for key in keys.iter().chain(&more) {
        assert!(!summary[*key].is_null(), "{key} is missing in {summary:#}");
    }
    let manifest = place.json("first/manifest.json");
    assert_eq!(manifest["trace_hash"], summary["trace_hash"]);
    assert_eq!(manifest["plan"]["nodes"].as_array().map(Vec::len), Some(5));
    assert_eq!(manifest["identity"]["scenario"], "small");
    assert_eq!(heading(&place.text("first/quantiles.csv")), "permille,convergence_ms,delivery_ms");
    let deliveries = place.text("first/deliveries.csv");
    assert_eq!(heading(&deliveries), "doc,author,last,written_us,node,arrived_us,hops,bytes");
    assert_eq!(Some(deliveries.lines().skip(1).count() as u64), summary["deliveries"].as_u64());
    assert_eq!(summary["deliveries"], summary["deliveries_due"], "everything came everywhere");
    let series = place.text("first/series.csv");
    assert!(heading(&series).starts_with("at_us,up,links_up,pairs,behind_p50_ms,"), "{}", heading(&series));
    assert!(series.lines().count() > 10, "one every two seconds: {series}");

    // The manifest's command, in the run's folder, on whatever machine.
    let command = manifest["command"].as_str().unwrap().strip_prefix("xiangyue-sim ").unwrap().to_owned();
    let again = Command::new(env!("CARGO_BIN_EXE_xiangyue-sim"))
        .args(command.split(' '))
        .args(["--out", "again"])
        .current_dir(place.path("first"))
        .output()
        .unwrap();
    assert_eq!(again.status.code(), Some(0), "{command}: {}", said(&again));
    assert_eq!(place.json("first/again/summary.json")["trace_hash"], summary["trace_hash"]);
}

#[test]
fn a_run_over_quic_is_repeated_over_quic() {
    let place = Place::new();
    place.does("run small.toml --seed 7 --tier quic --out first", 0);
    let (summary, manifest) = (place.json("first/summary.json"), place.json("first/manifest.json"));
    assert_eq!(summary["tier"], "quic");
    assert_eq!(manifest["command"], "xiangyue-sim run small.toml --seed 7 --tier quic");
    let again = said(&place.does("replay first", 0));
    assert!(again.contains(summary["trace_hash"].as_str().unwrap()), "{again}");
    place.does("sweep small.toml --seeds 1 --tier quic --out sweep", 0);
    assert_eq!(place.json("sweep/runs/0000-1/summary.json")["tier"], "quic");
    let other = said(&place.does("sweep small.toml --seeds 1 --out sweep", 2));
    assert!(other.contains("another sweep"), "{other}");
}

#[test]
fn what_is_left_out_at_a_limit_is_counted() {
    let place = Place::new();
    place.does("run small.toml --seed 1 --trace-rows 10 --out short", 0);
    let file = &place.json("short/manifest.json")["files"]["trace.jsonl"];
    assert_eq!((file["rows"].as_u64(), file["limit"].as_u64()), (Some(10), Some(10)));
    assert!(file["left_out"].as_u64().is_some_and(|left_out| left_out > 0), "{file}");
    assert_eq!(place.text("short/trace.jsonl").lines().count(), 10);
}

#[test]
fn a_sweep_keeps_finished_runs_and_its_shards_make_the_whole() {
    let place = Place::new();
    place.does("sweep small.toml --out whole", 0);
    let runs = place.text("whole/runs.csv");
    assert!(heading(&runs).starts_with("fault.cut.lasts,seed,violations_total,"), "{}", heading(&runs));
    assert_eq!(runs.lines().count(), 1 + 2 * 3);
    assert!(place.text("whole/figures.csv").contains("8s,sends_per_change,,3,"));

    std::fs::remove_file(place.path("whole/runs/0001-2/summary.json")).unwrap();
    let again = said(&place.does("sweep small.toml --out whole", 0));
    assert!(again.contains("5 of 6 runs are finished already"), "{again}");
    let other = said(&place.does("sweep small.toml --seeds 2 --out whole", 2));
    assert!(other.contains("another sweep"), "{other}");

    place.does("sweep small.toml --shard 0/2 --out part-0", 0);
    let missing = said(&place.does("merge part-0 --out merged", 2));
    assert!(missing.contains("3 of 6 runs are missing: 0000-2, 0001-1, 0001-3"), "{missing}");
    assert!(!place.path("merged").exists());
    place.does("sweep small.toml --shard 1/2 --out part-1", 0);
    place.does("merge part-0 part-1 --out merged", 0);
    assert_eq!(hashes(&place, "merged"), hashes(&place, "whole"));
    place.does("sweep small.toml --set topology.villages=3 --shard 1/2 --out strange", 0);
    let refused = said(&place.does("merge part-0 strange --out never", 2));
    assert!(refused.contains("do not belong together: the values set over it differ"), "{refused}");
}

fn hashes(place: &Place, sweep: &str) -> Vec<Value> {
    let line = |line: &str| serde_json::from_str::<Value>(line).map(|run| run["summary"]["trace_hash"].clone());
    place.text(&format!("{sweep}/results.jsonl")).lines().map(|text| line(text).expect("a line of JSON")).collect()
}

#[test]
fn a_turn_for_the_worse_is_named_and_fails_if_asked() {
    let place = Place::new();
    place.does("sweep small.toml --out before", 0);
    let same = said(&place.does("compare before before --fail-on-worse", 0));
    assert!(same.contains("0 worse beyond 95 % confidence") && same.contains("seed by seed"), "{same}");

    let worse = |line: &str| {
        let mut run: Value = serde_json::from_str(line).unwrap();
        let sends = run["summary"]["sends_per_change"].as_f64().unwrap();
        run["summary"]["sends_per_change"] = (sends + 2.0).into();
        run["summary"]["wall_seconds"] = 1000.into();
        format!("{run}\n")
    };
    let changed: String = place.text("before/results.jsonl").lines().map(worse).collect();
    std::fs::write(place.path("after.jsonl"), changed).unwrap();
    let table = said(&place.does("compare before after.jsonl", 0));
    let row = table.lines().find(|line| line.starts_with("sends per change")).unwrap_or_default();
    assert!(row.contains("+2.000") && row.ends_with("WORSE"), "{table}");
    assert!(table.contains("2 worse beyond 95 % confidence"), "one for each combination: {table}");
    place.does("compare before after.jsonl --fail-on-worse", 1);
    let better = said(&place.does("compare after.jsonl before --fail-on-worse", 0));
    assert!(better.contains("better"), "{better}");
}

#[test]
fn charts_and_lanes_are_drawn_from_the_files() {
    let place = Place::new();
    place.does("sweep small.toml --out sweep", 0);
    let drawn = said(&place.does("plot sweep --out plots", 0));
    assert!(!drawn.contains("no "), "every chart has something to show: {drawn}");
    let distributions = ["convergence-cdf", "staleness", "hops", "recovery"];
    let against = ["bytes", "sends", "redundancy", "reliability", "refused", "memory"];
    for name in distributions.iter().chain(&against) {
        assert!(place.text(&format!("plots/{name}.svg")).contains("</svg>"), "{name}: {drawn}");
        let image = std::fs::read(place.path(&format!("plots/{name}.png"))).unwrap();
        assert!(image.starts_with(b"\x89PNG"), "{name}");
    }
    let unknown = said(&place.does("plot sweep --x topology.villages", 2));
    assert!(unknown.contains("was not varied; varied: fault.cut.lasts"), "{unknown}");

    place.does("run small.toml --seed 7 --out one", 0);
    place.does("trace one", 0);
    let lanes = place.text("one/plots/lanes.svg");
    assert!(
        lanes.contains("small, seed 7") && lanes.contains("village-2") && is_image(&place.path("one/plots/lanes.png"))
    );
    let nobody = said(&place.does("trace one --nodes nobody", 2));
    assert!(nobody.contains("no node is called nobody"), "{nobody}");
    place.does("run small.toml --seed 7 --trace-rows 0 --out blind", 0);
    let blind = said(&place.does("trace blind", 2));
    assert!(blind.contains("run again with --trace-rows"), "{blind}");
}

fn is_image(path: &Path) -> bool {
    std::fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"\x89PNG"))
}

#[test]
fn what_is_no_folder_of_runs_is_refused() {
    let place = Place::new();
    for words in ["plot .", "trace .", "compare . .", "merge . --out merged"] {
        let refused = said(&place.does(words, 2));
        assert!(refused.contains("manifest.json") || refused.contains("sweep.json"), "{words}: {refused}");
    }
    place.does("sweep small.toml --shard 2/2 --out never", 2);
}

#[test]
fn a_run_that_is_told_to_stop_writes_what_it_has() {
    let place = Place::new();
    let long = "run small.toml --seed 1 --set phases.load=20h --out long";
    let mut child = Command::new(env!("CARGO_BIN_EXE_xiangyue-sim"))
        .args(long.split(' '))
        .current_dir(place.0.path())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    while !std::fs::metadata(place.path("long/trace.jsonl")).is_ok_and(|file| file.len() > 0) {
        assert!(child.try_wait().unwrap().is_none(), "it ended by itself");
        std::thread::yield_now();
    }
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let summary = place.json("long/summary.json");
    assert_eq!((&summary["interrupted"], &summary["missed"]), (&true.into(), &serde_json::json!([])));
    assert!(place.json("long/manifest.json")["trace_hash"].is_string());
}

#[cfg(feature = "parquet")]
#[test]
fn tables_come_as_parquet_with_the_same_rows() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    let place = Place::new();
    place.does("run small.toml --seed 7 --parquet --out one", 0);
    let reader = SerializedFileReader::try_from(place.path("one/quantiles.parquet").as_path()).unwrap();
    let rows = place.text("one/quantiles.csv").lines().skip(1).count();
    assert_eq!(usize::try_from(reader.metadata().file_metadata().num_rows()), Ok(rows));
    let first = reader.get_row_iter(None).unwrap().next().unwrap().unwrap().to_string();
    assert!(first.contains("permille: 0"), "{first}");
}

#[cfg(not(feature = "parquet"))]
#[test]
fn without_its_feature_parquet_is_refused_before_anything_runs() {
    let place = Place::new();
    let refused = said(&place.does("run small.toml --parquet --out one", 2));
    assert!(refused.contains("--features parquet"), "{refused}");
    assert!(!place.path("one").exists());
}

#[test]
fn runs_of_two_scenarios_are_never_mixed_in_one_folder() {
    let place = Place::new();
    place.does("run small.toml --seeds 2 --out many --json", 0);
    place.does("run small.toml --seeds 2 --out many --json", 0);
    let said = String::from_utf8(place.does("run small.toml --set topology.villages=3 --seeds 2 --out many", 2).stderr);
    assert!(said.is_ok_and(|said| said.contains("many: holds runs of several seeds")));
    place.does("run small.toml --seed 1 --out many", 2);
    place.does("plot many --out plots", 0);
    assert!(place.path("plots/convergence-cdf.svg").exists());
}

#[test]
fn a_replay_says_where_it_differs_and_not_what_is_written_otherwise() {
    let place = Place::new();
    place.does("run small.toml --seed 1 --out one --json", 0);
    place.does("replay one", 0);
    let trace = place.0.path().join("one/trace.jsonl");
    let lines = std::fs::read_to_string(&trace).expect("the run has left it");
    let (head, tail) = lines.split_at(lines.match_indices("\"send\"").nth(5).expect("more than five were sent").0);
    std::fs::write(&trace, format!("{head}\"lend\"{}", &tail[6..])).expect("the folder is this test's own");
    let manifest = place.0.path().join("one/manifest.json");
    let text = std::fs::read_to_string(&manifest).expect("the run has left it");
    let hash = text.split("\"trace_hash\": \"").nth(1).expect("it is there").split('"').next().expect("it has an end");
    std::fs::write(&manifest, text.replace(hash, "0")).expect("the folder is this test's own");
    let said = String::from_utf8(place.does("replay one", 1).stdout).expect("text");
    let line = head.lines().count();
    assert!(said.contains(&format!("first difference: line {line}\n")), "{said}");
}
