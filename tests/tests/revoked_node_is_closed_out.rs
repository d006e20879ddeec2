//! A revoked node's connection is closed, it does not get in again, and what it writes afterwards counts nowhere.

use xiangyue_tests::{ACCOUNT, NEIGHBOUR, TOWNSHIP, Town, award, wait_until};

#[test]
fn a_revoked_village_is_closed_out_and_its_past_stays() {
    let town = Town::with_rules();
    let village = town.village_with(50);
    let neighbour = town.enrol(NEIGHBOUR, "古城村");
    town.wait_for_equal_heads(&village, 20);
    let revoked = town.township.cli(&["revoke", &village.id(), "--reason", "设备遗失"]).ok();
    assert_eq!(revoked["node"], village.id(), "{revoked}");
    wait_until("closed out", 10, || !town.township.is_connected_to(&village.org));
    assert!(town.township.is_connected_to(NEIGHBOUR), "others stay connected");

    // It may go on writing for itself; nobody listens any more.
    village.command(&award("after", 7));
    let refused = |log: String| log.lines().filter(|line| line.contains("XY-210")).count();
    wait_until("turned away when it came back", 20, || refused(town.township.log()) >= 2);
    assert!(!town.township.is_connected_to(&village.org));
    assert!(!village.is_connected_to(TOWNSHIP));
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(50), "what it wrote before stays, the rest is out");
    town.wait_for_equal_heads(&neighbour, 10);
}

#[test]
fn only_the_township_revokes() {
    let town = Town::with_rules();
    let village = town.village_with(1);
    let refused = village.cli(&["revoke", &town.township.id(), "--reason", "x"]);
    assert_eq!(refused.refusal(), "XY-130");
    let unknown = town.township.cli(&["revoke", "0123456789abcdef0123456789abcdef", "--reason", "x"]);
    assert_eq!(unknown.refusal(), "XY-203");
}
