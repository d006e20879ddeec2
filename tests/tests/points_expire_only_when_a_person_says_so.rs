//! The township says until when points of a year may be spent; nothing happens until the village's clerk asks for it,
//! everywhere the balance adds up, and a reversal gives the points back.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use serde_json::{Value, json};
use xiangyue_tests::{ACCOUNT, Node, RULE, Town};

fn award(node: &Node, request: &str, points: i64, date: &str) {
    let command = json!({"do": "award", "request": request, "account": ACCOUNT, "rule": RULE, "points": points,
        "date": date, "by": "W07"});
    assert_eq!(node.command(&command), "new");
}

/// Earned, redeemed, reversed, expired and what is left, of the account and of the whole.
fn sums(node: &Node) -> [i64; 5] {
    let (stats, balance) = (node.cli(&["stats"]).ok(), node.cli(&["balance", ACCOUNT]).ok());
    let of = |value: &Value, keys: [&str; 5]| keys.map(|key| value[key].as_i64().unwrap());
    let whole = of(&stats, ["gross", "redeemed", "reversed", "expired", "net"]);
    assert_eq!(of(&balance, ["earned", "redeemed", "reversed", "expired", "available"]), whole, "{stats} {balance}");
    assert_eq!(whole[0] - whole[1] - whole[2] - whole[3], whole[4], "{stats}");
    whole
}

#[test]
fn old_points_expire_when_a_clerk_asks_for_it() {
    let town = Town::with_rules();
    let village = town.village_with(0);
    award(&village, "E-1", 60, "2021-12-31");
    award(&village, "E-2", 40, "2022-01-01");
    village.cli(&["redeem", ACCOUNT, "I01", "10", "--request", "R-1", "--by", "W07"]).ok();
    let as_of = ["expire", "--as-of", "2022-04-01", "--by", "W07"];
    let none = village.cli(&as_of).ok();
    assert_eq!((&none["earned_to"], &none["points"]), (&Value::Null, &json!(0)), "off by default: {none}");
    town.township.cli(&["put", "积分有效期", "获得截止日期=2021-12-31", "可用截止日期=2022-03-31", "--by", "T01"]).ok();
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(sums(&village), [100, 10, 0, 0, 90], "a policy alone lets nothing expire");
    let early = village.cli(&["expire", "--as-of", "2022-03-31"]).ok();
    assert_eq!(early["points"], 0, "its last day: {early}");
    let checked = village.cli(&[&as_of[..], &["--dry-run"]].concat()).ok();
    assert_eq!((&checked["accounts"], &checked["points"]), (&json!(1), &json!(50)), "60 less the 10 spent: {checked}");
    assert_eq!(sums(&village)[3], 0, "a dry run");
    assert_eq!(village.cli(&as_of).ok()["points"], 50);
    assert_eq!(village.cli(&as_of).ok()["points"], 0, "once");
    assert_eq!(sums(&village), [100, 10, 0, 50, 40]);
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(sums(&town.township), [100, 10, 0, 50, 40]);
    assert_eq!(village.cli(&["redeem", ACCOUNT, "I01", "41", "--request", "R-2", "--by", "W07"]).refusal(), "XY-124");

    let statement = village.cli(&["statement", ACCOUNT]).ok();
    let lines = statement["lines"].as_array().unwrap();
    let line = lines.iter().find(|line| line["kind"] == "expiry").unwrap();
    assert_eq!((&line["points"], &line["about"]), (&json!(-50), &json!("2021-12-31")), "{statement}");
    assert_eq!(statement["closing"], 40);
    let slip = line["request"].as_str().unwrap();
    village.cli(&["reverse", slip, "--request", "X-1", "--by", "W07", "--memo", "延期"]).ok();
    assert_eq!(sums(&village), [100, 10, 0, 0, 90]);
    town.wait_for_equal_heads(&village, 20);
    let report = town.township.cli(&["report", "villages"]).ok();
    let at = |key: &str| report["columns"].as_array().unwrap().iter().position(|c| c["key"] == key).unwrap();
    assert_eq!((&report["total"][at("expired")], &report["total"][at("net")]), (&json!(0), &json!(90)), "{report}");
}
