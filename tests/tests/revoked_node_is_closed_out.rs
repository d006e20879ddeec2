//! A revoked node's connection is closed, it does not get in again, and what it writes afterwards counts nowhere.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{ACCOUNT, NEIGHBOUR, TOWNSHIP, Town, VILLAGE, award, redeem, wait_until};

#[test]
fn a_revoked_village_is_closed_out_and_its_past_stays() {
    let town = Town::with_rules();
    let mut village = town.village_with(50);
    let neighbour = town.enrol(NEIGHBOUR, "古城村");
    town.wait_for_equal_heads(&village, 20);
    let revoked = town.township.cli(&["revoke", &village.id(), "--reason", "设备遗失"]).ok();
    assert_eq!(revoked["node"], village.id(), "{revoked}");
    wait_until("closed out", 10, || !town.township.is_connected_to(&village.org));
    assert!(town.township.is_connected_to(NEIGHBOUR), "others stay connected");

    // It is told by its township, and takes nothing more that would count nowhere.
    wait_until("it knows", 20, || village.status()["hold"] == "revoked");
    assert_eq!(village.command(&award("after", 7)), "XY-139");
    assert_eq!(village.command(&redeem("after", 7, None)), "XY-139");
    assert!(village.page("/readyz").contains("revoked") && village.page("/").contains("本节点已被吊销"));
    assert_eq!(village.metric("revoked"), 1);
    assert_eq!(village.log().matches("this node was revoked").count(), 1, "said once");
    let refused = |log: String| log.lines().filter(|line| line.contains("XY-210")).count();
    wait_until("turned away when it came back", 20, || refused(town.township.log()) >= 2);
    assert!(!town.township.is_connected_to(&village.org));
    assert!(!village.is_connected_to(TOWNSHIP));
    assert_eq!(town.township.balance(ACCOUNT, "earned"), Some(50), "what it wrote before stays, the rest is out");
    town.wait_for_equal_heads(&neighbour, 10);

    // Its rights went with it: shown as stranded, at the township and over a restart of the node.
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(0));
    assert_eq!(town.township.balance(ACCOUNT, "stranded"), Some(50));
    let row = town.township.status()["villages"].as_array().unwrap().iter().find(|row| row["org"] == VILLAGE).cloned();
    let row = row.unwrap();
    assert_eq!((&row["enrolled"], &row["revoked"]), (&false.into(), &1.into()), "{row}");
    let membership = village.data.join("node.json");
    wait_until("stored", 10, || std::fs::read_to_string(&membership).unwrap().contains("\"revoked\": true"));
    village.kill();
    town.township.pause_sync(true);
    village.start();
    assert_eq!(village.status()["hold"], "revoked");
    assert_eq!(village.command(&award("later", 7)), "XY-139");
}

#[test]
fn only_the_township_revokes() {
    let town = Town::with_rules();
    let village = town.village_with(1);
    let refused = village.cli(&["revoke", &town.township.id(), "--reason", "x"]);
    assert_eq!(refused.refusal(), "XY-130");
    let unknown = town.township.cli(&["revoke", "0123456789abcdef0123456789abcdef", "--reason", "x"]);
    assert_eq!(unknown.refusal(), "XY-138");
    let own = town.township.cli(&["revoke", &town.township.id(), "--reason", "self"]);
    assert_eq!(own.refusal(), "XY-137", "nobody could mend that");
    assert_eq!(town.township.cli(&["revoke", &village.id(), "--reason", "x"]).ok()["already"], false);
    assert_eq!(town.township.cli(&["revoke", &village.id(), "--reason", "y"]).ok()["already"], true);
    assert!(town.township.cli(&["enroll", "token", "--org", VILLAGE, "--name", "谢楼村"]).ok()["token"].is_string());
}
