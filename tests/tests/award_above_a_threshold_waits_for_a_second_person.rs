//! An award above its rule's threshold, entered by hand or imported, waits at village and township alike until another
//! person approves it at either; the village may then spend it, and the statement names both.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::fs;

use serde_json::json;
use xiangyue_tests::{ACCOUNT, Node, Town, wait_until};

const RULES: &str = "规则,人群,积分,单日上限,审批起点,生效日期\nHERO,村民,200,,50,2021-01-01\n";
const ENTRIES: &str = "凭证号,日期,账户,规则,积分,经办人,备注,审批人\n\
    H-1,2026-02-01,A000001,HERO,50,W07,,\n\
    H-2,2026-02-02,A000001,HERO,120,W07,见义勇为,\n\
    H-3,2026-02-03,A000001,HERO,80,W07,,W08\n\
    H-4,2026-02-04,A000001,HERO,70,W07,,\n";

fn waiting(node: &Node) -> Vec<String> {
    let list = node.cli(&["approvals"]).ok();
    list["waiting"].as_array().unwrap().iter().map(|award| award["request"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_award_above_the_threshold_counts_once_a_second_person_has_said_yes() {
    let town = Town::with_rules();
    let village = town.village_with(10);
    let file = |name: &str, text: &str| {
        let path = town.folder().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    town.township.cli(&["import", &file("rules.csv", RULES)]).ok();
    town.wait_for_equal_heads(&village, 20);
    let report = village.cli(&["import", &file("entries.csv", ENTRIES)]).ok();
    assert_eq!((&report["files"][0]["new"], &report["files"][0]["waiting"]), (&json!(4), &json!(2)), "{report}");
    let again = village.cli(&["import", &file("entries.csv", ENTRIES)]).ok();
    assert_eq!(again["files"][0]["already"], 4, "{again}");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(140), "10, 50 below the threshold, 80 with its approval");
    let hand = ["award", ACCOUNT, "HERO", "60", "--request", "H-5", "--by", "W07"];
    let dated = [&hand[..], &["--date", "2026-02-05"]].concat();
    assert_eq!(village.cli(&dated).ok()["results"][0]["became"], "waiting");
    assert_eq!(village.cli(&hand).ok()["results"][0]["became"], "already", "typed again on another day");
    assert_eq!(waiting(&village), ["H-2", "H-4", "H-5"]);
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(waiting(&town.township), ["H-2", "H-4", "H-5"], "the township sees them too");

    let stats = town.township.cli(&["stats"]).ok();
    assert_eq!((&stats["gross"], &stats["awaiting"]), (&json!(140), &json!(250)), "{stats}");
    assert_eq!(village.cli(&["approve", "H-2", "--by", "W07"]).refusal(), "XY-160");
    assert_eq!(village.cli(&["redeem", ACCOUNT, "I01", "141", "--request", "R-0", "--by", "W07"]).refusal(), "XY-124");
    village.cli(&["decline", "H-4", "--why", "无证明材料", "--by", "W08"]).ok();
    assert_eq!(village.cli(&["approve", "H-4", "--by", "W08"]).refusal(), "XY-162");

    wait_until("the reason at the township", 20, || {
        town.township.cli(&["approvals", "--declined"]).ok()["waiting"][0]["declined"]["why"] == "无证明材料"
    });
    assert_eq!(village.balance(ACCOUNT, "awaiting"), Some(180), "H-2 and H-5");

    // Both say yes before either has heard the other.
    town.township.cli(&["approve", "H-2", "--by", "T01"]).ok();
    village.cli(&["approve", "H-2", "--by", "W08"]).ok();
    village.cli(&["approve", "H-5", "--by", "W09"]).ok();
    town.wait_for_equal_heads(&village, 20);
    wait_until("one award of two approvals", 20, || village.balance(ACCOUNT, "earned") == Some(320));
    assert_eq!(town.township.balance(ACCOUNT, "earned"), Some(320));
    assert!(waiting(&village).is_empty() && waiting(&town.township).is_empty());
    village.cli(&["redeem", ACCOUNT, "I01", "320", "--request", "R-1", "--by", "W07"]).ok();
    let statement = village.cli(&["statement", ACCOUNT]).ok();
    let lines = statement["lines"].as_array().unwrap();
    let of = |slip: &str| lines.iter().find(|line| line["request"] == slip).unwrap();
    assert_eq!((&of("H-5")["approved_by"], &of("H-3")["approved_by"]), (&json!("W09"), &json!("W08")), "{statement}");
    assert_eq!(of("H-2")["memo"], "见义勇为");
    assert!(!lines.iter().any(|line| line["request"] == "H-4"), "declined: {statement}");

    let out = town.folder().join("out.csv");
    village.cli(&["export", "entries", "--format", "csv", "--out", out.to_str().unwrap(), "--lang", "zh"]).ok();
    let report = village.cli(&["import", out.to_str().unwrap()]).ok();
    assert_eq!((&report["files"][0]["already"], &report["files"][0]["new"]), (&json!(5), &json!(0)), "{report}");
}
