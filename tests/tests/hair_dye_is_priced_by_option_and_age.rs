//! Article L11 as a clerk meets it: the township keeps the price list, the node finds the price of the day, two persons
//! are two lines of one redemption, and who is cheaper for age is known in the village alone.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use serde_json::json;
use xiangyue_tests::{ACCOUNT, MERCHANT, Town, VILLAGE, grant, wait_until};

const PRICES: &str = "兑换项,规格,起始年龄,生效日期,积分\n\
    HAIR,长发-植物,0,2021-01-01,108\nHAIR,长发-植物,60,2021-01-01,88\nHAIR,短发,0,2021-01-01,60\n";

#[test]
fn the_price_is_the_lists_and_other_points_are_refused() {
    let town = Town::with_rules();
    let village = town.village_with(600);
    let shop = town.enrol(MERCHANT, "养老驿站");
    let hair = json!({"do": "item", "code": "HAIR", "price": 0, "effective_from": "2021-01-01"});
    assert_eq!(town.township.command(&hair), "new");
    let file = town.folder().join("prices.csv");
    std::fs::write(&file, PRICES).unwrap();
    town.township.cli(&["import", file.to_str().unwrap()]).ok();
    wait_until("the shop at the village", 20, || village.command(&grant("G-1", 200, MERCHANT)) == "new");
    wait_until("grant at the shop", 20, || shop.balance(ACCOUNT, "held_here") == Some(200));

    let two =
        ["redeem", ACCOUNT, "HAIR", "--line", "长发-植物@60", "--line", "长发-植物", "--request", "S-1", "--by", "M1"];
    let wrong = shop.cli(&[&two[..3], &["180"], &two[3..]].concat());
    assert_eq!(wrong.refusal(), "XY-127");
    assert!(wrong.out.contains("180 / 196"), "the right price is said: {wrong:?}");
    assert_eq!(shop.cli(&["redeem", ACCOUNT, "HAIR", "196", "--request", "S-0", "--by", "M1"]).refusal(), "XY-163");
    let checked = shop.cli(&[&two[..], &["--dry-run"]].concat()).ok();
    assert_eq!(checked["results"][0]["points"], 196, "{checked}");
    let done = shop.cli(&two).ok();
    assert_eq!((&done["results"][0]["points"], &done["results"][0]["available"]), (&json!(196), &json!(4)), "{done}");
    assert_eq!(shop.cli(&two).ok()["results"][0]["became"], "already");

    // The account is a household's: the clerk sees who has come. Of a person's own account the village's register counts.
    let person = json!({"do": "account", "village": VILLAGE, "account": "P1", "holder": "person", "cohort": "villager",
        "opened": "2021-01-26"});
    assert_eq!(village.command(&person), "new");
    let rich = json!({"do": "award", "request": "P-1", "account": "P1", "rule": "R01", "points": 100, "by": "W07"});
    assert_eq!(village.command(&rich), "new");
    let own = ["redeem", "P1", "HAIR", "--line", "长发-植物@60", "--request", "P-2", "--by", "W07"];
    assert_eq!(village.cli(&own).refusal(), "XY-164");
    village.cli(&["put", "年龄优待", "账户=P1", "年龄=60", "起始日期=2021-01-01", "--by", "W07"]).ok();
    assert_eq!(village.cli(&own).ok()["results"][0]["points"], 88);
    town.wait_for_equal_heads(&shop, 20);
    let held = town.township.cli(&["doc", "list"]).ok().to_string();
    assert!(!held.contains("/people"), "a concession never leaves the village: {held}");

    let lines = shop.cli(&["statement", ACCOUNT]).ok();
    assert!(lines.to_string().contains("长发-植物@60=88;长发-植物=108"), "{lines}");
    let out = town.folder().join("r.csv");
    village.cli(&["export", "redemptions", "--format", "csv", "--out", out.to_str().unwrap()]).ok();
    let again = village.cli(&["import", out.to_str().unwrap()]).ok();
    assert_eq!((&again["files"][0]["new"], &again["files"][0]["bad"]), (&json!(0), &json!(0)), "{again}");
}
