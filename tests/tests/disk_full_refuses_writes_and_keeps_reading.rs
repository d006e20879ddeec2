//! Promise 8 at the disk: below the limit of free space writes are refused; reading goes on, nothing is lost.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{ACCOUNT, TOWNSHIP, Town, award, redeem, wait_until};

#[test]
fn a_full_disk_refuses_new_entries_until_there_is_room() {
    let town = Town::with_rules();
    let mut village = town.village_with(50);
    town.wait_for_equal_heads(&village, 20);
    village.stop();
    // Below the limit as soon as it starts: a limit above what any disk of a test has.
    village.set("LIMITS__FREE_DISK_MIB", "1048576");
    village.start();
    if village.status()["disk"]["free"].as_u64().unwrap() >= 1 << 40 {
        println!("skipped: this disk has more free space than the largest limit");
        return;
    }
    assert_eq!(village.command(&award("no-room", 1)), "XY-133");
    assert_eq!(village.command(&redeem("no-room", 1, None)), "XY-133");
    assert_eq!(village.metric("disk_full"), 1);
    assert_eq!(village.balance(ACCOUNT, "available"), Some(50), "reading goes on");
    assert!(village.page("/").contains("<html"), "the console too");
    let listed = village.cli(&["balance", ACCOUNT]).ok();
    assert_eq!(listed["available"], 50);
    wait_until("still connected", 20, || village.is_connected_to(TOWNSHIP));

    village.stop();
    village.set("LIMITS__FREE_DISK_MIB", "1");
    village.start();
    assert_eq!(village.command(&award("no-room", 1)), "new", "the refused slip was not counted before");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(51));
}
