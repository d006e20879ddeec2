//! What a node wrote in one life builds on what it wrote in the lives before. These go first: were the node's disk to
//! die half-way, what others hold of a document would otherwise wait for ever for what nobody has.

mod pairs;

use pairs::{Pairs, award};

#[test]
fn at_no_point_does_the_township_hold_an_entry_without_those_that_it_builds_on() {
    let mut pairs = Pairs::new(1);
    let account = pairs.account(1, 0);
    for life in 0..8 {
        assert!(pairs.commit(1, &[award(&format!("life-{life}"), &account, 5)])[0].is_ok());
        pairs.crash(1);
    }
    pairs.connect(1, 0);
    let mut held = 0;
    while pairs.deliver(0, false) {
        for (id, doc) in pairs.replica(0).docs() {
            assert!(doc.awaited.is_empty(), "{id} waits for {} changes after {held} frames", doc.awaited.len());
        }
        held += 1;
    }
    assert!(held > 8, "{held} frames");
    assert_eq!(pairs.replica(0).docs(), pairs.replica(1).docs());
}
