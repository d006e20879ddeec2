//! Two clerks at two nodes enter one slip number while the line is cut: both entries count, and the statement shows
//! both, marked, so that its last balance is the account's.

use serde_json::json;
use xiangyue_tests::{ACCOUNT, Town, award, wait_until};

#[test]
fn both_stand_there_marked() {
    let town = Town::with_rules();
    let village = town.village_with(50);
    town.wait_for_equal_heads(&village, 20);
    village.pause_sync(true);
    assert_eq!(village.command(&award("S-1", 5)), "new");
    assert_eq!(town.township.command(&award("S-1", 7)), "new");
    village.pause_sync(false);
    wait_until("both entries at the village", 20, || village.balance(ACCOUNT, "available") == Some(62));
    town.wait_for_equal_heads(&village, 20);
    for node in [&village, &town.township] {
        let statement = node.get(&format!("/statement/{ACCOUNT}"), &[]);
        let lines = statement["lines"].as_array().unwrap().iter();
        let mut marked: Vec<_> =
            lines.filter(|line| line["possible_duplicate_of"] == "S-1").map(|line| line["points"].as_i64()).collect();
        marked.sort_unstable();
        assert_eq!(marked, [Some(5), Some(7)], "{statement}");
        assert_eq!(statement["closing"], 62, "{statement}");
        // Who looks for such slips need not go through the statements.
        let checks = node.cli(&["report", "checks"]).ok();
        let doubts: Vec<_> = checks["rows"].as_array().unwrap().iter().map(|row| (&row[3], &row[5])).collect();
        assert_eq!(doubts.len(), 2, "{checks}");
        assert!(doubts.iter().all(|(slip, _)| *slip == "S-1"), "{checks}");
    }
    village.cli(&["reverse", "S-1", "--request", "S-2", "--by", "W07", "--memo", "重复登记"]).ok();
    assert!(village.cli(&["report", "checks"]).ok()["rows"].as_array().unwrap().is_empty(), "one is reversed");
}

#[test]
fn two_nodes_that_kept_to_the_cap_apart_are_shown_together() {
    let town = Town::with_rules();
    let rule = json!({"do": "rule", "code": "R02", "cohort": "villager", "points": 5, "daily_cap": 5,
        "effective_from": "2021-01-01"});
    assert_eq!(town.township.command(&rule), "new");
    let village = town.village_with(10);
    town.wait_for_equal_heads(&village, 20);
    village.pause_sync(true);
    let award = |request: &str| {
        json!({"do": "award", "request": request, "account": ACCOUNT, "rule": "R02", "points": 5,
            "date": "2021-03-01", "by": "W07"})
    };
    assert_eq!(village.command(&award("C-1")), "new");
    assert_eq!(village.command(&award("C-2")), "XY-121", "one node keeps to the cap");
    assert_eq!(town.township.command(&award("C-3")), "new");
    village.pause_sync(false);
    town.wait_for_equal_heads(&village, 20);
    let checks = town.township.cli(&["report", "checks"]).ok();
    let row = &checks["rows"][0];
    assert_eq!((&row[2], &row[4], &row[5]), (&json!(ACCOUNT), &json!("2021-03-01"), &json!(10)), "{checks}");
}
