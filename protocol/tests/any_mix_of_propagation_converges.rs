//! Whatever way of propagation each node has chosen, and however links come and go: all come to agree, and fall silent.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use std::collections::BTreeSet;

use proptest::prelude::*;
use world::{MERCHANT_CODE, TOWNSHIP, World, grant, item, open_account};
use xiangyue_protocol::access;
use xiangyue_protocol::policy::{Policy, Propagation};
use xiangyue_protocol::replica::Counters;

/// A township, six villages and a merchant.
const CODES: [&str; 8] = [
    "110112119",
    "110112119201",
    "110112119202",
    "110112119203",
    "110112119204",
    "110112119205",
    "110112119206",
    MERCHANT_CODE,
];
const NODES: usize = CODES.len();

/// Who is joined to whom: a ring, so that one break parts nobody, and chords.
fn links() -> Vec<(usize, usize)> {
    let ring = (0..NODES).map(|n| (n, (n + 1) % NODES));
    ring.chain([(0, 2), (0, 4), (0, 5), (1, 3), (3, 6), (2, 5), (1, 7)]).collect()
}

fn town(policies: &[Propagation]) -> World {
    let mut world = World::of(&CODES);
    world.strict = false;
    for (node, propagation) in policies.iter().enumerate() {
        world.replica_mut(node).govern(Policy { propagation: *propagation, ..Policy::default() });
    }
    world
}

/// One account with points at each village, and everybody connected.
fn begun(policies: &[Propagation]) -> World {
    let mut world = town(policies);
    for (a, b) in links() {
        world.connect(a, b);
    }
    world.settle_in_time();
    for (node, village) in CODES.iter().enumerate().take(NODES - 1).skip(1) {
        let (account, slip) = (format!("A{node}"), format!("s{node}"));
        world.commit(node, vec![open_account(&account, village), world::award(&slip, &account, 100)]).unwrap();
    }
    world.commit(TOWNSHIP, vec![item("I1", 0)]).unwrap();
    world.settle_in_time();
    world
}

/// Something new that many must hear of: at the township a redemption item, at a village a grant to the merchant.
fn write(world: &mut World, node: usize, number: usize) {
    let command = match node {
        TOWNSHIP => item(&format!("I-{number}"), 1),
        _ => grant(&format!("g-{node}-{number}"), &format!("A{node}"), 1, MERCHANT_CODE),
    };
    world.commit(node, vec![command]).unwrap();
}

fn assert_equal(world: &World) {
    for a in 0..NODES {
        for (id, doc) in world.replica(a).docs() {
            for (b, code) in CODES.iter().enumerate() {
                let carries = access::may_carry(&world::org(code), id);
                let there = world.replica(b).docs().get(id);
                // A village's own documents may have no path from its township but through others.
                if carries && (world.replica(a).org().township() == world.replica(b).org().township()) {
                    assert_eq!(Some(&doc.vector), there.map(|doc| &doc.vector), "{id} at {a} and {b}");
                }
            }
        }
    }
}

/// A fresh comparison finds nothing: two hellos over each link.
fn assert_silent(world: &mut World, links: &[(usize, usize)]) {
    world.disconnect_all();
    let before = world.frames_sent();
    links.iter().for_each(|(a, b)| world.connect(*a, *b));
    world.settle_in_time();
    assert_eq!(world.frames_sent() - before, 2 * links.len());
}

#[derive(Clone, Debug)]
enum Step {
    Write(usize),
    Break(usize),
    Join(usize),
    Deliver(usize),
    Wait,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..NODES - 1).prop_map(Step::Write),
        2 => any::<prop::sample::Index>().prop_map(|i| Step::Break(i.index(links().len()))),
        2 => any::<prop::sample::Index>().prop_map(|i| Step::Join(i.index(links().len()))),
        4 => (1usize..40).prop_map(Step::Deliver),
        1 => Just(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_mix_agrees_and_falls_silent(
        policies in prop::collection::vec(prop::sample::select(Propagation::ALL.to_vec()), NODES),
        old in prop::option::of(0..NODES),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = town(&policies);
        // Every village hears its township itself: nobody else may bring it its own ledger.
        let links: Vec<_> = links().into_iter().chain((1..NODES).map(|n| (n, TOWNSHIP))).collect::<BTreeSet<_>>()
            .into_iter().filter(|(a, b)| a != b && !(*a == 0 && *b == NODES - 1)).collect();
        if let Some(old) = old {
            // The first version of the wire floods, and knows nothing else.
            world.old.insert(old);
            world.replica_mut(old).govern(Policy { propagation: Propagation::Flood, ..Policy::default() });
        }
        links.iter().for_each(|(a, b)| world.connect(*a, *b));
        world.settle_in_time();
        for (node, village) in CODES.iter().enumerate().take(NODES - 1).skip(1) {
            let (account, slip) = (format!("A{node}"), format!("s{node}"));
            world.commit(node, vec![open_account(&account, village), world::award(&slip, &account, 100)]).unwrap();
        }
        let mut up = vec![true; links.len()];
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write(node) => write(&mut world, node, number),
                Step::Break(link) if link < links.len() && up[link] => {
                    world.disconnect(links[link].0, links[link].1);
                    up[link] = false;
                }
                Step::Join(link) if link < links.len() && !up[link] => {
                    world.connect(links[link].0, links[link].1);
                    up[link] = true;
                }
                Step::Deliver(frames) => (0..frames).for_each(|_| { world.step(); }),
                Step::Wait => world.settle_in_time(),
                Step::Break(_) | Step::Join(_) => {}
            }
        }
        for ((a, b), _) in links.iter().zip(up).filter(|(_, up)| !up) {
            world.connect(*a, *b);
        }
        world.settle_in_time();
        assert_equal(&world);
        assert_silent(&mut world, &links);
        prop_assert!(world.closed.is_empty(), "{:?}", world.closed);
    }
}

fn counted(world: &World) -> Counters {
    let all = (0..NODES).map(|node| world.replica(node).counters());
    all.fold(Counters::default(), |sum, counters| Counters {
        received: sum.received + counters.received,
        redundant: sum.redundant + counters.redundant,
        announced: sum.announced + counters.announced,
        ..sum
    })
}

/// Segments that came although they were there, of all that came, in a calm mesh once links have settled.
fn redundancy(propagation: Propagation) -> f64 {
    let mut world = begun(&[propagation; NODES]);
    (0..3).for_each(|number| {
        write(&mut world, TOWNSHIP, number);
        world.settle_in_time();
    });
    let before = counted(&world);
    for number in 10..60 {
        write(&mut world, number % (NODES - 1), number);
        world.settle_in_time();
    }
    let after = counted(&world);
    let (received, redundant) = (after.received - before.received, after.redundant - before.redundant);
    redundant as f64 / (received + redundant) as f64
}

#[test]
fn a_tree_sends_little_twice_where_a_flood_does() {
    let (lazy, flood) = (redundancy(Propagation::Lazy), redundancy(Propagation::Flood));
    assert!(lazy <= 0.1, "lazy push sent {lazy} twice");
    assert!(flood > 0.3, "a flood in this mesh sends much twice, {flood}");
}

#[test]
fn a_broken_branch_is_replaced_by_what_was_announced() {
    let mut world = begun(&[Propagation::Lazy; NODES]);
    write(&mut world, TOWNSHIP, 1);
    world.settle_in_time();
    // Whatever the tree is, without two of its links a way is left, over links that had been pruned.
    world.disconnect(0, 1);
    world.disconnect(0, 2);
    for number in 2..6 {
        write(&mut world, TOWNSHIP, number);
        world.settle_in_time();
        let items = |node: usize| world.replica(node).views().rules.items().count();
        assert_eq!((0..NODES).map(items).collect::<BTreeSet<_>>().len(), 1, "all know item {number}");
    }
}

#[test]
fn nobody_announces_to_a_peer_that_was_pushed_to() {
    let mut world = begun(&[Propagation::Flood; NODES]);
    write(&mut world, TOWNSHIP, 1);
    world.settle_in_time();
    assert_eq!(counted(&world).announced, 0);
}
