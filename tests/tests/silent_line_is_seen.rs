//! Promise 9: figures say who is missing, also while a dead line still looks like a connection.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::time::Duration;

use serde_json::Value;
use xiangyue_tests::{Relay, Town, VILLAGE, award, wait_until};

fn row(town: &Town) -> Value {
    let status = town.township.cli(&["status"]).ok();
    let villages = status["villages"].as_array().unwrap();
    villages.iter().find(|row| row["org"] == VILLAGE).unwrap().clone()
}

#[test]
fn a_dead_line_is_no_fresh_village_and_a_quiet_one_is() {
    let town = Town::with_rules();
    let relay = Relay::to(&town.address, 3);
    let mut village = town.join(VILLAGE, "谢楼村", &relay.address);
    village.start();
    town.open_account(&village, 10);
    town.wait_for_equal_heads(&village, 20);
    let heard = |row: &Value| row["last_heard_ms"].as_u64().unwrap();

    // Nothing is written for longer than a sign of life takes: it counts as heard all the same.
    let before = heard(&row(&town));
    std::thread::sleep(Duration::from_secs(17));
    let quiet = row(&town);
    assert!(heard(&quiet) > before && quiet["connected"] == true, "{quiet} after {before}");

    relay.cut(true);
    let cut_at = town.township.cli(&["status"]).ok()["now"].as_u64().unwrap();
    assert_eq!(village.command(&award("unheard", 5)), "new");
    wait_until("the silent village is missing", 30, || {
        let stats = town.township.cli(&["stats"]).ok();
        stats["horizon"]["missing"].as_array().unwrap().iter().any(|row| row["org"] == VILLAGE)
    });
    let silent = row(&town);
    assert_eq!(silent["connected"], false, "{silent}");
    wait_until("the connection is given up", 90, || {
        town.township.cli(&["status"]).ok()["peers"][0]["rtt_us"].is_null()
    });
    let gone = row(&town);
    assert!(heard(&gone) <= cut_at + 2_000, "last heard is not when the end was noticed: {gone}, cut at {cut_at}");
}
