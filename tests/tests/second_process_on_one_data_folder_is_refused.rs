//! Two processes on one data folder would write under one name: the second is refused, the first goes on.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{ACCOUNT, Node, Town, award};

#[test]
fn the_second_serve_ends_and_the_first_goes_on() {
    let town = Town::with_rules();
    let village = town.village_with(5);
    let before = std::fs::read_to_string(village.data.join("api.token")).unwrap();
    let mut second = Node::new(&village.org, village.data.clone(), &[("LISTEN", "127.0.0.1:0")]);
    let address = std::fs::read_to_string(village.data.join("api.addr")).unwrap();
    second.spawn();
    assert_eq!(second.wait_for_end(), Some(1));
    assert!(village.log().contains("XY-308"), "{}", village.log());
    assert_eq!(std::fs::read_to_string(village.data.join("api.token")).unwrap(), before, "its token is left alone");
    std::fs::write(village.data.join("api.addr"), address).unwrap();
    assert_eq!(village.command(&award("goes-on", 1)), "new");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(6));
}
