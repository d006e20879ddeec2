//! Promise 6: once a path exists again, replicas come to equal heads; nothing is lost and nothing negative.

use std::time::Duration;

use xiangyue_tests::{ACCOUNT, MERCHANT, Node, Relay, Town, VILLAGE, award, grant, redeem, wait_until};

/// A village behind a relay with 200 points on its account, of which the merchant may spend 80.
fn town_with_relay(seed: u64) -> (Town, Relay, Node, Node) {
    let town = Town::with_rules();
    let relay = Relay::to(&town.address, seed);
    // Joins through the relay too: its token names the township's own address, which is overruled.
    let mut village = town.join(VILLAGE, "谢楼村", &relay.address);
    village.start();
    town.open_account(&village, 200);
    let merchant = town.enrol(MERCHANT, "便民驿站");
    wait_until("merchant known at the village", 20, || village.command(&grant("G1", 80, MERCHANT)) == "new");
    wait_until("grant at the merchant", 20, || merchant.balance(ACCOUNT, "held_here") == Some(80));
    (town, relay, village, merchant)
}

/// Both sides write: the village awards, both redeem from the same account.
fn both_sides_write(village: &Node, merchant: &Node, mark: &str) -> (i64, Vec<String>) {
    let mut slips = Vec::new();
    let mut change = 0;
    for at in 0..20 {
        let slip = format!("{mark}-A{at}");
        assert_eq!(village.command(&award(&slip, 3)), "new");
        slips.push(slip);
        change += 3;
    }
    for at in 0..5 {
        let (home, away) = (format!("{mark}-H{at}"), format!("{mark}-M{at}"));
        assert_eq!(village.command(&redeem(&home, 2, None)), "new");
        assert_eq!(merchant.command(&redeem(&away, 4, Some(MERCHANT))), "new");
        slips.extend([home, away]);
        change -= 6;
    }
    (change, slips)
}

fn nothing_lost(town: &Town, nodes: &[&Node], available: i64, slips: &[String]) {
    for node in nodes.iter().copied().chain([&town.township]) {
        assert_eq!(node.metric("accounts_overspent"), 0, "{}", node.org);
    }
    for node in [nodes[0], &town.township] {
        assert_eq!(node.balance(ACCOUNT, "available"), Some(available), "{}", node.org);
        let held = node.slips(ACCOUNT);
        for slip in slips {
            assert_eq!(held.iter().filter(|known| *known == slip).count(), 1, "{slip} at {}", node.org);
        }
    }
    let stats = town.township.get("/stats", &[]);
    assert_eq!(stats["accounts_negative"], 0, "{stats}");
}

#[test]
fn a_line_cut_for_seconds_while_both_sides_write() {
    let (town, relay, village, merchant) = town_with_relay(1);
    relay.cut(true);
    let (change, slips) = both_sides_write(&village, &merchant, "cut");
    std::thread::sleep(Duration::from_secs(4));
    assert!(town.difference(&village).is_err(), "the line is cut, yet everything arrived");
    assert!(relay.lost() > 0);
    relay.cut(false);
    // The connection outlives the cut; its probes back off while nothing comes through.
    let took = town.wait_for_equal_heads(&village, 45);
    town.wait_for_equal_heads(&merchant, 10);
    println!("equal heads {took:?} after the line was mended");
    nothing_lost(&town, &[&village, &merchant], 200 + change, &slips);
}

#[test]
fn a_line_that_loses_every_tenth_packet_and_delays_the_others() {
    let (town, relay, village, merchant) = town_with_relay(7);
    relay.lose(10);
    relay.delay(Duration::from_millis(40));
    let (mut available, mut slips) = (200, Vec::new());
    for round in 0..4 {
        let (change, more) = both_sides_write(&village, &merchant, &format!("loss{round}"));
        available += change;
        slips.extend(more);
    }
    let took = town.wait_for_equal_heads(&village, 30);
    town.wait_for_equal_heads(&merchant, 10);
    println!("equal heads {took:?} after the last write; {} datagrams lost", relay.lost());
    assert!(relay.lost() > 0, "nothing was lost");
    nothing_lost(&town, &[&village, &merchant], available, &slips);
}

#[test]
fn a_router_that_restarts_under_the_connection() {
    let (town, mut relay, village, merchant) = town_with_relay(3);
    relay.close();
    let (change, slips) = both_sides_write(&village, &merchant, "router");
    std::thread::sleep(Duration::from_secs(3));
    relay.open();
    let took = town.wait_for_equal_heads(&village, 45);
    town.wait_for_equal_heads(&merchant, 10);
    println!("equal heads {took:?} after the router was back");
    nothing_lost(&town, &[&village, &merchant], 200 + change, &slips);
}

#[test]
fn a_paused_village_goes_on_alone_and_returns() {
    let (town, _relay, village, merchant) = town_with_relay(5);
    village.pause_sync(true);
    wait_until("disconnected", 10, || !village.is_connected_to(xiangyue_tests::TOWNSHIP));
    let (change, slips) = both_sides_write(&village, &merchant, "pause");
    assert!(town.difference(&village).is_err());
    village.pause_sync(false);
    let took = town.wait_for_equal_heads(&village, 10);
    town.wait_for_equal_heads(&merchant, 10);
    println!("equal heads {took:?} after the pause");
    nothing_lost(&town, &[&village, &merchant], 200 + change, &slips);
}
