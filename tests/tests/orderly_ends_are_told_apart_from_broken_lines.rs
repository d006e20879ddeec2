//! A node that stops, pauses or is refused says so when it closes a connection; only a line that broke is logged as a
//! fault of the network.

use xiangyue_tests::{NEIGHBOUR, Node, TOWNSHIP, Town, VILLAGE, wait_until};

/// The last line of a node's log that tells of the end of a connection to `peer`.
fn last_end(node: &Node, peer: &str) -> String {
    let log = node.log();
    let mut ends = log.lines().filter(|line| line.contains("disconnected") && line.contains(peer));
    ends.next_back().unwrap_or_default().to_owned()
}

fn ends_with(node: &Node, peer: &str, why: &str) {
    wait_until(why, 20, || last_end(node, peer).contains(why));
    let line = last_end(node, peer);
    assert!(line.contains("INFO") && !line.contains("XY-305"), "{line}");
}

#[test]
fn a_stopped_node_is_logged_as_stopped() {
    let mut town = Town::found();
    let mut village = town.enrol(VILLAGE, "谢楼村");
    wait_until("connected", 20, || village.is_connected_to(TOWNSHIP));
    let (here, there) = (village.id(), town.township.id());
    town.township.stop();
    ends_with(&village, &there, "stopped by the peer");
    town.township.start();
    wait_until("connected again", 20, || village.is_connected_to(TOWNSHIP));
    village.stop();
    ends_with(&town.township, &here, "stopped by the peer");
    assert!(last_end(&village, &there).contains("closed here"), "{}", last_end(&village, &there));
    let status = town.township.status();
    let row = &status["villages"][0];
    let known = ["connected", "caught_up", "enrolled"].map(|field| row[field].as_bool());
    assert_eq!(known, [Some(false), Some(true), Some(true)], "what was known when it stopped stays: {row}");
    assert_eq!(row["changes_behind"], 0, "{row}");
}

#[test]
fn a_pause_and_a_revocation_are_told_as_what_they_are() {
    let town = Town::found();
    let (village, neighbour) = (town.enrol(VILLAGE, "谢楼村"), town.enrol(NEIGHBOUR, "草厂村"));
    wait_until("connected", 20, || village.is_connected_to(TOWNSHIP) && neighbour.is_connected_to(TOWNSHIP));
    village.pause_sync(true);
    ends_with(&town.township, &village.id(), "paused by the peer");
    town.township.cli(&["revoke", &neighbour.id(), "--reason", "设备遗失"]).ok();
    ends_with(&neighbour, &town.township.id(), "XY-210");
}
