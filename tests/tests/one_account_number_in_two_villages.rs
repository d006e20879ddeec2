//! Two villages open one account number. Neither can see it of the other; the township shows it wherever it is looked
//! for, and no counter spends one person's points for another.

use xiangyue_tests::{ACCOUNT, MERCHANT, NEIGHBOUR, RULE, Town, VILLAGE, award, grant, redeem, run, wait_until};

#[test]
fn it_is_shown_and_nothing_is_mixed() {
    let town = Town::with_rules();
    let village = town.village_with(50);
    let (neighbour, merchant) = (town.enrol(NEIGHBOUR, "古城村"), town.enrol(MERCHANT, "爱心驿站"));
    town.wait_for_equal_heads(&neighbour, 20);
    let twice = serde_json::json!({"do": "account", "village": NEIGHBOUR, "account": ACCOUNT, "holder": "person",
        "cohort": "villager", "opened": "2021-02-01"});
    assert_eq!(neighbour.command(&twice), "new", "the register of the other village is not for its eyes");
    assert_eq!(neighbour.command(&award("n-1", 30)), "new");
    town.wait_for_equal_heads(&neighbour, 20);
    town.wait_for_equal_heads(&village, 20);

    let status = town.township.status();
    assert_eq!(status["shared_accounts_total"], 1, "{status}");
    let shared = &status["shared_accounts"][0];
    let points = [0, 1].map(|at| (shared["villages"][at]["org"].as_str(), shared["villages"][at]["points"].as_i64()));
    assert_eq!((shared["account"].as_str(), points[0]), (Some(ACCOUNT), (Some(VILLAGE), Some(50))), "{shared}");
    assert_eq!(points[1], (Some(NEIGHBOUR), Some(30)), "{shared}");
    assert_eq!(town.township.metric("accounts_shared"), 1);
    let stats = town.township.cli(&["stats"]).ok();
    assert_eq!(stats["depositors"], 2, "two people, two accounts");
    assert_eq!(village.status()["shared_accounts_total"], 0, "a village knows its own register alone");
    let page = town.township.page("/");
    assert!(page.contains("有 1 个账号在不止一个村开户") && !page.contains(ACCOUNT), "no account on the page: {page}");
    for (lang, words) in [("zh", "在不止一个村开户的账号：1 个"), ("en", "opened in more than one village: 1")]
    {
        let text = run(&town.township.data, &["status", "--lang", lang]).out;
        assert!(text.contains(words) && text.contains(ACCOUNT) && text.contains("古城村"), "{text}");
    }
    let balance = run(&town.township.data, &["balance", ACCOUNT, "--lang", "zh"]).out;
    assert!(balance.contains("古城村也在使用该账号"), "{balance}");

    assert_eq!(village.command(&grant("v-1", 20, MERCHANT)), "new");
    wait_until("grant at the merchant", 20, || merchant.balance(ACCOUNT, "held_here") == Some(20));
    assert_eq!(merchant.command(&redeem("m-1", 5, None)), "new", "one village's grants are spent as ever");
    town.wait_for_equal_heads(&merchant, 20);
    town.wait_for_equal_heads(&neighbour, 20);
    assert_eq!(neighbour.command(&grant("n-2", 10, MERCHANT)), "XY-136", "the counter shows that the number is taken");
    assert_eq!(neighbour.command(&redeem("n-3", 10, None)), "new", "at home its own points are spent");
    let to_whom = serde_json::json!({"do": "award", "request": "t-1", "account": ACCOUNT, "rule": RULE, "points": 1,
        "by": "T"});
    assert_eq!(town.township.command(&to_whom), "XY-136", "the township awards nothing to two at once");
}
