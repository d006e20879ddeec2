//! Two clerks at two nodes enter one slip number while the line is cut: both entries count, and the statement shows
//! both, marked, so that its last balance is the account's.

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
    }
}
