//! Sums by rule, item and slip do not depend on the order in which authors' segments arrive.
#![allow(clippy::unwrap_used, reason = "a helper of tests fails the test")]

mod pairs;

use std::sync::Arc;

use pairs::{Pairs, award, grant, redeem, reverse};
use xiangyue_protocol::Kind;
use xiangyue_protocol::replica::Replica;
use xiangyue_protocol::summary::{PointsSummary, Summary};

type Row = Arc<xiangyue_sim::disk::Row>;

/// Every order of a document's segments that keeps each actor's own.
fn orders(rows: &[Row]) -> Vec<Vec<Row>> {
    if rows.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (n, row) in rows.iter().enumerate() {
        if rows[..n].iter().any(|earlier| earlier.header.actor == row.header.actor) {
            continue;
        }
        let mut rest = rows.to_vec();
        rest.remove(n);
        for mut order in orders(&rest) {
            order.insert(0, row.clone());
            all.push(order);
        }
    }
    all
}

fn points(replica: &Replica, kind: Kind) -> PointsSummary {
    let doc = replica.docs().iter().find(|(id, _)| id.kind == kind).unwrap().1;
    match &doc.summary {
        Summary::Points(points) => (**points).clone(),
        Summary::Register(_) => unreachable!("a ledger or counter"),
    }
}

/// Replays the township's copy of the one document of this kind in every order.
fn assert_order_does_not_matter(pairs: &Pairs, kind: Kind) -> PointsSummary {
    let township = &pairs.nodes[0];
    let rows: Vec<Row> = township.disk.rows().filter(|row| row.header.doc.kind == kind).cloned().collect();
    let all = orders(&rows);
    assert!(all.len() > 1, "several authors");
    let expected = points(pairs.replica(0), kind);
    for order in all {
        let names: Vec<_> = order.iter().map(|row| (row.header.actor, row.header.first)).collect();
        let again = township.replayed(order.iter()).unwrap();
        assert_eq!(points(&again, kind), expected, "in the order {names:?}");
    }
    expected
}

#[test]
fn a_second_life_reverses_what_the_first_wrote() {
    let mut pairs = Pairs::new(1);
    let (account, merchant) = (pairs.account(1, 0), pairs.merchant());
    (1..=merchant).for_each(|node| pairs.connect(node, 0));
    assert!(pairs.commit(1, &[award("a", &account, 50), grant("g", &account, 40, "110112119M01")])[0].is_ok());
    pairs.settle();
    pairs.nodes[merchant].back_up();
    assert!(pairs.commit(merchant, &[redeem("r", &account, 30)])[0].is_ok());
    pairs.settle();
    pairs.restore(merchant);
    pairs.connect(merchant, 0);
    pairs.settle();
    assert!(pairs.commit(merchant, &[reverse("v", "r")])[0].is_ok());
    pairs.settle();
    let counter = assert_order_does_not_matter(&pairs, Kind::Counter);
    assert!(counter.spent.values().all(|spent| spent.count == 0));
}

#[test]
fn one_paper_slip_entered_by_two_nodes_of_which_one_reverses_it() {
    for reverser in [0, 1] {
        let mut pairs = Pairs::new(1);
        let account = pairs.account(1, 0);
        for node in [0, 1] {
            assert!(pairs.commit(node, &[award("slip", &account, 5)])[0].is_ok());
        }
        assert!(pairs.commit(reverser, &[reverse("v", "slip")])[0].is_ok());
        pairs.connect(1, 0);
        pairs.settle();
        let ledger = assert_order_does_not_matter(&pairs, Kind::Ledger);
        assert_eq!(ledger.duplicates.len(), 1);
        assert_eq!(ledger.earned.values().flatten().map(|(_, points)| points.0).sum::<i64>(), 5);
    }
}

#[test]
fn a_slip_entered_again_by_a_restored_node_is_shown_as_a_duplicate() {
    let mut pairs = Pairs::new(1);
    let account = pairs.account(1, 0);
    pairs.connect(1, 0);
    pairs.nodes[1].back_up();
    assert!(pairs.commit(1, &[award("slip", &account, 5), award("other", &account, 7)])[0].is_ok());
    pairs.settle();
    pairs.restore(1);
    // The clerk's book says that it was entered, the node does not; the clerk enters it once more, miswritten.
    assert!(pairs.commit(1, &[award("slip", &account, 6)])[0].is_ok());
    pairs.connect(1, 0);
    pairs.settle();
    assert!(pairs.commit(1, &[reverse("v", "slip")])[0].is_ok());
    pairs.settle();
    let ledger = assert_order_does_not_matter(&pairs, Kind::Ledger);
    assert_eq!(ledger.duplicates.iter().map(|slip| slip.as_str()).collect::<Vec<_>>(), ["slip"]);
}
