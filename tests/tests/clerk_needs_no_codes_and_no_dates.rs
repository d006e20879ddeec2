//! What a clerk at a counter expects: shops go by their names, a slip typed again is the same slip on any day, and
//! what a correction leaves is said at once.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use serde_json::{Value, json};
use xiangyue_tests::{ACCOUNT, MERCHANT, Town, VILLAGE, wait_until};

const SHOP: &str = "便民驿站";

#[test]
fn a_shop_goes_by_its_name_and_a_village_by_its_own() {
    let town = Town::with_rules();
    let village = town.village_with(20);
    let merchant = town.enrol(MERCHANT, SHOP);
    let hand = ["grant", ACCOUNT, "8", "--to", SHOP, "--request", "G-1", "--by", "W07"];
    wait_until("the shop's name at the village", 20, || village.cli(&hand).code == 0);
    wait_until("grant at the shop", 20, || merchant.balance(ACCOUNT, "held_here") == Some(8));
    merchant.cli(&["redeem", ACCOUNT, "I01", "3", "--merchant", SHOP, "--request", "M-1", "--by", "M"]).ok();
    merchant.cli(&["grant", ACCOUNT, "5", "--to", "谢楼", "--request", "M-2", "--by", "M"]).ok();
    wait_until("points back at the village", 20, || village.balance(ACCOUNT, "held_here") == Some(17));
    village.cli(&["redeem", ACCOUNT, "I01", "2", "--merchant", SHOP, "--request", "X-2", "--by", "W07"]).ok();
    let nobody = village.cli(&["grant", ACCOUNT, "1", "--to", "没有此店", "--request", "G-2", "--by", "W07"]);
    assert_eq!(nobody.refusal(), "XY-113");
    assert!(nobody.out.contains("没有此店"), "{nobody:?}");
    let village_as_shop = ["redeem", ACCOUNT, "I01", "1", "--merchant", VILLAGE, "--request", "X-3", "--by", "W07"];
    assert_eq!(village.cli(&village_as_shop).refusal(), "XY-113", "a village is no merchant");
}

#[test]
fn a_slip_typed_again_on_another_day_is_the_same_slip() {
    let town = Town::with_rules();
    let village = town.village_with(10);
    let award = |points: i64, date: Option<&str>| {
        let command: Value = json!({"do": "award", "request": "S-1", "account": ACCOUNT, "rule": "R01",
            "points": points, "by": "W07", "date": date});
        village.command(&command)
    };
    assert_eq!(award(5, Some("2021-02-01")), "new");
    assert_eq!(award(5, None), "already", "no day was said, so the slip's own counts");
    assert_eq!(award(5, Some("2021-02-02")), "XY-125", "another day was said");
    assert_eq!(award(6, None), "XY-125", "another amount");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(15));
}

#[test]
fn a_correction_says_what_is_left_and_what_is_owed() {
    let town = Town::with_rules();
    let village = town.village_with(10);
    village.cli(&["award", ACCOUNT, "R01", "5", "--request", "S-1", "--by", "W07"]).ok();
    village.cli(&["redeem", ACCOUNT, "I01", "12", "--request", "S-2", "--by", "W07"]).ok();
    let answer = village.cli(&["reverse", "S-1", "--request", "S-3", "--by", "W07", "--memo", "重复登记"]).ok();
    let result = &answer["results"][0];
    assert_eq!((&result["account"], &result["available"]), (&json!(ACCOUNT), &json!(0)), "{answer}");
    assert_eq!(result["debt"], 2, "3 of the 5 were there, 2 are owed: {answer}");
    let answer = village.cli(&["award", ACCOUNT, "R01", "5", "--request", "S-4", "--by", "W07"]).ok();
    let result = &answer["results"][0];
    assert_eq!((&result["available"], result.get("debt")), (&json!(3), None), "paid back first: {answer}");
}

#[test]
fn a_statement_that_ends_before_it_begins_is_refused_over_http_too() {
    let town = Town::with_rules();
    let village = town.village_with(10);
    let query = [("from", "2021-03-02"), ("to", "2021-03-01")];
    let refused = village.try_get(&format!("/statement/{ACCOUNT}"), &query).unwrap_err();
    assert!(refused.contains("XY-"), "{refused}");
}

#[test]
fn a_token_with_another_name_renames_nobody_unasked() {
    let town = Town::with_rules();
    town.township.cli(&["enroll", "token", "--org", VILLAGE, "--name", "谢楼村"]).ok();
    let misspelt = ["enroll", "token", "--org", VILLAGE, "--name", "谢娄村"];
    let refused = town.township.cli(&misspelt);
    assert_eq!(refused.refusal(), "XY-149");
    assert!(refused.out.contains("谢楼村"), "says what it is called: {refused:?}");
    town.township.cli(&[&misspelt[..], &["--rename"]].concat()).ok();
}
