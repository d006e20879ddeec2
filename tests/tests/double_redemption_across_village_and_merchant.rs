//! Promise 2: rights are spent where they are held, so no order of messages overspends an account.

#![allow(clippy::unwrap_used, reason = "helpers of tests, outside of any test function")]

use xiangyue_tests::{ACCOUNT, MERCHANT, NEIGHBOUR, TOWNSHIP, Town, grant, redeem, wait_until};

#[test]
fn both_spend_what_they_hold_and_not_a_point_more() {
    let town = Town::with_rules();
    let village = town.village_with(100);
    let merchant = town.enrol(MERCHANT, "便民驿站");
    wait_until("merchant known at the village", 20, || village.command(&grant("G1", 30, MERCHANT)) == "new");
    wait_until("grant at the merchant", 20, || merchant.balance(ACCOUNT, "held_here") == Some(30));
    for node in [&village, &merchant] {
        node.pause_sync(true);
    }
    wait_until("apart", 10, || !village.is_connected_to(TOWNSHIP) && !merchant.is_connected_to(TOWNSHIP));

    // A family shows the same card at both counters.
    assert_eq!(village.command(&redeem("H1", 100, None)), "XY-124", "30 of them are the merchant's");
    assert_eq!(merchant.command(&redeem("M1", 31, Some(MERCHANT))), "XY-124");
    assert_eq!(village.command(&redeem("H2", 70, None)), "new");
    assert_eq!(merchant.command(&redeem("M2", 30, Some(MERCHANT))), "new");
    assert_eq!(village.command(&redeem("H3", 1, None)), "XY-124");
    assert_eq!(merchant.command(&redeem("M3", 1, Some(MERCHANT))), "XY-124");
    assert_eq!(merchant.command(&redeem("M2", 30, Some(MERCHANT))), "already", "a retry counts once");
    assert_eq!(merchant.command(&redeem("M2", 29, Some(MERCHANT))), "XY-125", "a slip is not used twice");

    for node in [&village, &merchant] {
        node.pause_sync(false);
    }
    town.wait_for_equal_heads(&village, 20);
    town.wait_for_equal_heads(&merchant, 20);
    for node in [&village, &town.township] {
        assert_eq!(node.balance(ACCOUNT, "available"), Some(0), "{}", node.org);
        assert_eq!(node.balance(ACCOUNT, "redeemed"), Some(100), "{}", node.org);
    }
    for node in [&village, &merchant, &town.township] {
        assert_eq!(node.metric("accounts_overspent"), 0, "{}", node.org);
    }
}

#[test]
fn many_clerks_at_one_counter_spend_no_more_than_there_is() {
    let town = Town::with_rules();
    let village = town.village_with(100);
    let counter = &village;
    let spent: usize = std::thread::scope(|scope| {
        let clerks: Vec<_> = (0..8)
            .map(|clerk| {
                let slips = move |at: &usize| counter.command(&redeem(&format!("C{clerk}-{at}"), 3, None));
                scope.spawn(move || (0..10).filter(|at| slips(at) == "new").count())
            })
            .collect();
        clerks.into_iter().map(|clerk| clerk.join().unwrap()).sum()
    });
    assert_eq!(spent, 33, "100 points hold 33 redemptions of 3");
    assert_eq!(village.balance(ACCOUNT, "available"), Some(1));
}

#[test]
fn a_village_cannot_spend_for_its_neighbour() {
    let town = Town::with_rules();
    let village = town.village_with(100);
    let neighbour = town.enrol(NEIGHBOUR, "古城村");
    town.wait_for_equal_heads(&village, 20);
    town.wait_for_equal_heads(&neighbour, 20);
    assert_eq!(neighbour.command(&redeem("N1", 1, None)), "XY-110", "it does not even know the account");
    assert_eq!(neighbour.balance(ACCOUNT, "available"), None);
    let held: Vec<_> = neighbour.heads().into_keys().filter(|id| id.starts_with("110112119201/")).collect();
    assert!(held.is_empty(), "promise 5: it holds nothing of the other village: {held:?}");
}
