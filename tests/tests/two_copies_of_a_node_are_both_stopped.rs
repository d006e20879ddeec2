//! A data folder is copied and both run: seen at once, both kept out and frozen, until one is stopped for good.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{ACCOUNT, Node, Town, VILLAGE, award, copy_folder, redeem, wait_until};

#[test]
fn a_copy_beside_the_original_is_noticed_and_nothing_is_spent_twice() {
    let mut town = Town::with_rules();
    let mut village = town.village_with(49);
    town.wait_for_equal_heads(&village, 20);
    let folder = town.data_of("copy");
    village.stop();
    copy_folder(&village.data, &folder);
    village.start();
    let mut copy = Node::new(VILLAGE, folder, &[("LISTEN", "127.0.0.1:0")]);
    copy.start();
    let holds = |node: &Node| node.status()["hold"].clone();
    wait_until("both are told", 30, || holds(&village) == "twin" && holds(&copy) == "twin");
    assert_eq!(village.command(&redeem("here", 49, None)), "XY-140");
    assert_eq!(copy.command(&redeem("there", 49, None)), "XY-140");
    assert_eq!(village.command(&award("meanwhile", 1)), "new", "awards go on");
    for node in [&village, &copy] {
        assert!(node.log().contains("two copies of this node are running"), "{}", node.log());
        assert!(node.page("/readyz").contains("two copies") && node.page("/").contains("有两份同时在运行"));
        assert_eq!(node.metric("twins"), 1);
    }
    assert_eq!(town.township.metric("twins"), 1);
    assert!(town.township.page("/").contains("谢楼村：本节点有两份同时在运行"));
    assert!(!town.township.is_connected_to(VILLAGE));
    assert!(town.township.log().contains("two copies of this node are running"));

    // No storm: each is turned away now and then, not many times a second.
    let refusals = || town.township.log().matches("XY-140").count();
    let before = refusals();
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(refusals() - before < 12, "{} in four seconds", refusals() - before);

    // The township remembers over a restart; a person stops the copy and says so.
    town.township.stop();
    town.township.start();
    assert_eq!(town.township.metric("twins"), 1);
    copy.stop();
    let id = village.id();
    town.township.cli(&["readmit", &id]).ok();
    assert_eq!(town.township.cli(&["readmit", &id]).refusal(), "XY-146", "nothing to let in");
    assert_eq!(town.township.cli(&["readmit", &"0".repeat(32)]).refusal(), "XY-138");
    assert_eq!(town.township.cli(&["readmit", "deadbeef"]).refusal(), "XY-145");
    wait_until("thawed", 90, || holds(&village).is_null());
    assert_eq!(village.command(&redeem("once", 50, None)), "new");
    town.wait_for_equal_heads(&village, 20);
    assert_eq!(town.township.balance(ACCOUNT, "available"), Some(0));
    assert_eq!(town.township.metric("accounts_overspent"), 0);
}
