//! With many documents a greeting carries one digest for each organisation, with few one for each document.
//! Two nodes need not choose alike, and documents may change while the greetings cross.

mod pairs;

use pairs::{Pairs, award, award_on};
use xiangyue_protocol::frame::Frame;

/// One ledger for each month of so many years, all at village 1.
fn years_of_ledgers(pairs: &mut Pairs, years: i32) {
    let account = pairs.account(1, 0);
    for month in 0..years * 12 {
        let day = format!("{:04}-{:02}-01", 1990 + month / 12, month % 12 + 1);
        let answers = pairs.commit(1, &[award_on(&format!("old-{month}"), &account, 1, &day)]);
        assert!(answers[0].is_ok(), "{answers:?}");
    }
}

fn old_world(years: i32) -> Pairs {
    let mut pairs = Pairs::opened_in(3, "1990-01-01");
    years_of_ledgers(&mut pairs, years);
    pairs
}

fn assert_caught_up(pairs: &Pairs, a: usize, b: usize) {
    for node in [a, b] {
        for (_, session) in pairs.replica(node).sessions() {
            assert!(session.caught_up, "node {node}: {session:?}");
        }
    }
    let (one, two) = (pairs.replica(a).docs(), pairs.replica(b).docs());
    assert!(two.iter().filter(|(id, _)| one.contains_key(id)).all(|(id, doc)| one.get(id) == Some(doc)));
}

#[test]
fn a_township_with_few_documents_and_a_village_with_many_catch_up_once_and_stay_in_touch() {
    let mut pairs = old_world(25);
    let written = pairs.nodes[1].disk.len();
    pairs.connect(1, 0);
    pairs.settle();
    assert_caught_up(&pairs, 0, 1);
    let segments = pairs.sent(|frame| matches!(frame, Frame::Segment(_)));
    assert!(segments <= written, "{segments} segments sent of {written} that there are");
    // What is new from now on is pushed, also a document of an organisation that had differed.
    let account = pairs.account(1, 0);
    assert!(pairs.commit(1, &[award("new", &account, 1)])[0].is_ok());
    pairs.settle();
    assert_caught_up(&pairs, 0, 1);
    assert_eq!(pairs.replica(0).views().totals(&account).earned.0, 25 * 12 + 1);
}

#[test]
fn greetings_by_organisation_that_cross_with_a_new_entry_still_end_in_agreement() {
    let mut pairs = old_world(25);
    pairs.connect(1, 0);
    pairs.settle();
    pairs.cut_all();
    pairs.frames.clear();
    // Both greet by organisation; before either has heard the other, the village writes.
    pairs.connect(1, 0);
    let account = pairs.account(1, 0);
    assert!(pairs.commit(1, &[award("crossing", &account, 1)])[0].is_ok());
    pairs.settle();
    assert_caught_up(&pairs, 0, 1);
    assert!(pairs.commit(0, &[award("after", &account, 1)])[0].is_ok());
    pairs.settle();
    assert_caught_up(&pairs, 0, 1);
}
