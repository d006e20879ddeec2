//! A township closes a month while two villages are missing; what comes late, and a mistake that is corrected, is
//! counted with the next month; and whoever asks finds who entered it.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use serde_json::{Value, json};
use xiangyue_tests::{NEIGHBOUR, Node, Town, VILLAGE, wait_until};

const OTHER: &str = "110112119207";

fn import(town: &Town, node: &Node, name: &str, text: &str) {
    let path = town.folder().join(name);
    std::fs::write(&path, text).unwrap();
    node.cli(&["import", path.to_str().unwrap()]).ok();
}

fn dispute(case: &str, date: &str) -> String {
    format!("纠纷编号,发现日期,类型,来源,经办人\n{case},{date},邻里,排查,W07\n")
}

/// The figure `found disputes` of a month's bulletin, of a village: published, adjusted, known now, pending.
fn disputes(township: &Node, month: &str, village: &str) -> Value {
    let report = township.cli(&["report", "bulletin", "--month", month]).ok();
    let rows = report["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row[1] == village && row[2] == "disputes found");
    row.map_or(json!([0, 0, 0, 0]), |row| json!([row[4], row[5], row[6], row[7]]))
}

#[test]
fn what_was_published_stands_and_what_comes_late_is_adjusted() {
    let town = Town::found();
    let first = town.enrol(VILLAGE, "谢楼村");
    let mut second = town.enrol(NEIGHBOUR, "古城村");
    let mut third = town.enrol(OTHER, "南刘各庄村");
    import(&town, &first, "a.csv", &dispute("J1", "2021-03-05"));
    town.wait_for_equal_heads(&first, 20);
    second.stop();
    third.stop();
    wait_until("two villages gone", 40, || {
        !town.township.is_connected_to(NEIGHBOUR) && !town.township.is_connected_to(OTHER)
    });
    let refused = first.cli(&["close", "2021-03"]);
    assert_eq!(refused.refusal(), "XY-130", "a village does not close the township's month");
    let closed = town.township.cli(&["close", "2021-03", "--by", "C01"]).ok();
    let missing: Vec<&str> =
        closed["missing"].as_array().unwrap().iter().map(|village| village["org"].as_str().unwrap()).collect();
    assert_eq!((missing, &closed["villages"]), (vec![NEIGHBOUR, OTHER], &json!(3)));
    assert_eq!(disputes(&town.township, "2021-03", VILLAGE), json!([1, 0, 1, 0]));
    assert_eq!(town.township.cli(&["close", "2021-03"]).refusal(), "XY-181");
    assert_eq!(town.township.cli(&["close", "9999-01"]).refusal(), "XY-180");

    // One village comes back with a late case; the first finds that its own lay in the wrong month.
    second.start();
    import(&town, &second, "b.csv", &dispute("J2", "2021-03-09"));
    town.wait_for_equal_heads(&second, 30);
    let amended = ["put", "dispute", "case=J1", "date=2021-04-05", "--amend", "--why", "记错月份", "--by", "W08"];
    first.cli(&amended).ok();
    town.wait_for_equal_heads(&first, 20);
    assert_eq!(disputes(&town.township, "2021-03", VILLAGE), json!([1, 0, 0, -1]), "published figures stand");
    assert_eq!(disputes(&town.township, "2021-03", NEIGHBOUR), json!([0, 0, 1, 1]));
    let closed = town.township.cli(&["close", "2021-04"]).ok();
    assert_eq!(closed["adjustments"], 4, "the class and the source of two disputes: {closed}");
    assert_eq!(disputes(&town.township, "2021-03", VILLAGE), json!([1, -1, 0, 0]));
    assert_eq!(disputes(&town.township, "2021-03", NEIGHBOUR), json!([0, 1, 1, 0]));
    assert_eq!(disputes(&town.township, "2021-04", VILLAGE), json!([1, 0, 1, 0]));

    who_entered_it_is_found(&town.township);
    the_bulletin_is_at_the_villages(&town, &first);
    let workbook = town.folder().join("bulletin.xlsx");
    town.township.cli(&["report", "bulletin", "--month", "2021-03", "--out", workbook.to_str().unwrap()]).ok();
    assert!(std::fs::read(&workbook).unwrap().starts_with(b"PK"));
    town.township.cli(&["close", "2021-03", "--reopen", "--why", "复核"]).ok();
    let closings = town.township.cli(&["report", "closings"]).ok();
    assert_eq!((&closings["rows"][0][1], &closings["rows"][0][7]), (&json!("reopened"), &json!("复核")));
}

fn who_entered_it_is_found(township: &Node) {
    let rows = township.cli(&["rows", "dispute", "--key", "J1", "--versions"]).ok();
    let versions = rows["rows"].as_array().unwrap();
    let told: Vec<_> = versions.iter().map(|row| (&row["by"], &row["why"], &row["author_name"])).collect();
    let village = json!("谢楼村");
    assert_eq!(told, [(&json!("W07"), &json!(""), &village), (&json!("W08"), &json!("记错月份"), &village)]);
}

fn the_bulletin_is_at_the_villages(town: &Town, village: &Node) {
    town.wait_for_equal_heads(village, 20);
    let figures = village.cli(&["rows", "figure"]).ok();
    assert!(!figures["rows"].as_array().unwrap().is_empty());
}
