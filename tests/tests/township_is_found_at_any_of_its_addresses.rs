//! A township behind NAT may not know the address at which a village reaches it: what the operator gives counts first
//! and is remembered, what the township says of itself is a second try.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use std::path::Path;

use serde_json::Value;
use xiangyue_tests::{NEIGHBOUR, Node, TOWNSHIP, Town, VILLAGE, run, wait_until};

/// Nobody listens there.
const DEAD: &str = "127.0.0.1:9";

fn remembered(data: &Path) -> Vec<String> {
    let membership = std::fs::read_to_string(data.join("node.json")).unwrap();
    let membership: Value = serde_json::from_str(&membership).unwrap();
    membership["township"].as_array().unwrap().iter().map(|address| address.as_str().unwrap().to_owned()).collect()
}

fn join(town: &Town, org: &str, token: &str, options: &[&str]) -> Node {
    let data = town.data_of(org);
    run(&data, &[&["enroll", "join", token, "--json"], options].concat()).ok();
    Node::new(org, data, &[("LISTEN", "127.0.0.1:0")])
}

fn connects(node: &mut Node) {
    node.start();
    wait_until("a connection", 30, || node.is_connected_to(TOWNSHIP));
}

#[test]
fn the_operators_address_wins_over_an_advertised_one_that_leads_nowhere() {
    let mut town = Town::found();
    town.township.stop();
    town.township.set("ADDRESS", DEAD);
    town.township.start();
    let token = town.token(VILLAGE, "谢楼村");
    let mut village = join(&town, VILLAGE, &token, &["--township", &town.address]);
    assert_eq!(remembered(&village.data), [town.address.as_str(), DEAD]);
    connects(&mut village);
}

#[test]
fn the_advertised_address_is_the_second_try() {
    let town = Town::found();
    let token = town.token(NEIGHBOUR, "草厂村");
    let mut neighbour = join(&town, NEIGHBOUR, &token, &["--township", DEAD]);
    assert_eq!(remembered(&neighbour.data), [DEAD, town.address.as_str()]);
    connects(&mut neighbour);
    let token = town.token(VILLAGE, "谢楼村");
    let village = join(&town, VILLAGE, &token, &[]);
    assert_eq!(remembered(&village.data), [town.address.as_str()], "named once");
}
