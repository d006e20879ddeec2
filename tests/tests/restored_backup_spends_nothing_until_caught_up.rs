//! Promise 7: a node put back from an older copy spends nothing until its own later entries are back.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::Path;

use serde_json::{Value, json};
use xiangyue_tests::{ACCOUNT, Town, award, copy_folder as copy, redeem, wait_until};

/// A folder moved to other hardware: what the product compares is the mark of the machine.
fn as_of_another_machine(data: &Path) {
    let path = data.join("node.json");
    let mut membership: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    membership["machine"] = json!("0123456789abcdef");
    std::fs::write(path, membership.to_string()).unwrap();
}

#[test]
fn what_the_lost_life_spent_is_not_spent_again() {
    let mut town = Town::with_rules();
    let mut village = town.village_with(50);
    town.wait_for_equal_heads(&village, 20);
    village.stop();
    let backup = town.folder().join("backup");
    copy(&village.data, &backup);

    village.start();
    assert_eq!(village.command(&redeem("lost-life", 50, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    village.stop();
    town.township.stop();
    std::fs::remove_dir_all(&village.data).unwrap();
    copy(&backup, &village.data);
    as_of_another_machine(&village.data);

    village.start();
    let status = village.status();
    assert_eq!(status["frozen"], true, "{status}");
    assert_eq!(village.metric("frozen"), 1);
    assert_eq!(village.balance(ACCOUNT, "available"), Some(50), "as far as the old copy knows");
    assert_eq!(village.command(&redeem("again", 50, None)), "XY-131");
    let refused = village.cli(&["redeem", ACCOUNT, "I01", "50", "--request", "again", "--by", "W07"]);
    assert_eq!(refused.refusal(), "XY-131");
    assert_eq!(village.command(&award("earned-meanwhile", 3)), "new", "awards spend nothing and go on");
    village.kill();
    village.start();
    assert_eq!(village.command(&redeem("after-a-restart", 50, None)), "XY-131", "frozen over restarts too");

    town.township.start();
    wait_until("thawed", 40, || village.status()["frozen"] == false);
    assert_eq!(village.command(&redeem("again", 50, None)), "XY-124");
    assert_eq!(village.command(&redeem("rest", 3, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    for node in [&village, &town.township] {
        assert_eq!(node.balance(ACCOUNT, "available"), Some(0), "{}", node.org);
        assert_eq!(node.balance(ACCOUNT, "redeemed"), Some(53), "{}", node.org);
        assert_eq!(node.metric("accounts_overspent"), 0);
    }
}

#[test]
fn an_old_folder_on_the_same_machine_is_noticed_at_once_and_heals() {
    let town = Town::with_rules();
    let mut village = town.village_with(50);
    town.wait_for_equal_heads(&village, 20);
    village.stop();
    let backup = town.folder().join("backup");
    copy(&village.data, &backup);
    village.start();
    assert_eq!(village.command(&redeem("lost-life", 50, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    village.stop();
    std::fs::remove_dir_all(&village.data).unwrap();
    copy(&backup, &village.data);

    town.township.pause_sync(true);
    village.start();
    assert_eq!(village.command(&redeem("before", 50, None)), "XY-131", "a copy is known before anybody is met");
    town.township.pause_sync(false);
    wait_until("its own entries are back", 40, || village.balance(ACCOUNT, "available") == Some(0));
    wait_until("thawed", 40, || village.status()["frozen"] == false);
    assert_eq!(village.command(&redeem("again", 1, None)), "XY-124");
    assert_eq!(village.command(&award("after", 2)), "new");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(2));
    assert_eq!((town.township.metric("quarantined_authors"), village.metric("quarantined_authors")), (0, 0));
}
