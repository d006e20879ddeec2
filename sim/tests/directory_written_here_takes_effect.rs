//! What the township's own node writes to the directory counts for its own connections at once.

mod pairs;

use pairs::Pairs;
use xiangyue_protocol::Command;
use xiangyue_protocol::frame::Frame;
use xiangyue_protocol::schema::Revocation;

#[test]
fn a_village_that_was_connected_before_it_was_enrolled_is_asked_again() {
    let mut pairs = Pairs::unenrolled(1);
    pairs.open_accounts();
    pairs.connect(1, 0);
    pairs.settle();
    let account = pairs.account(1, 0);
    assert!(!pairs.replica(0).views().accounts.contains_key(&account), "nobody knows the village yet");
    pairs.enrol_all();
    pairs.settle();
    assert!(pairs.replica(0).views().accounts.contains_key(&account));
    assert!(pairs.replica(0).sessions().all(|(_, session)| session.caught_up));
}

#[test]
fn a_node_that_the_township_revokes_loses_its_live_connection() {
    let mut pairs = Pairs::new(2);
    pairs.connect(1, 0);
    pairs.connect(2, 0);
    pairs.settle();
    let revocation = Revocation { node: pairs.nodes[1].id(), at: 1_611_100_800, reason: "lost".into() };
    assert!(pairs.commit(0, &[Command::Revoke(revocation)])[0].is_ok());
    assert_eq!(pairs.closed, [(0, 1)]);
    pairs.settle();
    pairs.frames.clear();
    pairs.connect(1, 0);
    assert_eq!(pairs.sent(|frame| matches!(frame, Frame::Hello(_))), 1, "only the revoked node still greets");
}
