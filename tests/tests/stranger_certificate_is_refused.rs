//! Promise 4 at the door: a node of another township does not get in, whichever side dials.

use xiangyue_tests::{Town, VILLAGE, wait_until};

#[test]
fn a_node_of_another_township_never_connects() {
    let town = Town::found();
    let other = Town::found();
    // Both townships have the same code: only the keys tell them apart.
    let mut stranger = other.join(VILLAGE, "谢楼村", &other.address);
    stranger.set("DIAL", &town.address);
    stranger.start();
    wait_until("connected to its own township", 20, || other.township.metric("peers_connected") == 1);
    let refusals = |log: String| log.lines().filter(|line| line.contains("handshake failed")).count();
    wait_until("refused by the other township", 20, || refusals(town.township.log()) >= 2);
    assert_eq!(town.township.metric("peers_connected"), 0);
    assert_eq!(town.township.status()["peers"], serde_json::json!([]), "not even known");
    assert_eq!(town.township.metric("segments_received_total"), 0);
    let foreign: Vec<_> =
        stranger.heads().into_iter().filter(|(id, heads)| other.township.heads().get(id) != Some(heads)).collect();
    assert!(foreign.is_empty(), "it holds nothing of the other township: {foreign:?}");
}

#[test]
fn a_token_of_another_township_is_not_answered() {
    let town = Town::found();
    let other = Town::found();
    let token = other.token(VILLAGE, "谢楼村");
    let data = town.data_of(VILLAGE);
    let joined = xiangyue_tests::run(&data, &["enroll", "join", &token, "--township", &town.address, "--json"]);
    assert_eq!(joined.refusal(), "XY-216", "the CA key is not the one that the token names");
    assert!(!data.join("node.json").exists(), "nothing of it stays");
}
