//! Clerks, cuts, crashes and restores in any order: nobody overspends, and once a path exists all replicas agree.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use proptest::prelude::*;
use world::{
    MERCHANT, MERCHANT_CODE, OTHER, TOWNSHIP, VILLAGE, VILLAGE_CODE, World, approved_above, award, grant, life, put,
    redeem, reverse, verdict,
};
use xiangyue_protocol::forms::points::VALIDITY;
use xiangyue_protocol::schema::{Award, Points};
use xiangyue_protocol::views::Views;
use xiangyue_protocol::{Amend, Command, ExpireRequest};

#[derive(Clone, Debug)]
enum Act {
    /// A clerk enters something at a node; refusals are part of life.
    Commit { node: usize, what: u8, points: i64 },
    /// This many frames arrive.
    Deliver(u8),
    /// Every connection breaks, and what was on the way is lost.
    Cut,
    /// One node connects to the township.
    Connect(usize),
    /// A node starts again from its journal, in a new life.
    Crash(usize),
    /// A node starts again from a backup that lacks the last segments, in a new life, frozen.
    Restore { node: usize, lost: usize },
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        6 => (0usize..4, any::<u8>(), 1i64..60).prop_map(|(node, what, points)| Act::Commit { node, what, points }),
        6 => (1u8..12).prop_map(Act::Deliver),
        1 => Just(Act::Cut),
        3 => (1usize..4).prop_map(Act::Connect),
        1 => (0usize..4).prop_map(Act::Crash),
        1 => (1usize..4, 1usize..4).prop_map(|(node, lost)| Act::Restore { node, lost }),
    ];
    proptest::collection::vec(act, 1..60)
}

fn code(node: usize) -> &'static str {
    ["110112119", VILLAGE_CODE, "110112119202", MERCHANT_CODE][node]
}

/// What a clerk enters; numbers repeat, as retries and mix-ups do.
fn command(what: u8, points: i64) -> Command {
    let request = format!("q{}", what % 24);
    match what / 51 {
        0 if what % 2 == 1 => under("RA", award(&request, "A1", points)),
        0 => award(&request, "A1", points),
        1 if what % 3 == 1 => expire(),
        1 | 2 => redeem(&request, "A1", points),
        3 => grant(&request, "A1", points, if what.is_multiple_of(3) { VILLAGE_CODE } else { MERCHANT_CODE }),
        _ if what % 4 == 1 => verdict(&request, "c2", (what % 8 == 1).then_some("no")),
        _ => reverse(&format!("v{request}"), &request),
    }
}

/// Everything that anybody earns here is over by then.
fn expire() -> Command {
    let (account, as_of) = ("A1".parse().unwrap(), "2021-01-15".parse().unwrap());
    Command::Expire(ExpireRequest { account, as_of, by: "c1".into() })
}

/// Under a rule of which awards above ten points wait for a second person.
fn under(rule: &str, command: Command) -> Command {
    let Command::Award(entry) = command else { unreachable!() };
    Command::Award(Award { rule: rule.parse().unwrap(), ..entry })
}

fn restart(world: &mut World, node: usize, lives: &mut [u32; 4], lost: usize) {
    world.disconnect_all();
    // A driver remembers over a restart that the node is frozen, else a crash would thaw it.
    let frozen = lost > 0 || world.replica(node).is_frozen();
    let mut journal = world.journal(node).to_vec();
    // The first segments are the enrolment and the first award; a backup has at least these.
    journal.truncate(journal.len().saturating_sub(lost).max(journal.len().min(4)));
    lives[node] += 1;
    let replica = life(u8::try_from(node).unwrap(), code(node), lives[node], frozen);
    world.replace(node, replica, journal);
}

fn nobody_is_overspent(world: &World) -> Result<(), TestCaseError> {
    for node in 0..4 {
        let replica = world.replica(node);
        for (account, totals) in &replica.views().book {
            let own = totals.share(replica.node());
            prop_assert!(own.held >= Points::ZERO || replica.is_frozen(), "{account} at node {node}: {own:?}");
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn nobody_overspends_and_all_converge(acts in acts()) {
        let mut world = World::whole();
        let over = [("earned_to", "2021-01-06".into()), ("spend_until", "2021-01-10".into())];
        world.commit(TOWNSHIP, vec![approved_above("RA", 100, 10), put(&VALIDITY, &over, Amend::No)]).unwrap();
        world.settle();
        let mut lives = [1; 4];
        for act in acts {
            match act {
                Act::Commit { node, what, points } => {
                    let _ = world.commit(node, vec![command(what, points)]);
                }
                Act::Deliver(frames) => {
                    let _ = (0..frames).all(|_| world.step());
                }
                Act::Cut => world.disconnect_all(),
                Act::Connect(node) => world.connect(TOWNSHIP, node),
                Act::Crash(node) => restart(&mut world, node, &mut lives, 0),
                Act::Restore { node, lost } => restart(&mut world, node, &mut lives, lost),
            }
            nobody_is_overspent(&world)?;
        }
        world.disconnect_all();
        world.connect_all();
        world.settle();
        // What a peer wrote while another was still comparing may have crossed; a second look finds nothing.
        let frames = world.frames_sent();
        world.disconnect_all();
        world.connect_all();
        world.settle();
        prop_assert_eq!(world.frames_sent() - frames, 6, "three comparisons of equals are six hellos");
        let township = world.replica(TOWNSHIP);
        for node in [VILLAGE, OTHER, MERCHANT] {
            let replica = world.replica(node);
            prop_assert!(!replica.is_frozen());
            for (id, doc) in replica.docs() {
                prop_assert_eq!(&doc.vector, &township.docs()[id].vector, "{}", id);
                prop_assert_eq!(&doc.heads, &township.docs()[id].heads, "{}", id);
                prop_assert_eq!(&doc.summary, &township.docs()[id].summary, "{}", id);
                prop_assert!(doc.awaited.is_empty());
            }
        }
        prop_assert_eq!(township.views(), &Views::of(township.docs().iter()));
        prop_assert_eq!(township.views().overspent().count(), 0);
        for totals in township.views().book.values() {
            let net = totals.earned - totals.redeemed - totals.reversed - totals.expired;
            prop_assert_eq!(Points(totals.available().0 - totals.debt().0), net, "points are neither made nor lost");
        }
    }
}
